"""Polar maps: transmurality in every direction, slice by slice and continuous."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Optional

import numpy as np

from .bullseye import WALLS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Where the RV insertion lies in the picture, as in the bull's-eye: the border between the anterior
# segment, in the middle of which is up, and the anteroseptal one.
INSERTION = 120.0  # degrees, counter-clockwise from the right
HOLE = 0.2  # the radius of the apex beyond the cavity, of which there are no chords


def draw_polar(polar: Sequence[Sequence[Optional[float]]]) -> Figure:
    """Draw the map slice by slice and, beside it, continuous, as seen from the apex.

    Parameters
    ----------
    polar : sequence of sequence of float or None
        `Aha.polar`; not empty.
    """
    from matplotlib.figure import Figure

    values = np.array([[np.nan if v is None else v for v in row] for row in polar])
    figure = Figure(figsize=(8.5, 4.2))
    figure.subplots_adjust(0.08, 0.08, 0.83, 0.86, wspace=0.45)
    by_slice, continuous = figure.subplots(1, 2, subplot_kw={"projection": "polar"})
    count, directions = values.shape
    angles = np.radians(INSERTION + np.linspace(0, 360, directions + 1))
    radii = np.linspace(1, HOLE, count + 1)
    look = {"cmap": "YlOrRd", "vmin": 0, "vmax": 100}
    by_slice.pcolormesh(angles, radii, values, **look)
    by_slice.set_title("Slice by slice", fontsize=11)
    filled = np.stack([_filled(row) for row in values])
    closed = np.concatenate([filled, filled[:, :1]], axis=1)
    middles = angles + np.radians(180 / directions)
    at = np.concatenate([radii[:1], (radii[1:] + radii[:-1]) / 2, radii[-1:]])
    to_edges = np.concatenate([closed[:1], closed, closed[-1:]])
    drawn = continuous.pcolormesh(middles, at, to_edges, shading="gouraud", **look)
    continuous.set_title("Continuous", fontsize=11)
    for axes in (by_slice, continuous):
        axes.set_ylim(0, 1)
        axes.set_yticks([])
        axes.grid(visible=False)
        axes.tick_params(axis="x", pad=10)
        degrees = [np.degrees(np.arctan2(up, right)) % 360 for _, right, up in WALLS]
        axes.set_thetagrids(degrees, [name for name, _, _ in WALLS], fontsize=9)
    figure.colorbar(drawn, cax=figure.add_axes((0.91, 0.15, 0.02, 0.65)), label="Transmurality, %")
    return figure


def _filled(row: np.ndarray) -> np.ndarray:
    """Return a ring whose gaps are bridged from their two ends."""
    known = np.flatnonzero(np.isfinite(row))
    return np.interp(np.arange(row.size), known, row[known], period=row.size)
