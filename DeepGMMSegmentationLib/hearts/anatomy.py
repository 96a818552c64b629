"""A drawn left ventricle: the shape of its wall, and what is inside it, slice by slice.

Every slice is painted in polar coordinates around its centre: the depth in the wall, 0 at the
endocardium and 1 at the epicardium, and the angle, counter-clockwise as seen on the screen. Shapes
change smoothly from the base, slice 0, to the apex. All numbers come from `Ranges`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import numpy as np

from .fields import smooth_field
from .ranges import Ranges

BACKGROUND, BLOOD, HEALTHY, EDEMA, SCAR, NO_REFLOW, PAPILLARY = range(7)
ANGLES = 180  # of the contours
TURN = np.linspace(0, 2 * np.pi, ANGLES, endpoint=False)


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
    infarcts = _infarcts(rng, ranges, heights)
    wall = _wall(rng, ranges, heights, outer, infarcts, rv_angle)
    drift = _wander(rng, heights, 2, ranges.draw(rng, "centre_drift_mm") / pixel)
    centres = (size - 1) / 2 + rng.normal(0, 1.5, 2) + drift - drift.mean(0)

    codes = np.full((len(heights), size, size), BACKGROUND, np.uint8)
    # Only the square around the ventricle is painted.
    reach = float(outer.max()) + 2
    first = np.clip(centres.min(0) - reach, 0, size).astype(int)
    last = np.clip(centres.max(0) + reach, 0, size).astype(int)
    box = np.s_[:, first[0] : last[0], first[1] : last[1]]
    place = _Polar(first, last, centres)
    _paint_wall(rng, ranges, codes[box], place, outer, wall, infarcts, pixel)
    inner = outer - wall
    _paint_muscles(rng, ranges, codes[box], place, inner, heights, rv_angle)
    return Ventricle(codes, (gap, pixel, pixel), centres, outer, inner, float(rv_angle), heights)


class _Polar:
    """Where the pixels of a rectangle lie, as seen from the slices' centres.

    Attributes
    ----------
    x, y, r : ndarray of float32, shape ``(Z, h, w)``
        Pixels from the centre to the right, downwards, and the distance.
    """

    def __init__(self, first: np.ndarray, last: np.ndarray, centres: np.ndarray) -> None:
        rows, columns = (np.arange(a, b, dtype=np.float32) for a, b in zip(first, last))
        y, x = centres.T.astype(np.float32)[..., None]
        y, x = (rows - y)[:, :, None], (columns - x)[:, None, :]
        self.y, self.x, self.r = *np.broadcast_arrays(y, x), np.hypot(x, y)
        angle = np.arctan2(-y, x) * np.float32(ANGLES / (2 * np.pi))
        at = np.rint(angle).astype(np.int32) % ANGLES
        self._index = at + ANGLES * np.arange(len(at), dtype=np.int32)[:, None, None]

    def spread(self, contour: np.ndarray) -> np.ndarray:
        """Return the value at every pixel of functions ``(Z, ANGLES)`` of the angle."""
        return contour.astype(np.float32).ravel().take(self._index)


def _paint_wall(
    rng: np.random.Generator,
    ranges: Ranges,
    codes: np.ndarray,
    place: _Polar,
    outer: np.ndarray,
    wall: np.ndarray,
    infarcts: list[_Infarct],
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


def _wander(
    rng: np.random.Generator, heights: np.ndarray, count: int, deviation: float
) -> np.ndarray:
    """Return random walks along the ventricle, ``(slices, count)``: 1 / 8 of it is a step."""
    steps = np.sqrt(8 * np.abs(np.diff(heights, prepend=heights[:1])))
    return np.cumsum(rng.normal(0, deviation, (len(heights), count)) * steps[:, None], 0)


def _harmonics(
    rng: np.random.Generator,
    orders: range,
    deviation: float,
    heights: np.ndarray,
    twist: float = 0.3,
) -> np.ndarray:
    """Return random smooth functions of the angle, ``(slices, ANGLES)``, of this deviation.

    Their phases, in radians, wander along the ventricle.
    """
    amplitude = rng.normal(0, 1, len(orders)) / np.array(orders) ** 0.7
    phase = rng.uniform(0, 2 * np.pi, len(orders))
    phase = phase + _wander(rng, heights, len(orders), twist)
    waves = amplitude[:, None] * np.cos(np.array(orders)[:, None] * TURN + phase[..., None])
    total = waves.sum(1)
    return total * deviation / max(float(total.std()), 1e-6)


def _outline(rng: np.random.Generator, ranges: Ranges, heights: np.ndarray) -> np.ndarray:
    """Return the epicardium's radius over its mean at every angle."""
    oval = _harmonics(rng, range(2, 3), ranges.draw(rng, "oval"), heights, 0.1)
    bumps = _harmonics(rng, range(3, 8), ranges.draw(rng, "outline_bumps"), heights, 0.2)
    return 1 + oval + bumps


def _wall(
    rng: np.random.Generator,
    ranges: Ranges,
    heights: np.ndarray,
    outer: np.ndarray,
    infarcts: list[_Infarct],
    rv_angle: float,
) -> np.ndarray:
    """Return the wall's thickness in pixels, ``(slices, ANGLES)``."""
    share = ranges.draw(rng, "wall")
    apical = np.clip(1 - heights / 0.35, 0, 1) ** 2
    share = share + (ranges.draw(rng, "wall_at_apex") - share) * apical
    uneven = _harmonics(rng, range(1, 6), ranges.draw(rng, "wall_variation"), heights)
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


@dataclass(frozen=True)
class _Infarct:
    """One scar with its edema and its core; arrays ``(slices, ANGLES)`` hold depths or 0 to 1."""

    extent: np.ndarray
    start: np.ndarray
    scar: np.ndarray
    edema: np.ndarray
    core: tuple[np.ndarray, np.ndarray]
    thickness: float
    ragged: float

    def paint(
        self, codes: np.ndarray, depth: np.ndarray, place: _Polar, roughness: np.ndarray
    ) -> None:
        rough = depth + np.float32(self.ragged) * roughness
        # A second infarct neither heals nor swells what the first one has killed.
        codes[(codes == HEALTHY) & (rough < place.spread(self.edema))] = EDEMA
        dead = (codes > BLOOD) & (codes != NO_REFLOW) & (rough < place.spread(self.scar))
        dead &= rough > place.spread(self.start)
        codes[dead] = SCAR
        first, last = self.core
        dead &= (depth > place.spread(first)) & (rough < place.spread(last))
        codes[dead] = NO_REFLOW


def _infarcts(rng: np.random.Generator, ranges: Ranges, heights: np.ndarray) -> list[_Infarct]:
    """Return no infarct, one or two."""
    if ranges.chance(rng, "no_infarct"):
        return []
    acute = not ranges.chance(rng, "old_infarct")
    first = _infarct(rng, ranges, heights, acute)
    if ranges.chance(rng, "second_infarct"):
        return [first, _infarct(rng, ranges, heights, acute, smaller=0.6)]
    return [first]


def _infarct(
    rng: np.random.Generator,
    ranges: Ranges,
    heights: np.ndarray,
    acute: bool,
    smaller: float = 1.0,
) -> _Infarct:
    middle = rng.uniform(0, 2 * np.pi)
    drift = rng.normal(0, 0.5) * (heights - heights.mean())
    turn = (TURN - middle - drift[:, None] + np.pi) % (2 * np.pi) - np.pi
    turn = turn + 0.15 * _harmonics(rng, range(3, 9), 1.0, heights)
    # Along the ventricle the infarct has a middle, too, and an end where the stack may go on.
    reach = ranges.draw(rng, "infarct_length")
    off = (heights - rng.uniform(0.1, 0.9)) / reach
    level = np.clip(1 - np.abs(off) ** 3, 0, 1)[:, None] ** 0.5
    half = smaller * np.radians(ranges.draw(rng, "infarct_degrees")) / 2

    def profile(widening: float, power: float) -> np.ndarray:
        wide = np.maximum(half * level + widening, 1e-3)
        shape = np.clip(1 - np.abs(turn / wide) ** ranges.draw(rng, "infarct_flatness"), 0, 1)
        return np.where(level > 0, shape**power, 0)

    extent = profile(0.0, ranges.draw(rng, "infarct_falloff"))
    transmurality = ranges.draw(rng, "transmurality")
    scar = np.where(extent > 0, transmurality * extent * (0.6 + 0.4 * level), -9)
    start = np.full(extent.shape, -9.0)
    if not ranges.chance(rng, "from_endocardium"):
        start = np.full(extent.shape, ranges.draw(rng, "midwall_start"))
        width = ranges.draw(rng, "midwall_width") * extent
        scar = np.where(extent > 0, np.minimum(start + width, 1.3), -9)
    scar = np.where(scar > 0.93, 9.0, scar)

    edema = np.full(extent.shape, -9.0)
    if acute:
        spread = profile(np.radians(ranges.draw(rng, "edema_margin_degrees")), 0.6)
        deep = transmurality + ranges.draw(rng, "edema_margin_depth")
        whole = ranges.chance(rng, "edema_transmural")
        edema = np.where(spread > (0.1 if whole else 0.0), 9.0 if whole else deep * spread, -9)
        edema = np.where(edema > 0.95, 9.0, edema)
    core = (np.full(extent.shape, 9.0), np.full(extent.shape, -9.0))
    if acute and ranges.chance(rng, "no_reflow"):
        size = ranges.draw(rng, "no_reflow_size")
        inner = np.clip((extent - (1 - size)) / size, 0, 1) ** 0.5
        begin = ranges.draw(rng, "no_reflow_start")
        deep = begin + (min(transmurality, 1) - begin) * size * inner
        core = np.full(extent.shape, begin), np.where(inner > 0, deep, -9)
    thickness = ranges.draw(rng, "thickness_in_infarct" if acute else "thickness_in_old_infarct")
    return _Infarct(extent, start, scar, edema, core, thickness, ranges.draw(rng, "ragged"))


def _paint_muscles(
    rng: np.random.Generator,
    ranges: Ranges,
    codes: np.ndarray,
    place: _Polar,
    inner: np.ndarray,
    heights: np.ndarray,
    rv_angle: float,
) -> None:
    """Paint papillary muscles and trabeculae into the cavity."""
    blood = codes == BLOOD
    height = ranges.draw(rng, "trabeculae_height")
    ridges = _harmonics(rng, range(9, 27), 1.0, heights, 1.0)
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
