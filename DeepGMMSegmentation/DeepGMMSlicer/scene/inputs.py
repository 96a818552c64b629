"""The check of what a run is asked to do, the same for the panel and the console."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from slicer.i18n import tr as _

from DeepGMMSegmentationLib.errors import InvalidInput

from .images import checkVolumes
from .region import checkRegion


def checkInputs(
    volumes: Sequence[Any], region: Any, segment: str, strokes: Any, remote: Any, output: Any
) -> None:
    """Refuse nodes that cannot be segmented or do not go together, as far as a look at them tells.

    Parameters are those of `DeepGMMSegmentationLogic.process`.

    Raises
    ------
    InvalidInput
        Naming the node, what is wrong with it and what to do.
    """
    checkVolumes(volumes)
    checkRegion(region, segment)
    if output is not None and output in (region, strokes, remote):
        raise InvalidInput(
            _("{name} is both an input and the output; choose another output.").format(
                name=output.GetName()
            )
        )
