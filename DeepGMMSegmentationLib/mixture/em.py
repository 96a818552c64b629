"""EM for the GMM (algorithm 1 of the paper) and the SVGMM (algorithm 2)."""

from __future__ import annotations

from typing import Optional

import numpy as np
import torch
from torch import Tensor

from ..result import Progress, ProgressCallback
from ..settings import Settings
from . import model
from .fit import Fit
from .model import Mixture
from .observations import Observations

# Voxels that are worked on at once: few enough that what belongs to them stays in the cache.
BLOCK = 49_152
# k-means looks at no more voxels than this: its centres are only a start.
KMEANS_VOXELS = 20_000
# The share of a sequence's variance that lies between classes: in 600 random starts on synthetic
# slices it came out below 0.001 at the saddle, else above 0.7.
ALIKE = 0.01


def fit(
    observations: Observations,
    start: Mixture,
    settings: Settings,
    progress: Optional[ProgressCallback] = None,
) -> Fit:
    """Alternate M-step and E-step from a start until the NLL settles.

    The E-step after an M-step gives its NLL: that of the history and of the stop. A mixture whose
    NLL changes by less than the tolerance is left as it is while others go on, so that each comes
    out as if it had been fitted alone. Sums are accumulated in float64.

    Parameters
    ----------
    observations : Observations
    start : Mixture
        Parameters of the first E-step.
    settings : Settings
        Uses covariance, spatial, tolerance, iteration limits, floor and degrees of freedom.
    progress : callable, optional
        Called with a `Progress` after every iteration; may raise to stop.
    """
    mixture = start
    log_p = model.log_proportions(start.proportions[..., None], observations.bias)
    sizes = observations.mask.sum(-1)
    patterns = observations.patterns()
    active = torch.ones_like(sizes, dtype=torch.bool)
    mixtures, _, voxels = observations.intensities.shape
    responsibilities = observations.intensities.new_zeros(mixtures, settings.classes, voxels)
    history: list[float] = []

    def e_step() -> tuple[Tensor, Tensor, Tensor]:
        return _e_step(observations, patterns, mixture, log_p, settings, responsibilities)

    weighted, counts, nll = e_step()
    for iteration in range(1, settings.max_iterations + 1):
        updated = observations.m_step(weighted, counts, settings)
        mixture = _where(active, updated, mixture)
        if settings.spatial:
            new_log_p = observations.proportions(responsibilities)
            log_p = torch.where(active[:, None, None], new_log_p, log_p)
        else:
            log_p = model.log_proportions(mixture.proportions[..., None], observations.bias)
        latest = nll
        weighted, counts, nll = e_step()
        if iteration >= settings.min_iterations:
            active = active & ((latest - nll).abs() >= settings.tolerance)
        history.append(float((nll * sizes).sum() / sizes.sum()))
        if progress is not None:
            limit, device = settings.max_iterations, str(sizes.device)
            event = Progress("EM", iteration, limit, history[-1], iteration / limit, device)
            progress(event)
        if not active.any():
            break

    objective = nll + observations.prior_nll(mixture, settings)
    return Fit(mixture, responsibilities, nll, objective, history, not bool(active.any()))


def _e_step(
    observations: Observations,
    patterns: list[tuple[Tensor, Tensor]],
    mixture: Mixture,
    log_p: Tensor,
    settings: Settings,
    responsibilities: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the moments and counts of the responsibilities, and the NLL of each mixture.

    Voxels that lack sequences have the density of the others, and what they lack is expected.
    The responsibilities themselves are written into the tensor that is given.
    """
    zero = log_p.new_zeros((), dtype=torch.float64)
    weighted = counts = log_likelihood = zero
    for sequences, members in patterns:
        part = model.marginal(mixture, sequences)
        moments, members_of, evidence = _sums(
            observations.intensities, sequences, members, part, log_p, settings, responsibilities
        )
        moments = model.complete(moments, members_of, mixture, sequences, settings.covariance)
        weighted, counts = weighted + moments, counts + members_of
        log_likelihood = log_likelihood + evidence
    return weighted, counts, -log_likelihood / observations.mask.sum(-1)


def _sums(
    intensities: Tensor,
    sequences: Tensor,
    members: Tensor,
    mixture: Mixture,
    log_p: Tensor,
    settings: Settings,
    responsibilities: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return moments, counts and log-likelihood of the voxels ``(B, N)`` with just these sequences.

    The mixture is of these sequences alone.
    """
    dtype, covariance = intensities.dtype, settings.covariance
    degrees = settings.degrees_of_freedom
    coefficients = model.distance_coefficients(mixture, covariance).to(dtype)
    peaks = model.log_peaks(mixture.covariances, degrees).to(dtype)
    weighted = counts = log_likelihood = peaks.new_zeros((), dtype=torch.float64)
    for begin in range(0, members.shape[1], BLOCK):
        block = slice(begin, begin + BLOCK)
        mask, values = members[:, block], intensities[..., block]
        if len(sequences) < values.shape[1]:
            values = values[:, sequences]
        voxels = model.features(values, mask, covariance)
        distances = coefficients @ voxels
        densities = model.log_densities(distances, peaks, len(sequences), degrees)
        block_log_p = log_p if log_p.shape[-1] == 1 else log_p[..., block]
        w, log_evidence = model.expectation(densities + block_log_p.to(dtype))
        log_likelihood = log_likelihood + (log_evidence * mask).sum(-1, dtype=torch.float64)
        responsibilities[..., block] = torch.where(mask[:, None], w, responsibilities[..., block])
        if degrees is not None:
            counts = counts + (w @ voxels[:, 0, :, None]).squeeze(-1).double()
            w = w * model.tail_weights(distances, len(sequences), degrees)
        weighted = weighted + model.moments(w, voxels).double()
    if degrees is None:
        counts = weighted[..., 0]
    return weighted, counts, log_likelihood


def _where(condition: Tensor, new: Mixture, old: Mixture) -> Mixture:
    """Return the new parameters of the mixtures that meet the condition ``(B,)``, else the old."""
    return new.map(
        lambda a, b: torch.where(condition.view(-1, *[1] * (a.dim() - 1)), a, b),
        old,
    )


def alike(mixture: Mixture) -> Tensor:
    """Return which mixtures have classes with the same means, ``(B,)``.

    Where all classes are the same the likelihood has a saddle, near which random responsibilities
    begin. EM can stop there at once, as if it had converged.
    """
    shares = mixture.proportions[..., None]
    centre = (shares * mixture.means).sum(1, keepdim=True)
    between = (shares * (mixture.means - centre) ** 2).sum(1)
    within = (shares * mixture.covariances.diagonal(dim1=-2, dim2=-1)).sum(1)
    return (between < ALIKE * (between + within)).all(-1)


def start_mixture(
    observations: Observations,
    means: Optional[Tensor],
    settings: Settings,
    seed: int,
    draw: int = 0,
) -> Mixture:
    """Return the parameters from which EM starts.

    "kmeans" and "random" take them from an M-step on k-means++ clusters or on uniformly random
    responsibilities. "means" keeps the given means and takes the covariances of the voxels that
    are nearest to each. "prior" keeps the prior's means, variances and proportions and so never
    comes here.

    Parameters
    ----------
    observations : Observations
    means : Tensor, shape ``(B, K, M)``, optional
        Starting means in normalised units; used by ``start="means"`` only.
    settings : Settings
    seed : int
    draw : int
        Which of the draws of "random" from that seed; all mixtures have the same one.
    """
    x, mask = observations.intensities, observations.mask
    if settings.start == "random":
        draws = np.random.default_rng((seed, draw)).random((x.shape[2], settings.classes)).T
        responsibilities = torch.from_numpy(draws / draws.sum(0)).to(x).expand(len(x), -1, -1)
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
