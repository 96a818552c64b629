"""What the region network learns from drawings: the ventricle around a click, and the right one."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..anatomy.unet import drawn_unet
from ..anatomy.view import BLOOD, CHANNELS, CLASSES, RV, SIDE, SPAN, WALL
from ..hearts.clicks import LEVELS, SIZE, draw_lesson
from ..hearts.ranges import Ranges

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
        return drawn_unet(CHANNELS, CLASSES, self.filters, self.depth)

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

    def calibrate(self, network: nn.Module) -> dict[str, Any]:
        """Return nothing: its probabilities are taken as they are."""
        return {}

    @staticmethod
    def dice(probable: Tensor, truth: Tensor, part: tuple[int, ...]) -> Tensor:
        """Return the soft Dice of some classes taken together, for every image of a batch."""
        a, b = (p[:, list(part)].sum(dim=1).flatten(1) for p in (probable, truth))
        sizes = a.square().sum(dim=1) + b.square().sum(dim=1)
        return (2 * (a * b).sum(dim=1) + SMOOTH) / (sizes + SMOOTH)
