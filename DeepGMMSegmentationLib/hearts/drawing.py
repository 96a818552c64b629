"""The stream of drawn hearts: anatomy, surroundings and acquisition joined to batches with truth.

Batch i of a seed is the same wherever and in whatever order it is drawn, so that a training can
go on after an interruption, and be shared by several processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Optional

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .acquisition import ROLES, acquire, draw_protocol
from .anatomy import Ventricle, draw_ventricle
from .contours import ANGLES, TURN
from .ranges import Ranges
from .surroundings import draw_surroundings

LEVELS = 2  # painted within the thickness of a slice


@dataclass(frozen=True)
class Drawings:
    """B drawn slices of one or more hearts.

    Attributes
    ----------
    images : Tensor of float32, shape ``(B, M, S, S)``
        Greys from 0 to 1; also of sequences that are not there.
    present : Tensor of bool, shape ``(B, M)``
        Which sequences the heart has.
    codes : Tensor of uint8, shape ``(B, LEVELS, S, S)``
        The truth at the levels within each slice.
    regions : Tensor of bool, shape ``(B, S, S)``
        The left ventricle as a hand draws it.
    insertions : ndarray, shape ``(B, 2, 2)``
        (y, x) in pixels of the anterior and inferior RV insertions; NaN where there is none.
    pixel_mm, gap_mm : ndarray, shape ``(B,)``
        Size of the pixels, and distance to the next slice.
    hearts : ndarray of int, shape ``(B,)``
        Which heart each slice belongs to.
    roles : tuple of str
    """

    images: Tensor
    present: Tensor
    codes: Tensor
    regions: Tensor
    insertions: np.ndarray
    pixel_mm: np.ndarray
    gap_mm: np.ndarray
    hearts: np.ndarray
    roles: tuple[str, ...] = ROLES


def draw(
    seed: int,
    index: int,
    ranges: Ranges,
    *,
    hearts: int = 12,
    slices: Optional[int] = 2,
    size: int = 80,
    device: str = "cpu",
) -> Drawings:
    """Draw batch `index` of the stream that `seed` begins.

    Parameters
    ----------
    hearts : int
        How many.
    slices : int, optional
        Of each heart, at random heights; whole stacks from base to apex when left out.
    size : int
        S, pixels along the sides.
    device : str
        Where the images are made.
    """
    rng = np.random.default_rng((seed, index))
    styles = [ranges.style(rng) for _ in range(hearts)]
    painted = [_paint(rng, style, slices, size) for style in styles]
    belongs = np.repeat(np.arange(hearts), [len(one.codes) for one in painted])
    protocol = draw_protocol(rng, styles).of(belongs)
    pixel_mm = np.array([painted[heart].pixel_mm for heart in belongs])
    gap_mm = np.array([painted[heart].gap_mm for heart in belongs])
    present = np.stack([_present(rng, style) for style in styles])[belongs]

    codes = torch.from_numpy(np.concatenate([one.codes for one in painted])).to(device)
    regions = torch.from_numpy(np.concatenate([one.regions for one in painted])).to(device)
    generator = torch.Generator(device).manual_seed(int(rng.integers(2**62)))
    jitter = ranges.draw(rng, "mean_jitter")
    images = acquire(codes, protocol, pixel_mm, jitter, generator)
    if ranges.chance(rng, "resized"):
        coarse = round(size / ranges.draw(rng, "resized_factor"))
        small = functional.interpolate(images, (coarse, coarse), mode="bilinear")
        images = functional.interpolate(small, (size, size), mode="bilinear")
        # The region is drawn on the small pixels, too.
        small = functional.interpolate(regions[:, None].float(), (coarse, coarse))
        regions = functional.interpolate(small, (size, size))[:, 0] > 0.5
    black = np.array([style.chance(rng, "blackened") for style in styles])[belongs]
    hidden = torch.from_numpy(black).to(device)[:, None, None] & ~regions
    return Drawings(
        images=images.masked_fill(hidden[:, None], 0.0),
        present=torch.from_numpy(present).to(device),
        codes=codes,
        regions=regions,
        insertions=np.concatenate([one.insertions for one in painted]),
        pixel_mm=pixel_mm,
        gap_mm=gap_mm,
        hearts=belongs,
    )


@dataclass(frozen=True)
class _Painted:
    codes: np.ndarray
    regions: np.ndarray
    insertions: np.ndarray
    pixel_mm: float
    gap_mm: float


def _paint(rng: np.random.Generator, ranges: Ranges, slices: Optional[int], size: int) -> _Painted:
    """Paint one heart with `LEVELS` levels to a slice."""
    if slices is None:
        count = ranges.whole(rng, "slices")
        heights = np.linspace(
            ranges.draw(rng, "stack_top"), ranges.draw(rng, "stack_bottom"), count
        )
    else:
        ends = ranges.values["stack_bottom"][0], ranges.values["stack_top"][1]
        heights = np.sort(rng.uniform(*ends, slices))[::-1]
    # A slice is a tenth of the ventricle or less; levels lie a quarter of it off its middle.
    half = ranges.draw(rng, "thickness_mm") / 80 / 4
    levels = (heights[:, None] + half * np.array([1, -1])).ravel()
    ventricle = draw_ventricle(rng, ranges, size=size, heights=levels)
    # Around the ventricle a slice is the same at all levels.
    upper = {
        name: getattr(ventricle, name)[::LEVELS]
        for name in ("codes", "centres", "epicardium", "endocardium", "heights")
    }
    around, insertions = draw_surroundings(rng, replace(ventricle, **upper), ranges)
    own = ventricle.codes.reshape(len(heights), LEVELS, size, size)
    return _Painted(
        codes=np.where(own > 0, own, around[:, None]),
        regions=_drawn_region(rng, ranges, ventricle),
        insertions=insertions,
        pixel_mm=ventricle.spacing[1],
        gap_mm=ventricle.spacing[0] * _mean_step(heights) / _mean_step(levels),
    )


def _mean_step(heights: np.ndarray) -> float:
    """Return by how much heights fall from one to the next; of a single one, as if by 1."""
    return float(heights[0] - heights[-1]) / (len(heights) - 1) if len(heights) > 1 else 1.0


def _drawn_region(rng: np.random.Generator, ranges: Ranges, ventricle: Ventricle) -> np.ndarray:
    """Return the inside of the epicardium as a hand draws it: too large or small, with bumps."""
    outer = ventricle.epicardium.reshape(-1, LEVELS, ANGLES).mean(1)
    centres = ventricle.centres.reshape(-1, LEVELS, 2).mean(1)
    size, pixel = ventricle.codes.shape[-1], ventricle.spacing[1]
    if not ranges.chance(rng, "exact_region"):
        offset, bumps = (ranges.draw(rng, f"region_{name}_mm") for name in ("offset", "bumps"))
        orders = np.arange(1, 7)[:, None, None]
        phases = rng.uniform(0, 2 * np.pi, (6, len(outer), 1))
        wave = np.cos(orders * TURN + phases).sum(0) / np.sqrt(3)
        outer = np.maximum(outer + (offset + bumps * wave) / pixel, 0.5 * outer)
    y, x = (np.arange(size) - centres.T[..., None])[:, :, :]
    r = np.hypot(y[:, :, None], x[:, None, :])
    angle = np.arctan2(-y[:, :, None], x[:, None, :])
    at = np.rint(angle * ANGLES / (2 * np.pi)).astype(int) % ANGLES
    return r < outer[np.arange(len(outer))[:, None, None], at]


def _present(rng: np.random.Generator, ranges: Ranges) -> Sequence[bool]:
    """Draw which of the sequences there are."""
    alone, every = ranges.values["only_LGE"], ranges.values["all_sequences"]
    chosen = rng.random()
    if chosen < alone:
        return [role == "LGE" for role in ROLES]
    if chosen < alone + every:
        return [True] * len(ROLES)
    some = rng.random(len(ROLES)) < 0.5
    chosen_few = 0 < some.sum() < len(ROLES)
    return (some if chosen_few else rng.permutation(len(ROLES)) < 2).tolist()
