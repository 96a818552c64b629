"""Output folders whose files appear all together, or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from ..errors import InvalidInput
from .writing import PathLike


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
    with _reasons(folder):
        if folder.exists() and not folder.is_dir():
            raise InvalidInput(f"{folder} is a file; name a folder.")
        existing = _matches(folder, patterns)
        if existing and not force:
            raise InvalidInput(
                f"{existing[0]} exists; name another folder, or add --force (force=True in Python)."
            )
        with TemporaryDirectory(prefix=".deepgmm-", dir=_nearest(folder)):
            pass


@contextmanager
def whole_folder(folder: PathLike, patterns: Sequence[str], force: bool = False) -> Iterator[Path]:
    """Make files appear in a folder all together when the block ends, or not at all.

    The block writes into the temporary folder that it is given, on the same disk. When it ends,
    what is in it is moved, and what matches `patterns` in the folder goes; when it fails, or the
    moving fails, everything is as it was.

    Parameters
    ----------
    folder, patterns, force
        As in `check_folder`.

    Raises
    ------
    InvalidInput
        If something would be overwritten, or the folder cannot be written.
    """
    folder = Path(folder)
    check_folder(folder, patterns, force)
    with _reasons(folder), TemporaryDirectory(prefix=".deepgmm-", dir=_nearest(folder)) as scratch:
        new, old = Path(scratch) / "new", Path(scratch) / "old"
        new.mkdir()
        old.mkdir()
        yield new
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            new.rename(folder)
            return
        moves = [(path, old / path.name) for path in _matches(folder, patterns)]
        moves += [(path, folder / path.name) for path in new.iterdir()]
        _move_all(moves)


def _move_all(moves: Sequence[tuple[Path, Path]]) -> None:
    """Move every path to its target, or none."""
    done: list[tuple[Path, Path]] = []
    try:
        for path, target in moves:
            path.rename(target)
            done.append((path, target))
    except BaseException:
        for path, target in reversed(done):
            target.rename(path)
        raise


def _matches(folder: Path, patterns: Sequence[str]) -> list[Path]:
    return sorted({path for pattern in patterns for path in folder.glob(pattern)})


def _nearest(folder: Path) -> Path:
    """Return the folder, or the nearest above it that exists: the disk that it will be on."""
    return next(place for place in (folder, *folder.absolute().parents) if place.exists())


@contextmanager
def _reasons(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InvalidInput(
            f"{folder} cannot be written ({error.strerror or error}); nothing was left there. "
            "Name a folder on a disk with space that you may write to."
        ) from error
