import numpy as np
import pytest
import torch

from DeepGMMSegmentationLib.anatomy.view import BLOOD, CHANNELS, CLASSES, SIDE, SPAN, WALL
from DeepGMMSegmentationLib.hearts.clicks import draw_lesson
from DeepGMMSegmentationLib.hearts.ranges import Ranges

CPU = torch.device("cpu")


def lesson(seed=0, count=12, **changes):
    ranges = Ranges.load().changed(**changes)
    return draw_lesson(np.random.default_rng(seed), ranges, count, 1, CPU)


def test_a_lesson_is_finite_and_its_truth_sums_to_one():
    seen, truth = lesson()
    assert seen.shape == (12, CHANNELS, SIDE, SIDE)
    assert truth.shape == (12, CLASSES, SIDE, SIDE)
    assert torch.isfinite(seen).all()
    assert truth.min() >= -1e-5
    assert torch.allclose(truth.sum(dim=1), torch.ones(()), atol=1e-5)


def test_a_seed_gives_one_lesson():
    first, again, other = lesson(1), lesson(1), lesson(2)
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])


def test_a_traced_view_has_the_ventricle_in_its_middle_and_at_its_size():
    only = {"click_blind": 0.0, "click_off": 0.0, "click_jitter": 0.0, "replaced": 0.0}
    _, truth = lesson(**only, click_stretch=0.0)
    inside = truth[:, [BLOOD, WALL]].sum(dim=1)
    assert (inside[:, SIDE // 2, SIDE // 2] > 0.9).all()
    areas = inside.sum(dim=(1, 2))
    unit = SIDE / 2 / SPAN
    assert areas.numpy() == pytest.approx(np.full(12, np.pi * unit**2), rel=0.25)


@pytest.mark.parametrize("change", [{"replaced": 1.0}, {"click_off": 1e6}])
def test_where_no_ventricle_is_clicked_on_none_is_to_be_told(change):
    _, truth = lesson(**change)
    assert not truth[:, [BLOOD, WALL]].any()
