"""Tissue presets: what they hold, what is refused, and where the shipped figures come from."""

import copy
import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from DeepGMMSegmentationLib import InvalidInput
from DeepGMMSegmentationLib.priors import Prior

STATISTICS = Path(__file__).parents[3] / "shared" / "data" / "lge_statistics.json"
GOOD = {
    "name": "two tissues",
    "source": "these tests",
    "tissues": ["dark", "bright"],
    "means": {"LGE": [-1.0, 1.0], "T2": [0.5, 0]},
    "deviations": {"LGE": [0.5, 0.6], "T2": [1, 1.0]},
    "proportions": [0.25, 0.75],
    "depth": [[0.5, 0.5], [1.0, 0.0], [0.1, 0.9]],
}


@st.composite
def random_priors(draw, least=2):
    count = draw(st.integers(least, 6))
    names = draw(st.lists(st.text(), min_size=count, max_size=count, unique=True))
    roles = draw(st.lists(st.text(), min_size=1, max_size=3, unique=True))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    bins = draw(st.none() | st.integers(1, 6))
    return Prior(
        draw(st.text()),
        draw(st.text()),
        tuple(names),
        {role: rng.normal(size=count) for role in roles},
        {role: rng.uniform(0.1, 2, count) for role in roles},
        rng.dirichlet(np.full(count, 5.0)),
        None if bins is None else rng.dirichlet(np.ones(count), bins),
    )


@settings(deadline=None)
@given(random_priors())
def test_json_reads_back_to_an_equal_prior(prior):
    assert Prior.from_dict(json.loads(prior.to_json())) == prior


@settings(deadline=None)
@given(random_priors(least=3), st.data())
def test_merging_gives_share_and_place_to_the_other_tissue(prior, data):
    gone, into = data.draw(st.permutations(range(len(prior.tissues))))[:2]
    merged = prior.merged(prior.tissues[gone], into=prior.tissues[into])
    kept = [k for k in range(len(prior.tissues)) if k != gone]
    assert merged.tissues == tuple(prior.tissues[k] for k in kept)
    for before, after in ((prior.means, merged.means), (prior.deviations, merged.deviations)):
        assert after == {role: tuple(values[k] for k in kept) for role, values in before.items()}

    def check(before, after):
        wanted = [before[k] + (before[gone] if k == into else 0) for k in kept]
        np.testing.assert_allclose(after, wanted)
        assert sum(after) == pytest.approx(1)

    check(prior.proportions, merged.proportions)
    assert (merged.depth is None) == (prior.depth is None)
    for before, after in zip(prior.depth or (), merged.depth or ()):
        check(before, after)


def test_a_prior_of_plain_lists_holds_tuples_of_floats_and_cannot_be_changed():
    prior = Prior.from_dict(GOOD)
    assert prior.tissues == ("dark", "bright")
    assert prior.means == {"LGE": (-1.0, 1.0), "T2": (0.5, 0.0)}
    assert prior.depth == ((0.5, 0.5), (1.0, 0.0), (0.1, 0.9))
    with pytest.raises(dataclasses.FrozenInstanceError):
        prior.name = "another"
    without = {name: value for name, value in GOOD.items() if name != "depth"}
    assert Prior.from_dict(without).depth is None


@pytest.mark.parametrize("values", [None, 3, "prior", [], [GOOD], {**GOOD, "mean": 1}])
def test_what_is_no_object_of_its_fields_is_refused(values):
    with pytest.raises(InvalidInput, match="JSON object with the fields"):
        Prior.from_dict(values)


@pytest.mark.parametrize("name", [name for name in GOOD if name != "depth"])
def test_a_prior_without_a_field_is_refused_by_its_name(name):
    with pytest.raises(InvalidInput, match=f"incomplete.*{name}"):
        Prior.from_dict({key: value for key, value in GOOD.items() if key != name})


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("tissues", ["dark", "dark"], "different names"),
        ("tissues", [], "has 0 tissues; give 2 to 8"),
        ("tissues", ["dark"], "has 1 tissues; give 2 to 8"),
        ("tissues", "ab", "different names"),
        ("tissues", [1, 2], "different names"),
        ("tissues", [["dark"], ["bright"]], "prior"),
        ("tissues", 2, "prior"),
        ("tissues", [], "prior"),
        ("tissues", ["a", "b", "c"], "means of LGE must be 3"),
        ("means", [[-1.0, 1.0], [0.5, 0.0]], "tables by sequence"),
        ("means", 3, "tables by sequence"),
        ("means", {}, "same sequences"),
        ("means", {"LGE": [-1.0, 1.0]}, "same sequences"),
        ("means", {"LGE": [-1.0, 1.0, 2.0], "T2": [0, 0]}, "means of LGE must be 2"),
        ("means", {"LGE": "ab", "T2": [0, 0]}, "means of LGE must be 2"),
        ("means", {"LGE": ["a", "b"], "T2": [0, 0]}, "means of LGE must be 2"),
        ("means", {"LGE": [None, 1.0], "T2": [0, 0]}, "means of LGE must be 2"),
        ("means", {"LGE": [[1.0], [1.0, 2.0]], "T2": [0, 0]}, "means of LGE must be 2"),
        ("means", {"LGE": {"dark": 1}, "T2": [0, 0]}, "means of LGE must be 2"),
        ("means", {"LGE": [math.nan, 1.0], "T2": [0, 0]}, "finite"),
        ("means", {"LGE": ["1", "2"], "T2": [0, 0]}, "means of LGE must be 2"),
        ("deviations", [[0.5, 0.6], [1.0, 1.0]], "tables by sequence"),
        ("deviations", {"LGE": [0.5, 0.0], "T2": [1, 1]}, "above 0"),
        ("deviations", {"LGE": [0.5, -1.0], "T2": [1, 1]}, "above 0"),
        ("deviations", {"LGE": [0.5, math.inf], "T2": [1, 1]}, "finite"),
        ("proportions", [0.25, 0.25, 0.5], "proportions must be 2"),
        ("proportions", [0.5, 0.6], "sum to 1"),
        ("proportions", [0.0, 1.0], "above 0"),
        ("proportions", "ab", "proportions must be 2"),
        ("proportions", 1.0, "proportions must be 2"),
        ("depth", [], "empty"),
        ("depth", [[0.5, 0.5], [0.5, 0.6]], "depth bin"),
        ("depth", [[1.5, -0.5]], "depth bin"),
        ("depth", [[1.0]], "depth bins must be 2"),
        ("depth", ["ab"], "depth bins must be 2"),
        ("depth", [0.5, 0.5], "depth bins must be 2"),
        ("depth", 3, "prior"),
    ],
)
def test_fields_that_are_none_are_refused(field, value, message):
    values = copy.deepcopy(GOOD)
    values[field] = value
    with pytest.raises(InvalidInput, match=message):
        Prior.from_dict(values)


def test_the_shipped_prior_and_its_variants():
    everything = Prior.infarct(no_reflow=True)
    assert everything.tissues == (
        "blood pool", "healthy myocardium", "edema", "scar", "no-reflow",
    )  # fmt: skip
    assert set(everything.means) == {"LGE", "dark-blood LGE", "T2", "bSSFP"}
    assert Prior.infarct() == everything.merged("no-reflow", into="scar")
    assert Prior.infarct(edema=False) == Prior.infarct().merged("edema", into="healthy myocardium")
    for edema in (False, True):
        for no_reflow in (False, True):
            prior = Prior.infarct(edema=edema, no_reflow=no_reflow)
            assert ("edema" in prior.tissues) == edema
            assert ("no-reflow" in prior.tissues) == no_reflow
            assert sum(prior.proportions) == pytest.approx(1, abs=1e-9)
            np.testing.assert_allclose(np.sum(prior.depth, axis=1), 1, atol=3e-4)


@pytest.mark.skipif(not STATISTICS.exists(), reason="the shared lge_statistics.json is not here")
def test_the_shipped_figures_of_lge_are_those_of_emidec():
    measured = json.loads(STATISTICS.read_text(encoding="utf-8"))
    prior = Prior.infarct(edema=False)
    assert prior.tissues == tuple(measured["tissues"])
    means, deviations = measured["LGE"]["mean"], measured["LGE"]["sd_within_slice"]
    assert prior.means["LGE"][:2] == tuple(means[:2])
    assert prior.deviations["LGE"] == tuple(deviations)
    np.testing.assert_allclose(prior.proportions, measured["proportions"], atol=1e-9)
    profile = measured["depth"]["probability_of_tissue_given_bin"]
    # Four digits are shipped: two of them added are as exact as that.
    np.testing.assert_allclose(prior.depth, profile, atol=1.5e-4)
    # Edema is taken to be 30 % of the wall outside the infarct, no-reflow 10 % of the infarct.
    whole = Prior.infarct(no_reflow=True)
    _, wall, infarct = np.array([measured["proportions"], *profile]).T
    _, _, edema, _, no_reflow = np.array([whole.proportions, *whole.depth]).T
    np.testing.assert_allclose(edema, 0.3 * wall, atol=4e-4)
    np.testing.assert_allclose(no_reflow, 0.1 * infarct, atol=4e-4)
    # Scar and no-reflow, as bright as is assumed of each, are together as bright as was measured.
    shares, looks = np.array(whole.proportions[3:]), np.array(whole.means["LGE"][3:])
    assert (shares * looks).sum() / shares.sum() == pytest.approx(means[2], abs=0.01)
