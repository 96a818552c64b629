import numpy as np
import pytest

from DeepGMMSegmentationLib.anatomy.outline import ANGLES, RAYS, UNIT, Outline, read_outline
from DeepGMMSegmentationLib.anatomy.view import BLOOD, CLASSES, RV, SIDE, WALL

Y, X = (g - (SIDE - 1) / 2 for g in np.mgrid[:SIDE, :SIDE])


def answer(y=0.0, x=0.0, outer=UNIT, right=None):
    """Return probabilities of a ring about a place of the view, with or without a neighbour."""
    r = np.hypot(Y - y, X - x)
    probabilities = np.zeros((CLASSES, SIDE, SIDE))
    probabilities[BLOOD] = r < 0.6 * outer
    probabilities[WALL] = (r < outer) & (r >= 0.6 * outer)
    if right is not None:
        beside = np.hypot(Y - right[0], X - right[1]) < outer
        probabilities[RV] = beside & (r > outer)
    probabilities[0] = 1 - probabilities.sum(axis=0)
    return probabilities


@pytest.mark.parametrize(("y", "x"), [(0, 0), (3, -5), (-6, 2)])
def test_a_disc_is_outlined_where_it_is_and_as_large_as_it_is(y, x):
    outline = read_outline(answer(y, x, 12), (100.0, 80.0), 30.0)
    scale = 30 / UNIT
    assert outline.centre == pytest.approx((100 + y * scale, 80 + x * scale), abs=0.3)
    assert outline.radius == pytest.approx(12 * scale, rel=0.05)
    assert outline.confidence > 0.95
    assert outline.roundness > 0.95
    assert outline.insertions is None


def test_nothing_and_what_lies_elsewhere_are_no_outline():
    assert read_outline(answer(outer=0.0), (0.0, 0.0), 30.0) is None
    assert read_outline(answer(24, 24, 5), (0.0, 0.0), 30.0) is None


def test_a_doubtful_answer_has_little_confidence():
    hazy = 0.6 * answer()
    hazy[0] = 1 - hazy[1:].sum(axis=0)
    assert read_outline(hazy, (0.0, 0.0), 30.0).confidence < 0.65


def test_a_hole_is_filled_and_a_thread_is_cut():
    torn = answer()
    for place, kind in (
        (np.s_[:, 30:33, 30:33], 0),
        (np.s_[:, 31, 46:], WALL),
        (np.s_[:, :, 58:], WALL),
    ):
        torn[place] = 0
        torn[kind][place[1:]] = 1
    outline = read_outline(torn, (0.0, 0.0), UNIT)
    assert outline.radius == pytest.approx(UNIT, rel=0.06)
    assert outline.roundness > 0.9


def test_the_insertions_are_where_the_right_ventricle_begins_and_ends():
    outline = read_outline(answer(right=(0, -14)), (0.0, 0.0), UNIT)
    first, last = (np.degrees(ANGLES[ray]) for ray in outline.insertions)
    assert 75 < first < 140
    assert first + last == pytest.approx(360, abs=8)
    y, x = outline.point(outline.insertions[0])
    assert y > 0 > x


def test_the_mask_knows_the_size_of_the_pixels():
    outline = Outline((30.0, 40.0), np.full(RAYS, 12.0), 12.0, 1.0, None)
    mask = outline.mask((60, 50), (1.0, 2.0))
    assert mask.sum() * 2 == pytest.approx(np.pi * 144, rel=0.06)
    rows, columns = np.nonzero(mask)
    assert (rows.mean(), 2 * columns.mean()) == pytest.approx((30, 40), abs=0.1)
