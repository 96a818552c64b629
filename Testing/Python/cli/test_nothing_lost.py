"""A cohort's run replaces nothing that is not its own, and believes no file that is damaged."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from DeepGMMSegmentationLib.cli.main import main
from DeepGMMSegmentationLib.io.identity import identify
from DeepGMMSegmentationLib.report.result_folder import file_names

SHAPE = (2, 14, 16)


def write_image(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((1.5, 1.25, 8))
    sitk.WriteImage(image, str(path))


def write_table(path: Path, *names: str) -> Path:
    """Write images for cases of these names, and their table."""
    lines = ["case,LGE,roi"]
    for seed, name in enumerate(names):
        rng = np.random.default_rng(seed)
        level = np.where(np.arange(16) < 8, 100, 200)
        write_image(path.parent / f"in {seed}" / "LGE.nii.gz", rng.normal(level, 9, SHAPE))
        write_image(path.parent / f"in {seed}" / "roi.nii.gz", np.ones(SHAPE, np.uint8))
        lines.append(f"{name},in {seed}/LGE.nii.gz,in {seed}/roi.nii.gz")
    path.write_text("\n".join(lines) + "\n")
    return path


def go(table: Path, out: Path, *options: str) -> int:
    common = ["--method", "GMM", "--classes", "2", "--restarts", "1"]
    return main(["segment", "--cases", str(table), "--out-dir", str(out), *common, *options])


def cases_of(summary: Path) -> list[str]:
    with summary.open(newline="", encoding="utf-8") as file:
        return [row["case"] for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A cohort of two cases, done."""
    folder = tmp_path_factory.mktemp("finished")
    table = write_table(folder / "cases.csv", "a", "b")
    assert go(table, folder / "out", "--report") == 0
    return folder


@pytest.fixture
def cohort(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_the_table_of_the_cases_is_not_replaced_by_their_summary(tmp_path, capsys, force):
    (tmp_path / "data").mkdir()
    table = write_table(tmp_path / "data" / "cohort.csv", "a")
    before = table.read_bytes()
    assert go(table, tmp_path / "data", *force) == 2
    assert "cohort.csv is in the way" in capsys.readouterr().err
    assert table.read_bytes() == before
    assert not (tmp_path / "data" / "a").exists()


def test_files_of_the_user_in_a_cases_folder_stay(tmp_path, capsys):
    table = write_table(tmp_path / "cases.csv", "a")
    mine = {"labels.nii.gz": b"my contours", "report.html": b"mine", "probability_map.nii.gz": b"x"}
    (tmp_path / "a").mkdir()
    for name, content in mine.items():
        (tmp_path / "a" / name).write_bytes(content)
    assert go(table, tmp_path) == 1
    assert "labels.nii.gz exists; name another folder, or add --force" in capsys.readouterr().out
    assert {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()} == mine


def test_a_folder_is_not_removed_for_the_summary(tmp_path, capsys):
    table = write_table(tmp_path / "cases.csv", "a")
    (tmp_path / "out" / "cohort.csv").mkdir(parents=True)
    (tmp_path / "out" / "cohort.csv" / "thesis.tex").write_text("mine")
    assert go(table, tmp_path / "out") == 2
    assert "is in the way" in capsys.readouterr().err
    assert (tmp_path / "out" / "cohort.csv" / "thesis.tex").read_text() == "mine"


@pytest.mark.parametrize("name", ["cohort.csv", "Cohort.CSV"])
def test_a_case_is_not_called_as_the_summary(tmp_path, capsys, name):
    table = write_table(tmp_path / "cases.csv", name)
    assert go(table, tmp_path / "out") == 2
    assert "give it another name" in capsys.readouterr().err


def damage(folder: Path, what: str) -> str:
    """Damage a result; return the name of the file."""
    if what == "emptied":
        name, content = "labels.nii.gz", b""
    elif what == "halved":
        name = "report.html"
        content = (folder / name).read_bytes()[: (folder / name).stat().st_size // 2]
    elif what == "edited":
        name, content = "measures.csv", (folder / "measures.csv").read_bytes() + b"my remark\n"
    else:
        name, content = "result.json", what.encode("latin-1")
    (folder / name).write_bytes(content)
    return name


@pytest.mark.parametrize("what", ["emptied", "halved", "edited", "{}", "[]", "\xff", "[" * 100_000])
def test_a_damaged_result_is_told_and_done_again(cohort, capsys, what):
    before = {path.name: path.read_bytes() for path in (cohort / "out" / "a").iterdir()}
    name = damage(cohort / "out" / "a", what)
    damaged = (cohort / "out" / "a" / name).read_bytes()
    assert go(cohort / "cases.csv", cohort / "out", "--report") == 0
    told = capsys.readouterr().out
    assert "2 cases: 1 segmented, 1 skipped as done before, 0 failed." in told
    assert f"{name}" in next(line for line in told.splitlines() if line.startswith("a was done"))
    assert (cohort / "out" / "a" / "labels.nii.gz").read_bytes() == before["labels.nii.gz"]
    assert cases_of(cohort / "out" / "cohort.csv") == ["a", "b"]
    if damaged:  # what may be a user's work is there still
        assert (cohort / "out" / "a" / f"{name}.changed-1").read_bytes() == damaged
    assert go(cohort / "cases.csv", cohort / "out", "--report") == 0
    assert "0 segmented, 2 skipped" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("measures", {}),
        ("measures", "17 mL"),
        ("tissues", [{"label": 1}]),
        ("tissues", None),
        ("settings", ["GMM"]),
        ("network", 3),
        ("inputs", "LGE"),
        ("outputs", {"labels.nii.gz": 1}),
    ],
)
def test_a_forged_record_is_no_result(cohort, capsys, name, value):
    folder = cohort / "out" / "a"
    record = json.loads((folder / "result.json").read_text())
    forged = {key: values for key, values in record.items() if key != "digest"} | {name: value}
    (folder / "result.json").write_text(json.dumps({**forged, "digest": identify(forged)}))
    assert main(["compare", str(folder), str(cohort / "out" / "b")]) == 2
    assert "a holds no result, or its result.json was changed" in capsys.readouterr().err
    table = ["--cases", str(cohort / "cases.csv"), "--results", str(cohort / "out")]
    assert main(["evaluate", *table]) == 2
    assert "a holds no whole result" in capsys.readouterr().err
    assert go(cohort / "cases.csv", cohort / "out", "--report") == 0
    assert "1 segmented, 1 skipped" in capsys.readouterr().out
    assert json.loads((folder / "result.json").read_text())["outputs"] == record["outputs"]


def test_another_image_under_the_same_path_is_another_case(cohort, capsys):
    before = (cohort / "out" / "a" / "result.json").read_bytes()
    shutil.copy(cohort / "in 1" / "LGE.nii.gz", cohort / "in 0" / "LGE.nii.gz")
    assert go(cohort / "cases.csv", cohort / "out", "--report") == 1
    assert "a holds a result of another LGE" in capsys.readouterr().out
    assert (cohort / "out" / "a" / "result.json").read_bytes() == before
    assert go(cohort / "cases.csv", cohort / "out", "--report", "--force") == 0


def test_images_that_are_gone_since_make_no_result_undone(cohort, capsys):
    shutil.rmtree(cohort / "in 0")
    assert go(cohort / "cases.csv", cohort / "out", "--report") == 0
    assert "2 skipped" in capsys.readouterr().out


def test_a_bad_result_does_not_keep_the_summary_from_being_written(cohort, capsys):
    (cohort / "out" / "a" / "result.json").write_text("{}")
    (cohort / "in 0" / "LGE.nii.gz").write_bytes(b"no image")
    (cohort / "out" / "cohort.csv").unlink()
    assert go(cohort / "cases.csv", cohort / "out", "--report") == 1
    assert "a  " in capsys.readouterr().out
    assert cases_of(cohort / "out" / "cohort.csv") == ["b"]


def test_tissues_have_files_of_their_own():
    tissues = ("a b", "a_b", "a/b", "A b", "浮腫", "瘢痕", "x" * 300)
    names = file_names(tissues)
    assert len({name.casefold() for name in names}) == len(tissues)
    assert names[:2] == ["a_b", "a_b_2"]
    assert max(map(len, names)) < 120
    assert json.dumps(names).isascii()


def test_a_reader_that_crashes_ends_its_case_alone(tmp_path, capsys, monkeypatch):
    table = write_table(tmp_path / "cases.csv", "a", "b")
    # What a broken file does to a native reader, done to the process that reads it.
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "def crash(event, arguments):\n"
        "    if event == 'open' and str(arguments[0]).endswith('in 0/LGE.nii.gz'):\n"
        "        os.kill(os.getpid(), signal.SIGSEGV)\n"
        "if '--multiprocessing-fork' in sys.argv: sys.addaudithook(crash)\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    assert go(table, tmp_path / "out") == 1
    told = capsys.readouterr().out
    assert "2 cases: 1 segmented, 0 skipped as done before, 1 failed." in told
    assert "The reader of the files crashed (SIGSEGV); one of them is broken." in told
    assert cases_of(tmp_path / "out" / "cohort.csv") == ["b"]
