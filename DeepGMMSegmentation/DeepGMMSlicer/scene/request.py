"""Nodes of the scene as what the process that computes is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from DeepGMMSegmentationLib.io.sequences import role
from DeepGMMSegmentationLib.settings import Settings
from DeepGMMSegmentationLib.tissues import Tissue, tissue
from DeepGMMSegmentationLib.worker.requests import Request

from .images import readArrays, readSpacing
from .labels import readStrokes
from .measuring import checkInsertion, readMarks
from .region import regionArray
from .stored_result import tissueNames


def readRequest(
    volumes: Sequence[Any],
    region: Any,
    segment: str,
    *,
    settings: Optional[Settings],
    network: Any,
    refine: int,
    roles: Optional[Sequence[str]],
    tissues: Optional[Sequence[Tissue]],
    strokes: Any,
    rvInsertion: Any,
    remote: Any,
    changes: Optional[Mapping[str, Any]],
) -> Request:
    """Read what `DeepGMMSegmentationLogic.process` is given, once it was checked.

    Raises
    ------
    InvalidInput
        If something is empty, lies outside the images, or does not go together.
    """
    images, inside = readArrays(volumes), regionArray(region, segment, volumes[0])
    marks = readMarks(rvInsertion, remote, volumes[0], volumes)
    spacing = readSpacing(volumes[0])
    checkInsertion(marks, inside, spacing)
    if strokes is not None and isinstance(network, (str, Path)):
        from DeepGMMSegmentationLib.training.trained_network import TrainedNetwork

        network = TrainedNetwork.load(network)  # its tissues say what strokes are called
    if settings is None and not isinstance(network, (str, Path)):
        settings = network.settings if network else Settings()
    if tissues is None and settings is not None:
        tissues = [tissue(name, i) for i, name in enumerate(settings.tissues)]
    names = None if tissues is None else [shown.name for shown in tissues]
    return Request(
        arguments={
            "images": images,
            "roi": inside,
            "settings": settings,
            "network": network,
            "refine": refine,
            "spacing": spacing,
            "roles": roles or rolesByName(volumes),
            "told": [role(volume.GetName()) for volume in volumes],
            "seeds": None if strokes is None else readStrokes(strokes, names, volumes[0]),
        },
        marks=vars(marks),
        changes=changes or {},
        tissues=tissueNames(names, settings.tissues) if names and settings else None,
    )


def rolesByName(volumes: Sequence[Any]) -> list[str]:
    """Return LGE, T2 or bSSFP where a volume's name says so, else that name."""
    names = [volume.GetName() for volume in volumes]
    return [role(name) or name for name in names]
