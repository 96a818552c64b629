"""deepG and deepSVG on one case: the U-Net in place of the E-step (algorithm 3 of the paper)."""

from __future__ import annotations

from typing import Callable, Optional

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from .em import Fit
from .model import Mixture
from .network import UNet
from .observations import Observations, objective
from .settings import Settings

Regularizer = Callable[[Tensor, Tensor, Tensor], Tensor]


def fit(
    network: UNet,
    images: Tensor,
    gather: Callable[[Tensor], Tensor],
    observations: Observations,
    settings: Settings,
    *,
    penalty: Optional[Regularizer] = None,
    report: Optional[Callable[[int, float], None]] = None,
) -> Fit:
    """Fit the network to one case: its output is the responsibilities, AdamW lowers the NLL.

    Each iteration is a forward pass, an M-step from the network's output w, and a gradient step
    on the NLL *through* that M-step. In deepG there is no other path from the loss to the
    network: w enters the NLL only as the π, μ and Σ that the M-step makes of it.

    Parameters
    ----------
    network : UNet
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
    """
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    sizes = observations.mask.sum(-1)
    history: list[float] = []
    converged = False
    for iteration in range(1, settings.max_iterations + 1):
        optimizer.zero_grad(set_to_none=True)
        responsibilities = network_responsibilities(network, images, gather, observations)
        nll, mixture, log_p = objective(responsibilities, observations, settings)
        loss = nll.mean()
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


def network_responsibilities(
    network: UNet,
    images: Tensor,
    gather: Callable[[Tensor], Tensor],
    observations: Observations,
) -> Tensor:
    """Return w = softmax(U-Net(images) + bias) at the mixtures' voxels, ``(B, K, N)``."""
    logits = gather(network(images)).to(observations.intensities.dtype)
    if observations.bias is not None:
        logits = logits + observations.bias
    return torch.softmax(logits, dim=1)
