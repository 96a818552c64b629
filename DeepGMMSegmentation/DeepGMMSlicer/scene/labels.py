"""Segmentations and label maps as labels: strokes of truth, and truths to learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import slicer
from slicer.i18n import tr as _

from DeepGMMSegmentationLib.errors import InvalidInput
from DeepGMMSegmentationLib.tissues import usual_name

from .region import labelMapArray, segmentArray


def segmentsById(node: Any) -> dict[str, Any]:
    """Return the segments of a segmentation by their ID."""
    segmentation = node.GetSegmentation()
    return {ID: segmentation.GetSegment(ID) for ID in segmentation.GetSegmentIDs()}


def paintLabels(node: Any, labels: Mapping[str, int], reference: Any) -> np.ndarray:
    """Return the segments with these IDs as labels, uint8 ``(Z, Y, X)``; later ones lie on top."""
    result = np.zeros(tuple(reversed(reference.GetImageData().GetDimensions())), np.uint8)
    for segmentId, label in labels.items():
        result[segmentArray(node, segmentId, reference)] = label
    return result


def readStrokes(node: Any, tissues: Sequence[str], reference: Any) -> np.ndarray:
    """Return strokes of truth in the form that the library takes.

    Parameters
    ----------
    node : vtkMRMLSegmentationNode or vtkMRMLLabelMapVolumeNode
        Segments are matched to the tissues by name, whatever their case; label k of a label map
        is the k-th tissue.
    tissues : sequence of str
        The names of the classes.
    reference : vtkMRMLScalarVolumeNode
        The volume whose grid is used.

    Returns
    -------
    ndarray of int, shape ``(Z, Y, X)``
        i + 1 where ``tissues[i]`` was painted, 0 elsewhere.

    Raises
    ------
    InvalidInput
        If a segment or label is no tissue, or nothing is painted.
    """
    if isinstance(node, slicer.vtkMRMLLabelMapVolumeNode):
        labels = labelMapArray(node, reference)
    else:
        numbers = {name.casefold(): i + 1 for i, name in enumerate(tissues)}
        names = {ID: segment.GetName() for ID, segment in segmentsById(node).items()}
        for name in names.values():
            if name.casefold() not in numbers:
                raise InvalidInput(
                    _("The strokes {name} have a segment {segment}; name it as one of the tissues "
                      "{tissues}, or remove it.")
                    .format(name=node.GetName(), segment=name, tissues=", ".join(tissues))
                )  # fmt: skip
        classes = {ID: numbers[name.casefold()] for ID, name in names.items()}
        labels = paintLabels(node, classes, reference)
    if not labels.any():
        raise InvalidInput(
            _("The strokes {name} are empty or lie outside {image}; paint some, or select none.")
            .format(name=node.GetName(), image=reference.GetName())
        )  # fmt: skip
    return labels.astype(int)


def readTruth(node: Any, reference: Any) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return a labelled segmentation as labels from 1 on, and the names of its segments.

    Raises
    ------
    InvalidInput
        If nothing is labelled.
    """
    named = segmentsById(node)
    labels = paintLabels(node, {ID: i + 1 for i, ID in enumerate(named)}, reference)
    if not labels.any():
        raise InvalidInput(
            _("The labelled segmentation {name} is empty or lies outside {image}; paint a segment "
              "for every tissue.")
            .format(name=node.GetName(), image=reference.GetName())
        )  # fmt: skip
    return labels, tuple(usual_name(segment.GetName()) for segment in named.values())
