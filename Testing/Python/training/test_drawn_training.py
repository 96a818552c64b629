"""Training on drawings: learns, goes on after an interruption, and calibrates."""

import numpy as np
import pytest
import torch

from DeepGMMSegmentationLib.anatomy.frame import SIZE
from DeepGMMSegmentationLib.anatomy.tissues import CHANNELS, TISSUES
from DeepGMMSegmentationLib.errors import Cancelled, InvalidInput
from DeepGMMSegmentationLib.hearts.ranges import Ranges
from DeepGMMSegmentationLib.training.drawn import DrawnTraining, train_drawn
from DeepGMMSegmentationLib.training.drawn_calibration import calibrate, needed_shift
from DeepGMMSegmentationLib.training.drawn_tissues import TissueTask

pytestmark = pytest.mark.usefixtures("one_thread")


def small_task():
    return TissueTask(Ranges.load(), filters=4, depth=1, hearts=2, slices=1)


def test_a_batch_is_what_the_network_sees_with_the_truth():
    seen, truth, weights = small_task().batch(0, 3, "cpu")
    assert seen.shape == (2, CHANNELS, SIZE, SIZE)
    assert torch.isfinite(seen).all()
    torch.testing.assert_close(truth.sum(1), torch.ones(2, SIZE, SIZE), atol=1e-4, rtol=0)
    assert truth.shape[1] == len(TISSUES)
    assert float(weights.min()) >= 0
    assert float(weights.max()) <= 1 + 1e-5
    mask = seen[:, -2:-1] > 0
    assert not weights[~mask].any()
    assert float(truth[:, 0, SIZE // 2, SIZE // 2].mean()) > 0.4


def test_learns():
    losses = []
    train_drawn(
        small_task(),
        DrawnTraining(steps=20, rate=1e-2, warmup=2),
        progress=lambda _, loss: losses.append(loss),
    )
    assert np.mean(losses[-5:]) < 0.9 * np.mean(losses[:5])


def test_goes_on_after_an_interruption_to_the_same_network(tmp_path):
    training = DrawnTraining(steps=6, warmup=2, save_every=2)
    whole = train_drawn(small_task(), training)
    path = tmp_path / "half.checkpoint"

    def stop(done, _):
        if done == 3:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        train_drawn(small_task(), training, checkpoint_file=path, progress=stop)
    resumed = train_drawn(small_task(), training, checkpoint_file=path)
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name
    with pytest.raises(InvalidInput, match="belongs to"):
        train_drawn(small_task(), DrawnTraining(steps=7), checkpoint_file=path)


def test_refuses_choices_out_of_range():
    with pytest.raises(InvalidInput, match="steps"):
        DrawnTraining(steps=0)


class Knowing(torch.nn.Module):
    """Takes what is bright on LGE, or anything else that is there, for blood."""

    def forward(self, seen):
        bright = 3 * seen[:, :3].sum(1, keepdim=True)
        return torch.cat([bright, -bright, bright * 0 - 3, bright * 0 - 2, bright * 0 - 4], 1)


def test_calibration_gives_what_evidence_and_intervals_need():
    record = calibrate(Knowing(), Ranges.load(), hearts=12)
    assert 0.5 <= record["temperature"] <= 2.5
    assert {len(weights) for weights in record["evidence"].values()} == {4}
    for low, high in record["shifts"].values():
        assert low <= high


def test_the_needed_shift_brings_the_volume():
    rng = np.random.default_rng(0)
    p = rng.random(500)
    shift = needed_shift(p, 300.0)
    odds = p * np.exp(shift) / (1 - p)
    assert (odds / (1 + odds)).sum() == pytest.approx(300, abs=0.1)
