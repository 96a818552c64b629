"""The one entry point: what it returns, what it keeps, and what it refuses."""

import dataclasses
from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from DeepGMMSegmentationLib import Cancelled, InvalidInput, Settings, segment
from DeepGMMSegmentationLib.errors import OutOfMemory
from DeepGMMSegmentationLib.hearts.sample import heart
from DeepGMMSegmentationLib.mixture import solver
from DeepGMMSegmentationLib.mixture.device import resolve_device, unet_device
from DeepGMMSegmentationLib.mixture.matching import dice, match

METHODS = ("GMM", "SVGMM", "deepG", "deepSVG")
QUICK = {"max_iterations": 6, "filters": 4, "depth": 2}


def rings(seed=0, noise=0.15, shape=(3, 41, 37)):
    """Three nested tissues in two sequences, with a little noise: every method can tell them."""
    rng = np.random.default_rng(seed)
    _, y, x = np.indices(shape)
    radius = np.hypot(y - shape[1] / 2, x - shape[2] / 2)
    truth = np.select([radius < 6, radius < 10, radius < 15], [1, 2, 3], 0)
    looks = np.array([[0, 0], [3, 1], [-1, 2], [1, -3]])
    images = np.moveaxis(looks[truth], -1, 0) + rng.normal(size=(2, *shape)) * noise
    return (images * 100 + 500).astype(np.float32), truth.astype(np.uint8)


def matched_dice(labels, truth, classes):
    renamed = np.append(0, match(labels, truth, classes) + 1)[labels]
    return dice(renamed, truth, classes)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scope", ["slice", "volume"])
def test_every_method_finds_clear_tissues(method, scope):
    images, truth = rings()
    chosen = Settings(method=method, classes=3, scope=scope, restarts=2)
    result = segment(images, truth > 0, chosen, spacing=(8, 1.5, 1.5), roles=("LGE", "T2"))
    assert matched_dice(result.labels, truth, 3).min() > 0.9
    assert result.labels.dtype == np.uint8
    assert result.probabilities.dtype == np.float32
    np.testing.assert_allclose(result.probabilities.sum(0)[truth > 0], 1, atol=1e-5)
    assert not result.probabilities[:, truth == 0].any()
    assert not result.labels[truth == 0].any()
    np.testing.assert_array_equal(
        (result.probabilities.argmax(0) + 1)[truth > 0], result.labels[truth > 0]
    )
    mixtures = 3 if scope == "slice" else 1
    assert result.means.shape == (mixtures, 3, 2)
    assert result.covariances.shape == (mixtures, 3, 2, 2)
    assert result.tissues == ("Class 1", "Class 2", "Class 3")
    assert result.naming is None
    assert len(result.history) == result.iterations
    # A network of its own for every slice sees few voxels: one of its two runs may lose a ring.
    assert min(result.agreement) > (0.75 if (method, scope) == ("deepG", "slice") else 0.9)
    assert result.roles == ("LGE", "T2")
    assert result.device == "cpu"


@pytest.mark.parametrize("method", ["GMM", "SVGMM"])
def test_parameters_are_in_input_units_and_in_the_order_of_the_labels(method):
    images, truth = rings()
    result = segment(images, truth > 0, Settings(method=method, classes=3, scope="volume"))
    for k in range(3):
        inside = images[:, result.labels == k + 1]
        np.testing.assert_allclose(result.means[0, k], inside.mean(1), rtol=0.02)
        deviations = np.sqrt(np.diag(result.covariances[0, k]))
        np.testing.assert_allclose(deviations, inside.std(1), rtol=0.3)
        share = (result.labels == k + 1).sum() / (truth > 0).sum()
        assert result.proportions[0, k] == pytest.approx(share, rel=0.05)
    assert np.all(np.diff(result.means[0, :, 0]) > 0), "unnamed classes rise in the first sequence"


def test_slices_give_the_same_class_the_same_number():
    images, truth = rings(noise=0.3)
    images[:, 1] += 80  # another coil sensitivity in one slice
    result = segment(images, truth > 0, Settings(method="GMM", classes=3, scope="slice"))
    per_slice = [match(result.labels[z], truth[z], 3).tolist() for z in range(3)]
    assert per_slice[0] == per_slice[1] == per_slice[2]
    assert result.slices == ((0,), (1,), (2,))


@pytest.mark.parametrize("method", METHODS)
def test_a_single_slice_needs_no_third_axis(method):
    images, truth = rings(shape=(1, 41, 37))
    flat = segment(images[:, 0], truth[0] > 0, Settings(method=method, classes=3, **QUICK))
    deep = segment(images, truth > 0, Settings(method=method, classes=3, **QUICK))
    assert flat.labels.shape == (41, 37)
    assert flat.spacing == (1.0, 1.0)
    np.testing.assert_array_equal(flat.labels, deep.labels[0])
    np.testing.assert_allclose(flat.probabilities, deep.probabilities[:, 0])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("channels", [1, 10])
def test_one_sequence_or_ten(method, channels):
    images, truth = rings()
    many = np.concatenate([images] * 5)[:channels] + np.random.default_rng(1).normal(
        size=(channels, *truth.shape)
    )
    result = segment(many, truth > 0, Settings(method=method, classes=3, **QUICK))
    assert result.means.shape[-1] == channels


@pytest.mark.parametrize("method", METHODS)
def test_affine_changes_of_intensity_change_nothing(method):
    images, truth = rings(noise=0.6)
    chosen = Settings(method=method, classes=3, **QUICK)
    one = segment(images, truth > 0, chosen)
    scale, shift = np.array([7.0, 0.03]), np.array([-4000.0, 12.0])
    other = images.astype(float) * scale[:, None, None, None] + shift[:, None, None, None]
    two = segment(other, truth > 0, chosen)
    assert (one.labels != two.labels).mean() < 1e-3
    np.testing.assert_allclose(two.history, one.history, atol=1e-3)
    np.testing.assert_allclose(two.means, one.means * scale + shift, rtol=1e-3)


@pytest.mark.parametrize(("method", "threads"), [("GMM", 1), ("deepG", 2)])
def test_what_is_small_takes_one_thread(method, threads):
    import torch

    images, truth = rings(noise=0.6)
    before, seen = torch.get_num_threads(), []
    torch.set_num_threads(2)
    try:
        segment(
            images,
            truth > 0,
            Settings(method=method, classes=3, **QUICK),
            progress=lambda event: seen.append(torch.get_num_threads()),
        )
        assert set(seen) == {threads}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_result_and_global_state_is_left_alone(method):
    import torch

    images, truth = rings(noise=0.6)
    chosen = Settings(method=method, classes=3, start="random", seed=7, **QUICK)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    one = segment(images, truth > 0, chosen)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    two = segment(images, truth > 0, chosen)
    np.testing.assert_array_equal(one.probabilities, two.probabilities)
    three = segment(images, truth > 0, dataclasses.replace(chosen, seed=8))
    assert one.history != three.history


def test_restarts_keep_the_lowest_nll():
    images, truth = rings(noise=1.5)
    chosen = Settings(method="GMM", classes=3, start="random", scope="volume")
    lows = [
        segment(images, truth > 0, dataclasses.replace(chosen, seed=seed)).history[-1]
        for seed in range(3)
    ]
    best = segment(images, truth > 0, dataclasses.replace(chosen, restarts=3))
    assert best.history[-1] == pytest.approx(min(lows), abs=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_progress_comes_once_per_iteration_and_rises(method):
    images, truth = rings()
    events = []
    chosen = Settings(method=method, classes=3, restarts=2, **QUICK)
    result = segment(images, truth > 0, chosen, progress=events.append)
    fractions = [event.fraction for event in events]
    assert fractions == sorted(fractions)
    assert 0 < fractions[0] <= fractions[-1] <= 1
    assert {event.limit for event in events} == {6}
    starts = [i for i, event in enumerate(events) if event.iteration == 1]
    runs = [events[begin:end] for begin, end in zip(starts, [*starts[1:], None])]
    assert len(runs) == 2
    assert list(result.history) in [[event.nll for event in run] for run in runs]


@pytest.mark.parametrize("method", METHODS)
def test_progress_may_cancel(method):
    images, truth = rings()

    def cancel(event):
        if event.iteration == 2:
            raise Cancelled("enough")

    with pytest.raises(Cancelled, match="enough"):
        segment(images, truth > 0, Settings(method=method, classes=3), progress=cancel)


def test_the_heart_beats_within_an_iteration_and_may_cancel():
    images, truth = rings()
    beats, events = [], []
    chosen = Settings(method="deepSVG", classes=3, **QUICK)
    segment(images, truth > 0, chosen, progress=events.append, heartbeat=lambda: beats.append(1))
    assert len(beats) > 10 * len(events)

    def stop():
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        segment(images, truth > 0, chosen, heartbeat=stop)


def test_the_infarct_preset_names_the_tissues_of_the_synthetic_heart():
    sample = heart(3)
    preset = Settings.infarct(sample.roles)
    result = segment(sample.images, sample.roi, preset, spacing=sample.spacing, roles=sample.roles)
    assert result.tissues == ("blood pool", "healthy myocardium", "edema", "scar")
    scores = dice(result.labels, sample.labels, 4)
    assert scores.mean() > 0.68
    assert scores[:2].min() > 0.85
    assert len(result.naming) == 4
    gmm = segment(sample.images, sample.roi, Settings(method="GMM"), spacing=sample.spacing)
    assert scores.mean() > matched_dice(gmm.labels, sample.labels, 4).mean() + 0.05


def test_the_infarct_preset_over_several_hearts():
    least = {
        ("LGE", "T2", "bSSFP"): 0.74,
        ("LGE",): 0.73,
        ("LGE", "T2"): 0.70,
        ("LGE", "bSSFP"): 0.66,
        ("T2", "bSSFP"): 0.65,  # scar and edema are one tissue
    }
    scores = {roles: [] for roles in least}
    for sample in map(heart, range(100, 106)):
        for roles, values in scores.items():
            images = sample.images[[sample.roles.index(role) for role in roles]]
            options = {"spacing": sample.spacing, "roles": roles}
            result = segment(images, sample.roi, Settings.infarct(roles), **options)
            truth = sample.labels
            if "edema" not in result.tissues:
                truth = np.array([0, 1, 2, 2, 3], np.uint8)[truth]
            if "scar" not in result.tissues:
                truth = np.minimum(truth, 3)
            values.append(dice(result.labels, truth, len(result.tissues)).mean())
    for roles, values in scores.items():
        assert np.mean(values) > least[roles], roles


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        (("LGE", "T2", "bSSFP"), []),
        (("LGE",), ["There is no edema class"]),
        (("T2",), ["There is no LGE image, so that no infarct is looked for"]),
        (("bSSFP",), ["There is no LGE image, so that no infarct is looked for"]),
        (("LGE", "bSSFP"), []),  # `measure` warns
        (("T2", "bSSFP"), ["There is no LGE image, so that no infarct is looked for"]),
    ],
)
def test_what_the_sequences_cannot_show_is_said(roles, expected):
    sample = heart(3)
    images = sample.images[[sample.roles.index(role) for role in roles]]
    chosen = Settings.infarct(roles, max_iterations=1)
    notes = segment(images, sample.roi, chosen, spacing=sample.spacing, roles=roles).notes
    assert len(notes) == len(expected)
    assert all(note.startswith(text) for note, text in zip(notes, expected))


@pytest.mark.parametrize("method", METHODS)
def test_lge_alone_has_no_edema_and_says_so(method):
    sample = heart(4)
    preset = Settings.infarct(("LGE",), method=method)
    result = segment(sample.images[:1], sample.roi, preset, spacing=sample.spacing, roles=("LGE",))
    assert result.tissues == ("blood pool", "healthy myocardium", "scar")
    assert any("edema" in note for note in result.notes)
    truth = np.array([0, 1, 2, 2, 3], np.uint8)[sample.labels]
    assert dice(result.labels, truth, 3).mean() > 0.7


def test_a_prior_names_the_classes_of_a_start_without_order():
    sample = heart(3)
    preset = Settings.infarct(sample.roles, start="kmeans", prior_weight=0.0, anatomy=0.0)
    result = segment(sample.images, sample.roi, preset, spacing=sample.spacing, roles=sample.roles)
    assert result.tissues[0] == "blood pool"
    scores = dice(result.labels, sample.labels, 4)
    assert scores[0] > 0.6
    best = matched_dice(result.labels, sample.labels, 4).mean()
    assert scores.mean() > best - 0.1
    assert min(result.naming) >= 0


@pytest.mark.parametrize("method", METHODS)
def test_strokes_hold_their_class(method):
    images, truth = rings(noise=2.0)
    seeds = np.zeros_like(truth)
    for label in (1, 2, 3):
        where = np.argwhere(truth == label)[::9]
        seeds[tuple(where.T)] = label
    chosen = Settings(method=method, classes=3, max_iterations=40)
    result = segment(images, truth > 0, chosen, seeds=seeds)
    np.testing.assert_array_equal(result.labels[seeds > 0], seeds[seeds > 0])
    assert dice(result.labels, truth, 3).mean() > 0.6


@pytest.mark.parametrize("numbers", list(permutations((1, 2, 3))))
@pytest.mark.parametrize(("method", "steps"), [("GMM", 1), ("deepG", 60)])
def test_a_few_strokes_say_which_class_is_which(method, steps, numbers):
    """One step is too few for EM to mend a start in another order; deepG learns from strokes."""
    images, truth = rings()
    truth = np.array([0, *numbers], np.uint8)[truth]
    seeds = np.zeros_like(truth)
    for label in numbers:
        seeds[tuple(np.argwhere(truth == label)[::100].T)] = label
    chosen = Settings(method=method, classes=3, max_iterations=steps)
    result = segment(images, truth > 0, chosen, seeds=seeds)
    assert dice(result.labels, truth, 3).min() > 0.8


def test_a_regularizer_from_python_pulls_the_means():
    images, truth = rings()
    chosen = Settings(method="deepSVG", classes=3, max_iterations=60)
    free = segment(images, truth > 0, chosen)
    pulled = segment(
        images,
        truth > 0,
        chosen,
        regularizer=lambda proportions, means, covariances: 10 * (means**2).sum(),
    )
    spread = [result.means[0].std(axis=0).max() for result in (free, pulled)]
    assert spread[1] < spread[0] / 3


def bad(message, images=None, roi=None, chosen=None, **options):
    good_images, truth = rings()
    images = good_images if images is None else images
    roi = truth > 0 if roi is None else roi
    with pytest.raises(InvalidInput, match=message):
        segment(images, roi, chosen or Settings(method="GMM", classes=3), **options)


def test_bad_images_and_regions_are_refused():
    images, truth = rings()
    bad("told has 1 entries", told=["LGE"])
    bad("give real numbers", images=images.astype(complex))
    bad("give real numbers", images=images[0, 0])
    bad("no images", images=images[:0])
    bad("on one grid", roi=(truth > 0)[:2])
    bad("boolean", roi=truth)
    bad("empty", roi=np.zeros(truth.shape, bool))
    few = np.zeros(truth.shape, bool)
    few[1, 20, 10:20] = True
    bad("at least 30", roi=few)
    bad("Slice 2 has only 10", roi=few, chosen=Settings(method="GMM", classes=3, scope="slice"))
    hole = images.copy()
    hole[:, 1, 20, 20] = np.nan
    bad("1 voxels of the region have no image", images=hole)
    hole[1, 1, 20, 20] = np.inf
    bad("T2 holds infinity", images=hole, roles=("LGE", "T2"))
    constant = images.copy()
    constant[0][truth > 0] = 5
    bad("Sequence 1 is constant", images=constant)
    binary = (images[:1] > 500).astype(np.uint8)
    bad("2 distinct values", images=binary)


def test_bad_options_are_refused():
    bad("spacing", spacing=(1, 1))
    bad("spacing", spacing=(1, 0, 1))
    bad("different names", roles=("LGE", "LGE"))
    bad("cuda:7", chosen=Settings(method="GMM", classes=3, device="cuda:7"))
    bad("grid of the region", seeds=np.zeros((3, 3)))
    bad("outside the region", seeds=(rings()[1] == 0).astype(int))
    bad("labels from 0 to 9", seeds=np.full(rings()[1].shape, 9) * (rings()[1] == 1))
    bad("name the sequences", chosen=Settings.infarct(("LGE",)), roles=("CT", "PET"))


def test_on_an_apple_gpu_the_mixture_stays_on_the_cpu(monkeypatch):
    """Of which there is none here: its U-Net computes on the CPU, too."""
    images, truth = rings()
    settings = Settings(method="deepG", classes=3, max_iterations=2, device="mps")
    expected = segment(images, truth > 0, dataclasses.replace(settings, device="cpu"))
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    bad("'mps' is not there", chosen=settings)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert unet_device("mps").type == "mps"
    assert resolve_device("mps").type == unet_device("cpu").type == "cpu"
    asked = []
    cpu = torch.device("cpu")
    monkeypatch.setattr(solver, "unet_device", lambda name: asked.append(name) or cpu)
    result = segment(images, truth > 0, settings)
    assert asked == ["mps"]
    assert result.device == "mps"
    assert np.array_equal(result.probabilities, expected.probabilities)

    def fail(*args):
        raise RuntimeError(reason)

    monkeypatch.setattr(solver, "fit", fail)
    reason = "MPS backend out of memory (MPS allocated: 18 GB)"
    with pytest.raises(OutOfMemory, match="mps ran out of memory"):
        segment(images, truth > 0, settings)
    reason = "another one"
    with pytest.raises(RuntimeError, match="another one"):
        segment(images, truth > 0, settings)


def test_nan_outside_the_region_does_no_harm():
    images, truth = rings()
    images[:, truth == 0] = np.nan
    for method in ("GMM", "deepSVG"):
        result = segment(images, truth > 0, Settings(method=method, classes=3, **QUICK))
        assert np.isfinite(result.probabilities).all()


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_shape_dtype_stride_and_mask_gives_a_segmentation_or_a_plain_refusal(data):
    shape = data.draw(hnp.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=14))
    channels = data.draw(st.integers(1, 3))
    dtype = data.draw(st.sampled_from([np.uint8, np.int16, np.float32, np.float64, bool, ">i4"]))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    images = (rng.normal(size=(channels, *shape)) * 50 + 100).astype(dtype)
    roi = rng.random(shape) < data.draw(st.sampled_from([0.0, 0.2, 0.9, 1.0]))
    if data.draw(st.booleans()):
        images, roi = images[..., ::-1], roi[..., ::-1]
    chosen = Settings(
        method=data.draw(st.sampled_from(METHODS)),
        classes=data.draw(st.integers(2, 3)),
        scope=data.draw(st.sampled_from(["slice", "volume"])),
        covariance=data.draw(st.sampled_from(["diag", "full"])),
        smoothing=data.draw(st.sampled_from([0.0, 1.5])),
        max_iterations=3,
        min_iterations=1,
        filters=2,
        depth=1,
    )
    try:
        result = segment(images, roi, chosen)
    except InvalidInput:
        return
    assert result.labels.shape == roi.shape
    np.testing.assert_array_equal(result.labels > 0, roi)
    np.testing.assert_allclose(result.probabilities.sum(0)[roi], 1, atol=1e-4)
    assert np.isfinite(result.means).all()


def test_a_class_that_was_painted_keeps_its_number_and_the_others_are_named():
    sample = heart(4)
    seeds = np.zeros_like(sample.labels)
    seeds[:, ::2, ::2][sample.labels[:, ::2, ::2] == 4] = 4
    preset = Settings.infarct(sample.roles, start="kmeans")
    options = {"spacing": sample.spacing, "roles": sample.roles}
    result = segment(sample.images, sample.roi, preset, seeds=seeds, **options)
    assert (result.labels[seeds == 4] == 4).all()
    assert dice(result.labels, sample.labels, 4).mean() > 0.7


def test_strokes_of_nothing_change_nothing():
    images, truth = rings()
    chosen = Settings(method="GMM", classes=3)
    plain = segment(images, truth > 0, chosen)
    empty = segment(images, truth > 0, chosen, seeds=np.zeros_like(truth))
    np.testing.assert_array_equal(plain.labels, empty.labels)


def test_nan_at_the_border_leaves_the_network_what_it_saw():
    images, truth = rings()
    images += 3000
    chosen = Settings(method="deepSVG", classes=3, **QUICK)
    whole = segment(images, truth > 0, chosen)
    border = images.copy()
    border[..., :2] = np.nan
    cut = segment(border, truth > 0, chosen)
    assert (whole.labels == cut.labels)[truth > 0].mean() > 0.95


@pytest.mark.parametrize(
    ("roles", "edema"),
    [
        (("LGE",), False),
        (("bSSFP",), False),
        (("LGE", "T1 map"), False),
        (("T2",), True),
        (("LGE", "bSSFP"), True),
    ],
)
def test_edema_is_a_tissue_only_where_a_sequence_may_show_it(roles, edema):
    assert ("edema" in Settings.infarct(roles).prior.tissues) == edema


@pytest.mark.parametrize(
    ("roles", "tissues"),
    [
        (("bSSFP",), ("blood pool", "healthy myocardium")),
        (("T2", "bSSFP"), ("blood pool", "healthy myocardium", "edema")),
        (("dark-blood LGE",), ("blood pool", "healthy myocardium", "scar")),
    ],
)
def test_scar_is_a_tissue_only_where_lge_shows_it(roles, tissues):
    assert Settings.infarct(roles).tissues == tissues
    assert Settings.infarct(roles, no_reflow=True).tissues[: len(tissues)] == tissues


def test_what_no_method_would_heed_is_refused():
    bad("one value per sequence", chosen=Settings(
        method="GMM", classes=3, start="means", means=((1,), (2,), (3,))
    ))  # fmt: skip
    bad("leave it out", regularizer=lambda *a: 0)
    bad("list of names", roles="T2")
    bad("spacing", spacing=5)
    with pytest.raises(InvalidInput, match="list of names"):
        Settings.infarct("LGE")
