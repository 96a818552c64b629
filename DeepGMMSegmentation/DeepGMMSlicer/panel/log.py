"""What the library logs, in the panel."""

from __future__ import annotations

import logging
from typing import Any, Callable


class LogHandler(logging.Handler):
    """Writes what the library logs into a text widget."""

    def __init__(self, write: Callable[[str], Any]) -> None:
        super().__init__(logging.INFO)
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message."""
        self._write(self.format(record))
