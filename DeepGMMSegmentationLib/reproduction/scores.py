"""Tables 1 and 2 of the paper beside the same figures measured here, as text and CSV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..report.tables import csv_text
from .myops import TISSUES

# Mean Dice over the four tissues on MyoPS 2020 (arXiv:2404.12252), where the paper has the method.
FIGURES = {
    1: {"GMM": 0.50, "deepG": 0.53, "SVGMM": 0.55, "deepSVG": 0.56},
    2: {"SVGMM": 0.55, "deepSVG": 0.52, "SVGMMμ": 0.58, "deepSVGμ": 0.63},
}
RULES = {
    "permuted": "labels permuted, slice by slice, so that the mean Dice against the truth is "
    "highest (the paper's rule; it looks at the truth)",
    "named": "labels as the method names them, without a look at the truth",
}


@dataclass(frozen=True)
class Score:
    """How one method did on one slice.

    Attributes
    ----------
    table : int
        1 or 2.
    method : str
        The paper's name of it, or that of our preset.
    rule : {"permuted", "named"}
        How labels were paired with the truth's; see `RULES`.
    patient : str
        The number in the names of the files.
    slice : int
        From 0, in the patient's files.
    dice : tuple of 4 float
        Of `TISSUES`.
    nll : float
        Mean NLL per voxel, as a density of the intensities normalised over the crop.
    seconds : float
        For this slice, without any training.
    """

    table: int
    method: str
    rule: str
    patient: str
    slice: int
    dice: tuple[float, ...]
    nll: float
    seconds: float


def score_csv(scores: Iterable[Score]) -> str:
    """Return every score, one row per slice, method and rule."""
    head = ["table", "method", "rule", "patient", "slice", *_columns(), "mean", "nll", "seconds"]
    rows = [
        [s.table, s.method, s.rule, s.patient, s.slice]
        + [f"{value:.6g}" for value in (*s.dice, np.mean(s.dice), s.nll, s.seconds)]
        for s in scores
    ]
    return csv_text([head, *rows])


def table_csv(scores: Sequence[Score], table: int) -> str:
    """Return a table: mean and deviation over slices, one row per method and rule."""
    names = [*_columns(), "mean", "nll", "seconds"]
    pairs = [f"{name}_{what}" for name in names for what in ("mean", "sd")]
    rows = [
        [method, rule, _paper(table, method, rule), len(values)]
        + [f"{number:.6g}" for pair in zip(*_moments(values)) for number in pair]
        for method, rule, values in _groups(scores, table)
    ]
    return csv_text([["method", "rule", "paper_mean", "slices", *pairs], *rows])


def table_text(scores: Sequence[Score], table: int) -> str:
    """Return a table for the eye: Dice as mean ± deviation over slices, NLL and seconds."""
    heads = [*(name.split()[0] for name in TISSUES), "mean"]
    lines = [
        f"{'Method':<16} {'Labels':<9}" + "".join(f"{head:>14}" for head in heads) + "   paper"
        f"{'NLL':>9}{'s/slice':>10}"
    ]
    for method, rule, values in _groups(scores, table):
        means, deviations = _moments(values)
        cells = [f"{m:.2f} ± {d:.2f}" for m, d in zip(means[:-2], deviations)]
        lines.append(
            f"{method:<16} {rule:<9}"
            + "".join(f"{cell:>14}" for cell in cells)
            # The column beside ours; empty where the paper has no such figure.
            + f"{_paper(table, method, rule):>8}{means[-2]:>9.3f}{means[-1]:>10.3f}"
        )
    return "\n".join(lines)


def _columns() -> list[str]:
    return [name.replace(" ", "_") for name in TISSUES]


def _paper(table: int, method: str, rule: str) -> str:
    figure = FIGURES[table].get(method) if rule == "permuted" else None
    return "" if figure is None else f"{figure:.2f}"


def _groups(scores: Sequence[Score], table: int) -> list[tuple[str, str, np.ndarray]]:
    """Return method, rule and values ``(slices, 4 tissues + mean, NLL, seconds)`` in order."""
    groups: dict[tuple[str, str], list[list[float]]] = {}
    for s in scores:
        if s.table == table:
            row = [*s.dice, float(np.mean(s.dice)), s.nll, s.seconds]
            groups.setdefault((s.method, s.rule), []).append(row)
    return [(method, rule, np.array(rows)) for (method, rule), rows in groups.items()]


def _moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and sample deviation over slices; of a single slice the deviation is NaN."""
    if len(values) == 1:
        return values[0], np.full(values.shape[1], np.nan)
    return values.mean(axis=0), values.std(axis=0, ddof=1)
