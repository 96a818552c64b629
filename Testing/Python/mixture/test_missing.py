"""Voxels that lack a sequence are fitted, exactly, by those that they have."""

import numpy as np
import pytest
import torch
from scipy import stats

from DeepGMMSegmentationLib import InvalidInput, Settings, segment
from DeepGMMSegmentationLib.hearts.sample import heart
from DeepGMMSegmentationLib.mixture import em, matching, model
from DeepGMMSegmentationLib.mixture.model import Mixture
from DeepGMMSegmentationLib.mixture.observations import Observations, objective
from DeepGMMSegmentationLib.mixture.problem import pose
from DeepGMMSegmentationLib.mixture.region import prepare
from DeepGMMSegmentationLib.mixture.unet import unet_for
from DeepGMMSegmentationLib.training.trained_network import TrainedNetwork


@pytest.fixture
def incomplete():
    """Correlated voxels of two classes in three sequences, of which a third is missing."""
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(2, 3, 3)) / 2 + np.eye(3)
    which = rng.integers(2, size=800)
    x = np.einsum("nij,nj->in", mixing[which], rng.normal(size=(800, 3)))
    x += np.array([[-2.0, 2.0], [1.0, -1.0], [0.0, 2.0]])[:, which]
    present = rng.random(x.shape) < 0.67
    present[rng.integers(3, size=800), np.arange(800)] = True
    x[~present] = 1e3  # nothing may look at it
    mask = torch.ones(1, 800, dtype=torch.bool)
    return Observations(torch.from_numpy(x)[None], mask, torch.from_numpy(present)[None])


def start():
    means = torch.tensor([[[-1.0, 0.5, 0.0], [1.0, -0.5, 1.0]]], dtype=torch.float64)
    eye = torch.eye(3, dtype=torch.float64).expand(1, 2, 3, 3).clone()
    return Mixture(torch.full((1, 2), 0.5, dtype=torch.float64), means, eye)


def likelihood(observations, mixture, degrees):
    """The log-likelihood of what is there, voxel by voxel, as its definition says."""
    total = 0.0
    for x, there in zip(observations.intensities[0].T, observations.present[0].T):
        means = mixture.means[0][:, there]
        covariances = mixture.covariances[0][:, there][:, :, there]
        difference = (x[there] - means)[..., None]
        distances = (difference.mT @ torch.linalg.solve(covariances, difference)).flatten()
        peaks = model.log_peaks(covariances[None], degrees)
        densities = model.log_densities(distances[None, :, None], peaks, int(there.sum()), degrees)
        total = total + torch.logsumexp(densities[0, :, 0] + mixture.proportions[0].log(), 0)
    return total


def long_settings(covariance, degrees, **changes):
    """Return the settings of an EM that goes on to where it rests."""
    return Settings(
        method="GMM",
        classes=2,
        covariance=covariance,
        degrees_of_freedom=degrees,
        tolerance=0.0,
        max_iterations=400,
        **changes,
    )


@pytest.mark.parametrize("covariance", ["diag", "full"])
@pytest.mark.parametrize("degrees", [None, 5.0])
def test_em_climbs_to_where_the_likelihood_of_what_is_there_is_level(
    incomplete, covariance, degrees
):
    settings = long_settings(covariance, degrees, variance_floor=1e-9)
    fit = em.fit(incomplete, start(), settings)
    assert (np.diff(fit.history) < 1e-9).all()
    values = [value.clone().requires_grad_() for value in vars(fit.mixture).values()]
    total = likelihood(incomplete, Mixture(*values), degrees)
    assert -float(total) / 800 == pytest.approx(fit.history[-1], abs=1e-6)
    _, means, covariances = torch.autograd.grad(total, values)
    assert means.abs().max() < 1e-2
    if covariance == "diag":
        covariances = covariances.diagonal(dim1=-2, dim2=-1)
    assert covariances.abs().max() < 1e-2


def test_what_is_missing_does_not_matter(incomplete):
    settings = Settings(method="GMM", classes=2, covariance="full", max_iterations=20)
    other = incomplete.intensities.clone()
    other[~incomplete.present] = -7.0
    first = em.fit(incomplete, start(), settings)
    again = em.fit(Observations(other, incomplete.mask, incomplete.present), start(), settings)
    assert torch.equal(first.mixture.means, again.mixture.means)
    assert torch.equal(first.responsibilities, again.responsibilities)


def test_a_complete_case_comes_out_as_without_a_mask(incomplete):
    settings = Settings(method="GMM", classes=2, covariance="full", max_iterations=20)
    x, mask = incomplete.intensities.clamp(-5, 5), incomplete.mask
    plain = em.fit(Observations(x, mask), start(), settings)
    masked = em.fit(Observations(x, mask, torch.ones_like(x, dtype=torch.bool)), start(), settings)
    assert torch.equal(plain.mixture.covariances, masked.mixture.covariances)


@pytest.mark.parametrize("covariance", ["diag", "full"])
@pytest.mark.parametrize("degrees", [None, 5.0])
@pytest.mark.parametrize("method", ["deepG", "deepSVG"])
def test_the_deep_nll_is_that_of_what_is_there(incomplete, method, degrees, covariance):
    settings = Settings(method=method, classes=2, covariance=covariance, degrees_of_freedom=degrees)
    w = np.random.default_rng(1).dirichlet([1, 1], 800).T
    nll, mixture, log_p = objective(torch.from_numpy(w)[None], incomplete, settings)
    p = w if method == "deepSVG" else np.repeat(w.mean(1, keepdims=True), 800, axis=1)
    total = 0.0
    for n, there in enumerate(incomplete.present[0].T.numpy()):
        x, density = incomplete.intensities[0, there, n].numpy(), 0.0
        for k in range(2):
            mean = mixture.means[0, k].numpy()[there]
            matrix = mixture.covariances[0, k].numpy()[there][:, there]
            if degrees is None:
                density += p[k, n] * stats.multivariate_normal(mean, matrix).pdf(x)
            else:
                density += p[k, n] * stats.multivariate_t(mean, matrix, degrees).pdf(x)
        total -= np.log(density)
    assert nll.item() == pytest.approx(total / 800, rel=1e-9)
    np.testing.assert_allclose(log_p[0].exp().expand(2, 800), p, rtol=1e-6)


def test_the_deep_m_step_of_diagonal_gaussians_sums_over_what_is_there(incomplete):
    settings = Settings(method="deepG", classes=2, covariance="diag", variance_floor=1e-10)
    w = np.random.default_rng(1).dirichlet([1, 1], 800).T
    _, mixture, _ = objective(torch.from_numpy(w)[None], incomplete, settings)
    for k in range(2):
        for m, there in enumerate(incomplete.present[0].numpy()):
            x, weights = incomplete.intensities[0, m].numpy()[there], w[k, there]
            mean = np.average(x, weights=weights)
            assert mixture.means[0, k, m].item() == pytest.approx(mean, abs=1e-7)
            variance = np.average((x - mean) ** 2, weights=weights)
            assert mixture.covariances[0, k, m, m].item() == pytest.approx(variance, rel=1e-6)


@pytest.mark.parametrize("covariance", ["diag", "full"])
@pytest.mark.parametrize("degrees", [None, 5.0])
def test_the_deep_loss_has_ems_mixture_where_em_rests(incomplete, covariance, degrees):
    settings = long_settings(covariance, degrees)
    fit = em.fit(incomplete, start(), settings)
    nll, mixture, _ = objective(fit.responsibilities, incomplete, settings)
    for ours, ems in zip(vars(mixture).values(), vars(fit.mixture).values()):
        np.testing.assert_allclose(ours, ems, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(nll, fit.nll, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("covariance", ["diag", "full"])
def test_the_deep_loss_has_the_gradient_of_its_differences(incomplete, covariance):
    few = Observations(
        *(values[..., :24] for values in vars(incomplete).values() if values is not None)
    )
    settings = Settings(method="deepG", classes=2, covariance=covariance, variance_floor=0.01)
    logits = np.random.default_rng(2).normal(size=(1, 2, 24))

    def loss(logits):
        return objective(logits.softmax(1), few, settings)[0]

    inputs = (torch.from_numpy(logits).requires_grad_(),)
    assert torch.autograd.gradcheck(loss, inputs, fast_mode=True)


@pytest.mark.parametrize("scope", ["volume", "slice"])
def test_slices_without_t2_are_segmented_by_the_others(scope):
    case = heart(3)
    settings = Settings.infarct(case.roles, scope=scope, anatomy_from="depth")

    def run(images):
        return segment(images, case.roi, settings, spacing=case.spacing, roles=case.roles).labels

    partial = case.images.copy()
    partial[1, :6] = np.nan  # T2 reaches only the last 4 of 10 slices
    whole, there = run(case.images), run(partial)
    assert ((there > 0) == case.roi).all()
    assert (run(np.nan_to_num(partial)) == there).all()  # as other programs fill what is not there
    upper = case.roi & (np.arange(len(whole)) >= 6)[:, None, None]
    assert (there == whole)[upper].mean() > 0.9
    assert ((there == 4) == (whole == 4))[case.roi].mean() > 0.9


def without_t2(case, slices):
    images = case.images.copy()
    images[1, slices] = np.nan
    return images


@pytest.mark.parametrize("scope", ["volume", "slice"])
def test_a_network_sees_a_mask_of_what_is_incomplete_alone(scope):
    case = heart(3)
    settings = Settings(method="deepSVG", scope=scope)

    def problem(images):
        region = prepare(images, case.roi, case.spacing, case.roles, settings)
        return pose(region, case.roles, settings, torch.device("cpu"))

    whole, partial = problem(case.images), problem(without_t2(case, [2, 3]))
    assert whole.network_input(case.roles).shape[1] == 3
    seen = partial.network_input(case.roles)
    assert seen.shape[1] == 4
    there = torch.tensor([z not in (2, 3) for z in range(len(seen))])
    assert torch.equal(seen[:, 3], there[:, None, None].expand_as(seen[:, 3]).float())
    assert not seen[~there, 1].any()
    swapped = partial.network_input(case.roles[::-1])
    assert torch.equal(swapped, seen[:, [2, 1, 0, 3]])
    if scope == "slice":  # each with a network of its own
        assert partial.only(0).network_input(case.roles).shape[1] == 3
        assert partial.only(0).observations.present is None
        assert partial.only(2).network_input(case.roles).shape[1] == 4


@pytest.mark.parametrize("method", ["deepG", "deepSVG"])
@pytest.mark.parametrize("covariance", ["diag", "full"])
def test_a_deep_method_fits_a_slice_without_t2(method, covariance):
    case = heart(3)
    settings = Settings(
        method=method, covariance=covariance, filters=2, depth=1, min_iterations=6, max_iterations=6
    )
    images = without_t2(case, [4])
    result = segment(images, case.roi, settings, spacing=case.spacing, roles=case.roles)
    assert result.history[-1] < result.history[0]
    assert ((result.labels > 0) == case.roi).all()
    assert np.isfinite(result.means).all()


def test_a_deep_fit_without_t2_in_three_slices_is_near_the_complete_one():
    case = heart(3)
    settings = Settings.infarct(
        case.roles,
        method="deepSVG",
        anatomy_from="depth",
        filters=4,
        depth=2,
        min_iterations=25,
        max_iterations=25,
    )

    def score(images):
        result = segment(images, case.roi, settings, spacing=case.spacing, roles=case.roles)
        return np.mean(matching.dice(result.labels, case.labels, settings.classes))

    assert score(without_t2(case, [3, 4, 5])) > score(case.images) - 0.1


def test_what_cannot_be_fitted_is_refused():
    case = heart(3)
    images = case.images.copy()
    images[:, 2] = np.nan
    with pytest.raises(InvalidInput, match="voxels of the region have no image"):
        segment(images, case.roi, Settings(method="GMM"), spacing=case.spacing)
    images = case.images.copy()
    images[1, 2:4] = np.nan
    settings = Settings(filters=2, depth=1)
    weights = unet_for(settings, 3).state_dict()
    network = TrainedNetwork(settings, case.roles, 1.4, weights, {})
    told = r"T2 does not reach all .*\(slices 3, 4\).*fit this case by itself"
    with pytest.raises(InvalidInput, match=told):
        segment(images, case.roi, network=network, roles=case.roles, spacing=case.spacing)
    images[1] = np.nan
    with pytest.raises(InvalidInput, match="T2 does not reach into the region; leave it out"):
        segment(images, case.roi, Settings(method="GMM"), roles=case.roles, spacing=case.spacing)
