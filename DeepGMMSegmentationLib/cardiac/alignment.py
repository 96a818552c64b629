"""The shift, and the order of slices, at which one sequence tells most of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np
from scipy import ndimage
from scipy.special import rel_entr

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


@dataclass(frozen=True)
class Alignment:
    """How one sequence lies on another.

    Attributes
    ----------
    shift : tuple of int
        Pixels (y, x) by which all slices of `moving` lie too far along the axes:
        ``moving[y + dy, x + dx]`` shows what ``fixed[y, x]`` shows.
    moved : tuple of int
        Slices that each fit clearly better when shifted by over 3 mm, as after a breath hold at
        another depth. One alone is easily mistaken.
    order : str or None
        How the slices of `moving` would fit `fixed` clearly better than as they are: "in reverse
        order" or "moved by one slice"; None where the given order is as good, or fewer than four
        slices have both sequences.
    """

    shift: tuple[int, int]
    moved: tuple[int, ...]
    order: Optional[str]


def estimate_alignment(
    fixed: np.ndarray, moving: np.ndarray, roi: np.ndarray, spacing: Sequence[float]
) -> Alignment:
    """Return how a sequence lies on another, by their mutual information.

    It is computed over the region and 20 mm around it, slice by slice and for all slices together,
    at every whole-pixel shift up to 5 pixels; it needs no common contrast (Viola and Wells, Int J
    Comput Vis 1997;24:137-154; Maes et al., IEEE Trans Med Imaging 1997;16:187-198). Intensities
    are first ranked into equally filled bins, so that bright outliers do not matter.

    Parameters
    ----------
    fixed, moving : ndarray, shape ``(Z, Y, X)``
        Two sequences on one grid; NaN where they do not reach.
    roi : ndarray of bool, shape ``(Z, Y, X)``
        The region.
    spacing : sequence of float
        Millimetres per voxel, in array order.
    """
    near = _surroundings(roi, spacing) & np.isfinite(fixed) & np.isfinite(moving)
    slices = np.flatnonzero(near.any(axis=(1, 2)))
    if not slices.size:
        return Alignment((0, 0), (), None)
    rows, columns = (np.flatnonzero(near.any(axis=(0, axis))) for axis in (2, 1))
    high, wide = (slice(line[0] - REACH, line[-1] + REACH + 1) for line in (rows, columns))
    box = (slice(None), high, wide)
    near = near[box]
    a, b = (_bins(image[box], image[box][near]) for image in (fixed, moving))
    cells = (np.searchsorted(slices, near.nonzero()[0]) * BINS + a[near]) * BINS
    places, width = np.flatnonzero(near), near.shape[2]
    joint = np.stack(
        [
            np.bincount(cells + b.take(places + dy * width + dx), minlength=len(slices) * BINS**2)
            for dy, dx in SHIFTS
        ]
    ).reshape(len(SHIFTS), len(slices), BINS, BINS)
    shift = SHIFTS[int(_mutual_information(joint.sum(axis=1)).argmax())]
    fits = _mutual_information(joint)
    distances = np.hypot(*np.multiply(SHIFTS, spacing[1:]).T)
    far = distances[fits.argmax(axis=0)] > FAR
    moved = slices[far & (fits.max(axis=0) > CLEARER * fits[0])]
    return Alignment(shift, tuple(moved.tolist()), _order(a, b, near, slices))


def _order(a: np.ndarray, b: np.ndarray, near: np.ndarray, slices: np.ndarray) -> Optional[str]:
    """Return the order in which the slices fit better; see `Alignment`. Bin numbers as images."""
    if len(slices) < LEAST_SLICES:
        return None

    def fit(order: np.ndarray) -> float:
        joint = [
            np.bincount(a[z][near[z]] * BINS + b[other][near[z]], minlength=BINS**2)
            for z, other in zip(slices, order)
        ]
        return float(_mutual_information(np.reshape(joint, (-1, BINS, BINS))).sum())

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


def _mutual_information(joint: np.ndarray) -> np.ndarray:
    """Return the mutual information ``(…)`` of joint histograms ``(…, BINS, BINS)``, in nats."""
    joint = joint / joint.sum(axis=(-2, -1), keepdims=True)
    independent = joint.sum(axis=-1, keepdims=True) * joint.sum(axis=-2, keepdims=True)
    return rel_entr(joint, independent).sum(axis=(-2, -1))


def _bins(values: np.ndarray, sample: np.ndarray) -> np.ndarray:
    """Return the number of each value's bin, of bins equally filled by the sample."""
    edges = np.nanquantile(sample, np.arange(1, BINS) / BINS)
    return np.searchsorted(edges, values, side="right")
