"""The run that goes on: the button that ends it, its progress, and its end."""

from __future__ import annotations

import time
from typing import Any, Callable, Optional

from slicer.i18n import tr as _

from DeepGMMSegmentationLib.errors import Cancelled
from DeepGMMSegmentationLib.result import Progress

from ..run import Run
from . import texts
from .status import Status


class Running:
    """Shows the run that goes on, if one does, and takes its end."""

    def __init__(self, ui: Any, status: Status, changed: Callable[[], None]) -> None:
        """Show that nothing runs; `changed` is called at the end of each run."""
        self._ui, self._status, self._changed = ui, status, changed
        self._run: Optional[Run] = None
        self._began = 0.0
        self._show()

    @property
    def active(self) -> bool:
        """Whether a run goes on."""
        return self._run is not None

    def begin(
        self, start: Callable[..., Run], finish: Callable[[Any], None], failure: str, text: str
    ) -> None:
        """Start a run and follow it.

        Parameters
        ----------
        start : callable
            Called with `whenDone`; a method of the logic that does not wait.
        finish : callable
            Called with the run's result, unless it is cancelled or fails.
        failure : str
            What the user is told if it fails, beside the reason.
        text : str
            What the user is told at first.
        """

        def end(result: Any, error: Optional[Exception]) -> None:
            if self._run is None:  # the panel goes away
                return
            self._run = None
            self._show()
            self._changed()
            with self._status.telling(failure):
                if isinstance(error, Cancelled):
                    self._status.tell(str(error))
                elif error:
                    raise error
                else:
                    finish(result)

        self._run = start(whenDone=end)
        self._began = time.monotonic()
        self._status.tell(text)
        self._show()

    def cancel(self) -> None:
        """End the run, if one goes on."""
        if self._run:
            self._run.cancel()

    def close(self) -> None:
        """End the run without a word."""
        run, self._run = self._run, None
        if run:
            run.cancel()

    def showProgress(self, event: Progress) -> None:
        """Show how far the run is, and how long it may take."""
        elapsed = time.monotonic() - self._began
        secondsLeft = elapsed * (1 - event.fraction) / event.fraction
        self._ui.progressBar.value = int(1000 * event.fraction)
        self._status.show(texts.progressText(event, secondsLeft))

    def _show(self) -> None:
        self._ui.applyButton.text = _("Cancel") if self.active else _("Apply")
        self._ui.progressBar.setVisible(self.active)
        self._ui.progressBar.value = 0
        if self.active:
            self._ui.applyButton.enabled = True
            self._ui.applyButton.toolTip = _("End the run; nothing will be changed.")
