"""Two time points of one heart as a table and a page."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Optional

import numpy as np

from ..cardiac.comparison import MASS, Comparison, Figure
from .markup import NONE, amount, items, number, page, picture, png, table, warning_box
from .tables import csv_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

HEADER = ("Figure", "Baseline", "Follow-up", "Change", "Change %")
OUTPUTS = ("comparison.html", "comparison.csv", "comparison.pdf")
COLORS = ("#D55E00", "#0072B2")  # of baseline and follow-up


def comparison_rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """Return the changes as rows of text under `HEADER`, then the figures made of both times."""
    lines = [
        (
            f"{change.name}, {change.unit}",
            _with_range(change.baseline),
            _with_range(change.followup),
            _signed(change.difference),
            _signed(change.percent),
        )
        for change in comparison.changes
    ]
    return [*lines, *((name, *("",) * 2, value, "") for name, value in _derived(comparison))]


def comparison_csv(comparison: Comparison) -> str:
    """Return every figure of both times, with all its digits, and the warnings as CSV."""
    lines: list[tuple[object, ...]] = [("figure", "unit", "baseline", "followup", "difference")]
    for change in comparison.changes:
        values = (
            change.baseline and change.baseline.value,
            change.followup and change.followup.value,
        )
        lines.append((change.name, change.unit, *values, change.difference))
    for name in ("shrinkage", "edema_gone", "salvage_index"):
        lines.append((name, "", "", "", getattr(comparison, name)))
    lines += [("warning", "", "", "", text) for text in comparison.warnings]
    return csv_text(["" if cell is None else cell for cell in line] for line in lines)


def render_comparison(comparison: Comparison, case: str) -> str:
    """Return the comparison as the text of one HTML file; `case` is not a patient's name."""
    cards = "".join(
        f'<div class="card"><span>{name}</span><b>{value}</b></div>'
        for name, value in _derived(comparison)
    )
    lines = [
        [escape(cell) for cell in line]
        for line in comparison_rows(comparison)[: len(comparison.changes)]
    ]
    return page(
        "comparison.html",
        case=escape(case),
        warnings=warning_box(comparison.warnings),
        cards=cards,
        picture=picture(png(draw_comparison(comparison)), "Masses, with their 90 % intervals."),
        changes=table(HEADER, lines),
        notes=items(comparison.notes),
    )


def draw_comparison(comparison: Comparison) -> Picture:
    """Draw the masses of infarct, MVO, edema and area at risk at both times."""
    from matplotlib.figure import Figure as Picture
    from matplotlib.patches import Patch

    changes = [c for c in comparison.changes if c.unit == MASS and c.name != "myocardium"]
    drawn = Picture(figsize=(7, 3), layout="constrained")
    axes = drawn.subplots()
    places = np.arange(len(changes))
    for k, (name, color) in enumerate(zip(("baseline", "followup"), COLORS)):
        for place, change in zip(places + 0.4 * k - 0.2, changes):
            figure = getattr(change, name)
            if figure is None:
                continue
            axes.bar(place, figure.value, 0.38, color=color)
            axes.annotate(
                amount(figure.value),
                (place - 0.08, figure.value),
                ha="center",
                va="bottom",
            )
            if figure.interval is not None:
                axes.plot([place + 0.1] * 2, figure.interval, color="black", linewidth=1)
    axes.set_xticks(places, [change.name for change in changes])
    axes.set_ylabel("g")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend([Patch(color=color) for color in COLORS], ["Baseline", "Follow-up"], frameon=False)
    return drawn


def _derived(comparison: Comparison) -> list[tuple[str, str]]:
    salvaged = number(comparison.salvage_index, 2)
    return [
        _less_or_more("Infarct shrinkage", "Infarct growth", comparison.shrinkage),
        _less_or_more("Edema gone", "Edema added", comparison.edema_gone),
        ("Salvage index (acute area at risk, late infarct)", salvaged),
    ]


def _less_or_more(less: str, more: str, lost: Optional[float]) -> tuple[str, str]:
    """Return what the lost part of a mass is called, and how much it is."""
    if lost is None:
        return less, NONE
    return less if lost >= 0 else more, f"{abs(100 * lost):.0f} %"


def _with_range(figure: Optional[Figure]) -> str:
    if figure is None:
        return NONE
    if figure.interval is None:
        return amount(figure.value)
    low, high = figure.interval
    return f"{amount(figure.value)} ({amount(low)} to {amount(high)})"


def _signed(value: Optional[float]) -> str:
    text = amount(value)
    if text in ("0.0", "-0.0"):
        return "0"
    return f"+{text}" if value is not None and value > 0 else text.replace("-", "−")
