"""Cohorts: the table of cases, reading a case, and going over all of them."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from DeepGMMSegmentationLib import InvalidInput
from DeepGMMSegmentationLib.cohort import load_case, read_cases
from DeepGMMSegmentationLib.outputs import segmentation

SHAPE, SPACING = (3, 20, 24), (8.0, 1.5, 1.25)
TISSUES = ("blood pool", "healthy myocardium", "scar")


def image_of(array) -> sitk.Image:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(SPACING[::-1])
    image.SetOrigin((5, -7, 11))
    return image


def write_case(folder, seed=0) -> np.ndarray:
    """Write two images, a region and a truth; return the truth."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    truth = np.zeros(SHAPE, np.uint8)
    truth[:, 4:16, 4:20] = 1
    truth[:, 4:8, 4:20] = 2
    truth[:, 12:16, 4:20] = 3
    for i, role in enumerate(("LGE", "T2")):
        level = np.array([[0, 50, 10, 90], [0, 30, 60, 95]], float)[i]
        array = (level[truth] + rng.normal(0, 4, SHAPE)).astype(np.float32)
        sitk.WriteImage(image_of(array), str(folder / f"{role}.nii.gz"))
    sitk.WriteImage(image_of((truth > 0).astype(np.uint8)), str(folder / "roi.nii.gz"))
    sitk.WriteImage(image_of(truth), str(folder / "truth.nii.gz"))
    return truth


def write_table(path, *lines):
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def table(tmp_path):
    for i, name in enumerate("ab"):
        write_case(tmp_path / name, i)
    return write_table(
        tmp_path / "cases.csv",
        "case,LGE,T2,roi,truth",
        "a,a/LGE.nii.gz,a/T2.nii.gz,a/roi.nii.gz,a/truth.nii.gz",
        "b,b/LGE.nii.gz,,b/roi.nii.gz,",
    )


# --- The table ---------------------------------------------------------------------------------


def test_reads_rows_relative_to_the_table(table):
    a, b = read_cases(table)
    folder = table.parent
    assert (a.name, b.name) == ("a", "b")
    assert a.images == {"LGE": folder / "a/LGE.nii.gz", "T2": folder / "a/T2.nii.gz"}
    assert b.images == {"LGE": folder / "b/LGE.nii.gz"}  # it lacks T2
    assert (a.truth, b.truth) == (folder / "a/truth.nii.gz", None)
    assert a.roi == folder / "a/roi.nii.gz"
    assert a.segment is None


def test_takes_semicolons_a_byte_order_mark_and_any_case_of_its_own_columns(tmp_path):
    write_case(tmp_path / "a")
    table = tmp_path / "cases.csv"
    text = "LGE; ROI ;Segment\n\na/LGE.nii.gz;a/roi.nii.gz;1\n;;\n"
    table.write_text(text, encoding="utf-8-sig")
    (only,) = read_cases(table)
    assert only.name == "LGE"  # of the first image, as there is no column "case"
    assert only.segment == "1"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], 'no column "roi"'),
        (["case,LGE"], 'no column "roi"'),
        (["case,roi"], "no column of images"),
        (["LGE,LGE,roi"], "two columns 'LGE'"),
        (["LGE,roi"], "lists no case"),
        (["LGE,roi", "a/LGE.nii.gz,"], "row 2 has no roi"),
        (["LGE,roi", ",a/roi.nii.gz"], "row 2 has no image"),
        (["LGE,roi", "a/LGE.nii.gz,a/roi.nii.gz,x"], "more cells"),
        (["LGE,roi", "a/none.nii.gz,a/roi.nii.gz"], "none.nii.gz, of case 'none'"),
        (["LGE,roi", *2 * ["a/LGE.nii.gz,a/roi.nii.gz"]], "two cases named 'LGE'"),
        (["case,LGE,roi", "../x,a/LGE.nii.gz,a/roi.nii.gz"], "cannot be a folder's name"),
    ],
)
def test_refuses_with_the_reason(tmp_path, lines, message):
    write_case(tmp_path / "a")
    with pytest.raises(InvalidInput, match=message):
        read_cases(write_table(tmp_path / "cases.csv", *lines))


def test_missing_files_may_be_left_to_the_reader(tmp_path):
    table = write_table(tmp_path / "cases.csv", "LGE,roi", "no.nii.gz,no.nii.gz")
    (case,) = read_cases(table, missing_ok=True)
    with pytest.raises(InvalidInput, match="does not exist"):
        load_case(case)


def test_refuses_what_is_no_text(tmp_path):
    table = tmp_path / "cases.csv"
    table.write_bytes(b"\xff\xfe\x00roi")
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_cases(table)
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_cases(tmp_path / "none.csv")


# --- A case ------------------------------------------------------------------------------------


def test_loads_arrays_and_geometry(table):
    a, b = read_cases(table)
    case = load_case(a, TISSUES)
    lge = sitk.ReadImage(str(table.parent / "a/LGE.nii.gz"))
    np.testing.assert_array_equal(case.images[0], sitk.GetArrayFromImage(lge))
    assert case.images.shape == (2, *SHAPE)
    assert case.roles == ("LGE", "T2")
    assert case.spacing == SPACING
    assert case.reference.GetOrigin() == (5, -7, 11)
    np.testing.assert_array_equal(case.roi, case.truth > 0)
    assert case.tissues == TISSUES
    assert case.truth.dtype == np.uint8
    other = load_case(b)
    assert other.truth is None
    assert other.tissues == ()


@pytest.mark.parametrize("resample", [False, True])
def test_named_truth_is_brought_into_the_tissues_order(table, resample):
    a, _ = read_cases(table)
    numbers = sitk.GetArrayFromImage(sitk.ReadImage(str(a.truth)))
    named = table.parent / "a" / "truth.seg.nrrd"
    truth = sitk.Image(segmentation(image_of(numbers), TISSUES))
    if resample:  # the same voxels, larger by an empty slice
        grown = sitk.ConstantPad(image_of(numbers), (0, 0, 1), (0, 0, 0), 0)
        truth = segmentation(grown, TISSUES)
    sitk.WriteImage(truth, str(named))
    table.write_text(table.read_text().replace("a/truth.nii.gz", "a/truth.seg.nrrd"))
    a, _ = read_cases(table)
    order = ("scar", "healthy myocardium", "edema", "blood pool")
    case = load_case(a, order, resample=resample)
    np.testing.assert_array_equal(case.truth, np.array([0, 4, 2, 1])[numbers])
    assert load_case(a, resample=resample).tissues == TISSUES
    with pytest.raises(InvalidInput, match="'scar', which is none of"):
        load_case(a, TISSUES[:2], resample=resample)


def test_refuses_labels_beyond_the_tissues(table):
    a, _ = read_cases(table)
    with pytest.raises(InvalidInput, match="label 3 but there are 2"):
        load_case(a, TISSUES[:2])
