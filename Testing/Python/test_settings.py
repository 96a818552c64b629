"""The settings record: what it takes, what it refuses, and the values it ships."""

import dataclasses
import json
import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from DeepGMMSegmentationLib import InvalidInput, Settings
from DeepGMMSegmentationLib.fields import choices, ranges
from DeepGMMSegmentationLib.priors import Prior

CHOICES, RANGES = choices(Settings), ranges(Settings)
WHOLE = ("classes", "restarts", "min_iterations", "max_iterations", "seed", "filters", "depth")
KNOWN = ("LGE", "T2", "bSSFP")


@st.composite
def random_settings(draw):
    values = {name: draw(st.sampled_from(allowed)) for name, allowed in CHOICES.items()}
    for name, (least, most) in RANGES.items():
        numbers = st.integers(least, most) if name in WHOLE else st.floats(least, most)
        values[name] = draw(numbers)
    values["device"] = draw(st.sampled_from(["auto", "cpu", "mps", "cuda", "cuda:12"]))
    if draw(st.booleans()):
        values["degrees_of_freedom"] = None
    if values["start"] == "means" and not values["method"].startswith("deep"):
        row = st.tuples(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
        rows = st.lists(row, min_size=values["classes"], max_size=values["classes"])
        values["means"] = tuple(draw(rows))
    elif values["start"] == "means":
        values["start"] = "kmeans"
    if draw(st.booleans()):
        prior = Prior.infarct(edema=draw(st.booleans()), no_reflow=draw(st.booleans()))
        if values.get("means") is None:
            return Settings(**{**values, "prior": prior, "classes": len(prior.tissues)})
    if values["start"] == "prior":
        values["start"] = "random"
    return Settings(**{**values, "prior_weight": 0.0, "mean_penalty": 0.0, "anatomy": 0.0})


@hypothesis_settings(max_examples=100, deadline=None)
@given(random_settings())
def test_json_reads_back_to_an_equal_record(record):
    text = record.to_json()
    json.loads(text, parse_constant=pytest.fail)  # no NaN or Infinity, which are not JSON
    assert Settings.from_json(text) == record
    assert dataclasses.replace(record) == record


def test_absent_fields_take_their_defaults():
    assert Settings.from_json("{}") == Settings()
    assert Settings.from_json('{"classes": 3}') == Settings(classes=3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "JSON object"),
        ("3", "JSON object"),
        ('{"clases": 3}', "'clases'"),
        ('{"classes": 9}', "classes is 9"),
        ('{"classes": "4"}', "classes is '4'"),
        ('{"method": "kmeans"}', "method is 'kmeans'"),
        ('{"smoothing": NaN}', "smoothing is nan"),
        ('{"prior": 3}', "prior"),
        ('{"prior": {"name": "x"}}', "prior"),
        ('{"means": 3, "start": "means", "method": "GMM"}', "means must be rows"),
    ],
)
def test_json_that_is_no_settings_record_is_refused_by_name(text, message):
    with pytest.raises(InvalidInput, match=message):
        Settings.from_json(text)


def test_every_number_has_a_range_and_every_bound_is_finite():
    numbers = {
        field.name
        for field in dataclasses.fields(Settings)
        if isinstance(field.default, (int, float))
    }
    assert numbers | {"degrees_of_freedom"} == set(RANGES)
    assert all(math.isfinite(bound) for bounds in RANGES.values() for bound in bounds)
    assert RANGES["degrees_of_freedom"] == (1.0, 1e6)
    assert RANGES["variance_floor"][0] == 1e-10
    assert RANGES["classes"] == (2, 8)


@pytest.mark.parametrize("name", RANGES)
def test_a_number_out_of_its_range_is_refused_and_its_bounds_are_taken(name):
    prior = Prior.infarct()
    chosen = {"method": "SVGMM", "prior": prior}
    least, most = RANGES[name]
    step = 1 if name in WHOLE else None
    below = least - 1 if step else np.nextafter(least, -np.inf)
    above = most + 1 if step else np.nextafter(most, np.inf)
    for bad in (below, above, math.nan, math.inf, -math.inf, True, np.bool_(True), "2", [2], 2j):
        with pytest.raises(InvalidInput, match=f"{name} is "):
            Settings(**{**chosen, name: bad})
    for good in (least, most):
        if name == "classes":
            assert Settings(classes=good).classes == good
        else:
            assert getattr(Settings(**chosen, **{name: good}), name) == good


def test_whole_numbers_are_whole_and_only_what_may_be_missing_is():
    for name in WHOLE:
        with pytest.raises(InvalidInput, match=f"{name} is 2.5; give a whole number"):
            Settings(**{name: 2.5})
    for name in (*RANGES, *CHOICES):
        if name == "degrees_of_freedom":
            assert Settings(degrees_of_freedom=None).degrees_of_freedom is None
        else:
            with pytest.raises(InvalidInput, match=f"{name} is None"):
                Settings(**{name: None})


@pytest.mark.parametrize("whole", [np.int64, np.int16, np.uint8])
@pytest.mark.parametrize("real", [np.float64, np.float32, np.int32])
def test_numbers_of_numpy_are_numbers(whole, real):
    record = Settings(classes=whole(3), seed=whole(7), smoothing=real(2), variance_floor=real(1))
    assert record == Settings(classes=3, seed=7, smoothing=2.0, variance_floor=1.0)
    assert Settings.from_json(record.to_json()) == record


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_that_is_none_is_refused_with_those_that_are(name):
    with pytest.raises(InvalidInput, match=f"choose one of {', '.join(CHOICES[name])}"):
        Settings(**{name: "another"})


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:a", "CPU", "", None, 0])
def test_devices_that_do_not_exist_are_refused(device):
    with pytest.raises(InvalidInput, match="device is"):
        Settings(device=device)


def test_fields_that_need_each_other():
    means = ((1.0,), (2.0,))
    bad = [
        ({"start": "means"}, "go together"),
        ({"means": means, "method": "GMM"}, "go together"),
        ({"start": "means", "means": means}, "random network"),
        ({"means": means}, "drawn to means by mean_penalty"),
        ({"start": "means", "means": ((1.0,), (2.0, 3.0)), "method": "GMM"}, "rows of one value"),
        ({"start": "means", "means": ((1.0,),), "method": "GMM"}, "2 rows"),
        ({"start": "means", "means": ((1.0,), (math.nan,)), "method": "GMM"}, "NaN"),
        ({"start": "prior"}, "start needs a prior"),
        ({"prior_weight": 0.1}, "prior_weight needs a prior"),
        ({"mean_penalty": 0.1}, "mean_penalty needs a prior"),
        ({"anatomy": 0.1}, "anatomy needs a prior"),
        ({"prior": Prior.infarct()}, "make them equal"),
        ({"prior": "infarct"}, "prior"),
    ]
    for values, message in bad:
        with pytest.raises(InvalidInput, match=message):
            Settings(**{"classes": 2, **values})
    flat = dataclasses.replace(Prior.infarct(), depth=None)
    with pytest.raises(InvalidInput, match="depth profile"):
        Settings(prior=flat, anatomy=0.5)
    rows = Settings(classes=2, method="GMM", start="means", means=[[1], np.array([2])]).means
    assert rows == means
    assert Settings(classes=2, means=means, mean_penalty=1).keeps_order


def test_the_record_is_frozen_and_copies_are_checked():
    record = Settings()
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.classes = 3
    with pytest.raises(InvalidInput):
        dataclasses.replace(record, classes=1)
    assert record == Settings()


def test_what_the_method_says():
    assert [Settings(method=m).deep for m in CHOICES["method"]] == [False, False, True, True]
    assert [Settings(method=m).spatial for m in CHOICES["method"]] == [False, True, False, True]


@pytest.mark.parametrize("method", CHOICES["method"])
def test_the_papers_values(method):
    deep = method.startswith("deep")
    record = Settings.paper(method)
    stated = {
        "method": method,
        "classes": 4,
        "covariance": "diag",
        "scope": "slice",
        "start": "kmeans" if method == "SVGMM" else "random",
        "normalize": "image",
        "max_iterations": 200 if deep else 100,
        "variance_floor": 1e-6 if method == "GMM" else 1e-10,
        "tolerance": 0.0002 if method == "GMM" else 0.001,
        "margin": 24.0,
        "restarts": 1,
        "prior": None,
        "prior_weight": 0.0,
        "mean_penalty": 0.0,
        "smoothing": 0.0,
        "anatomy": 0.0,
        "degrees_of_freedom": None,
        "min_island": 0.0,
    }
    if deep:
        stated.update(weight_decay=0.001, gradient_clip=12.0, min_iterations=12)
        stated.update(filters=32, depth=4, learning_rate=0.0001)
    assert {name: getattr(record, name) for name in stated} == stated
    assert Settings.paper(method, classes=3) == dataclasses.replace(record, classes=3)
    prior = Prior.infarct(no_reflow=True)
    variant = {"mean_penalty": 1.0} if method.startswith("deep") else {"start": "prior"}
    with_prior = dataclasses.replace(record, prior=prior, classes=5, **variant)
    assert Settings.paper(method, prior=prior) == with_prior
    assert Settings.paper(method, prior=None) == record
    means = ((0.1, 0.2), (0.3, 0.4), (0.5, 0.6))
    variant = {"mean_penalty": 1.0} if deep else {"start": "means"}
    with_means = dataclasses.replace(record, means=means, classes=3, **variant)
    assert Settings.paper(method, means=means) == with_means
    with pytest.raises(InvalidInput, match="must be a Prior"):
        Settings.paper(method, prior="infarct.json")


@pytest.mark.parametrize("no_reflow", [False, True])
@pytest.mark.parametrize("other", [(), ("T1",)])
@pytest.mark.parametrize(
    "known", [subset for n in range(4) for subset in combinations(KNOWN, n)], ids="+".join
)
def test_the_infarct_preset_for_every_set_of_sequences(known, other, no_reflow):
    roles = (*other, *known)
    if not known:
        with pytest.raises(InvalidInput, match="at least one of LGE, T2, bSSFP"):
            Settings.infarct(roles, no_reflow=no_reflow)
        return
    record = Settings.infarct(roles, no_reflow=no_reflow)
    edema = known not in (("LGE",), ("bSSFP",))
    expected = ["blood pool", "healthy myocardium"]
    expected += ["edema"] * edema
    prior = Prior.infarct(edema=edema, no_reflow=no_reflow)
    if "LGE" in known:
        expected += ["scar", *["no-reflow"] * no_reflow]
    else:  # no sequence tells scar
        into = "edema" if edema else "healthy myocardium"
        prior = Prior.infarct(edema=edema).merged("scar", into=into)
    assert record.prior.tissues == tuple(expected)
    if edema or "LGE" in known:
        assert record.prior == prior
    assert record.classes == len(expected)
    assert (record.method, record.start) == ("SVGMM", "prior")
    assert min(record.prior_weight, record.smoothing, record.anatomy) > 0
    assert record.degrees_of_freedom is not None
    assert record.keeps_order


@pytest.mark.parametrize("method", CHOICES["method"])
def test_the_infarct_preset_takes_overrides(method):
    record = Settings.infarct(KNOWN, method=method, smoothing=0.0, seed=3)
    assert (record.method, record.smoothing, record.seed) == (method, 0.0, 3)
    assert (record.mean_penalty > 0) == method.startswith("deep")
    assert record.keeps_order
    with pytest.raises(InvalidInput, match="seed is -1"):
        Settings.infarct(KNOWN, method=method, seed=-1)


def test_the_infarct_preset_takes_a_prior_of_ones_own():
    own = Prior("own", "", ("a", "b"), {"T1": (0, 1)}, {"T1": (1, 1)}, (0.5, 0.5))
    record = Settings.infarct(["T1", "T2"], prior=own)
    assert (record.prior, record.classes, record.start) == (own, 2, "prior")
    assert record.anatomy == 0  # it has no depth profile
    assert record.prior_weight == Settings.infarct(KNOWN).prior_weight
    four = Prior.infarct()
    assert Settings.infarct(["LGE"], prior=four).prior == four
    with pytest.raises(InvalidInput, match="needs at least one of T1"):
        Settings.infarct(KNOWN, prior=own)
    with pytest.raises(InvalidInput, match="must be a Prior"):
        Settings.infarct(KNOWN, prior="own.json")


def test_the_sequences_of_the_infarct_preset_are_a_list_and_not_a_text():
    with pytest.raises(InvalidInput, match="list of names"):
        Settings.infarct("LGE")
