"""DICOM files that claim more than they have, or nest without end: told before GDCM sees them."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest
from child import read_in_child

from DeepGMMSegmentationLib.io.images import read_images
from DeepGMMSegmentationLib.io.sequences import describe, file_role

CLAIM, UNDEFINED = 0x7FFFFFFE, 0xFFFFFFFF
PRIVATE, PIXELS, ITEM = (0x0009, 0x1001), (0x7FE0, 0x0010), (0xFFFE, 0xE000)
EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
LONG = ("OB", "OW", "SQ", "UN", "UT")


def element(tag, kind, value=b"", length=None):
    """Return an element (DICOM PS3.5, 7.1) of little-endian order; without a type if it is None."""
    if isinstance(value, str):
        value = value.encode() + b" " * (len(value) % 2)
    length = len(value) if length is None else length
    if kind is None:
        return struct.pack("<HHI", *tag, length) + value
    if kind in LONG:
        return struct.pack("<HH2sHI", *tag, kind.encode(), 0, length) + value
    return struct.pack("<HH2sH", *tag, kind.encode(), length) + value


def item(length=UNDEFINED):
    return element(ITEM, None, length=length)


def start(syntax=EXPLICIT):
    """Return the preamble and the meta information."""
    uid = syntax + "\0" * (len(syntax) % 2)
    return bytes(128) + b"DICM" + element((0x0002, 0x0010), "UI", uid)


def rest(extra=b"", typed=True, kind="OW", pixels=bytes(range(128)), length=None):
    """Return the elements of a slice of 8 × 8 voxels, others among them."""
    described = {
        (0x0018, 0x1030): ("LO", "LGE PSIR"),
        (0x0020, 0x000D): ("UI", "1.2.33"),
        (0x0020, 0x000E): ("UI", "1.2.3.44"),
        (0x0020, 0x0032): ("DS", "1\\2\\3 "),
        (0x0020, 0x0037): ("DS", "1\\0\\0\\0\\1\\0 "),
        (0x0028, 0x0002): ("US", b"\1\0"),
        (0x0028, 0x0004): ("CS", "MONOCHROME2 "),
        (0x0028, 0x0010): ("US", b"\x08\0"),
        (0x0028, 0x0011): ("US", b"\x08\0"),
        (0x0028, 0x0030): ("DS", "1\\1 "),
        (0x0028, 0x0100): ("US", b"\x10\0"),
        (0x0028, 0x0101): ("US", b"\x10\0"),
        (0x0028, 0x0102): ("US", b"\x0f\0"),
        (0x0028, 0x0103): ("US", b"\0\0"),
        PIXELS: (kind, pixels),
    }
    parts = [element((0x0008, 0x0060), "CS" if typed else None, "MR"), extra]
    for tag, (told, value) in described.items():
        parts.append(
            element(tag, told if typed else None, value, length if tag == PIXELS else None)
        )
    return b"".join(parts)


def nested(depth, kind="SQ", first=None):
    """Return sequences in each other's items, none of which ends."""
    opened = element((0x0008, 0x1140), kind, length=UNDEFINED) + item()
    return (first or opened) + opened * depth


def deflated():
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(rest()) + packer.flush()


META_CLAIM = element((0x0002, 0x0001), "OB", b"\0\1", CLAIM)
FRAGMENT = item(0) + item(CLAIM) + b"ab"
BROKEN = {
    "voxels": start() + rest(length=CLAIM),
    "voxels without a type": start(IMPLICIT) + rest(typed=False, length=CLAIM),
    "an element": start() + rest(element(PRIVATE, "OB", b"ab", CLAIM)),
    "an element of no type": start() + rest(struct.pack("<HH2sHI", *PRIVATE, b"??", 0, CLAIM)),
    "an element without a type": start(IMPLICIT) + rest(element(PRIVATE, None, b"", CLAIM), False),
    "the meta information": bytes(128) + b"DICM" + META_CLAIM,
    "meta information without a preamble": META_CLAIM,
    "a fragment": start("1.2.840.10008.1.2.4.70")
    + rest(kind="OB", pixels=FRAGMENT, length=UNDEFINED),
    "an item": start() + rest(element((0x0008, 0x1140), "SQ", item(CLAIM), 8)),
    "an element in a sequence": start() + rest(nested(0) + element(PRIVATE, "OB", b"ab", CLAIM)),
    "sequences": start() + rest(nested(50_000)),
    "sequences without types": start(IMPLICIT) + rest(nested(50_000, None), typed=False),
    "sequences of an unknown type": start()
    + rest(nested(50_000, None, element(PRIVATE, "UN", length=UNDEFINED) + item())),
    "no preamble": rest(nested(50_000)),
    "an end amid an element": (start() + rest())[:-1],
    "packed elements": start("1.2.840.10008.1.2.1.99") + deflated(),
}
WHOLE = {
    "typed": start() + rest(),
    "without types": start(IMPLICIT) + rest(typed=False),
    "without a preamble": rest(),
    "a sequence": start()
    + rest(nested(3) + (element((0xFFFE, 0xE00D), None) + element((0xFFFE, 0xE0DD), None)) * 4),
    "a sequence with lengths": start()
    + rest(element((0x0008, 0x1140), "SQ", item(12) + element((0x0008, 0x1155), "UI", "1.23"), 20)),
    "an empty sequence": start() + rest(element((0x0008, 0x1140), "SQ")),
    "zeros at the end": start() + rest() + bytes(1001),
}


def put(folder: Path, cases: dict[str, bytes]) -> list[Path]:
    """Write each file into a folder of its own."""
    for name, content in cases.items():
        (folder / name).mkdir()
        (folder / name / "a.dcm").write_bytes(content)
    return [folder / name for name in cases]


def test_a_file_that_claims_more_than_it_has_is_a_sentence(tmp_path):
    folders = put(tmp_path, BROKEN)
    paths = [path for folder in folders for path in (folder, folder / "a.dcm")]
    # Unchecked, some take 2 GB, and some end the process.
    for path, line in zip(paths, read_in_child(paths, most=100_000)):
        assert line.startswith(f"{path} cannot be read as an image ("), line


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_file_is_read(tmp_path, name):
    (folder,) = put(tmp_path, {name: WHOLE[name]})
    images, _ = read_images([folder])
    assert images[0, 0].ravel().view("<u2").tobytes() == bytes(range(128))
    (folder / "README.txt").write_text("Read me. " * 50)  # which is none of the series
    (folder / "empty").touch()
    assert read_images([folder])[0].shape == (1, 1, 8, 8)
    assert file_role(folder) == "LGE"


def test_the_names_of_a_broken_series_do_no_harm(tmp_path):
    for folder in put(tmp_path, BROKEN):
        assert file_role(folder) is None
        assert "PSIR" not in describe(folder)
