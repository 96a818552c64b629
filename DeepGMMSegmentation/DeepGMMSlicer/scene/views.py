"""What the views of Slicer show of a result."""

from __future__ import annotations

from typing import Any

import slicer

from .owned_nodes import CHART, TABLE, ownedNodes


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
