"""How sure a segmentation is: entropy of its probabilities, and volumes with an interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import InvalidInput
from .sizes import volume_ml

COVERAGE = 0.90


@dataclass(frozen=True)
class Volume:
    """The expected volume of a tissue and its central 90 % interval, in mL."""

    tissue: str
    expected_ml: float
    low_ml: float
    high_ml: float


def entropy(probabilities: np.ndarray) -> np.ndarray:
    """Return the entropy of the class probabilities as a part of its maximum, log K.

    Parameters
    ----------
    probabilities : ndarray, shape ``(K, *spatial)``
        Summing to 1 in the region and 0 outside.

    Returns
    -------
    ndarray of float32, shape ``spatial``
        0: one class is certain (and outside the region); 1: all are equally probable.
    """
    p = np.asarray(probabilities, dtype=np.float32)
    logarithms = np.log(p, out=np.zeros_like(p), where=p > 0)
    return np.abs((p * logarithms).sum(axis=0)) / np.float32(np.log(len(p)))


def estimate_volume(tissue: str, probability: np.ndarray, spacing: Sequence[float]) -> Volume:
    """Return a tissue's expected volume and 90 % interval from its probability map.

    The expected volume is the sum of the probabilities. The interval needs to know how voxels err
    together. Were they independent, 10⁴ voxels would pin the volume to about 1 %, which no reader
    would believe: what goes wrong in one voxel (contrast, coil sensitivity, where one draws the
    border) goes wrong in its neighbours and all along the border. We therefore take the other,
    cautious end: all voxels err together. One U, uniform on (0, 1), is drawn for the whole heart
    and the tissue is wherever its probability exceeds U, so that the border moves in and out as a
    whole, as it does from reader to reader or from 2-SD to 6-SD. This keeps every voxel's
    probability and the expected volume; among all ways for the voxels to err it gives the
    volume the largest spread (comonotone dependence is maximal in convex order: Dhaene et al.,
    Insurance: Mathematics and Economics 2002;31:3-33). The 90 % interval then goes from the
    volume with a probability above 0.95 to that above 0.05. It tells nothing about a model that
    is wrong but certain. On twelve synthetic hearts (named GMM and smoothed SVGMM) the true volume
    was in this interval in 73 to 100 % of the tissues, and in that of independent voxels in 0 to
    15 %; in SVGMM without smoothing, whose probabilities tend to 0 and 1, in none.

    Parameters
    ----------
    tissue : str
        Its name, or that of several tissues whose probabilities were added.
    probability : ndarray, shape ``(Z, Y, X)``
        0 to 1.
    spacing : sequence of float
        Millimetres per voxel, in array order.

    Raises
    ------
    InvalidInput
        If the map is not three-dimensional.
    """
    if probability.ndim != 3 or len(spacing) != 3:
        raise InvalidInput("Volumes need a three-dimensional probability map with its spacing.")
    tail = (1 - COVERAGE) / 2
    certain, possible = (np.count_nonzero(probability > p) for p in (1 - tail, tail))
    voxels = (probability.sum(dtype=float), float(certain), float(possible))
    # Three axes, so there is a volume.
    return Volume(tissue, *(volume_ml(count, spacing) for count in voxels))  # type: ignore[arg-type]
