"""Training over many images: its losses, its views, its rules, and going on after an end."""

import dataclasses
import math
import os
import signal
import subprocess
import sys
import time
import types

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal
from small_cases import PRIOR, ROLES, TISSUES, small_case, small_cases, small_settings, write_cases
from torch import nn

from DeepGMMSegmentationLib import Cancelled, InvalidInput, Settings, segment
from DeepGMMSegmentationLib.cli.main import main
from DeepGMMSegmentationLib.mixture.matching import dice
from DeepGMMSegmentationLib.training.augmentation import Augmented
from DeepGMMSegmentationLib.training.examples import Example, make_example
from DeepGMMSegmentationLib.training.settings import Training
from DeepGMMSegmentationLib.training.trained_network import TrainedNetwork
from DeepGMMSegmentationLib.training.trainer import train

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")


class Answer(nn.Module):
    """A network that always gives the same logits."""

    def __init__(self, logits):
        super().__init__()
        self.logits = logits

    def forward(self, images):
        return self.logits


def same(one, other) -> bool:
    return one.weights.keys() == other.weights.keys() and all(
        torch.equal(one.weights[name], other.weights[name]) for name in one.weights
    )


# --- What is minimised ------------------------------------------------------------------------


def test_the_loss_of_algorithm_4_is_nll_and_distance_to_the_prior():
    chosen = small_settings(
        scope="slice", smoothing=0.0, anatomy=0.0, prior_weight=0.0, mean_penalty=0.7
    )
    example = make_example(small_case(0), ROLES, chosen, "none", CPU)
    region = example.problem.region
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(2, 3, *region.mask.shape[1:]))
    loss, nll, _ = example.losses(Answer(torch.from_numpy(logits)))

    nlls, distances = [], []
    for z in range(2):  # each slice is an image with an M-step of its own
        inside = region.mask[z]
        x = region.images[:, z, inside].T
        w = np.exp(logits[z][:, inside])
        w /= w.sum(axis=0)
        density = 0
        for k in range(3):
            mean = w[k] @ x / w[k].sum()
            variance = w[k] @ (x - mean) ** 2 / w[k].sum() + chosen.variance_floor
            density = density + w[k] * multivariate_normal(mean, np.diag(variance)).pdf(x)
            target = [PRIOR.means[role][k] for role in ROLES]
            distances.append(((mean - target) ** 2).sum())
        nlls.append(-np.log(density).mean())
    assert float(nll) == pytest.approx(np.mean(nlls), rel=1e-9)
    assert float(loss) == pytest.approx(np.mean(nlls) + 0.7 * np.sum(distances) / 2, rel=1e-9)


def test_the_loss_of_a_teacher_is_the_cross_entropy_to_its_responsibilities():
    chosen = small_settings(smoothing=0.0)
    case = small_case(0)
    example = make_example(case, ROLES, chosen, "em", CPU)
    region = example.problem.region
    taught = segment(
        case.images,
        case.roi,
        dataclasses.replace(chosen, method="SVGMM"),
        spacing=case.spacing,
        roles=case.roles,
    ).probabilities[(slice(None), *region.crop)][:, region.mask]
    logits = np.random.default_rng(1).normal(size=(2, 3, *region.mask.shape[1:]))
    loss, *_ = example.losses(Answer(torch.from_numpy(logits)))
    bias = example.problem.observations.bias[0].numpy()
    answered = np.moveaxis(logits, 1, 0)[:, region.mask] + bias
    answered -= np.log(np.exp(answered).sum(axis=0))
    assert float(loss) == pytest.approx(-(taught * answered).sum(axis=0).mean(), rel=1e-5)
    # Nothing is better than the teacher's own answer.
    target = example.target.clamp_min(1e-12).log()
    perfect = region.scatter(target - torch.from_numpy(bias))
    entropy = -(taught * np.log(np.maximum(taught, 1e-12))).sum(axis=0).mean()
    assert float(example.losses(Answer(perfect))[0]) == pytest.approx(entropy, abs=1e-4)
    assert float(loss) > entropy


def test_sequences_are_sorted_by_name():
    case = small_case(0)
    turned = dataclasses.replace(case, images=case.images[::-1], roles=ROLES[::-1])
    one, other = (
        make_example(variant, ROLES, small_settings(), "em", CPU) for variant in (case, turned)
    )
    assert torch.equal(one.inputs, other.inputs)
    assert torch.equal(one.target, other.target)


# --- What the network is shown ----------------------------------------------------------------


@given(st.floats(0, 180), st.floats(1, 1.5), st.floats(0, 1), st.integers(0, 2**31))
@settings(deadline=None, max_examples=40)
def test_a_view_brings_every_answer_back_to_its_voxel(rotation, zoom, flip, seed):
    """A network that answers with the place it sees must give every voxel its own place."""
    mask = torch.zeros(3, 30, 40, dtype=torch.bool)
    mask[:, 6:24, 8:31] = True
    y, x = np.mgrid[:30, :40].astype(float)
    places = torch.from_numpy(np.stack([x, y])).expand(3, 2, 30, 40)
    training = Training(flip=flip, rotation=rotation, zoom=zoom, intensity=0.0)
    view = Augmented(nn.Identity(), mask, 2, training, np.random.default_rng(seed))
    displacements = (view(places) - places).movedim(1, -1)[mask]
    # At most the half diagonal of a pixel of the view, which zoom makes larger in the image.
    assert displacements.norm(dim=-1).max() < 0.75 * zoom + 1e-6


def test_mirrored_views_are_exact():
    mask = torch.ones(4, 9, 12, dtype=torch.bool)
    images = torch.randn(4, 3, 9, 12, generator=torch.Generator().manual_seed(0))
    training = Training(flip=1.0, rotation=0.0, zoom=1.0, intensity=0.0)
    seen = []

    class Looking(nn.Identity):
        def forward(self, images):
            seen.append(images)
            return images

    view = Augmented(Looking(), mask, 2, training, np.random.default_rng(0))
    torch.testing.assert_close(view(images), images)
    torch.testing.assert_close(seen[0], images.flip(-1))


def test_intensity_changes_the_sequences_and_not_the_depth():
    mask = torch.ones(2, 8, 8, dtype=torch.bool)
    images = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    training = Training(flip=0.0, rotation=0.0, zoom=1.0, intensity=0.3)
    seen = Augmented(nn.Identity(), mask, 2, training, np.random.default_rng(0))(images)
    torch.testing.assert_close(seen[:, 2], images[:, 2])
    for z in range(2):
        for m in range(2):
            gain, offset = np.polyfit(images[z, m].ravel(), seen[z, m].ravel(), 1)
            assert 0.3 < gain < 3
            assert abs(gain - 1) > 1e-3
            assert abs(offset) > 1e-3


# --- The rules of a training ------------------------------------------------------------------


@pytest.mark.parametrize("teacher", ["em", "none"])
def test_a_trained_network_names_the_tissues_of_a_case_it_has_not_seen(teacher):
    history = []
    network = train(
        small_cases(6),
        small_settings(mean_penalty=1.0),
        Training(teacher=teacher, epochs=25, initial_rate=1e-2),
        log=lambda rows: history.append(rows[-1]),
    )
    assert history[-1]["loss"] < history[0]["loss"]
    unseen = small_case(100)
    result = segment(
        unseen.images, unseen.roi, spacing=unseen.spacing, roles=unseen.roles, network=network
    )
    assert result.tissues == TISSUES
    assert dice(result.labels, unseen.truth, 3).min() > 0.8


def test_schedule_best_epoch_and_early_stop():
    rows = []
    chosen = Training(epochs=40, patience=2, initial_rate=0.2)
    network = train(
        small_cases(4), small_settings(), chosen, log=lambda all_: rows.append(all_[-1])
    )
    for epoch, row in enumerate(rows):
        assert row["epoch"] == epoch + 1
        assert row["learning_rate"] == pytest.approx(0.2 * (1 - epoch / 40) ** 0.9)
    best = int(np.argmin([row["held_out_loss"] for row in rows])) + 1
    assert network.training["epoch"] == best
    assert len(rows) == best + 2 < 40


def test_without_held_out_cases_the_training_loss_decides():
    rows = []
    chosen = Training(epochs=3, held_out=0.0)
    train(small_cases(1), small_settings(), chosen, log=lambda all_: rows.append(all_[-1]))
    assert [row["loss"] for row in rows] == [row["held_out_loss"] for row in rows]


def test_the_seed_decides_and_the_truth_is_not_looked_at():
    chosen = Training(epochs=2)
    one = train(small_cases(3), small_settings(), chosen)
    blind = [dataclasses.replace(case, truth=None, tissues=()) for case in small_cases(3)]
    assert same(one, train(blind, small_settings(), chosen))
    assert not same(one, train(small_cases(3), small_settings(seed=1), chosen))


def test_the_state_of_the_global_generators_is_left_alone():
    before = torch.get_rng_state()
    train(small_cases(2), small_settings(), Training(epochs=1))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("chosen", "training", "message"),
    [
        (small_settings(method="SVGMM"), Training(), "SVGMM has no network"),
        (small_settings(restarts=2), Training(), "leave restarts out"),
        (
            small_settings(
                prior=None, start="kmeans", prior_weight=0.0, anatomy=0.0, mean_penalty=0.0
            ),
            Training(),
            "The teacher needs a prior",
        ),
    ],
)
def test_trainings_that_cannot_be(chosen, training, message):
    with pytest.raises(InvalidInput, match=message):
        train(small_cases(2), chosen, training)


def test_a_training_that_runs_away_stops(monkeypatch):
    losses = Example.losses

    def lost(example, network):
        return tuple(value * math.nan for value in losses(example, network))

    monkeypatch.setattr(Example, "losses", lost)
    with pytest.raises(InvalidInput, match="ran away in epoch 1; lower initial_rate"):
        train(small_cases(2), small_settings())


def test_a_case_that_cannot_be_used_is_named():
    short = dataclasses.replace(small_case(1), images=small_case(1).images[:1], roles=ROLES[:1])
    with pytest.raises(InvalidInput, match="case 1 has no T2"):
        train([small_case(0), short], small_settings())
    empty = dataclasses.replace(small_case(1), roi=np.zeros_like(small_case(1).roi))
    with pytest.raises(InvalidInput, match="case 1: The region is empty"):
        train([small_case(0), empty], small_settings())
    with pytest.raises(InvalidInput, match="1 cases of 1 patients, which is too few"):
        train(small_cases(1), small_settings())


@pytest.mark.parametrize(
    "wrong", [{"teacher": "me"}, {"epochs": 0}, {"zoom": 0.5}, {"batch": 1.5}, {"held_out": 1.0}]
)
def test_choices_out_of_range(wrong):
    with pytest.raises(InvalidInput, match=next(iter(wrong))):
        Training(**wrong)


# --- Going on after an end --------------------------------------------------------------------


def test_a_cancelled_training_goes_on_to_the_same_network(tmp_path):
    chosen, file = Training(epochs=5), tmp_path / "checkpoint"
    whole_log, log, done = [], [], []
    whole = train(small_cases(3), small_settings(), chosen, log=whole_log.extend)

    def stop(event):
        if event.iteration == 2:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        train(small_cases(3), small_settings(), chosen, checkpoint_file=file, progress=stop)
    resumed = train(
        small_cases(3),
        small_settings(),
        chosen,
        checkpoint_file=file,
        progress=lambda event: done.append(event.iteration),
        log=log.extend,
    )
    assert done == [3, 4, 5]
    assert same(whole, resumed)
    assert log[-5:] == whole_log[-5:]


def test_only_the_same_training_goes_on(tmp_path):
    file = tmp_path / "checkpoint"
    train(small_cases(3), small_settings(), Training(epochs=1), checkpoint_file=file)
    for cases, chosen, training in (
        (small_cases(4)[1:], small_settings(), Training(epochs=1)),
        (small_cases(3), small_settings(smoothing=2.0), Training(epochs=1)),
        (small_cases(3), small_settings(), Training(epochs=2)),
    ):
        with pytest.raises(InvalidInput, match="other cases or settings"):
            train(cases, chosen, training, checkpoint_file=file)


@pytest.mark.parametrize("damage", ["cut short", "a flipped bit", "something else", "a folder"])
def test_a_damaged_checkpoint_is_refused(tmp_path, damage):
    file = tmp_path / "checkpoint"
    train(small_cases(3), small_settings(), Training(epochs=1), checkpoint_file=file)
    content = bytearray(file.read_bytes())
    if damage == "a flipped bit":
        content[len(content) // 2] ^= 64  # in a tensor, where it would go unseen
    if damage == "a folder":
        file.unlink()
        file.mkdir()
    else:
        choices = {"cut short": content[:-100], "something else": b"case,LGE,roi\n"}
        file.write_bytes(choices.get(damage, content))
    with pytest.raises(InvalidInput, match="remove it to begin anew"):
        train(small_cases(3), small_settings(), Training(epochs=1), checkpoint_file=file)


def train_command(table, out, *options) -> list[str]:
    settings_file = table.parent / "settings.json"
    settings_file.write_text(small_settings().to_json())
    return [
        *(sys.executable, "-m", "DeepGMMSegmentationLib", "train", table, "--out", out),
        *("--settings", settings_file, "--device", "cpu", *options),
    ]


def log_of(network_file):
    return network_file.with_name(network_file.name + ".csv")


def rows(network_file) -> int:
    log = log_of(network_file)
    return len(log.read_text().splitlines()) - 1 if log.exists() else 0


def test_a_killed_training_goes_on_to_the_same_file(tmp_path):
    table = write_cases(tmp_path, 3)
    whole, killed = tmp_path / "whole.safetensors", tmp_path / "killed.safetensors"
    checkpoint = tmp_path / "killed.safetensors.checkpoint"
    options = ("--epochs", "60", "--patience", "60")
    quiet = {
        "env": {**os.environ, "OMP_NUM_THREADS": "1"},
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
    }
    subprocess.run(train_command(table, whole, *options), check=True, **quiet)

    process = subprocess.Popen(train_command(table, killed, *options), **quiet)
    while rows(killed) < 3:
        assert process.poll() is None
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert checkpoint.exists()
    assert not killed.exists()
    assert rows(killed) < 60

    subprocess.run(train_command(table, killed, *options), check=True, **quiet)
    assert killed.read_bytes() == whole.read_bytes()
    assert log_of(killed).read_bytes() == log_of(whole).read_bytes()
    assert sorted(path.name for path in tmp_path.glob("*killed*")) == [
        "killed.safetensors",
        "killed.safetensors.csv",
    ]


# --- The command ------------------------------------------------------------------------------


def test_the_command_trains_with_a_prior_of_its_own(tmp_path, capsys):
    table, out, prior = write_cases(tmp_path, 2), tmp_path / "n.safetensors", tmp_path / "p.json"
    prior.write_text(PRIOR.to_json())
    command = ["train", table, "--out", out, "--prior", prior, "--epochs", 1, "--filters", 4]
    assert main(list(map(str, command))) == 0
    assert "Trained on 2 cases" in capsys.readouterr().out
    chosen = TrainedNetwork.load(out).settings
    assert chosen == Settings.infarct(
        ROLES, method="deepSVG", prior=PRIOR, classes=3, filters=4, depth=3
    )
    assert main(list(map(str, command))) == 2
    assert "n.safetensors exists" in capsys.readouterr().err
    assert main([*map(str, command), "--force"]) == 0


def test_the_log_replaces_no_other_table(tmp_path, capsys):
    table, mine = write_cases(tmp_path, 2), tmp_path / "cases.safetensors.csv"
    mine.write_text("mine")
    before = table.read_bytes()
    command = train_command(table, tmp_path / "cases.safetensors", "--epochs", "1")[3:]
    assert main(list(map(str, command))) == 2
    assert f"{mine} exists; name another network, or add --force" in capsys.readouterr().err
    assert mine.read_text() == "mine"
    assert main([*map(str, command), "--force"]) == 0
    assert mine.read_text().startswith("epoch,")
    assert table.read_bytes() == before


def test_tensorboard_gets_the_losses(tmp_path, monkeypatch, capsys):
    table, written = write_cases(tmp_path, 2), []

    class SummaryWriter:
        def __init__(self, folder):
            self.folder = folder

        def add_scalar(self, name, value, step):
            written.append((self.folder, name, value, step))

        def close(self):
            written.append("closed")

    command = train_command(table, tmp_path / "n.safetensors", "--epochs", "2")[3:]
    command = [str(argument) for argument in [*command, "--tensorboard", "runs"]]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    assert main(command) == 2
    assert "TensorBoard is not installed" in capsys.readouterr().err
    module = types.SimpleNamespace(SummaryWriter=SummaryWriter)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    assert main(command) == 0
    losses = {(name, step): value for _, name, value, step in written[:-1]}
    assert math.isfinite(losses["held_out_loss", 2.0])
    assert written[-1] == "closed"
