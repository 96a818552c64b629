"""Drawn slices as the region network is taught them: seen from a click, with the truth there."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from ..anatomy.view import BACKGROUND, BLOOD, ROLES, RV, WALL, Views, inputs, look
from .acquisition import Protocol, acquire, draw_protocol
from .anatomy import draw_ventricle
from .codes import BLOOD as LV_BLOOD
from .codes import EDEMA, HEALTHY, NO_REFLOW, PAPILLARY, SCAR
from .ranges import Ranges
from .surroundings import RV_BLOOD, draw_surroundings, replace_ventricle

SIZE, LEVELS = 128, 2  # pixels along the sides of a drawn slice; paintings within its thickness

CLASS_OF_CODE = np.full(256, BACKGROUND, np.uint8)
CLASS_OF_CODE[[LV_BLOOD, PAPILLARY]] = BLOOD
CLASS_OF_CODE[[HEALTHY, EDEMA, SCAR, NO_REFLOW]] = WALL
CLASS_OF_CODE[RV_BLOOD] = RV
# Ranges of these drawings that take the place of those of others.
OWN = {
    "surroundings_over_diameter": "field_over_diameter",
    "surroundings_shading": "shading",
    "surroundings_wall": "wall",
    "surroundings_oval": "oval",
}
KINDS = ("traced", "blind", "off")


def draw_clicks(
    rng: np.random.Generator, ventricles: np.ndarray, ranges: Ranges
) -> tuple[Views, np.ndarray]:
    """Draw a click per slice, and how the slice is looked at from there.

    A click is either as a ventricle's centre is known from the slice before, or anywhere in the
    blood with a wrong idea of the ventricle's size, or beside the ventricle.

    Parameters
    ----------
    rng : Generator
    ventricles : ndarray of uint8, shape ``(B, S, S)``
        Codes 1 to 6 of the left ventricles, nowhere empty.
    ranges : Ranges

    Returns
    -------
    views : Views
        In pixels, turned and mirrored at random, a little stretched.
    hits : ndarray of bool, shape ``(B,)``
        Whether the click is in the ventricle.
    """
    chances = np.array([ranges.values[f"click_{kind}"] for kind in KINDS])
    kinds = rng.choice(KINDS, len(ventricles), p=chances / chances.sum())
    centres, radii = np.empty((len(ventricles), 2)), np.empty(len(ventricles))
    for b, (codes, kind) in enumerate(zip(ventricles, kinds)):
        inside = codes > 0
        radii[b] = np.sqrt(inside.sum() / np.pi)
        if kind == "traced":
            middle = np.argwhere(inside).mean(axis=0)
            centres[b] = middle + rng.normal(0, ranges.draw(rng, "click_jitter") * radii[b], 2)
            radii[b] *= np.exp(rng.normal(0, ranges.draw(rng, "click_jitter")))
            continue
        blood = CLASS_OF_CODE[codes] == BLOOD
        beside = ndimage.distance_transform_edt(~inside) > 0.3 * radii[b]
        pixels = np.argwhere(beside if kind == "off" else blood if blood.any() else inside)
        centres[b] = pixels[rng.integers(len(pixels))] + rng.uniform(-0.5, 0.5, 2)
        radii[b] *= np.exp(rng.uniform(*np.log(ranges.values["click_scale"])))
    turns = rng.uniform(0, 2 * np.pi, len(radii))
    mirrors = rng.choice([-1.0, 1.0], len(radii))
    stretch = np.exp(rng.normal(0, ranges.draw(rng, "click_stretch")))
    centre, radius, turn, mirror = (
        torch.from_numpy(array).float() for array in (centres, radii, turns, mirrors)
    )
    return Views(centre, radius, (stretch, 1 / stretch), turn, mirror), kinds != "off"


def draw_fields(
    rng: np.random.Generator, ventricles: np.ndarray, ranges: Ranges
) -> tuple[np.ndarray, np.ndarray]:
    """Draw what part of a slice was imaged.

    Returns
    -------
    lit, inside : ndarray of bool, shape ``(B, S, S)``
        Where there is signal, a disc in some images; where there is an image at all, a crop in
        some.
    """
    size = ventricles.shape[-1]
    lit, inside = np.ones((2, *ventricles.shape), bool)
    rows, columns = np.ogrid[:size, :size]
    for b, codes in enumerate(ventricles):
        occupied = np.argwhere(codes > 0)
        middle, radius = occupied.mean(axis=0), np.sqrt(len(occupied) / np.pi)
        if ranges.chance(rng, "crop"):
            y0, x0, y1, x1 = radius * ranges.draw(rng, "crop_distance", 4)
            inside[b] = (rows > middle[0] - y0) & (rows < middle[0] + y1)
            inside[b] &= (columns > middle[1] - x0) & (columns < middle[1] + x1)
        if ranges.chance(rng, "disc"):
            y, x = middle + rng.normal(0, 0.7 * radius, 2)
            disc = radius * ranges.draw(rng, "disc_radius")
            lit[b] = np.hypot(rows - y, columns - x) < disc
    return lit, inside


def draw_slices(
    rng: np.random.Generator, ranges: Ranges, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[Ranges]]:
    """Draw single slices with their surroundings, each of a heart of its own.

    Returns
    -------
    codes : ndarray of uint8, shape ``(count, LEVELS, SIZE, SIZE)``
        Levels within the thickness of a slice.
    ventricles : ndarray of uint8, shape ``(count, SIZE, SIZE)``
        Codes 1 to 6 at the level nearer to the base, also where something else took their place.
    pixels : ndarray, shape ``(count,)``
        Millimetres.
    styles : list of Ranges
        Of every slice.
    """
    wide = ranges.changed(**{name: ranges.values[own] for own, name in OWN.items()})
    codes, ventricles, pixels, styles = [], [], [], []
    for _ in range(count):
        style = wide.style(rng)
        height = rng.uniform(style.values["stack_bottom"][0], style.values["stack_top"][1])
        thick = ranges.draw(rng, "thickness_over_length") / 2
        heights = np.clip(height + thick * np.linspace(1, -1, LEVELS), 0, 1)
        ventricle = draw_ventricle(rng, style, size=SIZE, heights=heights)
        painted, _ = draw_surroundings(rng, ventricle, style)
        if ranges.chance(rng, "replaced"):
            painted = replace_ventricle(rng, ventricle, painted)
        codes.append(painted)
        ventricles.append(ventricle.codes[0])
        pixels.append(ventricle.spacing[-1])
        styles.append(style)
    return np.stack(codes), np.stack(ventricles), np.array(pixels), styles


def draw_lesson(
    rng: np.random.Generator, ranges: Ranges, slices: int, looks: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Draw what the region network sees of slices, and what it should answer.

    Parameters
    ----------
    rng : Generator
    ranges : Ranges
    slices, looks : int
        How many slices are drawn, and how often each is imaged and looked at: B is their product.
    device : torch.device

    Returns
    -------
    seen : Tensor, shape ``(B, CHANNELS, SIDE, SIDE)``
        One sequence of each slice.
    truth : Tensor, shape ``(B, CLASSES, SIDE, SIDE)``
        Part of the pixel that is of a class. From beside the ventricle none is to be seen.
    """
    painted, ventricles, pixels, styles = draw_slices(rng, ranges, slices)
    codes, ventricles, pixels = (np.repeat(a, looks, axis=0) for a in (painted, ventricles, pixels))
    styles = [style for style in styles for _ in range(looks)]
    count = len(codes)
    views, hits = draw_clicks(rng, ventricles, ranges)
    lit, inside = draw_fields(rng, ventricles, ranges)

    generator = torch.Generator(device).manual_seed(int(rng.integers(2**62)))
    protocol = draw_protocol(rng, styles)
    shares = [ranges.values[f"{role}_share"] for role in ROLES[:-1]]
    roles = np.searchsorted(np.cumsum(shares), rng.random(count), side="right")
    rows = np.arange(count)
    chosen = Protocol(**{name: v[rows, roles][:, None] for name, v in vars(protocol).items()})
    jitter = float(ranges.draw(rng, "mean_jitter"))
    images = acquire(torch.from_numpy(codes).to(device), chosen, pixels, jitter, generator)

    classes = torch.from_numpy(CLASS_OF_CODE[codes]).to(device)
    missed = torch.from_numpy(~hits).to(device)[:, None, None, None]
    classes[missed & ((classes == BLOOD) | (classes == WALL))] = BACKGROUND
    parts = torch.stack([(classes == k).float().mean(dim=1) for k in (BLOOD, WALL, RV)], dim=1)
    views = views.to(device)
    truth, _ = look(parts, views)
    truth = torch.cat([1 - truth.sum(dim=1, keepdim=True), truth], dim=1)
    # An unknown sequence may be any: the network is not told what a part of them are.
    told = np.where(rng.random(count) < ranges.values["untold"], len(ROLES), roles)
    shown, region = (torch.from_numpy(mask).to(device)[:, None] for mask in (lit, inside))
    return inputs(images * shown, torch.from_numpy(told).to(device), views, region), truth
