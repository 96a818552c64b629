"""One record, shown alike as JSON, CSV and HTML; nothing of the patient in it."""

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import SimpleITK as sitk
from true_result import truth

from DeepGMMSegmentationLib import InvalidInput, Settings
from DeepGMMSegmentationLib.cardiac.measures import measure
from DeepGMMSegmentationLib.cardiac.remote import proposed_remote
from DeepGMMSegmentationLib.hearts.sample import heart
from DeepGMMSegmentationLib.mixture.postprocess import clean
from DeepGMMSegmentationLib.report.html import render_report
from DeepGMMSegmentationLib.report.markup import whole
from DeepGMMSegmentationLib.report.polar import draw_polar
from DeepGMMSegmentationLib.report.tables import case_csv, cohort_csv, rows

NAMES = ("blood pool", "healthy myocardium", "edema", "scar")


@pytest.fixture(scope="module")
def case():
    return heart(1, no_reflow=True)


@pytest.fixture(scope="module")
def result(case):
    return truth(case)


@pytest.fixture(scope="module")
def measures(case, result):
    return measure(result, case.images, case="Heart 1", rv_insertion=case.rv_insertion)


def by_fwhm(measures):
    return next(y for y in measures.yardsticks if y.method == "FWHM")


def table(text):
    return list(csv.DictReader(io.StringIO(text)))


class Reader(HTMLParser):
    """Collects texts, tags and every address that a browser would load."""

    def __init__(self, text):
        super().__init__()
        self.texts, self.tags, self.addresses = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "srcset")]

    def handle_data(self, data):
        self.texts.append(data)


def test_the_record_is_the_truth_of_the_heart(case, measures):
    ml = float(np.prod(case.spacing)) / 1000
    counts = np.bincount(case.labels[case.roi], minlength=6)[1:]
    assert [size.voxels for size in measures.sizes] == counts.tolist()
    infarct, wall = counts[3] + counts[4], counts[1:].sum()
    assert measures.infarct.infarct.ml == pytest.approx(infarct * ml)
    assert measures.infarct.infarct.percent_of_myocardium == pytest.approx(100 * infarct / wall)
    assert measures.infarct.salvage_index == pytest.approx(counts[2] / (counts[2] + infarct))
    expected = {v.tissue: v.expected_ml for v in measures.volumes}
    assert expected["infarct"] == pytest.approx(infarct * ml, rel=1e-5)
    assert expected["area at risk"] == pytest.approx((infarct + counts[2]) * ml, rel=1e-5)
    assert measures.mean_entropy == 0
    assert len(measures.aha.segments) == 17
    assert len(measures.slices) == len(case.labels)
    assert {"2-SD", "6-SD", "FWHM", "Otsu"} <= {y.method for y in measures.yardsticks}
    assert measures.warnings == ()


def test_the_record_survives_json(measures):
    text = json.dumps(measures.to_dict(), allow_nan=False)
    assert rows(json.loads(text)) == rows(measures.to_dict())


def test_the_case_table_holds_the_same_figures(measures):
    lines = {
        (line["section"], line["item"], line["quantity"]): line
        for line in table(case_csv(measures.to_dict()))
    }
    assert lines["tissue", "scar", "ml"]["unit"] == "mL"
    assert float(lines["tissue", "scar", "ml"]["value"]) == pytest.approx(
        measures.sizes[3].ml, rel=1e-5
    )
    infarct = lines["heart", "infarct", "percent_of_myocardium"]
    assert float(infarct["value"]) == pytest.approx(
        measures.infarct.infarct.percent_of_myocardium, rel=1e-5
    )
    third = measures.aha.segments[7]
    assert float(lines["segment", "08 mid anteroseptal", "infarct_percent"]["value"]) == (
        pytest.approx(third.infarct_percent, rel=1e-5)
    )
    first = measures.slices[0]
    assert float(lines["slice", f"{first.slice + 1} myocardium", "grams"]["value"]) == (
        pytest.approx(first.myocardium.grams, rel=1e-5)
    )
    assert all(line["case"] == "Heart 1" for line in lines.values())


def test_the_cohort_has_one_row_per_case(case, measures):
    other = heart(2)
    second = measure(truth(other), other.images, case="Heart 2")  # thirds, no no-reflow
    text = cohort_csv([measures.to_dict(), json.loads(json.dumps(second.to_dict()))])
    one, two = table(text)
    assert (one["case"], two["case"]) == ("Heart 1", "Heart 2")
    assert all(name == name.lower() and " " not in name for name in one)
    assert len(text.splitlines()) == 3
    assert float(one["heart_infarct_grams"]) == pytest.approx(
        measures.infarct.infarct.grams, rel=1e-5
    )
    assert float(two["yardstick_fwhm_percent_of_myocardium"]) == pytest.approx(
        by_fwhm(second).percent_of_myocardium, rel=1e-5
    )
    assert one["tissue_no_reflow_ml"]
    assert two["tissue_no_reflow_ml"] == ""
    assert one["segment_basal_third_infarct_percent"] == ""
    assert two["warnings"] == "0"
    assert not any(name.startswith("slice") for name in one)


def test_the_report_shows_the_same_figures_and_loads_nothing(case, result, measures):
    text = render_report(measures, result, case.images)
    read = Reader(text)
    shown = " ".join(read.texts)
    assert f"{measures.infarct.infarct.percent_of_myocardium:.0f} %" in shown
    assert f"{measures.infarct.salvage_index:.2f}" in shown
    for size in measures.sizes:
        assert size.tissue in shown
        assert (f"{size.ml:.0f}" if size.ml > 10 else f"{size.ml:.1f}") in shown
    for yardstick in measures.yardsticks:
        grams = yardstick.grams
        assert (f"{grams:.0f}" if grams > 10 else f"{grams:.1f}") in shown
    assert "7 mid anterior" in shown
    assert "No automatic check raised a warning." in shown
    assert read.tags.count("img") == 5  # tissues, bull's-eye, polar, remote myocardium, entropy
    assert all(address.startswith("data:image/png;base64,") for address in read.addresses)
    assert "script" not in read.tags
    words = re.sub(r"base64,[^\"]*", "", text)
    assert "http" not in words.replace("http-equiv", "")
    assert "$" not in shown


def test_blood_is_not_weighed_and_a_trace_of_infarct_is_not_0(case, result, measures):
    page = render_report(measures, result, case.images)
    row = page[page.index("</span>blood pool") :].split("</tr>")[0]
    ml = next(size.ml for size in measures.sizes if size.tissue == "blood pool")
    assert f"<td>{ml:.0f}</td><td>–</td>" in row
    assert [whole(value) for value in (None, 0.0, 0.2, 0.7)] == ["–", "0", "&lt; 1", "1"]


def test_the_report_escapes_names_and_shows_warnings(case, result):
    odd = replace(result, converged=False, roles=("LGE", "<b>T2", "bSSFP"))
    measured = measure(odd, case.images, case="<script>alert(1)</script>")
    text = render_report(measured, odd, case.images)
    assert "script" not in Reader(text).tags
    assert "&lt;script&gt;" in text
    assert "<b>T2" not in text
    assert "had not converged" in text
    assert "No automatic check" not in text


def test_nothing_of_the_patient_gets_into_the_report(case, result):
    reference = sitk.GetImageFromArray(case.labels)
    reference.SetSpacing(case.spacing[::-1])
    reference.SetMetaData("0010|0010", "Doe^Jane")
    reference.SetMetaData("0008|0020", "20200102")
    measured = measure(
        result, case.images, case="A", reference=reference, rv_insertion=case.rv_insertion
    )
    record = measured.to_dict()
    shown = render_report(measured, result, case.images, reference.GetDirection())
    for text in (json.dumps(record), case_csv(record), cohort_csv([record]), shown):
        assert "Doe^Jane" not in text
        assert "20200102" not in text


def test_the_insertion_point_is_placed_by_the_reference(case, result, measures):
    """The same heart elsewhere in space, turned and mirrored, has the same segments."""
    reference = sitk.GetImageFromArray(case.labels)
    reference.SetSpacing(case.spacing[::-1])
    index = reference.TransformPhysicalPointToContinuousIndex(case.rv_insertion)
    reference.SetOrigin((-80.0, 20.0, 7.0))
    reference.SetDirection(sitk.Euler3DTransform((0, 0, 0), 0.5, 1.2, -0.4).GetMatrix())
    point = reference.TransformContinuousIndexToPhysicalPoint(index)
    moved = measure(result, reference=reference, rv_insertion=point)
    assert moved.aha == measures.aha
    flipped = sitk.Image(reference)
    turn = np.reshape(reference.GetDirection(), (3, 3)) * (-1, 1, 1)
    flipped.SetDirection(turn.ravel().tolist())
    point = flipped.TransformContinuousIndexToPhysicalPoint(index)
    mirrored = measure(result, reference=flipped, rv_insertion=point)
    assert mirrored.aha.segments[0] != measures.aha.segments[0]
    assert mirrored.infarct == measures.infarct


def test_unnamed_classes_have_sizes_only_and_say_so(case):
    names = tuple(f"Class {k}" for k in range(1, 6))
    unnamed = replace(truth(case), tissues=names, naming=None)
    measured = measure(unnamed, case.images)
    assert len(measured.sizes) == 5
    assert measured.infarct is None
    assert measured.aha is None
    assert measured.slices == ()
    assert measured.yardsticks == ()
    assert any("no tissue names" in note for note in measured.notes)
    text = render_report(measured, unnamed, case.images)
    assert "Infarct size" not in text
    assert "no tissue names" in text
    assert not re.search("ventric|myocard|% of wall", text, re.IGNORECASE)
    assert {size.grams for size in measured.sizes} == {None}
    assert "tissue_class_1_ml" in cohort_csv([measured.to_dict()])


def test_blood_and_myocardium_alone():
    whole = heart(2)
    labels = np.minimum(whole.labels, 2)
    two = replace(
        truth(whole),
        labels=labels,
        tissues=NAMES[:2],
        probabilities=np.stack([labels == 1, labels == 2]).astype(np.float32),
        means=np.array([[[300.0], [100.0]]]),
        covariances=np.full((1, 2, 1, 1), 400.0),
        proportions=np.array([[0.5, 0.5]]),
        naming=None,
        roles=("bSSFP",),
    )
    measured = measure(two, whole.images[2:])
    assert measured.infarct.infarct is None
    assert measured.infarct.myocardium.voxels == np.count_nonzero(labels == 2)
    assert any("neither a scar nor an edema" in note for note in measured.notes)
    assert any("no LGE image" in note for note in measured.notes)
    assert "Myocardium" in render_report(measured, two, whole.images[2:])


def test_a_flat_image_has_a_report_too(case, result):
    z = len(case.labels) // 2
    flat = replace(
        result,
        labels=result.labels[z],
        probabilities=result.probabilities[:, z],
        spacing=result.spacing[1:],
        slices=((0,),),
    )
    measured = measure(flat, case.images[:, z])
    assert measured.sizes[0].ml is None
    assert measured.volumes == ()
    assert measured.aha is None
    assert measured.infarct.infarct.percent_of_myocardium > 0
    assert any("no volume" in note for note in measured.notes)
    assert "% of myocardium" in render_report(measured, flat, case.images[:, z])


def test_a_segmentation_without_wall_is_measured_too(case, result):
    labels = np.minimum(result.labels, 1)
    measured = measure(replace(result, labels=labels), case.images, rv_insertion=case.rv_insertion)
    assert measured.infarct.infarct.voxels == 0
    assert measured.infarct.infarct.percent_of_myocardium in (0, None)
    assert measured.infarct.salvage_index is None
    assert measured.aha is None
    json.dumps(measured.to_dict(), allow_nan=False)


def test_edited_labels_are_measured_and_noted(case, result, measures):
    labels = result.labels.copy()
    scar = np.argwhere(labels == 4)
    labels[tuple(scar[:100].T)] = 2
    measured = measure(replace(result, labels=labels), case.images)
    assert measured.sizes[3].voxels == measures.sizes[3].voxels - 100
    assert measured.volumes == measures.volumes
    assert any("changed after the fit" in note for note in measured.notes)
    assert not any("changed after the fit" in note for note in measures.notes)


def test_cleaned_labels_report_the_count(result):
    labels = result.labels.copy()
    z, y, x = np.argwhere(labels == 1)[500]
    labels[z, y, x] = 4
    measured = measure(clean(replace(result, labels=labels), 4.0))
    assert any("islands below 4 mm²" in note for note in measured.notes)


def test_probabilities_of_bare_svgmm_are_called_too_sure(result):
    bare = replace(result, settings=Settings(method="SVGMM", classes=5, smoothing=0.0))
    smooth = replace(result, settings=Settings(method="SVGMM", classes=5, smoothing=2.0))
    assert any("too narrow" in text for text in measure(bare).warnings)
    assert not any("too narrow" in text for text in measure(smooth).warnings)


@pytest.mark.parametrize("others", [("T2", "bSSFP"), ("bSSFP",)])
def test_without_lge_no_infarct_size_is_reported(case, result, others):
    places = [case.roles.index(role) for role in others]
    blind = replace(result, roles=others, means=result.means[..., places])
    blind = replace(blind, covariances=result.covariances[..., places, :][..., places])
    measured = measure(blind, case.images[places], rv_insertion=case.rv_insertion)
    assert measured.infarct.infarct is None
    assert measured.infarct.no_reflow is None
    assert measured.infarct.salvage_index is None
    assert measured.infarct.myocardium.voxels == np.count_nonzero(result.labels > 1)
    assert all(part.infarct is None for part in measured.slices)
    assert all(s.infarct_percent is None and s.extent is None for s in measured.aha.segments)
    assert "infarct" not in {v.tissue for v in measured.volumes}
    assert measured.yardsticks == ()
    assert any("no LGE image" in text for text in measured.warnings)
    page = render_report(measured, blind, case.images[places])
    assert "No automatic check raised a warning" not in page
    assert "Infarct size" not in page
    assert 'warning,,text,,"There is no LGE image' in case_csv(measured.to_dict())


def test_an_area_at_risk_without_t2_comes_with_a_warning(result):
    measured = measure(replace(result, roles=("LGE", "PET", "bSSFP")))
    assert measured.infarct.infarct is not None
    assert any("There is no T2 image" in text for text in measured.warnings)


def test_a_region_that_is_no_ventricle_by_its_volume_is_warned_of(result):
    huge = measure(replace(result, spacing=(30.0, 4.0, 4.0)))
    assert any("a left ventricle with its wall 50 to 600 mL" in text for text in huge.warnings)


def test_what_a_sequence_lacks_is_told_and_drawn_as_missing(case, result):
    images = case.images.copy()
    images[1, :6] = np.nan
    measured = measure(result, images, rv_insertion=case.rv_insertion)
    assert any(
        "T2 does not reach all of the region: it lacks slices 1," in w for w in measured.warnings
    )
    json.dumps(measured.to_dict(), allow_nan=False)
    assert measured.infarct.infarct is not None
    assert measured.infarct.area_at_risk is measured.infarct.salvage_index is None
    told = [part.area_at_risk is not None for part in measured.slices]
    assert told == [part.slice >= 6 for part in measured.slices]
    images[0, 0] = np.nan
    blind = measure(result, images).slices
    assert [part.infarct is not None for part in blind] == [part.slice > 0 for part in blind]
    assert "it lacks slices" in render_report(measured, result, images)


def test_the_polar_map_agrees_with_the_segments(measures):
    polar = np.array(measures.aha.polar, float)
    assert polar.shape[1] == 72
    assert np.isfinite(polar).all()
    means = {s.name: s.mean_transmurality for s in measures.aha.segments}
    # From the insertion the septum follows, 60° a segment; the first third of the slices is basal.
    third = len(polar) // 3
    for name, place in (("anteroseptal", 0), ("inferior", 2), ("anterior", 5)):
        values = polar[:third, 12 * place : 12 * place + 12]
        assert values.mean() == pytest.approx(means[f"basal {name}"], abs=3)
    assert means["basal anteroseptal"] > 10 > means["basal inferior"]
    whole = [means[s.name] for s in measures.aha.segments if means[s.name] is not None]
    assert min(whole) <= polar.mean() <= max(whole)


def test_polar_maps_are_in_the_report_where_there_is_an_insertion(case, result, measures):
    assert "Transmurality in every direction" in render_report(measures, result, case.images)
    plain = measure(result, case.images)
    assert plain.aha.polar == ()
    assert "Transmurality in every direction" not in render_report(plain, result, case.images)
    gap = [[None, *measures.aha.polar[0][1:]], *measures.aha.polar[1:]]
    draw_polar(gap).savefig(io.BytesIO())


def test_figures_of_the_heart_that_rest_on_slices_without_their_sequence_are_warned_of(
    case, result
):
    images = case.images.copy()
    images[1, :6] = np.nan
    measured = measure(result, images)
    told = "edema and area at risk of the heart rest on slices without T2"
    assert [told in text for text in measured.warnings] == [True]
    assert "area at risk" not in {volume.tissue for volume in measured.volumes}
    images[0, :2] = np.nan
    warnings = measure(result, images).warnings
    assert any("infarct size of the heart rests on slices without LGE" in w for w in warnings)


def test_scar_without_t2_is_not_said_to_lie_outside_the_edema(case, result):
    images = case.images.copy()
    images[1, :6] = np.nan
    labels = result.labels.copy()
    labels[:6][labels[:6] == 3] = 2  # edema is not seen there
    measured = measure(replace(result, labels=labels), images)
    assert not any("outside the edema" in text for text in measured.warnings)


def test_remote_myocardium_is_proposed_where_there_is_no_infarct(case, result, measures):
    proposed = proposed_remote(result, case.images)
    assert proposed.sum() == measures.remote.voxels > 100
    assert np.mean(result.labels[proposed] == 2) > 0.9
    assert not np.isin(result.labels[proposed], (1, 4, 5)).any()
    lge = case.images[0]
    assert measures.remote.mean < lge[result.labels == 2].mean()
    assert measures.yardsticks[0].threshold == pytest.approx(
        measures.remote.mean + 2 * measures.remote.deviation
    )


@pytest.mark.parametrize(
    ("probability", "verdict", "doubted"),
    [(0.1, "none found", False), (0.25, "none found", True), (0.5, "found", True)],
)
def test_an_infarct_is_told_as_it_is_shown(case, result, probability, verdict, doubted):
    presence = {"infarct": probability, "edema": 0.9, "no_reflow": 0.9}
    intervals = dict.fromkeys([*result.tissues, "infarct"], (5.0, 1.0, 9.0))
    told = replace(result, presence=presence, intervals=intervals)
    figures = measure(told, case.images)
    page = render_report(figures, told, case.images)
    assert f"<b>{verdict}</b>" in page
    assert any("infarct at all is undecided" in text for text in figures.warnings) == doubted
    assert "the tissue network had not learned from" in " ".join(page.split())
    assert "erred together" not in page


def test_agreement_over_restarts_is_shown(case, result):
    several = replace(result, agreement=(0.9, 0.8, 0.75, float("nan"), 1.0))
    measured = measure(several)
    assert measured.agreement == (0.9, 0.8, 0.75, None, 1.0)
    json.dumps(measured.to_dict(), allow_nan=False)
    assert "0.75" in render_report(measured, several, case.images)


def test_a_drawn_remote_region_changes_n_sd_only(case, result, measures):
    remote = result.labels == 2
    remote[:, :, : remote.shape[2] // 2] = False
    measured = measure(result, case.images, remote=remote)
    values = case.images[0][remote].astype(float)
    assert measured.yardsticks[0].threshold == pytest.approx(values.mean() + 2 * values.std(ddof=1))
    assert by_fwhm(measured) == by_fwhm(measures)


def test_what_does_not_fit_is_refused(case, result):
    with pytest.raises(InvalidInput, match="one grid"):
        measure(result, case.images[:, 1:])
    with pytest.raises(InvalidInput, match="2 images but 3 sequences"):
        measure(result, case.images[:2])
    with pytest.raises(InvalidInput, match="one grid"):
        measure(result, case.images, remote=case.roi[1:])
    with pytest.raises(InvalidInput, match="RV-insertion"):
        measure(result, rv_insertion=(0.0, 0.0, 5000.0))
