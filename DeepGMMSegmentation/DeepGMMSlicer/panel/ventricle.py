"""The button *Find LV*: a click into the blood of the left ventricle, and its region."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import slicer
from slicer.i18n import tr as _

from ..scene.images import checkVolumes
from . import choices, dependencies
from .placement import Placement, removePoints
from .running import Running
from .status import Status


class VentricleFinder:
    """Asks for a click, and looks for the ventricle around it."""

    def __init__(
        self, ui: Any, logic: Any, status: Status, placement: Placement, running: Running
    ) -> None:
        self._logic, self._status = logic, status
        self._placement, self._running = placement, running
        ui.findButton.connect("clicked(bool)", self.onFind)

    def onFind(self, checked: bool = False) -> None:
        """Let the user click into the left ventricle, which is then found."""
        with self._status.telling(_("The left ventricle cannot be looked for.")):
            dependencies.ensure()
            checkVolumes(list(choices.chosenVolumes(self._logic.getParameterNode())))
            point = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", _("In the LV"))
            point.SetHideFromEditors(True)
            self._placement.begin(point, self._findAround, self._giveUp)
            self._status.tell(
                _("Click into the blood of the left ventricle, in a slice of its middle.")
            )

    def _findAround(self, point: Any) -> None:
        place = point.GetNthControlPointPositionWorld(0)
        removePoints(point)
        self.find(place)

    def _giveUp(self, point: Any) -> None:
        removePoints(point)
        self._status.tell(_("No ventricle was looked for."))

    def find(self, place: Sequence[float]) -> None:
        """Look for the ventricle around a point, RAS."""
        chosen = choices.chosenVolumes(self._logic.getParameterNode())
        failure = _("No ventricle was found.")
        with self._status.telling(failure):
            self._running.begin(
                partial(
                    self._logic.findRegion, list(chosen), place, list(chosen.values()), wait=False
                ),
                self._choose,
                failure,
                _("Looking for the ventricle…"),
            )

    def _choose(self, ventricle: Any) -> None:
        """Make the ventricle the region; and its RV insertion the point, if none is chosen."""
        node, (region, insertion, doubts) = self._logic.getParameterNode(), ventricle
        with slicer.util.NodeModify(node):
            node.region, node.segment = region, "Segment_1"
            if insertion is not None and node.rvInsertion is None:
                node.rvInsertion = slicer.mrmlScene.AddNewNodeByClass(
                    "vtkMRMLMarkupsFiducialNode", _("RV insertion")
                )
                node.rvInsertion.AddControlPointWorld(insertion, "RV")
        advice = _("Look at the region in every slice, and correct it in the Segment Editor.")
        self._status.tell(" ".join([*doubts, advice]))
