"""The command line stopped by signals, and with nobody who listens."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import SimpleITK as sitk
from small_segment import FAST, arguments_of, write_case
from terminal import Terminal

from DeepGMMSegmentationLib.cli.main import main
from DeepGMMSegmentationLib.report.tables import csv_text

COMMAND = [sys.executable, "-m", "DeepGMMSegmentationLib"]
pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends signals")


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return write_case(tmp_path_factory.mktemp("case"))


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
        ("--settings", '{"classes": 2, "classes": 3}', "twice"),
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


@pytest.mark.timeout(60)
def test_a_pipe_is_no_network(case, tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe")
    arguments = arguments_of(case, "--network", str(tmp_path / "pipe"))
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 2
    assert "pipe cannot be read as a trained network (it is no ordinary file)" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize("name", ["lv", "lv.txt", "lv.png", "lv.dcm"])
def test_a_mask_without_a_format_is_refused_before_it_is_sought(case, tmp_path, capsys, name):
    command = ["region", str(case / "LGE.nii.gz"), "--at", "1", "1", "1"]
    assert main([*command, "--out", str(tmp_path / name)]) == 2
    assert "names no format; end it in one of .nii.gz" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
