"""Which sequence an image is, told by its name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Optional, Union

from ..errors import InvalidInput

# What scanners and public data sets (MyoPS: DE, T2, C0) call them; T2* and T2 maps are other
# things.
NAMES = {
    "LGE": r"LGE|DE|late|delayed|PSIR",
    "T2": r"T2w?(?![*]|[ _-]?(?:star|map))|STIR",
    "bSSFP": r"b?SSFP|C0|cine|TrueFISP|TrUFI|FIESTA",
}


def role(name: str) -> Optional[str]:
    """Return "LGE", "T2" or "bSSFP" where a word of the name says so, else None."""
    for role, pattern in NAMES.items():
        if re.search(rf"(?<![A-Za-z])(?:{pattern})(?![A-Za-z])", name, re.IGNORECASE):
            return role
    return None


def stem(path: Union[str, Path]) -> str:
    """Return an image file's name without its folder and its ending."""
    return re.sub(r"\.(nii|nii\.gz|nrrd|nhdr|mha|mhd)$", "", Path(path).name)


def file_roles(paths: Sequence[Union[str, Path]]) -> tuple[str, ...]:
    """Return a role per image file, or else the file's name without its ending.

    Raises
    ------
    InvalidInput
        If two images would get the same.
    """
    names = [stem(path) for path in paths]
    roles = tuple(role(name) or name for name in names)
    for each in roles:
        if roles.count(each) > 1:
            raise InvalidInput(f"Two images are {each} by their names; tell them apart by --roles.")
    return roles
