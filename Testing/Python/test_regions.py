"""Regions as a clinic brings them: the wall alone, an image in place of a mask."""

import numpy as np
import pytest
import SimpleITK as sitk

from DeepGMMSegmentationLib import InvalidInput, Settings, segment
from DeepGMMSegmentationLib.cardiac.measures import measure
from DeepGMMSegmentationLib.cardiac.quality import find_warnings
from DeepGMMSegmentationLib.hearts.sample import heart
from DeepGMMSegmentationLib.io.images import read_roi


@pytest.fixture(scope="module")
def case():
    return heart(2)


def scar_percent(result):
    labels, tissues = result.labels, result.tissues
    wall = [i + 1 for i, name in enumerate(tissues) if name != "blood pool"]
    return 100 * (labels == tissues.index("scar") + 1).sum() / np.isin(labels, wall).sum()


def run(case, roi, **options):
    settings = Settings.infarct(case.roles, **options)
    return segment(case.images, roi, settings, spacing=case.spacing, roles=case.roles)


def test_the_wall_alone_is_segmented_with_its_cavity(case):
    whole, wall = run(case, case.roi), run(case, case.labels > 1)
    assert any("its cavity was filled" in note for note in wall.notes)
    assert not any("hole" in note for note in whole.notes)
    assert scar_percent(wall) == pytest.approx(scar_percent(whole), abs=0.5)
    assert (wall.labels > 0)[case.roi].mean() > 0.99


def test_the_wall_alone_can_be_segmented_without_blood(case):
    wall = run(case, case.labels > 1, hollow="wall")
    assert wall.tissues == ("healthy myocardium", "edema", "scar")
    assert ((wall.labels > 0) == (case.labels > 1)).all()
    assert any("no blood was looked for" in note for note in wall.notes)
    assert scar_percent(wall) > scar_percent(run(case, case.roi)) + 2  # blood at its border
    assert any("counts as scar" in text for text in find_warnings(wall))


def test_a_hole_is_left_where_blood_is_no_tissue(case):
    settings = Settings(method="GMM", classes=3)
    result = segment(case.images, case.labels > 1, settings, spacing=case.spacing)
    assert ((result.labels > 0) == (case.labels > 1)).all()


@pytest.mark.parametrize("scale", [1.0, 1 / 3])
def test_an_image_is_no_region(case, tmp_path, scale):
    image = sitk.GetImageFromArray(np.rint(case.images[0]).astype(np.float32) * scale)
    path = tmp_path / "LGE.nii.gz"
    sitk.WriteImage(image, str(path))
    with pytest.raises(
        InvalidInput, match="different values, as an image does; give as the region"
    ):
        read_roi(path, image)


def test_slices_filled_with_0_by_another_program_are_missing(case):
    filled = case.images.copy()
    filled[1, :6] = 0
    result = segment(
        filled, case.roi, Settings.infarct(case.roles), spacing=case.spacing, roles=case.roles
    )
    measures = measure(result, filled)
    assert any("T2 does not reach all of the region" in text for text in measures.warnings)
    assert measures.infarct.area_at_risk is None
    assert measures.slices[8].area_at_risk is not None


def test_slices_without_any_image_are_refused(case):
    empty = case.images.copy()
    empty[:, 4] = 0
    with pytest.raises(InvalidInput, match="have no image; shrink the region"):
        segment(empty, case.roi, Settings.infarct(case.roles), roles=case.roles)
