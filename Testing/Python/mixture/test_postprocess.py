"""Islands: given to what surrounds them, slice by slice, and counted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from DeepGMMSegmentationLib import InvalidInput
from DeepGMMSegmentationLib.mixture.postprocess import remove_islands

SPACING = (8.0, 2.0, 1.5)  # 3 mm² a pixel


@pytest.fixture
def labels():
    stack = np.full((2, 12, 12), 2, np.uint8)
    stack[:, 0] = 0
    return stack


def test_a_small_island_goes_to_the_tissue_around_it(labels):
    labels[0, 4, 4:7] = 3  # 9 mm²
    cleaned, count = remove_islands(labels, SPACING, 10.0)
    assert count == 1
    assert (cleaned[0, 4, 4:7] == 2).all()
    assert labels[0, 4, 4] == 3  # the input is as it was


def test_an_island_of_just_the_size_stays(labels):
    labels[0, 4, 4:7] = 3
    cleaned, count = remove_islands(labels, SPACING, 9.0)
    assert count == 0
    assert (cleaned == labels).all()


def test_area_is_in_plane_whatever_lies_in_the_next_slice(labels):
    labels[:, 4, 4] = 3  # a column through both slices: two islands of 3 mm²
    cleaned, count = remove_islands(labels, SPACING, 4.0)
    assert count == 2
    assert not (cleaned == 3).any()


def test_corners_connect(labels):
    labels[0, [3, 4, 5, 6], [3, 4, 5, 6]] = 3  # 12 mm²
    assert remove_islands(labels, SPACING, 12.0)[1] == 0
    assert remove_islands(labels, SPACING, 12.5)[1] == 1


def test_the_commonest_neighbour_wins(labels):
    labels[0, :, 6:] = 4
    labels[0, 5:7, 5] = 3  # touches 5 voxels of tissue 2 and, on the right, 4 of tissue 4
    labels[0, 4, 5] = 4
    labels[0, 4, 4] = 4  # now 3 of tissue 2 and more of tissue 4
    cleaned, _ = remove_islands(labels, SPACING, 7.0)
    assert (cleaned[0, 5:7, 5] == 4).all()


def test_two_small_islands_side_by_side_go_to_the_large_tissue(labels):
    labels[0, 1, 0] = 3  # in the region's corner: touches two voxels of the other island
    labels[0, 1:3, 1] = 4  # and only one of the large tissue
    cleaned, count = remove_islands(labels, SPACING, 10.0)
    assert count == 2
    assert (cleaned[0, 1:] == 2).all()


def test_an_island_within_an_island_goes_to_it(labels):
    labels[0, 4:7, 4:7] = 3
    labels[0, 5, 5] = 4
    cleaned, count = remove_islands(labels, SPACING, 30.0)
    assert count == 2
    assert cleaned[0, 5, 5] == 3
    assert (cleaned[0, 4, 4:7] == 2).all()


def test_an_island_outside_everything_is_removed():
    labels = np.zeros((10, 10), np.uint8)
    labels[:6, :6] = 1
    labels[8, 8] = 1
    cleaned, count = remove_islands(labels, (1.0, 1.0), 2.0)
    assert count == 1
    assert cleaned[8, 8] == 0
    assert (cleaned[:6, :6] == 1).all()


@given(arrays(np.uint8, (2, 8, 9), elements=st.integers(0, 3)), st.floats(0, 40))
@settings(max_examples=40, deadline=None)
def test_count_agrees_with_scipy_and_outside_stays_outside(labels, min_area):
    cleaned, count = remove_islands(labels, SPACING, min_area)
    small = 0
    for plane in labels:
        for tissue in (1, 2, 3):
            parts, _ = ndimage.label(plane == tissue, np.ones((3, 3)))
            small += int((np.bincount(parts.ravel())[1:] * 3.0 < min_area).sum())
    assert count == small
    assert (cleaned[labels == 0] == 0).all()
    assert cleaned.shape == labels.shape
    if count == 0:
        assert (cleaned == labels).all()


@pytest.mark.parametrize("min_area", [-1.0, np.nan, np.inf])
def test_an_area_that_makes_no_sense_is_refused(labels, min_area):
    with pytest.raises(InvalidInput, match="smallest island"):
        remove_islands(labels, SPACING, min_area)


def test_labels_that_are_no_labels_are_refused(labels):
    with pytest.raises(InvalidInput, match="whole numbers"):
        remove_islands(labels.astype(float), SPACING, 1.0)
