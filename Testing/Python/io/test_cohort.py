"""Cohorts: the table of cases, reading a case, and going over all of them."""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from DeepGMMSegmentationLib import InvalidInput, segment
from DeepGMMSegmentationLib.cli.cohort import share
from DeepGMMSegmentationLib.cli.main import main
from DeepGMMSegmentationLib.io.cohort import CaseFiles, load_case, read_cases
from DeepGMMSegmentationLib.report.result_folder import segmentation

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


@pytest.mark.parametrize("names", [("Class 3",), ("Class 1", "Class 2", "Class 3"), None])
def test_strokes_from_a_file_go_by_their_names_or_numbers(tmp_path, capsys, names):
    truth = write_case(tmp_path)
    strokes = np.where(truth == 2, 3, 0).astype(np.uint8)  # by the rule it would be Class 1
    strokes[:, :, ::2] = 0
    if names is None:
        file, image = tmp_path / "strokes.nii.gz", image_of(strokes)
    else:
        file = tmp_path / "strokes.seg.nrrd"
        values = np.where(strokes == 3, len(names), 0).astype(np.uint8)
        image = segmentation(image_of(values), names)
    sitk.WriteImage(image, str(file))
    command = ["segment", "LGE.nii.gz", "T2.nii.gz", "--roi", "roi.nii.gz", "--seeds", file.name]
    command = [str(tmp_path / argument) if "." in argument else argument for argument in command]
    command += ["--classes", "3", "--method", "GMM", "--out"]
    assert main([*command, str(tmp_path / "out")]) == 0
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "out" / "labels.nii.gz")))
    assert (labels[truth == 2] == 3).mean() > 0.95
    if names == ("Class 3",):
        sitk.WriteImage(segmentation(image_of(values), ("scar",)), str(file))
        assert main([*command, str(tmp_path / "other")]) == 2
        assert "'scar', which is none of Class 1, Class 2, Class 3" in capsys.readouterr().err


# --- The table ---------------------------------------------------------------------------------


def test_reads_rows_relative_to_the_table(table):
    a, b = read_cases(table)
    folder = table.parent
    assert (a.name, b.name) == ("a", "b")
    assert a.images == {"LGE": f"{folder}/a/LGE.nii.gz", "T2": f"{folder}/a/T2.nii.gz"}
    assert b.images == {"LGE": f"{folder}/b/LGE.nii.gz"}  # it lacks T2
    assert (a.truth, b.truth) == (f"{folder}/a/truth.nii.gz", None)
    assert a.roi == f"{folder}/a/roi.nii.gz"
    assert a.segment is None


def test_a_table_of_200000_rows_is_read_within_seconds(tmp_path):
    rows = (f"case {i},{i}/LGE.nii.gz,{i}/T2.nii.gz,{i}/roi.nii.gz" for i in range(200_000))
    (tmp_path / "cases.csv").write_text("\n".join(["case,LGE,T2,roi", *rows]))
    began = time.process_time()
    cases = read_cases(tmp_path / "cases.csv", missing_ok=True)
    assert time.process_time() - began < 15
    assert len({case.name for case in cases}) == 200_000


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
        (["LGE,roi", f"{'x' * 1001},a/roi.nii.gz"], "row 2 has a cell of more than 1000"),
        (["L" * 1001 + ",roi"], "row 1 has a cell of more than 1000"),
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


# --- Going over a cohort -----------------------------------------------------------------------


def go(table, out, *options):
    """Run the command in this process; three classes, as `write_case` draws."""
    arguments = ["segment", "--cases", table, "--out-dir", out, "--method", "SVGMM"]
    return main([str(argument) for argument in (*arguments, "--classes", 3, *options)])


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def cohort(tmp_path):
    """Three good cases around a bad one."""
    lines = ["case,LGE,T2,roi"]
    for i, name in enumerate("abcd"):
        write_case(tmp_path / name, i)
        lines.append(f"{name},{name}/LGE.nii.gz,{name}/T2.nii.gz,{name}/roi.nii.gz")
    (tmp_path / "b" / "T2.nii.gz").rename(tmp_path / "b" / "T2")
    return write_table(tmp_path / "cases.csv", *lines)


def test_goes_on_after_a_bad_case_and_reports_it_at_the_end(cohort, tmp_path, capsys):
    out = tmp_path / "out"
    assert go(cohort, out) == 1
    told = capsys.readouterr()
    assert "4 cases: 3 segmented, 0 skipped as done before, 1 failed." in told.out
    assert told.out.splitlines()[-1].startswith("b  ")
    assert "b/T2.nii.gz does not exist" in told.out
    assert told.err.splitlines()[-1].startswith("deepgmm: 1 of 4 cases failed")
    assert sorted(path.name for path in out.iterdir()) == ["a", "c", "cohort.csv", "d"]
    rows = rows_of(out / "cohort.csv")
    assert [row["case"] for row in rows] == ["a", "c", "d"]
    for row in rows:
        labels = sitk.GetArrayFromImage(sitk.ReadImage(str(out / row["case"] / "labels.nii.gz")))
        for i in (1, 2, 3):
            count = np.count_nonzero(labels == i)
            assert int(row[f"tissue_class_{i}_voxels"]) == count
            assert float(row[f"tissue_class_{i}_ml"]) == pytest.approx(
                count * np.prod(SPACING) / 1000, rel=1e-5
            )


def test_skips_what_is_done_and_redoes_what_is_not_whole(cohort, tmp_path, capsys):
    out = tmp_path / "out"
    go(cohort, out)
    before = {name: (out / name / "result.json").stat().st_mtime_ns for name in "ac"}
    (out / "d" / "figure.png").unlink()  # as a killed run may leave it
    (tmp_path / "b" / "T2").rename(tmp_path / "b" / "T2.nii.gz")
    capsys.readouterr()
    assert go(cohort, out) == 0
    assert "4 cases: 2 segmented, 2 skipped as done before, 0 failed." in capsys.readouterr().out
    assert before == {name: (out / name / "result.json").stat().st_mtime_ns for name in "ac"}
    assert (out / "d" / "figure.png").exists()
    assert [row["case"] for row in rows_of(out / "cohort.csv")] == ["a", "b", "c", "d"]
    assert go(cohort, out, "--force") == 0
    assert before["a"] != (out / "a" / "result.json").stat().st_mtime_ns


def test_results_of_other_settings_are_not_mixed_in(cohort, tmp_path, capsys):
    out = tmp_path / "out"
    go(cohort, out)
    before = (out / "a" / "result.json").read_bytes()
    assert go(cohort, out, "--smoothing", 2) == 1
    assert "a holds a result of other settings" in capsys.readouterr().out
    assert (out / "a" / "result.json").read_bytes() == before


def test_maps_that_are_wanted_later_are_written(cohort, tmp_path, capsys):
    out = tmp_path / "out"
    go(cohort, out)
    (out / "c" / "probability_Class_1.nii.gz").touch()  # empty: not what is wanted
    capsys.readouterr()
    assert go(cohort, out, "--probabilities") == 1
    assert "3 segmented, 0 skipped" in capsys.readouterr().out
    assert len(list((out / "a").glob("probability_*.nii.gz"))) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--classes", 99], "classes is 99"),
        (["--settings", "gone.json"], "gone.json does not exist"),
        (["--infarct", "--max-iterations", 0], "max_iterations is 0"),
        (["--refine", 2], "--refine goes with --network"),
        (["--no-reflow"], "--no-reflow goes with --preset infarct"),
    ],
)
def test_options_that_suit_no_case_are_refused_at_once(cohort, tmp_path, capsys, options, message):
    assert main(["segment", "--cases", str(cohort), "--out-dir", "o", *map(str, options)]) == 2
    told = capsys.readouterr()
    assert message in told.err
    assert not told.out


def test_the_device_does_not_matter(cohort, tmp_path, capsys):
    out = tmp_path / "out"
    go(cohort, out)
    capsys.readouterr()
    assert go(cohort, out, "--device", "cpu") == 1
    assert "0 segmented, 3 skipped" in capsys.readouterr().out


def test_cancelled_cohort_keeps_the_cases_before(cohort, tmp_path, capsys, monkeypatch):
    def cancel_at_c(images, roi, settings, **options):
        if (tmp_path / "out" / "a").exists():
            raise KeyboardInterrupt
        return segment(images, roi, settings, **options)

    monkeypatch.setattr("DeepGMMSegmentationLib.segmentation.segment", cancel_at_c)
    assert go(cohort, tmp_path / "out") == 130
    assert "cancelled; c was not finished" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a"]
    monkeypatch.undo()
    go(cohort, tmp_path / "out")
    assert "2 segmented, 1 skipped" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["i.nii", "--cases", "c.csv", "--out-dir", "o"], "IMAGE does not go with --cases"),
        (["i.nii", "--roi", "r.nii", "--out-dir", "o"], "--out-dir goes with --cases; give --out"),
        (
            ["--cases", "c.csv", "--out-dir", "o", "--roi", "r"],
            "--roi or --at does not go with --cases",
        ),
        (["--cases", "c.csv", "--out", "o"], "--out does not go with --cases"),
        (["--cases", "c.csv", "--roles", "T2", "--out-dir", "o"], "--roles does not go with"),
        (["--cases", "c.csv"], "--out-dir is missing"),
        (["--out-dir", "o"], "--cases is missing"),
        (["i.nii", "--out", "o"], "--roi or --at is missing"),
        (["--roi", "r", "--out", "o"], "IMAGE is missing"),
    ],
)
def test_one_case_and_a_cohort_exclude_each_other(arguments, message, capsys):
    assert main(["segment", *arguments]) == 2
    assert message in capsys.readouterr().err


@given(count=st.integers(0, 40), processes=st.integers(1, 9))
def test_ranks_share_every_case_once(count, processes):
    cases = [CaseFiles(str(i), {}, Path()) for i in range(count)]
    parts = []
    for rank in range(processes):
        environment = {"RANK": str(rank), "WORLD_SIZE": str(processes)}
        with mock.patch.dict("os.environ", environment):
            parts.append(share(cases))
    names = [int(case.name) for part in parts for case in part]
    assert sorted(names) == list(range(count))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_processes_that_know_nothing_of_each_other_share_the_cohort(cohort, tmp_path, capsys):
    out = tmp_path / "out"
    for rank, told in enumerate(("2 cases: 2 segmented", "2 cases: 1 segmented")):
        with mock.patch.dict("os.environ", {"RANK": str(rank), "WORLD_SIZE": "2"}):
            assert go(cohort, out) == rank  # b, the bad one, is the second's
        assert told in capsys.readouterr().out
    assert [row["case"] for row in rows_of(out / "cohort.csv")] == ["a", "c", "d"]


def test_torchrun_shares_the_cohort_and_reports_once(cohort, tmp_path):
    out = tmp_path / "out"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"),
            *("-m", "DeepGMMSegmentationLib", "segment", "--cases", str(cohort)),
            *("--out-dir", str(out), "--method", "SVGMM", "--classes", "3"),
        ],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    # b fails on the second rank, yet that rank goes on with d.
    assert done.returncode != 0
    assert done.stdout.count("4 cases: 3 segmented, 0 skipped as done before, 1 failed.") == 1
    assert [row["case"] for row in rows_of(out / "cohort.csv")] == ["a", "c", "d"]
