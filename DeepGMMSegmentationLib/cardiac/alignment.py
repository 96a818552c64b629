"""The shift, and the order of slices, at which one sequence tells most of another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import numpy as np
from scipy import ndimage

BINS = 12
REACH = 5  # pixels searched each way
# Whole-pixel shifts (y, x), the nearest first.
SHIFTS = sorted(
    ((y, x) for y in range(-REACH, REACH + 1) for x in range(-REACH, REACH + 1)),
    key=lambda shift: shift[0] ** 2 + shift[1] ** 2,
)
FAR = 3.0  # mm, that a slice of one breath hold may well lie beside that of another
CLEARER = 1.2  # times the mutual information of the slice where it is, for it to have moved
LEAST_SLICES = 4  # for an order that is more than chance
BETTER = 1.05  # times the mutual information of the given order
SURROUNDINGS = 20.0  # mm around the region, in plane, whose borders help to align


def estimate_shift(
    fixed: np.ndarray, moving: np.ndarray, roi: np.ndarray, spacing: Sequence[float]
) -> tuple[int, int]:
    """Return the in-plane shift of `moving`, the same in all slices, that fits `fixed` best.

    The mutual information over the region and 20 mm around it is computed at every whole-pixel
    shift up to 5 pixels; it needs no common contrast (Viola and Wells, Int J Comput Vis
    1997;24:137-154; Maes et al., IEEE Trans Med Imaging 1997;16:187-198). Intensities are first
    ranked into equally filled bins, so that bright outliers do not matter. All slices are taken
    together: one slice alone is too noisy to tell.

    Parameters
    ----------
    fixed, moving : ndarray, shape ``(Z, Y, X)``
        Two sequences on one grid.
    roi : ndarray of bool, shape ``(Z, Y, X)``
        The region.
    spacing : sequence of float
        Millimetres per voxel, in array order.

    Returns
    -------
    tuple of int
        Pixels (y, x) by which `moving` lies too far along the axes: ``moving[y + dy, x + dx]``
        shows what ``fixed[y, x]`` shows.
    """
    near = _surroundings(roi, spacing)
    if not near.any():
        return 0, 0
    z, y, x = np.nonzero(near)
    a = _bins(fixed[near], fixed[near])
    b = _bins(moving, moving[near])
    return max(SHIFTS, key=lambda s: _mutual_information(a, b[z, y + s[0], x + s[1]]))


def find_moved_slices(
    fixed: np.ndarray, moving: np.ndarray, roi: np.ndarray, spacing: Sequence[float]
) -> list[int]:
    """Return the slices in which `moving` fits `fixed` clearly better when shifted by over 3 mm.

    As after a breath hold at another depth. Each slice is shifted as all are in `estimate_shift`,
    by itself and by 5 pixels at most; one alone is easily mistaken. Parameters as there.
    """
    near = _surroundings(roi, spacing) & np.isfinite(fixed) & np.isfinite(moving)
    if not near.any():
        return []
    a, b = _bins(fixed, fixed[near]), _bins(moving, moving[near])
    moved = []
    for index in np.flatnonzero(near.any(axis=(1, 2))):
        y, x = np.nonzero(near[index])
        own = a[index, y, x]
        fits = [_mutual_information(own, b[index, y + dy, x + dx]) for dy, dx in SHIFTS]
        best = int(np.argmax(fits))
        far = np.hypot(*np.multiply(SHIFTS[best], spacing[1:])) > FAR
        if far and fits[best] > CLEARER * fits[0]:
            moved.append(int(index))
    return moved


def estimate_order(
    fixed: np.ndarray, moving: np.ndarray, roi: np.ndarray, spacing: Sequence[float]
) -> Optional[str]:
    """Return how the slices of `moving` would fit `fixed` clearly better than as they are, if so.

    The mutual information is computed slice by slice as in `estimate_shift`, in the given order,
    in reverse order, and a slice further or back. Parameters as there.

    Returns
    -------
    str or None
        "in reverse order" or "moved by one slice"; None where the given order is as good, or fewer
        than four slices have both sequences.
    """
    near = _surroundings(roi, spacing) & np.isfinite(fixed) & np.isfinite(moving)
    slices = np.flatnonzero(near.any(axis=(1, 2)))
    if len(slices) < LEAST_SLICES:
        return None
    a, b = _bins(fixed, fixed[near]), _bins(moving, moving[near])

    def fit(order: np.ndarray) -> float:
        pairs = zip(slices, order)
        return sum(_mutual_information(a[z][near[z]], b[other][near[z]]) for z, other in pairs)

    given = BETTER * fit(slices)
    if fit(slices[::-1]) > given:
        return "in reverse order"
    further, back = np.append(slices[1:], slices[-1]), np.append(slices[0], slices[:-1])
    return "moved by one slice" if max(fit(further), fit(back)) > given else None


def _surroundings(roi: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
    """Return the region and what is near it in its slices, far from the image's sides."""
    near = np.zeros(roi.shape, bool)
    for index in np.flatnonzero(roi.any(axis=(1, 2))):
        near[index] = (
            ndimage.distance_transform_edt(~roi[index], sampling=spacing[1:]) <= SURROUNDINGS
        )
    near[:, :REACH] = near[:, -REACH:] = near[:, :, :REACH] = near[:, :, -REACH:] = False
    return near


def _mutual_information(a: np.ndarray, b: np.ndarray) -> float:
    """Return the mutual information of two lists of bin numbers below `BINS`, in nats."""
    joint = np.bincount(a * BINS + b, minlength=BINS * BINS).reshape(BINS, BINS) / a.size
    independent = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    some = joint > 0
    return float((joint[some] * np.log(joint[some] / independent[some])).sum())


def _bins(values: np.ndarray, sample: np.ndarray) -> np.ndarray:
    """Return the number of each value's bin, of bins equally filled by the sample."""
    edges = np.nanquantile(sample, np.arange(1, BINS) / BINS)
    return np.searchsorted(edges, values, side="right")
