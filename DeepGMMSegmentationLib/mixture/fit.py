"""What a method finds for B mixtures, and the choice between several runs of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .model import Mixture


@dataclass(frozen=True)
class Fit:
    """What a method found for B mixtures.

    Attributes
    ----------
    mixture : Mixture
    responsibilities : Tensor, shape ``(B, K, N)``
    nll : Tensor, shape ``(B,)``
        Mean NLL per voxel of each mixture.
    objective : Tensor, shape ``(B,)``
        What the method lowers, per voxel: the NLL, the prior's part and the penalties.
    history : list of float
        Mean NLL per voxel over all mixtures after the M-step of each iteration; the last is `nll`'s
        mean.
    converged : bool
    """

    mixture: Mixture
    responsibilities: Tensor
    nll: Tensor
    objective: Tensor
    history: list[float]
    converged: bool


def join(fits: Sequence[Fit]) -> Fit:
    """Return fits of one mixture each as one fit of all.

    In the history, a fit that has stopped stays where it is.
    """
    sizes = torch.tensor([fit.responsibilities.shape[-1] for fit in fits])
    first, *others = (fit.mixture for fit in fits)
    longest = max(len(fit.history) for fit in fits)
    histories = torch.tensor(
        [fit.history + fit.history[-1:] * (longest - len(fit.history)) for fit in fits],
        dtype=torch.float64,
    )
    return Fit(
        first.map(lambda *values: torch.cat(values), *others),
        torch.cat(
            [
                functional.pad(fit.responsibilities, (0, int(sizes.max() - size)))
                for fit, size in zip(fits, sizes)
            ]
        ),
        torch.cat([fit.nll for fit in fits]),
        torch.cat([fit.objective for fit in fits]),
        (sizes.double() @ histories / sizes.sum()).tolist(),
        all(fit.converged for fit in fits),
    )


def best_of(fits: Sequence[Fit]) -> Fit:
    """Return each mixture from the run in which its objective is lowest; see `combine`."""
    if len(fits) == 1:
        return fits[0]
    return combine(fits, torch.stack([fit.objective for fit in fits]).argmin(0))


def combine(fits: Sequence[Fit], chosen: Tensor) -> Fit:
    """Return each mixture from the run whose number is chosen for it, ``(B,)``.

    The history is that of the run that is best on the whole.
    """
    objectives = torch.stack([fit.objective for fit in fits])
    winners = chosen.tolist()

    def take(*values: Tensor) -> Tensor:
        return torch.stack([values[i][b] for b, i in enumerate(winners)])

    first, *others = (fit.mixture for fit in fits)
    return Fit(
        first.map(take, *others),
        take(*(fit.responsibilities for fit in fits)),
        take(*(fit.nll for fit in fits)),
        take(*objectives),
        fits[int(objectives.mean(1).argmin())].history,
        all(fits[i].converged for i in winners),
    )
