"""Voxels that lack a sequence are fitted, exactly, by those that they have."""

import numpy as np
import pytest
import torch

from DeepGMMSegmentationLib import InvalidInput, Settings, segment
from DeepGMMSegmentationLib.hearts.sample import heart
from DeepGMMSegmentationLib.mixture import em, model
from DeepGMMSegmentationLib.mixture.model import Mixture
from DeepGMMSegmentationLib.mixture.observations import Observations


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


@pytest.mark.parametrize("covariance", ["diag", "full"])
@pytest.mark.parametrize("degrees", [None, 5.0])
def test_em_climbs_to_where_the_likelihood_of_what_is_there_is_level(
    incomplete, covariance, degrees
):
    settings = Settings(
        method="GMM",
        classes=2,
        covariance=covariance,
        degrees_of_freedom=degrees,
        tolerance=0.0,
        max_iterations=400,
        variance_floor=1e-9,
    )
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


def area_at_risk(labels):
    return 100 * np.isin(labels, (3, 4)).sum() / (labels > 1).sum()


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
    if scope == "volume":  # slice by slice, zeros are constant and were refused
        filled, truth = run(np.nan_to_num(partial)), area_at_risk(case.labels)
        assert abs(area_at_risk(there) - truth) < abs(area_at_risk(filled) - truth)
    upper = case.roi & (np.arange(len(whole)) >= 6)[:, None, None]
    assert (there == whole)[upper].mean() > 0.9
    assert ((there == 4) == (whole == 4))[case.roi].mean() > 0.9


def test_what_cannot_be_fitted_is_refused():
    case = heart(3)
    images = case.images.copy()
    images[:, 2] = np.nan
    with pytest.raises(InvalidInput, match="voxels of the region have no image"):
        segment(images, case.roi, Settings(method="GMM"), spacing=case.spacing)
    images = case.images.copy()
    images[1, 2:4] = np.nan
    with pytest.raises(InvalidInput, match=r"T2 does not reach all .*\(slices 3, 4\), as deepSVG"):
        segment(images, case.roi, Settings(), roles=case.roles, spacing=case.spacing)
    images[1] = np.nan
    with pytest.raises(InvalidInput, match="T2 does not reach into the region; leave it out"):
        segment(images, case.roi, Settings(method="GMM"), roles=case.roles, spacing=case.spacing)
