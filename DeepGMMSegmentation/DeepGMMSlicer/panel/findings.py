"""What was found, as the panel shows it: a few figures, the warnings and the bull's-eye."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import qt
from slicer.i18n import tr as _

from ..scene.stored_result import RECORD
from . import dependencies, texts

INCHES = 7.2, 6.6  # of the bull's-eye, so that its words can be read in the panel
WIDTH = 320, 900  # pixels between which it is drawn


class Findings:
    """Keeps the panel's labels and buttons in step with the record of a segmentation."""

    def __init__(self, ui: Any) -> None:
        self._ui, self._shown = ui, None

    def show(self, node: Any) -> None:
        """Show the result that the segmentation holds, or that there is none."""
        text = (node and node.GetAttribute(RECORD)) or ""
        width = min(max(self._ui.resultButton.width - 20, WIDTH[0]), WIDTH[1])
        if (text, width) == self._shown:
            return
        self._shown = text, width
        for button in ("showResult", "recompute", "copy", "report"):
            getattr(self._ui, f"{button}Button").enabled = bool(text)
        self._ui.findingsLabel.setVisible(bool(text))
        measures = json.loads(text)["measures"] if text else {"aha": None}
        self._ui.bullseyeLabel.setVisible(bool(measures["aha"]))
        if text:
            self._ui.findingsLabel.text = texts.findings(measures)
        if not measures["aha"]:
            return
        if dependencies.installed("matplotlib"):
            self._ui.bullseyeLabel.setPixmap(bullseyePixmap(measures["aha"], width))
        else:
            self._ui.bullseyeLabel.text = _("Install matplotlib to see the bull's-eye.")


def bullseyePixmap(aha: dict[str, Any], width: int) -> Any:
    """Draw the segments, as `Measures.to_dict` gives them, so many pixels wide."""
    from DeepGMMSegmentationLib.cardiac.aha import Segment
    from DeepGMMSegmentationLib.report.bullseye import draw_bullseye

    figure = draw_bullseye([Segment(**each) for each in aha["segments"]])
    figure.set_size_inches(*INCHES)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "bullseye.png")
        figure.savefig(path, dpi=width / INCHES[0])
        return qt.QPixmap(path)
