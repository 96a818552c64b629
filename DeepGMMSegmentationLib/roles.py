"""Which sequence an image is, told by its name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Optional, Union

from .errors import InvalidInput

# Words that scanners and public data sets (MyoPS: DE, T2, C0) use.
WORDS = {
    "LGE": {"lge", "de", "late", "delayed", "psir"},
    "T2": {"t2", "stir"},
    "bSSFP": {"bssfp", "ssfp", "c0", "cine", "trufi", "fiesta"},
}


def role(name: str) -> Optional[str]:
    """Return "LGE", "T2" or "bSSFP" where a word of the name says so, else None."""
    found = set(re.findall(r"[a-z]+\d*", name.lower()))
    return next((role for role, words in WORDS.items() if words & found), None)


def file_roles(paths: Sequence[Union[str, Path]]) -> tuple[str, ...]:
    """Return a role per image file, or else the file's name without its ending.

    Raises
    ------
    InvalidInput
        If two images would get the same.
    """
    names = [re.sub(r"\.(nii|nii\.gz|nrrd|nhdr|mha|mhd)$", "", Path(path).name) for path in paths]
    roles = tuple(role(name) or name for name in names)
    for each in roles:
        if roles.count(each) > 1:
            raise InvalidInput(f"Two images are {each} by their names; tell them apart by --roles.")
    return roles
