"""A result against that of an earlier examination, as a table of the scene and as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from DeepGMMSegmentationLib.cardiac.comparison import Comparison, compare

from .measuring import writePage
from .owned_nodes import COMPARISON, ownedNodes, placeBeside
from .stored_result import readRecord
from .tables import addTable


def compareResults(baseline: Any, followup: Any) -> Comparison:
    """Compare the measures of two results.

    Raises
    ------
    InvalidInput
        If one of them is no result, both are the same, or one has no mass of myocardium.
    """
    return compare(readRecord(baseline)["measures"], readRecord(followup)["measures"])


def showComparison(comparison: Comparison, baseline: Any, followup: Any) -> Any:
    """Add the table of a comparison, which belongs to the follow-up and replaces an earlier one."""
    from DeepGMMSegmentationLib.report.comparison import HEADER, comparison_rows

    rows = comparison_rows(comparison)
    columns = {title: [row[i] for row in rows] for i, title in enumerate(HEADER)}
    title = _("{followup} compared with {baseline}").format(
        followup=followup.GetName(), baseline=baseline.GetName()
    )
    for table in ownedNodes(followup, [COMPARISON]):
        slicer.mrmlScene.RemoveNode(table)
    table = addTable(title, columns)
    followup.SetNodeReferenceID(COMPARISON, table.GetID())
    placeBeside(followup, followup, [(COMPARISON, table)])
    return table


def writeComparison(comparison: Comparison, path: Path) -> tuple[Path, Path]:
    """Write a comparison as an HTML file, and a CSV file beside it.

    Raises
    ------
    InvalidInput
        If a file cannot be written.
    """
    from DeepGMMSegmentationLib.report.comparison import comparison_csv, render_comparison

    return writePage(path, render_comparison(comparison, path.stem), comparison_csv(comparison))
