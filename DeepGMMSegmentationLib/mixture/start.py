"""Where EM begins: k-means, random responsibilities, given means, or a prior."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..settings import Settings
from . import model
from .model import Mixture
from .observations import Observations

# k-means looks at no more voxels than this: its centres are only a start.
KMEANS_VOXELS = 20_000


def start_mixture(
    observations: Observations, means: Tensor, settings: Settings, seed: int
) -> Mixture:
    """Return the parameters from which EM starts.

    "kmeans" and "random" take them from an M-step on k-means++ clusters or on uniformly random
    responsibilities. "means" keeps the given means and takes the covariances of the voxels that
    are nearest to each. "prior" keeps the prior's means, variances and proportions and so never
    comes here.

    Parameters
    ----------
    observations : Observations
    means : Tensor, shape ``(B, K, M)``
        Starting means in normalised units; used by ``start="means"`` only.
    settings : Settings
    seed : int
    """
    x, mask = observations.intensities, observations.mask
    if settings.start == "random":
        rng = np.random.default_rng(seed)
        draws = rng.random((x.shape[0], settings.classes, x.shape[2]))
        responsibilities = torch.from_numpy(draws / draws.sum(1, keepdims=True)).to(x)
    else:
        if settings.start == "kmeans":
            means = torch.stack(
                [_kmeans(voxels[:, m], settings, seed) for voxels, m in zip(x, mask)]
            )
        nearest = torch.cdist(x.mT, means.to(x)).argmin(-1)
        responsibilities = torch.nn.functional.one_hot(nearest, settings.classes).mT.to(x)
    voxels = model.features(x, mask, settings.covariance)
    weighted = model.moments(responsibilities, voxels).double()
    mixture = observations.m_step(weighted, weighted[..., 0], settings)
    if settings.start == "means":
        mixture = Mixture(mixture.proportions, means.to(mixture.means), mixture.covariances)
    return mixture


def _kmeans(voxels: Tensor, settings: Settings, seed: int) -> Tensor:
    """Return the k-means centres ``(K, M)`` of voxels ``(M, N)``."""
    from sklearn.cluster import KMeans

    points = voxels.T.cpu().numpy()
    if len(points) > KMEANS_VOXELS:
        points = np.random.default_rng(seed).choice(points, KMEANS_VOXELS, replace=False)
    centres = KMeans(settings.classes, n_init=1, random_state=seed).fit(points).cluster_centers_
    return torch.from_numpy(centres).to(voxels)
