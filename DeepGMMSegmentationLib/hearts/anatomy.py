"""A drawn left ventricle: the shape of its wall, and what is inside it, slice by slice.

Every slice is painted in polar coordinates around its centre: the depth in the wall, 0 at the
endocardium and 1 at the epicardium, and the angle, counter-clockwise as seen on the screen. Shapes
change smoothly from the base, slice 0, to the apex. All numbers come from `Ranges`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import numpy as np

from .codes import BACKGROUND, BLOOD, HEALTHY, PAPILLARY
from .contours import ANGLES, TURN, Polar, harmonics, wander
from .fields import smooth_field
from .infarcts import Infarct, draw_infarcts
from .ranges import Ranges


@dataclass(frozen=True)
class Ventricle:
    """A left ventricle on a grid; the infarct is already in it.

    Attributes
    ----------
    codes : ndarray of uint8, shape ``(Z, S, S)``
        0 outside, 1 blood, 2 healthy myocardium, 3 edema, 4 scar, 5 no-reflow, 6 papillary
        muscles and trabeculae. Slice 0 is the most basal.
    spacing : tuple of float
        Millimetres ``(z, y, x)``.
    centres : ndarray, shape ``(Z, 2)``
        Row and column of the centre, in pixels.
    epicardium, endocardium : ndarray, shape ``(Z, ANGLES)``
        Radii in pixels at the angles ``TURN``.
    rv_angle : float
        Direction of the middle of the septum, radians.
    heights : ndarray, shape ``(Z,)``
        Where the slices lie: 0 at the apex, 1 at the base.
    """

    codes: np.ndarray
    spacing: tuple[float, float, float]
    centres: np.ndarray
    epicardium: np.ndarray
    endocardium: np.ndarray
    rv_angle: float
    heights: np.ndarray


def draw_ventricle(
    rng: np.random.Generator,
    ranges: Ranges,
    *,
    size: int = 96,
    heights: Optional[np.ndarray] = None,
) -> Ventricle:
    """Draw a ventricle.

    Parameters
    ----------
    rng : Generator
    ranges : Ranges
        Of one style.
    size : int
        S, pixels along the sides of a slice.
    heights : ndarray, optional
        Where the slices lie, falling from the base, 1, to the apex, 0; a whole stack when left
        out.
    """
    if heights is None:
        slices = ranges.whole(rng, "slices")
        top, bottom = ranges.draw(rng, "stack_top"), ranges.draw(rng, "stack_bottom")
        heights = np.linspace(top, bottom, slices)
    radius = ranges.draw(rng, "radius_mm")
    pixel = 2 * radius * ranges.draw(rng, "field_over_diameter") / size
    length = radius * ranges.draw(rng, "length_over_radius")
    heights = np.asarray(heights, dtype=float)
    gap = float(-np.diff(heights).mean()) * length if len(heights) > 1 else 8.0
    rv_angle = rng.uniform(0, 2 * np.pi)

    taper = _taper(heights, ranges.draw(rng, "apex_bluntness"))
    outer = radius / pixel * taper[:, None] * _outline(rng, ranges, heights)
    infarcts = draw_infarcts(rng, ranges, heights)
    wall = _wall(rng, ranges, heights, outer, infarcts, rv_angle)
    drift = wander(rng, heights, 2, ranges.draw(rng, "centre_drift_mm") / pixel)
    centres = (size - 1) / 2 + rng.normal(0, 1.5, 2) + drift - drift.mean(0)

    codes = np.full((len(heights), size, size), BACKGROUND, np.uint8)
    # Only the square around the ventricle is painted.
    reach = float(outer.max()) + 2
    first = np.clip(centres.min(0) - reach, 0, size).astype(int)
    last = np.clip(centres.max(0) + reach, 0, size).astype(int)
    box = np.s_[:, first[0] : last[0], first[1] : last[1]]
    place = Polar(first, last, centres)
    _paint_wall(rng, ranges, codes[box], place, outer, wall, infarcts, pixel)
    inner = outer - wall
    _paint_muscles(rng, ranges, codes[box], place, inner, heights, rv_angle)
    return Ventricle(codes, (gap, pixel, pixel), centres, outer, inner, float(rv_angle), heights)


def _paint_wall(
    rng: np.random.Generator,
    ranges: Ranges,
    codes: np.ndarray,
    place: Polar,
    outer: np.ndarray,
    wall: np.ndarray,
    infarcts: list[Infarct],
    pixel: float,
) -> None:
    """Paint cavity, wall and what has become of it."""
    outside = place.r - place.spread(outer)
    depth = 1 + outside / place.spread(wall)
    inside = outside < 0
    codes[inside] = HEALTHY
    if infarcts:
        cells = codes.shape[1] * pixel / ranges.draw(rng, "ragged_mm")
        roughness = smooth_field(rng, codes.shape, cells)
        for infarct in infarcts:
            infarct.paint(codes, depth, place, roughness)
    codes[inside & (depth < 0)] = BLOOD


def _taper(heights: np.ndarray, bluntness: float) -> np.ndarray:
    """Return the radius at a height as a part of that at the base."""
    return (1 - (1 - np.clip(heights, 0, 1)) ** 2.4 * (1 - bluntness)) ** 0.8


def _outline(rng: np.random.Generator, ranges: Ranges, heights: np.ndarray) -> np.ndarray:
    """Return the epicardium's radius over its mean at every angle."""
    oval = harmonics(rng, range(2, 3), ranges.draw(rng, "oval"), heights, 0.1)
    bumps = harmonics(rng, range(3, 8), ranges.draw(rng, "outline_bumps"), heights, 0.2)
    return 1 + oval + bumps


def _wall(
    rng: np.random.Generator,
    ranges: Ranges,
    heights: np.ndarray,
    outer: np.ndarray,
    infarcts: list[Infarct],
    rv_angle: float,
) -> np.ndarray:
    """Return the wall's thickness in pixels, ``(slices, ANGLES)``."""
    basal = ranges.draw(rng, "wall")
    apical = np.clip(1 - heights / 0.35, 0, 1) ** 2
    share = basal + (ranges.draw(rng, "wall_at_apex") - basal) * apical
    uneven = harmonics(rng, range(1, 6), ranges.draw(rng, "wall_variation"), heights)
    wall = outer * np.clip(share[:, None] * (1 + uneven), 0.06, 0.98)
    for infarct in infarcts:
        wall = wall * (1 + (infarct.thickness - 1) * infarct.extent)
    if ranges.chance(rng, "outflow"):
        middle = rv_angle + rng.choice([-1, 1]) * rng.uniform(0.2, 1.0)
        turn = np.abs((TURN - middle + np.pi) % (2 * np.pi) - np.pi)
        half = np.radians(ranges.draw(rng, "outflow_degrees")) / 2
        opened = 1 / (1 + np.exp((turn - half) / 0.08))
        wall = wall * (1 - 0.97 * opened * np.clip((heights[:, None] - 0.85) / 0.08, 0, 1))
    return wall


def _paint_muscles(
    rng: np.random.Generator,
    ranges: Ranges,
    codes: np.ndarray,
    place: Polar,
    inner: np.ndarray,
    heights: np.ndarray,
    rv_angle: float,
) -> None:
    """Paint papillary muscles and trabeculae into the cavity."""
    blood = codes == BLOOD
    height = ranges.draw(rng, "trabeculae_height")
    ridges = harmonics(rng, range(5, 27), 1.0, heights, 1.0)
    ridges = np.clip(ridges - ranges.draw(rng, "trabeculae_threshold"), 0, 2) * height
    codes[blood & (place.r > place.spread(inner * (1 - ridges)))] = PAPILLARY
    low, high = ranges.draw(rng, "papillary_bottom"), ranges.draw(rng, "papillary_top")
    for side in (-1, 1):
        if not ranges.chance(rng, "papillary"):
            continue
        angle = rv_angle + np.pi + side * np.radians(ranges.draw(rng, "papillary_degrees"))
        column = round(angle * ANGLES / (2 * np.pi)) % ANGLES
        cavity = np.maximum(inner[:, column], 0)
        size = ranges.draw(rng, "papillary_size") * cavity.mean()
        size = size * np.clip(np.minimum(heights - low, high - heights) / 0.1, 0, 1) ** 0.5
        distance = cavity - size * ranges.draw(rng, "papillary_distance")
        cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        middle = distance.astype(np.float32)[:, None, None]
        along = place.x * cosine - place.y * sine - middle
        across = place.x * sine + place.y * cosine
        flat = np.float32(ranges.draw(rng, "papillary_flatness"))
        near = (along / flat) ** 2 + (across * flat) ** 2 < (size**2)[:, None, None]
        codes[blood & near] = PAPILLARY
