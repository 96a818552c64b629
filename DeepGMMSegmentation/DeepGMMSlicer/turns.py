"""Work in steps, each in a turn of the event loop of its own, so that the window stays free."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from contextlib import AbstractContextManager
from typing import Any, Callable, Optional

import qt


class Turns:
    """One piece of work at a time."""

    def __init__(self) -> None:
        self._steps: Optional[Generator[Any, None, None]] = None

    def take(
        self,
        steps: Generator[Any, None, None],
        telling: Callable[[], AbstractContextManager[Any]] = contextlib.nullcontext,
    ) -> None:
        """Take the steps of a generator; what goes on still is given up.

        Parameters
        ----------
        steps : generator
            Where it is closed before its end, it leaves everything as it was.
        telling : callable
            The context in which a step is taken.
        """
        self.giveUp()
        self._steps = steps

        def turn() -> None:
            if self._steps is steps:
                with telling():
                    if next(steps, steps) is not steps:
                        qt.QTimer.singleShot(0, turn)

        turn()

    def giveUp(self) -> None:
        """Take no more steps."""
        steps, self._steps = self._steps, None
        if steps is not None:
            steps.close()
