"""The buttons under a result: show, measure again, undo, copy, save."""

from __future__ import annotations

from typing import Any, Callable

import qt
import slicer
from slicer.i18n import tr as _

from ..scene import views
from ..scene.owned_nodes import SNAPSHOT
from ..scene.stored_result import readRecord
from . import dependencies, texts
from .status import Status


def savePath() -> str:
    """Ask where the report is to go, and return that, or an empty text."""
    return qt.QFileDialog.getSaveFileName(
        slicer.util.mainWindow(), _("Save report"), "report.html", _("Report (*.html)")
    )


class ResultButtons:
    """What can be done with the output segmentation."""

    def __init__(self, ui: Any, logic: Any, status: Status, changed: Callable[[], None]) -> None:
        """Connect the buttons; `changed` is called when the result has become another."""
        self._ui, self._logic, self._status, self._changed = ui, logic, status, changed
        ui.showResultButton.connect("clicked(bool)", self.onShow)
        ui.recomputeButton.connect("clicked(bool)", self.onRecompute)
        ui.undoButton.connect("clicked(bool)", self.onUndo)
        ui.copyButton.connect("clicked(bool)", self.onCopy)
        ui.reportButton.connect("clicked(bool)", self.onReport)

    def update(self) -> None:
        """Enable what there is a result for."""
        output = self._logic.getParameterNode().output
        self._ui.undoButton.enabled = bool(output and output.GetNodeReference(SNAPSHOT))

    def onShow(self, checked: bool = False) -> None:
        """Show the table and a plot of the output segmentation."""
        views.showResult(self._logic.getParameterNode().output, in3D=False)

    def onRecompute(self, checked: bool = False) -> None:
        """Measure the output segmentation as the user has edited it."""
        node = self._logic.getParameterNode()
        with self._status.telling(_("Recomputing failed."), waitCursor=True):
            dependencies.ensure()
            self._logic.recompute(node.output, rvInsertion=node.rvInsertion, remote=node.remote)
            self._status.tell(texts.recomputed(readRecord(node.output)))
            self._changed()

    def onUndo(self, checked: bool = False) -> None:
        """Bring back what the output was before the last result, or that result again."""
        output = self._logic.getParameterNode().output
        with self._status.telling(_("Nothing was brought back."), waitCursor=True):
            self._logic.undo(output)
            self._status.tell(_("{name} is what it was before.").format(name=output.GetName()))
            self._changed()

    def onCopy(self, checked: bool = False) -> None:
        """Put the table of measures on the clipboard."""
        output = self._logic.getParameterNode().output
        qt.QApplication.clipboard().setText(self._logic.tableText(output))
        self._status.tell(_("The table is on the clipboard; paste it into a spreadsheet."))

    def onReport(self, checked: bool = False) -> None:
        """Ask for a file, and write the report."""
        node = self._logic.getParameterNode()
        path = savePath()
        if path:
            with self._status.telling(_("No report was saved."), waitCursor=True):
                dependencies.ensure()
                marks = {"rvInsertion": node.rvInsertion, "remote": node.remote}
                page, table = self._logic.saveReport(node.output, path, **marks)
                self._status.tell(_("Saved {page} and {table}.").format(page=page, table=table))
