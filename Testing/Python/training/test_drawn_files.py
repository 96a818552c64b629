"""The file of a tissue network, from training to what prediction reads."""

import pytest
import torch

from DeepGMMSegmentationLib.anatomy.tissues import shipped
from DeepGMMSegmentationLib.training.drawn import DrawnTraining
from DeepGMMSegmentationLib.training.drawn_files import train_tissues

pytestmark = pytest.mark.usefixtures("one_thread")


def test_stages_make_an_ensemble_that_can_be_read(tmp_path):
    path = tmp_path / "own.safetensors"
    stages = [DrawnTraining(steps=1, seed=seed) for seed in (1, 2)]
    done = []
    train_tissues(path, stages, calibration_hearts=14, progress=lambda *row: done.append(row[:2]))
    assert done == [(0, 1), (1, 1)]
    assert list(tmp_path.iterdir()) == [path]
    members, record = shipped(path)
    assert len(members) == 2
    assert record["task"]["ranges"]["no_infarct"] == pytest.approx(0.3)
    first, second = (member.head.weight for member in members)
    assert not torch.equal(first, second)
