"""The U-Net that learns from drawings: small, and blind to how bright an image is."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..io.weights import load_weights
from ..mixture.unet import UNet

WRITER = "deepgmm train --drawn"
RESOURCES = Path(__file__).resolve().parents[1] / "Resources"
GROUP = 4  # channels that are normalised together
TOGETHER = 96  # images that pass a network at once


def drawn_unet(channels: int, classes: int, filters: int, depth: int) -> UNet:
    """Return a U-Net with two convolutions a level, each with a group norm.

    Unlike the network that fits one image, it answers for a batch of images whose statistics have
    nothing to do with each other, and for one image alone: hence groups, not batches. Filters are
    a multiple of 4; height and width of images are multiples of ``2 ** depth``.
    """
    return UNet(channels, classes, filters, depth, _block)


@lru_cache(maxsize=4)
def load_network(path: Path, channels: int, classes: int) -> tuple[UNet, dict[str, Any]]:
    """Return the network in a file, and its record.

    Raises
    ------
    InvalidInput
        If the file cannot be read or is damaged.
    """
    weights, text = load_weights(path, WRITER)
    record = json.loads(text)
    network = drawn_unet(channels, classes, record["filters"], record["depth"])
    network.load_state_dict(weights)  # from half precision
    return network.eval().requires_grad_(False), record


@torch.inference_mode()
def predict(network: nn.Module, seen: Tensor, views: int = 4) -> Tensor:
    """Return probabilities ``(B, K, H, W)``, averaged over so many turned and mirrored views."""
    total = torch.zeros((), device=seen.device)
    for turns in range(views):
        view = torch.rot90(seen, turns, (2, 3))
        view = view.flip(3) if turns % 2 else view
        parts = view.contiguous(memory_format=torch.channels_last).split(TOGETHER)
        answer = torch.cat([network(part).softmax(dim=1) for part in parts])
        answer = answer.flip(3) if turns % 2 else answer
        total = total + torch.rot90(answer, -turns, (2, 3))
    return total / views


def _block(before: int, after: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (before, after):
        layers += [
            nn.Conv2d(channels, after, 3, padding=1, bias=False),
            nn.GroupNorm(after // GROUP, after),
            nn.LeakyReLU(inplace=True),
        ]
    return nn.Sequential(*layers)
