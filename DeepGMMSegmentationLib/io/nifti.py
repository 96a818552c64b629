"""NIfTI files, with the things told that ITK passes over in silence.

A file that is cut short is filled up with zeros, and NaN and infinity become zero (niftilib's
nifti_read_buffer). Either would enter a segmentation as if it had been measured.
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from .voxels import Voxels, is_distance, is_gzip

# Bytes per voxel of the header's data types (NIfTI-1 standard).
WIDTHS = {2: 1, 4: 2, 8: 4, 16: 4, 32: 8, 64: 8, 128: 3, 256: 1, 512: 2, 768: 4, 1024: 8}
WIDTHS.update({1280: 8, 1536: 16, 1792: 16, 2048: 32, 2304: 4})
FLOATS = {16: "f4", 64: "f8"}  # those that hold NaN


@dataclass(frozen=True)
class Header:
    """What is needed of a header.

    Attributes
    ----------
    order : {"<", ">"}
        How bytes are ordered.
    lengths : tuple of int
        Voxels along each axis.
    datatype : int
        Its code.
    begin : int
        Where the voxels begin.
    paired : bool
        Whether they are in a file of their own.
    """

    order: str
    lengths: tuple[int, ...]
    datatype: int
    begin: int
    paired: bool


def is_nifti(start: bytes) -> bool:
    """Return whether a file that starts so is NIfTI-1, NIfTI-2 or Analyze, its predecessor."""
    return any(
        start[:4] == struct.pack(order + "i", size) and len(start) >= size
        for order in "<>"
        for size in (348, 540)
    )


def read_nifti(path: Path, start: bytes) -> sitk.Image:
    """Read a NIfTI file: ``.nii``, or ``.hdr`` beside ``.img``, packed by gzip or not.

    Parameters
    ----------
    path : Path
    start : bytes
        Its first 540 bytes or more, unpacked.

    Raises
    ------
    ValueError
        If the header contradicts itself.
    EOFError, zlib.error
        If the file is cut short, or cannot be unpacked.
    RuntimeError, OSError
        If ITK or the system cannot read it.
    """
    header = _header(start)
    file = _beside(path) if header.paired else path
    size = math.prod(header.lengths) * WIDTHS[header.datatype]
    data = Voxels(file, 0, header.begin + size, is_gzip(file)).read()[header.begin :]
    reader = sitk.ImageFileReader()
    reader.SetImageIO("NiftiImageIO")
    reader.SetFileName(str(path))
    image = reader.Execute()

    kind = FLOATS.get(header.datatype)
    if kind is None or image.GetNumberOfComponentsPerPixel() > 1:
        return image
    stored = np.frombuffer(data, header.order + kind)
    if np.isfinite(stored).all():
        return image
    array = sitk.GetArrayFromImage(image)
    restored = sitk.GetImageFromArray(
        np.where(np.isfinite(stored.reshape(array.shape)), array, np.nan).astype(array.dtype)
    )
    restored.CopyInformation(image)
    return restored


def _header(start: bytes) -> Header:
    order = "<" if start[:4] in (struct.pack("<i", 348), struct.pack("<i", 540)) else ">"

    def field(kind: str, at: int) -> tuple:
        return struct.unpack_from(order + kind, start, at)

    if start[:4] == struct.pack(order + "i", 348):
        magic, least = start[344:348], 352
        dimensions, datatype, bits = field("8h", 40), *field("2h", 70)
        begin, steps = field("f", 108)[0], field("3f", 80)
    else:
        magic, least = start[4:8], 544
        dimensions, datatype, bits = field("8q", 16), *field("2h", 12)
        begin, steps = field("q", 168)[0], field("3d", 112)
    if magic not in (b"n+1\0", b"n+2\0", b"ni1\0", b"ni2\0"):
        raise ValueError("Analyze files do not say which side is left; convert it to NIfTI")
    paired = magic.startswith(b"ni")
    count, lengths = dimensions[0], dimensions[1 : dimensions[0] + 1]
    if not 1 <= count <= 7 or min(lengths) < 1:
        raise ValueError(f"its header tells the size {dimensions[1:]} in {count} dimensions")
    if not is_distance(*(abs(step) for step in steps[:count])):
        raise ValueError(f"its header tells voxels of {steps[:count]} mm")
    if WIDTHS.get(datatype) != bits // 8:
        raise ValueError(f"its header tells the data type {datatype} of {bits} bits")
    if not (0 if paired else least) <= begin < 1 << 30:
        raise ValueError(f"its header tells that voxels begin at byte {begin:g}")
    return Header(order, lengths, datatype, int(begin), paired)


def _beside(path: Path) -> Path:
    """Return the file with the voxels that belongs to a ``.hdr``."""
    name = re.sub(r"\.hdr(\.gz)?$", "", path.name, flags=re.IGNORECASE)
    for ending in (".img", ".img.gz", ".IMG", ".IMG.GZ"):
        if path.with_name(name + ending).is_file():
            return path.with_name(name + ending)
    raise ValueError(f"{name}.img, which has its voxels, is not beside it")
