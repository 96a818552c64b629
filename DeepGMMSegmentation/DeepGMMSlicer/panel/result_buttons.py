"""The buttons under a result: show, measure again, undo, copy, save, compare."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import Any, Callable

import qt
import slicer
from slicer.i18n import tr as _

from ..scene import result_nodes, views
from ..scene.comparing import writeComparison
from ..scene.owned_nodes import COMPARISON, SNAPSHOT, ownedNodes
from ..scene.remote import proposeRemote
from ..scene.stored_result import RECORD, readRecord
from ..turns import Turns
from . import dependencies, texts
from .running import Running
from .status import Status


def savePath(title: str, name: str) -> str:
    """Ask where a page is to go, and return that, or an empty text."""
    return qt.QFileDialog.getSaveFileName(slicer.util.mainWindow(), title, name, _("Page (*.html)"))


class ResultButtons:
    """What can be done with the output segmentation."""

    def __init__(
        self,
        ui: Any,
        logic: Any,
        status: Status,
        running: Running,
        turns: Turns,
        changed: Callable[[], None],
    ) -> None:
        """Connect the buttons; `changed` is called when `undo` has made the result another."""
        self._ui, self._logic, self._status, self._running = ui, logic, status, running
        self._turns, self._changed = turns, changed
        ui.showResultButton.connect("clicked(bool)", self.onShow)
        ui.recomputeButton.connect("clicked(bool)", self.onRecompute)
        ui.undoButton.connect("clicked(bool)", self.onUndo)
        ui.copyButton.connect("clicked(bool)", self.onCopy)
        ui.reportButton.connect("clicked(bool)", self.onReport)
        ui.proposeButton.connect("clicked(bool)", self.onPropose)
        ui.compareButton.connect("clicked(bool)", self.onCompare)

    def update(self) -> None:
        """Enable what there is a result for."""
        node = self._logic.getParameterNode()
        self._ui.undoButton.enabled = bool(node.output and node.output.GetNodeReference(SNAPSHOT))
        isResult = bool(node.output and node.output.GetAttribute(RECORD))
        self._ui.compareButton.enabled = isResult and node.baseline is not None

    def onShow(self, checked: bool = False) -> None:
        """Show the table and a plot of the output segmentation."""
        self._turns.take(views.showTableAndPlot(self._logic.getParameterNode().output))

    def onRecompute(self, checked: bool = False) -> None:
        """Measure the output segmentation as the user has edited it."""
        output = self._logic.getParameterNode().output
        self._begin(
            partial(self._logic.recompute, output),
            lambda _measures: self._status.tell(texts.recomputed(readRecord(output))),
            _("Recomputing failed."),
            _("Measuring…"),
        )

    def _begin(
        self, start: Callable[..., Any], finish: Callable[[Any], None], failure: str, text: str
    ) -> None:
        """Begin a run of `start` with what the user marked; see `Running.begin`."""
        node = self._logic.getParameterNode()
        with self._status.telling(failure):
            dependencies.ensure()
            marks = {"rvInsertion": node.rvInsertion, "remote": node.remote}
            self._running.begin(partial(start, **marks, wait=False), finish, failure, text)

    def onPropose(self, checked: bool = False) -> None:
        """Draw the remote myocardium that n-SD takes, and choose that, so that it can be edited."""
        node = self._logic.getParameterNode()
        with self._status.telling(_("No remote myocardium is proposed."), waitCursor=True):
            dependencies.ensure()
            node.remote = proposeRemote(node.output)
            self._status.tell(
                _("{name} is drawn; correct it in the Segment Editor, then click Recompute.")
                .format(name=node.remote.GetName())
            )  # fmt: skip

    def onCompare(self, checked: bool = False) -> None:
        """Show the table of two examinations, and ask where its page is to go."""
        node = self._logic.getParameterNode()
        with self._status.telling(_("The results cannot be compared."), waitCursor=True):
            dependencies.ensure()
            comparison = self._logic.compare(node.baseline, node.output)
            views.showTable(ownedNodes(node.output, [COMPARISON])[0])
            self._status.tell(texts.compared(comparison))
        path = savePath(_("Save comparison"), "comparison.html")
        if path:
            with self._status.telling(_("No comparison was saved."), waitCursor=True):
                self._tellSaved(*writeComparison(comparison, Path(path)))

    def _tellSaved(self, page: Path, table: Path) -> None:
        self._status.tell(_("Saved {page} and {table}.").format(page=page, table=table))

    def onUndo(self, checked: bool = False) -> None:
        """Bring back what the output was before the last result, or that result again."""
        output = self._logic.getParameterNode().output

        def steps() -> Generator[None, None, None]:
            yield from result_nodes.undo(output)
            views.chooseTableAndPlot(output)
            self._status.tell(_("{name} is what it was before.").format(name=output.GetName()))
            self._changed()

        self._turns.take(steps(), partial(self._status.telling, _("Nothing was brought back.")))

    def onCopy(self, checked: bool = False) -> None:
        """Put the table of measures on the clipboard."""
        output = self._logic.getParameterNode().output
        qt.QApplication.clipboard().setText(self._logic.tableText(output))
        self._status.tell(_("The table is on the clipboard; paste it into a spreadsheet."))

    def onReport(self, checked: bool = False) -> None:
        """Ask for a file, and write the report."""
        output = self._logic.getParameterNode().output
        path = savePath(_("Save report"), "report.html")
        if path:
            self._begin(
                partial(self._logic.saveReport, output, path),
                lambda files: self._tellSaved(*files),
                _("No report was saved."),
                _("Writing the report…"),
            )
