"""The nodes of a run, watched: when one of them is deleted, the run ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable, Optional

import slicer
from slicer.i18n import tr as _

from DeepGMMSegmentationLib.errors import InvalidInput
from DeepGMMSegmentationLib.result import Progress, ProgressCallback


class Guard:
    """Ends a run when a node that it needs is deleted."""

    def __init__(
        self,
        nodes: Sequence[Any],
        progress: Optional[ProgressCallback],
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
