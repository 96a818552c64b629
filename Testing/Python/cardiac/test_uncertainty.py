"""Entropy against SciPy; volume intervals against draws of the model that they stand for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from DeepGMMSegmentationLib import InvalidInput
from DeepGMMSegmentationLib.cardiac.uncertainty import entropy, estimate_volume


@pytest.fixture
def probabilities():
    logits = np.random.default_rng(0).normal(0, 2, (4, 3, 20, 24))
    p = np.exp(logits) / np.exp(logits).sum(axis=0)
    p[:, :, :4] = 0  # outside the region
    return p.astype(np.float32)


def test_entropy_is_scipys(probabilities):
    inside = probabilities.any(axis=0)
    expected = stats.entropy(probabilities[:, inside], base=4, axis=0)
    assert entropy(probabilities)[inside] == pytest.approx(expected, abs=1e-5)
    assert (entropy(probabilities)[~inside] == 0).all()


def test_entropy_runs_from_certain_to_undecided():
    p = np.array([[1.0, 0.5, 0.0], [0.0, 0.5, 0.0]])
    assert entropy(p) == pytest.approx([0, 1, 0])


def test_volume_by_hand():
    p = np.array([1.0, 0.96, 0.94, 0.5, 0.06, 0.04, 0.0]).reshape(1, 1, 7)
    volume = estimate_volume("scar", p, (10.0, 10.0, 10.0))  # 1 mL a voxel
    assert volume.tissue == "scar"
    assert volume.expected_ml == pytest.approx(3.5)
    assert volume.low_ml == pytest.approx(2.0)
    assert volume.high_ml == pytest.approx(5.0)


def test_the_interval_is_that_of_voxels_that_err_together(probabilities):
    p = probabilities[1].astype(float)
    volume = estimate_volume("scar", p, (10.0, 1.5, 1.5))
    ml = 0.0225
    draws = np.array([(p > u).sum() * ml for u in np.random.default_rng(1).random(20_000)])
    assert volume.expected_ml == pytest.approx(draws.mean(), rel=0.02)
    assert volume.low_ml == pytest.approx(np.quantile(draws, 0.05), rel=0.05)
    assert volume.high_ml == pytest.approx(np.quantile(draws, 0.95), rel=0.05)
    independent = np.sqrt((p * (1 - p)).sum()) * ml * 2 * 1.645
    assert volume.high_ml - volume.low_ml > 5 * independent


@given(arrays(np.float64, (2, 3, 4), elements=st.floats(0, 1)))
@settings(deadline=None)
def test_a_certain_map_has_no_spread_and_others_are_ordered(p):
    certain = estimate_volume("scar", np.round(p), (1.0, 1.0, 1.0))
    assert certain.low_ml == pytest.approx(certain.expected_ml)
    assert certain.high_ml == pytest.approx(certain.expected_ml)
    volume = estimate_volume("scar", p, (1.0, 1.0, 1.0))
    assert 0 <= volume.low_ml <= volume.high_ml <= p.size / 1000
    # No voxel below 0.05 is counted, none above 0.95 left out.
    assert volume.low_ml * 0.95 - 1e-12 <= volume.expected_ml
    assert volume.expected_ml <= volume.high_ml + 0.05 * (p.size / 1000 - volume.high_ml) + 1e-12


def test_a_flat_map_has_no_volume():
    with pytest.raises(InvalidInput, match="three-dimensional"):
        estimate_volume("scar", np.ones((3, 3)), (1.0, 1.0))
