"""A run in the process that computes: followed, waited for, cancelled, and put into the scene."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Sequence
from typing import Any, Callable, Optional

import qt
import slicer
from slicer.i18n import tr as _

from DeepGMMSegmentationLib.errors import Cancelled, InvalidInput
from DeepGMMSegmentationLib.result import Progress, ProgressCallback
from DeepGMMSegmentationLib.worker.parent import Worker
from DeepGMMSegmentationLib.worker.requests import AnyRequest

PACE = 0.05  # seconds between two looks at the process

Done = Callable[[Any, Optional[Exception]], None]


class Run:
    """A run of `DeepGMMSegmentationLogic.process`, `findRegion`, `recompute` and the like.

    Attributes
    ----------
    done : bool
        Whether it has ended, one way or another.
    """

    def __init__(
        self,
        worker: Worker,
        request: AnyRequest,
        nodes: Sequence[Any],
        finish: Callable[[Any], Generator[Any, None, None]],
        progress: Optional[ProgressCallback],
    ) -> None:
        """Begin.

        Parameters
        ----------
        worker : Worker
            The process that computes.
        request : Request or another that the worker takes
        nodes : sequence of vtkMRMLNode
            When one of them is deleted, the run ends.
        finish : callable
            Puts the answer into the scene step by step; see `addResult`.
        progress : callable, optional
            Called with each `Progress`; may raise `Cancelled`.
        """
        self.done = False
        self._worker, self._nodes, self._finish = worker, nodes, finish
        self._progress = progress
        self._steps: Optional[Generator[Any, None, None]] = None
        self._whenDone: Optional[Done] = None
        self._timer = qt.QTimer()
        self._timer.setInterval(int(1000 * PACE))
        # Started again after each step, so that what waits meanwhile comes before the next.
        self._timer.setSingleShot(True)
        self._timer.connect("timeout()", self._advance)
        worker.start(request)

    def wait(self, heartbeat: Optional[Callable[[], None]]) -> Any:
        """Wait for the end and return the result; `heartbeat` is called meanwhile."""
        try:
            while True:
                result = self._look()
                if self.done:
                    self._steps.close()
                    return result
                if heartbeat:
                    heartbeat()
                if self._steps is None:
                    time.sleep(PACE)
        except BaseException:
            self._stop()
            raise

    def follow(self, whenDone: Optional[Done]) -> None:
        """Go on while the window lives, and call with the result or the error at the end."""
        self._whenDone = whenDone
        self._timer.start()

    def cancel(self) -> None:
        """End the run at once; nothing is changed."""
        if not self.done:
            self._end(None, Cancelled(_("Cancelled; nothing was changed.")))

    def _advance(self) -> None:
        if self.done:  # what the result took the place of is removed
            if next(self._steps, self) is not self:
                self._timer.start()
            return
        try:
            result = self._look()
        except Exception as error:
            self._end(None, error)
        else:
            if self._steps is not None:
                self._timer.setInterval(0)
            if result is not None:
                # Not 0, which Qt may let come before what waits.
                qt.QTimer.singleShot(1, lambda: self._end(result, None))
            else:
                self._timer.start()

    def _end(self, result: Any, error: Optional[Exception]) -> None:
        if error is not None:
            self._stop()
            self._timer.stop()
        try:
            if self._whenDone:
                self._whenDone(result, error)
        finally:
            if error is None:
                self._timer.start()

    def _stop(self) -> None:
        self.done = True
        if self._steps is not None:
            self._steps.close()
        if self._worker.busy:
            self._worker.stop()

    def _look(self) -> Any:
        """Hand on what the process has said; return the result once it is in the scene."""
        for node in self._nodes:
            if not slicer.mrmlScene.IsNodePresent(node):
                raise InvalidInput(
                    _("{name} was deleted during the run; nothing was changed.").format(
                        name=node.GetName()
                    )
                )
        if self._steps is not None:
            result = next(self._steps)
            self.done = result is not None
            return result
        for event in self._worker.poll():
            if isinstance(event, str):
                logging.getLogger("DeepGMMSegmentationLib").info(event)
            elif isinstance(event, Progress):
                if self._progress:
                    self._progress(event)
            else:
                self._steps = self._finish(event)
        return None


class Runs:
    """The runs in one process, one at a time."""

    def __init__(self, worker: Worker) -> None:
        """Take the process."""
        self._worker = worker
        self._run: Optional[Run] = None

    def begin(
        self,
        request: AnyRequest,
        nodes: Sequence[Any],
        finish: Callable[[Any], Generator[Any, None, None]],
        *,
        progress: Optional[ProgressCallback] = None,
        heartbeat: Optional[Callable[[], None]] = None,
        wait: bool,
        whenDone: Optional[Done] = None,
    ) -> Any:
        """Begin a run as `Run` does; return its result, or where this does not wait the run.

        Raises
        ------
        InvalidInput
            If another run goes on.
        """
        if self._run is not None and not self._run.done:
            raise InvalidInput(_("A run is going on; wait for its end, or cancel it."))
        self._run = Run(self._worker, request, nodes, finish, progress)
        if wait:
            return self._run.wait(heartbeat)
        self._run.follow(whenDone)
        return self._run
