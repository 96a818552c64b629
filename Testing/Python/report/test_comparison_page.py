"""The table and the page of two examinations, from the command line."""

import csv
from dataclasses import replace

import pytest
import SimpleITK as sitk
from true_result import truth

from DeepGMMSegmentationLib.cardiac.comparison import Comparison
from DeepGMMSegmentationLib.cli.main import main
from DeepGMMSegmentationLib.hearts.sample import heart
from DeepGMMSegmentationLib.report.comparison import comparison_rows
from DeepGMMSegmentationLib.report.result_folder import write_result


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The results of a heart with edema, and of the same one without."""
    root, case = tmp_path_factory.mktemp("hearts"), heart(1)
    image = sitk.GetImageFromArray(case.images[0])
    image.SetSpacing(case.spacing[::-1])
    acute = truth(case)
    labels = acute.labels.copy()
    labels[labels == 3] = 2
    for name, result in (("acute", acute), ("late", replace(acute, labels=labels))):
        write_result(result, case.images, image, root / name)
    return root


def test_a_page_and_a_table_are_written(folders, tmp_path, capsys):
    given = ["compare", str(folders / "acute"), str(folders / "late"), "--name", "Heart <1>"]
    assert main([*given, "--out", str(tmp_path / "change")]) == 0
    told = capsys.readouterr().out
    assert "Salvage index" in told
    assert "does not recommend" in told
    page = (tmp_path / "change" / "comparison.html").read_text(encoding="utf-8")
    assert "Heart &lt;1&gt;" in page
    assert "data:image/png;base64" in page
    assert "100 %" in page  # of the edema is gone
    with (tmp_path / "change" / "comparison.csv").open(encoding="utf-8") as file:
        lines = list(csv.reader(file))
    figures = {(name, unit): rest for name, unit, *rest in lines[1:]}
    before, after, difference = map(float, figures["infarct", "g"])
    assert before == after > 0 == difference
    assert float(figures["edema_gone", ""][-1]) == pytest.approx(1)
    assert main([*given, "--out", str(tmp_path / "change")]) == 2  # it is there
    assert "--force" in capsys.readouterr().err


def test_what_is_no_result_is_refused(folders, tmp_path, capsys):
    assert main(["compare", str(folders / "acute"), str(tmp_path)]) == 2
    assert "holds no result" in capsys.readouterr().err
    assert main(["compare", str(folders / "acute"), str(folders / "acute")]) == 2
    assert "the same result" in capsys.readouterr().err


def test_a_pdf_goes_beside_the_page(folders, tmp_path, capsys):
    given = ["compare", str(folders / "acute"), str(folders / "late"), "--pdf"]
    assert main([*given, "--out", str(tmp_path / "change")]) == 0
    assert (tmp_path / "change" / "comparison.pdf").read_bytes().startswith(b"%PDF-")
    assert main(given) != 0
    assert "--pdf goes with --out" in capsys.readouterr().err


def test_what_has_grown_is_called_growth():
    rows = comparison_rows(Comparison((), -1.5, 0.25, None, (), ()))
    assert [(row[0], row[3]) for row in rows[:2]] == [
        ("Infarct growth", "150 %"),
        ("Edema gone", "25 %"),
    ]
