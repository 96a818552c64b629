"""The file of tissue networks: an ensemble trained on drawings, and calibrated on others."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Callable, Optional

import torch

from ..anatomy.weights import save
from ..hearts.ranges import Ranges
from ..version import __version__
from . import distributed
from .drawn import DrawnTraining, train_drawn
from .drawn_calibration import calibrate
from .drawn_tissues import TissueTask


def train_tissues(
    path: Path,
    training: Optional[DrawnTraining] = None,
    *,
    ranges: Optional[Ranges] = None,
    members: int = 2,
    calibration_hearts: int = 400,
    device: str = "auto",
    progress: Optional[Callable[[int, int, float], None]] = None,
) -> None:
    """Train the members one after the other, calibrate them together and write their file.

    Parameters
    ----------
    path : Path
        Of the file. Beside it a checkpoint of each member is kept until all is done: the same
        call goes on from there.
    training : DrawnTraining, optional
        Of the first member; the others have the seeds that follow.
    ranges : Ranges, optional
        The shipped ones when left out.
    members : int
        Of the ensemble.
    calibration_hearts : int
        Drawn for the calibration.
    device : str
        "auto" is CUDA where there is one.
    progress : callable, optional
        Called after every step with the member from 0, the steps done and the loss.
    """
    training = DrawnTraining() if training is None else training
    ranges = Ranges.load() if ranges is None else ranges
    task = TissueTask(ranges)
    weights, checkpoints = [], []
    for member in range(members):
        checkpoints.append(path.with_name(f"{path.name}.{member}.checkpoint"))
        weights.append(
            train_drawn(
                task,
                dataclasses.replace(training, seed=training.seed + member),
                device=device,
                checkpoint_file=checkpoints[-1],
                progress=None
                if progress is None
                else lambda done, loss, member=member: progress(member, done, loss),
            )
        )
    if distributed.rank() > 0:
        return
    networks = []
    for own in weights:
        network = task.network()
        # As they will be in the file.
        network.load_state_dict({name: value.half().float() for name, value in own.items()})
        networks.append(network.eval().requires_grad_(False))
    record = {
        "filters": task.filters,
        "depth": task.depth,
        **calibrate(networks, ranges, calibration_hearts),
        "training": dataclasses.asdict(training),
        "task": task.record,
        "versions": {"DeepGMMSegmentation": __version__, "torch": torch.__version__},
    }
    save(path, weights, record)
    for checkpoint in checkpoints:
        checkpoint.unlink(missing_ok=True)
