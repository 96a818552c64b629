"""A region that is no left ventricle, or slices that are not in order, are warned of."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage
from true_result import truth

from DeepGMMSegmentationLib import InvalidInput, Settings, segment
from DeepGMMSegmentationLib.anatomy.placement import place_on_ventricle
from DeepGMMSegmentationLib.cardiac.quality import find_warnings
from DeepGMMSegmentationLib.cardiac.region_quality import doubt_placement, doubt_region
from DeepGMMSegmentationLib.hearts.sample import heart

SUNNYBROOK = Path(__file__).parents[4] / "shared" / "data" / "sunnybrook"
DISC = np.ones((1, 3, 3), bool)


@pytest.fixture(scope="module")
def case():
    return heart(0)


def warned(warnings, words):
    return any(words in text for text in warnings)


def beside(roi, pixels):
    return np.roll(roi, pixels, axis=1)


@pytest.mark.parametrize(
    ("region", "words"),
    [
        (lambda case: case.roi, None),
        (lambda case: beside(case.roi, 6), "mm beside"),
        (lambda case: ndimage.binary_erosion(case.roi, DISC, 3), "seems too small"),
        (lambda case: heart(17).roi, "not where the left ventricle seems"),
        (lambda case: case.right_ventricle, "not where the left ventricle seems"),
    ],
)
def test_a_region_beside_the_ventricle(case, region, words):
    result = segment(
        case.images,
        region(case),
        Settings.infarct(case.roles),
        spacing=case.spacing,
        roles=case.roles,
    )
    warnings = doubt_region(result)
    assert (warnings == []) if words is None else warned(warnings, words)
    both = warned(warnings, "seems too") and warned(warnings, "not where")
    assert not both  # one cause, one warning


def test_a_region_where_no_ventricle_is_seen(case):
    unseen = {"overlap": 0.0, "beside": 0.0, "further": 1.0, "radius": 1.0}
    (warning,) = doubt_placement(unseen)
    assert "none is seen there" in warning


@pytest.mark.parametrize(
    ("millimetres", "words"), [(-3, "seems too small"), (0, None), (4, "seems too large")]
)
def test_a_region_of_the_wrong_size(millimetres, words):
    drawn = heart(1003)
    outer = [
        ndimage.distance_transform_edt(~region, drawn.spacing[1])
        - ndimage.distance_transform_edt(region, drawn.spacing[1])
        for region in drawn.roi
    ]
    region = (np.stack(outer) <= millimetres) & drawn.roi.any(axis=(1, 2))[:, None, None]
    placement = place_on_ventricle(drawn.images, region, drawn.spacing, drawn.roles)
    warnings = doubt_region(replace(truth(drawn), placement=vars(placement)))
    assert (warnings == []) if words is None else warned(warnings, words)


@pytest.mark.parametrize("roles", [("LGE",), ("bSSFP",), ("LGE", "T2"), ("LGE", "T2", "bSSFP")])
@pytest.mark.parametrize("seed", [3, 4])
def test_the_right_region_is_in_place_on_any_sequence(roles, seed):
    drawn = heart(seed)
    images = drawn.images[[drawn.roles.index(role) for role in roles]]
    placement = place_on_ventricle(images, drawn.roi, drawn.spacing, roles)
    assert placement.overlap > 0.92
    assert placement.beside < 2.5
    moved = beside(drawn.roi, 6)
    assert place_on_ventricle(images, moved, drawn.spacing, roles).overlap < 0.9


def test_the_outline_is_looked_for_only_where_a_sequence_shows_it(case):
    t2, partial = case.images[1:2], case.images[:1].copy()
    partial[0, 4] = np.nan
    assert place_on_ventricle(t2, case.roi, case.spacing, ("T2",)) is None
    assert place_on_ventricle(partial, case.roi, case.spacing, ("LGE",)) is None


def further(roi, slices):
    """Return a region so many slices further along the stack."""
    moved = np.roll(roi, slices, axis=0)
    moved[slice(slices) if slices > 0 else slice(slices, None)] = False
    return moved


@pytest.mark.parametrize("seed", range(60, 66))
def test_a_region_that_is_hardly_off(seed):
    drawn = heart(seed)

    def doubts(roi):
        placement = place_on_ventricle(drawn.images, roi, drawn.spacing, drawn.roles)
        return doubt_region(replace(truth(drawn), placement=vars(placement)))

    assert doubts(drawn.roi) == []
    assert warned(doubts(beside(drawn.roi, 4)), "mm beside")  # 5.6 mm
    assert warned(doubts(further(drawn.roi, -1)), "moved by one slice")


@pytest.mark.skipif(not SUNNYBROOK.exists(), reason="the shared Sunnybrook images are not here")
@pytest.mark.parametrize("patient", ["SCD0000101", "SCD0000201"])
def test_the_right_region_of_a_patient(patient):
    image, roi = (
        sitk.ReadImage(str(SUNNYBROOK / patient / f"{name}.nii.gz")) for name in ("bssfp", "lv")
    )
    pixels, region = sitk.GetArrayFromImage(image)[None], sitk.GetArrayFromImage(roi) > 0

    def doubts(roi):
        placement = place_on_ventricle(pixels, roi, image.GetSpacing()[::-1], ("bSSFP",))
        return doubt_region(replace(truth(heart(0)), placement=vars(placement)))

    assert doubts(region) == []
    thick = [ndimage.distance_transform_edt(slice_, image.GetSpacing()[1]) for slice_ in region]
    assert warned(doubts(np.stack(thick) > 3), "seem")
    assert warned(doubts(np.roll(region, 6, axis=1)), "mm beside")  # 8 mm
    assert warned(doubts(further(region, 1)), "moved by one slice")


@pytest.mark.parametrize(("slices", "length"), [(2, "20 mm"), (4, "40 mm"), (5, None)])
def test_a_part_of_a_ventricle(case, slices, length):
    labels = np.zeros_like(case.labels)
    labels[4 : 4 + slices] = case.labels[4 : 4 + slices]
    warnings = find_warnings(replace(truth(case), labels=labels))
    assert warned(warnings, "slices cover") is (length is not None)
    assert length is None or warned(warnings, length)


def test_a_region_that_was_drawn_in_every_other_slice(case):
    labels = case.labels.copy()
    labels[[2, 4, 5]] = 0
    warnings = find_warnings(replace(truth(case), labels=labels))
    assert warned(warnings, "empty in slices 3, 5, 6, between")


def test_slices_that_are_not_in_order(case):
    order = [3, 8, 1, 6, 0, 9, 4, 2, 7, 5]
    warnings = find_warnings(replace(truth(case), labels=case.labels[order]), case.images[:, order])
    assert warned(warnings, "grows and shrinks")


@pytest.mark.parametrize("moved", [0, 1, 2])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda image: image[::-1], "in reverse order"),
        (lambda image: np.roll(image, 1, 0), "moved"),
    ],
)
def test_one_sequence_whose_slices_run_otherwise(case, moved, change, words):
    images = case.images.copy()
    images[moved] = change(images[moved])
    assert warned(find_warnings(truth(case), images), f"better with its slices {words}")


@pytest.mark.parametrize("seed", range(6))
def test_sound_hearts_raise_none_of_these(seed):
    sound = heart(seed, slices=8 + seed % 5)
    assert not warned(find_warnings(truth(sound), sound.images), "slices")


@pytest.mark.parametrize(
    ("images", "role"),
    [
        (lambda i: (i[0].max() - i[0], i[1], i[2]), "LGE"),  # inverted
        (lambda i: (i[1], i[0], i[2]), "LGE"),  # LGE and T2 interchanged
        (lambda i: (i[0], i[2], i[1]), "bSSFP"),  # T2 and bSSFP
    ],
)
def test_a_sequence_that_is_another(case, images, role):
    taken = np.stack(images(case.images))
    settings = Settings.infarct(case.roles)
    result = segment(taken, case.roi, settings, spacing=case.spacing, roles=case.roles)
    assert warned(find_warnings(result), f"Blood is not brighter than healthy myocardium on {role}")


def test_the_right_sequences_are_not_doubted(case):
    settings = Settings.infarct(case.roles)
    result = segment(case.images, case.roi, settings, spacing=case.spacing, roles=case.roles)
    assert find_warnings(result, case.images) == []


def test_the_same_image_twice_is_refused(case):
    with pytest.raises(InvalidInput, match="Images 1 and 3 are the same"):
        segment(case.images[[0, 1, 0]], case.roi)
