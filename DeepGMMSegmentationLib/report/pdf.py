"""A page for reading as a PDF for printing, which WeasyPrint makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import InvalidInput


def load_weasyprint() -> Any:
    """Return the module, which is installed only where it is wanted.

    Raises
    ------
    InvalidInput
        If it, or the library Pango that it draws text with, is not there.
    """
    try:
        import weasyprint
    except (ImportError, OSError) as error:
        raise InvalidInput(
            "A PDF needs WeasyPrint and Pango: pip install weasyprint, and see its page on "
            "installation; or print report.html from a browser."
        ) from error
    return weasyprint


def write_pdf(page: str, file: Path) -> None:
    """Write a page, the text of an HTML file with all its pictures inside, as A4.

    Raises
    ------
    InvalidInput
        See `load_weasyprint`.
    """
    load_weasyprint().HTML(string=page).write_pdf(file)
