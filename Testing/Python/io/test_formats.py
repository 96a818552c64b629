"""Image files that are broken or made to harm, told by their content before ITK sees them."""

from __future__ import annotations

import gzip
import os
import resource
import time
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from child import read_in_child

from DeepGMMSegmentationLib import InvalidInput
from DeepGMMSegmentationLib.io.images import read_images, read_labels, read_roi

SHAPE = (3, 10, 12)


def image() -> sitk.Image:
    made = sitk.GetImageFromArray(np.random.default_rng(0).random(SHAPE).astype(np.float32) + 1)
    made.SetSpacing((1.5, 1.25, 8))
    return made


def put(folder: Path, name: str, compress: bool = False, made: sitk.Image = None) -> Path:
    sitk.WriteImage(made or image(), str(folder / name.lower()), compress)
    for path in folder.glob("a.*"):
        if name.isupper():
            path.rename(path.with_name(path.name.upper()))
    return folder / name


def changed(path: Path, *changes: tuple[str, str]) -> Path:
    """Put other text into a header."""
    content = path.read_bytes()
    for old, new in changes:
        assert old.encode() in content
        content = content.replace(old.encode(), new.encode(), 1)
    path.write_bytes(content)
    return path


# --- The content counts, not the name -----------------------------------------------------------


@pytest.mark.parametrize("name", ["A.NII", "A.NII.GZ", "a.hdr", "A.HDR"])
def test_a_file_cut_short_is_refused_whatever_its_name(tmp_path, name):
    path = put(tmp_path, name)
    voxels = next(tmp_path.glob("*.[iI][mM][gG]"), path)
    whole = voxels.read_bytes()
    voxels.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InvalidInput, match="cut short"):
        read_images([path])


@pytest.mark.parametrize("name", ["A.NII", "A.NII.GZ", "a.hdr"])
def test_nan_is_not_hidden_whatever_the_name(tmp_path, name):
    made = image()
    made[3, 2, 1] = float("nan")
    images, _ = read_images([put(tmp_path, name, made=made)])
    assert np.argwhere(np.isnan(images[0])).tolist() == [[1, 2, 3]]


def test_an_analyze_file_is_refused_for_it_does_not_tell_left_from_right(tmp_path):
    path = put(tmp_path, "a.hdr")
    content = path.read_bytes()
    path.write_bytes(content[:344] + bytes(4))
    with pytest.raises(InvalidInput, match="which side is left; convert it to NIfTI"):
        read_images([path])


def test_the_other_half_of_a_pair_is_missed(tmp_path):
    path = put(tmp_path, "a.hdr")
    (tmp_path / "a.img").unlink()
    with pytest.raises(InvalidInput, match=r"a\.img, which has its voxels, is not beside it"):
        read_images([path])


def test_files_packed_one_after_the_other_are_one(tmp_path):
    whole = put(tmp_path, "a.nii").read_bytes()
    parts = gzip.compress(whole[:1000]) + gzip.compress(whole[1000:])
    (tmp_path / "b.nii.gz").write_bytes(parts)
    images, _ = read_images([tmp_path / "a.nii", tmp_path / "b.nii.gz"])
    assert np.array_equal(images[0], images[1])


# --- Headers that would end or hang the process ------------------------------------------------

META = {
    "dimensions below 0": ("NDims = 3", "NDims = -3"),
    "300000 dimensions": ("NDims = 3", "NDims = 300000x"),
    "dimensions twice": ("NDims = 3", "NDims = 3\nNDims = -3"),
    "no dimensions": ("NDims = 3\n", ""),
    "another count of lengths": ("DimSize = 12 10 3", "DimSize = 12 10"),
    "lengths below 0": ("DimSize = 12 10 3", "DimSize = -12 10 -3"),
    "no numbers": ("ElementSpacing = 1.5 1.25 8", "ElementSpacing = a nan 8"),
    "a spacing that is none": ("ElementSpacing = 1.5 1.25 8", "ElementSpacing = 0 1.25 8"),
    "an unknown type": ("MET_FLOAT", "MET_STRING"),
    "a mesh": ("ObjectType = Image", "ObjectType = Mesh"),
    "text": ("BinaryData = True", "BinaryData = False"),
    "a file elsewhere": ("= LOCAL", "= /etc/passwd"),
    "a file above": ("= LOCAL", "= ../secret.raw"),
    "a list of files": ("= LOCAL", "= LIST\na.raw"),
    "a pattern of files": ("= LOCAL", "= a%d.raw 1 3 1"),
    "more than it has": ("DimSize = 12 10 3", "DimSize = 1000 1000 1000"),
    "a control character": ("NDims = 3", "NDims = 3\x0b"),
}
NRRD = {
    "dimensions below 0": ("dimension: 3", "dimension: -3"),
    "300000 dimensions": ("dimension: 3", "dimension: 300000"),
    "another count of lengths": ("sizes: 12 10 3", "sizes: 12 10"),
    "an unknown type": ("type: float", "type: block"),
    "an endless vector": ("(1.5,0,0)", "(" + "9" * 5000 + ",0,0)"),
    "a huge voxel": ("(1.5,0,0)", "(1e300,0,0)"),
    "leaning axes": ("(1.5,0,0)", "(1.5,1,0)"),
    "a file elsewhere": ("encoding: raw", "encoding: raw\ndata file: /etc/passwd"),
    "a file above": ("encoding: raw", "encoding: raw\nDataFile: ../secret.raw"),
    "a skipped start": ("encoding: raw", "encoding: raw\nbyte skip: 99999999999"),
    "text": ("encoding: raw", "encoding: ascii"),
    "more than it has": ("sizes: 12 10 3", "sizes: 1000 1000 1000"),
    "a field twice": ("type: float", "type: float\ntype: double"),
    "an endless field": ("kinds: ", "9" * 5000 + ": "),
}


@pytest.mark.parametrize(("name", "changes"), [("a.mha", META), ("a.nrrd", NRRD)])
def test_a_header_that_contradicts_itself_is_a_sentence(tmp_path, name, changes):
    (tmp_path / "secret.raw").write_bytes(bytes(10_000))
    paths = []
    for text, change in changes.items():
        folder = tmp_path / text
        folder.mkdir()
        paths.append(changed(put(folder, name), change))
    # Without the check of the header some of these end the process, or hang it.
    for path, line in zip(paths, read_in_child(paths)):
        assert line.startswith(str(path)), line


@pytest.mark.parametrize("name", ["a.mhd", "a.nhdr"])
def test_voxels_beside_their_header_are_read(tmp_path, name):
    path = put(tmp_path, name)
    assert np.array_equal(read_images([path])[0][0], sitk.GetArrayFromImage(image()))
    (tmp_path / "a.raw").rename(tmp_path / "b.raw")
    with pytest.raises(InvalidInput, match=r"its data are in 'a\.raw', which is no file beside it"):
        read_images([path])


# --- More memory or time than the file is worth --------------------------------------------------


def claims(folder: Path, name: str) -> Path:
    """Write a file of about 1 kB that claims 1000 voxels along each axis."""
    path = put(folder, name, compress=True)
    if name == "a.nrrd":
        return changed(path, ("sizes: 12 10 3", "sizes: 1000 1000 1000"))
    if name == "a.mha":
        return changed(path, ("DimSize = 12 10 3", "DimSize = 1000 1000 1000"))
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[42:48] = np.array([1000] * 3, "<i2").tobytes()
    path.write_bytes(gzip.compress(bytes(content)))
    return path


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nrrd", "a.mha"])
def test_a_small_file_that_claims_much_takes_little(tmp_path, name):
    path = claims(tmp_path, name)
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    with pytest.raises(InvalidInput, match="cut short"):
        read_images([path])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_what_follows_the_voxels_is_not_read(tmp_path, name):
    path = put(tmp_path, name)
    if name.endswith("gz"):
        path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + bytes(1 << 28), 1))
    else:
        os.truncate(path, 1 << 30)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert np.array_equal(read_images([path])[0][0], sitk.GetArrayFromImage(image()))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no pipes with names")
@pytest.mark.parametrize("name", ["pipe.nii", "series/pipe"])
def test_a_pipe_is_refused_and_not_waited_for(tmp_path, name):
    (tmp_path / "series").mkdir()
    os.mkfifo(tmp_path / name)
    with pytest.raises(InvalidInput, match="no ordinary file"):
        read_images([(tmp_path / name) if name == "pipe.nii" else tmp_path / "series"])


# --- Names and values ---------------------------------------------------------------------------


def test_a_description_that_is_no_utf_8_does_no_harm(tmp_path):
    path = put(tmp_path, "a.nii", made=sitk.Cast(image(), sitk.sitkUInt8))
    content = bytearray(path.read_bytes())
    content[148:152] = "Zür ".encode("latin-1")
    path.write_bytes(content)
    other = image()
    other.SetOrigin((1, 0, 0))
    assert read_roi(path, other, resample=True).any()


def test_names_that_are_no_utf_8_are_refused(tmp_path):
    made = sitk.GetImageFromArray(np.ones(SHAPE, np.uint8))
    made.SetMetaData("Segment0_ID", "1")
    made.SetMetaData("Segment0_Name", "XX")
    sitk.WriteImage(made, str(tmp_path / "a.seg.nrrd"))
    path = changed(tmp_path / "a.seg.nrrd", ("XX", "YY"))
    path.write_bytes(path.read_bytes().replace(b"YY", b"\xfc\xff"))
    with pytest.raises(InvalidInput, match="no UTF-8 text"):
        read_roi(path, made, "LV")
    bad = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.nii")
    with pytest.raises(InvalidInput, match=r"no UTF-8 text; rename it"):
        read_images([bad])


@pytest.mark.parametrize("key", ["LabelValue", "Layer"])
@pytest.mark.parametrize("value", ["x", "9" * 5000, "7"])
def test_segments_that_contradict_the_file_are_a_sentence(tmp_path, key, value):
    made = sitk.GetImageFromArray(np.ones(SHAPE, np.uint8))
    described = {"ID": "1", "Name": "LV", "LabelValue": "1", "Layer": "0", key: value}
    for name, text in described.items():
        made.SetMetaData(f"Segment0_{name}", text)
    sitk.WriteImage(made, str(tmp_path / "a.seg.nrrd"))
    if (key, value) == ("LabelValue", "7"):
        assert not read_roi(tmp_path / "a.seg.nrrd", made, "LV").any()
    else:
        with pytest.raises(InvalidInput, match=r"no number|no layer 7"):
            read_roi(tmp_path / "a.seg.nrrd", made, "LV")


@pytest.mark.parametrize("kind", ["many", "large", "huge"])
def test_an_image_is_no_label_map(tmp_path, kind):
    values = np.arange(360) if kind == "many" else np.full(360, 4e9 if kind == "large" else 1e300)
    sitk.WriteImage(sitk.GetImageFromArray(values.reshape(SHAPE)), str(tmp_path / "a.nrrd"))
    with pytest.raises(InvalidInput, match="is no label map"):
        read_labels(tmp_path / "a.nrrd")
    with pytest.raises(InvalidInput, match=r"is no label map|as an image does"):
        read_roi(tmp_path / "a.nrrd", sitk.GetImageFromArray(values.reshape(SHAPE)), "LV")
