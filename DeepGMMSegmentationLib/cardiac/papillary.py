"""Papillary muscles and trabeculae that stand free in the cavity: counted as blood or as muscle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from ..result import Result
from .chords import outline_ventricle
from .obstruction import find_cores
from .sizes import WALL, mask, volume_ml

BLOOD, MUSCLE = "blood pool", "healthy myocardium"
MIN_AREA = 10.0  # mm² in a slice; what is smaller is noise in the blood


def count_papillary(result: Result, images: np.ndarray) -> Result:
    """Return the result with what stands free in the cavity labelled as its settings want it.

    As "blood", all wall tissue within the endocardium becomes blood. As "muscle", blood becomes
    healthy myocardium where its intensities are more probable as such, by the fitted components
    and each sequence by itself, in parts of at least 10 mm² of a slice that no scar encloses.

    Parameters
    ----------
    result : Result
    images : ndarray, shape ``(M, *result.labels.shape)``
        As they were fitted; NaN where there is none.
    """
    convention, tissues = result.settings.papillary, result.tissues
    if convention == "labelled" or not {BLOOD, MUSCLE} <= set(tissues):
        return result
    labels = result.labels.reshape((1, *result.labels.shape)[-3:])
    spacing = (1.0, *result.spacing)[-3:]
    cavity = outline_ventricle(labels, tissues, spacing).cavity
    if convention == "blood":
        papillary, counted = cavity & mask(labels, tissues, WALL), BLOOD
    else:
        dark = cavity & mask(labels, tissues, [BLOOD])
        dark &= _gain(result, images.reshape(len(images), *labels.shape)) > 0
        papillary, counted = _large(dark, MIN_AREA / (spacing[1] * spacing[2])), MUSCLE
        # What scar encloses would be taken for microvascular obstruction.
        marked = np.where(papillary, tissues.index(MUSCLE) + 1, labels)
        papillary &= ~find_cores(marked, tissues, spacing)
    ml = volume_ml(int(np.count_nonzero(papillary)), result.spacing)
    amount = f"{np.count_nonzero(papillary)} voxels" if ml is None else f"{ml:.1f} mL"
    note = f"{amount} within the cavity, of papillary muscles and trabeculae, were made {counted}."
    if convention == "muscle" and "bSSFP" not in result.roles:
        note += " Without bSSFP this takes noise in the blood for muscle, too."
    changed = np.where(papillary, tissues.index(counted) + 1, labels).astype(labels.dtype)
    labels = changed.reshape(result.labels.shape)
    return replace(result, labels=labels, notes=(*result.notes, note))


def _gain(result: Result, images: np.ndarray) -> np.ndarray:
    """Return by how much muscle explains a voxel better than blood, in logarithms of density."""
    gain = np.zeros(images.shape[1:])
    pair = [result.tissues.index(name) for name in (MUSCLE, BLOOD)]
    for slices, means, covariances in zip(result.slices, result.means, result.covariances):
        logarithms = []
        for k in pair:
            mean = means[k][:, None, None, None]
            variance = np.diagonal(covariances[k])[:, None, None, None]
            values = images[:, list(slices)]
            logarithms.append(-((values - mean) ** 2 / variance + np.log(variance)) / 2)
        gain[list(slices)] = np.nansum(logarithms[0] - logarithms[1], axis=0)
    return gain


def _large(area: np.ndarray, least: float) -> np.ndarray:
    """Return the parts of each slice that have so many pixels."""
    in_plane = np.zeros((3, 3, 3), bool)
    in_plane[1] = ndimage.generate_binary_structure(2, 1)
    parts, _ = ndimage.label(area, in_plane)
    return area & (np.bincount(parts.ravel())[parts] >= least)
