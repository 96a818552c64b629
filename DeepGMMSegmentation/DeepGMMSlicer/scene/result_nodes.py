"""A result as nodes of the scene: segmentation, tables, plots and maps."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Optional

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _
from vtk.util.numpy_support import numpy_to_vtk

from DeepGMMSegmentationLib.result import Result
from DeepGMMSegmentationLib.tissues import Tissue

from .charts import CHART, SERIES, histogramChart, nllChart
from .measuring import Marks, measure, readMarks
from .stored_result import (
    CLASS,
    IMAGE,
    PROBABILITIES,
    RECORD,
    addProbabilities,
    makeRecord,
    readImages,
    readResult,
    tissueNames,
)
from .tables import Columns, addTable, fillTable, measureColumns, segmentColumns

TABLE, SEGMENTS, MAP, ENTROPY = (
    f"DeepGMMSegmentation.{what}" for what in ("Table", "Segments", "Map", "Entropy")
)
OWNED = (TABLE, SEGMENTS, CHART, SERIES, MAP, ENTROPY, PROBABILITIES)
HIDDEN = (SERIES, PROBABILITIES)  # not worth a place in the subject hierarchy


def addResult(
    result: Result,
    tissues: Sequence[Tissue],
    volumes: Sequence[Any],
    images: np.ndarray,
    name: str,
    marked: Marks,
    output: Optional[Any] = None,
    maps: bool = False,
) -> Any:
    """Put a result into the scene, whole or not at all, and return the segmentation node.

    The tables, charts and maps belong to the segmentation: it refers to them, and they replace
    those of an earlier result in the same segmentation.

    Parameters
    ----------
    result : Result
    tissues : sequence of Tissue
        Name, colour and terminology of each class.
    volumes : sequence of vtkMRMLScalarVolumeNode
        The sequences, the first of which gives the geometry.
    images : ndarray, shape ``(M, Z, Y, X)``
        What they hold.
    name : str
        Of a new segmentation.
    marked : Marks
        What the user marked for the measures.
    output : vtkMRMLSegmentationNode, optional
        A segmentation whose content is replaced; by default a new one is added.
    maps : bool
        Whether to add the probabilities and their entropy as volumes.
    """
    names = [tissue.name for tissue in tissues]
    result = dataclasses.replace(result, tissues=tissueNames(names, result.tissues))
    measures = measure(result, images, marked).to_dict()
    segmentation = makeSegmentation(result.labels, tissues, volumes[0])
    text = json.dumps(makeRecord(result, measures))
    earlier = [] if output is None else ownedNodes(output)
    with _allOrNothing():
        node = output or _add("vtkMRMLSegmentationNode", slicer.mrmlScene.GenerateUniqueName(name))
        name = node.GetName()
        owned = [
            (role, addTable(title, columns))
            for role, title, columns in _tables(measures, result.tissues, names, name)
        ]
        owned += nllChart(result, name)
        for m in range(len(volumes)):
            owned += histogramChart(result, tissues, images[m], m, name)
        owned.append((PROBABILITIES, addProbabilities(result.probabilities, volumes[0])))
        if maps:
            owned += _maps(result, names, volumes[0], name)
        _placeBeside(volumes[0], node, [each for role, each in owned if role not in HIDDEN])
    # From here on nothing can fail any more.
    with slicer.util.NodeModify(node):
        node.SetAndObserveSegmentation(segmentation)
        node.SetReferenceImageGeometryParameterFromVolumeNode(volumes[0])
        node.SetAndObserveTransformNodeID(volumes[0].GetTransformNodeID())
        node.CreateDefaultDisplayNodes()
        node.SetAttribute(RECORD, text)
        for role in (*OWNED, IMAGE):
            node.RemoveNodeReferenceIDs(role)
        for role, each in [*owned, *((IMAGE, volume) for volume in volumes)]:
            node.AddNodeReferenceID(role, each.GetID())
    for each in earlier:
        slicer.mrmlScene.RemoveNode(each)
    return node


def recompute(node: Any, rvInsertion: Any = None, remote: Any = None) -> None:
    """Measure a segmentation as it is now, and show that in its tables, or change nothing."""
    result, names = readResult(node)
    marked = readMarks(rvInsertion, remote, node.GetNodeReference(PROBABILITIES))
    measures = measure(result, readImages(node), marked).to_dict()
    text = json.dumps(makeRecord(result, measures))
    wanted = _tables(measures, result.tissues, names, node.GetName())
    with _allOrNothing():
        added = [
            (role, addTable(title, columns))
            for role, title, columns in wanted
            if not ownedNodes(node, [role])
        ]
        _placeBeside(node, node, [each for _role, each in added])
    gone = ownedNodes(node, {TABLE, SEGMENTS} - {role for role, _title, _columns in wanted})
    for role, _title, columns in wanted:
        for table in ownedNodes(node, [role]):
            fillTable(table, columns)
    for role, each in added:
        node.AddNodeReferenceID(role, each.GetID())
    for each in gone:
        slicer.mrmlScene.RemoveNode(each)
    node.SetAttribute(RECORD, text)


def ownedNodes(node: Any, roles: Iterable[str] = OWNED) -> list[Any]:
    """Return the tables, charts, series and maps that belong to a segmentation."""
    return [
        node.GetNthNodeReference(role, i)
        for role in roles
        for i in range(node.GetNumberOfNodeReferences(role))
        if node.GetNthNodeReference(role, i)
    ]


@contextlib.contextmanager
def _allOrNothing() -> Iterator[None]:
    """Take out again whatever was added to the scene if something goes wrong."""
    before = {node.GetID() for node in slicer.mrmlScene.GetNodes()}
    try:
        yield
    except BaseException:
        for node in list(slicer.mrmlScene.GetNodes()):
            if node.GetID() not in before:
                slicer.mrmlScene.RemoveNode(node)
        raise


def _add(className: str, name: str) -> Any:
    return slicer.mrmlScene.AddNewNodeByClass(className, name)


def makeSegmentation(labels: np.ndarray, tissues: Sequence[Tissue], reference: Any) -> Any:
    """Return a vtkSegmentation with a segment per tissue, all in one label map."""
    image = slicer.vtkOrientedImageData()
    image.SetDimensions(*reversed(labels.shape))
    scalars = numpy_to_vtk(labels.ravel(), deep=True, array_type=vtk.VTK_UNSIGNED_CHAR)
    image.GetPointData().SetScalars(scalars)
    geometry = vtk.vtkMatrix4x4()
    reference.GetIJKToRASMatrix(geometry)
    image.SetGeometryFromImageToWorldMatrix(geometry)
    binary = slicer.vtkSegmentationConverter.GetSegmentationBinaryLabelmapRepresentationName()
    segmentation = slicer.vtkSegmentation()
    segmentation.SetSourceRepresentationName(binary)
    for i, tissue in enumerate(tissues):
        segment = slicer.vtkSegment()
        segment.SetName(tissue.name)
        segment.SetColor([value / 255 for value in tissue.color])
        segment.SetTag(segment.GetTerminologyEntryTagName(), tissue.terminology)
        segment.SetTag(CLASS, str(i + 1))
        segment.SetLabelValue(i + 1)
        segment.AddRepresentation(binary, image)
        segmentation.AddSegment(segment, f"Segment_{i + 1}")
    return segmentation


def _tables(
    measures: dict[str, Any], tissues: Sequence[str], names: Sequence[str], name: str
) -> list[tuple[str, str, Columns]]:
    """Return the tables that the measures fill: reference, title and columns of each."""
    columns = measureColumns(measures, dict(zip(tissues, names)))
    found = [(TABLE, _("{name}: measures").format(name=name), columns)]
    if measures["aha"]:
        columns = segmentColumns(measures["aha"]["segments"])
        found.append((SEGMENTS, _("{name}: AHA segments").format(name=name), columns))
    return found


def _maps(result: Result, names: Sequence[str], reference: Any, name: str) -> list[tuple[str, Any]]:
    from DeepGMMSegmentationLib.cardiac.uncertainty import entropy

    titles = [
        _("{name}: probability of {tissue}").format(name=name, tissue=tissue) for tissue in names
    ]
    found = [
        (MAP, _map(title, values, reference)) for title, values in zip(titles, result.probabilities)
    ]
    title = _("{name}: entropy").format(name=name)
    return [*found, (ENTROPY, _map(title, entropy(result.probabilities), reference))]


def _map(title: str, values: np.ndarray, reference: Any) -> Any:
    node = _add("vtkMRMLScalarVolumeNode", title)
    node.CopyOrientation(reference)
    node.SetAndObserveTransformNodeID(reference.GetTransformNodeID())
    slicer.util.updateVolumeFromArray(node, values)
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetAutoWindowLevel(False)
    node.GetDisplayNode().SetWindowLevelMinMax(0, 1)
    return node


def _placeBeside(reference: Any, node: Any, others: Sequence[Any]) -> None:
    """Put the segmentation beside the image in the subject hierarchy, the rest in a folder."""
    hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
    image = hierarchy.GetItemByDataNode(reference)
    parent = hierarchy.GetItemParent(image) if image else hierarchy.GetSceneItemID()
    _place(hierarchy, node, parent)
    title = _("{name}: table, plots and maps").format(name=node.GetName())
    folder = hierarchy.GetItemChildWithName(parent, title)
    folder = folder or hierarchy.CreateFolderItem(parent, title)
    for each in others:
        _place(hierarchy, each, folder)


def _place(hierarchy: Any, node: Any, parent: int) -> None:
    item = hierarchy.GetItemByDataNode(node) or hierarchy.CreateItem(parent, node)
    hierarchy.SetItemParent(item, parent)


def showResult(node: Any, in3D: bool) -> None:
    """Show the table of measures in its view, beside the surfaces or the first histogram.

    None of Slicer's layouts has all three.
    """
    layouts = slicer.vtkMRMLLayoutNode
    layoutManager = slicer.app.layoutManager()
    if layoutManager is not None:  # there is none without a main window
        layoutManager.setLayout(
            layouts.SlicerLayoutFourUpTableView if in3D else layouts.SlicerLayoutFourUpPlotTableView
        )
        if in3D:
            slicer.util.resetThreeDViews()
    logic = slicer.app.applicationLogic()
    for table in ownedNodes(node, [TABLE]):
        logic.GetSelectionNode().SetActiveTableID(table.GetID())
    for chart in ownedNodes(node, [CHART])[1:2]:
        logic.GetSelectionNode().SetActivePlotChartID(chart.GetID())
    logic.PropagateTableSelection()
    logic.PropagatePlotChartSelection()
