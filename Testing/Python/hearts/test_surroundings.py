import numpy as np
import pytest

from DeepGMMSegmentationLib.hearts.anatomy import draw_ventricle
from DeepGMMSegmentationLib.hearts.fields import smooth_field
from DeepGMMSegmentationLib.hearts.ranges import Ranges
from DeepGMMSegmentationLib.hearts.surroundings import (
    RV_BLOOD,
    draw_surroundings,
    replace_ventricle,
)


def drawn(seed, **changes):
    rng = np.random.default_rng(seed)
    ranges = Ranges.load().changed(field_over_diameter=[2.5, 3], **changes)
    ventricle = draw_ventricle(rng, ranges, size=96)
    return ventricle, *draw_surroundings(rng, ventricle, ranges), rng


@pytest.mark.parametrize("seed", range(5))
def test_the_ventricle_stays_as_it_is_and_nothing_around_it_is_empty(seed):
    ventricle, codes, _, _ = drawn(seed)
    own = ventricle.codes > 0
    assert np.array_equal(codes[own], ventricle.codes[own])
    assert codes.min() > 0
    assert codes[~own].min() >= RV_BLOOD


def test_a_seed_gives_one_drawing():
    assert np.array_equal(drawn(3)[1], drawn(3)[1])
    assert not np.array_equal(drawn(3)[1], drawn(4)[1])


@pytest.mark.parametrize("seed", range(5))
def test_insertions_lie_on_the_border_at_either_side_of_the_septum(seed):
    ventricle, codes, insertions, _ = drawn(seed, rv_missing=0.0, rv_begin=[-0.4, -0.2])
    z = 0  # the base
    assert (codes[z] == RV_BLOOD).any()
    for anterior, (y, x) in zip((True, False), insertions[z] - ventricle.centres[z]):
        angle = np.arctan2(-y, x)
        ray = round(angle / (2 * np.pi) * 180) % 180
        assert np.hypot(y, x) == pytest.approx(ventricle.epicardium[z, ray], abs=1)
        # Seen from the apex, on the screen, the septum follows the anterior insertion against
        # the clock.
        turn = (ventricle.rv_angle - angle + np.pi) % (2 * np.pi) - np.pi
        assert 0.2 < (turn if anterior else -turn) < np.pi


def test_without_a_right_ventricle_there_are_no_insertions():
    _, codes, insertions, _ = drawn(0, rv_missing=1.0)
    assert not (codes == RV_BLOOD).any()
    assert np.isnan(insertions).all()


@pytest.mark.parametrize("seed", range(3))
def test_what_replaces_a_ventricle_is_none(seed):
    ventricle, codes, _, rng = drawn(seed)
    other = replace_ventricle(rng, ventricle, codes)
    outside = ventricle.codes == 0
    assert other.min() >= RV_BLOOD
    assert np.array_equal(other[outside], codes[outside])


def test_a_smooth_field_has_the_deviation_and_the_smoothness_that_it_says():
    rng = np.random.default_rng(0)
    fields = np.stack([smooth_field(rng, (4, 64, 64), 6) for _ in range(50)])
    assert fields.mean() == pytest.approx(0, abs=0.1)
    assert fields.std() == pytest.approx(1, abs=0.1)
    assert np.abs(np.diff(fields, axis=-1)).mean() < 0.25
