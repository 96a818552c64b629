"""An infarct or none, and volumes with their intervals."""

import numpy as np
import pytest

from DeepGMMSegmentationLib.anatomy.evidence import (
    EDEMA,
    HEALTHY,
    NO_REFLOW,
    SCAR,
    Evidence,
    settle,
    shifted,
    volumes,
    weigh,
)

SPACING = (8.0, 1.5, 1.5)
RECORD = {
    "evidence": {
        "infarct": [6.0, 1.0, 0.5, 1.0],
        "edema": [6.0, 1.0, 0.5, 1.0],
        "no-reflow": [6.0, 1.0, 0.5, 1.0],
    },
    "shifts": {
        name: [-1.0, 1.0]
        for name in (
            "blood pool",
            "healthy myocardium",
            "edema",
            "scar",
            "no-reflow",
            "infarct",
        )
    },
}


def ring(scar, sector=0.8):
    """A wall with a sector of this scar probability in the middle slices; blood in it."""
    y, x = np.mgrid[:48, :48] - 23.5
    r, angle = np.hypot(y, x), np.arctan2(y, x)
    p = np.zeros((5, 6, 48, 48), np.float32)
    p[0, :, r < 12] = 1
    wall = (r >= 12) & (r < 19)
    p[1, :, wall] = 0.98
    p[3, :, wall] = 0.02
    dead = wall & (np.abs(angle) < sector)
    p[1, 2:4, dead], p[3, 2:4, dead] = 1 - scar, scar
    return p


def test_more_scar_is_more_evidence():
    told = [weigh(ring(scar), SPACING, ("LGE",), RECORD).infarct for scar in (0.02, 0.3, 0.95)]
    assert told == sorted(told)
    assert told[0] < 0.5 < told[2]


def test_scattered_scar_is_less_evidence_than_as_much_in_one_place():
    rng = np.random.default_rng(0)
    together, scattered = ring(0.95), ring(0.02)
    wall = together[1] + together[3] > 0.5
    count = int((together[3] > 0.5).sum())
    chosen = rng.permutation(np.flatnonzero(wall))[:count]
    scattered[1].ravel()[chosen], scattered[3].ravel()[chosen] = 0.05, 0.95
    told = [weigh(p, SPACING, ("LGE",), RECORD).infarct for p in (together, scattered)]
    assert told[0] > told[1]


def test_nothing_is_told_without_the_sequence_that_shows_it():
    def told(*roles):
        return {name for name, p in vars(weigh(ring(0.5), SPACING, roles, RECORD)).items() if p}

    assert told("LGE", "bSSFP") == {"infarct", "no_reflow"}
    assert told("T2", "bSSFP") == {"edema"}
    assert told("LGE", "T2") == {"infarct", "edema", "no_reflow"}


def test_no_infarct_leaves_no_scar():
    p = ring(0.95)
    p[EDEMA] = p[HEALTHY] * 0.5
    p[HEALTHY] *= 0.5
    settled = settle(p, Evidence(infarct=0.2, edema=0.9, no_reflow=0.1))
    assert not settled[SCAR].any()
    assert not settled[NO_REFLOW].any()
    np.testing.assert_array_equal(settled[EDEMA], p[EDEMA])
    np.testing.assert_allclose(settled.sum(0), p.sum(0), atol=1e-6)
    kept = settle(p, Evidence(infarct=0.8, edema=None, no_reflow=0.1))
    np.testing.assert_array_equal(kept[SCAR], p[SCAR])
    assert not settle(p, Evidence(0.8, 0.1, 0.1))[EDEMA].any()


def test_intervals_hold_the_expected_volume_and_reach_0_where_there_may_be_none():
    p = ring(0.7)
    for infarct, reaches in ((0.7, False), (0.5, True)):
        spans = volumes(p, SPACING, Evidence(infarct, None, 0.1), RECORD)
        for expected, low, high in spans.values():
            assert 0 <= low <= expected * 1.00001 <= high * 1.0001
        assert (spans["scar"][1] == 0) == reaches
        assert spans["no-reflow"][1] == 0
    expected, _, _ = spans["blood pool"]
    assert expected == pytest.approx(p[0].sum() * np.prod(SPACING) / 1000)


def test_a_shift_moves_logits():
    p = np.array([0.0, 0.2, 0.5, 1.0])
    moved = shifted(p, 1.0)
    logit = np.log(moved[1:3] / (1 - moved[1:3]))
    np.testing.assert_allclose(logit, np.log(p[1:3] / (1 - p[1:3])) + 1, atol=1e-6)
    np.testing.assert_allclose(moved[[0, 3]], [0, 1], atol=1e-6)
