"""Agreement over a cohort from the command line: the program and two readers."""

import csv
import shutil

import numpy as np
import pytest
import SimpleITK as sitk
from true_result import truth

from DeepGMMSegmentationLib.cardiac.sizes import volume_ml
from DeepGMMSegmentationLib.cli.main import main
from DeepGMMSegmentationLib.hearts.sample import heart
from DeepGMMSegmentationLib.report.result_folder import write_result

CASES = 4
SCAR = 4


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Hearts that the program and reader 1 see alike, and reader 2 with less scar."""
    root = tmp_path_factory.mktemp("cohort")
    rows = [["case", "LGE", "roi", "truth", "reader"]]
    for seed in range(CASES):
        case, name = heart(seed), f"heart {seed}"
        smaller = case.labels.copy()
        scar = np.flatnonzero(smaller == SCAR)
        smaller.flat[scar[: 20 * (seed + 1)]] = 2
        arrays = {"LGE": case.images[0], "roi": case.roi, "truth": case.labels, "reader": smaller}
        row = [name]
        for what, array in arrays.items():
            image = sitk.GetImageFromArray(array.astype(np.float32 if what == "LGE" else np.uint8))
            image.SetSpacing(case.spacing[::-1])
            row.append(f"{seed}-{what}.nii.gz")
            sitk.WriteImage(image, str(root / row[-1]))
        write_result(truth(case), case.images, image, root / "results" / name)
        rows.append(row)
    with (root / "cases.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return root


def table(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_program_and_two_readers(cohort, tmp_path, capsys):
    given = ["evaluate", "--cases", str(cohort / "cases.csv"), "--results"]
    given += [str(cohort / "results"), "--out", str(tmp_path / "agreement")]
    assert main(given) == 0
    assert "ICC(2,1)" in capsys.readouterr().out
    rows = table(tmp_path / "agreement" / "agreement.csv")
    agreement = {(row["first"], row["second"], row["figure"]): row for row in rows}
    pairs = [("program", "reader 1"), ("program", "reader 2"), ("reader 1", "reader 2")]
    assert {key[:2] for key in agreement} == set(pairs)
    same = agreement["program", "reader 1", "scar, mL"]
    assert (same["cases"], float(same["bias"]), float(same["icc"])) == ("4", 0, pytest.approx(1))
    less = agreement["reader 1", "reader 2", "scar, mL"]
    missing = volume_ml(np.mean([20, 40, 60, 80]), heart(0).spacing)
    assert float(less["bias"]) == pytest.approx(-missing, rel=1e-6)
    assert float(less["icc"]) < 1
    assert ("program", "reader 2", "infarct, % of myocardium") in agreement
    overlap = table(tmp_path / "agreement" / "overlap.csv")
    assert len(overlap) == CASES * 3 * 4  # pairs, tissues
    first = [row for row in overlap if row["tissue"] == "scar" and row["second"] == "reader 2"]
    assert all(0 < float(row["dice"]) < 1 and float(row["hd95_mm"]) >= 0 for row in first)
    assert (tmp_path / "agreement" / "bland_altman.png").stat().st_size > 10_000
    assert main(given) == 2  # they are there
    assert "--force" in capsys.readouterr().err


def test_what_is_missing_is_told(cohort, tmp_path, capsys):
    cases = str(cohort / "cases.csv")
    assert main(["evaluate", "--cases", cases, "--results", str(tmp_path)]) == 2
    assert "holds no whole result; segment the cohort first" in capsys.readouterr().err
    assert main(["evaluate", "--cases", cases]) == 2
    assert "--cases and --results" in capsys.readouterr().err
    assert main(["evaluate", "one.nii.gz"]) == 2
    assert "Give LABELS and TRUTH" in capsys.readouterr().err


def test_a_cohort_without_readers_or_with_two_cases_is_refused(cohort, tmp_path, capsys):
    lines = (cohort / "cases.csv").read_text().splitlines()
    for name in cohort.glob("*.nii.gz"):
        shutil.copy(name, tmp_path)
    given = ["evaluate", "--cases", str(tmp_path / "cases.csv")]
    given += ["--results", str(cohort / "results")]
    alone = [",".join(line.split(",")[:3]) for line in lines]
    for rows, text in ((alone, "no truth and no reader"), (lines[:3], "at least 3")):
        (tmp_path / "cases.csv").write_text("\n".join(rows))
        assert main(given) == 2
        assert text in capsys.readouterr().err
