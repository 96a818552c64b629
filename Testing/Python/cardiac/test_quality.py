"""Warnings: each raised by its fault, and none by a sound case."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from true_result import truth

from DeepGMMSegmentationLib import Settings, segment
from DeepGMMSegmentationLib.cardiac.alignment import estimate_alignment
from DeepGMMSegmentationLib.cardiac.quality import bhattacharyya, find_warnings
from DeepGMMSegmentationLib.hearts.sample import heart

OPEN_MS = Path(__file__).parents[4] / "shared" / "data" / "open_ms" / "patient19"


@pytest.fixture(scope="module")
def case():
    return heart(0)


@pytest.fixture
def result(case):
    return truth(case)


def only(warnings, *words):
    assert len(warnings) == 1, warnings
    assert all(word in warnings[0] for word in words), warnings[0]


@pytest.mark.parametrize("seed", range(3))
def test_the_truth_of_synthetic_hearts_raises_nothing(seed):
    sound = heart(seed, no_reflow=seed % 2 == 1)
    assert find_warnings(truth(sound), sound.images) == []


def test_a_tiny_tissue(result):
    labels = result.labels.copy()
    edema = np.argwhere(labels == 3)
    labels[tuple(edema[50:].T)] = 2
    percent = 100 * 50 / np.count_nonzero(labels)
    assert percent < 1
    warnings = find_warnings(replace(result, labels=labels))
    assert any(f"“edema” is {percent:.2g} % of the region" in text for text in warnings)


def test_no_convergence(result):
    only(find_warnings(replace(result, converged=False)), "not converged after 2", "max_iterations")


def test_a_doubtful_name(result):
    only(
        find_warnings(replace(result, naming=(1.0, -0.1, 2.0, 0.5))),
        "“healthy myocardium”",
        "doubt",
    )


def test_restarts_that_disagree(result):
    warnings = find_warnings(replace(result, agreement=(0.9, 0.9, 0.4, float("nan"))))
    only(warnings, "“edema”", "0.40")


@pytest.mark.parametrize("obstructed", [True, False])
def test_no_reflow_that_no_class_was_asked_for(obstructed):
    case = heart(5, no_reflow=obstructed)
    settings = Settings.infarct(case.roles)
    segmentation = segment(case.images, case.roi, settings, spacing=case.spacing, roles=case.roles)
    told = [text for text in find_warnings(segmentation) if "microvascular obstruction" in text]
    assert bool(told) is obstructed
    counted = replace(
        segmentation, tissues=("blood pool", "healthy myocardium", "scar", "no-reflow")
    )
    assert not [text for text in find_warnings(counted) if "microvascular" in text]


def test_bhattacharyya_by_hand():
    one, two = np.eye(2), np.diag([4.0, 1.0])
    same = np.zeros(2)
    assert bhattacharyya(same, one, same, one) == pytest.approx(0)
    assert bhattacharyya(same, one, np.array([1.0, 0.0]), one) == pytest.approx(1 / 8)
    # Mean covariance diag(2.5, 1): (4 / 2.5) / 8 + ln(2.5 / 2) / 2.
    shifted = np.array([2.0, 0.0])
    assert bhattacharyya(same, one, shifted, two) == pytest.approx(0.2 + np.log(1.25) / 2)


def test_bhattacharyya_agrees_with_its_integral():
    rng = np.random.default_rng(0)
    means, deviations = rng.normal(size=2), np.array([0.7, 1.6])
    x = np.linspace(-15, 15, 20_001)
    density = np.exp(-(((x[:, None] - means) / deviations) ** 2) / 2) / (
        deviations * np.sqrt(2 * np.pi)
    )
    overlap = np.sqrt(density.prod(axis=1)).sum() * (x[1] - x[0])
    distance = bhattacharyya(
        means[:1], deviations[:1, None] ** 2, means[1:], deviations[1:, None] ** 2
    )
    assert distance == pytest.approx(-np.log(overlap), rel=1e-6)


@pytest.mark.parametrize(("apart", "warned"), [(0.9, True), (1.1, False)])
def test_components_closer_than_one_deviation(result, apart, warned):
    means, covariances = result.means.copy(), result.covariances.copy()
    covariances[0, 3] = covariances[0, 2]
    means[0, 3] = means[0, 2]
    means[0, 3, 1] += apart * np.sqrt(covariances[0, 2, 1, 1])
    warnings = find_warnings(replace(result, means=means, covariances=covariances))
    assert bool(warnings) is warned
    if warned:
        only(warnings, "“edema” and “scar” look alike:", "one deviation")


def test_components_close_in_some_slices_name_them(result):
    means = np.repeat(result.means, 2, axis=0)
    covariances = np.repeat(result.covariances, 2, axis=0)
    means[1, 1], covariances[1, 1] = means[1, 0], covariances[1, 0]
    close = replace(result, means=means, covariances=covariances, slices=((0, 1), (2, 3)))
    only(find_warnings(close), "“blood pool” and “healthy myocardium” look alike in slices 3, 4:")


def ring(depth):
    """Return a stack of rings whose infarct lies at the given depths of a tenth to the wall."""
    labels = np.zeros((6, 81, 81), np.uint8)
    y, x = np.indices((81, 81)) - 40
    radius = np.hypot(y, x)
    for z in range(6):
        outer = 36 - 2 * z
        inside, inner = radius < outer, outer - 15
        part = (radius - inner) / 15
        labels[z][inside] = 2
        labels[z][inside & (radius < inner)] = 1
        labels[z][inside & (part >= depth[0]) & (part < depth[1]) & (x > 0) & (y > 0)] = 4
        labels[z][inside & (part >= 0) & (labels[z] == 2) & (x > 0)] = 3
    return labels


@pytest.mark.parametrize(
    ("depth", "warned"),
    [((0, 0.4), False), ((0, 1), False), ((0.4, 0.7), True), ((0.6, 1), True)],
)
def test_an_infarct_that_is_not_subendocardial(result, depth, warned):
    labels = ring(depth)
    warnings = find_warnings(replace(result, labels=labels, spacing=(8.0, 1.0, 1.0)))
    assert bool(warnings) is warned
    if warned:
        only(warnings, "Only 0 % of the infarct", "not subendocardial")


def test_an_infarct_outside_the_edema(case, result):
    labels = case.labels.copy()
    labels[labels >= 3] = 2
    center = np.argwhere(case.labels == 1).mean(axis=0)
    wall = np.argwhere(labels == 2)
    near = wall[:, 0] == 5
    right, below = wall[:, 2] > center[2] + 5, wall[:, 1] > center[1]
    labels[tuple(wall[near & right & below].T)] = 4
    labels[tuple(wall[(wall[:, 0] < 4) & ~right].T)] = 3
    apart = replace(result, labels=labels)
    only(find_warnings(apart), "100 % of the infarct lies outside the edema", "T2")
    blind = find_warnings(replace(apart, roles=("LGE", "other", "bSSFP")))
    only(blind, "There is no T2 image")  # and nothing of what T2 would tell
    images = case.images.copy()
    images[1][labels == 4] = np.median(images[1][labels == 3])  # it is bright on T2 after all
    assert not [text for text in find_warnings(apart, images) if "edema" in text]


@pytest.mark.filterwarnings("error")
def test_edema_that_is_only_where_t2_is_not(case, result):
    images = case.images.copy()
    t2 = images[1]
    t2[case.labels == 3] = np.nan
    assert not [text for text in find_warnings(result, images) if "outside the edema" in text]


@pytest.mark.parametrize("shift", [(3, 0), (0, -2), (-3, 3)])
def test_a_shifted_sequence(case, result, shift):
    images = case.images.copy()
    images[1] = np.roll(images[1], shift, axis=(1, 2))
    warnings = find_warnings(result, images)
    assert len([text for text in warnings if "T2 looks shifted against LGE" in text]) == 1
    assert len([text for text in warnings if "bSSFP looks shifted against T2" in text]) == 1
    assert not [text for text in warnings if "bSSFP looks shifted against LGE" in text]
    assert any(f"by {shift[1]} pixels along x and {shift[0]} along y" in text for text in warnings)


def test_a_flat_image_is_checked_too(case, result):
    z = 5
    flat = replace(result, labels=result.labels[z], spacing=result.spacing[1:])
    images = case.images[:, z].copy()
    images[2] = np.roll(images[2], 4, axis=0)
    assert any("bSSFP looks shifted against LGE" in text for text in find_warnings(flat, images))


def test_best_shift_of_images_without_contrast_is_none():
    roi = np.zeros((1, 60, 60), bool)
    roi[0, 20:40, 20:40] = True
    flat = np.ones((1, 60, 60))
    assert estimate_alignment(flat, flat, roi, (1.0, 1.0, 1.0)).shift == (0, 0)
    assert estimate_alignment(
        flat[:, :8, :8], flat[:, :8, :8], roi[:, :8, :8], (1.0, 1.0, 1.0)
    ).shift == (
        0,
        0,
    )


def test_best_shift_finds_what_was_shifted_under_another_contrast():
    rng = np.random.default_rng(3)
    image = rng.integers(0, 4, (2, 10, 10)).repeat(8, axis=1).repeat(8, axis=2).astype(float)
    other = np.array([3.0, 0.0, 2.0, 1.0])[image.astype(int)]
    roi = np.zeros(image.shape, bool)
    roi[:, 25:55, 25:55] = True
    for shift in ((0, 0), (1, -4), (5, 5)):
        moved = np.roll(other, shift, axis=(1, 2))
        assert estimate_alignment(image, moved, roi, (8.0, 1.0, 1.0)).shift == shift


@pytest.mark.skipif(not OPEN_MS.exists(), reason="the shared open_ms images are not here")
def test_real_registered_sequences_pass_and_shifted_ones_do_not():
    def read(name):
        return sitk.GetArrayFromImage(sitk.ReadImage(str(OPEN_MS / f"{name}.nii.gz")))

    roi, t1, t2 = read("roi") > 0, read("t1"), read("t2")
    assert estimate_alignment(t1, t2, roi, (1.0, 1.0, 1.0)).shift == (0, 0)
    assert estimate_alignment(
        t1, np.roll(t2, (2, -3), axis=(1, 2)), roi, (1.0, 1.0, 1.0)
    ).shift == (2, -3)
