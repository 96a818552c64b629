"""Which format an image file has, by its content, and how it is read."""

from __future__ import annotations

from pathlib import Path

import SimpleITK as sitk

from .nifti import is_nifti, read_nifti
from .text_headers import META_START, check_meta, check_nrrd
from .voxels import content, is_gzip


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
    elif start[128:132] == b"DICM":
        reader.SetImageIO("GDCMImageIO")
    elif META_START.match(start):
        check_meta(path)
        reader.SetImageIO("MetaImageIO")
    else:
        raise ValueError("it is in none of these formats")
    reader.SetFileName(str(path))
    return reader.Execute()
