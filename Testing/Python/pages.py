"""The blocks of code in the repository's pages."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "DeepGMMSegmentationLib" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]


def blocks(language, *, slicer=False):
    """Return the fenced blocks of a language, in Slicer or not, named by page and place there."""
    parameters = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for i, code in enumerate(re.findall(rf"^```{language}\n(.*?)^```", text, re.S | re.M)):
            if ("slicer." in code) == slicer:
                parameters.append(pytest.param(code, id=f"{page.relative_to(ROOT)}-{i}"))
    return parameters
