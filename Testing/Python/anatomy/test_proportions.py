"""What drawn hearts teach, as the prior proportions of a mixture."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from DeepGMMSegmentationLib import InvalidInput, Settings, segment
from DeepGMMSegmentationLib.anatomy.evidence import Evidence
from DeepGMMSegmentationLib.anatomy.proportions import infer_proportions
from DeepGMMSegmentationLib.anatomy.tissues import tissue_probabilities
from DeepGMMSegmentationLib.hearts.sample import heart
from DeepGMMSegmentationLib.priors import Prior
from DeepGMMSegmentationLib.result import Result
from DeepGMMSegmentationLib.tissues import DRAWN, are_drawn, drawn_class

ROLES = ("LGE", "T2", "bSSFP")


@pytest.fixture(scope="module")
def drawn_heart():
    return heart(3, slices=8)


def run(case, roles, **chosen):
    chosen = {"anatomy_from": "network", "device": "cpu", **chosen}
    images = case.images[[case.roles.index(role) for role in roles]]
    settings = Settings.infarct(roles, **chosen)
    return segment(images, case.roi, settings, spacing=case.spacing, roles=roles)


@pytest.mark.parametrize("method", ["GMM", "SVGMM", "deepG", "deepSVG"])
def test_every_method_takes_them(drawn_heart, method):
    result = run(drawn_heart, ROLES, method=method, max_iterations=2, min_iterations=1)
    inside = drawn_heart.roi
    np.testing.assert_allclose(result.probabilities.sum(0)[inside], 1, atol=1e-5)
    assert (result.labels[inside] == result.probabilities.argmax(0)[inside] + 1).mean() > 0.999
    assert set(result.presence) == {"infarct", "edema", "no_reflow"}
    assert all(low <= high for _, low, high in result.intervals.values())
    assert set(result.intervals) == {*result.tissues, "infarct"}


@pytest.mark.parametrize("method", ["deepG", "deepSVG"])
def test_a_deep_method_begins_at_what_drawings_say(drawn_heart, method):
    result = run(drawn_heart, ROLES, method=method, max_iterations=1, min_iterations=1, seed=4)
    case = drawn_heart
    told = infer_proportions(case.images, case.roi, case.spacing, ROLES, result.settings)
    np.testing.assert_allclose(result.probabilities, told.probabilities, atol=2e-3)


def test_a_region_that_is_too_large_is_seen_and_looked_past(drawn_heart):
    images, roi, spacing = drawn_heart.images, drawn_heart.roi, drawn_heart.spacing
    in_stack = roi.any(axis=(1, 2))[:, None, None]
    grown = in_stack & [ndimage.distance_transform_edt(~slice_, spacing[1]) <= 4 for slice_ in roi]
    settings = Settings.infarct(ROLES, device="cpu")
    right, wide = (
        infer_proportions(images, region, spacing, ROLES, settings) for region in (roi, grown)
    )
    assert right.placement.radius == pytest.approx(1, abs=0.04)
    assert wide.placement.excess > right.placement.excess + 0.05
    plain = tissue_probabilities(images, grown, spacing, ROLES)
    wanted, looked_past, taken_in = (
        values[3][roi] for values in (right.doubted, wide.doubted, plain)
    )
    assert np.abs(looked_past - wanted).mean() < 0.8 * np.abs(taken_in - wanted).mean()


def test_intervals_are_the_networks_and_hold_what_the_mixture_expects(drawn_heart):
    result = run(drawn_heart, ROLES, max_iterations=2)
    settings, spacing = result.settings, drawn_heart.spacing
    own = infer_proportions(drawn_heart.images, drawn_heart.roi, spacing, ROLES, settings)
    calibrated = own.intervals(own.doubted, spacing)
    ml = np.prod(spacing) / 1000
    for name, probabilities in zip(result.tissues, result.probabilities):
        expected, low, high = result.intervals[name]
        assert expected == pytest.approx(probabilities.sum() * ml, rel=1e-4)
        assert low == min(calibrated[name][1], expected)
        assert high == max(calibrated[name][2], expected)


def test_what_is_taken_away_may_be_there_by_its_interval(drawn_heart):
    case = replace(drawn_heart, images=drawn_heart.images[:1])
    told = infer_proportions(
        case.images, case.roi, case.spacing, ("LGE",), Settings.infarct(("LGE",))
    )
    scar = told.classes.index("scar")
    without = told.probabilities.copy()
    without[1] += without[scar]
    without[scar] = 0
    evidence = Evidence(infarct=0.1, edema=None, no_reflow=0.1)
    gated = replace(told, probabilities=without, evidence=evidence)
    expected, low, high = gated.intervals(without, case.spacing)["scar"]
    assert (expected, low) == (0, 0)
    assert high == pytest.approx(told.intervals(without, case.spacing)["scar"][2])
    assert high > 0


def test_a_result_turns_into_its_record_and_back(drawn_heart):
    result = run(drawn_heart, ROLES, max_iterations=2)
    again = Result.from_record(result.to_record(), result.labels, result.probabilities)
    assert again.presence == result.presence
    assert again.intervals == result.intervals
    assert again.settings == result.settings
    np.testing.assert_array_equal(again.means, result.means)


def test_what_is_no_class_counts_as_what_it_would_be_taken_for(drawn_heart):
    settings = Settings.infarct(("LGE",), anatomy_from="network")
    assert settings.tissues == ("blood pool", "healthy myocardium", "scar")
    images, roi = drawn_heart.images[:1], drawn_heart.roi
    drawn = infer_proportions(images, roi, drawn_heart.spacing, ("LGE",), settings)
    np.testing.assert_allclose(drawn.probabilities.sum(0)[roi], 1, atol=1e-5)
    assert not drawn.probabilities[:, ~roi].any()
    assert drawn.evidence.edema is None


def test_classes_of_drawn_hearts():
    assert are_drawn(tuple(DRAWN))
    assert are_drawn(("blood pool", "healthy myocardium"))
    assert not are_drawn(("blood pool", "healthy myocardium", "tumour"))
    assert not are_drawn(("Class 1", "Class 2"))
    assert drawn_class("no-reflow", ("blood pool", "healthy myocardium", "scar")) == "scar"


def test_other_tissues_take_the_depth(drawn_heart):
    prior = Prior(
        "other",
        "this test",
        ("blood pool", "wall", "mass"),
        {"LGE": (0.0, -1.0, 1.0)},
        {"LGE": (0.5, 0.5, 0.5)},
        (0.5, 0.4, 0.1),
    )
    assert Settings.infarct(("LGE",), prior=prior).anatomy_from == "depth"
    settings = Settings(
        classes=3, prior=prior, start="prior", anatomy=1.0, anatomy_from="network", method="GMM"
    )
    with pytest.raises(InvalidInput, match='Set anatomy_from to "depth"'):
        segment(drawn_heart.images[:1], drawn_heart.roi, settings, roles=("LGE",))
