"""The drawn left ventricle: what is where, and how its ranges are read."""

import json

import numpy as np
import pytest

from DeepGMMSegmentationLib.errors import InvalidInput
from DeepGMMSegmentationLib.hearts.anatomy import draw_ventricle
from DeepGMMSegmentationLib.hearts.codes import (
    BACKGROUND,
    BLOOD,
    EDEMA,
    HEALTHY,
    NO_REFLOW,
    SCAR,
)
from DeepGMMSegmentationLib.hearts.ranges import SHIPPED, Ranges

RANGES = Ranges.load()


def ventricle(seed, **changed):
    rng = np.random.default_rng(seed)
    return draw_ventricle(rng, RANGES.changed(**changed).style(rng), size=64)


def test_is_the_same_for_the_same_seed():
    np.testing.assert_array_equal(ventricle(3).codes, ventricle(3).codes)
    assert (
        ventricle(3).codes.shape != ventricle(4).codes.shape
        or (ventricle(3).codes != ventricle(4).codes).any()
    )


@pytest.mark.parametrize("seed", range(8))
def test_has_blood_in_a_wall_from_base_to_apex(seed):
    drawn = ventricle(seed, outflow=0)
    assert set(np.unique(drawn.codes)) <= set(range(7))
    assert (np.diff(drawn.heights) < 0).all()
    areas = (drawn.codes > BACKGROUND).sum(axis=(1, 2))
    assert areas[0] > areas[-1]
    for codes, centre, outer in zip(drawn.codes, drawn.centres, drawn.epicardium):
        inside = codes > BACKGROUND
        expected = 0.5 * (outer**2).sum() * 2 * np.pi / len(outer)
        assert inside.sum() == pytest.approx(expected, rel=0.1)
        border = inside & ~np.roll(inside, 1, 0)
        assert not (codes[border] == BLOOD).any()
        row, column = np.rint(centre).astype(int)
        assert inside[row, column]


def test_has_no_infarct_where_none_is_to_be():
    drawn = [ventricle(seed, no_infarct=1) for seed in range(10)]
    assert not any((d.codes == code).any() for d in drawn for code in (EDEMA, SCAR, NO_REFLOW))


def test_scar_begins_at_the_endocardium_in_most_hearts():
    inner = []
    for seed in range(30):
        drawn = ventricle(seed, no_infarct=0, second_infarct=0, papillary=0, from_endocardium=1)
        scar = np.isin(drawn.codes, (SCAR, NO_REFLOW))
        if scar.sum() < 30:
            continue
        blood = drawn.codes == BLOOD
        near = sum(np.roll(blood, step, axis) for axis in (1, 2) for step in (-1, 1)) > 0
        inner.append((scar & near).any())
    assert len(inner) > 10
    assert np.mean(inner) > 0.9


def test_an_old_infarct_has_neither_edema_nor_core():
    drawn = [ventricle(seed, no_infarct=0, old_infarct=1) for seed in range(10)]
    assert any((d.codes == SCAR).any() for d in drawn)
    assert not any((d.codes == code).any() for d in drawn for code in (EDEMA, NO_REFLOW))


def test_slices_lie_where_they_are_asked_for():
    rng = np.random.default_rng(0)
    heights = np.array([0.9, 0.5, 0.1])
    drawn = draw_ventricle(rng, RANGES.style(rng), size=64, heights=heights)
    np.testing.assert_array_equal(drawn.heights, heights)
    assert drawn.codes.shape == (3, 64, 64)
    assert HEALTHY in drawn.codes


def test_ranges_draw_within_what_they_say():
    rng = np.random.default_rng(0)
    ranges = Ranges({"fixed": 2.0, "even": [1, 3], "measured": [0.0, 1.0, 2.0, 3.0, 4.0]})
    assert ranges.draw(rng, "fixed") == 2.0
    even = ranges.draw(rng, "even", 2000)
    assert (even.min() >= 1, even.max() <= 3) == (True, True)
    measured = ranges.draw(rng, "measured", 20_000)
    levels = np.percentile(measured, [5, 25, 50, 75, 95])
    np.testing.assert_allclose(levels, [0, 1, 2, 3, 4], atol=0.1)


def test_a_style_is_drawn_by_its_share():
    rng = np.random.default_rng(0)
    ranges = Ranges({"a": 0.0}, ((3, {"a": 1.0}), (1, {"a": 2.0})))
    drawn = [ranges.style(rng).values["a"] for _ in range(2000)]
    assert np.mean(np.array(drawn) == 1.0) == pytest.approx(0.75, abs=0.04)


@pytest.mark.parametrize("wrong", [[3, 1], "wide", [1, 2, 3], None])
def test_refuses_what_is_no_range(wrong):
    with pytest.raises(InvalidInput, match="wall"):
        Ranges({"wall": wrong})


def test_a_user_may_change_the_drawing_file(tmp_path):
    content = json.loads(SHIPPED.read_text(encoding="utf-8"))
    content["anatomy"]["no_infarct"]["value"] = 1.0
    path = tmp_path / "own.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    assert Ranges.load(path).values["no_infarct"] == 1.0
    content["styles"][0]["values"]["wal"] = [0.1, 0.2]
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InvalidInput, match="wal"):
        Ranges.load(path)
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(InvalidInput, match="no drawing file"):
        Ranges.load(path)


def test_every_range_of_the_drawing_file_says_what_it_is():
    content = json.loads(SHIPPED.read_text(encoding="utf-8"))
    for section in ("anatomy", "surroundings", "acquisition"):
        assert all(entry["about"] for entry in content[section].values())
