"""The measures of a result, with what the user marked in the scene, and its report as files."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Optional

import numpy as np
import SimpleITK as sitk
import slicer
from slicer.i18n import tr as _

from DeepGMMSegmentationLib.errors import InvalidInput
from DeepGMMSegmentationLib.io.sequences import phase_sensitive
from DeepGMMSegmentationLib.result import Result

from .images import makeGrid, toLPS
from .owned_nodes import PROBABILITIES
from .region import regionArray
from .stored_result import imagesOf, readImages, readResult

REMOTE = "remote"  # the name by which one of several segments is taken for remote myocardium


@dataclasses.dataclass(frozen=True)
class Marks:
    """What is known beside the images' voxels, as the library's `measure` takes it.

    Attributes
    ----------
    reference : SimpleITK.Image
        On the grid of the labels.
    rv_insertion : tuple of float, optional
        The anterior RV insertion, (x, y, z) in mm, LPS.
    remote : ndarray of bool, optional
        Remote myocardium.
    phase_sensitive : bool
        Whether an image is phase-sensitive by its name.
    """

    reference: sitk.Image
    rv_insertion: Optional[tuple[float, float, float]]
    remote: Optional[np.ndarray]
    phase_sensitive: bool


def readMarks(rvInsertion: Any, remote: Any, reference: Any, volumes: Iterable[Any]) -> Marks:
    """Read the marks from their nodes.

    Parameters
    ----------
    rvInsertion : vtkMRMLMarkupsFiducialNode, optional
        Its first point is used.
    remote : vtkMRMLSegmentationNode or vtkMRMLLabelMapVolumeNode, optional
        Of several segments the one named "remote".
    reference : vtkMRMLVolumeNode
        On the grid of the labels.
    volumes : iterable of vtkMRMLScalarVolumeNode
        The sequences, of which the names are read.

    Raises
    ------
    InvalidInput
        If there is no point, or no remote region on the grid.
    """
    point = mask = None
    if rvInsertion is not None:
        if rvInsertion.GetNumberOfDefinedControlPoints() == 0:
            raise InvalidInput(
                _("{name} has no point; place it where the right ventricle meets the left in "
                  "front.").format(name=rvInsertion.GetName())
            )  # fmt: skip
        point = toLPS(rvInsertion.GetNthControlPointPositionWorld(0))
    if remote is not None:
        several = (
            isinstance(remote, slicer.vtkMRMLSegmentationNode)
            and remote.GetSegmentation().GetNumberOfSegments() != 1
        )
        mask = regionArray(remote, REMOTE if several else "", reference)
    named = any(phase_sensitive(volume.GetName()) for volume in volumes)
    return Marks(makeGrid(reference), point, mask, named)


def checkInsertion(marked: Marks, inside: np.ndarray, spacing: tuple[float, ...]) -> None:
    """Refuse, before a long run, an RV insertion that cannot be used after it.

    Raises
    ------
    InvalidInput
        If the point is outside the slices of the region, or at its center.
    """
    from DeepGMMSegmentationLib.cardiac.aha import insertion_index, measure_segments

    if marked.rv_insertion is not None and np.count_nonzero(inside.any(axis=(1, 2))) >= 3:
        index, mirrored = insertion_index(marked.rv_insertion, marked.reference)
        measure_segments(inside.astype(np.uint8), ["healthy myocardium"], spacing, index, mirrored)


def measure(result: Result, images: Optional[np.ndarray], marked: Marks, case: str = "case") -> Any:
    """Return the `Measures` of a result; `case` is what they are called, not a patient's name."""
    from DeepGMMSegmentationLib.cardiac import measures

    return measures.measure(result, images, case=case, **vars(marked))


def writeReport(
    node: Any, path: Path, rvInsertion: Any = None, remote: Any = None
) -> tuple[Path, Path]:
    """Write the report of a segmentation as it is now: an HTML file, and a CSV file beside it.

    Raises
    ------
    InvalidInput
        If the segmentation is no result of this module, an image it came from is gone, or a file
        cannot be written.
    """
    from DeepGMMSegmentationLib.io.writing import write_bytes
    from DeepGMMSegmentationLib.report.html import render_report
    from DeepGMMSegmentationLib.report.tables import case_csv

    result, _names = readResult(node)
    images = readImages(node)
    if images is None:
        raise InvalidInput(
            _("The images that {name} came from are not in the scene, or were changed; load them "
              "and click Apply again.").format(name=node.GetName())
        )  # fmt: skip
    marked = readMarks(rvInsertion, remote, node.GetNodeReference(PROBABILITIES), imagesOf(node))
    measures = measure(result, images, marked, case=path.stem)
    page = render_report(measures, result, images, marked.reference.GetDirection(), marked.remote)
    table = path.with_suffix(".csv")
    write_bytes(table, case_csv(measures.to_dict()).encode())
    write_bytes(path, page.encode())
    return path, table
