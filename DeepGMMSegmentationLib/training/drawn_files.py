"""The file of a network that drawings have taught: trained, calibrated and written in one go."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Callable, Optional

import torch

from ..anatomy.weights import save
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
    network = task.network()
    # As they will be in the file.
    network.load_state_dict({name: value.half().float() for name, value in weights.items()})
    record = {
        **task.calibrate(network.eval()),
        "filters": task.filters,
        "depth": task.depth,
        "training": dataclasses.asdict(training),
        "task": task.record,
        "versions": {"DeepGMMSegmentation": __version__, "torch": torch.__version__},
    }
    save(path, weights, record)
    checkpoint.unlink(missing_ok=True)
