"""Files that are there whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Union

from ..errors import InvalidInput
from .locks import hidden

PathLike = Union[str, Path]


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file such that whoever reads it, or ends this process, meets the old or the new one.

    Raises
    ------
    InvalidInput
        If it cannot be written.
    """
    try:
        target = path.resolve()  # what a link leads to, not the link
        part = _part(target)
        try:
            part.write_bytes(data)
            sync(part)
            part.replace(target)
            sync(target.parent)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be written ({error.strerror or error}); name a file in a folder that "
            "exists, on a disk with space that you may write to."
        ) from error


def remove(path: Path) -> None:
    """Remove a file that `write_bytes` wrote, if it is there, and what a kill has left of it."""
    path.unlink(missing_ok=True)
    _part(path.resolve()).unlink(missing_ok=True)


def _part(target: Path) -> Path:
    return hidden(target, ".part")


def sync(path: Path) -> None:
    """Return when a file's content, or a folder's list of names, is on the disk."""
    if os.name == "nt" and path.is_dir():  # Windows has no such thing for folders
        return
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
