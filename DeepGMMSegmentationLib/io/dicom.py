"""DICOM files, walked element by element before GDCM sees them.

GDCM takes the memory that an element claims, and ends the process where sequences nest too deep.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import Optional

MAGIC, PREAMBLE = b"DICM", 128
GROUPS = (b"\x02\x00", b"\x08\x00", b"\x00\x08")  # with which files begin that have no preamble
TRANSFER_SYNTAX = (0x0002, 0x0010)
IMPLICIT = (b"1.2.840.10008.1.2", b"1.2.840.113619.5.2")
DEFLATED, BIG_ENDIAN = b"1.2.840.10008.1.2.1.99", b"1.2.840.10008.1.2.2"
# Types of elements whose lengths have two bytes, and four.
SHORT = b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split()
LONG = b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split()
PACKED = (b"OB", b"OW")  # of which an undefined length means fragments
ITEM, ENDS = (0xFFFE, 0xE000), ((0xFFFE, 0xE00D), (0xFFFE, 0xE0DD))
ITEM_START = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")
UNDEFINED = 0xFFFFFFFF
MOST_NESTED = 64  # sequences and their items; GDCM bears some thousands


def is_dicom(start: bytes) -> bool:
    """Return whether a file that begins so is a DICOM file, with its preamble."""
    return start[PREAMBLE : PREAMBLE + len(MAGIC)] == MAGIC


def check_series(folder: Path) -> None:
    """Refuse a folder before GDCM looks into all its files.

    Raises
    ------
    ValueError
        If one is no ordinary file, and would be waited for, or one is refused by `check_dicom`.
    """
    for path in folder.iterdir():
        if path.is_file():
            check_dicom(path)
        elif not path.is_dir():
            raise ValueError("it holds what is no ordinary file")


def check_dicom(path: Path) -> None:
    """Refuse a DICOM file whose elements claim more than it has; let any other file pass.

    Raises
    ------
    ValueError
        With the reason.
    """
    if path.stat().st_size == 0:
        return
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        begin = PREAMBLE + len(MAGIC) if is_dicom(data[: PREAMBLE + len(MAGIC)]) else 0
        if not begin and data[:2] not in GROUPS:
            return
        try:
            _walk(data, *_leave_meta(data, begin))
        except struct.error as error:
            raise ValueError(f"{path.name} is cut short") from error
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from error


def _leave_meta(data: mmap.mmap, at: int) -> tuple[int, str, bool]:
    """Return where the elements after the meta information begin, their order, if they tell types.

    Without meta information the first element gives that away.
    """
    if data[at : at + 2] != GROUPS[0]:
        return at, ">" if data[:2] == GROUPS[2] else "<", data[at + 4 : at + 6] in (*SHORT, *LONG)
    syntax = b""
    while data[at : at + 2] == GROUPS[0]:
        tag, _, at, length = _element(data, at, "<", True)
        if tag == TRANSFER_SYNTAX:
            syntax = data[at : at + length].strip(b"\0 ")
        at = _end(data, at, length)
    if syntax == DEFLATED:
        raise ValueError("its elements are packed; save it without that")
    return at, ">" if syntax == BIG_ENDIAN else "<", syntax not in IMPLICIT


def _walk(data: mmap.mmap, at: int, order: str, explicit: bool) -> None:
    """Go from element to element to the end, into sequences and their items too."""
    # Where what is open ends, and whether its elements tell their types; None for fragments.
    opened: list[tuple[int, Optional[bool]]] = [(len(data), explicit)]
    while at + 8 <= len(data):
        while at >= opened[-1][0]:
            opened.pop()
        typed = opened[-1][1]
        tag, kind, at, length = _element(data, at, order, bool(typed))
        if tag in ENDS:
            if len(opened) > 1:
                opened.pop()
            continue
        end = _end(data, at, length)
        undefined, fragment = length == UNDEFINED, tag == ITEM and typed is None
        nests = tag == ITEM or undefined or kind == b"SQ"
        if fragment or not (nests or (not kind and data[at : at + 4] in ITEM_START)):
            at = end
            continue
        inside = None if undefined and kind in PACKED else kind == b"SQ"
        opened.append((end, typed if tag == ITEM else inside))
        if len(opened) > MOST_NESTED:
            raise ValueError(f"its sequences nest deeper than {MOST_NESTED}")


def _element(
    data: mmap.mmap, at: int, order: str, explicit: bool
) -> tuple[tuple[int, int], bytes, int, int]:
    """Return an element's tag, its type where it tells one, where its value is, and its length."""
    group, number = struct.unpack_from(order + "HH", data, at)
    kind = data[at + 4 : at + 6] if explicit and group != ITEM[0] else b""
    if kind in SHORT:
        return (group, number), kind, at + 8, *struct.unpack_from(order + "H", data, at + 6)
    if kind in LONG:
        return (group, number), kind, at + 12, *struct.unpack_from(order + "I", data, at + 8)
    return (group, number), b"", at + 8, *struct.unpack_from(order + "I", data, at + 4)


def _end(data: mmap.mmap, at: int, length: int) -> int:
    """Return where a value ends; of one without a length the end of all."""
    if length == UNDEFINED:
        return len(data)
    if at + length > len(data):
        raise ValueError("an element claims more bytes than it has; it is cut short, or broken")
    return at + length
