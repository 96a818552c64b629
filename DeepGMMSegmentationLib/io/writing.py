"""Files that are there whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Union

from ..errors import InvalidInput

PathLike = Union[str, Path]


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file such that whoever reads it, or ends this process, meets the old or the new one.

    Raises
    ------
    InvalidInput
        If it cannot be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InvalidInput(
            f"{path} cannot be written ({error.strerror or error}); name a file in a folder that "
            "exists, on a disk with space that you may write to."
        ) from error
