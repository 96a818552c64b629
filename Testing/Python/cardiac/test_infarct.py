"""Infarct, area at risk and salvage, counted by hand."""

import numpy as np
import pytest

from DeepGMMSegmentationLib import InvalidInput
from DeepGMMSegmentationLib.cardiac.infarct import measure_infarct, measure_infarct_per_slice

TISSUES = ("blood pool", "healthy myocardium", "edema", "scar", "no-reflow")
SPACING = (10.0, 2.0, 1.0)  # 0.02 mL a voxel


@pytest.fixture
def labels():
    stack = np.zeros((4, 10, 10), np.uint8)  # slice 3 stays empty
    stack[0].flat[:100] = [1] * 40 + [2] * 30 + [3] * 18 + [4] * 10 + [5] * 2
    stack[1].flat[:50] = [1] * 20 + [2] * 24 + [3] * 6
    stack[2].flat[:20] = [2] * 20
    return stack


def test_the_whole_heart(labels):
    heart = measure_infarct(labels, TISSUES, SPACING)
    assert heart.slice is None
    assert heart.myocardium.voxels == 110
    assert heart.myocardium.ml == pytest.approx(2.2)
    assert heart.myocardium.percent_of_myocardium == pytest.approx(100)
    assert heart.infarct.voxels == 12
    assert heart.infarct.grams == pytest.approx(12 * 0.02 * 1.05)
    assert heart.infarct.percent_of_myocardium == pytest.approx(1200 / 110)
    assert heart.no_reflow.voxels == 2
    assert heart.area_at_risk.voxels == 36
    assert heart.salvage_index == pytest.approx(24 / 36)


def test_slices(labels):
    first, second, third = measure_infarct_per_slice(labels, TISSUES, SPACING)
    assert [part.slice for part in (first, second, third)] == [0, 1, 2]
    assert first.salvage_index == pytest.approx(18 / 30)
    assert first.infarct.percent_of_myocardium == pytest.approx(20)
    assert second.salvage_index == 1.0
    assert third.salvage_index is None  # nothing was at risk
    assert third.infarct.voxels == 0


def test_slices_add_up_to_the_heart(labels):
    heart = measure_infarct(labels, TISSUES, SPACING)
    parts = measure_infarct_per_slice(labels, TISSUES, SPACING)
    for name in ("myocardium", "infarct", "no_reflow", "area_at_risk"):
        assert sum(getattr(part, name).ml for part in parts) == pytest.approx(
            getattr(heart, name).ml
        )


def test_classes_that_are_not_there_give_none(labels):
    without_edema = measure_infarct(
        np.minimum(labels, 3), ("blood pool", "healthy myocardium", "scar"), SPACING
    )
    assert without_edema.infarct.voxels == 36
    assert without_edema.area_at_risk is None
    assert without_edema.salvage_index is None
    assert without_edema.no_reflow is None
    edema_only = measure_infarct(np.minimum(labels, 3), TISSUES[:3], SPACING)
    assert edema_only.infarct is None
    assert edema_only.area_at_risk is None


def test_a_flat_image_has_percent_only(labels):
    heart = measure_infarct(labels[0], TISSUES, SPACING[1:])
    assert heart.infarct.ml is None
    assert heart.infarct.grams is None
    assert heart.salvage_index == pytest.approx(18 / 30)


def test_nothing_labelled_is_refused():
    with pytest.raises(InvalidInput, match="Nothing is labelled"):
        measure_infarct(np.zeros((2, 3, 3), np.uint8), TISSUES, SPACING)
