"""What pages are made of: tables, pictures, warnings and amounts as HTML."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Optional

from ..version import __version__

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RESOURCES = Path(__file__).parents[1] / "Resources"
NONE = "–"


def page(template: str, **values: str) -> str:
    """Return a template of `Resources`, filled in, in the style of all pages.

    Parameters
    ----------
    template : str
        Its file's name.
    **values
        HTML for its places, but for the style and the version.
    """
    text = (RESOURCES / template).read_text(encoding="utf-8")
    style = (RESOURCES / "page.css").read_text(encoding="utf-8")
    return Template(text).substitute(values, style=style, version=escape(__version__))


def warning_box(warnings: Sequence[str]) -> str:
    """Return the box that stands above all figures."""
    if not warnings:
        return '<p class="fine">No automatic check raised a warning.</p>'
    return f'<div class="warnings"><b>Check this first</b><ul>{items(warnings)}</ul></div>'


def png(drawn: Figure) -> bytes:
    """Return a figure as the content of a PNG file."""
    data = io.BytesIO()
    # Half the time of the default for a twentieth more bytes.
    drawn.savefig(data, format="png", dpi=110, pil_kwargs={"compress_level": 3})
    return data.getvalue()


def picture(image: bytes, caption: str) -> str:
    """Return a PNG inside the page, and its caption, which is text."""
    text = base64.b64encode(image).decode("ascii")
    return (
        f'<figure><img src="data:image/png;base64,{text}" alt="{escape(caption)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def table(header: Iterable[str], lines: Iterable[Sequence[str]], ours: bool = False) -> str:
    """Return a table of cells that are HTML already; `ours` marks its first row."""
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join(
        f"<tr{' class=ours' if ours and i == 0 else ''}>"
        + "".join(f"<td>{cell}</td>" for cell in line)
        + "</tr>"
        for i, line in enumerate(lines)
    )
    lines_of_both = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="wide"><table>{lines_of_both}</table></div>'


def items(sentences: Iterable[str]) -> str:
    """Return sentences, which are text, as the items of a list."""
    return "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)


def amount(value: Optional[float]) -> str:
    """Return a volume, mass or percentage with two digits, and all that stand before the point."""
    return number(value, 0 if value is not None and abs(value) >= 9.95 else 1)


def number(value: Optional[float], digits: int = 1) -> str:
    """Return a number with so many decimals, or a dash for none."""
    return NONE if value is None else f"{value:.{digits}f}"


def whole(percent: Optional[float]) -> str:
    """Return a percentage without decimals; what is above 0 never reads 0."""
    return "&lt; 1" if percent is not None and 0 < percent < 0.5 else number(percent, 0)
