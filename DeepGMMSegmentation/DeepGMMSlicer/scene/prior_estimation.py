"""A prior from a segmentation that the user labelled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from DeepGMMSegmentationLib.priors import Prior

from .images import readArrays, readSpacing
from .labels import readTruth


def estimate(
    volumes: Sequence[Any], inside: np.ndarray, labelled: Any, roles: Sequence[str]
) -> Prior:
    """Return how the segments look and where in the region they lie; no node's name goes in."""
    from DeepGMMSegmentationLib.case import Case
    from DeepGMMSegmentationLib.training.prior_estimation import estimate_prior

    z, y, x = readSpacing(volumes[0])
    labels, tissues = readTruth(labelled, volumes[0])
    case = Case(
        name="The segmentation",
        images=readArrays(volumes),
        roi=inside,
        truth=labels,
        tissues=tissues,
        roles=tuple(roles),
        spacing=(z, y, x),
    )
    voxels = np.count_nonzero(labels[inside])
    source = f"One segmentation of {voxels} voxels, labelled in 3D Slicer."
    return estimate_prior([case], name="estimated in 3D Slicer", source=source)
