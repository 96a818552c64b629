"""The bull's-eye of the panel: one quantity, drawn by Qt at once, large enough to be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import qt

from DeepGMMSegmentationLib.cardiac.aha import RINGS, SECTORS
from DeepGMMSegmentationLib.report.bullseye import RADII, TERRITORIES, WALLS

SCALE = 2  # pixels per pixel of the panel, for screens of high resolution
COLORS = ((255, 255, 204), (254, 178, 76), (240, 59, 32), (189, 0, 38))  # 0 to 100 %, evenly
NO_VALUE = (160, 160, 160)
VALUE, NUMBER, WALL = 13, 11, 12  # text heights in pixels of the panel


def drawBullseye(segments: Sequence[Mapping[str, Any]], quantity: str, size: int, ink: Any) -> Any:
    """Return a picture as seen from the apex: anterior wall up, septum left.

    Parameters
    ----------
    segments : sequence of mapping
        Those of `Measures.to_dict`: 17, or one per ring where the wall is not divided.
    quantity : str
        Which of their values is shown, 0 to 100.
    size : int
        Width and height in pixels of the panel.
    ink : QColor
        For what is written beside the wall.
    """
    pixmap = qt.QPixmap(SCALE * size, SCALE * size)
    pixmap.setDevicePixelRatio(SCALE)
    pixmap.fill(qt.QColor(0, 0, 0, 0))
    painter = qt.QPainter(pixmap)
    painter.setRenderHint(qt.QPainter.Antialiasing)
    painter.translate(size / 2, size / 2)
    radius = size / 2 - 1.5 * WALL
    divided = len(segments) == sum(SECTORS)
    counts = SECTORS if divided else (1,) * len(RINGS)
    places = [(ring, sector) for ring, count in enumerate(counts) for sector in range(count)]
    for segment, (ring, sector) in zip(segments, places):
        _drawSegment(painter, segment, segment[quantity], radius, ring, sector, counts[ring])
    painter.setPen(ink)
    for name, right, up in WALLS if divided else ():
        painter.save()
        painter.rotate(90 * right)
        edge = -(up or 1) if right == 0 else -1
        _write(painter, name, 0, edge * (radius + 0.7 * WALL), WALL)
        painter.restore()
    painter.end()
    return pixmap


def _drawSegment(
    painter: Any,
    segment: Mapping[str, Any],
    value: Any,
    radius: float,
    ring: int,
    sector: int,
    count: int,
) -> None:
    """Draw a sector, over which the rings further in are drawn next, and write on it."""
    outer, inner = radius * RADII[ring], radius * RADII[ring + 1]
    span = 360 / count
    middle = 90 + span * sector  # the anterior wall is up and the septum follows it
    color = NO_VALUE if value is None else _color(value)
    painter.setPen(qt.QPen(qt.QColor(0, 0, 0), 1))
    painter.setBrush(qt.QBrush(qt.QColor(*color)))
    disc = qt.QRectF(-outer, -outer, 2 * outer, 2 * outer)
    if count == 1:
        painter.drawEllipse(disc)
    else:
        painter.drawPie(disc, round(16 * (middle - span / 2)), round(16 * span))
    place = (outer + inner) / 2 if inner else 0.0
    x, y = place * np.cos(np.radians(middle)), -place * np.sin(np.radians(middle))
    painter.setPen(qt.QColor(255, 255, 255) if value and value > 65 else qt.QColor(0, 0, 0))
    text = "–" if value is None else f"{value:.0f}"
    if not segment["number"]:
        _write(painter, text, x, y, VALUE, bold=True)
        return
    _write(painter, text, x, y + 0.5 * VALUE, VALUE, bold=True)
    for territory, numbers in TERRITORIES.values():
        if segment["number"] in numbers:
            painter.setPen(qt.QColor(0, 0, 0, 0))
            painter.setBrush(qt.QBrush(qt.QColor(territory)))
            top = y - 0.7 * NUMBER
            painter.drawRoundedRect(qt.QRectF(x - 9, top - 7, 18, 14), 4, 4)
            painter.setPen(qt.QColor(255, 255, 255))
            _write(painter, str(segment["number"]), x, top, NUMBER, bold=True)


def _write(painter: Any, text: str, x: float, y: float, height: int, bold: bool = False) -> None:
    font = qt.QFont()
    font.setPixelSize(height)
    font.setBold(bold)
    painter.setFont(font)
    box = qt.QRectF(x - 60, y - 20, 120, 40)
    painter.drawText(box, text, qt.QTextOption(qt.Qt.AlignCenter))


def _color(percent: float) -> tuple[int, ...]:
    """Return the colour of a value on the scale, the same as in the report."""
    stops = np.linspace(0, 100, len(COLORS))
    return tuple(round(np.interp(percent, stops, channel)) for channel in zip(*COLORS))
