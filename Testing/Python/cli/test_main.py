"""The command line, as a user runs it: in a process of its own, on files."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from terminal import Terminal

import DeepGMMSegmentationLib
from DeepGMMSegmentationLib import InvalidInput, Settings
from DeepGMMSegmentationLib.cli.main import build_parser, main
from DeepGMMSegmentationLib.cli.options import resolve_settings
from DeepGMMSegmentationLib.hearts.sample import heart

ROOT = Path(__file__).parents[3]
DATA = ROOT.parent / "shared" / "data"
COMMAND = [sys.executable, "-m", "DeepGMMSegmentationLib"]


def run(*arguments, **options):
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "OMP_NUM_THREADS": "2"},
        check=False,
        **options,
    )


def read(path: Path) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


# --- Help, and where the options come from ----------------------------------------------------


def test_help_imports_nothing_heavy():
    heavy = ["torch", "SimpleITK", "sklearn", "scipy", "matplotlib", "tqdm"]
    script = (
        "import sys\n"
        "from DeepGMMSegmentationLib.__main__ import main\n"
        "for arguments in (['--help'], ['segment', '--help'], ['demo', '--help']):\n"
        "    try:\n"
        "        main(arguments)\n"
        "    except SystemExit as end:\n"
        "        assert end.code == 0\n"
        f"print('IMPORTED', [name for name in {heavy} if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "IMPORTED []"


def test_help_tells_commands_example_and_exit_codes():
    done = run("--help")
    assert done.returncode == 0
    for text in ("segment", "demo", "evaluate", "--roi lv.nii.gz", "130 cancelled"):
        assert text in done.stdout


def test_version():
    assert run("--version").stdout.strip() == f"deepgmm {DeepGMMSegmentationLib.__version__}"


def shown(value) -> str:
    if isinstance(value, DeepGMMSegmentationLib.priors.Prior):
        return f"“{value.name}”"
    return "none" if value is None else str(value)


@pytest.mark.parametrize("command", ["segment", "demo", "train"])
def test_every_setting_is_an_option_with_its_own_words_and_the_default_that_holds(capsys, command):
    with pytest.raises(SystemExit):
        build_parser().parse_args([command, "--help"])
    text = " ".join(capsys.readouterr().out.split())
    deep = Settings.infarct(("LGE", "T2", "bSSFP"), method="deepSVG", depth=3)
    infarct = Settings.infarct(("LGE", "T2", "bSSFP"))
    base = {"segment": Settings(), "demo": infarct, "train": deep}[command]
    for field in dataclasses.fields(Settings):
        option = "--" + field.name.replace("_", "-")
        after = text[text.rindex(f" {option} ") :]
        default, other = (shown(getattr(record, field.name)) for record in (base, infarct))
        if command == "segment" and other != default:
            default += f"; with --infarct {other}"
        assert re.search(r"\(default: (.*?)\)", after).group(1) == default
    assert "Strength of the prior on means, variances and global proportions" in text


def test_the_help_needs_no_docstrings():
    done = subprocess.run(
        [sys.executable, "-OO", *COMMAND[1:], "segment", "--help"], check=True, capture_output=True
    )
    assert b"--prior-weight" in done.stdout


def settings_of(*options) -> Settings:
    parsed = build_parser().parse_args(
        ["segment", "a.nii.gz", "--roi", "r.nii.gz", "--out", "out", *map(str, options)]
    )
    return resolve_settings(parsed)


def test_options_become_settings(tmp_path):
    assert settings_of() == Settings()
    means = ((1.0, 2.0), (3.0, 4.0))
    assert settings_of(
        *("--method", "GMM", "--classes", 2, "--tolerance", "1e-5", "--scope", "slice"),
        *("--degrees-of-freedom", 4, "--means", "[[1, 2], [3, 4]]", "--start", "means"),
    ) == Settings(
        method="GMM",
        classes=2,
        tolerance=1e-5,
        scope="slice",
        degrees_of_freedom=4.0,
        means=means,
        start="means",
    )
    assert settings_of("--paper", "--method", "deepSVG", "--seed", 3) == Settings.paper(
        "deepSVG", seed=3
    )
    file = tmp_path / "settings.json"
    file.write_text(Settings(method="GMM", classes=3, degrees_of_freedom=5.0).to_json())
    assert settings_of("--settings", file, "--classes", 5) == Settings(
        method="GMM", classes=5, degrees_of_freedom=5.0
    )
    assert settings_of("--settings", file, "--degrees-of-freedom", "none") == Settings(
        method="GMM", classes=3
    )


def test_presets_are_named_and_infarct_is_one_of_them():
    def preset(*options):
        words = ["segment", "a.nii.gz", "--roi", "r.nii.gz", "--out", "out", *options]
        return resolve_settings(build_parser().parse_args(words), infarct=("LGE", "bSSFP"))

    assert (
        preset("--infarct") == preset("--preset", "infarct") == Settings.infarct(("LGE", "bSSFP"))
    )
    plain = preset("--preset", "blood-and-myocardium", "--method", "GMM")
    assert plain.tissues == ("blood pool", "healthy myocardium")
    assert plain.method == "GMM"


def test_a_prior_comes_from_its_file(tmp_path):
    prior = DeepGMMSegmentationLib.priors.Prior(
        "p", "made up", ("a", "b"), {"LGE": (0, 1)}, {"LGE": (1, 1)}, (0.5, 0.5)
    )
    file = tmp_path / "prior.json"
    file.write_text(prior.to_json())
    chosen = settings_of("--prior", file, "--classes", 2, "--start", "prior")
    assert chosen == Settings(prior=prior, classes=2, start="prior")
    file.write_text("{")
    with pytest.raises(InvalidInput, match=r"prior\.json is not valid JSON"):
        settings_of("--prior", file, "--classes", 2)


# --- The main job, end to end ------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "demo"
    return run("demo", "--out", folder, "--method", "GMM"), folder


def test_demo_writes_the_heart_its_segmentation_and_an_honest_dice(demo):
    done, folder = demo
    assert done.returncode == 0, done.stderr
    drawn = heart(0)
    for name, array in (
        *zip(drawn.roles, drawn.images),
        ("lv", drawn.roi),
        ("truth", drawn.labels),
    ):
        assert np.array_equal(read(folder / "images" / f"{name}.nii.gz"), array)
    labels = read(folder / "result/labels.nii.gz")
    assert np.array_equal(labels > 0, drawn.roi)
    assert {path.name for path in (folder / "result").iterdir()} == {
        "segmentation.seg.nrrd",
        "labels.nii.gz",
        "result.json",
        "figure.png",
    }
    assert "synthetic heart (drawn, not a patient's)" in done.stdout
    assert str(folder / "images") in done.stdout
    again = run(
        "evaluate", folder / "result/labels.nii.gz", folder / "images/truth.nii.gz", "--match"
    )
    scores = re.findall(r"\b\d\.\d{3}\b", again.stdout)
    printed = done.stdout[done.stdout.index("Dice against") :]
    assert len(scores) == 5
    assert all(score in printed for score in scores)


def test_a_demo_is_replaced_on_demand_but_nothing_of_the_users(demo, tmp_path):
    done, folder = demo
    assert done.returncode == 0, done.stderr
    copy = shutil.copytree(folder, tmp_path / "demo")
    again = run("demo", "--out", copy, "--method", "GMM")
    assert (again.returncode, "add --force" in again.stderr) == (2, True), again.stderr
    before = (copy / "result/result.json").stat().st_mtime_ns
    again = run("demo", "--out", copy, "--method", "GMM", "--force")
    assert again.returncode == 0, again.stderr
    assert (copy / "result/result.json").stat().st_mtime_ns != before
    (copy / "result/mine.txt").write_text("mine")
    again = run("demo", "--out", copy, "--method", "GMM", "--force")
    assert (again.returncode, "mine.txt is in the way" in again.stderr) == (2, True), again.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal")
def test_a_terminal_shows_nll_remaining_time_and_the_writing_and_a_file_nothing(demo, tmp_path):
    done, folder = demo
    assert done.stderr == ""
    images = [folder / f"images/{name}.nii.gz" for name in heart(0).roles]
    own = ["--roi", folder / "images/lv.nii.gz", "--method", "GMM", "--out", tmp_path / "out"]
    terminal = Terminal(["segment", *images, *own])
    assert terminal.finish() == 0, terminal.shown
    last = terminal.shown.strip().split("\r")[-1]
    assert re.match(r"Writing: 100%\|.*\| \d\d:\d\d<\d\d:\d\d, NLL -?\d+\.\d+", last), last


def test_segment_on_the_demos_files_gives_the_same_labels(demo, tmp_path):
    _, folder = demo
    images = [folder / f"images/{name}.nii.gz" for name in heart(0).roles]
    options = (
        "--roi",
        folder / "images/lv.nii.gz",
        "--infarct",
        "--method",
        "GMM",
        "--probabilities",
    )
    done = run("segment", *images, *options, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    labels = read(tmp_path / "out/labels.nii.gz")
    assert np.array_equal(labels, read(folder / "result/labels.nii.gz"))
    told = json.loads((tmp_path / "out/result.json").read_text(encoding="utf-8"))
    assert told["roles"] == ["LGE", "T2", "bSSFP"]
    assert told["spacing"] == pytest.approx(heart(0).spacing)
    assert told["settings"]["method"] == "GMM"
    assert len(list((tmp_path / "out").glob("probability_*.nii.gz"))) == 4

    # Without --force a second run stops before it starts; with it, it replaces the first.
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    refused = run("segment", *images, *options, "--out", tmp_path / "out")
    assert refused.returncode == 2
    assert "exists; name another folder, or add --force" in refused.stderr
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    forced = run("segment", *images, *options, "--seed", 1, "--out", tmp_path / "out", "--force")
    assert forced.returncode == 0
    assert (tmp_path / "out/result.json").read_bytes() != before["result.json"]


def test_a_segment_of_an_earlier_result_is_a_region(demo, tmp_path):
    _, folder = demo
    done = run(
        *("segment", folder / "images/T2.nii.gz"),
        *("--roi", folder / "result/segmentation.seg.nrrd", "--segment", "blood pool"),
        *("--classes", 2, "--method", "GMM", "--out", tmp_path / "out"),
    )
    assert done.returncode == 0, done.stderr
    region = read(folder / "result/labels.nii.gz") == 1
    assert np.array_equal(read(tmp_path / "out/labels.nii.gz") > 0, region)


def test_evaluate_by_value_and_matched(tmp_path):
    truth = np.repeat([0, 200, 500, 1220], 6).reshape(2, 3, 4).astype(np.int16)
    labels = np.select([truth == 500, truth == 200, truth == 1220], [1, 2, 3]).astype(np.int16)
    labels[truth == 200] = [2, 2, 2, 2, 2, 3]
    for name, array in (("labels", labels), ("truth", truth)):
        sitk.WriteImage(sitk.GetImageFromArray(array), str(tmp_path / f"{name}.nii.gz"))
    done = run("evaluate", tmp_path / "labels.nii.gz", tmp_path / "truth.nii.gz", "--match")
    rows = [line.split() for line in done.stdout.splitlines()]
    # By hand: 2·6/12 = 1; 2·5/(5+6); 2·6/(7+6).
    told = [row[:3] for row in rows[1:4]]
    assert told == [["1", "500", "1.000"], ["2", "200", "0.909"], ["3", "1220", "0.923"]]
    assert rows[0][2:] == ["Dice", "HD95", "mm", "mean", "mm", "mL", "true", "mL"]
    assert rows[1][3:] == ["0.0", "0.0", "0.0", "0.0"]  # the same six voxels of 1 mm³
    assert rows[4] == ["Mean", f"{(1 + 10 / 11 + 12 / 13) / 3:.3f}"]
    done = run("evaluate", tmp_path / "truth.nii.gz", tmp_path / "truth.nii.gz")
    assert re.findall(r"\b\d\.\d{3}\b", done.stdout) == ["1.000"] * 4
    done = run("evaluate", tmp_path / "labels.nii.gz", tmp_path / "truth.nii.gz")
    assert done.stdout.splitlines()[-1].split() == ["Mean", "0.000"]


# --- What goes wrong ---------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path):
    """Return a writer of small images, and the arguments of a run on them."""

    def put(name, array, spacing=(1.0, 1.0, 5.0)):
        image = sitk.GetImageFromArray(array)
        if image.GetDimension() == 3:
            image.SetSpacing(spacing)
        sitk.WriteImage(image, str(tmp_path / name))
        return tmp_path / name

    rng = np.random.default_rng(0)
    put("LGE.nii.gz", rng.normal(100, 20, (3, 16, 16)).astype(np.float32))
    put("T2.nii.gz", rng.normal(100, 20, (3, 16, 16)).astype(np.float32))
    put("roi.nii.gz", np.ones((3, 16, 16), np.uint8))
    put("flat.nii.gz", np.ones((16, 16), np.float32))
    put("other.nii.gz", rng.normal(100, 20, (3, 16, 16)).astype(np.float32), (1.1, 1.0, 5.0))
    put("empty.nii.gz", np.zeros((3, 16, 16), np.uint8))
    put(
        "nan.nii.gz",
        np.where(np.arange(768) == 300, np.nan, rng.normal(9, 1, 768)).reshape(3, 16, 16),
    )
    (tmp_path / "text.nii.gz").write_text("no image")
    (tmp_path / "occupied").write_text("a file")
    return tmp_path


BAD = {
    "missing file": (["nowhere.nii.gz"], "nowhere.nii.gz does not exist"),
    "no image": (["text.nii.gz"], "text.nii.gz cannot be read as an image"),
    "two dimensions": (["flat.nii.gz"], "flat.nii.gz has 2 dimensions"),
    "other grid": (["LGE.nii.gz", "other.nii.gz"], "other.nii.gz is on another grid"),
    "empty region": (["LGE.nii.gz", "--roi", "empty.nii.gz"], "empty"),
    "region missing": (["LGE.nii.gz", "--roi", "gone.nii.gz"], "gone.nii.gz does not exist"),
    "no such segment": (["LGE.nii.gz", "--segment", "LV"], "no segment 'LV'"),
    "not a number": (["nan.nii.gz"], "1 voxels of the region have no image"),
    "classes": (["LGE.nii.gz", "--classes", "9"], "classes is 9"),
    "method": (["LGE.nii.gz", "--method", "magic"], "invalid choice: 'magic'"),
    "no CUDA device 99": (["LGE.nii.gz", "--device", "cuda:99"], "cuda:99"),
    "roles": (["LGE.nii.gz", "T2.nii.gz", "--roles", "LGE"], "roles"),
    "settings": (["LGE.nii.gz", "--settings", "gone.json"], "gone.json does not exist"),
    "means": (["LGE.nii.gz", "--means", "[[1"], "argument --means"),
    "means of no rows": (["LGE.nii.gz", "--means", "[1, 2]"], "argument --means"),
    "role unsure": (
        ["LGE.nii.gz", "plan de coupe.nii.gz", "--infarct"],
        "says for sure what plan de coupe.nii.gz is; name all images by --roles",
    ),
    "no-reflow without infarct": (
        ["bSSFP.nii.gz", "--preset", "blood-and-myocardium", "--no-reflow"],
        "--no-reflow goes with --preset infarct",
    ),
    "an image as the region": (["LGE.nii.gz", "--roi", "T2.nii.gz"], "as an image does"),
    "output is a file": (["LGE.nii.gz", "--out", "occupied"], "occupied is a file"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_one_line_and_exit_code_two(files, capsys, monkeypatch, what):
    monkeypatch.chdir(files)
    arguments, text = BAD[what]
    for option, value in (("--roi", "roi.nii.gz"), ("--out", "out")):
        if option not in arguments:
            arguments = [*arguments, option, value]
    before = sorted(files.iterdir())
    try:
        code = main(["segment", *arguments])
    except SystemExit as end:  # argparse's own way out
        code = end.code
    error = capsys.readouterr().err
    assert code == 2
    assert text in error
    assert "Traceback" not in error
    # argparse puts its usage above the line; tqdm and its carriage returns are no line of ours.
    assert error.strip().splitlines()[-1].startswith("deepgmm")
    assert sorted(files.iterdir()) == before


def test_a_folder_without_dicom_is_one_line(files):
    (files / "folder").mkdir()
    done = run("segment", "folder", "--roi", "roi.nii.gz", "--out", "out", cwd=files)
    assert done.returncode == 2
    assert done.stderr == "deepgmm: folder holds no DICOM series; name a folder that holds one.\n"


def test_debug_shows_the_traceback(files):
    done = run("segment", "gone.nii.gz", "--roi", "roi.nii.gz", "--out", "o", "--debug", cwd=files)
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("deepgmm: gone.nii.gz does not exist")


def test_an_unexpected_error_is_one_line_and_exit_code_one(files, capsys, monkeypatch):
    def fail(*_args, **_options):
        raise KeyError("what?")

    monkeypatch.chdir(files)
    monkeypatch.setattr("DeepGMMSegmentationLib.segmentation.segment", fail)
    code = main(["segment", "LGE.nii.gz", "--roi", "roi.nii.gz", "--out", "out"])
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert code == 1
    assert error == "deepgmm: unexpected KeyError: 'what?' (--debug shows where)"
    assert not (files / "out").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
@pytest.mark.parametrize("command", ["segment", "demo"])
def test_ctrl_c_ends_the_run_and_leaves_nothing(demo, tmp_path, command):
    _, folder = demo
    images = [folder / f"images/{name}.nii.gz" for name in heart(0).roles]
    own = [*images, "--roi", folder / "images/lv.nii.gz"] if command == "segment" else []
    options = ["--method", "deepSVG", "--tolerance", "0", "--max-iterations", "100000"]
    terminal = Terminal([command, *own, *options, "--out", tmp_path / "out"])
    terminal.wait_for("NLL")  # the first iteration is done
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.finish() == 130
    last = terminal.shown.strip().splitlines()[-1]
    assert last == "deepgmm: cancelled; nothing was written."
    assert "Traceback" not in terminal.shown
    assert list(tmp_path.iterdir()) == []


# --- Real images -------------------------------------------------------------------------------

needs_data = pytest.mark.skipif(not DATA.exists(), reason=f"needs the real images in {DATA}")


@needs_data
@pytest.mark.parametrize(("case", "least"), [("SCD0000101", 0.84), ("SCD0000201", 0.6)])
def test_blood_and_myocardium_in_real_bssfp(tmp_path, case, least):
    folder = DATA / "sunnybrook" / case
    done = run(
        *("segment", folder / "bssfp.nii.gz", "--roi", folder / "lv.nii.gz", "--classes", 2),
        *("--method", "GMM", "--out", tmp_path / "out"),
    )
    assert done.returncode == 0, done.stderr
    done = run("evaluate", "--match", tmp_path / "out/labels.nii.gz", folder / "tissue.nii.gz")
    assert float(done.stdout.split()[-1]) >= least
    written = sitk.ReadImage(str(tmp_path / "out/labels.nii.gz"))
    original = sitk.ReadImage(str(folder / "bssfp.nii.gz"))
    assert written.GetDirection() == pytest.approx(original.GetDirection(), abs=1e-6)
    assert written.GetOrigin() == pytest.approx(original.GetOrigin(), abs=1e-4)


@needs_data
def test_four_real_sequences(tmp_path):
    folder = DATA / "open_ms/patient19"
    names = ("t1", "t1post", "t2", "flair")
    done = run(
        *("segment", *(folder / f"{name}.nii.gz" for name in names)),
        *("--roi", folder / "roi.nii.gz", "--method", "GMM", "--out", tmp_path / "out"),
        *("--max-iterations", 30),
    )
    assert done.returncode == 0, done.stderr
    labels, roi = read(tmp_path / "out/labels.nii.gz"), read(folder / "roi.nii.gz") > 0
    assert np.array_equal(labels > 0, roi)
    assert set(np.unique(labels[roi])) == {1, 2, 3, 4}
    told = json.loads((tmp_path / "out/result.json").read_text(encoding="utf-8"))
    assert told["roles"] == ["t1", "t1post", "T2", "flair"]
    # Cerebrospinal fluid is dark in T1 and bright in T2: one class must be both.
    means = np.array(told["mixtures"][0]["means"])
    assert means[:, 0].argmin() == means[:, 2].argmax()
