"""The files of the MyoPS 2020 challenge, prepared as in the paper; synthetic ones of that layout.

https://zmiclab.github.io/zxh/0/myops20. The data set needs its organisers' consent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..case import Case
from ..errors import InvalidInput
from ..hearts.sample import heart
from ..io.images import read_images, read_labels, write_image
from ..io.writing import PathLike

SUFFIXES = {"LGE": "DE", "T2": "T2", "bSSFP": "C0"}
VALUES = {"blood pool": 500, "healthy myocardium": 200, "edema": 1220, "scar": 2221}
RIGHT_VENTRICLE = 600  # its blood, which is background to the paper
TISSUES = tuple(VALUES)
CROP = 160  # pixels, of about 0.7 mm in MyoPS
PHANTOM_CROP = 80  # about as many millimetres, of the synthetic hearts' pixels of 1.4 mm


@dataclass(frozen=True)
class Slice:
    """One slice of a patient, an image of its own as in the paper.

    Attributes
    ----------
    patient : str
        The number in the names of the files.
    number : int
        Which slice of the files it is, from 0.
    case : Case
        Its images ``(3, 1, Y, X)``, region and truth.
    """

    patient: str
    number: int
    case: Case


def read_myops(folder: PathLike, crop: int = CROP) -> list[Slice]:
    """Read the slices of MyoPS 2020 that hold all four tissues, prepared as in the paper.

    The region is the left ventricle. Every slice is cropped around it, and each sequence has zero
    mean and unit deviation over the crop.

    Parameters
    ----------
    folder : path
        Files such as ``myops_training_101_C0.nii.gz``, ``…_T2``, ``…_DE`` and ``…_gd``, there or
        in folders below.
    crop : int
        Side of the crop in pixels; an image that is smaller is taken whole.

    Returns
    -------
    list of Slice
        In the order of the patients.

    Raises
    ------
    InvalidInput
        If there are no such files, or they cannot be used.
    """
    folder = Path(folder)
    truths = sorted((*folder.rglob("*_gd.nii"), *folder.rglob("*_gd.nii.gz")))
    if not truths:
        raise InvalidInput(
            f"{folder} holds no file named *_gd.nii.gz; name the folder of MyoPS 2020's training "
            "cases."
        )
    slices = [item for truth in truths for item in _read_patient(folder, truth, crop)]
    if not slices:
        raise InvalidInput(f"No slice in {folder} holds all of {', '.join(TISSUES)}.")
    return sorted(slices, key=lambda item: (item.patient, item.number))


def write_phantoms(folder: PathLike, count: int, seed: int = 0) -> None:
    """Write a cohort of synthetic hearts into a folder, in the layout of MyoPS 2020.

    Parameters
    ----------
    folder : path
        It must exist.
    count : int
        How many; numbered from 101 on, as the patients of MyoPS are.
    seed : int
        The first heart's.
    """
    values = np.array([0, *VALUES.values()], dtype=np.int16)
    for i in range(count):
        drawn = heart(seed + i)
        arrays = {SUFFIXES[role]: image for role, image in zip(drawn.roles, drawn.images)}
        arrays["gd"] = np.where(drawn.right_ventricle, RIGHT_VENTRICLE, values[drawn.labels])
        for suffix, array in arrays.items():
            image = sitk.GetImageFromArray(array)
            image.SetSpacing(drawn.spacing[::-1])
            write_image(image, Path(folder) / f"myops_training_{101 + i}_{suffix}.nii.gz")


def _read_patient(folder: Path, truth_path: Path, crop: int) -> list[Slice]:
    prefix, _, ending = truth_path.name.rpartition("_gd")
    paths = [_sibling(folder, f"{prefix}_{suffix}{ending}") for suffix in SUFFIXES.values()]
    images, reference = read_images(paths, resample=True)
    labels, _ = read_labels(truth_path, reference, resample=True)
    truth = np.zeros(labels.shape, dtype=np.uint8)
    for i, value in enumerate(VALUES.values()):
        truth[labels == value] = i + 1
    rows, columns = _window(truth > 0, crop)
    number = re.search(r"\d+$", prefix)
    patient = number.group() if number else prefix
    depth, height, width = reference.GetSpacing()[::-1]
    slices = []
    for z in range(len(truth)):
        if not all((truth[z] == i + 1).any() for i in range(len(TISSUES))):
            continue
        window = (slice(z, z + 1), rows, columns)
        case = Case(
            name=f"{patient} slice {z}",
            images=_z_score(images[(slice(None), *window)]),
            roi=truth[window] > 0,
            truth=truth[window],
            tissues=TISSUES,
            roles=tuple(SUFFIXES),
            spacing=(depth, height, width),
            patient=patient,
        )
        slices.append(Slice(patient, z, case))
    return slices


def _z_score(images: np.ndarray) -> np.ndarray:
    images = images.astype(np.float64)
    images -= images.mean(axis=(1, 2, 3), keepdims=True)
    return images / np.maximum(images.std(axis=(1, 2, 3), keepdims=True), 1e-12)


def _sibling(folder: Path, name: str) -> Path:
    matches = sorted(folder.rglob(name))
    if len(matches) != 1:
        problem = "is missing" if not matches else "is there more than once"
        raise InvalidInput(f"{name} {problem} in {folder}; each patient needs one.")
    return matches[0]


def _window(ventricle: np.ndarray, crop: int) -> tuple[slice, slice]:
    """Return rows and columns of the crop around the ventricle's centre in its middle slice.

    The centre is cut to whole pixels, as in the authors' code.
    """
    slices = np.flatnonzero(ventricle.any(axis=(1, 2)))
    if not len(slices):
        return slice(None), slice(None)
    middle = ventricle[slices[len(slices) // 2]]
    window = []
    for where, size in zip(np.nonzero(middle), middle.shape):
        begin = int(where.mean()) - crop // 2
        begin = max(0, min(begin, size - crop))
        window.append(slice(begin, begin + crop))
    return window[0], window[1]
