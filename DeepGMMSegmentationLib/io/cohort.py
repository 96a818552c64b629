"""A cohort: the CSV table that names the files of each case, and the reading of a case."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import numpy as np
import SimpleITK as sitk

from ..case import Case
from ..errors import InvalidInput
from ..tissues import usual_name
from .images import read_images, read_labels, read_roi, read_segments
from .sealed import digest
from .sequences import stem
from .writing import PathLike

LONGEST = 1000  # characters of a cell
# Columns that are no sequence; every other column is one and its header is its role.
COLUMNS = ("case", "roi", "truth", "reader", "segment", "patient")
TEXTS = ("case", "segment", "patient")  # the others name files
OTHERS = {*COLUMNS, ""}

# What Windows has no folders of the name of, and other systems none with.
FORBIDDEN = r'[<>:"/\\|?*\x00-\x1f]|[. ]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)'


@dataclass(frozen=True)
class CaseFiles:
    """The files of one case.

    Attributes
    ----------
    name : str
        Unlike any other case's, and fit to be a folder's name.
    images : mapping of str to path
        The aligned sequences by role, in the order of the table's columns.
    roi : path, optional
        The region; a case of a table has one.
    truth : path, optional
        The true label map.
    segment : str, optional
        The segment or label of `roi` that is the region.
    reader : path, optional
        A second reader's label map.
    patient : str
        Whose heart it is; empty where the table does not say.
    """

    name: str
    images: Mapping[str, PathLike]
    roi: Optional[PathLike]
    truth: Optional[PathLike] = None
    segment: Optional[str] = None
    reader: Optional[PathLike] = None
    patient: str = ""

    def digests(self) -> dict[str, Optional[str]]:
        """Return what tells the contents of the files from any others', but for the readers'."""
        files = {**self.images, "roi": self.roi}
        sums = {name: digest(Path(path)) if path else None for name, path in files.items()}
        return {**sums, "segment": self.segment}


def read_cases(path: PathLike, *, missing_ok: bool = False) -> list[CaseFiles]:
    """Read the table of a cohort.

    One row per case. The column ``roi`` is needed; ``case`` (a name; by default that of the first
    image), ``truth``, ``reader`` (a second reader's label map), ``segment`` and ``patient`` may be
    there. Every other column is a sequence, its header the role (LGE, T2, bSSFP or any name), its
    cell the image's path, or empty where the case lacks it. Paths are relative to the table's
    folder. Commas or semicolons separate the columns.

    Parameters
    ----------
    path : path
        A CSV file in UTF-8.
    missing_ok : bool
        Whether files that do not exist are left to whoever reads the case.

    Raises
    ------
    InvalidInput
        If the table cannot be read, lacks a column or a cell, names a case twice, or names a file
        that does not exist.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        delimiter = ";" if lines and lines[0].count(";") > lines[0].count(",") else ","
        rows = list(csv.reader(lines, delimiter=delimiter))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"{path} cannot be read ({error}); give a CSV table.") from error
    for number, row in enumerate(rows, 1):
        if any(len(cell) > LONGEST for cell in row):
            raise InvalidInput(
                f"{path}, row {number} has a cell of more than {LONGEST} characters, which is no "
                "name or path; mend its quotes or separators."
            )
    columns = _columns(rows[0] if rows else [], path)
    table, folder, cases = str(path), str(path.parent), []
    for number, row in enumerate(rows[1:], 2):
        cells = {column: cell for column, cell in zip(columns, map(str.strip, row)) if cell}
        if not cells:
            continue
        where = f"{table}, row {number}"
        if len(row) > len(columns):
            raise InvalidInput(f"{where} has more cells than the header; put paths in quotes.")
        cases.append(_case(cells, folder, where, f"Case {number - 1}"))
    if not cases:
        raise InvalidInput(f"{path} lists no case; add a row per case.")
    names: set[str] = set()
    for case in cases:
        if case.name.casefold() in names:  # file systems may not tell cases apart either
            raise InvalidInput(
                f"{path} has two cases named {case.name!r}; give each its own name in a column "
                '"case".'
            )
        names.add(case.name.casefold())
        if missing_ok:
            continue
        for file in (*case.images.values(), case.roi, case.truth, case.reader):
            if file is not None and not os.path.exists(file):
                raise InvalidInput(f"{file}, of case {case.name!r} in {path}, does not exist.")
    return cases


def load_case(files: CaseFiles, tissues: Sequence[str] = (), *, resample: bool = False) -> Case:
    """Read the images, the region and the truth of a case.

    Parameters
    ----------
    files : CaseFiles
    tissues : sequence of str
        The order in which the truth's labels are wanted. The labels of a ``.seg.nrrd``, which have
        names, are brought into it; those of another file have it already.
    resample : bool
        Whether what is on another grid is brought onto the first image's.

    Raises
    ------
    InvalidInput
        If a file cannot be used, or the truth has a label that is none of the tissues.
    """
    images, reference = read_images(list(files.images.values()), resample)
    assert files.roi is not None  # every row of a table has one
    roi = read_roi(files.roi, reference, files.segment, resample)
    truth = None
    names: tuple[str, ...] = ()
    if files.truth is not None:
        truth, names = read_named_labels(files.truth, reference, tuple(tissues), resample)
    z, y, x = reference.GetSpacing()[::-1]
    return Case(
        files.name, images, roi, tuple(files.images), (z, y, x), truth, names, files.patient
    )


def _columns(header: Sequence[str], path: Path) -> list[str]:
    stripped = [cell.strip() for cell in header]
    columns = [cell.lower() if cell.lower() in COLUMNS else cell for cell in stripped]
    if "roi" not in columns:
        raise InvalidInput(f'{path} has no column "roi"; its first row must name the columns.')
    if not set(columns) - OTHERS:
        raise InvalidInput(f"{path} has no column of images; add one named LGE, T2, bSSFP or such.")
    for column in columns:
        if column and columns.count(column) > 1:
            raise InvalidInput(f"{path} has two columns {column!r}; remove or rename one.")
    return columns


def _case(cells: dict[str, str], folder: str, where: str, default: str) -> CaseFiles:
    # Joined as text: a table may have a million paths.
    files = {c: os.path.join(folder, cells[c]) for c in cells if c not in TEXTS}
    images = {role: file for role, file in files.items() if role not in OTHERS}
    if not images or "roi" not in cells:
        missing = "image" if not images else "roi"
        raise InvalidInput(f"{where} has no {missing}; fill in the cell or remove the row.")
    first = next(iter(images.values()))
    # A folder may be called as a patient.
    name = cells.get("case") or (default if os.path.isdir(first) else stem(first))
    if name.startswith(".") or re.search(FORBIDDEN, name, re.IGNORECASE):
        raise InvalidInput(
            f"{where} names the case {name!r}, which cannot be a folder's name; use letters, "
            "digits, spaces, - and _."
        )
    truth, reader = files.get("truth"), files.get("reader")
    segment, patient = cells.get("segment"), cells.get("patient", "")
    return CaseFiles(name, images, files["roi"], truth, segment, reader, patient)


def read_named_labels(
    path: PathLike, reference: sitk.Image, tissues: tuple[str, ...], resample: bool
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return labels in the order of the tissues, and the tissues; parameters as in `load_case`."""
    labels, image = read_labels(path, reference, resample)
    named = {segment.value: usual_name(segment.name) for segment in read_segments(image)}
    if named:
        tissues = tissues or tuple(name for _, name in sorted(named.items()))
        order = np.zeros(labels.max() + 1, dtype=np.uint8)
        for value, name in named.items():
            if not 0 <= value < len(order):  # it has no voxel
                continue
            if name in tissues:
                order[value] = tissues.index(name) + 1
            elif (labels == value).any():
                raise InvalidInput(
                    f"{path} has a segment {name!r}, which is none of {', '.join(tissues)}; rename "
                    "or remove it."
                )
        labels = order[labels]
    elif tissues and labels.max() > len(tissues):
        raise InvalidInput(
            f"{path} holds the label {labels.max()} but there are {len(tissues)} tissues "
            f"({', '.join(tissues)}); number them from 1 in that order."
        )
    return labels.astype(np.uint8), tissues
