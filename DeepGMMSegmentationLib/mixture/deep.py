"""deepG and deepSVG on one case: the U-Net in place of the E-step (algorithm 3 of the paper)."""

from __future__ import annotations

from typing import Callable, Optional

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from ..result import Progress, ProgressCallback
from .fit import Fit
from .problem import Problem


def fit(
    problem: Problem,
    network: nn.Module,
    inputs: Tensor,
    device: torch.device,
    progress: Optional[ProgressCallback] = None,
    heartbeat: Optional[Callable[[], None]] = None,
) -> Fit:
    """Fit the network to one case: its output is the responsibilities, AdamW lowers the NLL.

    Each iteration is a forward pass, an M-step from the network's output w, and a gradient step
    on the NLL *through* that M-step. In deepG there is no other path from the loss to the
    network: w enters the NLL only as the π, μ and Σ that the M-step makes of it.

    Parameters
    ----------
    problem : Problem
    network : Module
        Where to start, from ``(Z, C, H, W)`` to logits ``(Z, K, H, W)``; it is changed.
    inputs : Tensor, shape ``(Z, C, H, W)``
        What the network sees.
    device : torch.device
        Where the network runs; the rest is where the problem is.
    progress : callable, optional
        Called with a `Progress` after every iteration; may raise to stop.
    heartbeat : callable, optional
        Called after every layer, forward and backward, where the network runs on the CPU; may
        raise to stop.
    """
    settings, limit = problem.settings, problem.settings.max_iterations
    network, inputs = network.to(device), inputs.to(device)
    if heartbeat is not None and device.type == "cpu":
        _beat_at_every_layer(network, heartbeat)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    sizes = problem.observations.mask.sum(-1)
    history: list[float] = []
    # On CUDA, the same seed is to give the same result, and nearly that of the CPU.
    with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
        for iteration in range(1, limit + 1):
            optimizer.zero_grad(set_to_none=True)
            answer = problem.loss(network(inputs).to(problem.device))
            history.append(float((answer.nll.detach() * sizes).sum() / sizes.sum()))
            if progress is not None:
                event = (settings.method, iteration, limit, history[-1], iteration / limit)
                progress(Progress(*event, str(device)))
            change = abs(history[-2] - history[-1]) if iteration > 1 else torch.inf
            converged = iteration >= settings.min_iterations and change < settings.tolerance
            if converged or iteration == limit:
                break
            answer.loss.backward()
            clip_grad_norm_(network.parameters(), settings.gradient_clip)
            optimizer.step()
    return Fit(
        answer.mixture.map(Tensor.detach),
        answer.responsibilities.detach(),
        answer.nll.detach(),
        answer.objective.detach(),
        history,
        converged,
    )


def _beat_at_every_layer(network: nn.Module, heartbeat: Callable[[], None]) -> None:
    def beat(module: nn.Module, inputs: object, output: Tensor) -> None:
        heartbeat()
        if output.requires_grad:
            output.register_hook(lambda gradient: heartbeat())

    for layer in network.modules():
        if not list(layer.children()):
            layer.register_forward_hook(beat)
