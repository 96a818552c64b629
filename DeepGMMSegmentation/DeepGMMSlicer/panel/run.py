"""A run as the panel sees it: the window stays alive, and it can be cancelled."""

from __future__ import annotations

import logging
import time
from typing import Any, Callable

import slicer
from slicer.i18n import tr as _

from DeepGMMSegmentationLib.errors import Cancelled
from DeepGMMSegmentationLib.result import Progress

# Seconds between two rounds of window events: enough for a sliding slider, and a small part of the
# run even where each round redraws the views.
PACE = 0.05


class Run:
    """Hands the run's progress on, processes window events in between, and ends it on request.

    PythonQt keeps other Python threads from running while Qt's event loop does, so the iterations
    stay in the main thread and the events come to them.
    """

    def __init__(self, show: Callable[[Progress, float], None]) -> None:
        """Take what shows a `Progress` and the seconds left."""
        self._show = show
        self._began = self._pumped = time.monotonic()
        self._cancelled = False

    def cancel(self) -> None:
        """End the run at its next sign of life, some ten milliseconds from now."""
        self._cancelled = True

    def progress(self, event: Progress) -> None:
        """Show the event where it is time to, and raise `Cancelled` when asked to end."""
        if time.monotonic() - self._pumped >= PACE:
            elapsed = time.monotonic() - self._began
            self._show(event, elapsed * (1 - event.fraction) / event.fraction)
        self.heartbeat()

    def heartbeat(self) -> None:
        """Process window events where it is time to, and raise `Cancelled` when asked to end."""
        if time.monotonic() - self._pumped >= PACE:
            slicer.app.processEvents()
            self._pumped = time.monotonic()
        if self._cancelled:
            raise Cancelled(_("Cancelled; nothing was changed."))


class LogHandler(logging.Handler):
    """Writes what the library logs into a text widget."""

    def __init__(self, write: Callable[[str], Any]) -> None:
        super().__init__(logging.INFO)
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message."""
        self._write(self.format(record))
