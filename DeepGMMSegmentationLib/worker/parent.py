"""The parent's side: it starts the child, asks, and reads what the child says."""

from __future__ import annotations

import contextlib
import json
import pickle
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Optional

from .. import errors
from ..result import Progress
from .requests import ANSWER, MESSAGES, REQUEST, AnyRequest

ROOT = Path(__file__).resolve().parents[2]
STOP = 0.1  # seconds


class Worker:
    """One child, started when it is needed and used again."""

    def __init__(self, python: str = sys.executable) -> None:
        """Take the Python interpreter that the child runs in."""
        self._python = python
        self._process: Optional[subprocess.Popen[bytes]] = None
        self._folder = Path()
        self._read = 0  # bytes of the messages
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as this

    @property
    def running(self) -> bool:
        """Whether there is a child."""
        return self._process is not None and self._process.poll() is None

    @property
    def busy(self) -> bool:
        """Whether a request is being computed."""
        return self._folder != Path()

    def prepare(self) -> None:
        """Start the child if there is none, so that it is ready when a request comes."""
        if self.running:
            return
        self._complaints.seek(0)
        self._complaints.truncate()
        code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); "
        code += "from DeepGMMSegmentationLib.worker.child import main; main()"
        self._process = subprocess.Popen(
            [self._python, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._complaints,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # on Windows
        )

    def start(self, request: AnyRequest) -> None:
        """Begin to compute; an earlier request must have been answered or stopped."""
        self.prepare()
        self._folder, self._read = Path(tempfile.mkdtemp(prefix="deepgmm-")), 0
        with (self._folder / REQUEST).open("wb") as file:
            pickle.dump(request, file, pickle.HIGHEST_PROTOCOL)
        self._process.stdin.write(f"{json.dumps(str(self._folder))}\n".encode())
        self._process.stdin.flush()

    def poll(self) -> list[Any]:
        """Return what the child has said since the last call: progress, log lines, an answer.

        That is an `Answer`, what `trace_at` or `heart` returns, measures as `Measures.to_dict`
        gives them, or the two texts of a report.

        Raises
        ------
        DeepGMMError
            The one that the child met, or that the child died.
        """
        ended = self._process.poll() is not None  # asked first: it may say something and then end
        said: list[Any] = []
        for message in self._messages():
            if "progress" in message:
                said.append(Progress(**message["progress"]))
            elif "log" in message:
                said.append(message["log"])
            elif "error" in message:
                self._clear()
                raise getattr(errors, message["error"], errors.DeepGMMError)(message["text"])
            else:
                with (self._folder / ANSWER).open("rb") as file:
                    said.append(pickle.load(file))
                self._clear()
                return said
        if ended:
            self._complaints.seek(0)
            words = self._complaints.read().decode(errors="replace").splitlines()
            code = self._process.returncode
            reason = words[-1] if words and code > 0 else f"exit code {code}"
            self.stop()
            raise errors.DeepGMMError(
                f"The computation ended unexpectedly ({reason}), perhaps for lack of memory; "
                "close other programs, or choose fewer filters, fewer slices or a smaller margin."
            )
        return said

    def stop(self) -> None:
        """End the child at once, and with it what it computes."""
        if self._process is not None:
            self._process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP)  # it ends all the same, but nobody should wait for that
            self._process.stdin.close()
            self._process = None
        self._clear()

    def _clear(self) -> None:
        """Delete the request and the answer; the disk may hold a patient's images no longer."""
        if self.busy:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = Path()

    def _messages(self) -> list[dict[str, Any]]:
        """Return the messages that were written since the last time, whole lines only."""
        path = self._folder / MESSAGES
        if not path.exists():
            return []
        with path.open("rb") as file:
            file.seek(self._read)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        return [json.loads(line) for line in whole.splitlines()]
