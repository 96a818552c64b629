import numpy as np
import pytest
import torch

from DeepGMMSegmentationLib.anatomy.stack import Stack
from DeepGMMSegmentationLib.anatomy.unet import predict
from DeepGMMSegmentationLib.anatomy.view import BLOOD, RV, SIDE, WALL
from DeepGMMSegmentationLib.hearts.ranges import Ranges
from DeepGMMSegmentationLib.training.drawn import DrawnTraining, train_drawn
from DeepGMMSegmentationLib.training.drawn_files import train_to_file
from DeepGMMSegmentationLib.training.drawn_region import RegionTask

pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_loss_falls():
    losses = []
    task = RegionTask(Ranges.load(), filters=4, slices=2, looks=2)
    training = DrawnTraining(steps=12, warmup=2, rate=1e-2)
    train_drawn(task, training, progress=lambda _, loss: losses.append(loss))
    assert np.mean(losses[-3:]) < np.mean(losses[:3])


def test_a_right_answer_costs_less_than_a_wrong_one():
    task = RegionTask(Ranges.load(), slices=1, looks=2)
    seen, truth = task.batch(0, 0, "cpu")
    right = task.loss(lambda _: 20 * truth, seen, truth)
    assert right < 0.5
    assert right < task.loss(lambda _: 20 * truth.roll(8, dims=-1), seen, truth)
    ventricle, blood, other = (task.dice(truth, truth, p) for p in ((BLOOD, WALL), (BLOOD,), (RV,)))
    assert torch.allclose(torch.stack([ventricle, blood, other]), torch.ones(()))


def test_a_trained_file_answers(tmp_path):
    path = tmp_path / "region.safetensors"
    train_to_file(RegionTask(Ranges.load()), path, DrawnTraining(steps=2, warmup=1))
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    image = np.random.default_rng(0).normal(size=(2, 3, 40, 50))
    stack = Stack(image, None, None, "cpu", path)
    answer = predict(stack.network, stack.seen(1, (20.0, 25.0), 10.0))
    assert torch.allclose(answer.sum(dim=1), torch.ones(2, SIDE, SIDE), atol=1e-5)
