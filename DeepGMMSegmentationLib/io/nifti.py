"""NIfTI files, with the two things told that ITK passes over in silence.

A file that is cut short is filled up with zeros, and NaN and infinity become zero (niftilib's
nifti_read_buffer). Either would enter a segmentation as if it had been measured.
"""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np
import SimpleITK as sitk

FLOATS = {"16": "f4", "64": "f8"}  # the header's data types that hold NaN


def read_nifti(path: Path) -> sitk.Image:
    """Read a ``.nii`` or ``.nii.gz`` file.

    Raises
    ------
    EOFError
        If the file is cut short.
    RuntimeError
        If ITK cannot read it.
    """
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    image = reader.Execute()

    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    lengths = [int(reader.GetMetaData(f"dim[{i}]")) for i in range(8)]
    voxels = math.prod(lengths[1 : lengths[0] + 1])
    start = int(float(reader.GetMetaData("vox_offset")))
    data = content[start : start + voxels * int(reader.GetMetaData("bitpix")) // 8]
    if len(data) * 8 < voxels * int(reader.GetMetaData("bitpix")):
        raise EOFError("the file is cut short")

    kind = FLOATS.get(reader.GetMetaData("datatype"))
    if kind is None or image.GetNumberOfComponentsPerPixel() > 1:
        return image
    # The header starts with its own length, which tells the byte order.
    order = "<" if int.from_bytes(content[:4], "little") in (348, 540) else ">"
    stored = np.frombuffer(data, order + kind)
    if np.isfinite(stored).all():
        return image
    array = sitk.GetArrayFromImage(image)
    restored = sitk.GetImageFromArray(
        np.where(np.isfinite(stored.reshape(array.shape)), array, np.nan).astype(array.dtype)
    )
    restored.CopyInformation(image)
    return restored
