"""Two examinations of a heart, counted by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest
from true_result import truth

from DeepGMMSegmentationLib import InvalidInput
from DeepGMMSegmentationLib.cardiac.comparison import compare
from DeepGMMSegmentationLib.cardiac.measures import measure
from DeepGMMSegmentationLib.hearts.sample import heart

BLOOD, HEALTHY, EDEMA, SCAR, CORE = range(1, 6)


@pytest.fixture(scope="module")
def acute():
    """A heart whose infarct has a dark core."""
    return truth(heart(1, no_reflow=True))


@pytest.fixture(scope="module")
def late(acute):
    """The same heart without edema and core, and with a part of its scar healed."""
    labels = acute.labels.copy()
    labels[labels == EDEMA] = HEALTHY
    labels[labels == CORE] = SCAR
    scar = np.flatnonzero(labels == SCAR)
    labels.flat[scar[: len(scar) // 4]] = HEALTHY
    return replace(acute, labels=labels)


def record(result):
    return json.loads(json.dumps(measure(result).to_dict()))


def mass(result, *labels):
    return np.isin(result.labels, labels).sum() * np.prod(result.spacing) / 1000 * 1.05


def test_what_became_of_the_heart_by_hand(acute, late):
    comparison = compare(record(acute), record(late))
    by_name = {change.name: change for change in comparison.changes if change.unit == "g"}
    before, after = mass(acute, SCAR, CORE), mass(late, SCAR)
    assert by_name["infarct"].baseline.value == pytest.approx(before)
    assert by_name["infarct"].followup.value == pytest.approx(after)
    assert by_name["infarct"].difference == pytest.approx(after - before)
    assert by_name["infarct"].percent == pytest.approx(100 * (after - before) / before)
    assert by_name["MVO"].followup.value == 0
    assert by_name["edema"].difference == pytest.approx(-mass(acute, EDEMA))
    assert by_name["myocardium"].difference == pytest.approx(0)
    assert comparison.shrinkage == pytest.approx(1 - after / before)
    assert comparison.edema_gone == pytest.approx(1)
    assert comparison.salvage_index == pytest.approx(1 - after / mass(acute, EDEMA, SCAR, CORE))
    share = next(
        c for c in comparison.changes if (c.name, c.unit) == ("infarct", "% of myocardium")
    )
    wall = mass(late, HEALTHY, EDEMA, SCAR, CORE)
    assert share.followup.value == pytest.approx(100 * after / wall)
    assert any("does not recommend salvage" in text for text in comparison.notes)


def test_warnings_of_both_stand_here_too(acute, late):
    doubtful = replace(late, converged=False)
    warnings = compare(record(acute), record(doubtful)).warnings
    assert any(text.startswith("Follow-up: The fit had not converged") for text in warnings)
    assert not any(text.startswith("Baseline: The fit") for text in warnings)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda late: replace(late, spacing=(20.0, *late.spacing[1:])), "more at follow-up"),
        (lambda late: replace(late, roles=("LGE", "PET", "bSSFP")), "The sequences differ"),
        (
            lambda late: replace(late, settings=replace(late.settings, method="SVGMM")),
            "The methods differ",
        ),
    ],
)
def test_what_makes_two_results_unlike_is_warned_of(acute, late, change, text):
    assert not any(text in warning for warning in compare(record(acute), record(late)).warnings)
    warnings = compare(record(acute), record(change(late))).warnings
    assert any(text in warning for warning in warnings)


def test_the_wrong_order_is_warned_of(acute, late):
    comparison = compare(record(late), record(acute))
    assert any("more edema at follow-up" in text for text in comparison.warnings)
    assert comparison.shrinkage < 0
    assert comparison.edema_gone is None  # there was none


def test_what_was_not_measured_is_none(acute, late):
    without_t2 = compare(record(replace(acute, roles=("LGE", "other", "bSSFP"))), record(late))
    assert without_t2.salvage_index is not None
    blind = compare(record(acute), record(replace(late, roles=("other", "T2", "bSSFP"))))
    assert blind.shrinkage is blind.salvage_index is None


def test_overlapping_intervals_are_told(acute, late):
    wide = {"infarct": (10.0, 0.0, 99.0)}
    unsure = [replace(result, intervals=wide) for result in (acute, late)]
    assert any("intervals of the infarct overlap" in text for text in compare_of(*unsure).notes)
    sure = replace(late, intervals={"infarct": (1.0, 0.5, 1.5)})
    sure_before = replace(acute, intervals={"infarct": (10.0, 9.0, 11.0)})
    assert not any("overlap" in text for text in compare_of(sure_before, sure).notes)


def compare_of(acute, late):
    return compare(record(acute), record(late))


def test_classes_without_names_are_refused(acute, late):
    plain = replace(acute, tissues=tuple(f"Class {k}" for k in range(1, 6)))
    with pytest.raises(InvalidInput, match="The follow-up has no mass of myocardium"):
        compare(record(acute), record(plain))


@pytest.mark.parametrize(
    "change",
    [
        {"sizes": [{"tissue": "edema"}]},
        {"infarct": {"infarct": 7.2}},
        {"volumes": 3},
        {"density": "heavy"},
        {"warnings": [1]},
        {"presence": {"infarct": "yes"}},
    ],
)
def test_what_is_not_measured_by_this_version_is_refused(acute, late, change):
    with pytest.raises(InvalidInput, match="The baseline is no result of this version"):
        compare({**record(acute), **change}, record(late))
    without = {key: value for key, value in record(late).items() if key not in change}
    with pytest.raises(InvalidInput, match="The follow-up is no result of this version"):
        compare(record(acute), without)
