"""With a prior, EM rests at the MAP estimate, and the deep methods' loss has the same mixture."""

import numpy as np
import pytest
import torch
from small_cases import ROLES, small_case, small_settings
from torch.distributions import MultivariateNormal

from DeepGMMSegmentationLib.mixture.observations import objective
from DeepGMMSegmentationLib.mixture.problem import pose
from DeepGMMSegmentationLib.mixture.region import prepare
from DeepGMMSegmentationLib.mixture.solver import fit

pytestmark = pytest.mark.usefixtures("one_thread")


def problem_for(covariance, degrees, **chosen):
    settings = small_settings(
        **{"method": "GMM", "anatomy": 0.0, "smoothing": 0.0, "prior_weight": 0.3, **chosen},
        covariance=covariance,
        degrees_of_freedom=degrees,
        tolerance=0.0,
        max_iterations=400,
        variance_floor=1e-10,
    )
    case = small_case(0)
    region = prepare(case.images, case.roi, case.spacing, ROLES, settings)
    return pose(region, ROLES, settings, torch.device("cpu"))


def log_density(x, mean, matrix, degrees):
    """Of the normal or the multivariate t distribution, by its definition."""
    if degrees is None:
        return MultivariateNormal(mean, matrix).log_prob(x)
    difference = x - mean
    distance = (difference * torch.linalg.solve(matrix, difference.T).T).sum(-1)
    size, value = len(mean), torch.tensor(float(degrees))
    return (
        torch.lgamma((value + size) / 2)
        - torch.lgamma(value / 2)
        - size / 2 * torch.log(value * np.pi)
        - torch.logdet(matrix) / 2
        - (value + size) / 2 * torch.log1p(distance / value)
    )


def negative_log_posterior(problem, logits, means, matrices):
    """Per voxel: of the voxels, and of a prior's Gaussian pseudo-voxels with its mean and spread.

    A Gaussian's mean log density over voxels of mean m and covariance S is its log density at m
    less tr(Σ⁻¹ S) / 2.
    """
    settings, prior = problem.settings, problem.settings.prior
    x, shares = problem.observations.intensities[0].T, logits.softmax(0)
    joint = [
        shares[k].log() + log_density(x, means[k], matrices[k], settings.degrees_of_freedom)
        for k in range(3)
    ]
    total = torch.logsumexp(torch.stack(joint), 0).sum()
    centre, deviation = (torch.from_numpy(values[0]) for values in problem.tissues)
    for k in range(3):
        count = settings.prior_weight * len(x) * prior.proportions[k]
        at_centre = MultivariateNormal(means[k], matrices[k]).log_prob(centre[k])
        spread = torch.linalg.solve(matrices[k], torch.diag(deviation[k] ** 2)).trace()
        total = total + count * (shares[k].log() + at_centre - spread / 2)
    return -total / len(x)


@pytest.mark.parametrize("covariance", ["diag", "full"])
@pytest.mark.parametrize("degrees", [None, 3.0])
def test_the_gradient_of_the_objective_vanishes_where_em_rests(covariance, degrees):
    problem = problem_for(covariance, degrees)
    fitted = fit(problem, 0)
    mixture = fitted.mixture
    logits, means, matrices = (
        values[0].clone().requires_grad_()
        for values in (mixture.proportions.log(), mixture.means, mixture.covariances)
    )
    value = negative_log_posterior(problem, logits, means, matrices)
    assert fitted.objective.item() == pytest.approx(value.item(), rel=1e-6)
    gradients = torch.autograd.grad(value, (logits, means, matrices))
    slopes = list(gradients[:2])
    matrix = gradients[2] + gradients[2].mT  # of a symmetric matrix
    slopes.append(matrix if covariance == "full" else matrix.diagonal(dim1=-2, dim2=-1))
    assert all(slope.abs().max() < 1e-6 for slope in slopes)
    moved = negative_log_posterior(problem, logits, means, matrices * 1.05)
    assert moved > value + 1e-4


@pytest.mark.parametrize("weight", [0.0, 0.3])
@pytest.mark.parametrize("method", ["GMM", "SVGMM"])
@pytest.mark.parametrize("degrees", [None, 8.0])
def test_the_deep_loss_has_ems_mixture_at_ems_responsibilities(method, degrees, weight):
    problem = problem_for("full", degrees, method=method, prior_weight=weight)
    fitted = fit(problem, 0)
    nll, mixture, _ = objective(fitted.responsibilities, problem.observations, problem.settings)
    for ours, ems in zip(vars(mixture).values(), vars(fitted.mixture).values()):
        np.testing.assert_allclose(ours, ems, rtol=2e-4, atol=2e-4)
    np.testing.assert_allclose(nll, fitted.nll, rtol=1e-6, atol=1e-6)
