"""What reads each kind of file, as the command line does."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import SimpleITK as sitk

from DeepGMMSegmentationLib import InvalidInput, Settings
from DeepGMMSegmentationLib.anatomy import tissues
from DeepGMMSegmentationLib.anatomy.unet import load_network
from DeepGMMSegmentationLib.cardiac.comparison import compare
from DeepGMMSegmentationLib.cli.options import read_json
from DeepGMMSegmentationLib.fields import parse_json
from DeepGMMSegmentationLib.io.cohort import read_cases
from DeepGMMSegmentationLib.io.identity import identify
from DeepGMMSegmentationLib.io.images import read_images, read_labels, read_roi
from DeepGMMSegmentationLib.io.sealed import find_changed
from DeepGMMSegmentationLib.priors import Prior
from DeepGMMSegmentationLib.report.record import read_result
from DeepGMMSegmentationLib.report.tables import cohort_csv
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


def read_record(path: Path) -> None:
    """Read a record as the next run of a cohort does, also where its digest was made to fit."""
    if read_result(path.parent) is None:
        values = parse_json(path.read_text(encoding="utf-8", errors="replace"), "The record")
        if not isinstance(values, dict):
            raise InvalidInput("The record is damaged, and the case is done again.")
        forged = {key: value for key, value in values.items() if key != "digest"}
        path.write_text(json.dumps({**forged, "digest": identify(forged)}), encoding="utf-8")
    record = read_result(path.parent)
    if record is None:
        raise InvalidInput("The record is damaged, and the case is done again.")
    Settings.from_dict(record["settings"])
    find_changed(path.parent, record["outputs"])
    cohort_csv([record["measures"]])
    with suppress(InvalidInput):  # no two examinations
        compare(record["measures"], {**record["measures"], "case": "late"})


READERS = {
    "image": read_image,
    "dicom": lambda path: read_images([path.parent]),
    "table": lambda path: read_cases(path, missing_ok=True),
    "settings": lambda path: read_json(path, Settings.from_dict),
    "prior": lambda path: read_json(path, Prior.from_dict),
    "network": TrainedNetwork.load,
    "drawn": lambda path: load_network.__wrapped__(path, tissues.CHANNELS, len(tissues.TISSUES)),
    "checkpoint": lambda path: checkpoint.load(path, "seed"),
    "result": read_record,
}
