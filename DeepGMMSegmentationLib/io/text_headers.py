"""Headers that are text, of NRRD and MetaImage files, checked before ITK acts on them.

ITK's readers believe them: a count of dimensions below 0 ends the process, one of 300,000 hangs
it, a size takes the memory that it claims, and a path leads to any file of the machine.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Optional

from .voxels import Voxels, is_distance

MOST_HEADER = 1 << 20  # bytes
MOST_VALUE = 1000  # characters of a field that is not free text
MOST_DIMENSIONS = 7
META_START = re.compile(rb"\s*[A-Za-z]+[ \t]*=")
# How many numbers a field of a MetaImage has, by the count n of its dimensions.
META_NUMBERS = {
    **dict.fromkeys(("DimSize", "ElementSpacing", "ElementSize"), lambda n: n),
    **dict.fromkeys(("Offset", "Position", "Origin", "CenterOfRotation"), lambda n: n),
    **dict.fromkeys(("TransformMatrix", "Rotation", "Orientation"), lambda n: n * n),
}
# Bytes per number by the name of its type.
META_WIDTHS = {
    f"MET_{name}": width
    for width, names in {
        1: ("CHAR", "UCHAR"),
        2: ("SHORT", "USHORT"),
        4: ("INT", "UINT", "LONG", "ULONG", "FLOAT"),
        8: ("LONG_LONG", "ULONG_LONG", "DOUBLE"),
    }.items()
    for name in names
}
NRRD_WIDTHS = {
    f"{sign}{name}": width
    for width, names in {
        1: ("char", "int8", "int8_t"),
        2: ("short", "short int", "int16", "int16_t"),
        4: ("int", "int32", "int32_t"),
        8: ("longlong", "long long", "long long int", "int64", "int64_t"),
    }.items()
    for name in names
    for sign in ("", "u", "unsigned ", "signed ")
}
NRRD_WIDTHS.update({"float": 4, "double": 8})
# http://teem.sourceforge.net/nrrd/format.html, without blanks.
NRRD_FIELDS = {
    *("dimension", "type", "blocksize", "encoding", "endian", "content", "oldmin", "oldmax"),
    *("min", "max", "lineskip", "byteskip", "number", "sampleunits", "datafile", "space"),
    *("spacedimension", "spaceunits", "spaceorigin", "measurementframe", "sizes", "spacings"),
    *("thicknesses", "axismins", "axismaxs", "spacedirections", "centers", "centerings"),
    *("labels", "units", "kinds"),
}


def check_meta(path: Path) -> None:
    """Refuse a MetaImage (``.mha``, or ``.mhd`` beside its data) that its header belies.

    Raises
    ------
    ValueError
        With the reason.
    EOFError, zlib.error
        If the file with the voxels is cut short, or cannot be unpacked.
    """
    head, begin = _until(path, rb"(?:^|\n)[ \t]*ElementDataFile[ \t]*=[^\n]*(?:\n|$)")
    fields: dict[str, str] = {}
    for line in _lines(head):
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not 0 < len(key) <= 80 or len(value) > MOST_VALUE:
            raise ValueError(f"its header has the line {line[:40]!r}")
        _add(fields, key, value)
    if fields.get("ObjectType", "Image") != "Image":
        raise ValueError(f"it holds a {fields['ObjectType']}")
    count = _whole(fields, "NDims", 1, MOST_DIMENSIONS)
    for key, numbers in META_NUMBERS.items():
        if key in fields:
            _numbers(fields, key, numbers(count))
    width = META_WIDTHS.get(fields.get("ElementType", ""))
    if width is None:
        raise ValueError(f"its header tells the type {fields.get('ElementType')!r}")
    if _flag(fields, "BinaryData", "True") != "True":
        raise ValueError("it holds its numbers as text; save it in binary form")
    if _whole(fields, "HeaderSize", -1, MOST_HEADER, 0) != 0:
        raise ValueError("its data begin with a header; save it without")
    channels = _whole(fields, "ElementNumberOfChannels", 1, 1000, 1)
    packed = _flag(fields, "CompressedData", "False") == "True"
    file, begin = _data_file(path, fields["ElementDataFile"], begin, local="LOCAL")
    if _whole(fields, "CompressedDataSize", 0, 1 << 62, 0) > file.stat().st_size - begin:
        raise EOFError("the file is cut short")
    Voxels(file, begin, _size(fields, "DimSize", count) * channels * width, packed).check()


def check_nrrd(path: Path) -> None:
    """Refuse an NRRD file (``.nrrd``, or ``.nhdr`` beside its data) that its header belies.

    Raises
    ------
    ValueError
        With the reason.
    EOFError, zlib.error
        If the file with the voxels is cut short, or cannot be unpacked.
    """
    head, begin = _until(path, rb"\r?\n\r?\n|$")
    magic, *lines = _lines(head)
    if not re.fullmatch("NRRD000[1-5]", magic):
        raise ValueError(f"it begins with {magic[:20]!r}")
    fields: dict[str, str] = {}
    for line in lines:
        if line.startswith("#"):
            continue
        key, separator, value = re.split("(:=|: ?|$)", line, maxsplit=1)
        if separator == ":=":
            _add(fields, ":=" + key, value)
        elif not separator:
            raise ValueError(f"its header has the line {line[:40]!r}")
        else:
            name = key.lower().replace(" ", "")
            if len(value) > MOST_VALUE or name not in NRRD_FIELDS:  # ITK may end at either
                raise ValueError(f"its header's field {key[:40]!r} is too long, or unknown")
            _add(fields, name, value.strip())
    count = _whole(fields, "dimension", 1, MOST_DIMENSIONS)
    width = NRRD_WIDTHS.get(fields.get("type", "").lower())
    if width is None:
        raise ValueError(f"its header tells the type {fields.get('type')!r}")
    encoding = fields.get("encoding", "").lower()
    if encoding not in ("raw", "gzip", "gz"):
        raise ValueError(f"its encoding is {encoding!r}; save it as raw or gzip")
    if any(_whole(fields, key, -1, 1 << 62, 0) for key in ("lineskip", "byteskip")):
        raise ValueError("its data begin with a header; save it without")
    for vector in re.findall(r"\(([^)]*)\)", fields.get("spacedirections", "")):
        steps = _numbers({"space directions": vector.replace(",", " ")}, "space directions")
        if not is_distance(math.hypot(*steps)):
            raise ValueError(f"its header tells voxels of ({vector[:40]}) mm")
    file, begin = _data_file(path, fields.get("datafile", ""), begin, local="")
    Voxels(file, begin, _size(fields, "sizes", count) * width, encoding != "raw").check()


def _until(path: Path, end: bytes) -> tuple[bytes, int]:
    """Return a file's header, and where it ends."""
    with path.open("rb") as stream:
        start = stream.read(MOST_HEADER)
    match = re.search(end, start)
    if match is None or match.end() == MOST_HEADER:
        raise ValueError("its header does not end")
    return start[: match.end()], match.end()


def _lines(head: bytes) -> list[str]:
    text = head.decode("utf-8", errors="surrogateescape").replace("\r\n", "\n")
    if re.search(r"[\x00-\x08\x0b-\x1f]", text):
        raise ValueError("its header holds what is no text")
    return [line for line in text.split("\n") if line.strip()]


def _add(fields: dict[str, str], key: str, value: str) -> None:
    if key in fields:
        raise ValueError(f"its header has the field {key[:40]!r} twice")
    fields[key] = value


def _whole(
    fields: dict[str, str], key: str, least: int, most: int, default: Optional[int] = None
) -> int:
    value = fields.get(key, "" if default is None else str(default))
    if not re.fullmatch(r"[+-]?\d{1,19}", value) or not least <= int(value) <= most:
        raise ValueError(f"its header's {key} is {value[:40]!r}")
    return int(value)


def _flag(fields: dict[str, str], key: str, default: str) -> str:
    value = fields.get(key, default)
    if value not in ("True", "False"):
        raise ValueError(f"its header's {key} is {value[:40]!r}")
    return value


def _numbers(fields: dict[str, str], key: str, count: Optional[int] = None) -> list[float]:
    words = fields.get(key, "").split()
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        numbers = []
    if len(numbers) != (count or len(words)) or not all(map(math.isfinite, numbers)):
        raise ValueError(f"its header's {key} is {fields.get(key, '')[:40]!r}")
    return numbers


def _size(fields: dict[str, str], key: str, count: int) -> int:
    """Return how many voxels there are."""
    lengths = _numbers(fields, key, count)
    if not all(length >= 1 and length.is_integer() for length in lengths):
        raise ValueError(f"its header's {key} is {fields[key][:40]!r}")
    return math.prod(map(int, lengths))


def _data_file(path: Path, name: str, begin: int, *, local: str) -> tuple[Path, int]:
    """Return the file that holds the voxels, and where they begin in it."""
    if name == local:
        return path, begin
    file = path.with_name(name) if re.fullmatch(r"[^/\\%]+", name) else path
    if name.startswith("LIST") or not file.is_file() or file == path:
        raise ValueError(f"its data are in {name[:80]!r}, which is no file beside it")
    return file, 0
