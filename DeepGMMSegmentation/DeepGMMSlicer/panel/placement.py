"""Points that the user sets by a click into a slice view: the RV insertion, and one in the LV."""

from __future__ import annotations

from typing import Any, Callable, Optional

import qt
import slicer
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from .status import Status

Then = Callable[[Any], None]


class Placement(VTKObservationMixin):
    """One point at a time, that is set by a click, or given up by Escape."""

    def __init__(self, panel: Any) -> None:
        """Take the widget that is visible as long as Escape is to be heard."""
        VTKObservationMixin.__init__(self)
        self._escape = qt.QShortcut(qt.QKeySequence("Escape"), panel)  # Slicer has none
        self._escape.context = qt.Qt.ApplicationShortcut
        self._escape.enabled = False
        self._escape.connect("activated()", self.giveUp)
        self._points: Any = None
        self._placed = False
        self._then: Optional[Then] = None
        self._givenUp: Optional[Then] = None

    def begin(self, points: Any, then: Then, givenUp: Then) -> None:
        """Let the user add a point to a list.

        Parameters
        ----------
        points : vtkMRMLMarkupsFiducialNode
        then, givenUp : callable
            Called with the list once the point is there, or once the user has given it up.
        """
        self.giveUp()
        interaction = slicer.app.applicationLogic().GetInteractionNode()
        self._points, self._placed, self._then, self._givenUp = points, False, then, givenUp
        self._escape.enabled = True
        slicer.modules.markups.logic().SetActiveList(points)
        slicer.modules.markups.logic().StartPlaceMode(False)
        self.addObserver(points, points.PointPositionDefinedEvent, self._onPlaced)
        self.addObserver(interaction, interaction.InteractionModeChangedEvent, self._onModeChanged)

    def giveUp(self) -> None:
        """Wait for no click any longer."""
        if self._points:
            self.removeObservers()  # or the end of this mode would end a placement begun next
            slicer.app.applicationLogic().GetInteractionNode().SwitchToViewTransformMode()
            self._end()

    def _onPlaced(self, points: Any, event: Any) -> None:
        self._placed = True
        qt.QTimer.singleShot(0, self._end)  # not while the point is still being placed

    def _onModeChanged(self, interaction: Any, event: Any) -> None:
        if interaction.GetCurrentInteractionMode() != interaction.Place:
            qt.QTimer.singleShot(0, self._end)  # the mode ends as well when the point is placed

    def _end(self) -> None:
        points, self._points = self._points, None
        self._escape.enabled = False
        self.removeObservers()
        if points and slicer.mrmlScene.IsNodePresent(points):
            (self._then if self._placed else self._givenUp)(points)


def removePoints(points: Any) -> None:
    """Remove a point list, and how it is displayed where that does not go with it."""
    display = points.GetDisplayNode()
    slicer.mrmlScene.RemoveNode(points)
    if display and slicer.mrmlScene.IsNodePresent(display):
        slicer.mrmlScene.RemoveNode(display)


class InsertionPlacement:
    """The button by which the RV insertion is placed."""

    def __init__(self, ui: Any, logic: Any, status: Status, placement: Placement) -> None:
        self._logic, self._status, self._placement = logic, status, placement
        ui.placeButton.connect("clicked(bool)", self.onPlace)

    def onPlace(self, checked: bool = False) -> None:
        """Let the user place the RV insertion; the point that is there stays until then."""
        node = self._logic.getParameterNode()
        points = node.rvInsertion
        if points is None:
            points = slicer.mrmlScene.AddNewNodeByClass(
                "vtkMRMLMarkupsFiducialNode", _("RV insertion")
            )
            node.rvInsertion = points
        self._placement.begin(points, self._replace, self._keep)
        self._status.tell(
            _("Click where the right ventricle meets the left in front, in a slice view of the "
              "base; Escape leaves the point where it is.")
        )  # fmt: skip

    def _replace(self, points: Any) -> None:
        while points.GetNumberOfDefinedControlPoints() > 1:
            points.RemoveNthControlPoint(0)
        self._status.tell(_("The RV insertion is placed; Recompute divides the wall by it."))

    def _keep(self, points: Any) -> None:
        if points.GetNumberOfDefinedControlPoints() == 0:
            removePoints(points)
            self._status.tell(_("No RV insertion is placed."))
        else:
            self._status.tell(_("The RV insertion stays where it was."))
