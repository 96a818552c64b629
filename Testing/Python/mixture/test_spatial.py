"""Smoothing and depth against SciPy's filter, distances by hand and SimpleITK's hole filling."""

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from DeepGMMSegmentationLib import Settings
from DeepGMMSegmentationLib.mixture import spatial
from DeepGMMSegmentationLib.mixture.region import prepare

SPACING = (6.0, 1.2, 2.5)


def region_of(roi, scope, spacing=SPACING):
    images = np.random.default_rng(0).normal(size=(1, *roi.shape))
    return prepare(images, roi, spacing, ["LGE"], Settings(method="GMM", classes=2, scope=scope))


def scattered_region(slices=(0, 1, 4)):
    """Slices 2 and 3 are not in the region: 1 and 4 are three steps apart."""
    roi = np.zeros((6, 11, 9), bool)
    rng = np.random.default_rng(1)
    for z in slices:
        roi[z, 1:10, 2:8] = rng.random((9, 6)) < 0.8
    return roi


def responsibilities_of(roi, classes=3):
    w = np.random.default_rng(2).dirichlet(np.ones(classes), roi.shape)
    return np.moveaxis(w, -1, 1) * roi[:, None]


@pytest.mark.parametrize("slices", [(0, 1, 2), (1, 4), (0, 1, 4)])
@pytest.mark.parametrize("millimetres", [0.5, 3.0, 9.0])
@pytest.mark.parametrize("along_slices", [True, False])
@pytest.mark.parametrize("scope", ["slice", "volume"])
def test_smoothing_is_scipys_gaussian_filter_normalised_in_the_region(
    slices, millimetres, along_slices, scope
):
    roi = scattered_region(slices)
    whole = responsibilities_of(roi)
    deviations = np.array([millimetres if along_slices else 0.0, millimetres, millimetres])
    deviations = deviations / SPACING

    def average(grid):
        return ndimage.gaussian_filter(grid, deviations, mode="constant", truncate=200.0)

    expected = np.stack([average(w) for w in np.moveaxis(whole, 1, 0)])
    expected = expected[:, roi] / average(roi.astype(float))[roi]

    region = region_of(roi, scope)
    z, rows, columns = region.crop
    w = region.gather(torch.from_numpy(whole[z][:, :, rows, columns]))
    w = torch.where(region.valid[:, None], w, 7.0)  # what stands in the padding is no voxel
    smoothed = region.scatter(spatial.smoother(region, millimetres, along_slices)(w))
    smoothed = np.moveaxis(smoothed.numpy(), 1, 0)[:, region.mask]
    np.testing.assert_allclose(smoothed, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(smoothed.sum(0), 1, rtol=1e-9)


def test_a_very_wide_window_gives_the_share_of_the_region():
    roi = scattered_region()
    region = region_of(roi, "volume")
    whole = responsibilities_of(roi)
    z, rows, columns = region.crop
    w = region.gather(torch.from_numpy(whole[z][:, :, rows, columns]))
    smoothed = spatial.smoother(region, 1e5, along_slices=True)(w)
    np.testing.assert_allclose(smoothed[0], w[0].mean(-1, keepdim=True).expand_as(w[0]), rtol=1e-6)
    apart = spatial.smoother(region, 1e5, along_slices=False)(w)
    for place in region.crop[0]:
        inside = (np.nonzero(roi)[0] == place).nonzero()[0]
        share = w[0][:, inside].mean(-1, keepdim=True).expand(-1, len(inside))
        np.testing.assert_allclose(apart[0][:, inside], share, rtol=1e-6)


def test_smoothing_keeps_the_type_of_its_input():
    region = region_of(scattered_region(), "volume")
    w = torch.full((1, 2, region.valid.shape[1]), 0.5)
    smoothed = spatial.smoother(region, 4.0, along_slices=True)(w)
    assert smoothed.dtype == torch.float32
    np.testing.assert_allclose(smoothed, w, rtol=1e-5)


def distance_by_hand(filled, steps):
    """Millimetres from every voxel to the nearest voxel outside, beyond the image too."""
    outside = np.argwhere(~np.pad(filled, 1)) - 1
    distance = np.zeros(filled.shape)
    for place in np.argwhere(filled):
        distance[tuple(place)] = np.sqrt((((outside - place) * steps) ** 2).sum(1)).min()
    return distance


def disc(radius, shape=(25, 27), centre=(12, 13)):
    y, x = np.indices(shape)
    return np.hypot(y - centre[0], x - centre[1]) <= radius


@pytest.mark.parametrize("steps", [(1.0, 1.0), (1.5, 1.5), (1.0, 3.0), (2.0, 0.7)])
def test_depth_of_a_disc_is_the_distance_to_its_border_in_millimetres(steps):
    mask = disc(9)
    distance = distance_by_hand(mask, steps)
    depth = spatial.depth(mask[None], (8.0, *steps))[0]
    np.testing.assert_allclose(depth, distance / distance.max(), rtol=1e-12)
    assert depth.max() == 1
    assert not depth[~mask].any()


def test_depth_of_a_rectangle_with_oblong_pixels_by_hand():
    mask = np.zeros((1, 7, 9), bool)
    mask[0, 1:6, 1:8] = True
    # Rows are 1 mm apart and columns 4 mm, so that only the rows set the depth: 1, 2, 3, 2, 1 mm.
    depth = spatial.depth(mask, (8.0, 1.0, 4.0))[0]
    expected = np.zeros((7, 9))
    expected[1:6, 1:8] = np.array([1, 2, 3, 2, 1])[:, None] / 3
    np.testing.assert_allclose(depth, expected)


def test_the_hole_of_a_ring_is_no_border():
    ring = disc(9) & ~disc(5)
    depth = spatial.depth(ring[None], (8.0, 1.0, 1.0))[0]
    np.testing.assert_array_equal(depth, spatial.depth(disc(9)[None], (8.0, 1.0, 1.0))[0] * ring)
    assert depth[12, 13 + 6] > depth[12, 13 + 9], "deeper towards the cavity"


def test_the_edge_of_the_image_is_a_border():
    depth = spatial.depth(np.ones((1, 5, 5), bool), (1.0, 1.0, 1.0))[0]
    np.testing.assert_allclose(depth[2], [1 / 3, 2 / 3, 1, 2 / 3, 1 / 3])
    np.testing.assert_allclose(depth[0], 1 / 3)


def test_each_slice_has_its_own_depth():
    masks = np.stack([disc(9), disc(4), np.zeros((25, 27), bool)])
    depth = spatial.depth(masks, (8.0, 1.0, 1.0))
    assert depth[0].max() == depth[1].max() == 1
    assert not depth[2].any()
    np.testing.assert_array_equal(depth[1], spatial.depth(disc(4)[None], (8.0, 1.0, 1.0))[0])


@settings(max_examples=40, deadline=None)
@given(
    hnp.arrays(bool, st.tuples(st.integers(1, 8), st.integers(1, 8))),
    st.floats(0.5, 3.0),
    st.floats(0.5, 3.0),
)
def test_depth_of_any_region(mask, row, column):
    filled = sitk.GetArrayFromImage(sitk.BinaryFillhole(sitk.GetImageFromArray(mask * np.uint8(1))))
    distance = distance_by_hand(filled > 0, (row, column))
    depth = spatial.depth(mask[None], (5.0, row, column))[0]
    np.testing.assert_allclose(depth, distance / max(distance.max(), 1e-12) * mask, rtol=1e-9)


def test_the_depth_profile_is_interpolated_between_the_middles_of_the_bins():
    bins = np.array([[1.0, 0.0], [0.6, 0.4], [0.0, 1.0], [0.2, 0.8]])
    # The middles are at 1/8, 3/8, 5/8 and 7/8.
    depth = np.array([[0.0, 1 / 8, 2 / 8], [3 / 8, 7 / 16, 0.5], [5 / 8, 6 / 8, 1.0]])
    first = np.array([[1.0, 1.0, 0.8], [0.6, 0.45, 0.3], [0.0, 0.1, 0.2]])
    profile = spatial.depth_profile(depth, bins)
    assert profile.shape == (2, 3, 3)
    np.testing.assert_allclose(profile, [first, 1 - first], atol=1e-12)


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(2, 5), st.integers(0, 999))
def test_a_depth_profile_is_a_probability(bins, classes, seed):
    rng = np.random.default_rng(seed)
    profile = spatial.depth_profile(rng.random(50), rng.dirichlet(np.ones(classes), bins))
    np.testing.assert_allclose(profile.sum(0), 1)
    assert profile.min() >= 0
