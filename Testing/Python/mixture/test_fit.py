"""Of several runs, the one with the lowest objective is kept, mixture by mixture."""

import dataclasses

import torch
from small_cases import ROLES, small_case, small_settings
from torch import nn
from torch.nn import functional

from DeepGMMSegmentationLib.mixture import solver
from DeepGMMSegmentationLib.mixture.fit import best_of
from DeepGMMSegmentationLib.mixture.problem import pose
from DeepGMMSegmentationLib.mixture.region import prepare


class Answer(nn.Module):
    """A network that is as sure as it is told of given labels."""

    def __init__(self, labels, sureness):
        super().__init__()
        classes = torch.from_numpy(labels).long().clamp_min(1) - 1
        self.logits = nn.Parameter(functional.one_hot(classes, 3).movedim(-1, 1) * sureness)

    def forward(self, images):
        return self.logits


def test_swapped_tissues_with_the_lower_nll_lose_to_the_lower_penalty():
    case = small_case(0)
    settings = small_settings(mean_penalty=1.0, prior_weight=0.0, anatomy=0.0, smoothing=0.0)
    settings = dataclasses.replace(settings, scope="slice")
    region = prepare(case.images, case.roi, case.spacing, ROLES, settings)
    problem = pose(region, ROLES, settings, torch.device("cpu"))
    truth = case.truth[region.crop]
    swapped = (4 - truth) * (truth > 0)
    fits = [
        solver.predict(problem, Answer(labels, sureness), ROLES)
        for labels, sureness in ((swapped, 9.0), (truth, 6.0))
    ]
    assert (fits[0].nll < fits[1].nll).all()
    kept = best_of(fits)
    assert torch.equal(kept.responsibilities, fits[1].responsibilities)
    assert torch.equal(kept.nll, fits[1].nll)
    assert kept.history == fits[1].history


def test_every_mixture_comes_from_its_own_best_run():
    first, second = (torch.tensor(values) for values in ([1.0, 4.0], [2.0, 3.0]))
    case, settings = small_case(0), small_settings(scope="slice")
    region = prepare(case.images, case.roi, case.spacing, ROLES, settings)
    problem = pose(region, ROLES, settings, torch.device("cpu"))
    fits = [
        dataclasses.replace(
            solver.predict(problem, Answer(case.truth[region.crop], sureness), ROLES),
            objective=objective,
        )
        for sureness, objective in ((1.0, first), (5.0, second))
    ]
    kept = best_of(fits)
    assert torch.equal(kept.mixture.means[0], fits[0].mixture.means[0])
    assert torch.equal(kept.mixture.means[1], fits[1].mixture.means[1])
    assert kept.objective.tolist() == [1.0, 3.0]
