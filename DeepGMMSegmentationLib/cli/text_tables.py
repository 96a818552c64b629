"""Results as tables of text: sizes of tissues, and agreement of labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np

from ..cardiac.agreement import measure_agreement
from ..cardiac.sizes import measure_sizes
from ..errors import InvalidInput
from ..mixture.matching import dice, match
from ..result import Result


def size_table(result: Result, warnings: Sequence[str]) -> str:
    """Return how a run ended, the size of every tissue, and what the user should know.

    What makes a figure unreliable stands right below the sizes.
    """
    end = "converged" if result.converged else "did not converge"
    how = f"{end} after {result.iterations} iterations"
    if result.network:
        how = f"by a trained network, refined by {result.iterations - 1} steps"
    sizes = measure_sizes(result.labels, result.tissues, result.spacing, result.settings.density)
    named = any(size.grams is not None for size in sizes)  # of myocardium, which alone is weighed
    wall_header = f" {'g':>8} {'% myocardium':>13}" if named else ""
    lines = [
        f"{result.settings.method} {how}, {result.seconds:.1f} s on {result.device}; "
        f"NLL {result.history[-1]:.4f}.",
        "",
        f"{'Tissue':<20} {'Voxels':>9} {'mL':>8} {'% region':>9}{wall_header}",
    ]
    for size in sizes:
        line = f"{size.tissue:<20} {size.voxels:>9} {size.ml:>8.1f} {size.percent_of_region:>9.1f}"
        if size.grams is not None and size.percent_of_myocardium is not None:
            line += f" {size.grams:>8.1f} {size.percent_of_myocardium:>13.1f}"
        lines.append(line)
    lines += [f"Warning: {text}" for text in warnings]
    return "\n".join([*lines, *result.notes, ""])


def dice_table(
    labels: np.ndarray,
    truth: np.ndarray,
    matched: bool,
    names: Mapping[int, str],
    truth_names: Mapping[int, str],
    spacing: Sequence[float],
) -> str:
    """Return how every label, of any value, agrees with the truth's.

    By its Dice coefficient, the 95 % Hausdorff distance, the mean distance of the surfaces, and
    the volumes.

    Parameters
    ----------
    labels, truth : ndarray of int, of one shape
        0 where there is no label.
    matched : bool
        Whether labels are paired with the truth's so that the mean is highest, or by value.
    names, truth_names : mapping of int to str
        What the values are called, where they have names.
    spacing : sequence of float
        Millimetres per voxel, in array order.

    Raises
    ------
    InvalidInput
        If one of them holds no label.
    """
    values, truth_values = (np.unique(values[values > 0]) for values in (labels, truth))
    if not len(values) or not len(truth_values):
        raise InvalidInput("One of the label maps holds no label; give two that do.")
    if not matched:
        values = truth_values = np.union1d(values, truth_values)
    classes = max(len(values), len(truth_values))
    ranks = np.where(labels > 0, np.searchsorted(values, labels) + 1, 0)
    truth_ranks = np.where(truth > 0, np.searchsorted(truth_values, truth) + 1, 0)
    partner = match(ranks, truth_ranks, classes) if matched else np.arange(classes)
    ranks = np.append(0, partner + 1)[ranks]
    scores = dice(ranks, truth_ranks, classes)

    def text(values: np.ndarray, i: int, names: Mapping[int, str]) -> str:
        if i >= len(values):
            return "none"
        value = int(values[i])
        return f"{value} {names.get(value, '')}".strip()

    rows: list[tuple[str, ...]] = [
        ("Label", "Truth", "Dice", "HD95 mm", "mean mm", "mL", "true mL")
    ]
    for i, j in enumerate(partner):
        labelled = text(values, i, names), text(truth_values, int(j), truth_names)
        agreement = measure_agreement(ranks == j + 1, truth_ranks == j + 1, spacing)
        figures = [
            "–" if value is None else f"{value:.1f}" for value in dataclasses.astuple(agreement)
        ]
        rows.append((*labelled, f"{scores[j]:.3f}", *figures))
    rows.append(("Mean", "", f"{scores.mean():.3f}", "", "", "", ""))
    return "\n".join(
        f"{one:<24} {other:<24} {score:>6} {hausdorff:>8} {mean:>8} {ml:>7} {true:>8}".rstrip()
        for one, other, score, hausdorff, mean, ml, true in rows
    )


def overlap_rows(
    readers: Mapping[str, np.ndarray], tissues: Sequence[str], spacing: Sequence[float]
) -> Iterator[tuple[object, ...]]:
    """Yield two readers, a tissue, and how they agree on it in one case.

    By Dice, the 95 % Hausdorff distance and the mean distance of the surfaces, in mm; empty where
    a reader has none of it.

    Parameters
    ----------
    readers : mapping of str to ndarray of int
        Their label maps on one grid: 0 outside, ``i + 1`` where ``tissues[i]`` is.
    tissues : sequence of str
    spacing : sequence of float
        Millimetres per voxel, in array order.
    """
    for first, second in combinations(readers, 2):
        scores = dice(readers[first], readers[second], len(tissues))
        for k, tissue in enumerate(tissues):
            one, two = (readers[reader] == k + 1 for reader in (first, second))
            agreement = measure_agreement(one, two, spacing)
            figures = (scores[k], agreement.hausdorff_95, agreement.surface_distance)
            shown = ("" if value is None or np.isnan(value) else float(value) for value in figures)
            yield first, second, tissue, *shown


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of cells as lines of text in columns."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows
    )
