"""n-SD and full width at half maximum on cases calculated by hand."""

import numpy as np
import pytest

from DeepGMMSegmentationLib import InvalidInput
from DeepGMMSegmentationLib.cardiac.thresholds import fwhm, measure_yardsticks, n_sd, otsu

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
    lge, wall, remote, enhanced = case
    for n in range(2, 7):
        assert n_sd(lge, remote, n) == pytest.approx(100 + 10 * n)
    assert fwhm(lge, enhanced, wall) == 149.5  # half the median of 250, 299 and 300
    assert 161 < otsu(lge, wall) <= 200


def size(methods, name):
    return next(y for y in methods if y.method == name)


def test_sizes_by_hand(case):
    lge, wall, remote, enhanced = case
    yardsticks, missing = measure_yardsticks(lge, wall, remote, enhanced, SPACING)
    assert missing == []
    # Of 20 wall voxels; no blood.
    assert {y.method: y.voxels for y in yardsticks} == {
        "2-SD": 10,
        "3-SD": 9,
        "4-SD": 8,
        "5-SD": 7,
        "6-SD": 6,
        "FWHM": 7,
        "Otsu": 4,
        "grey zone, 2- to 5-SD": 3,
        "grey zone, 35 to 50 %": 8,
        "weighted above 2-SD": 5,
    }
    fwhm = size(yardsticks, "FWHM")
    assert fwhm.percent_of_myocardium == pytest.approx(35)
    assert fwhm.ml == pytest.approx(0.14)
    assert fwhm.grams == pytest.approx(0.147)


def test_half_the_maximum_itself_counts(case):
    lge, wall, remote, enhanced = case
    lge[0, 1, 3] = 149.5
    yardsticks, _ = measure_yardsticks(lge, wall, remote, enhanced, SPACING)
    assert size(yardsticks, "FWHM").voxels == 7


def test_gain_does_not_change_sizes_and_offset_does_not_change_n_sd(case):
    lge, wall, remote, enhanced = case
    plain, _ = measure_yardsticks(lge, wall, remote, enhanced, SPACING)
    gained, _ = measure_yardsticks(3 * lge, wall, remote, enhanced, SPACING)
    lifted, _ = measure_yardsticks(lge + 1000, wall, remote, enhanced, SPACING)
    assert [y.voxels for y in gained] == [y.voxels for y in plain]
    assert [y.voxels for y in lifted[:5]] == [y.voxels for y in plain[:5]]


def test_a_flat_image_has_percent_only(case):
    lge, wall, remote, enhanced = (array[0] for array in case)
    yardsticks, _ = measure_yardsticks(lge, wall, remote, enhanced, SPACING[1:])
    assert yardsticks[0].ml is None
    assert yardsticks[0].percent_of_myocardium == pytest.approx(50)


def test_what_cannot_be_had_says_why(case):
    lge, wall, remote, enhanced = case
    few = remote.copy()
    few[0, 0, 3:] = False
    yardsticks, missing = measure_yardsticks(lge, wall, few, enhanced, SPACING)
    assert [y.method for y in yardsticks] == ["FWHM", "grey zone, 35 to 50 %", "Otsu"]
    assert "3 voxels" in missing[0]
    yardsticks, missing = measure_yardsticks(lge, wall, remote, np.zeros_like(wall), SPACING)
    assert len(yardsticks) == 6
    assert "no enhanced myocardium" in missing[0]
    _, missing = measure_yardsticks(lge - 200, wall, remote, enhanced, SPACING)
    assert "magnitude image" in missing[0]
    with pytest.raises(InvalidInput, match="without a zero"):
        fwhm(lge - 200, enhanced, wall)


@pytest.fixture
def infarct():
    """A wall of 100 in which 7 % of the voxels are 400 bright, with a little noise."""
    lge = 100 + np.random.default_rng(0).normal(0, 8, (3, 40, 40))
    wall = np.zeros(lge.shape, bool)
    wall[:, 5:35, 5:35] = True
    enhanced = np.zeros(lge.shape, bool)
    enhanced[:, 10:18, 10:18] = True
    lge[enhanced] += 300
    return lge, wall, wall & ~enhanced, enhanced


def fwhm_percent(lge, wall, remote, enhanced, **options):
    yardsticks, missing = measure_yardsticks(lge, wall, remote, enhanced, SPACING, **options)
    sizes = [y.percent_of_myocardium for y in yardsticks if y.method == "FWHM"]
    return (sizes or [None])[0], missing


@pytest.mark.parametrize("place", [(1, 12, 12), (2, 30, 30), (0, 0, 0)])
@pytest.mark.parametrize("value", [40_000, -5])
def test_one_odd_voxel_does_not_change_fwhm(infarct, place, value):
    lge, wall, remote, enhanced = infarct
    expected, _ = fwhm_percent(*infarct)
    assert expected == pytest.approx(100 * 64 / 900, abs=0.1)
    odd = lge.copy()
    odd[place] = value
    enhanced = enhanced.copy()
    enhanced[place] |= wall[place] and value > 0  # the mixture calls it scar too
    percent, missing = fwhm_percent(odd, wall, remote, enhanced)
    assert percent == pytest.approx(expected, abs=0.1)
    assert missing == []


@pytest.mark.parametrize("change", [lambda v: v + 4096, lambda v: (v - v.mean()) / v.std()])
def test_fwhm_is_refused_where_the_scale_has_no_zero(infarct, change):
    lge, *masks = infarct
    percent, missing = fwhm_percent(change(lge), *masks)
    assert percent is None
    assert "without a zero" in missing[0]


def test_fwhm_is_refused_where_the_image_is_known_to_be_phase_sensitive(infarct):
    percent, missing = fwhm_percent(*infarct, phase_sensitive=True)
    assert percent is None
    assert "by its name or header" in missing[0]


def test_fwhm_bears_an_infarct_of_most_of_the_wall(infarct):
    lge, wall, _, enhanced = infarct
    enhanced[:, 5:26, 5:35] = True
    lge[enhanced] = 400
    assert fwhm(lge, enhanced, wall) == pytest.approx(200)
