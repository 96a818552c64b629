"""The buttons that set many settings at once, and the one that estimates a prior."""

from __future__ import annotations

from typing import Any

import slicer
from slicer.i18n import tr as _

from DeepGMMSegmentationLib.settings import Settings

from ..parameters import ESTIMATED, writeSettings
from . import choices, dependencies, presets
from .status import Status


class SettingsButtons:
    """*As in the paper*, *Recommended* and *Estimate*."""

    def __init__(self, ui: Any, logic: Any, status: Status) -> None:
        self._logic, self._status = logic, status
        ui.paperButton.connect("clicked(bool)", self.onPaper)
        ui.defaultsButton.connect("clicked(bool)", self.onDefaults)
        ui.estimateButton.connect("clicked(bool)", self.onEstimate)

    def onPaper(self, checked: bool = False) -> None:
        """Set the advanced values to those of the paper."""
        node = self._logic.getParameterNode()
        prior = presets.presetPrior(node)
        writeSettings(node, Settings.paper(node.method, classes=node.classes, prior=prior))

    def onDefaults(self, checked: bool = False) -> None:
        """Set the advanced values to what is recommended."""
        presets.applyRecommended(self._logic.getParameterNode())

    def onEstimate(self, checked: bool = False) -> None:
        """Make the prior of the preset from a labelled segmentation."""
        node = self._logic.getParameterNode()
        with self._status.telling(_("No prior could be estimated."), waitCursor=True):
            dependencies.ensure()
            chosen = choices.chosenVolumes(node)
            prior = self._logic.estimatePrior(
                list(chosen), node.region, node.segment, node.labelled, roles=list(chosen.values())
            )
            with slicer.util.NodeModify(node):
                node.estimatedPrior, node.preset = prior.to_json(), ESTIMATED
