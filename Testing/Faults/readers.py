"""What reads each kind of file, as the command line does."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import SimpleITK as sitk

from DeepGMMSegmentationLib import InvalidInput, Settings
from DeepGMMSegmentationLib.anatomy import tissues
from DeepGMMSegmentationLib.anatomy.unet import load_network
from DeepGMMSegmentationLib.cli.options import read_json
from DeepGMMSegmentationLib.io.cohort import read_cases
from DeepGMMSegmentationLib.io.images import read_images, read_labels, read_roi
from DeepGMMSegmentationLib.io.sealed import find_changed, read_record
from DeepGMMSegmentationLib.priors import Prior
from DeepGMMSegmentationLib.training import checkpoint
from DeepGMMSegmentationLib.training.trained_network import TrainedNetwork

sitk.ProcessObject.SetGlobalWarningDisplay(False)


def read_image(path: Path) -> None:
    """Read a file as an image, a region and a label map."""
    _, reference = read_images([path])
    read_roi(path, reference)
    with suppress(InvalidInput):  # few images are label maps
        read_labels(path)
    if path.name.endswith(".seg.nrrd"):
        read_roi(path, reference, "LV", resample=True)


def read_result(path: Path) -> None:
    """Read a record as the next run of a cohort does."""
    record = read_record(path.parent)
    if record is None:
        raise InvalidInput("The record is damaged, and the case is done again.")
    find_changed(path.parent, record["outputs"])


READERS = {
    "image": read_image,
    "dicom": lambda path: read_images([path.parent]),
    "table": lambda path: read_cases(path, missing_ok=True),
    "settings": lambda path: read_json(path, Settings.from_dict),
    "prior": lambda path: read_json(path, Prior.from_dict),
    "network": TrainedNetwork.load,
    "drawn": lambda path: load_network.__wrapped__(path, tissues.CHANNELS, len(tissues.TISSUES)),
    "checkpoint": lambda path: checkpoint.load(path, "seed"),
    "result": read_result,
}
