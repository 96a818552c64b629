"""The command line in a terminal of its own, where it shows how far it is."""

from __future__ import annotations

import os
import struct
import subprocess
import sys


class Terminal:
    """A run of the command line whose stderr is a terminal; nothing of it exists on Windows.

    Parameters
    ----------
    arguments : sequence of str
    """

    def __init__(self, arguments: list[str]) -> None:
        import fcntl
        import pty
        import termios

        self._screen, theirs = pty.openpty()
        rows_and_columns = struct.pack("4H", 24, 120, 0, 0)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, rows_and_columns)
        command = [sys.executable, "-m", "DeepGMMSegmentationLib", *map(str, arguments)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs)
        os.close(theirs)
        self.shown = ""

    def wait_for(self, text: str) -> None:
        """Read until the text is shown; fail if the run ends without it."""
        while text not in self.shown:
            assert self._read(), self.shown

    def finish(self) -> int:
        """Read to the end; return the exit code."""
        while self._read():
            pass
        os.close(self._screen)
        return self.process.wait(timeout=120)

    def _read(self) -> bool:
        try:
            part = os.read(self._screen, 1000)
        except OSError:  # Linux ends a terminal that nobody writes to any more by an error
            part = b""
        self.shown += part.decode(errors="replace")
        return bool(part)
