"""A case made ready for training: what the network sees of it, and how its answer is judged."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Optional

import torch
from torch import Tensor, nn

from ..errors import InvalidInput
from ..io.cohort import Case
from ..mixture.deep import responsibilities_of
from ..mixture.observations import objective
from ..mixture.region import prepare
from ..mixture.solver import Solver
from ..settings import Settings

# The closed form in which a teacher does what the network learns.
TEACHERS = {"deepG": "GMM", "deepSVG": "SVGMM"}


@dataclass(frozen=True)
class Example:
    """A training case.

    Attributes
    ----------
    solver : Solver
        The mixtures on the case's region.
    inputs : Tensor, shape ``(Z, C, H, W)``
        What the network sees.
    target : Tensor, shape ``(B, K, N)``, optional
        The teacher's responsibilities; without them algorithm 4's loss is used.
    """

    solver: Solver
    inputs: Tensor
    target: Optional[Tensor]

    def losses(self, network: nn.Module) -> tuple[Tensor, Tensor]:
        """Return the loss of the network's answer, and its NLL, each a mean over the mixtures.

        The loss is NLL + λ‖μ − μ_data‖² after an M-step from the answer (algorithm 4), or the
        cross-entropy between the teacher's responsibilities and the answer.
        """
        solver, observations = self.solver, self.solver.observations
        logits = solver.region.gather(network(self.inputs)).to(observations.intensities.dtype)
        responsibilities = responsibilities_of(logits, observations)
        nll, mixture, log_p = objective(responsibilities, observations, solver.settings)
        if self.target is None:
            penalty = solver.penalty(log_p.exp(), mixture.means, mixture.covariances)
            return nll.mean() + penalty, nll.mean()
        log_w = responsibilities.clamp_min(torch.finfo(logits.dtype).tiny).log()
        entropy = -(self.target * log_w).sum(1) * observations.mask
        return (entropy.sum(-1) / observations.mask.sum(-1)).mean(), nll.mean()


def make_example(
    case: Case, roles: tuple[str, ...], settings: Settings, teacher: str, device: torch.device
) -> Example:
    """Crop and normalise a case, and ask the teacher.

    Parameters
    ----------
    case : Case
    roles : tuple of str
        The sequences, in the order of the network's channels.
    settings : Settings
    teacher : {"em", "none"}
    device : torch.device

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
    images = case.images[[case.roles.index(role) for role in roles]]
    try:
        region = prepare(images, case.roi, case.spacing, roles, settings)
    except InvalidInput as error:
        raise InvalidInput(f"{case.name}: {error}") from error
    solver = Solver(region, roles, settings, device)
    target = None
    if teacher == "em":
        closed_form = dataclasses.replace(settings, method=TEACHERS[settings.method], start="prior")
        solved = Solver(region, roles, closed_form, device)
        target = solved.run(settings.seed, lambda *_: None, None).responsibilities
    return Example(solver, solver.inputs(roles), target)
