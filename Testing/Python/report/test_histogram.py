"""The histogram with its components, against SciPy's densities and a hand-made mixture."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import norm, t

from DeepGMMSegmentationLib import Settings
from DeepGMMSegmentationLib.report.histogram import compute_histogram
from DeepGMMSegmentationLib.result import Result

MEANS, DEVIATIONS, PROPORTIONS = (100.0, 300.0), (20.0, 40.0), (0.3, 0.7)


@pytest.fixture
def case():
    """Two slices of 20 000 voxels drawn from a mixture, and the result that knows it."""
    rng = np.random.default_rng(0)
    labels = rng.choice([1, 2], size=(2, 100, 200), p=PROPORTIONS).astype(np.uint8)
    image = rng.normal(np.take(MEANS, labels - 1), np.take(DEVIATIONS, labels - 1))
    return image, result(labels, [MEANS], [DEVIATIONS], [PROPORTIONS], [(0, 1)])


def result(labels, means, deviations, proportions, slices):
    return Result(
        labels=labels,
        probabilities=np.zeros((2, *labels.shape), np.float32),
        tissues=("Class 1", "Class 2"),
        naming=None,
        means=np.array(means)[..., None],
        covariances=np.array(deviations)[..., None, None] ** 2,
        proportions=np.array(proportions),
        slices=tuple(slices),
        history=(1.0,),
        converged=True,
        iterations=1,
        agreement=None,
        device="cpu",
        seconds=0.0,
        settings=Settings(classes=2),
        spacing=(8.0, 1.0, 1.0),
        roles=("LGE",),
    )


def test_components_are_the_fitted_densities_and_explain_the_region(case):
    image, fitted = case
    histogram = compute_histogram(fitted, image, 0)
    for component, p, mean, deviation in zip(histogram.components, PROPORTIONS, MEANS, DEVIATIONS):
        np.testing.assert_allclose(component, p * norm.pdf(histogram.intensity, mean, deviation))
    np.testing.assert_allclose(histogram.mixture, histogram.components.sum(axis=0))
    step = np.diff(histogram.intensity).mean()
    assert histogram.region.sum() * step == pytest.approx(1, abs=0.01)
    assert np.abs(histogram.region - histogram.mixture).max() < 0.1 * histogram.mixture.max()


def test_students_t_where_that_was_fitted(case):
    image, fitted = case
    fitted = dataclasses.replace(fitted, settings=Settings(classes=2, degrees_of_freedom=5.0))
    histogram = compute_histogram(fitted, image, 0)
    expected = PROPORTIONS[0] * t.pdf(histogram.intensity, 5, MEANS[0], DEVIATIONS[0])
    np.testing.assert_allclose(histogram.components[0], expected)


def test_a_mixture_per_slice_weighs_as_its_voxels(case):
    image, fitted = case
    labels = fitted.labels.copy()
    labels[1, 50:] = 0  # half as many voxels in the second slice
    far = (MEANS[0] + 50, MEANS[1] + 50)
    fitted = result(labels, [MEANS, far], [DEVIATIONS] * 2, [PROPORTIONS, (0.5, 0.5)], [(0,), (1,)])
    histogram = compute_histogram(fitted, image, 0)
    first = PROPORTIONS[1] * norm.pdf(histogram.intensity, MEANS[1], DEVIATIONS[1])
    second = 0.5 * norm.pdf(histogram.intensity, far[1], DEVIATIONS[1])
    np.testing.assert_allclose(histogram.components[1], (2 * first + second) / 3)


def test_whole_intensities_give_even_bins(case):
    image, fitted = case
    whole = (image / 20).astype(np.int16)
    histogram = compute_histogram(fitted, whole, 0)
    steps = np.diff(histogram.intensity)
    assert steps == pytest.approx(np.full(len(steps), steps[0]))
    assert steps[0] == round(steps[0])
    counts = np.array([(whole == round(value)).sum() for value in histogram.intensity])
    np.testing.assert_allclose(histogram.region, counts / whole.size)
