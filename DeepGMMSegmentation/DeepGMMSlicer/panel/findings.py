"""What was found, as the panel shows it: a few figures, the warnings and the bull's-eye."""

from __future__ import annotations

import json
from typing import Any

import qt
import slicer

from DeepGMMSegmentationLib.report.bullseye import QUANTITIES

from ..scene.stored_result import RECORD
from . import texts
from .bullseye import drawBullseye

WIDTH = 250  # pixels of the bull's-eye


class Findings:
    """Keeps the panel's labels and buttons in step with the record of a segmentation."""

    def __init__(self, ui: Any) -> None:
        self._ui = ui
        self._text = ""
        self._segments: list[dict[str, Any]] = []
        ui.bullseyeSelector.connect("currentIndexChanged(int)", self._showBullseye)
        ui.bullseyeSection.connect("contentsCollapsed(bool)", self._showBullseye)
        slicer.app.connect("paletteChanged(QPalette)", self._showBullseye)
        self._show("")

    def close(self) -> None:
        """Follow the theme no longer."""
        slicer.app.disconnect("paletteChanged(QPalette)", self._showBullseye)

    def show(self, node: Any) -> None:
        """Show the result that the segmentation holds, or that there is none."""
        text = (node and node.GetAttribute(RECORD)) or ""
        if text != self._text:
            self._show(text)

    def _show(self, text: str) -> None:
        self._text = text
        for button in ("showResult", "recompute", "copy", "report", "propose"):
            getattr(self._ui, f"{button}Button").enabled = bool(text)
        self._ui.findingsBrowser.setVisible(bool(text))
        measures = json.loads(text)["measures"] if text else {"aha": None}
        if text:
            self._ui.findingsBrowser.setHtml(texts.findings(measures))
        self._segments = measures["aha"]["segments"] if measures["aha"] else []
        self._ui.bullseyeSection.setVisible(bool(self._segments))
        self._showBullseye()

    def _showBullseye(self, _changed: Any = None) -> None:
        """Draw the quantity that is selected, of those that the segments have, where it is seen."""
        selector = self._ui.bullseyeSelector
        quantities = [
            quantity
            for quantity in QUANTITIES
            if any(segment[quantity] is not None for segment in self._segments)
        ]
        titles = [QUANTITIES[quantity] for quantity in quantities]
        if titles != [selector.itemText(i) for i in range(selector.count)]:
            blocked = selector.blockSignals(True)
            selector.clear()
            selector.addItems(titles)
            selector.blockSignals(blocked)
        if quantities and not self._ui.bullseyeSection.collapsed:
            quantity = quantities[max(selector.currentIndex, 0)]
            # Not the label's palette, which is still the earlier one when the theme changes.
            ink = qt.QApplication.palette().color(qt.QPalette.WindowText)
            self._ui.bullseyeLabel.setPixmap(drawBullseye(self._segments, quantity, WIDTH, ink))
