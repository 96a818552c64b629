"""What a voxel's place says about its tissue: smoothed proportions, and depth in the region."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from .region import Region


def smoother(region: Region, millimetres: float, along_slices: bool) -> Callable[[Tensor], Tensor]:
    """Return the map from responsibilities to their local Gaussian averages in the region.

    The average runs over the voxels of the region alone, so that it is not diluted at the border.

    Parameters
    ----------
    region : Region
    millimetres : float
        Deviation of the Gaussian.
    along_slices : bool
        Whether neighbouring slices count too (one mixture for all of them) or not.

    Returns
    -------
    callable
        From ``(B, K, N)`` to ``(B, K, N)``.
    """
    _, height, width = region.mask.shape
    # The slices of the region need not be neighbours.
    positions = region.crop[0], np.arange(height), np.arange(width)
    kernels = [
        _gaussian_matrix(position * step, millimetres)
        for position, step in zip(positions, region.spacing)
    ]
    if not along_slices:
        kernels[0] = torch.eye(len(kernels[0]), dtype=torch.float64)
    inside = torch.from_numpy(region.mask)[:, None].double()
    coverage = _apply(kernels, inside)

    def smooth(responsibilities: Tensor) -> Tensor:
        kind: dict[str, Any] = {"dtype": responsibilities.dtype, "device": responsibilities.device}
        grid = region.scatter(responsibilities * region.valid[:, None].to(**kind))
        average = _apply([kernel.to(**kind) for kernel in kernels], grid)
        return region.gather(average / coverage.to(**kind).clamp_min(1e-12))

    return smooth


def _gaussian_matrix(positions: np.ndarray, deviation: float) -> Tensor:
    """Return the weights ``(n, n)`` of a Gaussian window between n positions on one axis."""
    away = torch.from_numpy(positions[:, None] - positions) / deviation
    return torch.exp(-0.5 * away**2)


def _apply(kernels: list[Tensor], grid: Tensor) -> Tensor:
    """Average a grid ``(Z, C, H, W)`` along its three spatial axes in turn."""
    along_z, along_y, along_x = kernels
    return torch.tensordot(along_z, along_y @ grid @ along_x.mT, dims=1)


def depth(mask: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Return how deep each voxel lies in the region of its slice, 0 at the border, 1 at most.

    It is the in-plane distance to the outer border of the hole-filled region, divided by the
    largest such distance in the slice.

    Parameters
    ----------
    mask : ndarray of bool, shape ``(Z, H, W)``
    spacing : tuple of 3 float
        Millimetres per voxel, ``(z, y, x)``.

    Returns
    -------
    ndarray of float64, shape ``(Z, H, W)``
        0 outside the region.
    """
    relative = np.zeros(mask.shape)
    for z, region in enumerate(mask):
        filled = np.pad(ndimage.binary_fill_holes(region), 1)
        distance = ndimage.distance_transform_edt(filled, sampling=spacing[1:])[1:-1, 1:-1]
        relative[z] = distance / max(distance.max(), 1e-12)
    return relative * mask


def depth_profile(relative_depth: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """Return the probability of each tissue at each depth, from a prior's bins.

    Parameters
    ----------
    relative_depth : ndarray, any shape
        Depth from 0 to 1.
    bins : ndarray, shape ``(bins, K)``
        Probabilities in equal bins from the border to the centre; interpolated between their
        middles.

    Returns
    -------
    ndarray, shape ``(K, *relative_depth.shape)``
    """
    middles = (np.arange(len(bins)) + 0.5) / len(bins)
    return np.stack([np.interp(relative_depth, middles, column) for column in bins.T])
