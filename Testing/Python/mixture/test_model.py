"""The mixture model against SciPy and a plain float64 loop."""

import numpy as np
import pytest
import torch
from scipy import stats

from DeepGMMSegmentationLib.mixture import model
from DeepGMMSegmentationLib.mixture.model import Mixture


def random_mixture(rng, classes=3, sequences=2, covariance="full"):
    roots = rng.normal(size=(1, classes, sequences, sequences))
    covariances = roots @ roots.swapaxes(-1, -2) + 0.3 * np.eye(sequences)
    if covariance == "diag":
        covariances = covariances * np.eye(sequences)
    proportions = rng.dirichlet(np.ones(classes), 1)
    means = rng.normal(size=(1, classes, sequences))
    return Mixture(*(torch.from_numpy(value) for value in (proportions, means, covariances)))


def densities(mixture, x, covariance, degrees=None):
    mask = torch.ones(1, x.shape[1], dtype=torch.bool)
    voxels = model.features(torch.from_numpy(x)[None], mask, covariance)
    distances = model.distance_coefficients(mixture, covariance) @ voxels
    peaks = model.log_peaks(mixture.covariances, degrees)
    return model.log_densities(distances, peaks, len(x), degrees)


@pytest.mark.parametrize("covariance", ["diag", "full"])
@pytest.mark.parametrize("sequences", [1, 2, 5])
@pytest.mark.parametrize("degrees", [None, 3.0])
def test_densities_are_scipys(covariance, sequences, degrees):
    rng = np.random.default_rng(0)
    mixture = random_mixture(rng, 3, sequences, covariance)
    x = rng.normal(size=(sequences, 50)) * 3
    log_densities = densities(mixture, x, covariance, degrees)
    for k in range(3):
        mean, matrix = mixture.means[0, k].numpy(), mixture.covariances[0, k].numpy()
        if degrees is None:
            expected = stats.multivariate_normal(mean, matrix).logpdf(x.T)
        else:
            expected = stats.multivariate_t(mean, matrix, df=degrees).logpdf(x.T)
        np.testing.assert_allclose(log_densities[0, k].numpy(), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("covariance", ["diag", "full"])
def test_m_step_is_the_weighted_mean_and_covariance(covariance):
    rng = np.random.default_rng(1)
    x, w = rng.normal(size=(3, 40)), rng.dirichlet(np.ones(4), 40).T
    mask = rng.random(40) < 0.7
    voxels = model.features(torch.from_numpy(x)[None], torch.from_numpy(mask)[None], covariance)
    weighted = model.moments(torch.from_numpy(w)[None], voxels)
    mixture = model.m_step(weighted, weighted[..., 0], 3, covariance, variance_floor=0.01)
    for k in range(4):
        total = sum(w[k, n] for n in range(40) if mask[n])
        mean = sum(w[k, n] * x[:, n] for n in range(40) if mask[n]) / total
        matrix = sum(
            w[k, n] * np.outer(x[:, n] - mean, x[:, n] - mean) for n in range(40) if mask[n]
        )
        matrix = matrix / total + 0.01 * np.eye(3)
        if covariance == "diag":
            matrix = matrix * np.eye(3)
        np.testing.assert_allclose(mixture.means[0, k], mean, rtol=1e-8)
        np.testing.assert_allclose(mixture.covariances[0, k], matrix, rtol=1e-7, atol=1e-9)
        assert float(mixture.proportions[0, k]) == pytest.approx(total / mask.sum(), rel=1e-8)


def test_a_class_without_voxels_becomes_the_region_with_no_share():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(2, 500)) * 2 + 5
    w = np.stack([np.ones(500), np.zeros(500)])
    mask = torch.ones(1, 500, dtype=torch.bool)
    voxels = model.features(torch.from_numpy(x)[None], mask, "full")
    weighted = model.moments(torch.from_numpy(w)[None], voxels)
    mixture = model.m_step(weighted, weighted[..., 0], 2, "full", variance_floor=1e-6)
    np.testing.assert_allclose(mixture.means[0, 1], x.mean(1), rtol=1e-6)
    np.testing.assert_allclose(mixture.covariances[0, 1], np.cov(x, bias=True), rtol=1e-4)
    assert 0 < mixture.proportions[0, 1] < 1e-9


def test_responsibilities_survive_densities_that_underflow():
    log_joint = torch.tensor([[[-5000.0, 3.0], [-5001.0, -5000.0]]], dtype=torch.float64)
    responsibilities, log_evidence = model.expectation(log_joint)
    expected = 1 / (1 + np.exp(-1))
    np.testing.assert_allclose(responsibilities[0, :, 0], [expected, 1 - expected], rtol=1e-12)
    np.testing.assert_allclose(log_evidence[0, 0], -5000 + np.log1p(np.exp(-1)), rtol=1e-12)
    np.testing.assert_allclose(responsibilities[0, :, 1], [1, 0], atol=0)


def test_nll_leaves_out_masked_voxels():
    log_evidence = torch.tensor([[1.0, 2.0, 100.0]])
    mask = torch.tensor([[True, True, False]])
    assert model.nll(log_evidence, mask).tolist() == [-1.5]


def test_bias_renormalises_the_proportions():
    proportions = torch.tensor([[[0.2], [0.8]]], dtype=torch.float64)
    bias = torch.log(torch.tensor([[[4.0, 1.0], [1.0, 1.0]]], dtype=torch.float64))
    renormalised = model.log_proportions(proportions, bias).exp()
    np.testing.assert_allclose(renormalised[0], [[0.5, 0.2], [0.5, 0.8]], rtol=1e-12)


def test_the_nll_is_differentiable_through_the_m_step():
    rng = np.random.default_rng(3)
    x = torch.from_numpy(rng.normal(size=(1, 2, 12)))
    mask = torch.ones(1, 12, dtype=torch.bool)
    logits = torch.from_numpy(rng.normal(size=(1, 3, 12))).requires_grad_()

    def loss(logits):
        w = logits.softmax(1)
        voxels = model.features(x, mask, "full")
        weighted = model.moments(w, voxels)
        mixture = model.m_step(weighted, weighted[..., 0], 2, "full", variance_floor=0.1)
        distances = model.distance_coefficients(mixture, "full") @ voxels
        log_p = model.log_proportions(mixture.proportions[..., None])
        joint = model.log_densities(distances, model.log_peaks(mixture.covariances), 2) + log_p
        return model.nll(torch.logsumexp(joint, 1), mask)

    assert torch.autograd.gradcheck(loss, (logits,))
