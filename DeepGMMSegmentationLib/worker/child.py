"""The child's side: it does what is requested, and says how far it is."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import pickle
import queue
import sys
import threading
from pathlib import Path
from typing import Any, Union

from ..result import ProgressCallback
from .requests import (
    ANSWER,
    MESSAGES,
    REQUEST,
    Answer,
    AnyRequest,
    MeasureRequest,
    RegionRequest,
    ReportRequest,
    SampleRequest,
)

SOON = 0.1  # seconds in which a request comes that was there before the child


def answer(request: AnyRequest, progress: ProgressCallback) -> Any:
    """Do what is requested, as the child does."""
    if isinstance(request, SampleRequest):
        from ..hearts.sample import heart

        return heart(request.seed)
    if isinstance(request, (MeasureRequest, ReportRequest)):
        return _measured(request)
    _spare_busy_cores()
    if isinstance(request, RegionRequest):
        from ..anatomy.click import trace_at

        return trace_at(**request.arguments)
    from ..cardiac.measures import measure
    from ..segmentation import segment
    from ..training.trained_network import TrainedNetwork

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
    from ..cardiac.measures import measure

    measures = measure(**request.arguments)
    if isinstance(request, MeasureRequest):
        return measures.to_dict()
    from ..report.html import render_report
    from ..report.tables import case_csv

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
    from .. import segmentation  # noqa: F401  takes seconds; done before a request comes

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
