"""What a slice says of those next to it: a tissue is rarely in one slice alone."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .frame import RADIUS, Frames

WEIGHT = 0.5  # of what the next slice says, if it lay at no distance
HALVING = 0.2  # distance at which the weight is half of that, over the region's radius
LEAST = 1e-6  # of a probability, before its logarithm
DOUBT = 1e-4  # the same of the slices next to it: they never rule out


def follow_stack(probabilities: Tensor, frames: Frames, gaps: np.ndarray) -> Tensor:
    """Hold every slice of a stack against those next to it.

    log p(z) grows by w · (log p(z - 1) + log p(z + 1)), where w falls with the distance.

    Parameters
    ----------
    probabilities : Tensor, shape ``(Z, K, SIZE, SIZE)``
        In the frames of the slices.
    frames : Frames
        Of the Z slices.
    gaps : ndarray, shape ``(Z - 1,)``
        Distances from slice to slice, over the height of the image's pixels.

    Returns
    -------
    Tensor, shape ``(Z, K, SIZE, SIZE)``
    """
    radius = float(frames.steps[:, 0].max()) * RADIUS
    weights = torch.from_numpy(WEIGHT * 0.5 ** (gaps / (HALVING * radius))).to(probabilities)
    weights = weights[:, None, None, None]
    heard = probabilities.clamp_min(DOUBT).log()
    followed = probabilities.clamp_min(LEAST).log()
    followed[1:] += weights * heard[:-1]
    followed[:-1] += weights * heard[1:]
    return followed.softmax(1)
