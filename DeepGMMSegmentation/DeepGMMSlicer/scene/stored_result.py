"""What a segmentation node keeps of the result it came from, so that it can be measured again."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any, Optional

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _

import DeepGMMSegmentationLib
from DeepGMMSegmentationLib.errors import InvalidInput
from DeepGMMSegmentationLib.result import Result
from DeepGMMSegmentationLib.tissues import TISSUES, Tissue, tissue, usual_name
from DeepGMMSegmentationLib.version import versions

from .images import readArrays
from .labels import paintLabels, segmentsById
from .owned_nodes import PROBABILITIES, addNode

RECORD = "DeepGMMSegmentation.Record"  # attribute: settings, versions, parameters, measures as JSON
CLASS = "DeepGMMSegmentation.Class"  # tag of a segment: which class it is, from 1
IMAGE = "DeepGMMSegmentation.Image"  # reference to the images that were segmented


def addProbabilities(probabilities: np.ndarray, reference: Any) -> Any:
    """Add the probabilities ``(K, Z, Y, X)`` to the scene, hidden, and return their node."""
    node = addNode("vtkMRMLVectorVolumeNode", "Probabilities", hidden=True)
    node.CopyOrientation(reference)
    node.SetAndObserveTransformNodeID(reference.GetTransformNodeID())
    slicer.util.updateVolumeFromArray(node, np.moveaxis(probabilities, 0, -1))
    return node


def readRecord(node: Any) -> dict[str, Any]:
    """Return the record of settings, versions, parameters and measures of a segmentation.

    Raises
    ------
    InvalidInput
        If the segmentation is no result of this module.
    """
    text = node.GetAttribute(RECORD) if node else None
    if not text:
        raise InvalidInput(_("There is no result; click Apply, or select the segmentation of one."))
    return json.loads(text)


def makeRecord(result: Result, measures: dict[str, Any]) -> dict[str, Any]:
    """Return what is kept as text: all but the voxels, as in the command line's result.json."""
    values = {**result.to_record(), "versions": versions(), "measures": measures}
    values["versions"]["slicer"] = slicer.app.applicationVersion
    values["versions"]["DeepGMMSegmentation"] = DeepGMMSegmentationLib.__version__
    return values


def tissueNames(names: Sequence[str], given: Sequence[str]) -> tuple[str, ...]:
    """Return what the library is to know the classes by: tissues by theirs, others as given.

    So that wall tissues count as such, whatever the user calls the rest.

    Raises
    ------
    InvalidInput
        If one name stands for two classes.
    """
    usual = map(usual_name, names)
    tissues = tuple(name if name in TISSUES else other for name, other in zip(usual, given))
    for name in tissues:
        if tissues.count(name) > 1:
            raise InvalidInput(
                _("Two classes stand for {tissue}; give each a name of its own.").format(
                    tissue=name
                )
            )
    return tissues


def imagesOf(node: Any) -> list[Any]:
    """Return the nodes of the images that a segmentation came from, but those that are gone."""
    count = node.GetNumberOfNodeReferences(IMAGE)
    return [volume for m in range(count) if (volume := node.GetNthNodeReference(IMAGE, m))]


def readImages(node: Any) -> Optional[np.ndarray]:
    """Return the images that a segmentation came from, or None if one is gone or changed."""
    volumes = imagesOf(node)
    if len(volumes) < len(readRecord(node)["roles"]):
        return None
    size = node.GetNodeReference(PROBABILITIES).GetImageData().GetDimensions()
    for volume in volumes:
        image = volume.GetImageData()
        if not image or image.GetDimensions() != size:
            return None
    return readArrays(volumes)


def readResult(node: Any) -> tuple[Result, list[str]]:
    """Return the result that a segmentation came from, with the labels that it has now.

    Segments are known by a tag, so that they may be renamed; one that the user added counts by
    its name. Where segments overlap the later one counts.

    Returns
    -------
    Result
        Its tissues named as the segments are now, as far as these are names of tissues.
    list of str
        What the segments are called.

    Raises
    ------
    InvalidInput
        If the segmentation is no result of this module, its probabilities were not saved with the
        scene, or a segment is no tissue.
    """
    values = readRecord(node)
    probabilities = node.GetNodeReference(PROBABILITIES)
    if probabilities is None or probabilities.GetImageData() is None:
        raise InvalidInput(
            _("The probabilities of {name} are not in the scene; click Apply again.").format(
                name=node.GetName()
            )
        )
    before = [entry["name"] for entry in values["tissues"]]
    names, classes = list(before), {}
    for segmentId, segment in segmentsById(node).items():
        classes[segmentId] = _classOf(segment, before)
        if segment.HasTag(CLASS):
            names[classes[segmentId] - 1] = segment.GetName()
    result = Result.from_record(
        values,
        paintLabels(node, classes, probabilities),
        np.moveaxis(slicer.util.arrayFromVolume(probabilities), -1, 0),
    )
    return dataclasses.replace(result, tissues=tissueNames(names, before)), names


def readTissues(node: Any, names: Sequence[str]) -> list[Tissue]:
    """Return the classes of these names in the colours that their segments have."""
    tissues = [
        dataclasses.replace(tissue(usual_name(name), i), name=name) for i, name in enumerate(names)
    ]
    for segment in segmentsById(node).values():
        if segment.HasTag(CLASS):
            i = _classOf(segment, names) - 1
            color = tuple(round(255 * value) for value in segment.GetColor())
            tissues[i] = dataclasses.replace(tissues[i], color=color)
    return tissues


def _classOf(segment: Any, tissues: Sequence[str]) -> int:
    if segment.HasTag(CLASS):
        tag = vtk.mutable("")
        segment.GetTag(CLASS, tag)
        return int(str(tag))
    if segment.GetName() in tissues:
        return tissues.index(segment.GetName()) + 1
    raise InvalidInput(
        _("The segment {segment} is none of the tissues {tissues}; give it one of these names, or "
          "remove it.").format(segment=segment.GetName(), tissues=", ".join(tissues))
    )  # fmt: skip
