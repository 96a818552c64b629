"""What drawn hearts that were not trained on say of the tissue network's probabilities.

They give the temperature at which the probabilities are as often right as they say, the
coefficients by which a heart is told to have an infarct or none, and how far volumes err.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from ..anatomy.continuity import follow_stack
from ..anatomy.evidence import QUESTIONS, SEEN_ON, features, shifted, volume_tissues
from ..anatomy.frame import Frames
from ..anatomy.tissues import ROLES, cool, inputs
from ..anatomy.unet import predict
from ..hearts.drawing import draw
from ..hearts.ranges import Ranges
from .drawn_truth import tissue_parts

SEED = 2_000_000_011  # of a stream that no training draws
TEMPERATURES = np.geomspace(0.5, 2.5, 25)
SPACING = (1.0, 1.0, 1.0)  # any: drawn pixels are square, and lengths relative to the radius
PRESENT = 0.002  # of the wall: less of a tissue is none
TAILS = (0.03, 0.97)  # a little more than 90 %: other hearts are not quite like the drawn ones


@dataclass(frozen=True)
class Answer:
    """The network's probabilities for one drawn heart, beside the truth.

    Attributes
    ----------
    probabilities, truth : ndarray, shape ``(5, Z, S, S)``
        0 outside the region.
    roles : tuple of str
        The sequences that there were.
    """

    probabilities: np.ndarray
    truth: np.ndarray
    roles: tuple[str, ...]


def answers(network: nn.Module, ranges: Ranges, hearts: int, first: int = 0) -> Iterator[Answer]:
    """Draw hearts one by one and let the network answer; some of them are short stacks."""
    for i in range(first, first + hearts):
        slices = None if i % 4 else 1 + i // 4 % 3
        drawn = draw(SEED, i, ranges, hearts=1, slices=slices)
        regions = drawn.regions
        with torch.inference_mode():
            frames = Frames.around(regions, (1.0, 1.0))
            seen = inputs(frames, drawn.images, drawn.present, regions)
            gaps = drawn.gap_mm[1:] / drawn.pixel_mm[1:]
            answer = follow_stack(predict(network, seen), frames, gaps)
            probabilities = frames.leave(answer, *regions.shape[1:])
            truth, _ = tissue_parts(drawn.codes)
        given, right = (
            (p * regions[:, None]).movedim(0, 1).numpy() for p in (probabilities, truth)
        )
        roles = tuple(role for role, there in zip(ROLES, drawn.present[0]) if there)
        yield Answer(given, right, roles)


def calibrate(network: nn.Module, ranges: Ranges, hearts: int) -> dict[str, Any]:
    """Return the part of a network's record that drawn hearts give.

    Returns
    -------
    dict
        ``temperature``; ``evidence``, intercept and weights of `evidence.features` by question;
        ``shifts`` of the logits by volume, down and up.
    """
    drawn = list(answers(network, ranges, hearts))
    temperature = _temperature(drawn)
    cooled = [Answer(cool(one.probabilities, temperature), one.truth, one.roles) for one in drawn]
    return {
        "temperature": temperature,
        "evidence": {question: _logistic(cooled, question) for question in QUESTIONS},
        "shifts": {name: _shifts(cooled, ks) for name, ks in volume_tissues().items()},
        "calibrated_on": hearts,
    }


def _temperature(drawn: Sequence[Answer]) -> float:
    """Return the temperature with the lowest cross-entropy."""
    inside = [one.probabilities.any(axis=0) for one in drawn]
    p = np.concatenate([one.probabilities[:, m] for one, m in zip(drawn, inside)], axis=1)
    t = np.concatenate([one.truth[:, m] for one, m in zip(drawn, inside)], axis=1)
    losses = [-(t * np.log(cool(p, value))).sum() for value in TEMPERATURES]
    return round(float(TEMPERATURES[int(np.argmin(losses))]), 4)


def _logistic(drawn: Sequence[Answer], question: str) -> list[float]:
    from sklearn.linear_model import LogisticRegression

    tissues = QUESTIONS[question]
    asked = [one for one in drawn if SEEN_ON[question] in one.roles]
    x = np.stack([features(one.probabilities, SPACING, tissues) for one in asked])
    y = np.array([present(one.truth, tissues) for one in asked])
    fit = LogisticRegression(C=1.0, max_iter=1000).fit(x, y)
    return [round(float(v), 4) for v in (*fit.intercept_, *fit.coef_[0])]


def present(truth: np.ndarray, tissues: Sequence[int]) -> bool:
    """Return whether a drawn heart has any of these tissues, beyond a few voxels."""
    return bool(truth[list(tissues)].sum() > PRESENT * truth[1:].sum())


def _shifts(drawn: Sequence[Answer], tissues: Sequence[int]) -> list[float]:
    """Return by how much logits must be shifted down and up to hold the truth in 90 %."""
    needed = []
    for one in drawn:
        if present(one.truth, tissues):
            p = one.probabilities[list(tissues)].sum(axis=0)
            needed.append(needed_shift(p[p > 0], one.truth[list(tissues)].sum()))
    return [round(float(v), 4) for v in np.quantile(needed, TAILS)]


def needed_shift(probability: np.ndarray, volume: float, most: float = 12.0) -> float:
    """Return the shift of the logits at which probabilities sum to a volume."""
    low, high = -most, most
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if shifted(probability, middle).sum() < volume else (low, middle)
    return (low + high) / 2
