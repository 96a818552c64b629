"""The file of tissue networks: an ensemble trained on drawings, and calibrated on others."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
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

# Each stage begins at the weights that the one before has come to; the step size rises anew.
STAGES = (
    DrawnTraining(steps=1800, seed=11),
    DrawnTraining(steps=1800, seed=21),
    DrawnTraining(steps=1200, seed=22, rate=2e-3),
)


def train_tissues(
    path: Path,
    stages: Sequence[DrawnTraining] = STAGES,
    *,
    ranges: Optional[Ranges] = None,
    members: int = 2,
    calibration_hearts: int = 300,
    device: str = "auto",
    progress: Optional[Callable[[int, int, float], None]] = None,
) -> None:
    """Train stage after stage, calibrate what the last ones came to, and write their file.

    The ensemble of one training's stages costs no more than a single network (Huang et al.,
    Snapshot ensembles, arXiv:1704.00109).

    Parameters
    ----------
    path : Path
        Of the file. Beside it a checkpoint of each stage is kept until all is done: the same call
        goes on from there.
    stages : sequence of DrawnTraining
    ranges : Ranges, optional
        The shipped ones when left out.
    members : int
        How many of the last stages make the ensemble.
    calibration_hearts : int
        Drawn for the calibration.
    device : str
        "auto" is CUDA where there is one.
    progress : callable, optional
        Called after every step with the stage from 0, its steps done and the loss.
    """
    ranges = Ranges.load() if ranges is None else ranges
    task = TissueTask(ranges)
    weights: list[dict[str, torch.Tensor]] = []
    checkpoints: list[Path] = []
    for number, stage in enumerate(stages):
        checkpoints.append(path.with_name(f"{path.name}.{number}.checkpoint"))
        weights.append(
            train_drawn(
                task,
                stage,
                start=weights[-1] if weights else None,
                device=device,
                checkpoint_file=checkpoints[-1],
                progress=progress and functools.partial(progress, number),
            )
        )
    if distributed.rank() == 0:
        record: dict[str, object] = {"stages": [dataclasses.asdict(stage) for stage in stages]}
        write_tissues(path, task, weights[-members:], calibration_hearts, record)
        for checkpoint in checkpoints:
            checkpoint.unlink(missing_ok=True)


def write_tissues(
    path: Path,
    task: TissueTask,
    members: Sequence[dict[str, torch.Tensor]],
    hearts: int,
    record: dict[str, object],
) -> None:
    """Calibrate an ensemble on so many drawn hearts and write its file."""
    networks = []
    for weights in members:
        network = task.network()
        # As they will be in the file.
        network.load_state_dict({name: value.half().float() for name, value in weights.items()})
        networks.append(network.eval().requires_grad_(False))
    versions = {"DeepGMMSegmentation": __version__, "torch": torch.__version__}
    calibration = calibrate(networks, task.ranges, hearts)
    shape = {"filters": task.filters, "depth": task.depth}
    everything = {**shape, **calibration, **record, "task": task.record, "versions": versions}
    save(path, members, everything)
