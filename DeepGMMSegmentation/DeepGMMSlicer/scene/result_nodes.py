"""A result as nodes of the scene: segmentation, tables, plots and maps."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from functools import partial
from typing import Any, Callable, Optional

import numpy as np
import slicer
from slicer.i18n import tr as _

from DeepGMMSegmentationLib.errors import InvalidInput
from DeepGMMSegmentationLib.result import Result
from DeepGMMSegmentationLib.tissues import Tissue
from DeepGMMSegmentationLib.worker.requests import Answer

from .charts import histogramChart, nllChart
from .owned_nodes import (
    COMPARISON,
    ENTROPY,
    MAP,
    PROBABILITIES,
    SEGMENTS,
    SNAPSHOT,
    TABLE,
    addNode,
    allOrNothing,
    ownedNodes,
    placeBeside,
    removeUnused,
    replaceOwned,
)
from .segmentation_nodes import makeSegmentation
from .snapshot import addSnapshot, copyContent, earlierVersion, keepSnapshot, markWritten
from .stored_result import (
    IMAGE,
    RECORD,
    addProbabilities,
    makeRecord,
    readImages,
    readRecord,
    readResult,
    readTissues,
)
from .tables import Columns, addTable, fillTable, measureColumns, segmentColumns

Owned = list[tuple[str, Any]]  # nodes that belong to a segmentation, with the roles they have there
Steps = list[Callable[[], Owned]]  # each adds some of them


def addResult(
    answer: Answer,
    tissues: Sequence[Tissue],
    volumes: Sequence[Any],
    images: np.ndarray,
    name: str,
    output: Optional[Any] = None,
    maps: bool = False,
) -> Generator[Any, None, None]:
    """Put a result into the scene, whole or not at all, in steps between which the window lives.

    Yields None while it prepares, the segmentation node once all is there, and None while it
    removes what that took the place of. Where it is closed before, the scene is as it was.

    The tables, charts and maps belong to the segmentation: it refers to them, and they replace
    those of an earlier result in the same segmentation, which `undo` brings back.

    Parameters
    ----------
    answer : Answer
        The result and its measures.
    tissues : sequence of Tissue
        Name, colour and terminology of each class.
    volumes : sequence of vtkMRMLScalarVolumeNode
        The sequences, the first of which gives the geometry.
    images : ndarray, shape ``(M, Z, Y, X)``
        What they hold.
    name : str
        Of a new segmentation.
    output : vtkMRMLSegmentationNode, optional
        A segmentation whose content is replaced; by default a new one is added.
    maps : bool
        Whether to add the probabilities and their entropy as volumes.
    """
    result, measures = answer.result, answer.measures
    segmentation = makeSegmentation(result.labels, tissues, volumes[0])
    text = json.dumps(makeRecord(result, measures))
    name = output.GetName() if output else slicer.mrmlScene.GenerateUniqueName(name)
    shown = _showing(result, measures, tissues, images, name)
    if maps:
        shown += _mapping(result, tissues, volumes[0], name)
    shown.append(lambda: [(PROBABILITIES, addProbabilities(result.probabilities, volumes[0]))])
    owned: Owned = []
    snapshot = None
    try:
        yield from _adding(shown, owned)
        if output is not None:
            snapshot = addSnapshot(output)
            yield None
        with allOrNothing():
            node = output or addNode("vtkMRMLSegmentationNode", name)
            placeBeside(volumes[0], node, owned)
    except BaseException:
        removeUnused([member for _role, member in owned] + ([snapshot] if snapshot else []))
        raise
    # From here on nothing can fail any more.
    earlier = earlierVersion(node)
    with slicer.util.NodeModify(node):  # or each segment that goes or comes would be shown
        if snapshot is not None:
            keepSnapshot(node, snapshot)
        # Not another vtkSegmentation: the Data module would go on to list the segments of this one.
        node.GetSegmentation().DeepCopy(segmentation)
        node.SetReferenceImageGeometryParameterFromVolumeNode(volumes[0])
        node.SetAndObserveTransformNodeID(volumes[0].GetTransformNodeID())
        node.CreateDefaultDisplayNodes()
        node.RemoveNodeReferenceIDs(IMAGE)
        for volume in volumes:
            node.AddNodeReferenceID(IMAGE, volume.GetID())
        earlier += replaceOwned(node, owned)
        markWritten(node)
        node.SetAttribute(RECORD, text)
    try:
        yield node
        yield from _removing(earlier)
    finally:  # also where nobody waits for the end
        removeUnused(earlier)


def undo(node: Any) -> Generator[None, None, None]:
    """Bring back what a segmentation was before its last result; the second time, that result.

    In steps, whole or not at all as in `addResult`.

    Raises
    ------
    InvalidInput
        If there is no earlier version.
    """
    snapshot = node and node.GetNodeReference(SNAPSHOT)
    if not snapshot:
        raise InvalidInput(_("There is no earlier version; only a result can be undone."))
    probabilities = snapshot.GetNodeReference(PROBABILITIES)
    current = addSnapshot(node)
    owned: Owned = []
    try:
        yield
        if probabilities:
            result, names = readResult(snapshot)
            measures, tissues = readRecord(snapshot)["measures"], readTissues(snapshot, names)
            images = readImages(snapshot)
            shown = _showing(result, measures, tissues, images, node.GetName())
            if ownedNodes(node, [MAP]):
                shown += _mapping(result, tissues, probabilities, node.GetName())
            yield from _adding(shown, owned)
        placeBeside(node, node, owned)
    except BaseException:
        removeUnused([current, *(member for _role, member in owned)])
        raise
    # From here on nothing can fail any more.
    if probabilities:
        owned.append((PROBABILITIES, probabilities))
    earlier = earlierVersion(node)
    with slicer.util.NodeModify(node):
        copyContent(snapshot, node)
        keepSnapshot(node, current)
        earlier += replaceOwned(node, owned)
    try:
        yield
        yield from _removing(earlier)
    finally:
        removeUnused(earlier)


def _adding(shown: Steps, owned: Owned) -> Generator[None, None, None]:
    """Add what is shown to the scene and to `owned`, a step for each."""
    for add in shown:
        with allOrNothing():
            owned += add()
        yield


def _removing(members: list[Any]) -> Generator[None, None, None]:
    """Remove nodes from the scene, if nothing refers to them, and from the list; one a step."""
    while members:
        removeUnused([members.pop(0)])
        yield


def showMeasures(node: Any, result: Result, names: Sequence[str], measures: dict[str, Any]) -> None:
    """Show what a segmentation measures now in its tables and its record, or change nothing.

    Parameters
    ----------
    node : vtkMRMLSegmentationNode
        A result of this module.
    result, names
        What `readResult` returned.
    measures : dict
        `DeepGMMSegmentationLib.cardiac.measures.Measures.to_dict` of that.
    """
    text = json.dumps(makeRecord(result, measures))
    wanted = _tables(measures, result.tissues, names, node.GetName())
    with allOrNothing():
        added = [
            (role, addTable(title, columns))
            for role, title, columns in wanted
            if not ownedNodes(node, [role])
        ]
        placeBeside(node, node, added)
    gone = ownedNodes(
        node, {TABLE, SEGMENTS, COMPARISON} - {role for role, _title, _columns in wanted}
    )
    for role, _title, columns in wanted:
        for table in ownedNodes(node, [role]):
            fillTable(table, columns)
    for role, table in added:
        node.AddNodeReferenceID(role, table.GetID())
    for table in gone:
        slicer.mrmlScene.RemoveNode(table)
    node.SetAttribute(RECORD, text)


def _showing(
    result: Result,
    measures: dict[str, Any],
    tissues: Sequence[Tissue],
    images: Optional[np.ndarray],
    name: str,
) -> Steps:
    """Return what adds the tables and the charts of a result; without its images, no histograms."""
    names = [tissue.name for tissue in tissues]
    wanted = _tables(measures, result.tissues, names, name)
    return [
        lambda: [(role, addTable(title, columns)) for role, title, columns in wanted],
        partial(nllChart, result, name),
        *(
            partial(histogramChart, result, tissues, image, m, name)
            for m, image in enumerate([] if images is None else images)
        ),
    ]


def _tables(
    measures: dict[str, Any], tissues: Sequence[str], names: Sequence[str], name: str
) -> list[tuple[str, str, Columns]]:
    """Return the tables that the measures fill: reference, title and columns of each."""
    columns = measureColumns(measures, dict(zip(tissues, names)))
    tables = [(TABLE, _("{name}: measures").format(name=name), columns)]
    if measures["aha"]:
        columns = segmentColumns(measures["aha"]["segments"])
        tables.append((SEGMENTS, _("{name}: AHA segments").format(name=name), columns))
    return tables


def _mapping(result: Result, tissues: Sequence[Tissue], reference: Any, name: str) -> Steps:
    """Return what adds the probabilities of the tissues and their entropy as volumes."""
    from DeepGMMSegmentationLib.cardiac.uncertainty import entropy

    maps = [
        (
            MAP,
            _("{name}: probability of {tissue}").format(name=name, tissue=tissue.name),
            probability,
        )
        for tissue, probability in zip(tissues, result.probabilities)
    ]
    maps.append((ENTROPY, _("{name}: entropy").format(name=name), entropy(result.probabilities)))
    return [partial(_addMap, role, title, values, reference) for role, title, values in maps]


def _addMap(role: str, title: str, values: np.ndarray, reference: Any) -> Owned:
    node = addNode("vtkMRMLScalarVolumeNode", title)
    node.CopyOrientation(reference)
    node.SetAndObserveTransformNodeID(reference.GetTransformNodeID())
    slicer.util.updateVolumeFromArray(node, values)
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetAutoWindowLevel(False)
    node.GetDisplayNode().SetWindowLevelMinMax(0, 1)
    return [(role, node)]
