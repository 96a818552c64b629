"""Whether a region lies where the region network sees a left ventricle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np
from scipy import ndimage

from ..mixture.device import one_thread
from ..priors import DARK_BLOOD_LGE, LGE
from .stack import Stack

SHARP = (LGE, DARK_BLOOD_LGE, "bSSFP")  # T2 alone shows the outline too poorly
LEAST_SLICES = 4  # in which a ventricle is seen, for a profile along the stack
SPARE = 0.02  # of its radius, that a region may lose rather than reach beyond the ventricle
MOST_EXCESS = 0.2
ALIKE = 0.095  # deviation of the areas' ratio, in logarithms, of profiles that agree


@dataclass(frozen=True)
class Placement:
    """How a region lies on the ventricle that is seen in its place.

    Attributes
    ----------
    overlap : float
        Median Dice over the slices; 0 stands for a slice in which none is seen.
    beside : float
        Length of the median displacement (y, x) of the ventricle's centre from the region's, in mm;
        0 where none is seen.
    further : float
        How many times better the ventricle's sizes, slice by slice, would follow the region's if
        that lay one slice further or back; 1 where they agree as they are, or there are too few.
    radius : float
        Median radius of the ventricle over that of the region; 1 where none is seen.
    """

    overlap: float
    beside: float
    further: float
    radius: float

    @property
    def excess(self) -> float:
        """How far the region reaches beyond the ventricle, over its radius, with a little spare."""
        return min(max(1 + SPARE - self.radius, 0.0), MOST_EXCESS)


@one_thread()
def place_on_ventricle(
    images: np.ndarray,
    roi: np.ndarray,
    spacing: Sequence[float],
    roles: Sequence[str],
    device: str = "cpu",
) -> Optional[Placement]:
    """Return how a region lies on the ventricle seen in its place.

    The network looks from the region's centre, at its size; it outlines what it sees, wherever the
    region ends.

    Parameters
    ----------
    images : ndarray, shape ``(M, Z, Y, X)``
        Of which LGE and bSSFP are looked at where they reach all of the region.
    roi : ndarray of bool, shape ``(Z, Y, X)``
        The left ventricle: blood and wall.
    spacing : sequence of 3 float
        Millimetres per voxel, ``(z, y, x)``.
    roles : sequence of str
        Which sequence each image is.
    device : str
        "auto", "cpu", "cuda" or "cuda:N".

    Returns
    -------
    Placement or None
        None without such a sequence.
    """
    seen = [
        m for m, role in enumerate(roles) if role in SHARP and np.isfinite(images[m][roi]).all()
    ]
    if not seen:
        return None
    stack = Stack(images[seen], spacing, [roles[m] for m in seen], device)
    pixel = np.array(spacing[1:])
    overlaps, moves = [], []
    areas = np.zeros((2, len(roi)))  # of the region and the ventricle, in pixels
    for z in np.flatnonzero(roi.any(axis=(1, 2))):
        centre = np.array(ndimage.center_of_mass(roi[z])) * pixel
        radius = float(np.sqrt(roi[z].sum() * pixel.prod() / np.pi))
        (outline,) = stack.read(int(z), [((centre[0], centre[1]), radius)], turned=1)
        mask = np.zeros_like(roi[z]) if outline is None else outline.mask(stack.shape, stack.pixel)
        areas[:, z] = roi[z].sum(), mask.sum()
        overlaps.append(2 * (mask & roi[z]).sum() / areas[:, z].sum())
        if mask.any():
            moves.append(np.array(ndimage.center_of_mass(mask)) * pixel - centre)
    beside = np.hypot(*np.median(moves, axis=0)) if moves else 0.0
    visible = areas[1] > 0
    radius = np.sqrt(np.median(areas[1, visible] / areas[0, visible])) if visible.any() else 1.0
    return Placement(float(np.median(overlaps)), float(beside), _further(*areas), float(radius))


def _further(region: np.ndarray, ventricle: np.ndarray) -> float:
    """Return how many times better areas per slice agree a slice further; see `Placement`."""
    sizes = np.pad(np.stack([region, ventricle]), ((0, 0), (1, 1)))
    own, seen = np.log(np.where(sizes > 0, sizes, np.nan))
    unlike = []
    for move in (0, 1, -1):
        difference = seen - np.roll(own, move)
        known = np.isfinite(difference)
        if known.sum() < LEAST_SLICES:
            return 1.0
        unlike.append(difference[known].std())
    return float(unlike[0] / max(min(unlike[1:]), 1e-6)) if unlike[0] > ALIKE else 1.0
