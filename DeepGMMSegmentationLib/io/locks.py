"""One writer at a time, and where it keeps what is not done yet."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import InvalidInput

PATIENCE = 1.0  # seconds that a writer waits for one that is just ending


def hidden(target: Path, ending: str = "") -> Path:
    """Return where this program keeps what is on its way to `target`.

    It is beside the target, on the same disk; above it, where the folders between do not exist yet;
    and in it, where it is a folder on a disk of its own or the one around it cannot be written. The
    next run for the same target finds it again.
    """
    target = target.resolve()
    name = f".deepgmm-{hashlib.sha256(os.fsencode(target)).hexdigest()[:12]}{ending}"
    for folder in (target, *target.parents):
        if (folder / name).exists():
            return folder / name
    above = next(folder for folder in target.parents if folder.exists())
    if target.is_dir() and (
        above.stat().st_dev != target.stat().st_dev or not os.access(above, os.W_OK)
    ):
        return target / name
    return above / name


@contextmanager
def locked(target: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Keep other runs from writing `target` while the block runs.

    Parameters
    ----------
    target : Path
        A file or folder; it need not exist.
    patience : float
        Seconds to wait for another run.

    Raises
    ------
    InvalidInput
        If another run is writing it.
    """
    file = hidden(target, ".lock")
    lock = FileLock(file)
    try:
        lock.acquire(timeout=patience)
    except Timeout as error:
        raise InvalidInput(
            f"Another run is writing {target}; wait until it has ended, or name another place."
        ) from error
    try:
        yield
    finally:
        with suppress(OSError):  # Windows, where the release removes it
            file.unlink()
        lock.release()
