"""Images and region changed at random, as the paper's authors do in algorithm 4.

The chances and ranges are those of their code (matthi99/deepGMM, ``utils/dataloader.py`` and
``utils/config.py``). Every slice is an image of its own.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import ndimage

from ..case import Case
from ..mixture.region import Region

CHANCE = 0.2  # of each of an elastic deformation, a rotation and a change of scale
STRENGTH = 175.0  # the most that smoothed noise from -1 to 1 is multiplied by, to be pixels
SMOOTHNESS = (9.0, 13.0)  # deviation of the window that smooths it, in pixels
SCALES = (0.7, 1.4)
MIRRORED = 2 / 3  # of the slices: half of them left to right, half top to bottom
NOISY = 0.15  # of the sequences of a slice
NOISE = 0.1  # the largest deviation of the noise, in normalised units


def deform(case: Case, rng: np.random.Generator) -> Case:
    """Return a case whose slices are bent, turned, scaled and mirrored at random.

    Parameters
    ----------
    case : Case
        What lies beyond its images' edges is continued by them.
    rng : Generator
    """
    images, roi = case.images.astype(np.float64), case.roi.copy()
    for z in np.flatnonzero(roi.any(axis=(1, 2))):
        centre = np.array(ndimage.center_of_mass(roi[z]))[:, None, None]
        places = _places(np.indices(roi[z].shape) - centre, rng) + centre
        for plane in images[:, z]:
            plane[~np.isfinite(plane)] = plane[np.isfinite(plane)].mean()
            plane[:] = ndimage.map_coordinates(plane, places, order=3, mode="nearest")
        roi[z] = ndimage.map_coordinates(roi[z].astype(np.uint8), places, order=0)
        if rng.random() < MIRRORED:
            axis = int(rng.integers(2))
            images[:, z] = np.flip(images[:, z], axis + 1)
            roi[z] = np.flip(roi[z], axis)
    return dataclasses.replace(case, images=images, roi=roi, truth=None)


def add_noise(region: Region, rng: np.random.Generator) -> Region:
    """Return a region some of whose sequences are noisier, slice by slice."""
    sequences, slices = region.images.shape[:2]
    deviations = rng.uniform(0, NOISE, (sequences, slices))
    deviations *= rng.random((sequences, slices)) < NOISY
    noise = rng.normal(size=region.images.shape) * deviations[:, :, None, None]
    return dataclasses.replace(region, images=region.images + noise)


def _places(grid: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return where the pixels ``(2, Y, X)`` of a new slice come from, both from the centre."""
    if rng.random() < CHANCE:
        strength, smoothness = rng.uniform(0, STRENGTH), rng.uniform(*SMOOTHNESS)
        noise = rng.uniform(-1, 1, grid.shape)
        grid = grid + strength * np.stack(
            [ndimage.gaussian_filter(part, smoothness, mode="constant") for part in noise]
        )
    if rng.random() < CHANCE:
        angle = rng.uniform(0, 2 * np.pi)
        cosine, sine = np.cos(angle), np.sin(angle)
        grid = np.tensordot(np.array([[cosine, sine], [-sine, cosine]]), grid, axes=1)
    if rng.random() < CHANCE:
        # As often smaller as larger.
        least, most = SCALES
        grid = grid * (rng.uniform(least, 1) if rng.random() < 0.5 else rng.uniform(1, most))
    return grid
