"""Algorithm 4 as the paper's authors ran it, and patients that are not split."""

import dataclasses

import numpy as np
import pytest
import torch
from small_cases import ROLES, SPACING, small_case, small_cases, small_settings, write_cases
from torch import nn

from DeepGMMSegmentationLib import InvalidInput
from DeepGMMSegmentationLib.case import Case
from DeepGMMSegmentationLib.cli.main import main
from DeepGMMSegmentationLib.io.cohort import load_case, read_cases
from DeepGMMSegmentationLib.mixture.region import prepare
from DeepGMMSegmentationLib.training import deformation
from DeepGMMSegmentationLib.training.settings import Training
from DeepGMMSegmentationLib.training.trained_network import TrainedNetwork
from DeepGMMSegmentationLib.training.trainer import _Run, train

pytestmark = pytest.mark.usefixtures("one_thread")
PAPER = {"scope": "slice", "anatomy": 0.0, "prior_weight": 0.0, "smoothing": 0.0}


def paper_settings(**chosen):
    return small_settings(**{**PAPER, "mean_penalty": 0.7, **chosen})


# --- What is minimised -------------------------------------------------------------------------


class Answers(nn.Module):
    """Gives its parameter, one number per class, everywhere."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, images):
        # What it knows of a voxel is the voxel, so that the classes differ.
        first = images[:, :1]
        return torch.cat([first * (1 + self.weight), first**2, -first], dim=1)


@pytest.mark.parametrize("penalty", ["case", "batch"])
def test_the_penalty_is_on_every_cases_means_or_on_their_mean_over_the_batch(penalty):
    settings = paper_settings()
    training = Training(
        teacher="none",
        penalty=penalty,
        flip=0.0,
        rotation=0.0,
        zoom=1.0,
        intensity=0.0,
        held_out=0.0,
    )
    run = _Run(small_cases(3), settings, training)
    run.network = run.shared = Answers().double()
    run.optimizer = torch.optim.SGD(run.network.parameters(), 0.0)
    batch = np.arange(3)
    run._step(0, batch, torch.zeros(2, 3, dtype=torch.float64))
    gradient = run.network.weight.grad.item()

    def loss(weight):
        network = Answers().double()
        with torch.no_grad():
            network.weight += weight
        nll, distances = [], []
        for example in run.examples:
            answer = example.problem.loss(network(example.inputs))
            nll.append(answer.nll.mean().item())
            target = example.problem.tissues.means
            distances.append(answer.mixture.means.detach().numpy() - target)
        if penalty == "case":
            pull = np.mean([(d**2).sum((1, 2)).mean() for d in distances])
        else:
            pull = (np.mean([d.mean(0) for d in distances], axis=0) ** 2).sum()
        return np.mean(nll) + 0.7 * pull

    step = 1e-3
    assert gradient == pytest.approx((loss(step) - loss(-step)) / (2 * step), rel=1e-3)


# --- When it stops, and what is kept -----------------------------------------------------------


def test_stops_at_the_first_epoch_from_the_12th_on_that_changes_the_nll_by_less():
    rows = []
    chosen = Training.paper(initial_rate=1e-2, epochs=40, epoch_tolerance=0.02)
    network = train(
        small_cases(5), paper_settings(), chosen, log=lambda all_: rows.append(all_[-1])
    )
    changes = np.abs(np.diff([row["held_out_nll"] for row in rows]))
    settled = [n for n in range(12, len(rows) + 1) if changes[n - 2] < 0.02]
    assert settled == [len(rows)]
    assert 12 <= len(rows) < 40
    assert network.training["epoch"] == len(rows)  # the last, not the best
    # All cases are trained on, by a step size that falls over the most epochs.
    assert all(row["loss"] == row["held_out_loss"] for row in rows)
    assert rows[5]["learning_rate"] == pytest.approx(1e-2 * (1 - 5 / 40) ** 0.9)


def test_the_papers_values():
    chosen = Training.paper()
    assert (chosen.batch, chosen.initial_rate, chosen.epochs) == (4, 1e-3, 100)
    assert (chosen.held_out, chosen.epoch_tolerance, chosen.min_epochs) == (0, 0.005, 12)
    assert (chosen.teacher, chosen.penalty, chosen.augmentation) == ("none", "batch", "image")
    assert Training.paper(batch=2) == dataclasses.replace(chosen, batch=2)


def test_a_penalty_of_the_batch_has_no_teacher():
    with pytest.raises(InvalidInput, match='for teacher "none" and one process'):
        train(small_cases(2), small_settings(), Training(penalty="batch"))


def test_the_same_seed_trains_the_same_network():
    chosen = Training.paper(epochs=2)
    one, other = (train(small_cases(3), paper_settings(), chosen).weights for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_command_trains_as_the_paper(tmp_path):
    table, out = write_cases(tmp_path, 2), tmp_path / "n.safetensors"
    command = ["train", table, "--out", out, "--paper", "--epochs", 1, "--filters", 2, "--depth", 1]
    assert main([*map(str, command), "--classes", "3", "--device", "cpu"]) == 0
    record = TrainedNetwork.load(out).training
    assert (record["augmentation"], record["held_out"], record["cases"]) == ("image", 0.0, 2)


# --- Patients ----------------------------------------------------------------------------------


def test_the_held_out_cases_are_those_of_whole_patients():
    whose = ["a", "b", "a", "c", "b", "a", "c", "d"]
    cases = [
        dataclasses.replace(case, patient=patient) for case, patient in zip(small_cases(8), whose)
    ]
    for seed in range(4):
        run = _Run(cases, small_settings(seed=seed), Training(held_out=0.3))
        seen, judged = ({whose[i] for i in part} for part in (run.seen, run.held_out))
        assert len(judged) == 1  # of four
        assert not seen & judged
        assert sorted([*run.seen, *run.held_out]) == list(range(8))
    alone = [dataclasses.replace(case, patient="a") for case in small_cases(3)]
    with pytest.raises(InvalidInput, match="3 cases of 1 patients, which is too few"):
        train(alone, small_settings())


def test_a_table_may_say_whose_heart_a_case_is(tmp_path):
    table = write_cases(tmp_path, 2)
    head, *rows = table.read_text().splitlines()
    table.write_text("\n".join([f"{head},Patient", f"{rows[0]},P7", f"{rows[1]},"]))
    cases = [load_case(files) for files in read_cases(table)]
    assert [case.patient for case in cases] == ["P7", ""]
    assert cases[0].roles == ROLES


# --- What is changed ---------------------------------------------------------------------------


def disc():
    """A disc whose pixels hold their own places."""
    y, x = np.indices((48, 48)).astype(float)
    roi = np.hypot(y - 22, x - 25) < 9
    return Case("disc", np.stack([y, x])[:, None], roi[None], ROLES, SPACING)


class Dice:
    """A generator whose chances all fall one way, and that draws the middle of every range."""

    def __init__(self, chances):
        self.chances = list(chances)

    def random(self):
        return self.chances.pop(0)

    def uniform(self, least, most, size=None):
        return (least + most) / 2 if size is None else np.zeros(size)

    def integers(self, count):
        return 1


def test_without_luck_nothing_changes():
    case = disc()
    same = deformation.deform(case, Dice([0.5, 0.5, 0.5, 0.9]))
    np.testing.assert_allclose(same.images, case.images, atol=1e-9)
    np.testing.assert_array_equal(same.roi, case.roi)


def test_a_turn_a_scale_and_a_mirror_are_about_the_regions_centre():
    case = disc()
    middle = np.array([22.0, 25.0])
    # By half a turn, and scaled by the middle of 1 to 1.4: what is new shows the old from farther.
    turned = deformation.deform(case, Dice([0.5, 0.1, 0.1, 0.9, 0.9]))
    y, x = np.argwhere(turned.roi[0]).T
    assert (y.mean(), x.mean()) == pytest.approx(tuple(middle), abs=0.1)
    assert turned.roi.sum() == pytest.approx(case.roi.sum() / 1.2**2, rel=0.1)
    for row, column in ((22, 25), (20, 29), (26, 21)):
        expected = middle - 1.2 * (np.array([row, column]) - middle)
        np.testing.assert_allclose(turned.images[:, 0, row, column], expected, atol=0.05)
    mirrored = deformation.deform(case, Dice([0.5, 0.5, 0.5, 0.1]))
    np.testing.assert_allclose(mirrored.images, case.images[..., ::-1], atol=1e-9)
    np.testing.assert_array_equal(mirrored.roi, case.roi[..., ::-1])


def test_images_and_region_are_bent_alike_and_as_often_as_the_authors_do():
    case, rng = disc(), np.random.default_rng(0)
    changed = 0
    for _ in range(200):
        bent = deformation.deform(case, rng)
        y, x = bent.images[:, 0][:, bent.roi[0]]
        # What is in the region was in the region; a pixel's half diagonal for rounding.
        assert np.hypot(y - 22, x - 25).max() < 9 + 0.8
        sizes = bent.roi.sum() / case.roi.sum()
        assert 0.4 < sizes < 2.3
        changed += sizes != 1
    assert 0.2 < changed / 200 < 0.7  # 1 − 0.8³ = 0.49, less turns that change no size
    with_hole = dataclasses.replace(case, images=case.images.copy())
    with_hole.images[0, 0, 0, 0] = np.nan
    assert np.isfinite(deformation.deform(with_hole, rng).images).all()


def test_noise_comes_to_some_sequences_of_some_slices():
    case = small_case(0)
    region = prepare(case.images, case.roi, case.spacing, ROLES, paper_settings())
    rng, deviations = np.random.default_rng(0), []
    for _ in range(200):
        noisy = deformation.add_noise(region, rng)
        deviations += list((noisy.images - region.images).std(axis=(2, 3)).ravel())
    deviations = np.array(deviations)
    assert (deviations > 0).mean() == pytest.approx(0.15, abs=0.04)
    assert 0.08 < deviations.max() < 0.11
    assert deviations[deviations > 0].mean() == pytest.approx(0.05, abs=0.01)
