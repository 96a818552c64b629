"""n-SD and full width at half maximum on cases calculated by hand."""

import numpy as np
import pytest

from DeepGMMSegmentationLib import InvalidInput
from DeepGMMSegmentationLib.cardiac.thresholds import fwhm, measure_yardsticks, n_sd

SPACING = (10.0, 2.0, 1.0)  # 0.02 mL a voxel


@pytest.fixture
def case():
    """Ten remote voxels of mean 100 and deviation 10, then a graded infarct, then bright blood."""
    lge = np.full((1, 4, 10), 500.0)
    offsets = np.array([-1, -1, -1, -1, -1, 1, 1, 1, 1, 1]) * np.sqrt(90)  # ddof 1: variance 100
    lge[0, 0] = 100 + offsets
    lge[0, 1] = [121, 131, 141, 151, 161, 161, 200, 250, 299, 300]
    wall = np.zeros(lge.shape, bool)
    wall[0, :2] = True
    remote = np.zeros(lge.shape, bool)
    remote[0, 0] = True
    return lge, wall, remote, wall & ~remote


def test_thresholds_by_hand(case):
    lge, _, remote, enhanced = case
    for n in range(2, 7):
        assert n_sd(lge, remote, n) == pytest.approx(100 + 10 * n)
    assert fwhm(lge, enhanced) == 150.0


def test_sizes_by_hand(case):
    lge, wall, remote, enhanced = case
    found, missing = measure_yardsticks(lge, wall, remote, enhanced, SPACING)
    assert missing == []
    assert [y.method for y in found] == ["2-SD", "3-SD", "4-SD", "5-SD", "6-SD", "FWHM"]
    assert [y.voxels for y in found] == [10, 9, 8, 7, 6, 7]  # of 20 wall voxels; no blood
    assert found[-1].percent_of_myocardium == pytest.approx(35)
    assert found[-1].ml == pytest.approx(0.14)
    assert found[-1].grams == pytest.approx(0.147)


def test_half_the_maximum_itself_counts(case):
    lge, wall, remote, enhanced = case
    lge[0, 1, 3] = 150.0
    found, _ = measure_yardsticks(lge, wall, remote, enhanced, SPACING)
    assert found[-1].voxels == 7


def test_gain_does_not_change_sizes_and_offset_does_not_change_n_sd(case):
    lge, wall, remote, enhanced = case
    plain, _ = measure_yardsticks(lge, wall, remote, enhanced, SPACING)
    gained, _ = measure_yardsticks(3 * lge, wall, remote, enhanced, SPACING)
    lifted, _ = measure_yardsticks(lge + 1000, wall, remote, enhanced, SPACING)
    assert [y.voxels for y in gained] == [y.voxels for y in plain]
    assert [y.voxels for y in lifted[:5]] == [y.voxels for y in plain[:5]]


def test_a_flat_image_has_percent_only(case):
    lge, wall, remote, enhanced = (array[0] for array in case)
    found, _ = measure_yardsticks(lge, wall, remote, enhanced, SPACING[1:])
    assert found[0].ml is None
    assert found[0].percent_of_myocardium == pytest.approx(50)


def test_what_cannot_be_had_says_why(case):
    lge, wall, remote, enhanced = case
    few = remote.copy()
    few[0, 0, 3:] = False
    found, missing = measure_yardsticks(lge, wall, few, enhanced, SPACING)
    assert [y.method for y in found] == ["FWHM"]
    assert "3 voxels" in missing[0]
    found, missing = measure_yardsticks(lge, wall, remote, np.zeros_like(wall), SPACING)
    assert len(found) == 5
    assert "no enhanced myocardium" in missing[0]
    _, missing = measure_yardsticks(lge - 200, wall, remote, enhanced, SPACING)
    assert "magnitude image" in missing[0]
    with pytest.raises(InvalidInput, match="negative"):
        fwhm(lge - 200, enhanced)
