"""Whole files of every kind that the library reads, small, from which the fuzzer starts."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import SimpleITK as sitk

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Python"))
from small_cases import PRIOR, ROLES, small_settings
from true_result import truth

from DeepGMMSegmentationLib.anatomy.tissues import CHANNELS, TISSUES
from DeepGMMSegmentationLib.anatomy.unet import WRITER, drawn_unet
from DeepGMMSegmentationLib.cardiac.measures import measure
from DeepGMMSegmentationLib.hearts.sample import heart
from DeepGMMSegmentationLib.io.sealed import RECORD, write_record
from DeepGMMSegmentationLib.io.weights import save_weights
from DeepGMMSegmentationLib.mixture.unet import unet_for
from DeepGMMSegmentationLib.report.result_folder import segmentation
from DeepGMMSegmentationLib.result import to_json_values
from DeepGMMSegmentationLib.training import checkpoint
from DeepGMMSegmentationLib.training.trained_network import TrainedNetwork

SHAPE = (3, 10, 12)
TABLE = """case,LGE,T2,roi,truth,segment
a,a/LGE.nii.gz,a/T2.nii.gz,a/roi.nii.gz,a/truth.nii.gz,LV
"b; c",b/LGE.nii.gz,,b/roi.seg.nrrd,,"""

# Elements of DICOM that follow the voxels: a sequence without a length, an item, a text in it.
NESTED = b"".join(
    (
        b"\xe1\x7f\x01\x10SQ\0\0\xff\xff\xff\xff",
        b"\xfe\xff\x00\xe0\xff\xff\xff\xff",
        b"\xe1\x7f\x02\x10LO\x04\0text",
        b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0",
    )
)


def image_of(array: np.ndarray) -> sitk.Image:
    """Return an array as an image on an oblique grid."""
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((1.25, 1.5, 8.0))
    image.SetOrigin((5, -7, 11))
    image.SetDirection((0.8, 0, 0.6, 0, 1, 0, -0.6, 0, 0.8))
    return image


def write_series(folder: Path, rng: np.random.Generator, packed: bool) -> Path:
    """Write slices as a DICOM series into a new folder; return one in the middle."""
    folder.mkdir()
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    writer.SetUseCompression(packed)
    for z in range(SHAPE[0]):
        slice_ = sitk.Cast(image_of(rng.normal(100, 20, SHAPE))[:, :, z], sitk.sitkInt16)
        for key, value in {
            "0008|0060": "MR",
            "0020|000d": "1.2.3",
            "0020|000e": "1.2.3.4",
            "0008|0018": f"1.2.3.4.{z}",
            "0020|0037": "1\\0\\0\\0\\1\\0",
            "0020|0032": f"0\\0\\{8 * z}",
        }.items():
            slice_.SetMetaData(key, value)
        writer.SetFileName(str(folder / f"{z}.dcm"))
        writer.Execute(slice_)
    return folder / "1.dcm"


def write_seeds(folder: Path) -> dict[str, list[Path]]:
    """Write the files into a folder; return those that each reader begins with."""
    rng = np.random.default_rng(0)
    numbers = image_of(rng.normal(100, 20, SHAPE).astype(np.float32))
    labels = image_of(rng.integers(0, 4, SHAPE).astype(np.uint8))
    images = []
    for name, image, compress in (
        ("a.nii", numbers, False),
        ("a.nii.gz", numbers, True),
        ("labels.nii", labels, False),
        ("pair.hdr", numbers, False),
        ("a.nrrd", numbers, False),
        ("a.nhdr", numbers, False),
        ("packed.nrrd", numbers, True),
        ("a.seg.nrrd", segmentation(labels, ("LV", "edema", "scar")), True),
        ("a.mha", numbers, False),
        ("packed.mha", labels, True),
        ("a.mhd", numbers, False),
    ):
        sitk.WriteImage(image, str(folder / name), compress)
        images.append(folder / name)
    series = [
        write_series(folder / name, rng, packed)
        for name, packed in (("dicom", False), ("packed", True), ("nested", False))
    ]
    with series[2].open("ab") as stream:
        stream.write(NESTED)
    texts = {
        "cases.csv": TABLE,
        "settings.json": small_settings().to_json(),
        "prior.json": PRIOR.to_json(),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    settings = small_settings()
    weights = unet_for(settings, len(ROLES)).state_dict()
    TrainedNetwork(settings, ROLES, 1.5, weights, {}).save(folder / "network.safetensors")
    drawn = drawn_unet(CHANNELS, len(TISSUES), 4, 1).state_dict()
    save_weights(folder / "drawn.safetensors", drawn, '{"filters": 4, "depth": 1}', WRITER)
    checkpoint.save(folder / "training.checkpoint", "seed", {"weights": weights, "done": 3})
    result = folder / "result"
    result.mkdir()
    (result / "labels.nii.gz").write_bytes((folder / "a.nii.gz").read_bytes())
    whole = truth(heart())
    measures = to_json_values(measure(whole).to_dict())
    write_record(result, {"measures": measures, **whole.to_record(), "inputs": {}})
    return {
        "network": [folder / "network.safetensors"],
        "drawn": [folder / "drawn.safetensors"],
        "checkpoint": [folder / "training.checkpoint"],
        "result": [result / RECORD],
        "image": images,
        "dicom": series,
        "table": [folder / "cases.csv"],
        "settings": [folder / "settings.json"],
        "prior": [folder / "prior.json"],
    }
