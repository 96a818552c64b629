"""Output folders whose files appear all together, or not at all, whenever the process ends."""

from __future__ import annotations

import ctypes
import json
import logging
import os
import shutil
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..errors import InvalidInput
from .locks import hidden, locked
from .writing import PathLike, sync, write_bytes

# What lies in the hidden folder of a run that is under way.
NEW, OLD, JOURNAL = "new", "old", "journal.json"
AT_CWD, EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux's renameat2

logger = logging.getLogger(__name__)


def check_folder(folder: PathLike, patterns: Sequence[str], force: bool = False) -> None:
    """Refuse an output folder that cannot be made, or holds what would be overwritten.

    Parameters
    ----------
    folder : path
        It need not exist.
    patterns : sequence of str
        Names of what will be written there; ``*`` stands for any text.
    force : bool
        Whether what is there may be replaced.

    Raises
    ------
    InvalidInput
        With the first thing that is in the way.
    """
    folder = Path(folder)
    with _reasons(folder), locked(folder):
        _check(folder, patterns, force)


@contextmanager
def whole_folder(folder: PathLike, patterns: Sequence[str], force: bool = False) -> Iterator[Path]:
    """Make files appear in a folder all together when the block ends, or not at all.

    The block writes into the temporary folder that it is given, on the same disk; no other run
    can write the same folder meanwhile. When it ends, what is in the temporary folder is moved,
    and what matches `patterns` in the folder goes; when it fails, or the moving fails, everything
    is as it was. When the process is killed, the folder is as it was or has all that is new. Only
    where it holds other files too, or the system cannot exchange two folders at once, may it be
    caught in between; the next run for the same folder then first moves the rest.

    Parameters
    ----------
    folder, patterns, force
        As in `check_folder`.

    Raises
    ------
    InvalidInput
        If something would be overwritten, another run is writing there, or the folder cannot be
        written.
    """
    folder = Path(folder)
    with _reasons(folder), locked(folder):
        scratch = hidden(folder)
        try:
            _clear(scratch, folder)
            _check(folder, patterns, force)
            new = scratch / NEW
            new.mkdir(parents=True)
            yield new
            for path in (*new.rglob("*"), new):
                sync(path)
            _check(folder, patterns, force)  # something may have come there meanwhile
            _put(new, folder, patterns)
        finally:
            if not (scratch / JOURNAL).exists():
                shutil.rmtree(scratch, ignore_errors=True)


def _check(folder: Path, patterns: Sequence[str], force: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise InvalidInput(f"{folder} is a file; name a folder.")
    existing = _matches(folder, patterns)
    if existing and not force:
        raise InvalidInput(
            f"{existing[0]} exists; name another folder, or add --force (force=True in Python)."
        )


def _clear(scratch: Path, folder: Path) -> None:
    """Remove what a killed run has left, once its journal, if there is one, is done."""
    if (scratch / JOURNAL).exists():
        _finish(scratch, folder)
        logger.warning("%s has now the result of an earlier run, which was killed.", folder)
    if scratch.exists():
        shutil.rmtree(scratch)


def _put(new: Path, folder: Path, patterns: Sequence[str]) -> None:
    """Move all that is new into the folder, and what it takes the place of out of it."""
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        new.rename(folder)
        sync(folder.parent)
        return
    coming = [path.name for path in new.iterdir()]
    going = [path.name for path in _matches(folder, patterns) if path.parent == folder]
    for name in going:
        if (folder / name).is_dir() != (new / name).is_dir():
            raise InvalidInput(f"{folder / name} is in the way; move it, or name another folder.")
    others = {path.name for path in folder.iterdir()} - set(going)
    if not others and _exchange(new, folder.resolve()):
        sync(folder.parent)
        return
    scratch = new.parent
    write_bytes(scratch / JOURNAL, json.dumps({"going": going, "coming": coming}).encode())
    try:
        _finish(scratch, folder)
    except BaseException:
        _undo(scratch, folder)
        raise


def _exchange(new: Path, folder: Path) -> bool:
    """Exchange two folders at once where the system can, and say whether it did."""
    mine, yours = new.stat(), folder.stat()
    in_use = folder in (Path.cwd(), *Path.cwd().parents)
    if (
        sys.platform != "linux"
        or in_use
        or (mine.st_uid, mine.st_gid)
        != (
            yours.st_uid,
            yours.st_gid,
        )
    ):
        return False
    new.chmod(stat.S_IMODE(yours.st_mode))
    rename = getattr(ctypes.CDLL(None), "renameat2", None)  # of the C library since glibc 2.28
    paths = os.fsencode(new), os.fsencode(folder)
    return rename is not None and rename(AT_CWD, paths[0], AT_CWD, paths[1], EXCHANGE) == 0


def _finish(scratch: Path, folder: Path) -> None:
    """Make those moves of the journal that are not made yet."""
    journal = json.loads((scratch / JOURNAL).read_bytes())
    new, old = scratch / NEW, scratch / OLD
    old.mkdir(exist_ok=True)
    for name in journal["going"]:
        if os.path.lexists(folder / name) and not os.path.lexists(old / name):
            (folder / name).rename(old / name)
    for name in journal["coming"]:
        if os.path.lexists(new / name):
            (new / name).rename(folder / name)
    sync(folder)
    (scratch / JOURNAL).unlink()


def _undo(scratch: Path, folder: Path) -> None:
    """Take back those moves of the journal that are made."""
    journal = json.loads((scratch / JOURNAL).read_bytes())
    new, old = scratch / NEW, scratch / OLD
    for name in journal["coming"]:
        if not os.path.lexists(new / name):
            (folder / name).rename(new / name)
    for name in journal["going"]:
        if os.path.lexists(old / name):
            (old / name).rename(folder / name)
    (scratch / JOURNAL).unlink()


def _matches(folder: Path, patterns: Sequence[str]) -> list[Path]:
    """Return what the patterns name in the folder; refuse folders that hold other things too."""
    matches = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    for path in matches:
        for inner in path.iterdir() if path.is_dir() else ():
            if inner not in matches:
                raise InvalidInput(f"{inner} is in the way; move it, or name another folder.")
    return matches


@contextmanager
def _reasons(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InvalidInput(
            f"{folder} cannot be written ({error.strerror or error}); nothing was left there. "
            "Name a folder on a disk with space that you may write to."
        ) from error
