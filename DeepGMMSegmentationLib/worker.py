"""What takes long, in a process of its own, so that its parent stays free and outlives a crash.

The parent holds a `Worker`; the child runs ``python -m DeepGMMSegmentationLib.worker``. A request
lies in a folder, whose name the parent writes to the child's standard input. The child appends
what it has to say to a file in that folder, a line of JSON each, which the parent reads at its own
pace. When the parent dies its end of the input closes, and the child ends at once. So the two need
no thread and no event loop in the parent, where neither might run.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import pickle
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Union

from . import errors
from .result import Progress, ProgressCallback, Result

ROOT = Path(__file__).resolve().parents[1]
REQUEST, MESSAGES, ANSWER = "request.pickle", "messages.jsonl", "answer.pickle"
STOP = 0.1  # seconds
SOON = 0.1  # seconds in which a request comes that was there before the child


@dataclass(frozen=True)
class Request:
    """What is to be segmented and then measured.

    Attributes
    ----------
    arguments : mapping
        Of `segment`, without callbacks.
    marks : mapping
        Of `measure`, beside the result and its images.
    changes : mapping
        Fields in which the settings of the network are to be changed.
    tissues : tuple of str, optional
        The names of the classes for the measures; by default those of the result.
    """

    arguments: Mapping[str, Any]
    marks: Mapping[str, Any]
    changes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    tissues: Optional[tuple[str, ...]] = None


@dataclass(frozen=True)
class RegionRequest:
    """The left ventricle that is to be found around a point: the arguments of `trace_at`."""

    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class MeasureRequest:
    """A result whose measures are wanted: the arguments of `measure`."""

    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class ReportRequest:
    """A result whose report is wanted, as texts of HTML and CSV: the arguments of `measure`."""

    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class SampleRequest:
    """The synthetic heart of that seed; `heart` draws it."""

    seed: int = 0


AnyRequest = Union[Request, RegionRequest, MeasureRequest, ReportRequest, SampleRequest]


@dataclass(frozen=True)
class Answer:
    """The result of a request, and its measures as `Measures.to_dict` gives them."""

    result: Result
    measures: dict[str, Any]


class Worker:
    """The parent's side: one child, started when it is needed and used again."""

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
        code += "from DeepGMMSegmentationLib.worker import main; main()"
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
                "choose fewer filters, fewer slices or a smaller margin."
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


def answer(request: AnyRequest, progress: ProgressCallback) -> Any:
    """Do what is requested, as the child does."""
    if isinstance(request, SampleRequest):
        from .hearts.sample import heart

        return heart(request.seed)
    if isinstance(request, (MeasureRequest, ReportRequest)):
        return _measured(request)
    _spare_busy_cores()
    if isinstance(request, RegionRequest):
        from .anatomy.click import trace_at

        return trace_at(**request.arguments)
    from .cardiac.measures import measure
    from .segmentation import segment
    from .training.trained_network import TrainedNetwork

    arguments = dict(request.arguments)
    network = arguments.get("network")
    if network is not None:
        if not isinstance(network, TrainedNetwork):
            network = TrainedNetwork.load(network)
        settings = arguments.get("settings") or network.settings
        changed = dataclasses.replace(settings, **request.changes)
        arguments.update(network=network, settings=changed)
    result = segment(**arguments, progress=progress)
    if request.tissues is not None:
        result = dataclasses.replace(result, tissues=request.tissues)
    measures = measure(result, arguments["images"], **request.marks)
    return Answer(result, measures.to_dict())


def _measured(request: Union[MeasureRequest, ReportRequest]) -> Any:
    """Measure a result, and write its report if that is wanted."""
    from .cardiac.measures import measure

    measures = measure(**request.arguments)
    if isinstance(request, MeasureRequest):
        return measures.to_dict()
    from .report.html import render_report
    from .report.tables import case_csv

    result, images, reference, remote = (
        request.arguments[name] for name in ("result", "images", "reference", "remote")
    )
    page = render_report(measures, result, images, reference.GetDirection(), remote)
    return page, case_csv(measures.to_dict())


def main() -> None:
    """Answer requests until the parent closes its end of the input or dies."""
    folders: queue.SimpleQueue[Path] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(folders,), daemon=True).start()
    with contextlib.suppress(queue.Empty):
        _serve(folders.get(timeout=SOON))  # the sample need not wait for what is loaded next
    from . import segmentation  # noqa: F401  takes seconds; done before a request comes

    while True:
        _serve(folders.get())


def _listen(folders: queue.SimpleQueue[Path]) -> None:
    """Hand on the folders of requests; end the process with the parent."""
    for line in sys.stdin.buffer:
        folders.put(Path(json.loads(line)))
    os._exit(0)


def _serve(folder: Path) -> None:
    """Answer one request."""
    with (folder / MESSAGES).open("a", encoding="utf-8", buffering=1) as file:

        def say(**message: Any) -> None:
            file.write(json.dumps(message) + "\n")

        handler = _Handler(say)
        logger = logging.getLogger("DeepGMMSegmentationLib")
        logger.addHandler(handler)
        try:
            with (folder / REQUEST).open("rb") as written:
                request = pickle.load(written)
            reply = answer(request, lambda event: say(progress=dataclasses.asdict(event)))
            with (folder / ANSWER).open("wb") as answered:
                pickle.dump(reply, answered, pickle.HIGHEST_PROTOCOL)
            say(done=True)
        except Exception as error:
            logger.exception("The computation failed.")
            say(error=type(error).__name__, text=str(error))
        finally:
            logger.removeHandler(handler)


def _spare_busy_cores() -> None:
    """Take as many threads as cores are idle, and one at least."""
    import torch

    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    torch.set_num_threads(max(1, (os.cpu_count() or 1) - round(load)))


class _Handler(logging.Handler):
    """Says what the library logs."""

    def __init__(self, say: Any) -> None:
        super().__init__(logging.INFO)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        """Say one message."""
        self._say(log=self.format(record))
