"""Surface distances and volumes against cubes moved by hand, and against SimpleITK."""

import numpy as np
import pytest
import SimpleITK as sitk

from DeepGMMSegmentationLib.cardiac.agreement import measure_agreement

SPACING = (8.0, 2.0, 1.5)


def cube(shift=0, size=6):
    mask = np.zeros((10, 24, 24), bool)
    mask[2:8, 5 + shift : 5 + shift + size, 8:16] = True
    return mask


def test_two_equal_masks_agree():
    agreement = measure_agreement(cube(), cube(), SPACING)
    assert (agreement.hausdorff_95, agreement.surface_distance) == (0, 0)
    assert agreement.ml == agreement.other_ml == pytest.approx(6 * 6 * 8 * 24 / 1000)


def test_a_moved_mask_is_as_far_as_it_was_moved():
    agreement = measure_agreement(cube(), cube(3), SPACING)
    assert agreement.hausdorff_95 == pytest.approx(3 * 2.0)
    assert 0 < agreement.surface_distance < 6


def test_the_largest_distance_is_simpleitks():
    masks = [cube(), cube(2, 9)]
    images = [sitk.GetImageFromArray(mask.astype(np.uint8)) for mask in masks]
    for image in images:
        image.SetSpacing(SPACING[::-1])
    hausdorff = sitk.HausdorffDistanceImageFilter()
    hausdorff.Execute(*images)
    assert measure_agreement(*masks, SPACING).hausdorff_95 <= hausdorff.GetHausdorffDistance()
    assert hausdorff.GetHausdorffDistance() == pytest.approx(5 * 2.0)  # the far end
    assert measure_agreement(*masks, SPACING).hausdorff_95 == pytest.approx(10.0)


def test_what_is_absent_has_no_distance():
    agreement = measure_agreement(cube(), np.zeros_like(cube()), SPACING)
    assert agreement.hausdorff_95 is agreement.surface_distance is None
    assert agreement.other_ml == 0
    flat = measure_agreement(cube()[3], cube(1)[3], SPACING[1:])
    assert flat.ml is None
    assert flat.hausdorff_95 == pytest.approx(2.0)
