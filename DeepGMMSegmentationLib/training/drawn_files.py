"""The file of a network that drawings have taught: trained, calibrated and written in one go."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Callable, Optional

import torch

from ..anatomy.unet import WRITER
from ..io.weights import save_weights
from ..io.writing import remove
from ..version import __version__
from . import distributed
from .drawn import DrawnTask, DrawnTraining, train_drawn


def train_to_file(
    task: DrawnTask,
    path: Path,
    training: DrawnTraining,
    *,
    device: str = "auto",
    progress: Optional[Callable[[int, float], None]] = None,
) -> None:
    """Train a network on drawings, calibrate it on others, and write its file.

    Parameters
    ----------
    task : DrawnTask
    path : Path
        Of the file. Beside it a checkpoint is kept until all is done: the same call goes on from
        there.
    training : DrawnTraining
    device : str
        "auto" is CUDA where there is one.
    progress : callable, optional
        Called after every step with the steps done and the loss.

    Raises
    ------
    InvalidInput
        If the checkpoint belongs to another training, or the loss runs away.
    """
    checkpoint = path.with_name(f"{path.name}.checkpoint")
    weights = train_drawn(
        task, training, device=device, checkpoint_file=checkpoint, progress=progress
    )
    if distributed.rank() > 0:
        return
    halves = {name: value.half() for name, value in weights.items()}
    network = task.network()
    network.load_state_dict(halves)
    record = {
        **task.calibrate(network.eval()),
        "filters": task.filters,
        "depth": task.depth,
        "training": dataclasses.asdict(training),
        "task": task.record,
        "versions": {"DeepGMMSegmentation": __version__, "torch": torch.__version__},
    }
    save_weights(path, halves, json.dumps(record), WRITER)
    remove(checkpoint)
