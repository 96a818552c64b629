"""The mixture model: densities, E-step, M-step and NLL, each written once.

EM and the deep methods call these same functions; all are batched over B mixtures,
differentiable, and work in float32 or float64 on any device.

The log density of a component is linear in the features ``[1, x, x xᵀ]`` of a voxel, and the
M-step needs only the responsibilities' sums over the same features (their moments). So an E-step
is one matrix product and an M-step another. A voxel outside the mask has features 0 and thereby
weight 0 everywhere.

Shapes: B mixtures, K components, M sequences, N voxels, P features.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Callable, Optional

import torch
from torch import Tensor

# A component keeps this fraction of the region's own moments, so one that loses all its voxels
# becomes the region's mean and covariance with a proportion near 0, instead of NaN.
DEAD_CLASS_SHARE = 1e-10


@dataclass(frozen=True)
class Mixture:
    """B mixtures of K components.

    Attributes
    ----------
    proportions : Tensor, shape ``(B, K)``
    means : Tensor, shape ``(B, K, M)``
    covariances : Tensor, shape ``(B, K, M, M)``
        Scale matrices where the components are Student-t.
    """

    proportions: Tensor
    means: Tensor
    covariances: Tensor

    def map(self, function: Callable[..., Tensor], *others: Mixture) -> Mixture:
        """Return the mixture whose parameters are the function of those of this one and others."""
        parameters = zip(*(vars(mixture).values() for mixture in (self, *others)))
        return Mixture(*(function(*values) for values in parameters))


def feature_pairs(sequences: int, covariance: str) -> tuple[Tensor, Tensor]:
    """Return the pairs i ≤ j of sequences whose products a covariance type needs."""
    if covariance == "full":
        rows, columns = torch.triu_indices(sequences, sequences)
        return rows, columns
    diagonal = torch.arange(sequences)
    return diagonal, diagonal


def features(intensities: Tensor, mask: Tensor, covariance: str) -> Tensor:
    """Return ``[1, x, x_i x_j]`` of every voxel, 0 outside the mask.

    Parameters
    ----------
    intensities : Tensor, shape ``(B, M, N)``
        Finite, also outside the mask.
    mask : Tensor of bool, shape ``(B, N)``
    covariance : {"diag", "full"}

    Returns
    -------
    Tensor, shape ``(B, P, N)``
        P is 1 + 2M for "diag" and 1 + M + M(M+1)/2 for "full".
    """
    sequences = intensities.shape[1]
    rows, columns = feature_pairs(sequences, covariance)
    mixtures, voxels = mask.shape
    values = intensities.new_empty(mixtures, 1 + sequences + len(rows), voxels)
    values[:, 0] = mask
    torch.mul(intensities, values[:, :1], out=values[:, 1 : sequences + 1])
    for p, (i, j) in enumerate(zip(rows.tolist(), columns.tolist()), sequences + 1):
        torch.mul(values[:, 1 + i], values[:, 1 + j], out=values[:, p])
    return values


def distance_coefficients(mixture: Mixture, covariance: str) -> Tensor:
    """Return what turns features into squared Mahalanobis distances to the means.

    Returns
    -------
    Tensor, shape ``(B, K, P)``
        ``coefficients @ features`` are the squared distances, ``(B, K, N)``.
    """
    means = mixture.means
    precision = torch.cholesky_inverse(torch.linalg.cholesky(mixture.covariances))
    pull = (precision @ means[..., None]).squeeze(-1)
    rows, columns = feature_pairs(means.shape[-1], covariance)
    twice_off_diagonal = torch.where(rows == columns, 1.0, 2.0).to(precision)
    constant = (means * pull).sum(-1, keepdim=True)
    quadratic = precision[..., rows, columns] * twice_off_diagonal
    return torch.cat([constant, -2 * pull, quadratic], dim=-1)


def log_peaks(covariances: Tensor, degrees_of_freedom: Optional[float] = None) -> Tensor:
    """Return the log densities at the means, shape ``(B, K)``; arguments as `log_densities`."""
    sequences = covariances.shape[-1]
    half_log_volume = torch.linalg.cholesky(covariances).diagonal(dim1=-2, dim2=-1).log().sum(-1)
    if degrees_of_freedom is None:
        return -half_log_volume - sequences / 2 * math.log(2 * math.pi)
    return (
        math.lgamma((degrees_of_freedom + sequences) / 2)
        - math.lgamma(degrees_of_freedom / 2)
        - sequences / 2 * math.log(degrees_of_freedom * math.pi)
        - half_log_volume
    )


def log_densities(
    distances: Tensor, peaks: Tensor, sequences: int, degrees_of_freedom: Optional[float] = None
) -> Tensor:
    """Return log g_k(x), the Gaussian or Student-t log density of every voxel, ``(B, K, N)``.

    Parameters
    ----------
    distances : Tensor, shape ``(B, K, N)``
        Squared Mahalanobis distances.
    peaks : Tensor, shape ``(B, K)``
        From `log_peaks`.
    sequences : int
        M.
    degrees_of_freedom : float, optional
        Of the multivariate t distribution; None for the Gaussian.
    """
    if degrees_of_freedom is None:
        return torch.add(peaks[..., None], distances, alpha=-0.5)
    power = (degrees_of_freedom + sequences) / 2
    # Rounding can leave a distance just below 0.
    return peaks[..., None] - power * torch.log1p(distances.clamp_min(0) / degrees_of_freedom)


def tail_weights(distances: Tensor, sequences: int, degrees_of_freedom: float) -> Tensor:
    """Return the weights (ν + M)/(ν + δ) that EM for Student-t components gives the voxels."""
    return (degrees_of_freedom + sequences) / (degrees_of_freedom + distances.clamp_min(0))


def expectation(log_joint: Tensor) -> tuple[Tensor, Tensor]:
    """E-step: from log p_k(x) g_k(x) to responsibilities and log evidence.

    Parameters
    ----------
    log_joint : Tensor, shape ``(B, K, N)``

    Returns
    -------
    responsibilities : Tensor, shape ``(B, K, N)``
        Sum to 1 over the components.
    log_evidence : Tensor, shape ``(B, N)``
        log Σ_k p_k(x) g_k(x).
    """
    peak = log_joint.detach().amax(1, keepdim=True)
    relative = (log_joint - peak).exp()
    total = relative.sum(1, keepdim=True)
    return relative / total, (peak + total.log()).squeeze(1)


def moments(weights: Tensor, voxel_features: Tensor) -> Tensor:
    """Return Σ_x w(x,k) [1, x, x xᵀ], shape ``(B, K, P)``."""
    return weights @ voxel_features.transpose(1, 2)


def keep_alive(sums: Tensor) -> Tensor:
    """Return sums ``(B, K, …)`` to each of which a little of those of the region is added."""
    return sums + DEAD_CLASS_SHARE * sums.sum(1, keepdim=True)


def m_step(
    weighted: Tensor,
    counts: Tensor,
    sequences: int,
    covariance: str,
    variance_floor: float,
) -> Mixture:
    """M-step: the mixture that has the given moments.

    For Student-t components the scatter is divided by Σ w, not by Σ w u with the tail weights u:
    this is EM for the t distribution (McLachlan and Krishnan, The EM Algorithm and Extensions,
    section 2.6). Without a prior Σ w u leads faster to the same parameters, since Σ w u = Σ w at a
    maximum of the likelihood (Kent, Tyler and Vardi, Commun Stat Simul Comput 1994;23:441-453).
    With a prior's n₀ pseudo-voxels, which are Gaussian, that identity is lost, and only division
    by Σ w + n₀ leads to the MAP estimate.

    Parameters
    ----------
    weighted : Tensor, shape ``(B, K, P)``
        Moments of the responsibilities (times the tail weights, for Student-t components).
    counts : Tensor, shape ``(B, K)``
        N_k, the sums of the responsibilities.
    sequences : int
        M.
    covariance : {"diag", "full"}
    variance_floor : float
        Added to each variance.
    """
    weighted, counts = keep_alive(weighted), keep_alive(counts)
    averages = weighted[..., 1:] / weighted[..., :1]
    means = averages[..., :sequences]
    rows, columns = feature_pairs(sequences, covariance)
    entries = averages[..., sequences:] - means[..., rows] * means[..., columns]
    entries = entries * (weighted[..., :1] / counts[..., None])  # 1 for Gaussians
    covariances = means.new_zeros(*means.shape, sequences)
    covariances[..., rows, columns] = entries
    covariances[..., columns, rows] = entries
    floor = variance_floor * torch.eye(sequences).to(means)
    return Mixture(counts / counts.sum(-1, keepdim=True), means, covariances + floor)


def log_proportions(proportions: Tensor, bias: Optional[Tensor] = None) -> Tensor:
    """Return log p_k(x), normalised over the components after the bias is added.

    Parameters
    ----------
    proportions : Tensor, shape ``(B, K, 1)`` or ``(B, K, N)``
        π (GMM) or Π (SVGMM).
    bias : Tensor, shape ``(B, K, N)``, optional
        Logarithm of a factor that each voxel's proportions get: anatomy, or strokes of truth.
    """
    log_p = proportions.clamp_min(torch.finfo(proportions.dtype).tiny).log()
    return log_p if bias is None else torch.log_softmax(log_p + bias, dim=1)


def marginal(mixture: Mixture, sequences: Tensor) -> Mixture:
    """Return the mixture of some of the sequences, given by their numbers ``(m,)``, or of all."""
    if len(sequences) == mixture.means.shape[-1]:
        return mixture
    covariances = mixture.covariances[..., sequences[:, None], sequences]
    return Mixture(mixture.proportions, mixture.means[..., sequences], covariances)


def complete(
    weighted: Tensor, counts: Tensor, mixture: Mixture, sequences: Tensor, covariance: str
) -> Tensor:
    """Return the moments of all sequences that voxels with only some of them are expected to have.

    The E-step of EM with missing values (Dempster, Laird and Rubin, J R Stat Soc B 1977;39:1-38;
    for Student-t components Liu and Rubin, Stat Sin 1995;5:19-39): what is missing has the mean
    and the covariance that the component has, given what is there.

    Parameters
    ----------
    weighted : Tensor, shape ``(B, K, p)``
        Moments over the sequences that are there.
    counts : Tensor, shape ``(B, K)``
        Sums of the responsibilities, without tail weights.
    mixture : Mixture
        Of all M sequences.
    sequences : Tensor of int, shape ``(m,)``
        Which are there, in rising order.
    covariance : {"diag", "full"}

    Returns
    -------
    Tensor, shape ``(B, K, P)``
    """
    total = mixture.means.shape[-1]
    if len(sequences) == total:
        return weighted
    missing = torch.tensor([m for m in range(total) if m not in sequences]).to(sequences)
    there = marginal(mixture, sequences)
    across = mixture.covariances[..., missing[:, None], sequences]
    slope = torch.linalg.solve(there.covariances, across.mT).mT
    offset = mixture.means[..., missing] - (slope @ there.means[..., None]).squeeze(-1)
    rest = marginal(mixture, missing).covariances - slope @ across.mT

    # Of [1, x], which is linear in the [1, x] that is there.
    rows, columns = feature_pairs(len(sequences), covariance)
    second = weighted.new_zeros(*counts.shape, 1 + len(sequences), 1 + len(sequences))
    second[..., 0, :] = second[..., :, 0] = weighted[..., : 1 + len(sequences)]
    products = weighted[..., 1 + len(sequences) :]
    second[..., 1 + rows, 1 + columns] = second[..., 1 + columns, 1 + rows] = products
    linear = weighted.new_zeros(*counts.shape, 1 + total, 1 + len(sequences))
    linear[..., 0, 0] = 1
    linear[..., 1 + sequences, 1 + torch.arange(len(sequences))] = 1
    linear[..., 1 + missing, 0] = offset
    linear[..., 1 + missing, 1:] = slope
    second = linear @ second @ linear.mT
    second[..., 1 + missing[:, None], 1 + missing] += counts[..., None, None] * rest
    rows, columns = feature_pairs(total, covariance)
    return torch.cat([second[..., 0, :], second[..., 1 + rows, 1 + columns]], dim=-1)


def nll(log_evidence: Tensor, mask: Tensor) -> Tensor:
    """Return the mean negative log-likelihood per voxel of each mixture, shape ``(B,)``."""
    return -(log_evidence * mask).sum(-1) / mask.sum(-1)
