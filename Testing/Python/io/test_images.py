"""Reading images, regions and label maps."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from DeepGMMSegmentationLib import InvalidInput
from DeepGMMSegmentationLib.io.images import (
    read_images,
    read_labels,
    read_roi,
    read_segments,
    write_image,
)

SHAPE = (4, 20, 30)
OBLIQUE = (
    *(math.cos(0.3), 0.0, math.sin(0.3)),
    *(0.0, 1.0, 0.0),
    *(-math.sin(0.3), 0.0, math.cos(0.3)),
)


def image(
    array=None, *, spacing=(1.4, 1.5, 10.0), origin=(5.0, -7.0, 11.0), direction=OBLIQUE
) -> sitk.Image:
    if array is None:
        array = np.random.default_rng(0).integers(-50, 1000, SHAPE).astype(np.int16)
    made = sitk.GetImageFromArray(array, isVector=array.ndim == 4)
    made.SetSpacing(spacing)
    made.SetOrigin(origin)
    made.SetDirection(direction)
    return made


def put(folder: Path, name: str, made: sitk.Image) -> Path:
    sitk.WriteImage(made, str(folder / name))
    return folder / name


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nii", "a.nrrd", "a.nhdr", "a.mha", "a.mhd"])
def test_every_format_gives_the_voxels_and_the_grid(tmp_path, name):
    made = image()
    images, reference = read_images([put(tmp_path, name, made)])
    assert np.array_equal(images[0], sitk.GetArrayFromImage(made))
    assert reference.GetSpacing() == pytest.approx(made.GetSpacing(), abs=1e-5)
    assert reference.GetOrigin() == pytest.approx(made.GetOrigin(), abs=1e-4)
    assert reference.GetDirection() == pytest.approx(made.GetDirection(), abs=1e-6)


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nii", "a.nrrd", "a.mha"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nan_and_infinity_are_not_hidden(tmp_path, name, dtype):
    array = np.random.default_rng(0).random(SHAPE).astype(dtype)
    array[1, 2, 3], array[2, 3, 4] = math.nan, -math.inf
    images, reference = read_images([put(tmp_path, name, image(array))])
    assert np.array_equal(np.isfinite(images[0]), np.isfinite(array))
    assert np.array_equal(images[0][np.isfinite(array)], array[np.isfinite(array)])
    assert reference.GetDirection() == pytest.approx(OBLIQUE, abs=1e-6)


def test_big_endian_nifti_with_nan(tmp_path):
    path = put(tmp_path, "a.nii", image(np.full(SHAPE, 7, np.float32)))
    content = path.read_bytes()
    # The header's fields: their widths in bytes, from the NIfTI-1 standard.
    widths = [4] + [1] * 36 + [2] * 8 + [4] * 3 + [2] * 4 + [4] * 8 + [4] * 3 + [2, 1, 1] + [4] * 6
    widths += [1] * 104 + [2] * 2 + [4] * 18 + [1] * 20
    assert sum(widths) == 348
    swapped, at = b"", 0
    for width in widths:
        swapped += content[at : at + width][::-1]
        at += width
    values = np.frombuffer(content[352:], "<f4").copy()
    values[5] = math.nan
    path.write_bytes(swapped + content[348:352] + values.astype(">f4").tobytes())
    images, _ = read_images([path])
    assert np.array_equal(images.ravel(), values, equal_nan=True)


def test_one_stack_in_four_dimensions_is_three_dimensional(tmp_path):
    made = sitk.JoinSeries([image()])
    images, _ = read_images([put(tmp_path, "a.nii.gz", made)])
    assert images.shape == (1, *SHAPE)


# --- DICOM ----------------------------------------------------------------------------------


def dicom(folder: Path, heights, series="1.2.3.4", first=0) -> np.ndarray:
    """Write slices at the given heights (mm) along an oblique normal."""
    folder.mkdir(exist_ok=True)
    rows = np.array([0.0, math.cos(0.4), math.sin(0.4)])
    normal = np.cross([1, 0, 0], rows)
    volume = np.random.default_rng(1).integers(0, 1000, (len(heights), 20, 30)).astype(np.int16)
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for i, height in enumerate(heights):
        slice_ = sitk.GetImageFromArray(volume[i])
        slice_.SetSpacing((1.4, 1.4))
        tags = {
            "0008|0060": "MR",
            "0010|0010": "Doe^Jane",
            "0020|000d": "1.2.3",
            "0020|000e": series,
            "0008|0018": f"{series}.{first + i}",
            "0020|0037": "\\".join(f"{value:.8f}" for value in (1, 0, 0, *rows)),
            "0020|0032": "\\".join(f"{value:.6f}" for value in normal * height),
        }
        for key, value in tags.items():
            slice_.SetMetaData(key, value)
        # Names run against the heights: the order must come from the positions.
        writer.SetFileName(str(folder / f"{series}_{900 - first - i}.dcm"))
        writer.Execute(slice_)
    return volume


def test_a_dicom_series_is_a_volume_in_the_order_of_its_positions(tmp_path):
    volume = dicom(tmp_path / "series", [0, 8, 16, 24])
    images, reference = read_images([tmp_path / "series"])
    assert np.array_equal(images[0], volume)
    assert reference.GetSpacing() == pytest.approx((1.4, 1.4, 8), abs=1e-4)
    assert reference.GetDirection()[8] == pytest.approx(math.cos(0.4), abs=1e-5)


def test_several_series_in_a_folder_are_refused(tmp_path):
    dicom(tmp_path / "both", [0, 8], "1.2.3.4")
    dicom(tmp_path / "both", [0, 8], "1.2.3.5", first=10)
    with pytest.raises(InvalidInput, match="both holds 2 DICOM series; name a folder that holds"):
        read_images([tmp_path / "both"])


def test_a_folder_without_dicom_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="holds no DICOM series"):
        read_images([tmp_path])


@pytest.mark.parametrize("heights", [[0, 8, 24, 32], [0, 8, 16, 0, 8, 16], [0, 0, 0]])
def test_missing_or_doubled_slices_are_refused(tmp_path, heights):
    dicom(tmp_path / "series", heights)
    with pytest.raises(InvalidInput, match="missing, doubled or unevenly spaced"):
        read_images([tmp_path / "series"])


# --- Files that cannot be used --------------------------------------------------------------


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InvalidInput, match=r"nowhere\.nii\.gz does not exist"):
        read_images([tmp_path / "nowhere.nii.gz"])


def test_no_file_at_all():
    with pytest.raises(InvalidInput, match="at least one"):
        read_images([])


@pytest.mark.parametrize("name", ["text.nii.gz", "text.nrrd", "text.mha", "text.txt"])
def test_what_is_no_image_is_refused(tmp_path, name):
    (tmp_path / name).write_text("This is no image.")
    with pytest.raises(InvalidInput, match=f"{name} cannot be read as an image"):
        read_images([tmp_path / name])


@pytest.mark.parametrize("name", ["cut.nii.gz", "cut.nii", "cut.nrrd", "cut.mha"])
def test_a_file_cut_short_is_refused_and_not_filled_up_with_zeros(tmp_path, name):
    path = put(tmp_path, name, image())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(InvalidInput, match=f"{name} cannot be read as an image"):
        read_images([path])


@pytest.mark.parametrize("name", ["flat.nii.gz", "flat.nrrd", "flat.mha"])
def test_two_dimensions_are_refused(tmp_path, name):
    path = put(tmp_path, name, sitk.GetImageFromArray(np.zeros((20, 30), np.uint8)))
    with pytest.raises(InvalidInput, match="has 2 dimensions; give a three-dimensional"):
        read_images([path])


@pytest.mark.parametrize("name", ["flat.png", "stack.tif", "stack.vtk"])
def test_formats_that_do_not_say_where_the_voxels_are_or_are_seldom_are_refused(tmp_path, name):
    array = np.zeros((20, 30) if name == "flat.png" else SHAPE, np.uint8)
    path = put(tmp_path, name, sitk.GetImageFromArray(array))
    with pytest.raises(InvalidInput, match=r"in none of these formats.; give a NIfTI, NRRD or MHA"):
        read_images([path])


def test_a_time_series_is_refused(tmp_path):
    path = put(tmp_path, "cine.nii.gz", sitk.JoinSeries([image(), image()]))
    with pytest.raises(InvalidInput, match="has 4 dimensions"):
        read_images([path])


@pytest.mark.parametrize("kind", ["vector", "complex"])
def test_several_components_are_refused(tmp_path, kind):
    array = np.zeros((*SHAPE, 3)) if kind == "vector" else np.zeros(SHAPE, np.complex64)
    path = put(tmp_path, "many.nii.gz", image(array))
    for read in (lambda: read_images([path]), lambda: read_roi(path, image())):
        with pytest.raises(InvalidInput, match="several components"):
            read()


# --- Grids ----------------------------------------------------------------------------------

OTHERS = {
    "size": lambda: image(np.zeros((4, 20, 31), np.int16)),
    "spacing": lambda: image(spacing=(1.4, 1.6, 10.0)),
    "origin": lambda: image(origin=(5.0, -6.5, 11.0)),
    "direction": lambda: image(direction=np.eye(3).ravel().tolist()),
}


@pytest.mark.parametrize("what", OTHERS)
def test_grids_that_differ_are_told_apart_by_name(tmp_path, what):
    first = put(tmp_path, "first.nrrd", image())
    other = put(tmp_path, "other.nrrd", OTHERS[what]())
    with pytest.raises(InvalidInput) as caught:
        read_images([first, other])
    text = str(caught.value)
    assert "other.nrrd is on another grid" in text
    assert "--resample" in text
    assert {word for word in OTHERS if f"{word} (" in text} == {what}
    get = f"Get{what.capitalize()}"
    for made in (OTHERS[what](), image()):
        assert f"{getattr(made, get)()[1]:.6g}" in text


@given(
    st.tuples(*[st.floats(-0.03, 0.03)] * 3),
    st.tuples(*[st.floats(-3e-4, 3e-4)] * 3),
)
@hypothesis_settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_rounding_in_headers_makes_no_other_grid(tmp_path, shift, stretch):
    origin = tuple(np.add((5.0, -7.0, 11.0), shift))
    spacing = tuple(np.add((1.4, 1.5, 10.0), stretch))
    other = image(origin=origin, spacing=spacing)
    paths = [put(tmp_path, "a.nrrd", image()), put(tmp_path, "b.nrrd", other)]
    assert read_images(paths)[0].shape == (2, *SHAPE)


def test_resampling_finds_the_same_place_in_the_patient(tmp_path):
    def ramp(made: sitk.Image) -> sitk.Image:
        """3x - 2y + z of each voxel's place in mm: linear interpolation is exact on it."""
        index = np.stack(np.meshgrid(*[np.arange(n) for n in made.GetSize()], indexing="ij"), -1)
        turn = np.reshape(made.GetDirection(), (3, 3)) * made.GetSpacing()
        place = index @ turn.T + made.GetOrigin()
        values = sitk.GetImageFromArray((place @ (3, -2, 1)).transpose(2, 1, 0))
        values.CopyInformation(made)
        return values

    first = ramp(image(np.zeros((3, 10, 12))))
    wide = ramp(
        image(
            np.zeros((12, 60, 60)),
            spacing=(0.9, 1.1, 7.0),
            origin=(-20.0, -20.0, -20.0),
            direction=np.eye(3).ravel().tolist(),
        )
    )
    images, reference = read_images(
        [put(tmp_path, "first.nrrd", first), put(tmp_path, "wide.nrrd", wide)], resample=True
    )
    assert reference.GetSize() == first.GetSize()
    assert np.allclose(images[1], images[0], atol=1e-4)


def test_resampling_leaves_nan_where_an_image_does_not_reach(tmp_path):
    low = image(np.ones((2, 20, 30), np.int16))
    images, _ = read_images(
        [put(tmp_path, "a.nrrd", image()), put(tmp_path, "low.nrrd", low)], resample=True
    )
    assert np.isfinite(images[1, :2]).all()
    assert np.isnan(images[1, 2:]).all()


# --- Regions and label maps -----------------------------------------------------------------


def mask() -> np.ndarray:
    return (np.random.default_rng(2).random(SHAPE) > 0.6).astype(np.uint8)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_a_mask_is_everything_that_is_not_zero(tmp_path, dtype):
    values = (mask() * np.where(np.indices(SHAPE).sum(axis=0) % 2, 3, 255)).astype(dtype)
    roi = read_roi(put(tmp_path, "roi.nii.gz", image(values)), image())
    assert roi.dtype == bool
    assert np.array_equal(roi, mask() > 0)


def test_one_label_of_a_label_map(tmp_path):
    labels = np.random.default_rng(3).integers(0, 4, SHAPE).astype(np.uint8)
    path = put(tmp_path, "labels.nii.gz", image(labels))
    assert np.array_equal(read_roi(path, image(), "2"), labels == 2)
    with pytest.raises(InvalidInput, match="no segment '7'; name one of: 1"):
        read_roi(path, image(), "7")


def test_a_region_on_another_grid_is_refused_or_resampled(tmp_path):
    fine = image(np.ones((8, 40, 60), np.uint8), spacing=(0.7, 0.75, 5.0))
    path = put(tmp_path, "fine.nrrd", fine)
    with pytest.raises(InvalidInput, match=r"fine.nrrd is on another grid.*spacing"):
        read_roi(path, image())
    roi = read_roi(path, image(), resample=True)
    assert roi.shape == SHAPE
    assert roi.dtype == bool
    assert roi[:, :19, :29].all()


def segmentation(layers: np.ndarray, described) -> sitk.Image:
    """Return a segmentation as 3D Slicer writes it: (name, value, layer) per segment."""
    made = image(layers)
    for i, (name, value, layer) in enumerate(described):
        made.SetMetaData(f"Segment{i}_ID", f"Segment_{i + 1}")
        made.SetMetaData(f"Segment{i}_Name", name)
        made.SetMetaData(f"Segment{i}_LabelValue", str(value))
        made.SetMetaData(f"Segment{i}_Layer", str(layer))
    return made


def test_segments_by_name_and_number(tmp_path):
    labels = np.random.default_rng(4).integers(0, 3, SHAPE).astype(np.uint8)
    path = put(tmp_path, "s.seg.nrrd", segmentation(labels, [("LV blood", 1, 0), ("LV", 2, 0)]))
    assert np.array_equal(read_roi(path, image(), "LV"), labels == 2)
    assert np.array_equal(read_roi(path, image(), "1"), labels == 1)
    assert np.array_equal(read_roi(path, image()), labels > 0)
    with pytest.raises(InvalidInput, match=r"no segment 'RV'; name one of: LV blood \(1\), LV"):
        read_roi(path, image(), "RV")


def test_overlapping_segments_lie_in_layers(tmp_path):
    layers = np.random.default_rng(5).integers(0, 2, (*SHAPE, 2)).astype(np.uint8)
    made = segmentation(layers, [("wall", 1, 0), ("LV", 1, 1)])
    path = put(tmp_path, "s.seg.nrrd", made)
    assert np.array_equal(read_roi(path, image(), "LV"), layers[..., 1] == 1)
    assert np.array_equal(read_roi(path, image()), layers.any(axis=-1))
    with pytest.raises(InvalidInput, match="more than one segment '1'"):
        read_roi(path, image(), "1")
    with pytest.raises(InvalidInput, match="overlapping segments"):
        read_labels(path)


def test_label_maps_are_whole_numbers_from_zero(tmp_path):
    labels = np.random.default_rng(6).integers(0, 5, SHAPE)
    path = put(tmp_path, "l.nii.gz", image(labels.astype(np.float32)))
    values, made = read_labels(path)
    assert np.array_equal(values, labels)
    assert values.dtype.kind == "i"
    assert read_segments(made) == []
    for bad in (-1, 0.5, math.nan, math.inf):
        wrong = labels.astype(np.float32)
        wrong[0, 0, 0] = bad
        with pytest.raises(InvalidInput, match="is no label map"):
            read_labels(put(tmp_path, "w.nii.gz", image(wrong)))


def test_label_maps_are_resampled_without_new_values(tmp_path):
    labels = np.random.default_rng(7).choice([0, 200, 1220], SHAPE).astype(np.int16)
    path = put(tmp_path, "l.nii.gz", image(labels, spacing=(1.3, 1.2, 9.0)))
    with pytest.raises(InvalidInput, match="another grid"):
        read_labels(path, image())
    values, _ = read_labels(path, image(), resample=True)
    assert set(np.unique(values)) == {0, 200, 1220}


def test_an_image_that_did_not_arrive_whole_is_an_error(tmp_path, monkeypatch):
    write = sitk.WriteImage

    def cut(made, path, **options):
        write(made, path, **options)
        whole = Path(path).read_bytes()
        Path(path).write_bytes(whole[: len(whole) // 2])

    monkeypatch.setattr(sitk, "WriteImage", cut)
    for name in ("a.nii.gz", "a.nrrd"):
        with pytest.raises(OSError, match="could not be written whole"):
            write_image(image(), tmp_path / name)
