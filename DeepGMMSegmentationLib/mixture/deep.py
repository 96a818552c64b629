"""deepG and deepSVG on one case: the U-Net in place of the E-step (algorithm 3 of the paper)."""

from __future__ import annotations

from typing import Callable, Optional

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import clip_grad_norm_

from ..settings import Settings
from .em import Fit
from .model import Mixture
from .observations import Observations, objective

Regularizer = Callable[[Tensor, Tensor, Tensor], Tensor]


def fit(
    network: nn.Module,
    images: Tensor,
    gather: Callable[[Tensor], Tensor],
    observations: Observations,
    settings: Settings,
    *,
    penalty: Optional[Regularizer] = None,
    report: Optional[Callable[[int, float], None]] = None,
    heartbeat: Optional[Callable[[], None]] = None,
) -> Fit:
    """Fit the network to one case: its output is the responsibilities, AdamW lowers the NLL.

    Each iteration is a forward pass, an M-step from the network's output w, and a gradient step
    on the NLL *through* that M-step. In deepG there is no other path from the loss to the
    network: w enters the NLL only as the π, μ and Σ that the M-step makes of it.

    Parameters
    ----------
    network : Module
        Where to start; it is changed.
    images : Tensor, shape ``(Z, C, H, W)``
        The network's input.
    gather : callable
        From the network's output ``(Z, K, H, W)`` to the mixtures' voxels ``(B, K, N)``.
    observations : Observations
    settings : Settings
    penalty : callable, optional
        r(Π, μ, Σ) with shapes ``(B, K, N or 1)``, ``(B, K, M)``, ``(B, K, M, M)``; added to the
        loss.
    report : callable, optional
        Called with the iteration (from 1) and the mean NLL; may raise to stop.
    heartbeat : callable, optional
        Called after every layer, forward and backward, where the network runs on the CPU; may
        raise to stop.
    """
    if heartbeat is not None and images.device.type == "cpu":
        _beat_at_every_layer(network, heartbeat)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    sizes = observations.mask.sum(-1)
    history: list[float] = []
    converged = False
    for iteration in range(1, settings.max_iterations + 1):
        optimizer.zero_grad(set_to_none=True)
        logits = gather(network(images)).to(observations.intensities.dtype)
        responsibilities = responsibilities_of(logits, observations)
        nll, mixture, log_p = objective(responsibilities, observations, settings)
        loss = nll.mean()
        if observations.strokes is not None:
            loss = loss + functional.cross_entropy(logits, observations.strokes, ignore_index=-1)
        if penalty is not None:
            loss = loss + penalty(log_p.exp(), mixture.means, mixture.covariances)
        history.append(float((nll.detach() * sizes).sum() / sizes.sum()))
        if report is not None:
            report(iteration, history[-1])
        change = abs(history[-2] - history[-1]) if iteration > 1 else torch.inf
        converged = iteration >= settings.min_iterations and change < settings.tolerance
        if converged or iteration == settings.max_iterations:
            break
        loss.backward()
        clip_grad_norm_(network.parameters(), settings.gradient_clip)
        optimizer.step()
    found = Mixture(*(value.detach() for value in vars(mixture).values()))
    return Fit(found, responsibilities.detach(), nll.detach(), history, converged)


def responsibilities_of(logits: Tensor, observations: Observations) -> Tensor:
    """Return w, the softmax of the network's output and the voxels' bias, ``(B, K, N)``."""
    return torch.softmax(logits if observations.bias is None else logits + observations.bias, dim=1)


def _beat_at_every_layer(network: nn.Module, heartbeat: Callable[[], None]) -> None:
    def beat(module: nn.Module, inputs: object, output: Tensor) -> None:
        heartbeat()
        if output.requires_grad:
            output.register_hook(lambda gradient: heartbeat())

    for layer in network.modules():
        if not list(layer.children()):
            layer.register_forward_hook(beat)
