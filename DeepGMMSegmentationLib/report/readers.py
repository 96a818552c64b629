"""Agreement of readers over a cohort as tables and a picture."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ..cardiac.readers import Figures, ReaderAgreement, compare_readers, shared_figures
from .tables import csv_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEADER = (
    "First",
    "Second",
    "Figure",
    "Cases",
    "Bias (2nd − 1st)",
    "SD",
    "Limits",
    "ICC(2,1)",
    "Pearson",
)


def agreement_rows(figures: Figures) -> list[tuple[str, ...]]:
    """Return how two and two readers agree on each figure, as rows of text under `HEADER`.

    Raises
    ------
    InvalidInput
        If two readers share fewer than three cases.
    """
    rows = []
    for first, second, quantity, ratings in shared_figures(figures):
        agreement = compare_readers(*ratings.T)
        ratios = ["–" if r is None else f"{r:.2f}" for r in (agreement.icc, agreement.correlation)]
        limits = f"{agreement.lower:.1f} to {agreement.upper:.1f}"
        own = (str(agreement.cases), f"{agreement.bias:.1f}", f"{agreement.deviation:.1f}", limits)
        rows.append((first, second, quantity, *own, *ratios))
    return rows


def agreement_csv(figures: Figures) -> str:
    """Return the same with all digits as CSV; errors as in `agreement_rows`."""
    names = [field.name for field in dataclasses.fields(ReaderAgreement)]
    table: list[tuple[object, ...]] = [("first", "second", "figure", *names)]
    for first, second, quantity, ratings in shared_figures(figures):
        values = dataclasses.astuple(compare_readers(*ratings.T))
        cells = ("" if value is None else value for value in values)
        table.append((first, second, quantity, *cells))
    return csv_text(table)


def draw_bland_altman(figures: Figures) -> Figure:
    """Draw the differences of two and two readers over their means, with bias and limits."""
    from matplotlib.figure import Figure

    drawn = list(shared_figures(figures))
    pairs = list(dict.fromkeys((first, second) for first, second, _, _ in drawn))
    quantities = list(dict.fromkeys(quantity for _, _, quantity, _ in drawn))
    size = (3.4 * len(pairs), 2.7 * len(quantities))
    picture = Figure(figsize=size, layout="constrained")
    grid = picture.subplots(len(quantities), len(pairs), squeeze=False)
    for first, second, quantity, ratings in drawn:
        axes = grid[quantities.index(quantity), pairs.index((first, second))]
        agreement = compare_readers(*ratings.T)
        axes.scatter(ratings.mean(axis=1), ratings[:, 1] - ratings[:, 0], s=14, color="#0072B2")
        axes.axhline(0, color="0.8", linewidth=0.8, zorder=0)
        axes.axhline(agreement.bias, color="black", linewidth=1)
        for limit in (agreement.lower, agreement.upper):
            axes.axhline(limit, color="black", linewidth=1, linestyle="--")
        axes.set_title(f"{second} − {first}", fontsize=9)
        axes.set_xlabel(f"Mean: {quantity}", fontsize=8)
        axes.set_ylabel("Difference", fontsize=8)
        axes.tick_params(labelsize=8)
    return picture
