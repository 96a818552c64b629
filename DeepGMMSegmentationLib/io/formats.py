"""Volumes from files of every format, which is told by the content, and from DICOM series."""

from __future__ import annotations

import math
import os
import zlib
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import InvalidInput
from .dicom import check_dicom, check_series, is_dicom
from .nifti import is_nifti, read_nifti
from .text_headers import META_START, check_meta, check_nrrd
from .voxels import PACKING, content, is_distance, is_gzip
from .writing import PathLike

# A series is uneven whose slices are further from their places than this part of their distance.
UNEVENNESS = 0.05
# Voxels whose axes lean so that they are smaller than their sides say by more than this part are
# refused: volumes are counted from the sides.
SKEW = 0.005


def read_volume(path: PathLike) -> sitk.Image:
    """Read a three-dimensional image from a file or from a folder with a DICOM series.

    Raises
    ------
    InvalidInput
        If there is none, or its voxels are not all there or have no sound grid.
    """
    path = Path(path)
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"The name of {path} is no UTF-8 text; rename it.") from error
    try:
        path.stat()
        image = _read_series(path) if path.is_dir() else read_file(path)
    except InvalidInput:
        raise
    except FileNotFoundError as error:
        raise InvalidInput(f"{path} does not exist; check its name.") from error
    except (RuntimeError, OSError, EOFError, ValueError, zlib.error) as error:
        reason = str(error).strip().splitlines()[-1].replace("sitk::ERROR: ", "")
        raise InvalidInput(
            f"{path} cannot be read as an image ({reason}); give a NIfTI, NRRD or MHA file, or a "
            "folder with a DICOM series."
        ) from error
    if image.GetDimension() == 4 and image.GetSize()[3] == 1:
        image = image[:, :, :, 0]
    if image.GetDimension() != 3:
        raise InvalidInput(
            f"{path} has {image.GetDimension()} dimensions; give a three-dimensional image (a "
            "stack of slices, of one slice if need be)."
        )
    grid = np.array((*image.GetSpacing(), *image.GetOrigin(), *image.GetDirection()))
    volume = abs(np.linalg.det(grid[6:].reshape(3, 3)))
    if not np.isfinite(grid).all() or not is_distance(*grid[:3]) or abs(volume - 1) > SKEW:
        raise InvalidInput(
            f"{path} has no sound grid (spacing {image.GetSpacing()}, origin {image.GetOrigin()}, "
            f"direction {image.GetDirection()}); give its voxels a size, and axes at right angles."
        )
    return image


def _read_series(folder: Path) -> sitk.Image:
    check_series(folder)
    names = sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))
    if len(names) != 1:
        raise InvalidInput(
            f"{folder} holds {len(names) or 'no'} DICOM series; name a folder that holds one."
        )
    files = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), names[0])
    reader = sitk.ImageFileReader()
    origins = []
    for file in files:
        reader.SetFileName(file)
        reader.ReadImageInformation()
        _check_claim(reader)
        origins.append(reader.GetOrigin())
    steps = np.diff(origins, axis=0)
    if len(steps):
        step = steps.mean(axis=0)
        gap = np.linalg.norm(step)
        unevenness = np.linalg.norm(steps - step, axis=1).max()
        if gap == 0 or unevenness > UNEVENNESS * gap:
            raise InvalidInput(
                f"{folder} has slices that are missing, doubled or unevenly spaced (by "
                f"{unevenness:.3g} mm); give the files of one complete stack."
            )
    return sitk.ReadImage(files)


def _check_claim(reader: sitk.ImageFileReader) -> None:
    """Refuse a DICOM file that claims more voxels than it can hold, however they are packed."""
    if math.prod(reader.GetSize()) > PACKING * os.path.getsize(reader.GetFileName()):
        raise ValueError("a file of it claims more voxels than it can hold")


def read_file(path: Path) -> sitk.Image:
    """Read an image file: NIfTI, NRRD, MetaImage or DICOM, told by its content and not its name.

    Raises
    ------
    ValueError
        If it is none, or its header contradicts itself or the file.
    EOFError, zlib.error
        If it is cut short, or cannot be unpacked.
    RuntimeError, OSError
        If ITK or the system cannot read it.
    """
    if not path.is_file():  # a pipe, say, which would be waited for
        raise ValueError("it is no ordinary file")
    start = next(content(path, 0, is_gzip(path)), b"")
    if is_nifti(start):
        return read_nifti(path, start)
    reader = sitk.ImageFileReader()
    if start.startswith(b"NRRD"):
        check_nrrd(path)
        reader.SetImageIO("NrrdImageIO")
    elif is_dicom(start):
        check_dicom(path)
        reader.SetImageIO("GDCMImageIO")
        reader.SetFileName(str(path))
        reader.ReadImageInformation()
        _check_claim(reader)
    elif META_START.match(start):
        check_meta(path)
        reader.SetImageIO("MetaImageIO")
    else:
        raise ValueError("it is in none of these formats")
    reader.SetFileName(str(path))
    return reader.Execute()
