"""Images, regions and label maps, from and to files, on one grid."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import numpy as np
import SimpleITK as sitk

from ..case import check_region_values
from ..errors import InvalidInput
from .formats import read_file, read_volume
from .grids import Grid, grid_differences
from .writing import PathLike

# More labels than these, or larger ones, no segmentation of a heart has, but every image.
MOST_LABELS, MOST_LABEL = 256, 65535


@dataclass(frozen=True)
class Segment:
    """One segment of a ``.seg.nrrd``: its name and where its voxels are."""

    name: str
    value: int
    layer: int


def read_images(paths: Sequence[PathLike], resample: bool = False) -> tuple[np.ndarray, sitk.Image]:
    """Read aligned sequences.

    Parameters
    ----------
    paths : sequence of path
        M image files (NIfTI, NRRD, MHA/MHD) or folders that each hold one DICOM series.
    resample : bool
        Whether images on another grid than the first are interpolated linearly onto it. They are
        NaN where they do not reach.

    Returns
    -------
    images : ndarray, shape ``(M, Z, Y, X)``
        Of a type that holds all of them.
    reference : SimpleITK.Image
        The first image, whose geometry the result takes.

    Raises
    ------
    InvalidInput
        If a file cannot be used, or the grids differ and `resample` is false.
    """
    if not paths:
        raise InvalidInput("No image is given; name at least one.")
    images = [_scalar(read_volume(path), path) for path in paths]
    reference = images[0]
    aligned = [
        _on_grid(image, path, reference, resample, sitk.sitkLinear)
        for image, path in zip(images, paths)
    ]
    return np.stack([sitk.GetArrayFromImage(image) for image in aligned]), reference


def read_roi(
    path: PathLike,
    reference: sitk.Image,
    segment: Optional[str] = None,
    resample: bool = False,
) -> np.ndarray:
    """Read the region of interest.

    Parameters
    ----------
    path : path
        A mask or a segmentation.
    reference : SimpleITK.Image
        The image whose grid the region must have.
    segment : str, optional
        The name of a segment of a ``.seg.nrrd``, or a label's number. Without it, every voxel
        that is not zero belongs to the region.
    resample : bool
        Whether a region on another grid is brought onto the reference's (nearest neighbour).

    Returns
    -------
    ndarray of bool, shape ``(Z, Y, X)``

    Raises
    ------
    InvalidInput
        If the file cannot be used, it has no such segment, or the grids differ.
    """
    image = read_volume(path)
    layers = np.nan_to_num(_layers(image, path))
    check_region_values(layers, str(path))
    if segment is None:
        mask = layers.any(axis=-1)
    else:
        value, layer = _find(segment, image, layers, path)
        mask = layers[..., layer] == value
    roi = sitk.GetImageFromArray(mask.astype(np.uint8))
    roi.CopyInformation(image)
    roi = _on_grid(roi, path, reference, resample, sitk.sitkNearestNeighbor)
    return sitk.GetArrayFromImage(roi).astype(bool)


def read_labels(
    path: PathLike, reference: Optional[sitk.Image] = None, resample: bool = False
) -> tuple[np.ndarray, sitk.Image]:
    """Read a label map.

    Parameters
    ----------
    path : path
        A label map, or a ``.seg.nrrd`` whose segments do not overlap.
    reference : SimpleITK.Image, optional
        The image whose grid the label map must have.
    resample : bool
        Whether a label map on another grid is brought onto it (nearest neighbour).

    Returns
    -------
    labels : ndarray of int, shape ``(Z, Y, X)``
        At least 0 everywhere.
    image : SimpleITK.Image
        The same as an image, with its geometry and metadata, from which `read_segments` takes the
        names in a ``.seg.nrrd``.

    Raises
    ------
    InvalidInput
        If the file cannot be used, holds other than whole numbers from 0, or the grids differ.
    """
    image = _scalar(read_volume(path), path)
    if reference is not None:
        image = _on_grid(image, path, reference, resample, sitk.sitkNearestNeighbor)
    labels = sitk.GetArrayFromImage(image)
    values = _values(labels, path)
    if not np.isfinite(values).all() or (values != np.rint(values)).any() or values[0] < 0:
        raise InvalidInput(f"{path} is no label map; give one of whole numbers from 0.")
    return labels.astype(int), image


def _values(labels: np.ndarray, path: PathLike) -> np.ndarray:
    """Return the different values of a label map in rising order."""
    values = np.unique(labels)
    if len(values) > MOST_LABELS or values[-1] > MOST_LABEL:
        raise InvalidInput(
            f"{path} is no label map ({len(values)} different values up to {values[-1]:g}); give "
            "one of whole numbers from 0."
        )
    return values


def read_segments(image: sitk.Image) -> list[Segment]:
    """Return the segments that a ``.seg.nrrd`` describes; none for any other image."""
    described: list[Segment] = []
    while image.HasMetaDataKey(f"Segment{len(described)}_ID"):
        prefix = f"Segment{len(described)}_"
        # A file of Slicer before 4.11 has a layer per segment and no values.
        given = {"Name": image.GetMetaData(prefix + "ID"), "LabelValue": 1, "Layer": len(described)}
        for key in given:
            if image.HasMetaDataKey(prefix + key):
                given[key] = image.GetMetaData(prefix + key)
        try:
            str(given["Name"]).encode()
            segment = Segment(str(given["Name"]), int(given["LabelValue"]), int(given["Layer"]))
        except ValueError as error:  # UnicodeEncodeError is one
            raise InvalidInput(
                f"Segment {len(described) + 1} has a name that is no UTF-8 text, or a value "
                "that is no number; save the segmentation again in 3D Slicer."
            ) from error
        described.append(segment)
    return described


def _find(segment: str, image: sitk.Image, layers: np.ndarray, path: PathLike) -> tuple[int, int]:
    """Return the label value and the layer of the segment with that name or number."""
    choices = read_segments(image) or [
        Segment(f"{value:g}", int(value), 0) for value in _values(layers, path) if value != 0
    ]
    matches = [choice for choice in choices if choice.name == segment] or [
        choice for choice in choices if str(choice.value) == segment
    ]
    if len(matches) == 1:
        if not 0 <= matches[0].layer < layers.shape[-1]:
            raise InvalidInput(
                f"{path} has no layer {matches[0].layer}, where segment {segment!r} should be; "
                "save it again in 3D Slicer."
            )
        return matches[0].value, matches[0].layer
    names = ", ".join(f"{choice.name} ({choice.value})" for choice in choices) or "none"
    problem = "has no" if not matches else "has more than one"
    raise InvalidInput(f"{path} {problem} segment {segment!r}; name one of: {names}.")


def _scalar(image: sitk.Image, path: PathLike) -> sitk.Image:
    if image.GetNumberOfComponentsPerPixel() > 1 or "complex" in image.GetPixelIDTypeAsString():
        raise InvalidInput(
            f"{path} has several components per voxel (a colour, vector or complex image, or "
            "overlapping segments); give an image with one number per voxel."
        )
    return image


def _layers(image: sitk.Image, path: PathLike) -> np.ndarray:
    """Return the layers of a segmentation, shape ``(Z, Y, X, layers)``; a mask has one."""
    if not read_segments(image):
        _scalar(image, path)
    array = sitk.GetArrayFromImage(image)
    return array if array.ndim == 4 else array[..., None]


def _on_grid(
    image: sitk.Image, path: PathLike, reference: sitk.Image, resample: bool, interpolator: int
) -> sitk.Image:
    """Return the image on the reference's grid, where it is or where `resample` brings it."""
    differences = grid_differences(_grid(image), _grid(reference))
    if not differences:
        return image
    if not resample:
        raise InvalidInput(
            f"{path} is on another grid than the first image: {', '.join(differences)}. Add "
            "--resample (resample=True in Python) to bring it onto the first image's grid."
        )
    if interpolator == sitk.sitkNearestNeighbor:
        resampled = sitk.Resample(image, reference, sitk.Transform(), interpolator, 0)
        for key in image.GetMetaDataKeys():
            if key.startswith("Segment"):  # their names
                resampled.SetMetaData(key, image.GetMetaData(key))
        return resampled
    image = sitk.Cast(image, sitk.sitkFloat64)
    return sitk.Resample(image, reference, sitk.Transform(), interpolator, math.nan)


def _grid(image: sitk.Image) -> Grid:
    return Grid(image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())


def write_image(image: sitk.Image, path: Path) -> None:
    """Write an image, compressed, and make sure that all of it is there.

    Raises
    ------
    OSError
        If it could not be written whole. ITK itself says nothing when the disk is full while it
        writes NIfTI; hence the second look.
    """
    try:
        sitk.WriteImage(image, str(path), useCompression=True)
        written = sitk.GetArrayFromImage(read_file(path))
    except (RuntimeError, EOFError, ValueError, zlib.error) as error:
        raise OSError(f"{path.name} could not be written whole") from error
    if not np.array_equal(written, sitk.GetArrayFromImage(image)):
        raise OSError(f"{path.name} could not be written whole")
