"""What the tissue network learns from drawings: the truth in the frame of a region drawn by hand.

The truth is soft where a voxel holds several tissues. What a region drawn too large holds beyond
the wall counts, with less weight, as healthy myocardium: no scar is to be seen there.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..anatomy.frame import RADIUS, SIZE, Frames
from ..anatomy.tissues import CHANNELS, TISSUES, inputs
from ..anatomy.unet import drawn_unet
from ..hearts.drawing import Drawings, draw
from ..hearts.ranges import Ranges
from .drawn_calibration import calibrate
from .drawn_truth import tissue_parts


class TissueTask:
    """Tissues from images and a region.

    Parameters
    ----------
    ranges : Ranges
    filters, depth : int
        Of the network.
    hearts, slices : int
        Drawn for a batch, and slices of each.
    outside : float
        Weight of what lies in the region but not in the ventricle.
    overlap : float
        Weight of the soft Dice loss beside the cross-entropy.
    calibration : int
        Hearts that the trained network is calibrated on.
    """

    name = "tissues"

    def __init__(
        self,
        ranges: Ranges,
        *,
        filters: int = 12,
        depth: int = 3,
        hearts: int = 12,
        slices: int = 2,
        outside: float = 0.3,
        overlap: float = 0.6,
        calibration: int = 300,
    ) -> None:
        self.ranges = ranges
        self.filters, self.depth = filters, depth
        self.hearts, self.slices = hearts, slices
        self.outside, self.overlap = outside, overlap
        self.calibration = calibration
        self.record: dict[str, Any] = {
            "filters": filters,
            "depth": depth,
            "hearts": hearts,
            "slices": slices,
            "outside": outside,
            "overlap": overlap,
            "frame": [SIZE, RADIUS],
            "ranges": ranges.values,
            "styles": ranges.styles,
        }

    def network(self) -> nn.Module:
        """Return a network with random weights."""
        network = drawn_unet(CHANNELS, len(TISSUES), self.filters, self.depth)
        return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def batch(self, seed: int, index: int, device: str) -> tuple[Tensor, ...]:
        """Return what the network sees, the truth and its weights."""
        drawn = draw(
            seed, index, self.ranges, hearts=self.hearts, slices=self.slices, device=device
        )
        return framed(drawn, self.outside)

    def loss(self, network: nn.Module, seen: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
        """Return cross-entropy and, by its weight, 1 minus the soft Dice of the whole batch."""
        logits = network(seen.contiguous(memory_format=torch.channels_last))
        entropy = -(truth * logits.log_softmax(1)).sum(1, keepdim=True)
        entropy = (entropy * weights).sum() / weights.sum()
        probable = logits.softmax(1) * weights
        common = (probable * truth).sum(dim=(0, 2, 3))
        sizes = (probable + truth * weights).sum(dim=(0, 2, 3))
        return entropy + self.overlap * (1 - (2 * common + 1) / (sizes + 1)).mean()

    def calibrate(self, network: nn.Module) -> dict[str, Any]:
        """Return temperature, evidence and shifts; see `drawn_calibration.calibrate`."""
        return calibrate(network, self.ranges, self.calibration)


def framed(drawn: Drawings, outside: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return what the network sees of drawings, the truth and its weights, in their frames.

    Returns
    -------
    seen : Tensor, shape ``(B, CHANNELS, SIZE, SIZE)``
    truth : Tensor, shape ``(B, 5, SIZE, SIZE)``
        Parts of the tissues, summing to 1.
    weights : Tensor, shape ``(B, 1, SIZE, SIZE)``
        0 outside the region, `outside` where there is no ventricle in it.
    """
    frames = Frames.around(drawn.regions, (1.0, 1.0))
    seen = inputs(frames, drawn.images, drawn.present, drawn.regions)
    entered = frames.enter(torch.cat(tissue_parts(drawn.codes), dim=1))
    weights = outside + (1 - outside) * entered[:, -1:]
    return seen, entered[:, :-1], weights * seen[:, -2:-1]
