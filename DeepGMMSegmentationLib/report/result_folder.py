"""The files of a result: segmentation, label map, probability maps, record and figure."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np
import SimpleITK as sitk

from ..cardiac.measures import Measures, measure
from ..errors import InvalidInput
from ..io.folders import whole_folder
from ..io.images import write_image
from ..io.sealed import write_record
from ..io.writing import PathLike
from ..result import Result, to_json_values
from ..tissues import tissue
from ..version import versions
from .contours import contours_json
from .figures import draw_figure
from .html import render_report
from .markup import png
from .pdf import load_weasyprint, write_pdf
from .tables import case_csv

MOST_NAME = 100  # characters of a tissue's name in a file's
PDF = "report.pdf"


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What goes into the folder of a result.

    Attributes
    ----------
    probabilities : bool
        ``probability_<tissue>.nii.gz`` too.
    report : bool
        ``report.html`` and ``measures.csv`` too.
    rv_insertion : tuple of float, optional
        The anterior insertion of the right ventricle, (x, y, z) in mm, LPS: divides the wall into
        the segments of the American Heart Association.
    name : str
        What the case is called in its measures; not a patient's name.
    contours : bool
        ``contours.mrk.json`` too.
    pdf : bool
        ``report.pdf`` too: the report for printing.

    Raises
    ------
    InvalidInput
        If a PDF is wanted and WeasyPrint is not there.
    """

    probabilities: bool = False
    report: bool = False
    rv_insertion: Optional[tuple[float, ...]] = None
    name: str = "case"
    contours: bool = False
    pdf: bool = False

    def __post_init__(self) -> None:
        if self.pdf:
            load_weasyprint()  # before anything is computed

    @property
    def patterns(self) -> tuple[str, ...]:
        """The names of the files in the folder; ``*`` stands for any text."""
        return (
            *("segmentation.seg.nrrd", "labels.nii.gz", "result.json", "figure.png"),
            *(("probability_*.nii.gz",) if self.probabilities else ()),
            *(("report.html", "measures.csv") if self.report else ()),
            *((PDF,) if self.pdf else ()),
            *(("contours.mrk.json",) if self.contours else ()),
        )


LEAST = Wanted()
# Everything that `write_result` may write.
OUTPUTS = (*Wanted(probabilities=True, report=True, contours=True).patterns, PDF)


def write_result(
    result: Result,
    images: np.ndarray,
    reference: sitk.Image,
    folder: PathLike,
    wanted: Wanted = LEAST,
    *,
    remote: Optional[np.ndarray] = None,
    phase_sensitive: bool = False,
    inputs: Optional[Mapping[str, Any]] = None,
    force: bool = False,
) -> None:
    """Write a result into a folder, whole or not at all.

    Only the geometry of `reference` is copied, none of its metadata, so that no patient's name
    or date gets into the files.

    Parameters
    ----------
    result : Result
        Of a three-dimensional segmentation.
    images : ndarray, shape ``(M, Z, Y, X)``
        The sequences, for the figure.
    reference : SimpleITK.Image
        The image whose grid they are on.
    folder : path
        Where to; it is made where it does not exist.
    wanted : Wanted
    remote : ndarray of bool, shape of the labels, optional
        Remote myocardium, for the n-SD thresholds; by default what `proposed_remote` proposes.
    phase_sensitive : bool
        Whether the LGE image is known to be phase-sensitive, of which FWHM cannot be had.
    inputs : mapping, optional
        Digests of the files that it was made from, for ``result.json``.
    force : bool
        Whether an earlier result there may be replaced.

    Raises
    ------
    InvalidInput
        If the result is not on the reference's grid, an earlier result is in the way, or the
        folder cannot be written.
    """
    if result.labels.shape != reference.GetSize()[::-1]:
        raise InvalidInput(
            f"The labels have shape {result.labels.shape} but the reference image "
            f"{reference.GetSize()[::-1]}; give the image whose grid the labels are on."
        )
    with whole_folder(folder, OUTPUTS, force) as new:
        fill_folder(
            result,
            images,
            reference,
            new,
            wanted,
            remote=remote,
            phase_sensitive=phase_sensitive,
            inputs=inputs,
        )


def fill_folder(
    result: Result,
    images: np.ndarray,
    reference: sitk.Image,
    new: Path,
    wanted: Wanted,
    *,
    remote: Optional[np.ndarray] = None,
    phase_sensitive: bool = False,
    inputs: Optional[Mapping[str, Any]] = None,
) -> Measures:
    """Write the files of a result into an empty folder, and return its measures.

    Parameters as in `write_result`.
    """
    labels = _on(result.labels, reference)
    write_image(labels, new / "labels.nii.gz")
    write_image(segmentation(labels, result.tissues), new / "segmentation.seg.nrrd")
    if wanted.probabilities:
        for name, values in zip(file_names(result.tissues), result.probabilities):
            write_image(_on(values, reference), new / f"probability_{name}.nii.gz")
    measures = measure(
        result,
        images,
        case=wanted.name,
        reference=reference,
        rv_insertion=wanted.rv_insertion,
        remote=remote,
        phase_sensitive=phase_sensitive,
    )
    measured = measures.to_dict()
    direction = reference.GetDirection()
    figure = png(draw_figure(result, images, direction))
    (new / "figure.png").write_bytes(figure)
    if wanted.report or wanted.pdf:
        page = render_report(measures, result, images, direction, remote, figure)
    if wanted.report:
        (new / "report.html").write_text(page, encoding="utf-8")
        (new / "measures.csv").write_text(case_csv(measured), encoding="utf-8")
    if wanted.pdf:
        write_pdf(page, new / PDF)
    if wanted.contours:
        curves = contours_json(result.labels, result.tissues, reference)
        (new / "contours.mrk.json").write_text(curves, encoding="utf-8")
    record = {
        **result.to_record(),
        "versions": versions(),
        "measures": to_json_values(measured),
        "inputs": inputs or {},
    }
    write_record(new, record)
    return measures


def file_names(tissues: Sequence[str]) -> list[str]:
    """Return names for the files of tissues, which differ wherever the tissues do."""
    names: list[str] = []
    for given in tissues:
        plain = name = re.sub("[^A-Za-z0-9-]+", "_", given)[:MOST_NAME]
        number = 1
        while name.casefold() in map(str.casefold, names):
            number += 1
            name = f"{plain}_{number}"
        names.append(name)
    return names


def segmentation(labels: sitk.Image, tissues: tuple[str, ...]) -> sitk.Image:
    """Return a label map with the metadata that make it a segmentation in 3D Slicer.

    Parameters
    ----------
    labels : SimpleITK.Image
        0 outside the region, ``i + 1`` where ``tissues[i]`` is.
    tissues : tuple of str
        The K names.

    Returns
    -------
    SimpleITK.Image
        To be written as ``.seg.nrrd``: a segment per tissue, all in one layer, with name, colour
        and terminology. Source: vtkMRMLSegmentationStorageNode in 3D Slicer.
    """
    image = sitk.Image(labels)
    image.SetMetaData("Segmentation_MasterRepresentation", "Binary labelmap")
    image.SetMetaData("Segmentation_ContainedRepresentationNames", "Binary labelmap|")
    image.SetMetaData("Segmentation_ReferenceImageExtentOffset", "0 0 0")
    # Without it, export as DICOM SEG does not know the images that the segmentation belongs to.
    geometry = f"Reference image geometry|{_geometry(image)}|"
    image.SetMetaData("Segmentation_ConversionParameters", geometry + "&")
    extent = " ".join(f"0 {size - 1}" for size in image.GetSize())
    for i, name in enumerate(tissues):
        described = tissue(name, i)
        values = {
            "ID": f"Segment_{i + 1}",
            "Name": name,
            "NameAutoGenerated": "0",
            "Color": " ".join(f"{value / 255:.6f}" for value in described.color),
            "ColorAutoGenerated": "0",
            "Extent": extent,
            "LabelValue": str(i + 1),
            "Layer": "0",
            "Tags": f"TerminologyEntry:{described.terminology}|",
        }
        for key, value in values.items():
            image.SetMetaData(f"Segment{i}_{key}", value)
    return image


def _geometry(image: sitk.Image) -> str:
    """Return a grid as 3D Slicer writes it: voxel to RAS matrix by rows, then the extent."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    matrix[:3, 3] = image.GetOrigin()
    matrix[:2] *= -1  # LPS to RAS
    extent = [number for size in image.GetSize() for number in (0, size - 1)]
    return "".join(f"{number:.17g};" for number in [*matrix.ravel(), *extent])


def _on(array: np.ndarray, reference: sitk.Image) -> sitk.Image:
    """Return an array as an image with the reference's geometry and no metadata."""
    image = sitk.GetImageFromArray(array)
    image.CopyInformation(reference)
    return image
