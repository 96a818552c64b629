"""How well two readers' outlines of one tissue agree: distances of their surfaces, volumes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np
from scipy import ndimage

from .sizes import volume_ml

QUANTILE = 95  # percent of the distances: the largest of all is a single voxel's


@dataclass(frozen=True)
class Agreement:
    """One tissue in two label maps.

    Attributes
    ----------
    hausdorff_95 : float or None
        The distance in mm from either surface to the other that 95 % stay below; the larger of
        the two ways. None where one of the two is empty.
    surface_distance : float or None
        The mean distance in mm from the surfaces to each other.
    ml, other_ml : float or None
        Their volumes; None for a two-dimensional image.
    """

    hausdorff_95: Optional[float]
    surface_distance: Optional[float]
    ml: Optional[float]
    other_ml: Optional[float]


def measure_agreement(mask: np.ndarray, other: np.ndarray, spacing: Sequence[float]) -> Agreement:
    """Compare two masks of one tissue.

    Surfaces are voxels with a neighbour outside, across faces (in the slice and through it).

    Parameters
    ----------
    mask, other : ndarray of bool, of one shape
    spacing : sequence of float
        Millimetres per voxel, in array order.
    """
    volumes = (volume_ml(int(np.count_nonzero(part)), spacing) for part in (mask, other))
    if not mask.any() or not other.any():
        return Agreement(None, None, *volumes)
    surfaces = [part & ~ndimage.binary_erosion(part) for part in (mask, other)]
    there, back = (
        ndimage.distance_transform_edt(~goal, sampling=spacing)[start]
        for start, goal in (surfaces, surfaces[::-1])
    )
    return Agreement(
        float(max(np.percentile(there, QUANTILE), np.percentile(back, QUANTILE))),
        float(np.concatenate([there, back]).mean()),
        *volumes,
    )
