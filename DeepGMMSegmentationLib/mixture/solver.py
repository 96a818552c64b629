"""One run of one of the four methods on a prepared region."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Callable, Optional

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import InvalidInput
from ..settings import Settings
from ..training.trained_network import AtPixel, TrainedNetwork
from . import deep, em, matching, spatial
from .deep import Regularizer
from .em import Fit
from .model import Mixture, feature_pairs
from .observations import Observations
from .region import Region
from .start import start_mixture
from .unet import unet_for

# The logarithm of the proportion that a voxel with a stroke of truth gives to other classes.
IMPOSSIBLE = -1e4
# How much more than the prior a stroke counts where a start is brought into order.
STROKES_COUNT = 1e6

Report = Callable[[str, int, int, float], None]


class Solver:
    """The four methods on one prepared region, from any seed.

    Parameters
    ----------
    region : Region
    roles : sequence of str
        Names of the M sequences, as the prior knows them.
    settings : Settings
    device : torch.device
    seeds : ndarray of int, shape ``(Z, H, W)``, optional
        Strokes of truth on the region's crop: k + 1 where class k is known, 0 elsewhere.
    regularizer : callable, optional
        A further penalty r(Π, μ, Σ) of the deep methods.
    """

    def __init__(
        self,
        region: Region,
        roles: Sequence[str],
        settings: Settings,
        device: torch.device,
        seeds: Optional[np.ndarray] = None,
        regularizer: Optional[Regularizer] = None,
    ) -> None:
        self.region, self.settings, self.device = region, settings, device
        self.roles = tuple(roles)
        self.regularizer = regularizer
        self.images = torch.from_numpy(region.images).movedim(1, 0).to(device)
        self.tissue_means, self.tissue_deviations = self._tissues(roles)
        self.depth = torch.from_numpy(spatial.depth(region.mask, region.spacing))[:, None]
        self.strokes = self._strokes(seeds)
        painted = () if self.strokes is None else self.strokes.unique().tolist()
        # The classes that were painted, and so have their number from the start.
        self.painted = [k for k in painted if k >= 0]
        self.observations = Observations(
            region.gather(self.images),
            region.valid.to(device),
            self._bias(),
            self._smooth(),
            self._pseudo_voxels(),
            self.strokes,
        )

    def _strokes(self, seeds: Optional[np.ndarray]) -> Optional[Tensor]:
        if seeds is None:
            return None
        grid = torch.from_numpy(seeds.astype(np.int64))[:, None]
        return (self.region.gather(grid)[:, 0] * self.region.valid - 1).to(self.device)

    def _tissues(self, roles: Sequence[str]) -> tuple[Optional[np.ndarray], Optional[np.ndarray]]:
        """Return the prior's means and deviations in the mixtures' units, each ``(B, K, M)``.

        A sequence that the prior does not know gets the region's own mean and deviation. With
        Student-t components the deviations are taken for their scales.
        """
        prior = self.settings.prior
        if prior is None:
            return None, None
        if not set(roles) & set(prior.means):
            raise InvalidInput(
                f"The prior {prior.name!r} knows {', '.join(prior.means)} but the images are "
                f"{', '.join(roles)}; name the sequences as the prior does."
            )
        neutral = (0.0,) * len(prior.tissues), (1.0,) * len(prior.tissues)
        means = np.stack([prior.means.get(role, neutral[0]) for role in roles], axis=-1)
        deviations = np.stack([prior.deviations.get(role, neutral[1]) for role in roles], axis=-1)
        centre, spread = self.region.centre[:, None], self.region.spread[:, None]
        return means * spread + centre, deviations * spread

    def _bias(self) -> Optional[Tensor]:
        """Return what the proportions' logarithms get from anatomy and strokes, ``(B, K, N)``."""
        bias = None
        settings = self.settings
        if settings.anatomy > 0:
            profile = spatial.depth_profile(
                self.depth.numpy()[:, 0], np.array(settings.prior.depth)
            )
            grid = torch.from_numpy(profile).movedim(0, 1).clamp_min(1e-6).log().to(self.device)
            bias = settings.anatomy * self.region.gather(grid)
        if self.strokes is not None:
            classes = torch.arange(settings.classes, device=self.device)[:, None]
            known = self.strokes[:, None]
            excluded = IMPOSSIBLE * ((known >= 0) & (known != classes)).double()
            bias = excluded if bias is None else bias + excluded
        return bias

    def _smooth(self) -> Optional[Callable[[Tensor], Tensor]]:
        settings = self.settings
        if settings.smoothing == 0 or not settings.spatial:
            return None
        return spatial.smoother(self.region, settings.smoothing, settings.scope == "volume")

    def _pseudo_voxels(self) -> Optional[Tensor]:
        """Return the moments ``(B, K, P)`` of the prior's pseudo-voxels (MAP means, variances)."""
        settings = self.settings
        if settings.prior_weight == 0:
            return None
        means, deviations = (
            torch.from_numpy(self.tissue_means),
            torch.from_numpy(self.tissue_deviations),
        )
        rows, columns = feature_pairs(means.shape[-1], settings.covariance)
        products = means[..., rows] * means[..., columns]
        products = products + torch.where(rows == columns, deviations[..., rows] ** 2, 0.0)
        one = torch.ones_like(means[..., :1])
        voxels = self.region.valid.sum(-1)[:, None, None]
        counts = (
            settings.prior_weight
            * voxels
            * torch.tensor(settings.prior.proportions, dtype=torch.float64)[:, None]
        )
        return (counts * torch.cat([one, means, products], dim=-1)).to(self.device)

    def run(self, seed: int, report: Report, heartbeat: Optional[Callable[[], None]]) -> Fit:
        """Run the method from one seed.

        Parameters
        ----------
        seed : int
        report : callable
            Called with stage, iteration, limit and NLL after every iteration.
        heartbeat : callable, optional
            Called often within an iteration of a deep method on the CPU.
        """
        settings, limit = self.settings, self.settings.max_iterations
        if not settings.deep:
            return em.fit(
                self.observations,
                self._start(seed),
                settings,
                lambda iteration, nll: report("EM", iteration, limit, nll),
            )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = unet_for(settings, len(self.roles))
        return self._fit(network, self.inputs(self.roles), settings, report, heartbeat)

    def predict(
        self,
        trained: TrainedNetwork,
        refine: int,
        report: Report,
        heartbeat: Optional[Callable[[], None]],
    ) -> Fit:
        """Take the responsibilities that a trained network gives, and the mixture from them.

        Parameters
        ----------
        trained : TrainedNetwork
        refine : int
            Gradient steps on this case (algorithm 3) before the last answer is taken.
        report, heartbeat
            As of `run`.
        """
        network = AtPixel(trained.network(), trained.pixel, self.region.spacing)
        limit = refine + 1
        steps = dataclasses.replace(self.settings, min_iterations=limit, max_iterations=limit)
        with torch.set_grad_enabled(refine > 0):
            found = self._fit(network, self.inputs(trained.roles), steps, report, heartbeat)
        # As many steps as were asked for: there is nothing that could fail to settle.
        return dataclasses.replace(found, converged=True)

    def inputs(self, roles: Sequence[str]) -> Tensor:
        """Return what a network that knows the sequences in this order sees, ``(Z, C, H, W)``."""
        images = self.images[:, [self.roles.index(role) for role in roles]].float()
        if self.settings.anatomy == 0:
            return images
        return torch.cat([images, self.depth.to(images)], dim=1)

    def _fit(
        self,
        network: nn.Module,
        inputs: Tensor,
        settings: Settings,
        report: Report,
        heartbeat: Optional[Callable[[], None]],
    ) -> Fit:
        limit = settings.max_iterations
        # On CUDA, the same seed is to give the same result, and nearly that of the CPU.
        with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
            return deep.fit(
                network.to(self.device),
                inputs,
                self.region.gather,
                self.observations,
                settings,
                penalty=self.penalty,
                report=lambda iteration, nll: report(settings.method, iteration, limit, nll),
                heartbeat=heartbeat,
            )

    def _start(self, seed: int) -> Mixture:
        """Return the start of EM, its classes in the order of the prior or of the strokes."""
        settings = self.settings
        if settings.start == "prior":
            means = torch.from_numpy(self.tissue_means).to(self.device)
            variances = torch.from_numpy(self.tissue_deviations).to(self.device) ** 2
            proportions = (
                torch.tensor(settings.prior.proportions, dtype=torch.float64)
                .to(means)
                .expand(means.shape[:2])
            )
            return Mixture(proportions, means, torch.diag_embed(variances))
        given = None
        if settings.means is not None:
            given = (np.array(settings.means) - self.region.shift[:, None]) / self.region.scale[
                :, None
            ]
            given = torch.from_numpy(given).to(self.device)
        mixture = start_mixture(self.observations, given, settings, seed)
        return mixture if settings.start == "means" else self._in_order(mixture)

    def _in_order(self, mixture: Mixture) -> Mixture:
        """Return the mixture, its components in the order of the strokes first, then the prior."""
        means = mixture.means.cpu().numpy()
        mixtures, classes, _ = means.shape
        costs = np.zeros((mixtures, classes, classes))
        if self.tissue_means is not None:
            costs = matching.assignment_costs(means, self.tissue_means, self.tissue_deviations)
        intensities = self.observations.intensities.movedim(1, 2)
        for k in self.painted:
            seen = intensities[self.strokes == k].mean(0).cpu().numpy()
            costs[:, k] = STROKES_COUNT * ((means - seen) ** 2).sum(-1)
        order = torch.from_numpy(matching.best_order(costs)).to(self.device)
        rows = torch.arange(mixtures, device=self.device)[:, None]
        return Mixture(*(value[rows, order] for value in vars(mixture).values()))

    def penalty(self, proportions: Tensor, means: Tensor, covariances: Tensor) -> Tensor:
        """Return λ‖μ − μ_data‖², and what the caller's regularizer adds."""
        penalty = means.new_zeros(())
        if self.settings.mean_penalty > 0:
            target = torch.from_numpy(self.tissue_means).to(means)
            known = [m for m, role in enumerate(self.roles) if role in self.settings.prior.means]
            away = ((means - target)[..., known] ** 2).sum((1, 2)).mean()
            penalty = self.settings.mean_penalty * away
        if self.regularizer is not None:
            penalty = penalty + self.regularizer(proportions, means, covariances)
        return penalty
