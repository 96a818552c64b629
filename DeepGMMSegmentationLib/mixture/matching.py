"""Which class is which tissue: the order of the classes, and how sure their names are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

# A cost above all that two classes can differ by.
FORBIDDEN = 1e12


def assignment_costs(
    means: np.ndarray, tissue_means: np.ndarray, tissue_deviations: np.ndarray
) -> np.ndarray:
    """Return how badly each class fits each tissue, in squared deviations of the tissue.

    Parameters
    ----------
    means : ndarray, shape ``(B, K, M)``
    tissue_means, tissue_deviations : ndarray, shape ``(B, K, M)``

    Returns
    -------
    ndarray, shape ``(B, K, K)``
        ``costs[b, tissue, class]``.
    """
    away = (means[:, None] - tissue_means[:, :, None]) / tissue_deviations[:, :, None]
    return (away**2).sum(-1)


def best_order(costs: np.ndarray, known: Sequence[int] = ()) -> np.ndarray:
    """Return the class that becomes each tissue, ``(B, K)``, at the least total cost.

    Parameters
    ----------
    costs : ndarray, shape ``(B, K, K)``
        ``costs[b, tissue, class]``.
    known : sequence of int
        Tissues that are the class of their own number, whatever that costs.
    """
    costs = costs.copy()
    for k in known:
        costs[:, k] = costs[:, :, k] = FORBIDDEN
        costs[:, k, k] = 0
    return np.stack([linear_sum_assignment(cost)[1] for cost in costs])


def order_by_rule(means: np.ndarray, sizes: np.ndarray, known: Sequence[int] = ()) -> np.ndarray:
    """Order unnamed classes: by rising mean of the first sequence in the largest mixture.

    The other mixtures' classes follow those of the largest, by the assignment that makes the
    squared distances between the means smallest.

    Parameters
    ----------
    means : ndarray, shape ``(B, K, M)``
        In normalised units.
    sizes : ndarray, shape ``(B,)``
        Voxels of each mixture.
    known : sequence of int
        Classes that keep their number; the others are ordered among themselves.

    Returns
    -------
    ndarray of int, shape ``(B, K)``
        The class that becomes class i.
    """
    reference = means[sizes.argmax()]
    order = np.arange(len(reference))
    free = np.setdiff1d(order, known)
    order[free] = free[reference[free, 0].argsort(kind="stable")]
    reference = np.broadcast_to(reference[order], means.shape)
    return best_order(assignment_costs(means, reference, np.ones_like(reference)), known)


def margins(costs: np.ndarray, sizes: np.ndarray) -> tuple[float, ...]:
    """Return how much worse the classes would fit if a tissue were any other class.

    Parameters
    ----------
    costs : ndarray, shape ``(B, K, K)``
        ``costs[b, tissue, class]``, the classes in the order of the tissues they are taken for.
    sizes : ndarray, shape ``(B,)``
        Voxels of each mixture; the margins are averaged with these weights.

    Returns
    -------
    tuple of K float
        Squared deviations; below 0 where another assignment would fit better.
    """
    tissues = range(costs.shape[1])
    margin = np.empty(costs.shape[:2])
    for b, cost in enumerate(costs):
        for tissue in tissues:
            forbidden = cost.copy()
            forbidden[tissue, tissue] = FORBIDDEN
            margin[b, tissue] = forbidden[linear_sum_assignment(forbidden)].sum() - cost.trace()
    return tuple(np.average(margin, axis=0, weights=sizes).tolist())
