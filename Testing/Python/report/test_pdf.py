"""The report for printing: A4 pages as WeasyPrint lays them out, and its absence."""

import sys

import pytest
import SimpleITK as sitk
import weasyprint
from true_result import truth

from DeepGMMSegmentationLib import InvalidInput
from DeepGMMSegmentationLib.cardiac.measures import measure
from DeepGMMSegmentationLib.cli.main import main
from DeepGMMSegmentationLib.hearts.sample import heart
from DeepGMMSegmentationLib.report.html import render_report
from DeepGMMSegmentationLib.report.result_folder import Wanted, write_result

HEADINGS = ("h1", "h2", "summary")
A4 = (210 * 96 / 25.4, 297 * 96 / 25.4)  # in CSS pixels


@pytest.fixture(scope="module")
def pages():
    """Return the pages of a heart's report, each as a list of its boxes."""
    case = heart(0)
    result = truth(case)
    figures = measure(result, case.images, case="Ward 3", rv_insertion=case.rv_insertion)
    document = weasyprint.HTML(string=render_report(figures, result, case.images)).render()
    for page in document.pages:
        assert (page.width, page.height) == pytest.approx(A4, abs=1)
    return [list(page._page_box.descendants()) for page in document.pages]


def text_of(boxes):
    return " ".join(box.text for box in boxes if hasattr(box, "text"))


def test_the_case_and_the_number_stand_on_every_page(pages):
    for number, boxes in enumerate(pages, 1):
        text = text_of(boxes)
        assert "Ward 3" in text
        assert f"{number} / {len(pages)}" in text
        assert len(text) > 200 or any(box.element_tag == "img" for box in boxes)


def test_no_heading_is_the_last_of_its_page(pages):
    headings = 0
    for boxes in pages:
        ends = [b.position_y for b in boxes if b.element_tag in ("td", "img", "li", "pre")]
        for box in boxes:
            if box.element_tag in HEADINGS:
                headings += 1
                assert max(ends) > box.position_y, text_of(box.descendants())
    assert headings > 8


def test_no_table_and_no_picture_is_cut(pages):
    whole = [b for boxes in pages for b in boxes if b.element_tag in ("table", "img")]
    elements = [box.element for box in whole if box.element is not None]
    tables = {id(element): [] for element in elements if element.tag == "table"}
    for number, boxes in enumerate(pages):
        for box in boxes:
            if box.element is not None and id(box.element) in tables:
                tables[id(box.element)].append(number)
            if box.element_tag == "img":
                assert box.position_x + box.width < A4[0]
                assert box.position_y + box.height < A4[1]
    assert len(tables) >= 4
    assert all(len(set(numbers)) == 1 for numbers in tables.values())


def test_details_are_open(pages):
    text = text_of(box for boxes in pages for box in boxes)
    for hidden in ("basal anteroseptal", "Cerqueira", '"density": 1.05'):
        assert hidden in text


def test_it_is_written_beside_the_result(tmp_path):
    case = heart(0)
    image = sitk.GetImageFromArray(case.images[0])
    image.SetSpacing(case.spacing[::-1])
    write_result(truth(case), case.images, image, tmp_path / "out", Wanted(pdf=True))
    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert "report.pdf" in names
    assert "report.html" not in names
    assert (tmp_path / "out" / "report.pdf").read_bytes().startswith(b"%PDF-")


def test_without_weasyprint_it_is_refused_before_anything_is_done(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(InvalidInput, match="pip install weasyprint"):
        Wanted(pdf=True)
    assert main(["demo", "--out", str(tmp_path / "demo"), "--pdf"]) != 0
    assert "A PDF needs WeasyPrint" in capsys.readouterr().err
    assert not (tmp_path / "demo").exists()
