"""Priors from labelled cases, against what was put in and what is counted by hand."""

import dataclasses
import json

import numpy as np
import pytest
from small_cases import PRIOR, ROLES, TISSUES, small_case, small_cases, write_cases

from DeepGMMSegmentationLib import InvalidInput, Settings, segment
from DeepGMMSegmentationLib.case import Case
from DeepGMMSegmentationLib.cli.main import main
from DeepGMMSegmentationLib.hearts.sample import heart
from DeepGMMSegmentationLib.mixture.matching import dice
from DeepGMMSegmentationLib.priors import Prior
from DeepGMMSegmentationLib.training.prior_estimation import DEPTH_BINS, estimate_prior


def estimate(cases, tissues=()):
    return estimate_prior(cases, tissues, name="Test", source="these tests")


def case_of(images, truth, roles=("LGE",), spacing=(1.0, 1.0, 1.0), tissues=("a", "b")) -> Case:
    images = np.asarray(images, np.float32)
    return Case("made", images, truth > 0, roles, spacing, truth, tissues)


def test_looks_are_those_of_the_tissues_in_the_units_of_the_region():
    """Two cases of different size count alike; a case without a tissue leaves it to the others."""
    rng = np.random.default_rng(0)
    cases = []
    for gain, rows in ((3.0, 40), (0.5, 20)):
        truth = np.ones((1, rows, 30), np.uint8)
        truth[:, : rows // 4] = 2
        image = gain * (np.array([0, 10, 14])[truth] + rng.normal(0, 1, truth.shape)) + 100
        cases.append(case_of([image], truth))
    truth = np.ones((1, 20, 30), np.uint8)
    cases.append(case_of([10 + rng.normal(0, 1, truth.shape)], truth))
    prior = estimate(cases)

    means, squares = {1: [], 2: []}, {1: [], 2: []}
    for case in cases:
        values = case.images[0][case.roi].astype(float)
        low, high = np.quantile(values, (0.005, 0.995))
        kept = values[(values >= low) & (values <= high)]
        values = (values - kept.mean()) / kept.std()
        for k in (1, 2):
            tissue = values[case.truth[case.roi] == k]
            if len(tissue):
                means[k].append(tissue.mean())
                squares[k].append((tissue**2).mean())
    for k in (1, 2):
        mean = np.mean(means[k])
        assert prior.means["LGE"][k - 1] == pytest.approx(mean, abs=1e-6)
        deviation = np.sqrt(np.mean(squares[k]) - mean**2)
        assert prior.deviations["LGE"][k - 1] == pytest.approx(deviation, abs=1e-6)
    assert prior.proportions == pytest.approx([(0.75 + 0.75 + 1) / 3, (0.25 + 0.25) / 3])


def test_places_are_counted_by_depth():
    """A square whose outer rings are one tissue: the depth of a ring is known."""
    side = 49
    ring = np.minimum.outer(*(np.minimum(np.arange(side), np.arange(side)[::-1]),) * 2)
    truth = np.where(ring < 10, 2, 1).astype(np.uint8)[None]
    rng = np.random.default_rng(0)
    prior = estimate([case_of([rng.normal(size=truth.shape)], truth)])
    depth = (ring + 1) / (side // 2 + 1)  # in pixels from outside, over the largest
    expected = np.empty((DEPTH_BINS, 2))
    for b in range(DEPTH_BINS):
        inside = np.minimum((depth * DEPTH_BINS).astype(int), DEPTH_BINS - 1) == b
        # Where no voxel lies so near the border, the overall proportions stand in.
        labels = truth[0][inside] if inside.any() else truth[0]
        expected[b] = [np.mean(labels == k) for k in (1, 2)]
    np.testing.assert_allclose(prior.depth, expected, atol=1e-4)


def test_hearts_give_back_what_they_were_drawn_with():
    """The order of the tissues in each sequence is what the sample says of its contrast."""
    cases = []
    for seed in range(4):
        drawn = heart(seed, slices=8)
        cases.append(
            Case(
                str(seed),
                drawn.images,
                drawn.roi,
                drawn.roles,
                drawn.spacing,
                drawn.labels,
                drawn.tissues,
            )
        )
    prior = estimate(cases)
    assert prior.tissues == drawn.tissues
    blood, muscle, edema, scar = np.array([prior.means[role] for role in drawn.roles]).T
    assert scar[0] > blood[0] > edema[0] > muscle[0]  # LGE
    assert min(edema[1], scar[1]) > max(blood[1], muscle[1]) + 1  # T2
    assert blood[2] > max(muscle[2], edema[2], scar[2]) + 1  # bSSFP
    parts = [np.mean([(c.truth == k + 1).sum() / c.roi.sum() for c in cases]) for k in range(4)]
    assert prior.proportions == pytest.approx(parts)
    depth = np.array(prior.depth)
    assert depth[0, 0] < 0.05  # no blood at the epicardium
    assert depth[-1, 0] > 0.95  # nothing else in the middle
    unseen = heart(20, slices=8)
    settings = Settings.infarct(unseen.roles, prior=prior)
    result = segment(
        unseen.images, unseen.roi, settings, spacing=unseen.spacing, roles=unseen.roles
    )
    assert dice(result.labels, unseen.labels, 4).mean() > 0.6


def test_a_role_that_some_cases_lack_comes_from_the_others():
    both, one = small_case(0), small_case(1)
    one = dataclasses.replace(one, images=one.images[:1], roles=ROLES[:1])
    prior = estimate([both, one])
    assert prior.means["T2"] == pytest.approx(estimate([both]).means["T2"])
    assert prior.means["LGE"] != pytest.approx(estimate([both]).means["LGE"])
    assert set(prior.means) == set(ROLES)


def test_cases_that_cannot_be_used_are_named():
    case = small_case(0)
    with pytest.raises(InvalidInput, match="case 0 has no truth"):
        estimate([dataclasses.replace(case, truth=None)])
    with pytest.raises(InvalidInput, match="case 0 have no names"):
        estimate([dataclasses.replace(case, tissues=())])
    with pytest.raises(InvalidInput, match="number the labels of all cases alike"):
        estimate([case, dataclasses.replace(case, tissues=TISSUES[::-1])])
    with pytest.raises(InvalidInput, match="has the label 3 but there are 2 tissues"):
        estimate([dataclasses.replace(case, tissues=())], TISSUES[:2])
    with pytest.raises(InvalidInput, match="has no label in its region"):
        estimate([dataclasses.replace(case, truth=case.truth * ~case.roi)])
    with pytest.raises(InvalidInput, match="No case with LGE shows scar"):
        estimate([dataclasses.replace(case, truth=np.minimum(case.truth, 2))])
    with pytest.raises(InvalidInput, match="There is no case"):
        estimate([])


def test_the_command_writes_a_prior(tmp_path, capsys):
    table, out = write_cases(tmp_path, 3), tmp_path / "prior.json"
    command = ["prior", "--from", str(table), "--out", str(out)]
    assert main(command) == 2
    assert "have no names" in capsys.readouterr().err
    command += ["--tissues", *TISSUES, "--name", "Small"]
    assert main(command) == 0
    assert "healthy myocardium" in capsys.readouterr().out
    prior = Prior.from_dict(json.loads(out.read_text()))
    assert prior == dataclasses.replace(
        estimate(small_cases(3)), name="Small", source="3 labelled cases."
    )
    assert main(command) == 2
    assert "prior.json exists" in capsys.readouterr().err
    # The prior by which the small cases are told apart elsewhere was written down from these.
    for role in ROLES:
        np.testing.assert_allclose(prior.means[role], PRIOR.means[role], atol=0.5)
