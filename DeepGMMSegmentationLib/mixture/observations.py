"""The voxels that mixtures are fitted to, with all that is known of them beforehand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Callable, Optional

import torch
from torch import Tensor

from ..settings import Settings
from . import model
from .model import Mixture

# M-steps of Student-t components from given responsibilities. Each leaves (M + 2) / (ν + M + 2) of
# the distance to the maximum: of three sequences with ν = 8, ten leave less than a ten-thousandth.
TAIL_STEPS = 10
# The same where voxels lack sequences. Each leaves about the part of a class that lacks one: where
# two thirds do, thirty leave less than a hundred-thousandth.
MISSING_STEPS = 30


@dataclass(frozen=True)
class Observations:
    """The voxels of B mixtures.

    Attributes
    ----------
    intensities : Tensor, shape ``(B, M, N)``
        Normalised intensities; any finite value where the mask is False.
    mask : Tensor of bool, shape ``(B, N)``
        Mixtures with fewer than N voxels are padded.
    present : Tensor of bool, shape ``(B, M, N)``, optional
        False where a voxel lacks a sequence; without it none does.
    bias : Tensor, shape ``(B, K, N)``, optional
        Logarithm of a factor of the voxels' proportions (anatomy, strokes of truth).
    smooth : callable, optional
        Maps responsibilities ``(B, K, N)`` to their local averages of the same shape.
    pseudo : Tensor, shape ``(B, K, P)``, optional
        Moments of the pseudo-voxels by which a prior pulls proportions, means and variances.
    strokes : Tensor of int64, shape ``(B, N)``, optional
        The class, from 0, of voxels where the user painted it; -1 elsewhere.
    """

    intensities: Tensor
    mask: Tensor
    present: Optional[Tensor] = None
    bias: Optional[Tensor] = None
    smooth: Optional[Callable[[Tensor], Tensor]] = None
    pseudo: Optional[Tensor] = None
    strokes: Optional[Tensor] = None

    def to(self, device: torch.device) -> Observations:
        """Return the observations with their tensors on a device."""
        moved: dict[str, Any] = {
            name: value.to(device)
            for name, value in vars(self).items()
            if isinstance(value, Tensor)
        }
        return replace(self, **moved)

    def patterns(self) -> list[tuple[Tensor, Tensor]]:
        """Return which sequences voxels have, ``(m,)``, and which voxels ``(B, N)`` those are."""
        sequences = torch.arange(self.intensities.shape[1], device=self.mask.device)
        if self.present is None:
            return [(sequences, self.mask)]
        of_voxel = self.present.movedim(1, 2)
        return [
            (sequences[pattern], self.mask & (of_voxel == pattern).all(-1))
            for pattern in of_voxel[self.mask].unique(dim=0)
        ]

    def proportions(self, responsibilities: Tensor) -> Tensor:
        """Return log Π_k(x) of a spatially variant mixture from its responsibilities."""
        smoothed = responsibilities if self.smooth is None else self.smooth(responsibilities)
        return model.log_proportions(smoothed, self.bias)

    def m_step(self, weighted: Tensor, counts: Tensor, settings: Settings) -> Mixture:
        """M-step with the prior's pseudo-voxels added to the voxels' own moments."""
        if self.pseudo is not None:
            weighted, counts = weighted + self.pseudo, counts + self.pseudo[..., 0]
        sequences = self.intensities.shape[1]
        return model.m_step(
            weighted, counts, sequences, settings.covariance, settings.variance_floor
        )

    def prior_nll(self, mixture: Mixture, settings: Settings) -> Tensor:
        """Return the pseudo-voxels' share of the negative log posterior, per voxel, ``(B,)``."""
        if self.pseudo is None:
            return mixture.means.new_zeros(len(mixture.means))
        counts = self.pseudo[..., 0]
        distances = model.distance_coefficients(mixture, settings.covariance) * self.pseudo
        logs = model.log_peaks(mixture.covariances)
        if not settings.spatial:
            logs = logs + model.log_proportions(mixture.proportions)
        return (distances.sum(-1) / 2 - counts * logs).sum(-1) / self.mask.sum(-1)


def objective(
    responsibilities: Tensor, observations: Observations, settings: Settings
) -> tuple[Tensor, Mixture, Tensor]:
    """NLL after an M-step from given responsibilities: the loss of algorithms 3 and 4.

    In the classical form (deepG) the responsibilities reach the loss through the M-step's
    proportions, means and covariances alone; in the spatially variant one (deepSVG) they are
    the proportions as well. Both are differentiable.

    For Student-t components the M-step, from the Gaussian one on, is repeated with the tail
    weights that it gives; where voxels lack sequences, from the averages over those that have them
    on, with the intensities that it expects (`model.complete`), and autograd goes through all
    repetitions. That climbs to the maximum for these responsibilities, so that those at which EM
    rests lead to EM's parameters.

    Parameters
    ----------
    responsibilities : Tensor, shape ``(B, K, N)``
        The network's output w.

    Returns
    -------
    nll : Tensor, shape ``(B,)``
        Of the sequences that each voxel has.
    mixture : Mixture
    log_proportions : Tensor, shape ``(B, K, 1)`` or ``(B, K, N)``
    """
    covariance, degrees = settings.covariance, settings.degrees_of_freedom
    x = observations.intensities
    parts = [
        (sequences, members, model.features(x[:, sequences], members, covariance))
        for sequences, members in observations.patterns()
    ]
    weighted = [model.moments(responsibilities, voxels) for _, _, voxels in parts]
    counts = [moments[..., 0] for moments in weighted]
    total = torch.stack(counts).sum(0)
    if observations.present is None:
        mixture = observations.m_step(weighted[0], total, settings)
        repetitions = 0 if degrees is None else TAIL_STEPS
    else:
        mixture = _available_m_step(responsibilities, observations, settings)
        repetitions = MISSING_STEPS

    def distances(sequences: Tensor, voxels: Tensor) -> Tensor:
        part = model.marginal(mixture, sequences)
        return model.distance_coefficients(part, covariance) @ voxels

    for _ in range(repetitions):
        if degrees is not None:
            tails = [
                model.tail_weights(distances(sequences, voxels), len(sequences), degrees)
                for sequences, _, voxels in parts
            ]
            weighted = [
                model.moments(responsibilities * tail, voxels)
                for tail, (_, _, voxels) in zip(tails, parts)
            ]
        completed = [
            model.complete(moments, count, mixture, sequences, covariance)
            for moments, count, (sequences, _, _) in zip(weighted, counts, parts)
        ]
        mixture = observations.m_step(torch.stack(completed).sum(0), total, settings)
    if settings.spatial:
        log_p = observations.proportions(responsibilities)
    else:
        log_p = model.log_proportions(mixture.proportions[..., None], observations.bias)
    densities = torch.zeros_like(responsibilities)
    for sequences, members, voxels in parts:
        peaks = model.log_peaks(model.marginal(mixture, sequences).covariances, degrees)
        own = model.log_densities(distances(sequences, voxels), peaks, len(sequences), degrees)
        densities = densities + own * members[:, None]
    log_evidence = torch.logsumexp(densities + log_p, dim=1)
    return model.nll(log_evidence, observations.mask), mixture, log_p


def _available_m_step(
    responsibilities: Tensor, observations: Observations, settings: Settings
) -> Mixture:
    """M-step whose averages of a sequence are over the voxels that have it, without correlations.

    The available-case estimate (Little and Rubin, Statistical Analysis with Missing Data, section
    3.4): of Gaussians with diagonal covariances it is the maximum, save for the variance floor.
    """
    present = observations.present.to(observations.intensities)
    there, weighted = (
        model.keep_alive(
            model.moments(
                responsibilities, model.features(values, observations.mask, settings.covariance)
            )
        )
        for values in (present, observations.intensities * present)
    )
    if observations.pseudo is not None:
        there, weighted = there + observations.pseudo[..., :1], weighted + observations.pseudo
    # Of a sequence that no voxel has, both are 0.
    averages = weighted / there.clamp_min(model.DEAD_CLASS_SHARE)
    counts = there[..., 0]
    mixture = model.m_step(
        averages * counts[..., None],
        counts,
        present.shape[1],
        settings.covariance,
        settings.variance_floor,
    )
    variances = mixture.covariances.diagonal(dim1=-2, dim2=-1)
    return Mixture(mixture.proportions, mixture.means, torch.diag_embed(variances))
