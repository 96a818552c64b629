"""What the region network learns from drawings: the ventricle around a click, and the right one."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Callable, Optional

import numpy as np
import torch
from torch import Tensor, nn

from ..anatomy.unet import DrawnUNet
from ..anatomy.view import BLOOD, CHANNELS, CLASSES, RV, SIDE, SPAN, WALL
from ..anatomy.weights import load, save
from ..hearts.clicks import LEVELS, SIZE, draw_lesson
from ..hearts.ranges import Ranges
from ..version import __version__
from . import distributed
from .drawn import DrawnTraining, train_drawn

PARTS = (BLOOD, WALL), (BLOOD,), (RV,)  # whose overlap counts: the ventricle first
SMOOTH = 20.0  # pixels added to overlaps, so that an empty part costs little


class RegionTask:
    """The left ventricle, its blood and the right ventricle's, from an image and a click.

    Parameters
    ----------
    ranges : Ranges
    filters, depth : int
        Of the network.
    slices, looks : int
        Drawn for a batch, and how often each is imaged and looked at.
    overlap : float
        Weight of the soft Dice losses beside the cross-entropy.
    """

    name = "region"

    def __init__(
        self,
        ranges: Ranges,
        *,
        filters: int = 12,
        depth: int = 3,
        slices: int = 6,
        looks: int = 3,
        overlap: float = 0.5,
    ) -> None:
        self.ranges, self.slices, self.looks = ranges, slices, looks
        self.filters, self.depth, self.overlap = filters, depth, overlap
        self.record: dict[str, Any] = {
            "filters": filters,
            "depth": depth,
            "slices": slices,
            "looks": looks,
            "overlap": overlap,
            "view": [SIDE, SPAN],
            "drawn": [SIZE, LEVELS],
            "ranges": ranges.values,
            "styles": ranges.styles,
        }

    def network(self) -> nn.Module:
        """Return a network with random weights."""
        return DrawnUNet(CHANNELS, CLASSES, self.filters, self.depth)

    def batch(self, seed: int, index: int, device: str) -> tuple[Tensor, ...]:
        """Return what the network sees, and the truth."""
        rng = np.random.default_rng((seed, index))
        return draw_lesson(rng, self.ranges, self.slices, self.looks, torch.device(device))

    def loss(self, network: nn.Module, seen: Tensor, truth: Tensor) -> Tensor:
        """Return cross-entropy and, by its weight, 1 minus the soft Dice of every part."""
        logs = network(seen).log_softmax(dim=1)
        entropy = -(truth * logs).sum(dim=1).mean()
        missed = [1 - self.dice(logs.exp(), truth, part).mean() for part in PARTS]
        return entropy + self.overlap * torch.stack(missed).mean() * 2

    @staticmethod
    def dice(probable: Tensor, truth: Tensor, part: tuple[int, ...]) -> Tensor:
        """Return the soft Dice of some classes taken together, for every image of a batch."""
        a, b = (p[:, list(part)].sum(dim=1).flatten(1) for p in (probable, truth))
        sizes = a.square().sum(dim=1) + b.square().sum(dim=1)
        return (2 * (a * b).sum(dim=1) + SMOOTH) / (sizes + SMOOTH)


def train_region(
    path: Path,
    training: Optional[DrawnTraining] = None,
    *,
    start: Optional[Path] = None,
    ranges: Optional[Ranges] = None,
    device: str = "auto",
    progress: Optional[Callable[[int, float], None]] = None,
) -> None:
    """Train a region network and write its file.

    Parameters
    ----------
    path : Path
        Of the file. Beside it a checkpoint is kept until all is done: the same call goes on from
        there.
    training : DrawnTraining, optional
    start : path, optional
        A file of a region network to begin with; random weights when left out.
    ranges : Ranges, optional
        The shipped ones when left out.
    device : str
        "auto" is CUDA where there is one.
    progress : callable, optional
        Called after every step with the steps done and the loss.
    """
    training = DrawnTraining() if training is None else training
    task = RegionTask(Ranges.load() if ranges is None else ranges)
    checkpoint = path.with_name(f"{path.name}.checkpoint")
    first = None if start is None else load(start)[0][0]
    weights = train_drawn(
        task, training, start=first, device=device, checkpoint_file=checkpoint, progress=progress
    )
    if distributed.rank() > 0:
        return
    record = {
        "filters": task.filters,
        "depth": task.depth,
        "training": dataclasses.asdict(training),
        "task": task.record,
        "versions": {"DeepGMMSegmentation": __version__, "torch": torch.__version__},
    }
    save(path, [weights], record)
    checkpoint.unlink(missing_ok=True)
