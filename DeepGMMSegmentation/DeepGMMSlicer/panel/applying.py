"""The button *Apply*: a run, and its result before the user's eyes."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable

import slicer
from slicer.i18n import tr as _

from ..scene import views
from ..scene.stored_result import readRecord
from ..turns import Turns
from . import dependencies, texts
from .request import makeRequest
from .running import Running
from .status import Status


class Applying:
    """Starts a run, or cancels it, and shows its result once the panel is seen."""

    def __init__(
        self,
        ui: Any,
        logic: Any,
        status: Status,
        running: Running,
        turns: Turns,
        isShown: Callable[[], bool],
    ) -> None:
        """Connect the button; `isShown` tells whether the user is in this module."""
        self._ui, self._logic, self._status, self._running = ui, logic, status, running
        self._turns, self._isShown = turns, isShown
        self._target: Any = None  # what the output was when the run began
        self._unseen: Any = None
        ui.applyButton.connect("clicked(bool)", self.onApply)

    def onApply(self, checked: bool = False) -> None:
        """Run, or cancel the run."""
        if self._running.active:
            self._running.cancel()
            return
        node, failure = self._logic.getParameterNode(), _("The segmentation failed.")
        with self._status.telling(failure):
            dependencies.ensure(network=bool(node.network))
            request = makeRequest(node)
            self._target = node.output
            if "settings" in request:
                self._status.tell(texts.settingsText(request["settings"]))
            progress = self._running.showProgress
            start = partial(
                self._logic.process, **request, keepEdits=True, progress=progress, wait=False
            )
            self._running.begin(start, self._take, failure, _("Preparing…"))

    def _take(self, output: Any) -> None:
        node = self._logic.getParameterNode()
        node.output = output
        if node.show3D:
            output.CreateClosedSurfaceRepresentation()
        self._status.tell(texts.summary(readRecord(output)))
        if self._target and output is not self._target:
            self._target.SetDisplayVisibility(False)  # or one would be drawn over the other
            self._status.tell(texts.writtenBeside(output.GetName(), self._target.GetName()))
        self._unseen = output
        if self._isShown():  # or the views are those of another module
            self.showUnseen()

    def showUnseen(self) -> None:
        """Show a result that is new since the panel was seen."""
        output, self._unseen = self._unseen, None
        if output and slicer.mrmlScene.IsNodePresent(output):
            self._ui.imagesButton.collapsed = True  # so that the findings have room
            self._ui.resultButton.collapsed = False
            self._ui.scrollArea.ensureWidgetVisible(self._ui.findingsBrowser)
            in3D = self._logic.getParameterNode().show3D
            self._turns.take(views.showResult(output, in3D))
