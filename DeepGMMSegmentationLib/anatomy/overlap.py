"""Whether a region lies where the region network sees a left ventricle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import numpy as np
from scipy import ndimage

from ..mixture.device import one_thread
from ..priors import DARK_BLOOD_LGE, LGE
from .stack import Stack

SHARP = (LGE, DARK_BLOOD_LGE, "bSSFP")  # T2 alone shows the outline too poorly


@one_thread()
def overlap_with_ventricle(
    images: np.ndarray,
    roi: np.ndarray,
    spacing: Sequence[float],
    roles: Sequence[str],
    device: str = "cpu",
) -> Optional[float]:
    """Return the median Dice, over the slices, of a region and the ventricle seen in its place.

    The network looks from the region's centre, at its size; it outlines what it sees, wherever the
    region ends. 0 stands for a slice in which it sees none.

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
    float or None
        None without such a sequence.
    """
    seen = [
        m for m, role in enumerate(roles) if role in SHARP and np.isfinite(images[m][roi]).all()
    ]
    if not seen:
        return None
    stack = Stack(images[seen], spacing, [roles[m] for m in seen], device)
    pixel = np.array(spacing[1:])
    overlaps = []
    for z in np.flatnonzero(roi.any(axis=(1, 2))):
        y, x = np.array(ndimage.center_of_mass(roi[z])) * pixel
        radius = float(np.sqrt(roi[z].sum() * pixel.prod() / np.pi))
        (outline,) = stack.read(int(z), [((y, x), radius)], turned=1)
        mask = np.zeros_like(roi[z]) if outline is None else outline.mask(stack.shape, stack.pixel)
        overlaps.append(2 * (mask & roi[z]).sum() / (mask.sum() + roi[z].sum()))
    return float(np.median(overlaps))
