"""Which class is which tissue, how sure that is, and how well two label maps agree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from ..errors import InvalidInput

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
    residual = (means[:, None] - tissue_means[:, :, None]) / tissue_deviations[:, :, None]
    return (residual**2).sum(-1)


def best_order(costs: np.ndarray, fixed: Sequence[int] = ()) -> np.ndarray:
    """Return the class that becomes each tissue, ``(B, K)``, at the least total cost.

    Parameters
    ----------
    costs : ndarray, shape ``(B, K, K)``
        ``costs[b, tissue, class]``.
    fixed : sequence of int
        Tissues that are the class of their own number, whatever that costs.
    """
    costs = costs.copy()
    for k in fixed:
        costs[:, k] = costs[:, :, k] = FORBIDDEN
        costs[:, k, k] = 0
    return np.stack([linear_sum_assignment(cost)[1] for cost in costs])


def order_by_rule(means: np.ndarray, sizes: np.ndarray, fixed: Sequence[int] = ()) -> np.ndarray:
    """Order unnamed classes: by rising mean of the first sequence in the largest mixture.

    The other mixtures' classes follow those of the largest, by the assignment that makes the
    squared distances between the means smallest.

    Parameters
    ----------
    means : ndarray, shape ``(B, K, M)``
        In normalised units.
    sizes : ndarray, shape ``(B,)``
        Voxels of each mixture.
    fixed : sequence of int
        Classes that keep their number; the others are ordered among themselves.

    Returns
    -------
    ndarray of int, shape ``(B, K)``
        The class that becomes class i.
    """
    reference = means[sizes.argmax()]
    order = np.arange(len(reference))
    free = np.setdiff1d(order, fixed)
    order[free] = free[reference[free, 0].argsort(kind="stable")]
    reference = np.broadcast_to(reference[order], means.shape)
    return best_order(assignment_costs(means, reference, np.ones_like(reference)), fixed)


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


def dice(labels: np.ndarray, truth: np.ndarray, classes: int) -> np.ndarray:
    """Return the Dice coefficient of each class, ``2 |A ∩ B| / (|A| + |B|)``.

    Parameters
    ----------
    labels, truth : ndarray of integers, of one shape
        0 outside the region, 1…K inside.
    classes : int
        K.

    Returns
    -------
    ndarray of float64, shape ``(K,)``
        NaN for a class that neither holds.

    Raises
    ------
    InvalidInput
        If the two differ in shape or hold other values than 0…K.
    """
    return np.diagonal(_overlaps(labels, truth, classes)).copy()


def match(labels: np.ndarray, truth: np.ndarray, classes: int) -> np.ndarray:
    """Return the assignment of classes that maximises the mean Dice coefficient.

    Solved as a linear assignment problem, not by trying the K! permutations.

    Parameters
    ----------
    labels, truth : ndarray of integers, of one shape
        0 outside the region, 1…K inside.
    classes : int
        K.

    Returns
    -------
    ndarray of int, shape ``(K,)``
        Class i (label i + 1) is the truth's class ``permutation[i]``:
        ``np.concatenate([[0], permutation + 1])[labels]`` renames the labels.

    Raises
    ------
    InvalidInput
        If the two differ in shape or hold other values than 0…K.
    """
    # Two absent classes belong together: counted as 1, they never take a present one's partner.
    overlaps = np.nan_to_num(_overlaps(labels, truth, classes), nan=1.0)
    return linear_sum_assignment(overlaps, maximize=True)[1]


def _overlaps(labels: np.ndarray, truth: np.ndarray, classes: int) -> np.ndarray:
    """Return the Dice coefficient of every class of `labels` with every class of `truth`."""
    labels, truth = np.asarray(labels), np.asarray(truth)
    if labels.shape != truth.shape:
        raise InvalidInput(
            f"The labels have shape {labels.shape} and the truth {truth.shape}; "
            "compare label maps on the same grid."
        )
    for name, values in (("labels", labels), ("truth", truth)):
        if values.dtype.kind not in "iu" or values.size == 0:
            raise InvalidInput(f"The {name} must be whole numbers and not be empty.")
        if values.min() < 0 or values.max() > classes:
            raise InvalidInput(
                f"The {name} go from {values.min()} to {values.max()}; "
                f"give values from 0 (outside) to {classes}."
            )
    pairs = labels.ravel().astype(np.intp) * (classes + 1) + truth.ravel()
    counts = np.bincount(pairs, minlength=(classes + 1) ** 2).reshape(classes + 1, classes + 1)
    volumes = counts.sum(axis=1)[:, None] + counts.sum(axis=0)[None, :]
    with np.errstate(invalid="ignore"):
        return 2 * counts[1:, 1:] / volumes[1:, 1:]
