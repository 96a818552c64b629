"""Dark cores within a scar are microvascular obstruction, whoever labelled them."""

from dataclasses import replace

import numpy as np
import pytest
from true_result import truth

from DeepGMMSegmentationLib.cardiac.measures import measure
from DeepGMMSegmentationLib.cardiac.obstruction import find_cores
from DeepGMMSegmentationLib.hearts.sample import heart


@pytest.fixture(scope="module")
def case():
    return heart(1, no_reflow=True)


def test_a_core_that_was_called_healthy_is_found(case):
    labels = np.where(case.labels == 5, 2, case.labels).astype(np.uint8)
    cores = find_cores(labels, case.tissues[:4], case.spacing)
    core = case.labels == 5
    assert cores[core].mean() > 0.8
    assert core[cores].mean() > 0.95


def test_the_infarct_has_its_core_without_a_class_for_it(case):
    whole = truth(case)
    named = measure(whole, case.images).infarct
    labels = np.where(case.labels == 5, 2, case.labels).astype(np.uint8)
    measures = measure(
        replace(
            whole,
            labels=labels,
            tissues=case.tissues[:4],
            probabilities=whole.probabilities[:4],
            means=whole.means[:, :4],
            covariances=whole.covariances[:, :4],
            naming=None,
        ),
        case.images,
    )
    assert measures.infarct.no_reflow.ml == pytest.approx(named.no_reflow.ml, rel=0.2)
    assert measures.infarct.infarct.ml == pytest.approx(named.infarct.ml, rel=0.1)
    assert any("microvascular obstruction" in note for note in measures.notes)


@pytest.mark.parametrize("seed", range(3))
def test_a_scar_without_a_core_has_none(seed):
    case = heart(seed)
    assert not find_cores(case.labels, case.tissues, case.spacing).any()
    infarct = measure(truth(case), case.images).infarct
    assert infarct.no_reflow.voxels == 0
