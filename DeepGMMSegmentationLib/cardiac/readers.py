"""How well readers agree on their figures over a cohort: Bland-Altman, ICC, correlation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Optional

import numpy as np

from ..errors import InvalidInput
from .infarct import measure_infarct
from .sizes import WALL, measure_sizes

LEAST = 3  # cases
LIMITS = 1.96  # deviations on either side of the bias: 95 % of normal differences


# Readers' figures, by reader, case and what is measured.
Figures = Mapping[str, Mapping[str, Mapping[str, float]]]


@dataclass(frozen=True)
class ReaderAgreement:
    """Two readers' figures of the same cases.

    Attributes
    ----------
    cases : int
    bias, deviation : float
        Mean and standard deviation of the differences, the second reader's less the first's.
    lower, upper : float
        Limits of agreement: bias ∓ 1.96 deviations (Bland and Altman, Lancet 1986;1:307-310).
    icc : float or None
        ICC(2,1): two-way random effects, absolute agreement, single reader (Shrout and Fleiss,
        Psychol Bull 1979;86:420-428). None where all figures are equal.
    correlation : float or None
        Pearson's; None where a reader's figures are all equal.
    """

    cases: int
    bias: float
    deviation: float
    lower: float
    upper: float
    icc: Optional[float]
    correlation: Optional[float]


def compare_readers(first: Sequence[float], second: Sequence[float]) -> ReaderAgreement:
    """Compare two readers' figures, one of each case, in the same order.

    Raises
    ------
    InvalidInput
        If they are not as many, or fewer than three.
    """
    ratings = [np.asarray(reader, dtype=float) for reader in (first, second)]
    one, two = ratings
    if one.shape != two.shape or one.size < LEAST:
        raise InvalidInput(
            f"There are {one.size} and {two.size} figures; give both readers' of the same cases, "
            f"at least {LEAST}."
        )
    differences = two - one
    bias, deviation = float(differences.mean()), float(differences.std(ddof=1))
    correlation = None
    if one.std() > 0 and two.std() > 0:
        correlation = float(np.corrcoef(one, two)[0, 1])
    return ReaderAgreement(
        one.size,
        bias,
        deviation,
        bias - LIMITS * deviation,
        bias + LIMITS * deviation,
        intraclass_correlation(np.stack(ratings, axis=1)),
        correlation,
    )


def intraclass_correlation(ratings: np.ndarray) -> Optional[float]:
    """Return ICC(2,1) from the mean squares of cases, readers and the rest.

    Parameters
    ----------
    ratings : ndarray, shape ``(cases, readers)``
    """
    n, k = ratings.shape
    mean = ratings.mean()
    of_cases, of_readers = ratings.mean(axis=1, keepdims=True), ratings.mean(axis=0)
    cases = k * np.square(of_cases - mean).sum() / (n - 1)
    readers = n * np.square(of_readers - mean).sum() / (k - 1)
    rest = np.square(ratings - of_cases - of_readers + mean).sum() / ((n - 1) * (k - 1))
    whole = cases + (k - 1) * rest + k * (readers - rest) / n
    return float((cases - rest) / whole) if whole > 0 else None


def measure_figures(
    labels: np.ndarray, tissues: Sequence[str], spacing: Sequence[float]
) -> dict[str, float]:
    """Return what readers are compared by: each tissue's mL, and the infarct's % of myocardium.

    Parameters and errors as in `measure_sizes`; the labels are three-dimensional.
    """
    sizes = measure_sizes(labels, tissues, spacing)
    figures: dict[str, Optional[float]] = {f"{size.tissue}, mL": size.ml for size in sizes}
    if "scar" in tissues and any(size.voxels for size in sizes if size.tissue in WALL):
        infarct = measure_infarct(labels, tissues, spacing).infarct
        if infarct is not None:
            figures["infarct, % of myocardium"] = infarct.percent_of_myocardium
    return {name: value for name, value in figures.items() if value is not None}


def shared_figures(figures: Figures) -> Iterator[tuple[str, str, str, np.ndarray]]:
    """Yield two readers, what is measured, and their figures of the cases that both have.

    Yields
    ------
    first, second, quantity : str
    ratings : ndarray, shape ``(cases, 2)``
    """
    for first, second in combinations(figures, 2):
        cases = [case for case in figures[first] if case in figures[second]]
        quantities = dict.fromkeys(quantity for case in cases for quantity in figures[first][case])
        for quantity in quantities:
            pairs = [
                (figures[first][case][quantity], figures[second][case][quantity])
                for case in cases
                if quantity in figures[first][case] and quantity in figures[second][case]
            ]
            yield first, second, quantity, np.array(pairs).reshape(-1, 2)
