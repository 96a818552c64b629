"""The bull's-eye: the segments of the left ventricle as rings, the apex in the middle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from ..cardiac.aha import RINGS, SECTORS, Segment

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

QUANTITIES = {
    "infarct_percent": "Infarct, % of segment",
    "edema_percent": "Edema, % of segment",
    "mean_transmurality": "Mean transmurality, %",
    "max_transmurality": "Maximal transmurality, %",
}
RADII = (1.0, 0.74, 0.48, 0.22, 0.0)  # of the rings' borders, base to apex
# Coronary territories as Cerqueira et al. (2002) assign them, with colours that differ for
# colour-blind eyes too.
TERRITORIES = {
    "LAD": ("#0072B2", (1, 2, 7, 8, 13, 14, 17)),
    "RCA": ("#D55E00", (3, 4, 9, 10, 15)),
    "LCX": ("#007A5A", (5, 6, 11, 12, 16)),
}
WALLS = (("Anterior", 0, 1), ("Septal", -1, 0), ("Inferior", 0, -1), ("Lateral", 1, 0))


def draw_bullseye(segments: Sequence[Segment]) -> Figure:
    """Draw one bull's-eye per quantity, as seen from the apex: anterior wall up, septum left.

    Quantities that no segment has (edema without an edema class) are left out. Without sectors
    the rings are whole.

    Parameters
    ----------
    segments : sequence of Segment
        The 17, or the thirds and the apex, as `aha.aha` returned them.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    drawn = [q for q in QUANTITIES if any(getattr(s, q) is not None for s in segments)]
    scale = ScalarMappable(Normalize(0, 100), "YlOrRd")
    rows = max(1, -(-len(drawn) // 2))
    height = 3.9 * rows + 0.4
    figure = Figure(figsize=(8.5, height))
    axes = figure.subplots(rows, 2)
    figure.subplots_adjust(0, 0.5 / height, 0.88, 1 - 0.3 / height, wspace=0.02, hspace=0.1)
    for ax in axes.flat:
        ax.set(xlim=(-1.2, 1.2), ylim=(-1.2, 1.2), aspect="equal")
        ax.axis("off")
    for ax, quantity in zip(axes.flat, drawn):
        ax.set_title(QUANTITIES[quantity], fontsize=11, y=1)
        _rings(ax, segments, quantity, scale)
    figure.colorbar(scale, cax=figure.add_axes((0.91, 0.15, 0.02, 0.75)), label="%")
    legend = [Patch(facecolor="white", edgecolor="grey", hatch="////", label="no value")]
    if _sectored(segments):
        legend += [
            Patch(facecolor=color, label=f"{name}, typical territory")
            for name, (color, _) in TERRITORIES.items()
        ]
    figure.legend(handles=legend, loc="lower center", ncols=4, fontsize=9, frameon=False)
    return figure


def _sectored(segments: Sequence[Segment]) -> bool:
    return len(segments) == sum(SECTORS)


def _rings(ax: Axes, segments: Sequence[Segment], quantity: str, scale: ScalarMappable) -> None:
    """Draw and label every segment of one bull's-eye."""
    from matplotlib.patches import Wedge

    sectored = _sectored(segments)
    counts = SECTORS if sectored else (1,) * len(RINGS)
    places = [(ring, sector) for ring in range(len(counts)) for sector in range(counts[ring])]
    for segment, (ring, sector) in zip(segments, places):
        outer, inner = RADII[ring], RADII[ring + 1]
        half = 180 / counts[ring]
        middle = 90 + 2 * half * sector  # the anterior wall is up and the septum follows it
        value = getattr(segment, quantity)
        ax.add_artist(  # add_patch would measure each for limits that are given
            Wedge(
                (0, 0),
                outer,
                middle - half,
                middle + half,
                width=outer - inner,
                facecolor="white" if value is None else scale.to_rgba(value),
                edgecolor="grey" if value is None else "black",
                hatch="////" if value is None else None,
            )
        )
        radius = (outer + inner) / 2 if inner else 0.0
        x, y = radius * np.cos(np.radians(middle)), radius * np.sin(np.radians(middle))
        _label(ax, segment, value, x, y)
        if not sectored and ring < 3:
            ax.text(x, -y, segment.name, **_centered("black"), bbox={"fc": "white", "ec": "none"})
    if sectored:
        for name, right, up in WALLS:
            turn = 90 * right * -1
            ax.text(1.1 * right, 1.1 * up, name, rotation=turn, **_centered("black", 9))


def _label(ax: Axes, segment: Segment, value: Optional[float], x: float, y: float) -> None:
    """Write a segment's value, and its number on the colour of its coronary territory."""
    if value is not None:
        ink = "white" if value > 65 else "black"
        down = 0.05 if segment.number else 0.0
        ax.text(x, y - down, f"{value:.0f}", **_centered(ink, 11), fontweight="bold")
    for color, numbers in TERRITORIES.values():
        if segment.number in numbers:
            chip = {"boxstyle": "round,pad=0.15", "facecolor": color, "edgecolor": "none"}
            up = 0.0 if value is None else 0.07
            ax.text(x, y + up, str(segment.number), **_centered("white", 7), bbox=chip)


def _centered(color: str, size: float = 8) -> dict[str, Any]:
    return {"ha": "center", "va": "center", "color": color, "fontsize": size}
