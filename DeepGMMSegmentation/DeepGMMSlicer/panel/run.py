"""A run as the panel sees it: the window stays alive, and it can be cancelled."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any, Callable, Optional

import slicer
from slicer.i18n import tr as _

from DeepGMMSegmentationLib.errors import Cancelled, InvalidInput
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


class Guard:
    """Ends a run when a node that it needs is deleted."""

    def __init__(
        self,
        nodes: Sequence[Any],
        progress: Optional[Callable[[Progress], None]],
        heartbeat: Optional[Callable[[], None]],
    ) -> None:
        """Take the nodes, and the callbacks that are to be called as well."""
        self._nodes = [node for node in nodes if node is not None]
        self._progress, self._heartbeat = progress, heartbeat

    def progress(self, event: Progress) -> None:
        """Hand the progress on."""
        if self._progress:
            self._progress(event)
        self.heartbeat()

    def heartbeat(self) -> None:
        """Raise `InvalidInput` when a node is gone."""
        if self._heartbeat:
            self._heartbeat()
        for node in self._nodes:
            if not slicer.mrmlScene.IsNodePresent(node):
                raise InvalidInput(
                    _("{name} was deleted during the run; nothing was changed.").format(
                        name=node.GetName()
                    )
                )


class LogHandler(logging.Handler):
    """Writes what the library logs into a text widget."""

    def __init__(self, write: Callable[[str], Any]) -> None:
        super().__init__(logging.INFO)
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message."""
        self._write(self.format(record))
