"""The command line killed at every rename; the same command then ends as one left in peace."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from small_cases import small_settings, write_cases
from small_segment import FAST, arguments_of, write_case

from DeepGMMSegmentationLib.cli.main import main
from DeepGMMSegmentationLib.training.trained_network import TrainedNetwork

FAULTS = Path(__file__).parents[2] / "Faults"
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return write_case(tmp_path_factory.mktemp("case"))


def results(folder: Path) -> dict[str, bytes]:
    """Return what tells two results apart: all files but the record, which tells the seconds."""
    if not folder.exists():
        return {}
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "result.json"}


def killed_at(when: int, arguments: list[str], environment: dict[str, str]) -> bool:
    """Run the command line in a fork of this process, whose imports are done; was it killed?"""
    process = os.fork()
    if process == 0:
        sys.path.insert(0, str(FAULTS))
        from killer import kill_at

        os.environ.update(environment)
        sys.stderr = sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        kill_at(when)
        try:
            main(arguments)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(process, 0)[1])


@pytest.mark.parametrize("force", [False, True])
def test_killed_at_every_rename_a_result_is_the_old_or_the_new(case, tmp_path, force):
    out = tmp_path / "out"
    options = ["--out", str(out), *(["--force"] if force else [])]
    old: dict[str, bytes] = {}
    if force:
        assert main(arguments_of(case, "--seed", "1", "--report", "--out", str(out))) == 0
        old = results(out)
    assert main(arguments_of(case, "--out", str(tmp_path / "undisturbed"))) == 0
    new = results(tmp_path / "undisturbed")
    shutil.copytree(out, tmp_path / "old") if force else None
    when = 1
    while killed_at(when, arguments_of(case, *options), {"OMP_NUM_THREADS": "1"}):
        assert results(out) in (old, new), when
        when += 1
        # The next run ends as one that nothing had disturbed.
        assert main(arguments_of(case, "--out", str(out), "--force")) == 0
        assert results(out) == new
        shutil.rmtree(out)
        if force:
            shutil.copytree(tmp_path / "old", out)
        assert not list(tmp_path.glob(".deepgmm-*"))
    assert when > 3
    assert results(out) == new


def test_killed_at_every_rename_a_cohort_goes_on(case, tmp_path):
    arguments = ["segment", "--cases", str(case / "cases.csv"), *FAST, "--out-dir"]
    assert main([*arguments, str(tmp_path / "undisturbed")]) == 0
    when = 1
    while killed_at(when, [*arguments, str(tmp_path / str(when))], {}):
        out = tmp_path / str(when)
        assert results(out / "a") in ({}, results(tmp_path / "undisturbed" / "a"))
        assert main([*arguments, str(out)]) == 0
        assert results(out / "a") == results(tmp_path / "undisturbed" / "a")
        assert sorted(path.name for path in out.iterdir()) == ["a", "cohort.csv"]
        when += 1
    assert when > 3


@pytest.mark.usefixtures("one_thread")
def test_killed_at_every_rename_a_training_comes_to_the_same_network(tmp_path):
    settings = tmp_path / "settings.json"
    settings.write_text(small_settings().to_json())
    choices = ["--epochs", "1", "--held-out", "0", "--device", "cpu"]
    command = ["train", str(write_cases(tmp_path, 2)), "--settings", str(settings), *choices]

    def network(folder: str) -> list[str]:
        (tmp_path / folder).mkdir(exist_ok=True)
        return [*command, "--out", str(tmp_path / folder / "network.safetensors")]

    def weights(folder: str) -> dict[str, torch.Tensor]:
        return TrainedNetwork.load(tmp_path / folder / "network.safetensors").weights

    assert main(network("undisturbed")) == 0
    when = 1
    while killed_at(when, network(str(when)), {}):
        assert main([*network(str(when)), "--force"]) == 0
        for name, value in weights("undisturbed").items():
            assert torch.equal(value, weights(str(when))[name]), (when, name)
        files = sorted(path.name for path in (tmp_path / str(when)).iterdir())
        assert files == ["network.safetensors", "network.safetensors.csv"]
        when += 1
    assert when > 3


# --- The paper's experiments --------------------------------------------------------------------

VALUES = (500, 200, 1220, 2221)  # blood pool, healthy myocardium, edema, scar


@pytest.fixture(scope="module")
def myops(tmp_path_factory):
    """Two patients in the layout of MyoPS, a slice each, small."""
    folder = tmp_path_factory.mktemp("myops")
    labels = np.zeros((1, 16, 16), np.int16)
    for value, (y, x) in zip(VALUES, ((4, 4), (4, 8), (8, 4), (8, 8))):
        labels[:, y : y + 4, x : x + 4] = value
    for number in (101, 102):
        rng = np.random.default_rng(number)
        arrays = {name: rng.normal(labels / 20, 9) for name in ("C0", "T2", "DE")}
        for name, array in {**arrays, "gd": labels}.items():
            path = folder / f"myops_training_{number}_{name}.nii.gz"
            sitk.WriteImage(sitk.GetImageFromArray(array), str(path))
    return folder


def experiments(myops: Path, out: Path, *options: str) -> list[str]:
    small = ["--methods", "deepSVG", "--epochs", "1", "--iterations", "1", "--filters", "1"]
    return ["reproduce", "--myops", str(myops), *small, *options, "--out", str(out)]


def tables(out: Path) -> dict[str, object]:
    """Return what tells the tables of two runs apart: all but how long each took."""
    files: dict[str, object] = {path.name: path.read_bytes() for path in out.rglob("*.png")}
    if (out / "slices.csv").exists():
        with (out / "slices.csv").open(encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        files["scores"] = [{**row, "seconds": None} for row in rows]
        files["names"] = sorted(path.name for path in out.rglob("*"))
    return files


@pytest.mark.usefixtures("one_thread")
def test_killed_at_every_rename_the_papers_experiments_come_to_the_same_tables(myops, tmp_path):
    assert main(experiments(myops, tmp_path / "undisturbed")) == 0
    whole = tables(tmp_path / "undisturbed")
    assert len(whole["scores"]) == 3
    when = 1
    while killed_at(when, experiments(myops, tmp_path / str(when) / "out"), {}):
        folder = tmp_path / str(when)
        assert tables(folder / "out") in ({}, whole), when
        assert main(experiments(myops, folder / "out", "--force")) == 0
        assert tables(folder / "out") == whole, when
        assert [path.name for path in folder.iterdir()] == ["out"], when
        when += 1
    assert when > 10


def test_the_second_of_two_runs_of_the_experiments_says_that_the_first_is_running(tmp_path):
    out = tmp_path / "tables"
    long = ["--phantom", "--patients", "2", "--methods", "deepG", "--out", str(out)]
    command = [sys.executable, "-m", "DeepGMMSegmentationLib", "reproduce", *long]
    first = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        while not (tmp_path / "tables.unfinished").exists():
            assert first.poll() is None
            time.sleep(0.05)
        before = sorted((tmp_path / "tables.unfinished").glob("*.npy"))
        second = subprocess.run(
            [*command, "--force"], check=False, capture_output=True, text=True, timeout=120
        )
        assert (second.returncode, second.stdout) == (2, "")
        assert second.stderr == (
            f"deepgmm: Another run is writing {out}; wait until it has ended, or name another "
            "place.\n"
        )
        assert first.poll() is None  # and goes on
        assert set(before) <= set((tmp_path / "tables.unfinished").glob("*.npy"))
    finally:
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=120)
    assert first.returncode == 143
