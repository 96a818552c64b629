"""Remote myocardium: a proposal of where n-SD takes the healthy wall from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np
from scipy import ndimage

from ..priors import lge_index
from ..result import Result
from .chords import outline_ventricle
from .infarct import INFARCT
from .sizes import WALL, mask

WIDTH = 60.0  # degrees: as much as a segment of the American Heart Association
STEP = 15.0  # degrees between the sectors that are compared
SHARE = 0.5  # of the usual number of voxels that a sector must have to be compared


@dataclass(frozen=True)
class Remote:
    """The remote myocardium that n-SD was taken from: its voxels, their mean and deviation."""

    voxels: int
    mean: float
    deviation: float


def remote_myocardium(
    lge: np.ndarray, labels: np.ndarray, tissues: Sequence[str], spacing: Sequence[float]
) -> np.ndarray:
    """Return the sector of the wall that a reader would take for remote myocardium.

    Of the sectors of 60° through all slices with a cavity, those with the least infarct are
    compared: the one with the lowest mean plus deviation of LGE is taken. Voxels at the wall's
    borders, which share their volume with blood or fat, are left out, and so are infarcted ones.

    Parameters
    ----------
    lge : ndarray, shape ``(Z, Y, X)``
        Intensities; NaN where there are none.
    labels : ndarray of integers, of the same shape
        0 outside the region, ``i + 1`` where ``tissues[i]`` is.
    tissues : sequence of str
        The K names.
    spacing : sequence of float
        Millimetres per voxel, in array order.

    Returns
    -------
    ndarray of bool, shape of the labels
        Empty where no slice has a wall around a cavity.
    """
    outline = outline_ventricle(labels, tissues, spacing)
    infarct = mask(labels, tissues, INFARCT)
    hollow = np.any(outline.cavity, axis=(1, 2))[:, None, None]
    wall = mask(labels, tissues, WALL) & outline.inside & hollow
    cross = ndimage.generate_binary_structure(2, 1)[None]
    inner = ndimage.binary_erosion(wall, cross) & np.isfinite(lge)
    z, y, x = np.nonzero(inner)
    if not z.size:
        return inner
    offset = np.stack([y, x], axis=1) * np.asarray(spacing[1:]) - outline.centers[z]
    degrees = np.degrees(np.arctan2(offset[:, 0], offset[:, 1]))
    sectors = [(degrees - begin) % 360 < WIDTH for begin in np.arange(0, 360, STEP)]
    lost = infarct[z, y, x]
    values = lge[z, y, x].astype(float)
    counts = np.array([np.count_nonzero(sector & ~lost) for sector in sectors])
    infarcted = np.array([lost[sector].mean() if sector.any() else 1.0 for sector in sectors])
    infarcted[counts < SHARE * np.median(counts)] = 1.0
    candidates = np.flatnonzero(infarcted == infarcted.min()).tolist()

    def height(i: int) -> float:
        healthy = values[sectors[i] & ~lost]
        return healthy.mean() + healthy.std() if healthy.size else np.inf

    chosen = sectors[min(candidates, key=height)] & ~lost
    remote = np.zeros(inner.shape, bool)
    remote[z[chosen], y[chosen], x[chosen]] = True
    return remote


def proposed_remote(result: Result, images: np.ndarray) -> Optional[np.ndarray]:
    """Return the remote myocardium that `remote_myocardium` proposes; None without LGE or wall.

    Parameters
    ----------
    result : Result
    images : ndarray, shape ``(M, *result.labels.shape)``
    """
    lge = find_lge(result, images)
    if lge is None or not mask(result.labels, result.tissues, WALL).any():
        return None
    stack = (1, *lge.shape)[-3:]
    spacing = (1.0, *result.spacing)[-3:]
    remote = remote_myocardium(
        lge.reshape(stack), result.labels.reshape(stack), result.tissues, spacing
    )
    return remote.reshape(lge.shape)


def find_lge(result: Result, images: Optional[np.ndarray]) -> Optional[np.ndarray]:
    """Return the LGE image, or None without one."""
    place = lge_index(result.roles)
    return None if place is None or images is None else images[place]


def measure_remote(
    result: Result, images: Optional[np.ndarray], remote: Optional[np.ndarray]
) -> Optional[Remote]:
    """Return mean and deviation of LGE in remote myocardium; None of fewer than two voxels."""
    lge = find_lge(result, images)
    if lge is None or remote is None:
        return None
    values = lge[remote & np.isfinite(lge)].astype(float)
    if values.size < 2:
        return None
    return Remote(values.size, float(values.mean()), float(values.std(ddof=1)))
