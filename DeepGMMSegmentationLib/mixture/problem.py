"""What a method is given: the voxels of a region, and all that is known of them beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Callable, NamedTuple, Optional

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..errors import InvalidInput
from ..priors import Prior
from ..settings import Settings
from . import spatial
from .model import Mixture, feature_pairs
from .observations import Observations, objective
from .region import Region

Regularizer = Callable[[Tensor, Tensor, Tensor], Tensor]

# The logarithm of the proportion that a voxel with a stroke of truth gives to other classes.
IMPOSSIBLE = -1e4


class Tissues(NamedTuple):
    """A prior's means and deviations in the units of B mixtures, each ``(B, K, M)``."""

    means: np.ndarray
    deviations: np.ndarray


class Evaluation(NamedTuple):
    """A network's output judged: the terms of algorithms 3 and 4.

    Attributes
    ----------
    responsibilities : Tensor, shape ``(B, K, N)``
    mixture : Mixture
    nll : Tensor, shape ``(B,)``
        Mean NLL per voxel of each mixture.
    offset : Tensor, shape ``(B, K, M)``
        μ − μ_data over the sequences that μ_data has; 0 where there is no penalty on it.
    objective : Tensor, shape ``(B,)``
        NLL and penalties of each mixture.
    loss : Tensor, shape ``()``
        Their mean, and the cross-entropy of the strokes of truth: what a gradient step lowers.
    """

    responsibilities: Tensor
    mixture: Mixture
    nll: Tensor
    offset: Tensor
    objective: Tensor
    loss: Tensor


@dataclass(frozen=True)
class Problem:
    """A region to divide by any of the four methods, from any seed; `pose` makes one.

    Attributes
    ----------
    region : Region
    roles : tuple of str
        Names of the M sequences, as the prior knows them.
    settings : Settings
    device : torch.device
    observations : Observations
    tissues : Tissues, optional
        The prior's, where there is one.
    depth : Tensor, shape ``(Z, 1, H, W)``
        How deep each voxel lies in the region, 0 to 1.
    regularizer : callable, optional
        A further penalty r(Π, μ, Σ) of the deep methods.
    """

    region: Region
    roles: tuple[str, ...]
    settings: Settings
    device: torch.device
    observations: Observations
    tissues: Optional[Tissues]
    depth: Tensor
    regularizer: Optional[Regularizer] = None

    def only(self, b: int) -> Problem:
        """Return the problem of mixture b alone, where every slice has one of its own."""
        region, whole = self.region.only(b), self.observations
        voxels = region.valid.shape[1]

        def part(values: Optional[Tensor]) -> Optional[Tensor]:
            return None if values is None else values[[b], ..., :voxels]

        smooth = None
        if whole.smooth is not None:
            smooth = spatial.smoother(region, self.settings.smoothing, along_slices=False)
        observations = Observations(
            whole.intensities[[b], :, :voxels],
            whole.mask[[b], :voxels],
            part(whole.present) if region.incomplete else None,
            part(whole.bias),
            smooth,
            None if whole.pseudo is None else whole.pseudo[[b]],
            part(whole.strokes),
        )
        tissues = self.tissues and Tissues(*(values[[b]] for values in self.tissues))
        return replace(
            self,
            region=region,
            observations=observations,
            tissues=tissues,
            depth=self.depth[[b]],
        )

    @property
    def given_means(self) -> np.ndarray:
        """The means of the settings in the units of the mixtures, ``(B, K, M)``."""
        shift, scale = self.region.shift[:, None], self.region.scale[:, None]
        return (np.array(self.settings.means) - shift) / scale

    @property
    def painted(self) -> list[int]:
        """The classes that have strokes, and so have their number from the start."""
        strokes = self.observations.strokes
        return [] if strokes is None else [k for k in strokes.unique().tolist() if k >= 0]

    def network_input(self, roles: Sequence[str]) -> Tensor:
        """Return what a network that knows the sequences in this order sees, ``(Z, C, H, W)``.

        They are followed by a mask for each that is incomplete in the region, 1 where it is there
        and 0 where it is not, as the sequence itself is then; and by the depth where the mixture
        sees it, too.
        """
        region, order = self.region, [self.roles.index(role) for role in roles]
        masks = region.present[[m for m in order if m in region.incomplete]]
        channels = np.concatenate([region.images[order], masks])
        images = torch.from_numpy(channels).movedim(1, 0).float()
        if self.settings.anatomy > 0:
            images = torch.cat([images, self.depth.to(images)], dim=1)
        return images.to(self.device)

    def loss(self, output: Tensor) -> Evaluation:
        """Judge a network's output: NLL after an M-step from it, and penalties; differentiable.

        Parameters
        ----------
        output : Tensor, shape ``(Z, K, H, W)``
            Logits on the region's crop.
        """
        observations = self.observations
        logits = self.region.gather(output).to(observations.intensities.dtype)
        bias = observations.bias
        responsibilities = torch.softmax(logits if bias is None else logits + bias, dim=1)
        nll, mixture, log_p = objective(responsibilities, observations, self.settings)
        offset = self._offset(mixture.means)
        penalized = nll + self.settings.mean_penalty * (offset**2).sum((1, 2))
        loss = penalized.mean()
        if self.regularizer is not None:
            loss = loss + self.regularizer(log_p.exp(), mixture.means, mixture.covariances)
        if observations.strokes is not None:
            loss = loss + functional.cross_entropy(logits, observations.strokes, ignore_index=-1)
        return Evaluation(responsibilities, mixture, nll, offset, penalized, loss)

    def _offset(self, means: Tensor) -> Tensor:
        """Return μ − μ_data, ``(B, K, M)``; 0 in sequences that μ_data has not."""
        if self.settings.mean_penalty == 0:
            return torch.zeros_like(means)
        if self.settings.means is not None:
            return means - torch.from_numpy(self.given_means).to(means)
        target = torch.from_numpy(self.tissues.means).to(means)
        known = [role in self.settings.prior.means for role in self.roles]
        return (means - target) * torch.tensor(known).to(means)


def pose(
    region: Region,
    roles: Sequence[str],
    settings: Settings,
    device: torch.device,
    strokes: Optional[np.ndarray] = None,
    proportions: Optional[np.ndarray] = None,
    regularizer: Optional[Regularizer] = None,
) -> Problem:
    """Bring a region, and what is known of it, into the form that the methods work on.

    Parameters
    ----------
    region : Region
    roles : sequence of str
        Names of the M sequences, as the prior knows them.
    settings : Settings
    device : torch.device
    strokes : ndarray of int, shape ``(Z, H, W)``, optional
        Strokes of truth on the region's crop: k + 1 where class k is known, 0 elsewhere.
    proportions : ndarray, shape ``(K, Z, H, W)``, optional
        Prior proportions of the classes on that crop, in place of the prior's depth profile.
    regularizer : callable, optional
        A further penalty r(Π, μ, Σ) of the deep methods.

    Raises
    ------
    InvalidInput
        If the prior knows none of the sequences.
    """
    tissues = None if settings.prior is None else _tissues(settings.prior, region, roles)
    depth = torch.from_numpy(spatial.depth(region.mask, region.spacing))[:, None]
    classes = None
    if strokes is not None:
        grid = torch.from_numpy(strokes.astype(np.int64))[:, None]
        classes = region.gather(grid)[:, 0] * region.valid - 1
    smooth = None
    if settings.smoothing > 0 and settings.spatial:
        smooth = spatial.smoother(region, settings.smoothing, settings.scope == "volume")
    present = None
    if region.incomplete:
        present = region.gather(torch.from_numpy(region.present).movedim(1, 0))
    observations = Observations(
        region.gather(torch.from_numpy(region.images).movedim(1, 0)),
        region.valid,
        present,
        _bias(settings, region, depth, proportions, classes),
        smooth,
        _pseudo_voxels(settings, region, tissues),
        classes,
    )
    return Problem(
        region,
        tuple(roles),
        settings,
        device,
        observations.to(device),
        tissues,
        depth,
        regularizer,
    )


def _tissues(prior: Prior, region: Region, roles: Sequence[str]) -> Tissues:
    """Return the prior in the mixtures' units.

    A sequence that the prior does not know gets the region's own mean and deviation. With
    Student-t components the deviations are taken for their scales.
    """
    if not set(roles) & set(prior.means):
        raise InvalidInput(
            f"The prior {prior.name!r} knows {', '.join(prior.means)} but the images are "
            f"{', '.join(roles)}; name the sequences as the prior does."
        )
    zeros, ones = (0.0,) * len(prior.tissues), (1.0,) * len(prior.tissues)
    means = np.stack([prior.means.get(role, zeros) for role in roles], axis=-1)
    deviations = np.stack([prior.deviations.get(role, ones) for role in roles], axis=-1)
    centre, spread = region.centre[:, None], region.spread[:, None]
    return Tissues(means * spread + centre, deviations * spread)


def _bias(
    settings: Settings,
    region: Region,
    depth: Tensor,
    proportions: Optional[np.ndarray],
    strokes: Optional[Tensor],
) -> Optional[Tensor]:
    """Return what the proportions' logarithms get from anatomy and strokes, ``(B, K, N)``."""
    bias = None
    if settings.anatomy > 0:
        if proportions is None:
            bins = np.array(settings.prior.depth)
            proportions = spatial.depth_profile(depth.numpy()[:, 0], bins)
        logarithms = torch.from_numpy(proportions).movedim(0, 1).double().clamp_min(1e-6).log()
        bias = settings.anatomy * region.gather(logarithms)
    if strokes is not None:
        classes, painted = torch.arange(settings.classes)[:, None], strokes[:, None]
        excluded = IMPOSSIBLE * ((painted >= 0) & (painted != classes)).double()
        bias = excluded if bias is None else bias + excluded
    return bias


def _pseudo_voxels(
    settings: Settings, region: Region, tissues: Optional[Tissues]
) -> Optional[Tensor]:
    """Return the moments ``(B, K, P)`` of the prior's pseudo-voxels (MAP means, variances)."""
    if settings.prior_weight == 0 or tissues is None:
        return None
    means, deviations = map(torch.from_numpy, tissues)
    rows, columns = feature_pairs(means.shape[-1], settings.covariance)
    products = means[..., rows] * means[..., columns]
    products = products + torch.where(rows == columns, deviations[..., rows] ** 2, 0.0)
    proportions = torch.tensor(settings.prior.proportions, dtype=torch.float64)[:, None]
    counts = settings.prior_weight * region.valid.sum(-1)[:, None, None] * proportions
    return counts * torch.cat([torch.ones_like(means[..., :1]), means, products], dim=-1)
