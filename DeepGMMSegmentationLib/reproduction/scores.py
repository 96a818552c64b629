"""Tables 1 and 2 of the paper beside the same figures measured here."""

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
    collapsed : bool
        Whether a class has less than one percent of the region.
    """

    table: int
    method: str
    rule: str
    patient: str
    slice: int
    dice: tuple[float, ...]
    nll: float
    seconds: float
    collapsed: bool


def score_csv(scores: Iterable[Score]) -> str:
    """Return every score, one row per slice, method and rule."""
    head = ["table", "method", "rule", "patient", "slice", *_columns(), "mean", "nll", "seconds"]
    rows = [
        [s.table, s.method, s.rule, s.patient, s.slice]
        + [f"{value:.6g}" for value in (*s.dice, np.mean(s.dice), s.nll, s.seconds)]
        + [int(s.collapsed)]
        for s in scores
    ]
    return csv_text([[*head, "collapsed"], *rows])


def table_csv(scores: Sequence[Score], table: int) -> str:
    """Return a table: mean and deviation over slices, one row per method and rule."""
    names = [*_columns(), "mean", "nll", "seconds"]
    pairs = [f"{name}_{what}" for name in names for what in ("mean", "sd")]
    rows = []
    for method, rule, group in _groups(scores, table):
        means, deviations = _moments(group)
        figures = [number for pair in zip(means, deviations) for number in pair]
        paper = _paper(table, method, rule)
        row = [method, rule, paper, len(group), f"{_collapsed(group):.6g}"]
        rows.append(row + [f"{number:.6g}" for number in figures])
    return csv_text([["method", "rule", "paper_mean", "slices", "collapsed", *pairs], *rows])


def table_cells(scores: Sequence[Score], table: int) -> list[list[str]]:
    """Return a table for the eye, its head first: Dice as mean ± deviation over slices."""
    heads = [*(name.split()[0] for name in TISSUES), "mean"]
    rows = [["Method", "Labels", *heads, "paper", "NLL", "s/slice", "collapsed"]]
    for method, rule, group in _groups(scores, table):
        means, deviations = _moments(group)
        one = len(group) == 1  # which has no deviation
        dice = [f"{m:.2f}" if one else f"{m:.2f} ± {d:.2f}" for m, d in zip(means[:-2], deviations)]
        nll, seconds = f"{means[-2]:.3f}", f"{means[-1]:.3f}"
        paper = _paper(table, method, rule)  # empty where the paper has no such figure
        rows.append([method, rule, *dice, paper, nll, seconds, f"{_collapsed(group):.0%}"])
    return rows


def table_text(scores: Sequence[Score], table: int) -> str:
    """Return a table for a terminal."""
    rows = table_cells(scores, table)
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths))
        )
        for row in rows
    )


def table_markdown(scores: Sequence[Score], table: int) -> str:
    """Return a table in Markdown."""
    head, *rows = table_cells(scores, table)
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def table_latex(scores: Sequence[Score], table: int) -> str:
    """Return a table as a LaTeX tabular with booktabs rules."""
    cells = table_cells(scores, table)
    head, *rows = (" & ".join(row) + r" \\" for row in cells)
    columns = "ll" + "r" * (len(cells[0]) - 2)
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", head, r"\midrule", *rows]
    text = "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])
    return text.replace("±", r"$\pm$").replace("μ", r"$\mu$").replace("%", r"\%")


def _columns() -> list[str]:
    return [name.replace(" ", "_") for name in TISSUES]


def _paper(table: int, method: str, rule: str) -> str:
    figure = FIGURES[table].get(method) if rule == "permuted" else None
    return "" if figure is None else f"{figure:.2f}"


def _groups(scores: Sequence[Score], table: int) -> list[tuple[str, str, list[Score]]]:
    """Return method, rule and their scores, in order of appearance."""
    groups: dict[tuple[str, str], list[Score]] = {}
    for score in scores:
        if score.table == table:
            groups.setdefault((score.method, score.rule), []).append(score)
    return [(method, rule, group) for (method, rule), group in groups.items()]


def _moments(scores: Sequence[Score]) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and sample deviation over slices of the four Dice, their mean, NLL and seconds.

    Of a single slice the deviation is NaN.
    """
    values = np.array([[*s.dice, np.mean(s.dice), s.nll, s.seconds] for s in scores])
    if len(values) == 1:
        return values[0], np.full(values.shape[1], np.nan)
    return values.mean(axis=0), values.std(axis=0, ddof=1)


def _collapsed(scores: Sequence[Score]) -> float:
    return float(np.mean([score.collapsed for score in scores]))
