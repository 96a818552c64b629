"""The fit of a result as charts of the scene: the NLL, and histograms with the components."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import slicer
from slicer.i18n import tr as _

from DeepGMMSegmentationLib.result import Result
from DeepGMMSegmentationLib.tissues import Tissue

from .owned_nodes import CHART, SERIES, addNode

GREY, BLACK = (0.6, 0.6, 0.6), (0.0, 0.0, 0.0)


def nllChart(result: Result, name: str) -> list[tuple[str, Any]]:
    """Add the chart of the NLL per iteration; return what was added with its references."""
    title = _("{name}: NLL per iteration").format(name=name)
    table = addNode("vtkMRMLTableNode", title, hidden=True)
    columns = [_("Iteration"), _("NLL")]
    iterations = np.arange(1, len(result.history) + 1)
    slicer.util.updateTableFromArray(table, [iterations, np.array(result.history)], columns)
    return _chart(title, table, columns, [BLACK], *columns)


def histogramChart(
    result: Result, tissues: Sequence[Tissue], image: np.ndarray, m: int, name: str
) -> list[tuple[str, Any]]:
    """Add the chart of a sequence's histogram; return what was added with its references."""
    from DeepGMMSegmentationLib.report.histogram import compute_histogram

    role = result.roles[m]
    title = _("{name}: histogram of {sequence}").format(name=name, sequence=role)
    values = compute_histogram(result, image, m)
    table = addNode("vtkMRMLTableNode", title, hidden=True)
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
    chart = addNode("vtkMRMLPlotChartNode", title)
    chart.SetTitle(title)
    chart.SetTitleFontSize(16)
    chart.SetLegendFontSize(12)  # Slicer's own 16 would hide half of a histogram
    chart.SetXAxisTitle(x)
    chart.SetYAxisTitle(y)
    series = []
    for column, color in zip(columns[1:], colors):
        line = addNode("vtkMRMLPlotSeriesNode", column, hidden=True)
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
