"""The intensities of a sequence in the region, beside the components that explain them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Optional

import numpy as np

from ..result import Result

BINS = 60
TAILS = (0.2, 99.8)  # percentiles between which the intensities are shown


@dataclass(frozen=True)
class Histogram:
    """One sequence's intensities in the region, as densities that integrate to 1.

    Attributes
    ----------
    intensity : ndarray, shape ``(n,)``
        Centres of the bins, in input intensity units.
    region : ndarray, shape ``(n,)``
        Density of the region's intensities.
    components : ndarray, shape ``(K, n)``
        Density of each tissue's component, weighted by its proportion.
    mixture : ndarray, shape ``(n,)``
        Their sum.
    """

    intensity: np.ndarray
    region: np.ndarray
    components: np.ndarray
    mixture: np.ndarray


def compute_histogram(result: Result, image: np.ndarray, sequence: int) -> Histogram:
    """Return the histogram of a sequence with the fitted components, over the whole region.

    Where there is a mixture per slice, each weighs as much as its slice has voxels. One sequence's
    share of a multivariate normal (or t) distribution is a normal (or t) again.

    Parameters
    ----------
    result : Result
    image : ndarray, shape of ``result.labels``
        The sequence's intensities; NaN where it does not reach.
    sequence : int
        Which sequence of the result it is, from 0.
    """
    labels = result.labels.reshape((-1, *result.labels.shape[-2:]))
    inside = labels > 0
    intensities = np.reshape(image, labels.shape)[inside]
    intensities = intensities[np.isfinite(intensities)]  # where the sequence reaches
    low, high = np.percentile(intensities, TAILS)
    step = (high - low) / BINS or 1.0
    if np.issubdtype(intensities.dtype, np.integer):
        # Bins of unlike numbers of whole intensities would look like a comb.
        step, low = math.ceil(step), low - 0.5
    edges = np.arange(low, high + step, step)
    counts, _ = np.histogram(intensities, edges)
    centres = (edges[1:] + edges[:-1]) / 2

    weights = np.array([inside[list(slices)].sum() for slices in result.slices], dtype=float)
    weights = weights[:, None] / weights.sum() * result.proportions
    location = result.means[:, :, sequence]
    scale = np.sqrt(result.covariances[:, :, sequence, sequence])
    freedom = result.settings.degrees_of_freedom
    curves = _density((centres - location[..., None]) / scale[..., None], freedom)
    curves /= scale[..., None]
    components = (weights[..., None] * curves).sum(axis=0)
    return Histogram(
        centres, counts / (len(intensities) * step), components, components.sum(axis=0)
    )


def _density(x: np.ndarray, freedom: Optional[float]) -> np.ndarray:
    """Return the standard normal density, or Student's t; scipy.stats takes seconds to import."""
    if freedom is None:
        return np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    half = freedom / 2
    scale = math.exp(math.lgamma(half + 0.5) - math.lgamma(half)) / math.sqrt(freedom * math.pi)
    return scale * (1 + x**2 / freedom) ** (-half - 0.5)
