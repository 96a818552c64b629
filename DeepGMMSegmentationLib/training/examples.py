"""A case made ready for training: what the network sees of it, and how its answer is judged."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Optional

import numpy as np
import torch
from torch import Tensor, nn

from ..anatomy.proportions import infer_proportions
from ..case import Case
from ..errors import InvalidInput
from ..mixture.problem import Problem, pose
from ..mixture.region import prepare
from ..mixture.solver import fit
from ..settings import Settings
from .deformation import add_noise, deform

# The closed form in which a teacher does what the network learns.
TEACHERS = {"deepG": "GMM", "deepSVG": "SVGMM"}


@dataclass(frozen=True)
class Example:
    """A training case.

    Attributes
    ----------
    problem : Problem
        The mixtures on the case's region.
    inputs : Tensor, shape ``(Z, C, H, W)``
        What the network sees.
    target : Tensor, shape ``(B, K, N)``, optional
        The teacher's responsibilities; without them algorithm 4's loss is used.
    """

    problem: Problem
    inputs: Tensor
    target: Optional[Tensor]

    def losses(self, network: nn.Module) -> tuple[Tensor, Tensor, Tensor]:
        """Return the loss of the network's answer, its NLL, and μ − μ_data ``(B, K, M)``.

        Loss and NLL are means over the mixtures. The loss is NLL + λ‖μ − μ_data‖² after an M-step
        from the answer (algorithm 4), or the cross-entropy between the teacher's responsibilities
        and the answer.
        """
        answer = self.problem.loss(network(self.inputs))
        if self.target is None:
            return answer.loss, answer.nll.mean(), answer.offset
        w, mask = answer.responsibilities, self.problem.observations.mask
        log_w = w.clamp_min(torch.finfo(w.dtype).tiny).log()
        entropy = -(self.target * log_w).sum(1) * mask
        return (entropy.sum(-1) / mask.sum(-1)).mean(), answer.nll.mean(), answer.offset


def make_example(
    case: Case,
    roles: tuple[str, ...],
    settings: Settings,
    teacher: str,
    device: torch.device,
    rng: Optional[np.random.Generator] = None,
) -> Example:
    """Crop and normalise a case, and ask the teacher.

    Parameters
    ----------
    case : Case
        Its truth, if any, is not looked at.
    roles : tuple of str
        The sequences, in the order of the network's channels.
    settings : Settings
        Of the mixture and the network.
    teacher : {"em", "none"}
        What the network is drawn to; see `Training`.
    device : torch.device
        Where the example is kept.
    rng : Generator, optional
        Changes images and region at random, as the paper's authors do.

    Raises
    ------
    InvalidInput
        If the case lacks a sequence or cannot be used; the text names it.
    """
    missing = [role for role in roles if role not in case.roles]
    if missing:
        raise InvalidInput(
            f"{case.name} has no {missing[0]}; every case needs the same sequences. Leave it, or "
            "the sequence, out."
        )
    if rng is not None:
        case = deform(case, rng)
    images = case.images[[case.roles.index(role) for role in roles]]
    try:
        region = prepare(images, case.roi, case.spacing, roles, settings)
        region.check_complete(roles)
    except InvalidInput as error:
        raise InvalidInput(f"{case.name}: {error}") from error
    if rng is not None:
        region = add_noise(region, rng)
    drawn = infer_proportions(images, case.roi, case.spacing, roles, settings)
    proportions = None if drawn is None else drawn.probabilities[(slice(None), *region.crop)]
    problem = pose(region, roles, settings, device, proportions=proportions)
    target = None
    if teacher == "em":
        closed_form = dataclasses.replace(settings, method=TEACHERS[settings.method], start="prior")
        teaching = pose(region, roles, closed_form, device, proportions=proportions)
        target = fit(teaching, settings.seed).responsibilities
    return Example(problem, problem.network_input(roles), target)
