"""Agreement over a cohort against figures that were worked out by hand."""

import numpy as np
import pytest

from DeepGMMSegmentationLib import InvalidInput
from DeepGMMSegmentationLib.cardiac.readers import compare_readers, intraclass_correlation


def test_bland_altman_by_hand():
    agreement = compare_readers([10, 20, 30, 40], [12, 21, 33, 42])
    # Differences 2, 1, 3, 2: mean 2, sum of squares 2, deviation √(2 / 3).
    assert agreement.cases == 4
    assert agreement.bias == pytest.approx(2)
    assert agreement.deviation == pytest.approx((2 / 3) ** 0.5)
    assert agreement.lower == pytest.approx(2 - 1.96 * (2 / 3) ** 0.5)
    assert agreement.upper == pytest.approx(2 + 1.96 * (2 / 3) ** 0.5)
    assert agreement.correlation == pytest.approx(
        np.corrcoef([10, 20, 30, 40], [12, 21, 33, 42])[0, 1]
    )


def test_icc_from_the_mean_squares_by_hand():
    # Cases (1, 2), (3, 3), (5, 7): means 1.5, 3, 6; readers' means 3 and 4; the mean is 3.5.
    # Cases: 2 · (4 + 0.25 + 6.25) / 2 = 10.5; readers: 3 · (0.25 + 0.25) / 1 = 1.5;
    # the rest is 0, 0.5, −0.5 and their opposites, squared: 1 over 2 degrees, 0.5.
    ratings = np.array([[1.0, 2.0], [3.0, 3.0], [5.0, 7.0]])
    assert intraclass_correlation(ratings) == pytest.approx(
        (10.5 - 0.5) / (10.5 + 0.5 + 2 * (1.5 - 0.5) / 3)
    )


def test_icc_of_shrout_and_fleiss():
    # Their table of six subjects and four judges; they give ICC(2,1) = 0.29.
    ratings = np.array(
        [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    )
    assert intraclass_correlation(ratings) == pytest.approx(0.29, abs=0.005)


def test_a_constant_offset_lowers_icc_and_no_correlation():
    agreement = compare_readers([1, 2, 3, 4], [3, 4, 5, 6])
    assert agreement.correlation == pytest.approx(1)
    assert agreement.icc < 0.6
    assert (agreement.lower, agreement.upper) == pytest.approx((2, 2))


def test_equal_figures_have_neither():
    agreement = compare_readers([5, 5, 5], [5, 5, 5])
    assert agreement.icc is agreement.correlation is None
    assert agreement.bias == 0


def test_too_few_cases_are_refused():
    with pytest.raises(InvalidInput, match="at least 3"):
        compare_readers([1, 2], [1, 2])
    with pytest.raises(InvalidInput, match="the same cases"):
        compare_readers([1, 2, 3], [1, 2, 3, 4])
