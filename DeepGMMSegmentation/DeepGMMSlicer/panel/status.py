"""What the panel says: the last word in the status line, and every word in the log."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import slicer


class Status:
    """The status line and the log."""

    def __init__(self, ui: Any) -> None:
        self._label, self._log = ui.statusLabel, ui.logEdit
        self.show("")
        self._label.setFixedHeight(2 * self._label.fontMetrics().lineSpacing())

    def show(self, text: str) -> None:
        """Show a text in the status line, all of it where the mouse rests there."""
        self._label.text = self._label.toolTip = text
        # A text that wraps would let Slicer scroll the panel, and hide Apply, rather than let the
        # sections shrink.
        policy = self._label.sizePolicy
        policy.setHeightForWidth(False)
        self._label.setSizePolicy(policy)

    def tell(self, text: str) -> None:
        """Show the first line of a text, and write all of it into the log."""
        self.show(text.splitlines()[0] if text.strip() else "")
        self._log.appendPlainText(text)

    @contextlib.contextmanager
    def telling(self, failure: str, waitCursor: bool = False) -> Iterator[None]:
        """Say in a dialog that something failed, and why, here too."""
        with slicer.util.tryWithErrorDisplay(failure, waitCursor=waitCursor):
            try:
                yield
            except Exception as error:
                self.tell(str(error))
                raise
