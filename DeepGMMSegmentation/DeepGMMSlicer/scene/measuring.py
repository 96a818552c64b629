"""What is to be measured of a result, with what the user marked, and its report as files."""

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


def readMeasurable(
    node: Any, rvInsertion: Any = None, remote: Any = None
) -> tuple[dict[str, Any], list[str]]:
    """Read a segmentation as it is now, with what the user marked, for the library's `measure`.

    Returns
    -------
    dict
        The arguments.
    list of str
        What the segments are called.

    Raises
    ------
    InvalidInput
        If the segmentation is no result of this module, or a mark is empty.
    """
    result, names = readResult(node)
    marks = readMarks(rvInsertion, remote, node.GetNodeReference(PROBABILITIES), imagesOf(node))
    return {"result": result, "images": readImages(node), **vars(marks)}, names


def writePage(path: Path, page: str, table: str) -> tuple[Path, Path]:
    """Write a report or comparison as an HTML file, and a CSV file beside it.

    Raises
    ------
    InvalidInput
        If a file cannot be written.
    """
    from DeepGMMSegmentationLib.io.writing import write_bytes

    beside = path.with_suffix(".csv")
    write_bytes(beside, table.encode())
    write_bytes(path, page.encode())
    return path, beside
