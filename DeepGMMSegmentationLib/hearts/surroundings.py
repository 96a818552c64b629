"""What lies around a drawn left ventricle: the right one, fat, lung, liver, chest, vessels.

The places and sizes are those of short-axis slices of the chest, drawn wider than they occur, and
a part of the drawings is not anatomy at all but random smooth regions: what a network learns from
such a mixture holds for images that it never saw (Billot et al., SynthSeg, Med Image Anal
2023;86:102789). Only shapes are drawn here; `acquisition` gives every code its greys.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .anatomy import Ventricle
from .contours import ANGLES, TURN
from .fields import smooth_field
from .ranges import Ranges

RV_BLOOD, RV_WALL, FAT, AIR, LIVER, MUSCLE, VESSEL, FIRST_RANDOM = range(7, 15)
RANDOM = 6  # codes from FIRST_RANDOM on, each a smooth region with greys of its own
ELSEWHERE = np.arange(FAT, FIRST_RANDOM + RANDOM, dtype=np.uint8)


def draw_surroundings(
    rng: np.random.Generator, ventricle: Ventricle, ranges: Ranges
) -> tuple[np.ndarray, np.ndarray]:
    """Paint the chest around a left ventricle.

    Parameters
    ----------
    rng : Generator
    ventricle : Ventricle
        As `anatomy.draw_ventricle` drew it; its own codes (1 to 6) stay as they are.
    ranges : Ranges
        Of the drawing file's part "surroundings": lengths in radii of the ventricle (its mean
        outer radius where it is widest), angles in degrees from the direction of the septum,
        counted towards the anterior insertion; parts and chances from 0 to 1.

    Returns
    -------
    codes : ndarray of uint8, shape ``(Z, S, S)``
        The codes of the drawing, nowhere 0.
    insertions : ndarray, shape ``(Z, 2, 2)``
        (y, x) in pixels where the right ventricle meets the left one's outer border: the anterior
        and the inferior point; NaN in slices without a right ventricle.
    """
    plane = _Plane(ventricle)
    codes = _tissue_map(rng, plane, ranges)
    if ranges.chance(rng, "chest"):
        _paint_chest(rng, codes, plane, ranges)
    _paint_patches(rng, codes, plane, ranges)
    _paint_vessels(rng, codes, plane, ranges)
    level = _right_ventricle(rng, plane, ranges)
    _paint_fat(rng, codes, plane, level, ranges)
    _paint_right_ventricle(rng, codes, plane, level, ranges)
    own = ventricle.codes > 0
    codes[own] = ventricle.codes[own]
    return codes, _insertions(plane, level)


def replace_ventricle(
    rng: np.random.Generator, ventricle: Ventricle, codes: np.ndarray
) -> np.ndarray:
    """Return drawn slices in which something else stands where the left ventricle was.

    Beyond the valve plane that is an atrium or the outflow tract: blood with a thin wall or none;
    beyond the apex fat, lung or liver. A network that is to say where a ventricle ends, or that
    there is none, is taught by them.

    Parameters
    ----------
    rng : Generator
    ventricle : Ventricle
    codes : ndarray of uint8, shape ``(Z, S, S)``
        Of `draw_surroundings`.

    Returns
    -------
    ndarray of uint8, shape ``(Z, S, S)``
        Without the codes 1 to 6.
    """
    plane = _Plane(ventricle)
    own = ventricle.codes > 0
    count = len(codes)
    wobble = 0.25 * smooth_field(rng, codes.shape, 5)
    size = rng.uniform(0.4, 1.0, (count, 1, 1)) * plane.outer
    wall = rng.uniform(-0.05, 0.06, (count, 1, 1))  # of the radius; below 0 there is none
    depth = 1 - plane.r / size + wobble
    # What is around closes ranks about the atrium, or takes all the place.
    nearest = ndimage.distance_transform_edt(own, (1e3, 1, 1), False, True)
    other = codes[tuple(nearest)]
    other[own & (depth > 0)] = MUSCLE
    other[own & (depth > wall)] = VESSEL
    absent = rng.random((count, 1, 1)) < 0.5
    filled = np.where(wobble > 0.15, rng.choice(ELSEWHERE), codes[tuple(nearest)])
    return np.where(own & absent, filled, other).astype(np.uint8)


class _Plane:
    """Every pixel's place as seen from the ventricle.

    Attributes
    ----------
    r, angle : ndarray, shape ``(Z, S, S)``
        Polar coordinates about the slice's centre, in pixels and radians from the septum.
    outer : ndarray, shape ``(Z, S, S)``
        The ventricle's outer radius in the pixel's direction, in pixels.
    radius : float
        The mean outer radius where the ventricle is widest, in pixels: the unit of lengths.
    along, across : ndarray, shape ``(Z, S, S)``
        Coordinates about the mean centre, in radii: towards the septum, and towards the front.
    height : ndarray, shape ``(Z, 1, 1)``
        From 0 at the apex to 1 at the base.
    """

    def __init__(self, ventricle: Ventricle) -> None:
        shape = ventricle.codes.shape
        self.shape = shape
        self.spacing = ventricle.spacing[-1]
        self.centres, self.epicardium = ventricle.centres, ventricle.epicardium
        self.septum = -ventricle.rv_angle  # from the column axis towards the row axis
        means = self.epicardium.mean(axis=1)
        self.radius = float(means.max())
        rows, columns = np.mgrid[: shape[1], : shape[2]].astype(np.float32)
        y = rows - self.centres[:, 0, None, None].astype(np.float32)
        x = columns - self.centres[:, 1, None, None].astype(np.float32)
        self.r, direction = np.hypot(y, x), np.arctan2(y, x)
        self.angle = (direction - np.float32(self.septum) + np.pi) % (2 * np.pi) - np.pi
        ray = (-direction * (ANGLES / (2 * np.pi))).round().astype(int) % ANGLES
        self.outer = self.epicardium[np.arange(len(means))[:, None, None], ray]
        middle = self.centres.mean(axis=0)
        y, x = (rows - middle[0]) / self.radius, (columns - middle[1]) / self.radius
        cosine, sine = np.cos(self.septum), np.sin(self.septum)
        along, across = x * cosine + y * sine, y * cosine - x * sine
        self.along, self.across, _ = np.broadcast_arrays(along, across, self.r)
        self.height = ventricle.heights[:, None, None]
        self.size = (means / self.radius)[:, None, None]

    def towards(self, degrees: float) -> np.ndarray:
        """Return every pixel's coordinate in a direction, in radii from the mean centre."""
        angle = np.radians(degrees)
        return self.along * np.cos(angle) + self.across * np.sin(angle)


def _tissue_map(rng: np.random.Generator, plane: _Plane, ranges: Ranges) -> np.ndarray:
    """Divide the plane into smooth regions, each with a random code; or all of it lung."""
    if ranges.chance(rng, "lung_only"):
        return np.full(plane.shape, AIR, np.uint8)
    count = ranges.whole(rng, "regions")
    cells = ranges.draw(rng, "region_cells")
    levels = np.stack([smooth_field(rng, plane.shape, cells) for _ in range(count)])
    return rng.choice(ELSEWHERE, count)[levels.argmax(axis=0)]


def _paint_chest(
    rng: np.random.Generator, codes: np.ndarray, plane: _Plane, ranges: Ranges
) -> None:
    """Paint lung, the diaphragm with what is below it, and the chest's wall."""
    bumps = ranges.draw(rng, "border_bumps")
    if ranges.chance(rng, "lung"):
        codes[smooth_field(rng, plane.shape, 2) > rng.uniform(-2, 0.5)] = AIR

    below = plane.towards(ranges.draw(rng, "liver_direction"))
    border = ranges.draw(rng, "liver_distance") + bumps * smooth_field(rng, plane.shape, 3)
    liver = below - rng.uniform(0, 0.5) * plane.height - border
    if ranges.chance(rng, "liver"):
        codes[liver > -rng.uniform(0, 0.1)] = MUSCLE  # the diaphragm
        codes[liver > 0] = LIVER
        stomach = (liver > 0.1) & (smooth_field(rng, plane.shape, 4) > rng.uniform(0, 1.5))
        codes[stomach] = rng.choice(ELSEWHERE)

    front = plane.towards(ranges.draw(rng, "chest_direction"))
    curved = front + rng.uniform(0, 0.15) * (plane.along**2 + plane.across**2 - front**2)
    wall = curved - ranges.draw(rng, "chest_distance")
    wall = wall + bumps * smooth_field(rng, plane.shape, 3)
    if ranges.chance(rng, "chest_wall"):
        muscle, fat = (ranges.draw(rng, f"chest_{layer}") for layer in ("muscle", "fat"))
        codes[wall > 0] = MUSCLE
        ribs = (wall > 0) & (smooth_field(rng, plane.shape, 8) > rng.uniform(0.3, 2))
        codes[ribs] = rng.choice(ELSEWHERE)
        codes[wall > muscle] = FAT
        codes[wall > muscle + fat] = AIR


def _paint_patches(
    rng: np.random.Generator, codes: np.ndarray, plane: _Plane, ranges: Ranges
) -> None:
    """Paint smooth patches of random tissues over what is there."""
    for _ in range(ranges.whole(rng, "patches")):
        field = smooth_field(rng, plane.shape, ranges.draw(rng, "patch_cells"))
        codes[field > rng.uniform(0.8, 2.2)] = rng.choice(ELSEWHERE)


def _paint_vessels(
    rng: np.random.Generator, codes: np.ndarray, plane: _Plane, ranges: Ranges
) -> None:
    """Paint round vessels with or without a wall, and the many small ones of the lung."""
    middle, size = plane.centres.mean(axis=0), codes.shape[1]
    for kind in ("vessels", "lung_vessels"):
        for _ in range(ranges.whole(rng, kind)):
            radius = plane.radius * ranges.draw(rng, f"{kind}_radius")
            distance = plane.radius * (1 + ranges.draw(rng, "vessels_distance")) + radius
            angle = rng.uniform(0, 2 * np.pi)
            centre = middle + distance * np.array([np.sin(angle), np.cos(angle)])
            tube = rng.uniform(0.03, 0.15) * plane.radius if kind == "vessels" else 0.0
            reach = 2 * radius + tube
            first = np.clip(np.floor(centre - reach), 0, size).astype(int)
            last = np.clip(np.ceil(centre + reach), 0, size).astype(int)
            y, x = np.ogrid[first[0] : last[0], first[1] : last[1]]
            lean = rng.uniform(-0.4, 0.4, (2, 1, 1, 1)) * plane.radius * (plane.height - 0.5)
            y, x = y - centre[0] - lean[0], x - centre[1] - lean[1]
            level = np.hypot(y * rng.uniform(0.6, 1.4), x) - radius
            box = codes[:, first[0] : last[0], first[1] : last[1]]
            if tube and rng.random() < 0.5:
                box[level < tube] = rng.choice(ELSEWHERE)
            box[level < 0] = VESSEL if rng.random() < 0.8 else rng.choice(ELSEWHERE)


def _right_ventricle(rng: np.random.Generator, plane: _Plane, ranges: Ranges) -> np.ndarray:
    """Return about how far outside (above 0) the right ventricle's outer border a pixel is.

    In radii of the left ventricle; infinite where there is none.
    """
    if ranges.chance(rng, "rv_missing"):
        return np.full(plane.shape, np.inf)
    begin = ranges.draw(rng, "rv_begin")
    growth = np.clip((plane.height - begin) / max(1 - begin, 0.1), 0, None) ** rng.uniform(0.2, 0.8)
    deep, wide = (ranges.draw(rng, f"rv_{name}") for name in ("depth", "width"))
    offset = ranges.draw(rng, "rv_offset")
    size = plane.radius * plane.size
    turned = plane.angle - np.radians(rng.normal(0, ranges.draw(rng, "rv_turn")))
    along = plane.r * np.cos(turned) / size - offset
    across = plane.r * np.sin(turned) / size
    across = across + rng.uniform(-0.3, 0.3) * along  # a triangle's lean
    border = np.hypot(along / deep, across / wide * (1 + rng.uniform(-0.3, 0.3) * along))
    wobble = ranges.draw(rng, "border_bumps") * smooth_field(rng, plane.shape, 5)
    level = (border - growth) * min(deep, wide) + wobble
    return np.where(growth > 0, level, np.inf)


def _paint_fat(
    rng: np.random.Generator,
    codes: np.ndarray,
    plane: _Plane,
    level: np.ndarray,
    ranges: Ranges,
) -> None:
    """Paint the patches of fat, and a thin pericardium, around both ventricles."""
    distance = np.minimum((plane.r - plane.outer) / plane.radius, level)
    thickness = ranges.draw(rng, "fat_thickness") * smooth_field(rng, plane.shape, 4)
    thickness = thickness + ranges.draw(rng, "fat_thickness") / 2
    if ranges.chance(rng, "pericardium"):
        line = rng.uniform(1, 2.5) / plane.radius / plane.spacing
        codes[distance < np.maximum(thickness, 0) + line] = rng.choice(ELSEWHERE)
    fat = FAT if rng.random() < 0.8 else rng.choice(ELSEWHERE)
    codes[distance < thickness] = fat


def _paint_right_ventricle(
    rng: np.random.Generator,
    codes: np.ndarray,
    plane: _Plane,
    level: np.ndarray,
    ranges: Ranges,
) -> None:
    wall = ranges.draw(rng, "rv_wall") * (1 + 0.4 * smooth_field(rng, plane.shape, 6))
    codes[level < 0] = RV_WALL
    codes[level < -np.maximum(wall, 0)] = RV_BLOOD
    trabeculae = smooth_field(rng, plane.shape, rng.uniform(10, 20)) > rng.uniform(0.3, 3)
    codes[(codes == RV_BLOOD) & trabeculae] = RV_WALL


def _insertions(plane: _Plane, level: np.ndarray) -> np.ndarray:
    """Return where the border of the right ventricle crosses that of the left one."""
    points = np.full((len(level), 2, 2), np.nan)
    turn = (-TURN - plane.septum + np.pi) % (2 * np.pi) - np.pi
    for z, (centre, outer) in enumerate(zip(plane.centres, plane.epicardium)):
        border = centre[:, None] + outer * np.stack([-np.sin(TURN), np.cos(TURN)])
        rows, columns = np.clip(np.rint(border).astype(int), 0, level.shape[1] - 1)
        touching = level[z, rows, columns] < 0
        if touching.any() and not touching.all():
            anterior = np.where(touching, turn, -np.inf).argmax()
            inferior = np.where(touching, turn, np.inf).argmin()
            points[z] = border[:, [anterior, inferior]].T
    return points
