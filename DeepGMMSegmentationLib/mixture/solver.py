"""The four methods on a posed problem: fitted from a seed, or answered by a trained network."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Callable, Optional

import numpy as np
import torch
from torch import nn

from ..result import ProgressCallback
from . import deep, em, matching
from .device import unet_device
from .fit import Fit, combine, join
from .model import Mixture
from .problem import Problem
from .unet import unet_for

# How much more than the prior a stroke counts where a start is brought into order.
STROKES_COUNT = 1e6
# How often a random start is drawn for mixtures that stay where all classes are the same.
DRAWS = 10


def fit(
    problem: Problem,
    seed: int,
    progress: Optional[ProgressCallback] = None,
    heartbeat: Optional[Callable[[], None]] = None,
) -> Fit:
    """Fit the problem's method from a seed.

    A deep method has one network for all slices where they share a mixture (``scope="volume"``),
    else, as in the paper, one for each, all from the same random weights and each with a stop of
    its own.

    Parameters
    ----------
    problem : Problem
    seed : int
    progress : callable, optional
        Called with a `Progress` after every iteration; may raise to stop.
    heartbeat : callable, optional
        Called often within an iteration of a deep method on the CPU; may raise to stop.
    """
    settings = problem.settings
    if not settings.deep:
        outcome = em.fit(problem.observations, _start(problem, seed), settings, progress)
        for draw in range(1, DRAWS if settings.start == "random" else 1):
            stuck = em.alike(outcome.mixture)
            if not stuck.any():
                break
            start = _start(problem, seed, draw)
            again = em.fit(problem.observations, start, settings, progress)
            outcome = combine([outcome, again], stuck)
        return outcome
    mixtures = len(problem.region.slices)
    if mixtures == 1:
        return _fit_network(problem, seed, progress, heartbeat)

    def progress_of(b: int) -> Optional[ProgressCallback]:
        return progress and (lambda event: progress(event.within(b, mixtures)))

    return join(
        [_fit_network(problem.only(b), seed, progress_of(b), heartbeat) for b in range(mixtures)]
    )


def _fit_network(
    problem: Problem,
    seed: int,
    progress: Optional[ProgressCallback],
    heartbeat: Optional[Callable[[], None]],
) -> Fit:
    """Fit a network with random weights to all slices of the problem together.

    Where drawings tell the tissues, its first answer is theirs: its last layer begins at 0.
    """
    settings = problem.settings
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        images = len(problem.roles) + len(problem.region.incomplete)
        network = unet_for(settings, images)
    if settings.anatomy > 0 and settings.anatomy_from == "network":
        for values in network.head.parameters():
            nn.init.zeros_(values)
    inputs, device = problem.network_input(problem.roles), unet_device(settings.device)
    return deep.fit(problem, network, inputs, device, progress, heartbeat)


def predict(
    problem: Problem,
    network: nn.Module,
    roles: Sequence[str],
    steps: int = 0,
    progress: Optional[ProgressCallback] = None,
    heartbeat: Optional[Callable[[], None]] = None,
) -> Fit:
    """Take the responsibilities that a trained network gives, and the mixture from them.

    Parameters
    ----------
    problem : Problem
    network : Module
        From ``(Z, C, H, W)`` to logits ``(Z, K, H, W)``; changed where there are steps.
    roles : sequence of str
        The sequences in the order of the network's channels.
    steps : int
        Gradient steps on this case (algorithm 3) before the last answer is taken.
    progress, heartbeat : callable, optional
        See `fit`.
    """
    limit = steps + 1
    settings = dataclasses.replace(problem.settings, min_iterations=limit, max_iterations=limit)
    limited = dataclasses.replace(problem, settings=settings)
    with torch.set_grad_enabled(steps > 0):
        inputs = problem.network_input(roles)
        answer = deep.fit(limited, network, inputs, problem.device, progress, heartbeat)
    # As many steps as were asked for: there is nothing that could fail to settle.
    return dataclasses.replace(answer, converged=True)


def _start(problem: Problem, seed: int, draw: int = 0) -> Mixture:
    """Return the start of EM, its classes in the order of the prior or of the strokes."""
    settings = problem.settings
    if settings.start == "prior":
        means = torch.from_numpy(problem.tissues.means).to(problem.device)
        variances = torch.from_numpy(problem.tissues.deviations).to(problem.device) ** 2
        proportions = torch.tensor(settings.prior.proportions).to(means).expand(means.shape[:2])
        return Mixture(proportions, means, torch.diag_embed(variances))
    if settings.start == "means":
        means = torch.from_numpy(problem.given_means).to(problem.device)
        return em.start_mixture(problem.observations, means, settings, seed)
    return _in_order(problem, em.start_mixture(problem.observations, None, settings, seed, draw))


def _in_order(problem: Problem, mixture: Mixture) -> Mixture:
    """Return the mixture, its components in the order of the strokes first, then the prior."""
    means = mixture.means.cpu().numpy()
    mixtures, classes, _ = means.shape
    costs = np.zeros((mixtures, classes, classes))
    if problem.tissues is not None:
        costs = matching.assignment_costs(means, *problem.tissues)
    intensities = problem.observations.intensities.movedim(1, 2)
    for k in problem.painted:
        centre = intensities[problem.observations.strokes == k].mean(0).cpu().numpy()
        costs[:, k] = STROKES_COUNT * ((means - centre) ** 2).sum(-1)
    order = torch.from_numpy(matching.best_order(costs)).to(problem.device)
    return mixture.map(lambda values: values[torch.arange(mixtures)[:, None], order])
