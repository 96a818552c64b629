"""LGE and bSSFP that were taken for each other, and those that were not."""

import numpy as np
import pytest

from DeepGMMSegmentationLib import Settings, segment
from DeepGMMSegmentationLib.anatomy.interchange import are_interchanged
from DeepGMMSegmentationLib.cardiac.quality import find_warnings
from DeepGMMSegmentationLib.hearts.sample import heart


@pytest.mark.parametrize("seed", [4, 5, 6, 9])
def test_an_infarct_on_the_wrong_image(seed):
    case = heart(seed)
    late, t2, cine = case.images
    for images, interchanged in (([late, t2, cine], False), ([cine, t2, late], True)):
        answer = are_interchanged(np.stack(images), case.roi, case.spacing, case.roles)
        assert answer is (interchanged and seed != 9)  # of the last, bSSFP shows the infarct, too


def test_it_is_a_warning_of_the_result():
    case = heart(5)
    images = case.images[[2, 0]]
    roles = ("LGE", "bSSFP")
    result = segment(images, case.roi, Settings.infarct(roles), spacing=case.spacing, roles=roles)
    assert any("taken for each other" in text for text in find_warnings(result, images))


def test_slices_without_bssfp_tell_nothing():
    case = heart(5)
    images, healthy = case.images.copy(), case.labels == 2
    lost = case.labels > 2
    images[0][lost] = np.random.default_rng(0).choice(images[0][healthy], np.count_nonzero(lost))
    images[2, 3:] = np.nan
    assert not are_interchanged(images, case.roi, case.spacing, case.roles)
    images[2] = np.nan
    assert not are_interchanged(images, case.roi, case.spacing, case.roles)


def test_one_of_them_alone_tells_nothing():
    case = heart(5)
    assert not are_interchanged(case.images[2:], case.roi, case.spacing, ("LGE",))
