"""A result as nodes of the scene: segmentation, table, plots and probability maps."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from typing import Any, Optional

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _
from vtk.util.numpy_support import numpy_to_vtk

import DeepGMMSegmentationLib
from DeepGMMSegmentationLib.result import Result
from DeepGMMSegmentationLib.tissues import TISSUES, Tissue

RECORD = "DeepGMMSegmentation.Record"  # attribute: settings, versions, parameters, sizes as JSON
TABLE, CHART, MAP = (f"DeepGMMSegmentation.{what}" for what in ("Table", "Chart", "Map"))
SERIES = "DeepGMMSegmentation.Series"
GREY, BLACK = (0.6, 0.6, 0.6), (0.0, 0.0, 0.0)


def addResult(
    result: Result,
    tissues: Sequence[Tissue],
    volumes: Sequence[Any],
    images: np.ndarray,
    name: str,
    output: Optional[Any] = None,
    probabilities: bool = False,
) -> Any:
    """Put a result into the scene, whole or not at all, and return the segmentation node.

    The table, charts and probability maps belong to the segmentation: it refers to them, and they
    replace those of an earlier result in the same segmentation.

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
    output : vtkMRMLSegmentationNode, optional
        A segmentation whose content is replaced; by default a new one is added.
    probabilities : bool
        Whether to add the probability maps as volumes.
    """
    segmentation = segmentationOf(result.labels, tissues, volumes[0])
    record = json.dumps(_record(result))
    earlier = [] if output is None else ownedNodes(output)
    with _allOrNothing():
        node = output or _add("vtkMRMLSegmentationNode", slicer.mrmlScene.GenerateUniqueName(name))
        name = node.GetName()
        owned = [(TABLE, _sizeTable(result, tissues, name))]
        owned += _nllChart(result, name)
        for m in range(len(volumes)):
            owned += _histogramChart(result, tissues, images[m], m, name)
        if probabilities:
            for tissue, values in zip(tissues, result.probabilities):
                owned.append((MAP, _map(tissue, values, volumes[0], name)))
        _placeBeside(volumes[0], node, [each for role, each in owned if role != SERIES])
    # From here on nothing can fail any more.
    with slicer.util.NodeModify(node):
        node.SetAndObserveSegmentation(segmentation)
        node.SetReferenceImageGeometryParameterFromVolumeNode(volumes[0])
        node.SetAndObserveTransformNodeID(volumes[0].GetTransformNodeID())
        node.CreateDefaultDisplayNodes()
        node.SetAttribute(RECORD, record)
        for role in (TABLE, CHART, SERIES, MAP):
            node.RemoveNodeReferenceIDs(role)
        for role, each in owned:
            node.AddNodeReferenceID(role, each.GetID())
    for each in earlier:
        slicer.mrmlScene.RemoveNode(each)
    return node


def ownedNodes(node: Any, roles: Sequence[str] = (TABLE, CHART, SERIES, MAP)) -> list[Any]:
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


def segmentationOf(labels: np.ndarray, tissues: Sequence[Tissue], reference: Any) -> Any:
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
        segment.SetLabelValue(i + 1)
        segment.AddRepresentation(binary, image)
        segmentation.AddSegment(segment, f"Segment_{i + 1}")
    return segmentation


def _record(result: Result) -> dict[str, Any]:
    from DeepGMMSegmentationLib.outputs import record

    values = record(result)
    values["versions"]["slicer"] = slicer.app.applicationVersion
    values["versions"]["DeepGMMSegmentation"] = DeepGMMSegmentationLib.__version__
    return values


def _sizeTable(result: Result, tissues: Sequence[Tissue], name: str) -> Any:
    from DeepGMMSegmentationLib.measures import sizes

    # By these names the library knows the wall tissues, whatever the user calls them.
    known = [
        tissue.name if tissue.name in TISSUES else given
        for tissue, given in zip(tissues, result.tissues)
    ]
    parts = sizes(result.labels, known, result.spacing, result.settings.density)
    node = _add("vtkMRMLTableNode", _("{name}: sizes").format(name=name))
    columns = {
        _("Tissue"): [tissue.name for tissue in tissues],
        _("Voxels"): [str(part.voxels) for part in parts],
        _("Volume [mL]"): [f"{part.ml:.2f}" for part in parts],
        _("Mass [g]"): [f"{part.grams:.2f}" for part in parts],
        _("% of myocardium"): [
            "" if part.percent_of_myocardium is None else f"{part.percent_of_myocardium:.1f}"
            for part in parts
        ],
        _("% of region"): [f"{part.percent_of_region:.1f}" for part in parts],
    }
    for title, values in columns.items():
        column = vtk.vtkStringArray()
        column.SetName(title)
        for value in values:
            column.InsertNextValue(value)
        node.AddColumn(column)
    node.SetUseColumnTitleAsColumnHeader(True)
    return node


def _nllChart(result: Result, name: str) -> list[tuple[str, Any]]:
    title = _("{name}: NLL per iteration").format(name=name)
    table = _add("vtkMRMLTableNode", title)
    columns = [_("Iteration"), _("NLL")]
    iterations = np.arange(1, len(result.history) + 1)
    slicer.util.updateTableFromArray(table, [iterations, np.array(result.history)], columns)
    return _chart(title, table, columns, [BLACK], *columns)


def _histogramChart(
    result: Result, tissues: Sequence[Tissue], image: np.ndarray, m: int, name: str
) -> list[tuple[str, Any]]:
    from DeepGMMSegmentationLib.histogram import histogram

    role = result.roles[m]
    title = _("{name}: histogram of {sequence}").format(name=name, sequence=role)
    values = histogram(result, image, m)
    table = _add("vtkMRMLTableNode", title)
    columns = [_("Intensity"), _("Region"), *(tissue.name for tissue in tissues), _("Mixture")]
    arrays = [values.intensity, values.region, *values.components, values.mixture]
    slicer.util.updateTableFromArray(table, arrays, columns)
    colors = [GREY, *([c / 255 for c in tissue.color] for tissue in tissues), BLACK]
    intensity = _("{sequence} intensity").format(sequence=role)
    return _chart(title, table, columns, colors, intensity, _("Density"))


def _chart(
    title: str, table: Any, columns: Sequence[str], colors: Sequence[Any], x: str, y: str
) -> list[tuple[str, Any]]:
    """Add a chart of the table's columns against the first, and return what was added."""
    chart = _add("vtkMRMLPlotChartNode", title)
    chart.SetTitle(title)
    chart.SetTitleFontSize(16)
    chart.SetLegendFontSize(12)  # Slicer's own 16 would hide half of a histogram
    chart.SetXAxisTitle(x)
    chart.SetYAxisTitle(y)
    series = []
    for column, color in zip(columns[1:], colors):
        line = _add("vtkMRMLPlotSeriesNode", column)
        line.SetAndObserveTableNodeID(table.GetID())
        line.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
        line.SetMarkerStyle(slicer.vtkMRMLPlotSeriesNode.MarkerStyleNone)
        line.SetXColumnName(columns[0])
        line.SetYColumnName(column)
        line.SetLineWidth(2)
        line.SetColor(color)
        chart.AddAndObservePlotSeriesNodeID(line.GetID())
        series.append((SERIES, line))
    return [(SERIES, table), (CHART, chart), *series]


def _map(tissue: Tissue, values: np.ndarray, reference: Any, name: str) -> Any:
    title = _("{name}: probability of {tissue}").format(name=name, tissue=tissue.name)
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


def recordOf(node: Any) -> dict[str, Any]:
    """Return the record of settings, versions, parameters and sizes that a segmentation carries."""
    return json.loads(node.GetAttribute(RECORD))


def show(node: Any, in3D: bool) -> None:
    """Show the table of sizes in Slicer's table view, beside the surfaces or the first histogram.

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
    logic.GetSelectionNode().SetActiveTableID(ownedNodes(node, [TABLE])[0].GetID())
    logic.GetSelectionNode().SetActivePlotChartID(ownedNodes(node, [CHART])[1].GetID())
    logic.PropagateTableSelection()
    logic.PropagatePlotChartSelection()
