"""The command line killed at every rename, stopped by signals, and with nobody who listens."""

from __future__ import annotations

import json
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
from terminal import Terminal

from DeepGMMSegmentationLib.cli.main import main
from DeepGMMSegmentationLib.report.tables import csv_text
from DeepGMMSegmentationLib.training.trained_network import TrainedNetwork

FAULTS = Path(__file__).parents[2] / "Faults"
COMMAND = [sys.executable, "-m", "DeepGMMSegmentationLib"]
FAST = ["--method", "GMM", "--classes", "2", "--max-iterations", "10"]
pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends signals")


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    folder = tmp_path_factory.mktemp("case")
    rng = np.random.default_rng(0)
    level = np.where(np.arange(16) < 8, 100, 200)
    for name, array in (
        ("LGE", rng.normal(level, 9, (2, 14, 16))),
        ("roi", np.ones((2, 14, 16), np.uint8)),
    ):
        sitk.WriteImage(sitk.GetImageFromArray(array), str(folder / f"{name}.nii.gz"))
    (folder / "cases.csv").write_text("case,LGE,roi\na,LGE.nii.gz,roi.nii.gz\n")
    return folder


def arguments_of(case: Path, *options: str) -> list[str]:
    return ["segment", str(case / "LGE.nii.gz"), "--roi", str(case / "roi.nii.gz"), *FAST, *options]


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


LONG = ["--method", "deepSVG", "--tolerance", "0", "--max-iterations", "100000"]


@pytest.mark.parametrize("stops", [("SIGTERM",), ("SIGHUP",), ("SIGINT", "SIGTERM", "SIGINT")])
def test_a_signal_ends_the_run_with_its_own_code_and_leaves_nothing(case, tmp_path, stops):
    terminal = Terminal(arguments_of(case, *LONG, "--out", str(tmp_path / "out")))
    terminal.wait_for("NLL")
    for stop in stops:
        terminal.process.send_signal(getattr(signal, stop))
        time.sleep(0.05)
    assert terminal.finish() == 128 + getattr(signal, stops[0])
    last = terminal.shown.strip().splitlines()[-1]
    assert last == "deepgmm: cancelled; nothing was written."
    assert "Traceback" not in terminal.shown
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no /dev/full")
@pytest.mark.parametrize("where", ["full", "closed"])
def test_a_result_is_written_though_nobody_can_be_told(case, tmp_path, where):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*COMMAND, *arguments_of(case, "--out", str(tmp_path / "out"))],
            stdout=full if where == "full" else None,
            preexec_fn=(lambda: os.close(1)) if where == "closed" else None,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert json.loads((tmp_path / "out" / "result.json").read_text())["roles"] == ["LGE"]
    assert "Traceback" not in done.stderr
    assert done.returncode == (1 if where == "full" else 0)


def test_a_wrong_option_suggests_the_right_one(capsys):
    with pytest.raises(SystemExit) as end:
        main(["segment", "a.nii", "--roi", "b.nii", "--out", "c", "--smothing", "2"])
    assert end.value.code == 2
    assert "unrecognized arguments: --smothing 2; did you mean --smoothing?" in (
        capsys.readouterr().err
    )


def test_an_argument_that_is_no_text_is_a_sentence(capsys):
    with pytest.raises(SystemExit) as end:
        main(["segment", os.fsdecode(b"\xff.nii"), "--roi", "b.nii", "--out", "c"])
    assert end.value.code == 2
    assert "no UTF-8 text" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["=cmd()", "+1+1", "@SUM(1)", "-2+3", "\t=1"])
def test_no_spreadsheet_runs_a_name(text):
    assert csv_text([[text, -2.5, "-2.5"]]) in (f"'{text},-2.5,-2.5\n", f'"\'{text}",-2.5,-2.5\n')


def test_names_with_formulas_are_drawn_as_they_are(case, tmp_path):
    shutil.copy(case / "LGE.nii.gz", tmp_path / "$x^{$.nii.gz")
    arguments = ["segment", str(tmp_path / "$x^{$.nii.gz"), "--roi", str(case / "roi.nii.gz")]
    assert main([*arguments, *FAST, "--report", "--out", str(tmp_path / "out")]) == 0


@pytest.mark.parametrize("value", [1e300, 1e-300])
def test_numbers_that_cannot_be_computed_with_are_a_sentence(case, tmp_path, capsys, value):
    image = sitk.ReadImage(str(case / "LGE.nii.gz")) * value
    sitk.WriteImage(image, str(tmp_path / "LGE.nrrd"))
    arguments = ["segment", str(tmp_path / "LGE.nrrd"), "--roi", str(case / "roi.nii.gz")]
    assert main([*arguments, *FAST, "--out", str(tmp_path / "out")]) == 2
    assert "which cannot be computed with" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "text", "message"),
    [
        ("--settings", '{"classes": ' + "9" * 5000 + "}", "not valid JSON"),
        ("--settings", "[" * 100_000, "not valid JSON"),
        ("--settings", '{"classes": 99}', "classes is 99"),
        ("--prior", "{}", "incomplete; add"),
    ],
)
def test_a_message_names_the_file(case, tmp_path, capsys, option, text, message):
    (tmp_path / "file.json").write_text(text)
    arguments = arguments_of(case, option, str(tmp_path / "file.json"))
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert "file.json" in told
    assert message in told


@pytest.mark.parametrize(("rank", "world"), [("x", "2"), ("2", "2"), ("0", "-1")])
def test_ranks_that_are_none_are_a_sentence(case, tmp_path, capsys, monkeypatch, rank, world):
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", world)
    arguments = ["segment", "--cases", str(case / "cases.csv"), *FAST]
    assert main([*arguments, "--out-dir", str(tmp_path / "out")]) == 2
    assert "give whole numbers" in capsys.readouterr().err


def test_a_device_that_is_none_is_a_sentence(case, tmp_path, capsys):
    arguments = arguments_of(case, "--device", "cuda:99999999999999999999")
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 2
    assert "is not there" in capsys.readouterr().err
