"""From fits, whose classes come in any order, to the tissues in theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np
import torch

from . import matching
from .fit import Fit, best_of
from .problem import Problem


@dataclass(frozen=True)
class Named:
    """The best of several fits, class k being tissue k; voxels are those of the region's crop.

    Attributes
    ----------
    fit : Fit
        The best one, its classes in its own order.
    labels : ndarray of uint8, shape ``(Z, H, W)``
        k + 1, and 0 outside the region.
    probabilities : ndarray of float32, shape ``(K, Z, H, W)``
        Of the tissues; 0 outside the region.
    means, covariances, proportions : ndarray, shapes ``(B, K, M)``, ``(B, K, M, M)``, ``(B, K)``
        In normalised units; the proportions are shares of the responsibilities.
    margins : tuple of float, optional
        How sure each name is; None where no prior says what tissues look like.
    agreement : tuple of float, optional
        Per tissue, the mean Dice between all pairs of fits; None of a single one.
    """

    fit: Fit
    labels: np.ndarray
    probabilities: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    proportions: np.ndarray
    margins: Optional[tuple[float, ...]]
    agreement: Optional[tuple[float, ...]]


def name_classes(fits: Sequence[Fit], problem: Problem, fixed: Sequence[int]) -> Named:
    """Choose the best fit, and the class that becomes each tissue.

    Parameters
    ----------
    fits : sequence of Fit
        Of the problem, from several seeds.
    problem : Problem
    fixed : sequence of int
        The classes that are in their place already.
    """
    best = best_of(fits)
    order, margins = _order(best, problem, fixed)
    probabilities = _probabilities(best, order, problem)
    labels = _labels(probabilities, problem)
    mixture = best.mixture.map(lambda values: _reorder(values, order))
    inside = problem.region.valid.to(best.responsibilities)[:, None]
    shares = (best.responsibilities * inside).sum(-1) / inside.sum(-1)
    return Named(
        fit=best,
        labels=labels,
        probabilities=probabilities,
        means=_numpy(mixture.means),
        covariances=_numpy(mixture.covariances),
        proportions=_numpy(_reorder(shares, order)),
        margins=margins,
        agreement=_agreement(fits, labels, problem, fixed),
    )


def _order(
    fit: Fit, problem: Problem, fixed: Sequence[int]
) -> tuple[np.ndarray, Optional[tuple[float, ...]]]:
    """Return the class that becomes each tissue, ``(B, K)``, and how sure the names are."""
    means, sizes = _numpy(fit.mixture.means), problem.region.valid.sum(-1).numpy()
    if problem.tissues is None:
        return matching.order_by_rule(means, sizes, fixed), None
    costs = matching.assignment_costs(means, *problem.tissues)
    order = matching.best_order(costs, fixed)
    ordered = np.take_along_axis(costs, order[:, None], axis=2)
    return order, matching.margins(ordered, sizes)


def _reorder(values: torch.Tensor, order: np.ndarray) -> torch.Tensor:
    """Return parameters ``(B, K, …)`` with the classes in another order ``(B, K)``."""
    return values[torch.arange(len(order))[:, None], torch.from_numpy(order).to(values.device)]


def _probabilities(fit: Fit, order: np.ndarray, problem: Problem) -> np.ndarray:
    """Return the responsibilities on the region's crop, float32 ``(K, Z, H, W)``.

    Where the tissue network's proportions count a times, so that the intensities count once in a,
    the responsibilities to the power 1 / a are as sure as the network alone: it is the network
    that was calibrated. The most probable class stays.
    """
    responsibilities, settings = _reorder(fit.responsibilities, order), problem.settings
    if settings.anatomy > 1 and settings.anatomy_from == "network":
        responsibilities = responsibilities ** (1 / settings.anatomy)
        responsibilities = responsibilities / responsibilities.sum(1, keepdim=True).clamp_min(1e-12)
    grid = problem.region.scatter(responsibilities)
    return _numpy(grid.float().movedim(1, 0))


def _labels(probabilities: np.ndarray, problem: Problem) -> np.ndarray:
    return ((probabilities.argmax(axis=0) + 1) * problem.region.mask).astype(np.uint8)


def _agreement(
    fits: Sequence[Fit], labels: np.ndarray, problem: Problem, fixed: Sequence[int]
) -> Optional[tuple[float, ...]]:
    """Return per tissue the mean Dice between all pairs of restarts, matched to the result."""
    if len(fits) == 1:
        return None
    classes = problem.settings.classes
    orders = [_order(fit, problem, fixed)[0] for fit in fits]
    runs = [
        _labels(_probabilities(fit, order, problem), problem) for fit, order in zip(fits, orders)
    ]
    matched = [np.append(0, matching.match(run, labels, classes) + 1)[run] for run in runs]
    pairs = [matching.dice(a, b, classes) for i, a in enumerate(matched) for b in matched[:i]]
    # A class that neither of two runs has is one they agree on.
    return tuple(np.nan_to_num(pairs, nan=1.0).mean(axis=0).tolist())


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()
