"""Drawn infarcts: which part of the wall is scar, swollen, or without flow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .codes import BLOOD, EDEMA, HEALTHY, NO_REFLOW, SCAR
from .contours import TURN, Polar, harmonics
from .ranges import Ranges


@dataclass(frozen=True)
class Infarct:
    """One scar with its edema and its core; arrays have the shape ``(slices, ANGLES)``.

    Attributes
    ----------
    extent : ndarray
        1 in the middle, 0 outside.
    start, scar, edema : ndarray
        Depth at which the scar begins, and at which scar and edema end.
    core : tuple of ndarray
        Depths between which there is no flow.
    thickness : float
        The wall's, over that elsewhere.
    ragged : float
        How far borders stray, in depth.
    """

    extent: np.ndarray
    start: np.ndarray
    scar: np.ndarray
    edema: np.ndarray
    core: tuple[np.ndarray, np.ndarray]
    thickness: float
    ragged: float

    def paint(
        self, codes: np.ndarray, depth: np.ndarray, place: Polar, roughness: np.ndarray
    ) -> None:
        """Paint it into a healthy wall, where `depth` is 0 at the endocardium and 1 outside."""
        rough = depth + np.float32(self.ragged) * roughness
        # A second infarct neither heals nor swells what the first one has killed.
        codes[(codes == HEALTHY) & (rough < place.spread(self.edema))] = EDEMA
        dead = (codes > BLOOD) & (codes != NO_REFLOW) & (rough < place.spread(self.scar))
        dead &= rough > place.spread(self.start)
        codes[dead] = SCAR
        first, last = self.core
        dead &= (depth > place.spread(first)) & (rough < place.spread(last))
        codes[dead] = NO_REFLOW


def draw_infarcts(rng: np.random.Generator, ranges: Ranges, heights: np.ndarray) -> list[Infarct]:
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
) -> Infarct:
    middle = rng.uniform(0, 2 * np.pi)
    drift = rng.normal(0, 0.5) * (heights - heights.mean())
    turn = (TURN - middle - drift[:, None] + np.pi) % (2 * np.pi) - np.pi
    turn = turn + 0.15 * harmonics(rng, range(3, 9), 1.0, heights)
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
        end = begin + (min(transmurality, 1) - begin) * size * inner
        core = np.full(extent.shape, begin), np.where(inner > 0, end, -9)
    thickness = ranges.draw(rng, "thickness_in_infarct" if acute else "thickness_in_old_infarct")
    return Infarct(extent, start, scar, edema, core, thickness, ranges.draw(rng, "ragged"))
