"""The self-test of Slicer's log: no action may leave a warning or an error in it."""

# ruff: noqa: PT009  (Slicer runs the self-test by unittest)
from __future__ import annotations

import logging

import slicer

LEVEL = 2  # column of ctkErrorLogAbstractModel
COMPLAINTS = ("Warning", "Error", "Critical", "Fatal")


class CleanLog:
    """Mixed into the self-test."""

    def watchLog(self) -> None:
        """Fail at the end of this test if something was complained of during it."""
        logging.info("Self-test: %s", self.id())  # an entry that no later one is joined to
        slicer.app.processEvents()
        self.addCleanup(self.checkLog, slicer.app.errorLogModel().logEntryCount())

    def checkLog(self, first: int) -> None:
        """Fail if there is a complaint from that entry on."""
        slicer.app.processEvents()  # which writes the log
        log = slicer.app.errorLogModel()
        complaints = [
            log.logEntryDescription(row)
            for row in range(first, log.logEntryCount())
            if log.data(log.index(row, LEVEL)) in COMPLAINTS
        ]
        self.assertEqual(complaints, [])
