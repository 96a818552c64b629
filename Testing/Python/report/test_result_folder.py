"""What a result leaves on disk, read back by other programs' readers."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import signal
import sys
import tempfile
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import stats

from DeepGMMSegmentationLib import InvalidInput, Settings, segment
from DeepGMMSegmentationLib.cardiac.uncertainty import entropy
from DeepGMMSegmentationLib.priors import Prior
from DeepGMMSegmentationLib.report.figures import draw_entropy, draw_figure
from DeepGMMSegmentationLib.report.record import read_result
from DeepGMMSegmentationLib.report.result_folder import OUTPUTS, Wanted, write_result
from DeepGMMSegmentationLib.report.tiles import tile
from DeepGMMSegmentationLib.tissues import PRESETS, TISSUES

SPACING = (8.0, 1.3, 1.2)
TISSUE_NAMES = PRESETS["Myocardial infarction"]
MEANS = {"LGE": (500, 100, 150, 900), "T2": (300, 350, 800, 600)}
DEVIATIONS = (1.0, 1.0, 1.0, 1.0)


@lru_cache
def case(scope="volume", shape=(5, 24, 26)):
    """Return two sequences of four tissues in rings, their region and a reference image."""
    _, y, x = np.indices(shape)
    radius = np.hypot(y - 12, x - 12)
    truth = np.digitize(radius, (4, 6, 8, 10)) + 1
    truth[radius >= 10] = 0
    truth[0] = 0  # a slice without region
    rng = np.random.default_rng(0)
    images = np.stack(
        [np.take((0, *MEANS[role]), truth) + rng.normal(0, 30, shape) for role in MEANS]
    ).astype(np.float32)
    mean = {role: tuple((np.array(MEANS[role]) - 450) / 300) for role in MEANS}
    prior = Prior(
        "test", "made up", TISSUE_NAMES, mean, dict.fromkeys(MEANS, DEVIATIONS), (0.25,) * 4
    )
    settings = Settings(method="GMM", start="prior", prior=prior, scope=scope)
    result = segment(images, truth > 0, settings, spacing=SPACING, roles=tuple(MEANS))
    reference = sitk.GetImageFromArray(images[0])
    reference.SetSpacing(SPACING[::-1])
    reference.SetOrigin((13.5, -200.25, 40.0))
    c, s = math.cos(0.5), math.sin(0.5)
    reference.SetDirection((c, 0, s, 0, 1, 0, -s, 0, c))
    reference.SetMetaData("0010|0010", "Doe^Jane")
    reference.SetMetaData("PatientBirthDate", "19450508")
    return result, images, reference, truth


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("written") / "out"
    result, images, reference, truth = case()
    write_result(result, images, reference, folder, Wanted(probabilities=True))
    return folder, result, images, reference, truth


def test_everything_is_there_and_known_by_name(written):
    folder, *_ = written
    assert {path.name for path in folder.iterdir()} == {
        "segmentation.seg.nrrd",
        "labels.nii.gz",
        "probability_blood_pool.nii.gz",
        "probability_healthy_myocardium.nii.gz",
        "probability_edema.nii.gz",
        "probability_scar.nii.gz",
        "result.json",
        "figure.png",
    }
    assert all(any(path.match(pattern) for pattern in OUTPUTS) for path in folder.iterdir())


def test_label_and_probability_maps_have_the_voxels_and_the_grid(written):
    folder, result, _, reference, truth = written
    arrays = {"labels": result.labels}
    arrays.update(
        (f"probability_{name.replace(' ', '_')}", values)
        for name, values in zip(TISSUE_NAMES, result.probabilities)
    )
    for name, array in arrays.items():
        image = sitk.ReadImage(str(folder / f"{name}.nii.gz"))
        assert np.array_equal(sitk.GetArrayFromImage(image), array)
        assert image.GetSpacing() == pytest.approx(reference.GetSpacing(), abs=1e-5)
        assert image.GetOrigin() == pytest.approx(reference.GetOrigin(), abs=1e-4)
        assert image.GetDirection() == pytest.approx(reference.GetDirection(), abs=1e-6)
    assert np.mean(result.labels[truth > 0] == truth[truth > 0]) > 0.95


def test_probability_maps_only_when_asked(tmp_path):
    result, images, reference, _ = case()
    write_result(result, images, reference, tmp_path / "out")
    assert not list((tmp_path / "out").glob("probability*"))


def test_nothing_of_the_patient_gets_into_the_files(written):
    folder, *_ = written
    for path in folder.iterdir():
        keys = []
        if path.name.endswith((".nrrd", ".nii.gz")):
            image = sitk.ReadImage(str(path))
            keys = [f"{key}={image.GetMetaData(key)}" for key in image.GetMetaDataKeys()]
        content = path.read_bytes() + " ".join(keys).encode()
        assert b"Doe" not in content
        assert b"19450508" not in content


def test_slicer_opens_the_segmentation_with_names_colours_terms_and_place(written):
    slicer = pytest.importorskip("slicer", reason="needs slicer-core (the test extra)")
    import vtk
    from vtk.util.numpy_support import vtk_to_numpy

    folder, result, _, reference, _ = written
    scene = slicer.vtkMRMLScene()
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    storage = slicer.vtkMRMLSegmentationStorageNode()
    scene.AddNode(storage)
    storage.SetFileName(str(folder / "segmentation.seg.nrrd"))
    assert storage.ReadData(node) == 1
    assert not storage.GetUserMessages().GetNumberOfMessages()
    segmentation = node.GetSegmentation()
    assert segmentation.GetNumberOfSegments() == len(TISSUE_NAMES)

    to_ras = np.diag((-1.0, -1.0, 1.0, 1.0))
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(reference.GetDirection(), (3, 3)) * reference.GetSpacing()
    matrix[:3, 3] = reference.GetOrigin()
    for i, name in enumerate(TISSUE_NAMES):
        vtk_segment = segmentation.GetNthSegment(i)
        assert vtk_segment.GetName() == name
        assert not vtk_segment.GetNameAutoGenerated()
        assert vtk_segment.GetLabelValue() == i + 1
        assert vtk_segment.GetColor() == pytest.approx(
            np.divide(TISSUES[name].color, 255), abs=1e-5
        )

        entry = slicer.vtkSlicerTerminologyEntry()
        logic = slicer.vtkSlicerTerminologiesModuleLogic
        assert logic.DeserializeTerminologyEntry(vtk_segment.GetTerminology(), entry)
        assert logic.SerializeTerminologyEntry(entry) == TISSUES[name].terminology
        assert entry.GetRegionObject().GetCodeMeaning() == "Left Ventricle"

        labelmap = slicer.vtkOrientedImageData()
        assert node.GetBinaryLabelmapRepresentation(segmentation.GetNthSegmentID(i), labelmap)
        voxels = vtk_to_numpy(labelmap.GetPointData().GetScalars()).reshape(result.labels.shape)
        assert np.array_equal(voxels > 0, result.labels == i + 1)
        placed = vtk.vtkMatrix4x4()
        labelmap.GetImageToWorldMatrix(placed)
        rows = [[placed.GetElement(row, column) for column in range(4)] for row in range(4)]
        assert np.allclose(rows, to_ras @ matrix, atol=1e-6)

    # What DICOM SEG export needs: the grid of the images.
    grid = slicer.vtkOrientedImageData()
    text = segmentation.GetConversionParameter("Reference image geometry")
    assert slicer.vtkSegmentationConverter.DeserializeImageGeometry(text, grid, False)
    assert grid.GetDimensions() == reference.GetSize()
    grid.GetImageToWorldMatrix(placed)
    rows = [[placed.GetElement(row, column) for column in range(4)] for row in range(4)]
    assert np.allclose(rows, to_ras @ matrix, atol=1e-6)


def test_the_record_tells_what_was_done_and_found(written):
    folder, result, images, _, truth = written
    told = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    assert [tissue["name"] for tissue in told["tissues"]] == list(TISSUE_NAMES)
    assert Settings.from_json(json.dumps(told["settings"])) == result.settings
    assert told["history"] == list(result.history)
    assert {"deepgmmsegmentation", "torch", "numpy", "SimpleITK", "python"} <= set(told["versions"])
    (mixture,) = told["mixtures"]
    assert mixture["slices"] == [1, 2, 3, 4]
    assert np.allclose(mixture["covariances"], result.covariances[0])
    for i, size in enumerate(told["measures"]["sizes"]):
        voxels = np.count_nonzero(result.labels == i + 1)
        assert size["voxels"] == voxels
        assert size["ml"] == pytest.approx(voxels * math.prod(SPACING) / 1000)
        # Units of the images: close to the tissues' own means and deviations.
        assert mixture["means"][i] == pytest.approx(
            [images[m][truth == i + 1].mean() for m in range(2)], abs=10
        )


@pytest.mark.parametrize("seen", [0, 1, 2])
def test_a_record_is_read_again_whatever_could_not_be_measured(tmp_path, seen):
    result, images, reference, truth = case()
    remote = np.zeros(truth.shape, bool)
    remote[2, 12, 18:21] = True
    images = images.copy()
    images[0, 2, 12, 18 + seen : 21] = np.nan
    write_result(result, images, reference, tmp_path / "out", remote=remote)
    record = read_result(tmp_path / "out")
    assert record is not None
    assert (record["measures"]["remote"] is None) == (seen < 2)


def test_numbers_that_json_has_not_become_null():
    result, *_ = case()
    result = dataclasses.replace(result, naming=(math.inf, math.nan, 1.0, 2.0))
    assert json.loads(json.dumps(result.to_record(), allow_nan=False))["naming"] == [
        None,
        None,
        1,
        2,
    ]


def test_an_earlier_result_stays_unless_forced(tmp_path):
    result, images, reference, _ = case()
    write_result(result, images, reference, tmp_path, Wanted(probabilities=True))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(InvalidInput, match=r"exists; name another folder, or add --force"):
        write_result(result, images, reference, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    write_result(result, images, reference, tmp_path, force=True)
    assert {path.name for path in tmp_path.iterdir()} == {
        name for name in before if not name.startswith("probability")
    }


def test_a_result_on_another_grid_is_refused(tmp_path):
    result, images, reference, _ = case()
    with pytest.raises(InvalidInput, match="whose grid the labels are on"):
        write_result(result, images, reference[:, :, 1:], tmp_path / "out")
    assert not (tmp_path / "out").exists()


# --- A full disk, a folder that may not be written -------------------------------------------


@contextmanager
def full_disk(size: int):
    """Let no file grow beyond so many bytes: what is written further fails as on a full disk."""
    resource = pytest.importorskip("resource", reason="needs POSIX limits")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@contextmanager
def unprivileged():
    """Be a user who may not write everywhere; root may."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.parametrize("size", [200, 2_000, 10_000])
def test_a_full_disk_leaves_nothing(written, tmp_path, size):
    _, result, images, reference, _ = written
    with full_disk(size), pytest.raises(InvalidInput, match="cannot be written"):
        write_result(result, images, reference, tmp_path / "out", Wanted(probabilities=True))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX permissions")
@pytest.mark.parametrize("name", ["out", "."])
def test_a_read_only_folder_is_refused(written, name):
    _, result, images, reference, _ = written
    with tempfile.TemporaryDirectory() as parent:
        Path(parent).chmod(0o555)
        with unprivileged(), pytest.raises(InvalidInput, match="Permission denied"):
            write_result(result, images, reference, Path(parent) / name)
        assert list(Path(parent).iterdir()) == []


# --- The figure ------------------------------------------------------------------------------


def test_the_figure_shows_every_sequence_with_its_fit():
    result, images, reference, _ = case()
    axes = draw_figure(result, images, reference.GetDirection()).axes
    shown = {ax.get_title() for ax in axes}
    assert {"LGE, slice 4 of 5", "T2, slice 4 of 5", "Labels on LGE"} <= shown

    drawn = next(ax for ax in axes if ax.get_xlabel() == "T2 intensity")
    *components, total = drawn.get_lines()
    for k, line in enumerate(components):
        x, y = line.get_data()
        density = stats.norm.pdf(x, result.means[0, k, 1], result.covariances[0, k, 1, 1] ** 0.5)
        assert np.allclose(y, result.proportions[0, k] * density)
        assert np.allclose(line.get_color(), np.divide(TISSUES[TISSUE_NAMES[k]].color, 255))
    assert np.allclose(total.get_ydata(), sum(line.get_ydata() for line in components))
    bars = drawn.patches[0].get_data()
    voxels = images[1][result.labels > 0]
    counts, _ = np.histogram(voxels, bars.edges)
    assert np.allclose(bars.values * np.diff(bars.edges), counts / len(voxels))


@pytest.mark.parametrize("sequences", [1, 5])
def test_the_figure_takes_any_number_of_sequences(sequences):
    result, images, *_ = case()
    roles = tuple(f"Sequence {m}" for m in range(sequences))
    result = dataclasses.replace(
        result,
        roles=roles,
        means=np.repeat(result.means[..., :1], sequences, axis=-1),
        covariances=np.einsum("bk,mn->bkmn", result.covariances[..., 0, 0], np.eye(sequences)),
    )
    axes = draw_figure(result, np.repeat(images[:1], sequences, axis=0)).axes
    assert {f"{role} intensity" for role in roles} <= {ax.get_xlabel() for ax in axes}


def test_the_figure_turns_the_patients_left_to_the_right():
    result, images, *_ = case()
    pictures = [
        draw_figure(result, images, np.diag(signs).ravel()).axes[0].images[0].get_array()
        for signs in ((1, 1, 1), (-1, -1, 1))
    ]
    assert np.array_equal(pictures[0], pictures[1][::-1, ::-1])
    # A coronal stack: rows run towards superior, which belongs at the top.
    coronal = draw_figure(result, images, (1, 0, 0, 0, 0, 1, 0, 1, 0)).axes[0].images[0].get_array()
    assert np.array_equal(coronal, pictures[0][::-1])


def test_the_overview_shows_each_slice_under_its_number():
    result, images, *_ = case()
    labels = result.labels.copy()
    for z, plane in enumerate(labels):
        plane[tuple(np.argwhere(plane)[:z].T)] = 0  # no slice has as many voxels as another
    result = dataclasses.replace(result, labels=labels)
    direction = np.diag((-1, -1, 1)).ravel()
    overview = draw_figure(result, images, direction).axes[-1]
    numbers = [int(text.get_text().split()[1]) - 1 for text in overview.texts]
    assert len(numbers) > 1
    shown, colored = (np.asarray(image.get_array()) for image in overview.images)
    width = round(shown.shape[1] / len(numbers))
    for i, z in enumerate(numbers):
        own = colored[:, i * width : (i + 1) * width, 3] > 0
        assert own.sum() == (result.labels[z] > 0).sum()
        y, x = np.nonzero(result.labels[z][::-1, ::-1])
        inside = shown[:, i * width : (i + 1) * width][own]
        assert np.corrcoef(inside, images[0, z][::-1, ::-1][y, x])[0, 1] > 0.9999


def test_the_figure_of_one_plane():
    result, images, *_ = case(shape=(2, 24, 26))
    flat = dataclasses.replace(
        result,
        labels=result.labels[1],
        probabilities=result.probabilities[:, 1],
        spacing=SPACING[1:],
        slices=((0,),),
    )
    axes = draw_figure(flat, images[:, 1]).axes
    assert "LGE, slice 1 of 1" in {ax.get_title() for ax in axes}


def test_slices_stand_side_by_side_under_their_titles():
    slices = np.arange(60.0).reshape(3, 4, 5)
    tiles = tile(slices, 2)
    assert tiles.shape == (2 * (4 + 1), 2 * 5 + 1)
    assert np.array_equal(tiles[1:5, 6:], slices[1])
    assert np.array_equal(tiles[6:, :5], slices[2])
    assert np.isnan([*tiles[0], *tiles[:, 5], *tiles[6:, 6:].flat]).all()
    assert tile(slices.astype(int), 3)[0].max() == 0


def test_the_entropy_is_that_of_the_region_only():
    probabilities = np.random.default_rng(0).dirichlet((1, 1), (3, 16, 28)).astype(np.float32)
    probabilities = np.moveaxis(probabilities, -1, 0)
    probabilities[:, 1] = probabilities[..., :4] = 0
    drawn = draw_entropy(probabilities, (8.0, 1.0, 1.0)).axes[0]
    assert [text.get_text() for text in drawn.texts] == ["slice 1", "slice 3"]
    shown = drawn.images[0].get_array()
    assert np.asarray(shown)[-16:, :24] == pytest.approx(entropy(probabilities)[0, :, 4:])


def test_contours_are_written_where_they_are_wanted(tmp_path):
    result, images, reference, _ = case()
    write_result(result, images, reference, tmp_path / "out", Wanted(contours=True))
    written = json.loads((tmp_path / "out" / "contours.mrk.json").read_text(encoding="utf-8"))
    assert "epicardium 2" in [curve["name"] for curve in written["markups"]]
    record = json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))
    assert "contours.mrk.json" in record["outputs"]  # whose loss is noticed


def test_a_report_is_written_where_it_is_wanted(tmp_path):
    result, images, reference, _ = case()
    write_result(result, images, reference, tmp_path / "plain")
    assert not (tmp_path / "plain" / "report.html").exists()
    wanted = Wanted(report=True, name="Heart <7>")
    write_result(result, images, reference, tmp_path / "full", wanted)
    page = (tmp_path / "full" / "report.html").read_text(encoding="utf-8")
    assert "Heart &lt;7&gt;" in page
    table = (tmp_path / "full" / "measures.csv").read_text(encoding="utf-8")
    stored = json.loads((tmp_path / "full" / "result.json").read_text(encoding="utf-8"))
    assert stored["measures"]["case"] == "Heart <7>"
    for size in stored["measures"]["sizes"]:
        assert str(size["voxels"]) in table
    write_result(result, images, reference, tmp_path / "full", force=True)
    assert not (tmp_path / "full" / "report.html").exists(), "a stale report is not left behind"
