"""Coil sensitivity that changes along the stack: seen slice by slice, and evened out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ..errors import InvalidInput
from ..priors import Prior
from ..settings import Settings
from . import solver
from .device import one_thread
from .problem import pose
from .region import VOXELS_PER_CLASS, prepare

# Between the darkest and the brightest slice, from which on it is evened out: synthetic hearts
# without a drift along the stack, whose edema brightens some slices, reach 1.57.
DRIFT = 1.6
DEGREE = 2  # of the polynomial along the stack: coils are smooth
LEAST_SLICES = 5  # for a polynomial that follows no single slice


@one_thread()
def estimate_gains(
    images: np.ndarray, roi: np.ndarray, spacing: Sequence[float], roles: Sequence[str]
) -> np.ndarray:
    """Return by what each slice of each sequence is brighter than the stack.

    Blood and myocardium are told apart slice by slice, each in its own units, so that no gain
    matters; how their means change along the stack, both by the same factor, is the gain. Its
    logarithm is a polynomial of second degree.

    Parameters
    ----------
    images : ndarray, shape ``(M, Z, Y, X)``
        NaN where a sequence does not reach.
    roi : ndarray of bool, shape ``(Z, Y, X)``
        The left ventricle, blood and wall.
    spacing : sequence of 3 float
        Millimetres per voxel in array order.
    roles : sequence of str
        Names of the M sequences; those that the shipped prior does not know have no gain.

    Returns
    -------
    ndarray, shape ``(M, Z)``
        With a geometric mean of 1 over the region's slices; 1 throughout where the gain changes
        by less than a factor of 1.6, or cannot be had.
    """
    gains = np.ones(images.shape[:2])
    prior = Prior.blood_and_myocardium()
    settings = Settings.infarct(
        list(prior.means), prior=prior, scope="slice", device="cpu", anatomy_from="depth"
    )
    counts = roi.sum(axis=(1, 2))
    for m, role in enumerate(roles):
        there = roi & np.isfinite(images[m])
        slices = np.flatnonzero(there.sum(axis=(1, 2)) >= 2 * VOXELS_PER_CLASS * settings.classes)
        if role not in prior.means or len(slices) < LEAST_SLICES:
            continue
        inside = there & np.isin(np.arange(len(roi)), slices)[:, None, None]
        try:
            region = prepare(images[m : m + 1], inside, spacing, [role], settings)
        except InvalidInput:  # a slice is constant, say: no gain can be had
            continue
        fit = solver.fit(pose(region, [role], settings, torch.device("cpu")), 0)
        means = fit.mixture.means[..., 0].numpy() * region.scale + region.shift
        if (means <= 0).any():  # no magnitudes: a gain has no meaning
            continue
        weights = np.sqrt(fit.mixture.proportions.numpy() * counts[slices, None])
        logarithms = _polynomial(slices, np.log(means), weights, len(roi))
        logarithms -= logarithms[slices].mean()
        change = logarithms[slices].max() - logarithms[slices].min()
        if change > np.log(DRIFT):
            # Beyond the slices that tell, the gain stays what it is in the last of them.
            gains[m] = np.exp(logarithms[np.clip(np.arange(len(roi)), slices[0], slices[-1])])
    return gains


def _polynomial(
    slices: np.ndarray, logarithms: np.ndarray, weights: np.ndarray, count: int
) -> np.ndarray:
    """Return the polynomial that, with a constant for each class, fits logarithms ``(S, K)`` best.

    It is given in all slices, without a constant.
    """
    classes = logarithms.shape[1]
    place = np.linspace(-1, 1, count)
    powers = np.stack([place**p for p in range(1, DEGREE + 1)], axis=1)
    rows = [np.concatenate([np.eye(classes)[k], powers[z]]) for z in slices for k in range(classes)]
    weight = weights.ravel()
    solution, *_ = np.linalg.lstsq(
        np.array(rows) * weight[:, None], logarithms.ravel() * weight, rcond=None
    )
    return powers @ solution[classes:]
