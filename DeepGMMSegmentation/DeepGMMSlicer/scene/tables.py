"""The measures of a result as tables of the scene."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Optional

import vtk
from slicer.i18n import tr as _

from .owned_nodes import addNode

Columns = dict[str, list[str]]


def measureColumns(measures: Mapping[str, Any], names: Mapping[str, str]) -> Columns:
    """Return the columns of the table of measures.

    A row per tissue, then the myocardium, the infarct and the area at risk, then the infarct by
    the usual thresholds.

    Parameters
    ----------
    measures : mapping
        `DeepGMMSegmentationLib.cardiac.measures.Measures.to_dict`.
    names : mapping
        What the user calls the tissues that the library knows by another name.
    """
    heart = measures["infarct"] or {}
    parts = list(measures["sizes"])
    present = {part["tissue"] for part in parts}
    for union in ("myocardium", "infarct", "area_at_risk"):
        part = heart.get(union)
        if part and part["tissue"] not in present:
            parts.append(part)
    volumes = {volume["tissue"]: volume for volume in measures["volumes"]}
    rows = []
    for part in parts:
        name = part["tissue"]
        volume = volumes.get(name)
        rows.append(
            [
                names.get(name, name),
                str(part["voxels"]),
                _number(part["ml"]),
                _number(part["grams"]),
                _number(part["percent_of_myocardium"]),
                _number(part["percent_of_region"]),
                _number(volume and volume["expected_ml"]),
                volume and f"{volume['low_ml']:.1f} – {volume['high_ml']:.1f}",
                _number(heart["salvage_index"], 2) if name == "area at risk" else "",
            ]
        )
    for yardstick in measures["yardsticks"]:
        rows.append(
            [
                _("infarct by {threshold}").format(threshold=yardstick["method"]),
                str(yardstick["voxels"]),
                _number(yardstick["ml"]),
                _number(yardstick["grams"]),
                _number(yardstick["percent_of_myocardium"]),
                *[""] * 4,
            ]
        )
    titles = [
        _("Tissue"),
        _("Voxels"),
        _("Volume [mL]"),
        _("Mass [g]"),
        _("% of myocardium"),
        _("% of region"),
        _("Expected [mL]"),
        _("90 % interval [mL]"),
        _("Salvage index"),
    ]
    return _columns(titles, rows)


def segmentColumns(segments: Iterable[Mapping[str, Any]]) -> Columns:
    """Return the columns of the table of AHA segments, or thirds, a row for each."""
    rows = [
        [
            str(segment["number"] or ""),
            segment["name"],
            str(segment["voxels"]),
            *(
                _number(segment[quantity])
                for quantity in (
                    "infarct_percent",
                    "edema_percent",
                    "mean_transmurality",
                    "max_transmurality",
                )
            ),
            segment["extent"],
        ]
        for segment in segments
    ]
    titles = [
        _("Segment"),
        _("Wall"),
        _("Voxels"),
        _("Infarct [%]"),
        _("Edema [%]"),
        _("Mean transmurality [%]"),
        _("Maximal transmurality [%]"),
        _("Transmural extent"),
    ]
    return _columns(titles, rows)


def fillTable(node: Any, columns: Columns) -> None:
    """Make the columns those of a table node, whatever it held."""
    table = vtk.vtkTable()
    for title, values in columns.items():
        column = vtk.vtkStringArray()
        column.SetName(title)
        for value in values:
            column.InsertNextValue(value)
        table.AddColumn(column)
    node.SetAndObserveTable(table)
    node.SetUseColumnTitleAsColumnHeader(True)


def tableText(node: Any) -> str:
    """Return a table as text that spreadsheets take from the clipboard: tabs between columns."""
    table = node.GetTable()
    columns = range(table.GetNumberOfColumns())
    lines = [[table.GetColumnName(i) for i in columns]]
    for row in range(table.GetNumberOfRows()):
        lines.append([table.GetValue(row, i).ToString() for i in columns])
    return "\n".join("\t".join(line) for line in lines)


def addTable(name: str, columns: Columns) -> Any:
    """Add a table node to the scene."""
    node = addNode("vtkMRMLTableNode", name)
    fillTable(node, columns)
    return node


def _columns(titles: list[str], rows: list[list[Optional[str]]]) -> Columns:
    return {title: [row[i] or "" for row in rows] for i, title in enumerate(titles)}


def _number(value: Optional[float], digits: int = 1) -> str:
    return "" if value is None else f"{value:.{digits}f}"
