"""Sizes against hand-computed ellipsoids and boxes; Dice and matching against brute force."""

from itertools import permutations

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from DeepGMMSegmentationLib import InvalidInput
from DeepGMMSegmentationLib.cardiac.sizes import measure_sizes
from DeepGMMSegmentationLib.mixture.matching import dice, match

TISSUES = ("blood pool", "healthy myocardium", "edema", "scar")


def ellipsoid(shape, spacing, semiaxes):
    grid = np.meshgrid(
        *[(np.arange(n) - (n - 1) / 2) * s for n, s in zip(shape, spacing)], indexing="ij"
    )
    return sum((g / a) ** 2 for g, a in zip(grid, semiaxes)) <= 1


def test_sizes_of_a_box_by_hand():
    labels = np.zeros((4, 10, 10), np.uint8)
    labels[:, :5] = 1  # 200 voxels of 8 × 1.5 × 1.25 mm = 15 mm³
    labels[1, 5:] = 2  # 50
    labels[2, 5:9] = 3  # 40
    labels[3, 5:6] = 4  # 10
    blood, healthy, edema, scar = measure_sizes(labels, TISSUES, (8.0, 1.5, 1.25))
    assert (blood.voxels, healthy.voxels, edema.voxels, scar.voxels) == (200, 50, 40, 10)
    assert blood.ml == pytest.approx(3.0)
    assert scar.ml == pytest.approx(0.15)
    assert scar.grams == pytest.approx(0.1575)
    assert blood.percent_of_myocardium is None
    assert healthy.percent_of_myocardium == pytest.approx(50)
    assert scar.percent_of_myocardium == pytest.approx(10)
    assert scar.percent_of_region == pytest.approx(10 / 3)


def test_sizes_of_ellipsoids_agree_with_their_formula():
    shape, spacing = (40, 120, 130), (2.0, 0.9, 0.8)
    outer, inner = (35.0, 45.0, 40.0), (25.0, 30.0, 28.0)
    labels = ellipsoid(shape, spacing, outer).astype(np.uint8) * 2
    labels[ellipsoid(shape, spacing, inner)] = 1
    blood, healthy = measure_sizes(labels, TISSUES[:2], spacing, density=1.06)
    inside = 4 / 3 * np.pi * np.prod(inner) / 1000
    shell = 4 / 3 * np.pi * np.prod(outer) / 1000 - inside
    assert blood.ml == pytest.approx(inside, rel=0.005)
    assert healthy.ml == pytest.approx(shell, rel=0.005)
    assert healthy.grams == pytest.approx(shell * 1.06, rel=0.005)
    assert healthy.percent_of_myocardium == pytest.approx(100)


def test_sizes_hold_for_an_oblique_grid():
    """An ellipsoid drawn in physical space on a rotated grid has its volume by our sizes."""
    spacing, shape = (3.0, 1.2, 1.1), (30, 90, 90)
    turn = sitk.Euler3DTransform((0.0, 0.0, 0.0), 0.4, -0.3, 0.7)
    image = sitk.Image(shape[::-1], sitk.sitkUInt8)
    image.SetSpacing(spacing[::-1])
    image.SetDirection(turn.GetMatrix())
    image.SetOrigin((-20.0, 35.0, 60.0))
    center = image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in shape[::-1]])
    indices = np.indices(shape)[::-1].reshape(3, -1)
    direction = np.array(image.GetDirection()).reshape(3, 3)
    points = direction @ (indices * np.array(spacing[::-1])[:, None]) + np.array(
        image.GetOrigin()
    ).reshape(3, 1)
    semiaxes = np.array((25.0, 33.0, 28.0))
    inside = (((points.T - center) / semiaxes) ** 2).sum(axis=1) <= 1
    labels = inside.reshape(shape).astype(np.uint8)
    (size,) = measure_sizes(labels, ("Class 1",), spacing)
    assert size.ml == pytest.approx(4 / 3 * np.pi * semiaxes.prod() / 1000, rel=0.01)
    assert size.percent_of_myocardium is None  # the class has no name
    assert size.grams is None


def test_an_absent_tissue_has_size_zero():
    labels = np.ones((2, 3, 3), np.uint8)
    scar = measure_sizes(labels, TISSUES, (1, 1, 1))[3]
    assert (scar.voxels, scar.ml, scar.percent_of_region) == (0, 0.0, 0.0)
    assert scar.percent_of_myocardium is None


def test_a_flat_image_has_no_volume():
    size = measure_sizes(np.ones((3, 3), np.uint8), ("scar",), (1.0, 1.0))[0]
    assert size.voxels == 9
    assert size.ml is None
    assert size.grams is None
    assert size.percent_of_myocardium == 100


@pytest.mark.parametrize(
    ("labels", "spacing", "density", "text"),
    [
        (np.zeros((2, 2, 2), np.uint8), (1, 1, 1), 1.05, "Nothing is labelled"),
        (np.full((2, 2, 2), 5, np.uint8), (1, 1, 1), 1.05, "from 5 to 5"),
        (np.full((2, 2, 2), -1), (1, 1, 1), 1.05, "from -1"),
        (np.full((2, 2, 2), 300), (1, 1, 1), 1.05, "from 300"),
        (np.ones((2, 2, 2)), (1, 1, 1), 1.05, "whole numbers"),
        (np.ones((2, 2, 2), np.uint8), (1, 1), 1.05, "spacing"),
        (np.ones((2, 2, 2), np.uint8), (0, 1, 1), 1.05, "spacing"),
        (np.ones((2, 2, 2), np.uint8), (np.nan, 1, 1), 1.05, "spacing"),
        (np.ones((2, 2, 2), np.uint8), (1, 1, 1), 0, "density"),
    ],
)
def test_what_cannot_be_measured_is_refused(labels, spacing, density, text):
    with pytest.raises(InvalidInput, match=text):
        measure_sizes(labels, TISSUES, spacing, density)


label_maps = arrays(np.uint8, (3, 4, 5), elements=st.integers(0, 4))


@given(label_maps, label_maps)
@settings(deadline=None)
def test_dice_agrees_with_simpleitk(labels, truth):
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(sitk.GetImageFromArray(labels), sitk.GetImageFromArray(truth))
    for k, value in enumerate(dice(labels, truth, 4), start=1):
        if (labels == k).any() or (truth == k).any():
            assert value == pytest.approx(overlap.GetDiceCoefficient(k))
        else:
            assert np.isnan(value)


@given(label_maps, label_maps)
@settings(max_examples=50, deadline=None)
def test_match_is_the_best_of_all_permutations(labels, truth):
    def mean_dice(permutation):
        renamed = np.concatenate([[0], np.asarray(permutation) + 1])[labels]
        return np.nan_to_num(np.nanmean(dice(renamed, truth, 4))) if renamed.any() else 0.0

    truth[0, 0, 0] = 1
    best = max(mean_dice(p) for p in permutations(range(4)))
    assert mean_dice(match(labels, truth, 4)) == pytest.approx(best)


def test_match_undoes_a_permutation():
    truth = np.random.default_rng(0).integers(0, 5, (4, 20, 20))
    permutation = np.array([2, 0, 3, 1])
    labels = np.concatenate([[0], np.argsort(permutation) + 1])[truth]
    assert match(labels, truth, 4).tolist() == permutation.tolist()


def test_dice_refuses_other_grids_and_other_classes():
    with pytest.raises(InvalidInput, match="shape"):
        dice(np.ones((2, 2), int), np.ones((2, 3), int), 2)
    with pytest.raises(InvalidInput, match="from 3 to 3"):
        dice(np.full((2, 2), 3), np.ones((2, 2), int), 2)
    with pytest.raises(InvalidInput, match="whole numbers"):
        dice(np.ones((2, 2)), np.ones((2, 2), int), 2)
