"""Random smooth fields: what every drawn border and texture wobbles by."""

from __future__ import annotations

from functools import lru_cache

import numpy as np


def smooth_field(rng: np.random.Generator, shape: tuple[int, int, int], cells: float) -> np.ndarray:
    """Return a smooth random field of about zero mean and unit deviation.

    Random numbers on a coarse grid, joined by cubic B-splines.

    Parameters
    ----------
    rng : Generator
    shape : tuple of int
        ``(Z, Y, X)``.
    cells : float
        About how many independent values lie along an axis in plane; along the stack there are
        half as many as slices.

    Returns
    -------
    ndarray of float32, shape ``(Z, Y, X)``
    """
    depth, height, width = shape
    through, down, across = (
        _splines(depth, max(1, depth // 2)),
        _splines(height, max(1, round(cells))),
        _splines(width, max(1, round(cells))),
    )
    coarse = rng.standard_normal((through.shape[1], down.shape[1], across.shape[1]), np.float32)
    return np.tensordot(through, down @ coarse @ across.T, axes=1)


@lru_cache(maxsize=256)
def _splines(size: int, cells: int) -> np.ndarray:
    """Return the weights ``(size, cells + 3)`` of the coarse values at every point.

    Scaled so that independent values of unit deviation give points of unit mean square.
    """
    place = np.linspace(0, cells, size) if size > 1 else np.array([cells / 2])
    distance = np.abs(place[:, None] - np.arange(-1, cells + 2))
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.clip(2 - distance, 0, None) ** 3 / 6
    weights = np.where(distance < 1, near, far)
    return (weights / np.sqrt((weights**2).sum(axis=1).mean())).astype(np.float32)
