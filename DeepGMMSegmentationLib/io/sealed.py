"""Records that vouch for the files beside them, so that no damaged result is taken for whole."""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Optional

from .identity import identify

RECORD = "result.json"
CHUNK = 1 << 20  # bytes


def digest(path: Path) -> Optional[str]:
    """Return the SHA-256 of a file, or of all files in a folder; None where there is none."""
    if path.is_dir():
        parts = [digest(file) for file in path.iterdir() if file.is_file()]
        return identify(*sorted(filter(None, parts)))
    if not path.is_file():  # a pipe would be waited for
        return None
    sha256 = hashlib.sha256()
    with path.open("rb") as stream:
        for chunk in iter(lambda: stream.read(CHUNK), b""):
            sha256.update(chunk)
    return sha256.hexdigest()


def write_record(folder: Path, values: Mapping[str, Any]) -> None:
    """Write ``result.json`` with the digests of all other files in the folder, and its own."""
    outputs = {path.name: digest(path) for path in sorted(folder.iterdir())}
    record = {**values, "outputs": outputs}
    text = json.dumps({**record, "digest": identify(record)}, indent=2, allow_nan=False)
    (folder / RECORD).write_text(text + "\n", encoding="utf-8")


def read_record(folder: Path) -> Optional[dict[str, Any]]:
    """Return what `write_record` wrote; None where there is nothing, or not as it was written."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return record if record.pop("digest") == identify(record) else None
    except (OSError, ValueError, RecursionError, AttributeError, LookupError, TypeError):
        return None


def find_changed(folder: Path, outputs: Mapping[str, str]) -> list[str]:
    """Return the names of the files that are missing or not as a record's digests say."""
    return [name for name, expected in outputs.items() if digest(folder / name) != expected]


def keep_copies(folder: Path, names: Iterable[str]) -> None:
    """Copy files that are about to be replaced, for a user may have changed them on purpose."""
    for name in names:
        path = folder / name
        copies = (folder / f"{name}.changed-{number}" for number in itertools.count(1))
        copy = next(copy for copy in copies if digest(copy) in (None, digest(path)))
        if path.is_file() and path.stat().st_size and not copy.exists():
            shutil.copy2(path, copy)
