"""With a mixture per slice, the deep methods fit a network per slice, as the paper does."""

import dataclasses

import numpy as np
import pytest
import torch
from small_cases import ROLES, small_case, small_settings

from DeepGMMSegmentationLib import Settings, segment
from DeepGMMSegmentationLib.mixture.problem import pose
from DeepGMMSegmentationLib.mixture.region import prepare
from DeepGMMSegmentationLib.mixture.solver import fit

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def case():
    """Two slices that differ, the second with a smaller region."""
    first, second = small_case(0), small_case(1)
    images = np.stack([first.images[:, 0], second.images[:, 1]], axis=1)
    roi = np.stack([first.roi[0], second.roi[1]])
    roi[1, :8] = False
    return dataclasses.replace(first, images=images, roi=roi)


def same(one, other, voxels):
    for ours, theirs in zip(vars(one.mixture).values(), vars(other.mixture).values()):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    responsibilities = one.responsibilities[..., :voxels]
    np.testing.assert_allclose(responsibilities, other.responsibilities, atol=1e-6)
    np.testing.assert_allclose(one.nll, other.nll, rtol=1e-6)
    np.testing.assert_allclose(one.objective, other.objective, rtol=1e-6)


@pytest.mark.parametrize("method", ["deepG", "deepSVG"])
def test_two_slices_fitted_together_are_as_fitted_alone(case, method):
    settings = Settings.paper(
        method, seed=5, margin=1000.0, filters=2, depth=1, learning_rate=1e-2, tolerance=4e-3
    )
    options = {"spacing": case.spacing, "roles": ROLES}
    together = segment(case.images, case.roi, settings, **options)
    alone = [
        segment(case.images[:, z], case.roi[z], settings, spacing=case.spacing[1:], roles=ROLES)
        for z in range(2)
    ]
    assert alone[0].iterations != alone[1].iterations  # each has its own stop
    assert together.iterations == max(result.iterations for result in alone)
    sizes = case.roi.sum(axis=(1, 2))
    last = np.average([result.history[-1] for result in alone], weights=sizes)
    assert together.history[-1] == pytest.approx(last)
    for z, result in enumerate(alone):
        order = np.argsort(together.means[z, :, 0]), np.argsort(result.means[0, :, 0])
        means, expected = together.means[z][order[0]], result.means[0][order[1]]
        np.testing.assert_allclose(means, expected, rtol=1e-6)
        probabilities, expected = (
            together.probabilities[order[0], z],
            result.probabilities[order[1]],
        )
        np.testing.assert_allclose(probabilities, expected, atol=1e-6)


def test_what_is_known_of_a_slice_stays_with_it(case):
    """Prior, anatomy, smoothing, strokes and a missing sequence are those of the slice alone."""
    settings = small_settings(scope="slice", mean_penalty=0.5, max_iterations=5, margin=1000.0)
    strokes = np.zeros(case.roi.shape, np.uint8)
    strokes[0, 12, 12], strokes[1, 14, 14] = 1, 2

    def problem(slices):
        part = slice(None) if slices is None else slice(slices, slices + 1)
        region = prepare(case.images[:, part], case.roi[part], case.spacing, ROLES, settings)
        return pose(region, ROLES, settings, torch.device("cpu"), strokes[part])

    together = fit(problem(None), 3)
    for z in range(2):
        alone = fit(problem(z), 3)
        voxels = int(case.roi[z].sum())
        part = dataclasses.replace(
            together,
            mixture=together.mixture.map(lambda values, z=z: values[[z]]),
            responsibilities=together.responsibilities[[z]],
            nll=together.nll[[z]],
            objective=together.objective[[z]],
        )
        same(part, alone, voxels)


def test_slices_that_share_a_mixture_share_a_network(case):
    settings = small_settings(max_iterations=3)
    events = []
    options = {"spacing": case.spacing, "roles": ROLES}
    segment(case.images, case.roi, settings, progress=events.append, **options)
    assert [event.iteration for event in events] == [1, 2, 3]
    events.clear()
    settings = dataclasses.replace(settings, scope="slice")
    segment(case.images, case.roi, settings, progress=events.append, **options)
    assert [event.iteration for event in events] == [1, 2, 3, 1, 2, 3]
    fractions = [event.fraction for event in events]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
