"""The voxels behind a header: whether they are all there, before memory is taken for them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHUNK = 1 << 20  # bytes
PACKING = 1032  # the most times that deflate makes anything smaller
GZIP = b"\x1f\x8b"
CUT = "the file is cut short"


@dataclass(frozen=True)
class Voxels:
    """Where a header says that the voxels are.

    Attributes
    ----------
    file : Path
    begin : int
        The first byte in the file that is theirs, or from which on the file is packed.
    count : int
        How many bytes they are, unpacked, with what is packed before them.
    packed : bool
        Whether they are packed (zlib or gzip).
    """

    file: Path
    begin: int
    count: int
    packed: bool

    def read(self) -> bytes:
        """Return them.

        Raises
        ------
        EOFError
            If the file has fewer.
        zlib.error
            If they cannot be unpacked.
        """
        self._check_size()
        return b"".join(self._chunks())

    def check(self) -> None:
        """Raise what `read` would."""
        self._check_size()
        if self.packed:
            for _ in self._chunks():
                pass

    def _check_size(self) -> None:
        there = self.file.stat().st_size - self.begin
        if there * (PACKING if self.packed else 1) < self.count:
            raise EOFError(CUT)

    def _chunks(self) -> Iterator[bytes]:
        missing = self.count
        chunks = content(self.file, self.begin, self.packed)
        for chunk in chunks:
            yield chunk[:missing]
            missing -= len(chunk)
            if missing <= 0:
                next(chunks, None)  # the checksum, where it follows
                return
        if missing > 0:
            raise EOFError(CUT)


def is_distance(*numbers: float) -> bool:
    """Return whether all of them may be distances of voxels, in mm."""
    return all(1e-6 < number < 1e6 for number in numbers)


def is_gzip(file: Path) -> bool:
    """Return whether a file is packed by gzip, whatever its name."""
    with file.open("rb") as stream:
        return stream.read(2) == GZIP


def content(file: Path, begin: int, packed: bool) -> Iterator[bytes]:
    """Give a file's content from a byte on, unpacked, a chunk at a time."""
    with file.open("rb") as stream:
        stream.seek(begin)
        if not packed:
            yield from iter(lambda: stream.read(CHUNK), b"")
            return
        unpacker: Any = zlib.decompressobj(zlib.MAX_WBITS + 32)  # zlib or gzip
        data = stream.read(CHUNK)
        while not unpacker.eof:
            if not data:
                raise EOFError(CUT)
            yield unpacker.decompress(data, CHUNK)
            data = unpacker.unconsumed_tail or unpacker.unused_data or stream.read(CHUNK)
            if unpacker.eof and data.startswith(GZIP):  # gzip files may follow each other
                unpacker = zlib.decompressobj(zlib.MAX_WBITS + 32)
