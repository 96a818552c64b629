"""``deepgmm region`` and ``deepgmm segment --at``: the ventricle from one click."""

import numpy as np
import pytest
import SimpleITK as sitk

from DeepGMMSegmentationLib import InvalidInput, find_region
from DeepGMMSegmentationLib.cli.main import main
from DeepGMMSegmentationLib.hearts.sample import heart
from DeepGMMSegmentationLib.mixture.matching import dice


@pytest.fixture(scope="module")
def drawn():
    return heart(1, slices=8)


@pytest.fixture(scope="module")
def folder(drawn, tmp_path_factory):
    """The heart's LGE and T2 as files, oblique in space."""
    folder = tmp_path_factory.mktemp("heart")
    for role, array in zip(drawn.roles[:2], drawn.images):
        image = sitk.GetImageFromArray(array)
        image.SetSpacing(drawn.spacing[::-1])
        image.SetOrigin((-20.0, 35.0, 10.0))
        image.SetDirection((0, 1, 0, 1, 0, 0, 0, 0, -1))
        sitk.WriteImage(image, str(folder / f"{role}.nii.gz"))
    return folder


def middle_of_the_blood(drawn) -> tuple[int, ...]:
    z = len(drawn.labels) // 2
    y, x = np.argwhere(drawn.labels[z] == 1).mean(axis=0).round().astype(int)
    return z, int(y), int(x)


def place(folder, index) -> list[str]:
    image = sitk.ReadImage(str(folder / "LGE.nii.gz"))
    point = image.TransformIndexToPhysicalPoint([int(i) for i in index[::-1]])
    return [f"{value:.3f}" for value in point]


def test_the_command_finds_what_the_library_finds(drawn, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    index = middle_of_the_blood(drawn)
    at = place(folder, index)
    assert main(["region", "LGE.nii.gz", "T2.nii.gz", "--at", *at, "--out", "lv.nii.gz"]) == 0
    told = capsys.readouterr().out
    written = sitk.ReadImage("lv.nii.gz")
    assert written.GetOrigin() == (-20.0, 35.0, 10.0)
    mask = sitk.GetArrayFromImage(written)
    spacing, roles = drawn.spacing, drawn.roles[:2]
    expected = find_region(drawn.images[:2], index, spacing=spacing, roles=roles)
    np.testing.assert_array_equal(mask > 0, expected)
    assert dice(mask, drawn.roi.astype(np.uint8), 1)[0] > 0.8
    assert f"{np.prod(spacing) * mask.sum() / 1000:.0f} mL" in told
    assert main(["region", "LGE.nii.gz", "--at", *at, "--out", "lv.nii.gz"]) == 2
    assert "lv.nii.gz exists" in capsys.readouterr().err
    ras = [f"{-float(at[0])}", f"{-float(at[1])}", at[2]]
    assert main(["region", "LGE.nii.gz", "T2.nii.gz", "--ras", "--at", *ras, "--out", "b.mha"]) == 0
    np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage("b.mha")), mask)


def test_a_point_is_offered_and_never_taken(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    before = sorted(folder.iterdir())
    assert main(["region", "LGE.nii.gz", "--out", "new.nii.gz"]) == 2
    assert "give --at" in capsys.readouterr().err
    assert sorted(folder.iterdir()) == before


def test_segmenting_from_a_click(drawn, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    at = place(folder, middle_of_the_blood(drawn))
    images = ["LGE.nii.gz", "T2.nii.gz"]
    assert main(["segment", *images, "--at", *at, "--infarct", "--out", "result"]) == 0
    labels = sitk.GetArrayFromImage(sitk.ReadImage("result/labels.nii.gz"))
    spacing, roles = drawn.spacing, drawn.roles[:2]
    index = middle_of_the_blood(drawn)
    region = find_region(drawn.images[:2], index, spacing=spacing, roles=roles)
    np.testing.assert_array_equal(labels > 0, region)
    assert main(["segment", *images, "--at", *at, "--roi", "lv.nii.gz", "--out", "other"]) == 2
    assert "--roi and --at" in capsys.readouterr().err


@pytest.mark.parametrize("at", [["900", "900", "900"], ["nan", "0", "0"]])
def test_a_point_outside_is_refused(folder, monkeypatch, capsys, at):
    monkeypatch.chdir(folder)
    assert main(["region", "LGE.nii.gz", "--at", *at, "--out", "out.nii.gz"]) == 2
    assert capsys.readouterr().err.startswith("deepgmm: The point")
    assert not (folder / "out.nii.gz").exists()


def test_no_ventricle_is_no_region(drawn):
    noise = np.random.default_rng(0).normal(size=(1, 3, 90, 90))
    with pytest.raises(InvalidInput, match="No left ventricle is seen"):
        find_region(noise, (1, 45, 45), spacing=(8, 1.4, 1.4), roles=("LGE",))
