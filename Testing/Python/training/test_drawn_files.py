"""The file of a network that drawings have taught, from training to what prediction reads."""

import pytest

from DeepGMMSegmentationLib.anatomy import tissues, view
from DeepGMMSegmentationLib.anatomy.unet import load_network
from DeepGMMSegmentationLib.hearts.ranges import Ranges
from DeepGMMSegmentationLib.training.drawn import DrawnTraining
from DeepGMMSegmentationLib.training.drawn_files import train_to_file
from DeepGMMSegmentationLib.training.drawn_region import RegionTask
from DeepGMMSegmentationLib.training.drawn_tissues import TissueTask

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(
    ("task", "channels", "classes", "calibrated"),
    [
        (
            TissueTask(Ranges.load(), hearts=2, calibration=14),
            tissues.CHANNELS,
            len(tissues.TISSUES),
            {"temperature", "evidence", "shifts"},
        ),
        (RegionTask(Ranges.load(), slices=2, looks=1), view.CHANNELS, view.CLASSES, set()),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_training_leaves_a_file_that_can_be_read(tmp_path, task, channels, classes, calibrated):
    path = tmp_path / "own.safetensors"
    done = []
    training = DrawnTraining(steps=2, warmup=1)
    train_to_file(task, path, training, progress=lambda step, _: done.append(step))
    assert done == [1, 2]
    assert list(tmp_path.iterdir()) == [path]
    network, record = load_network(path, channels, classes)
    assert record["task"]["ranges"]["no_infarct"] == pytest.approx(0.3)
    assert calibrated <= set(record)
    assert next(network.parameters()).isfinite().all()
