"""The paper's experiments: preparation of the files, protocol, scores and tables."""

from __future__ import annotations

import csv
import dataclasses
import signal
import subprocess
import sys
import time
from itertools import permutations

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.stats import multivariate_normal

from DeepGMMSegmentationLib import Cancelled, InvalidInput, Settings, segment
from DeepGMMSegmentationLib.cli.main import main
from DeepGMMSegmentationLib.hearts.sample import heart
from DeepGMMSegmentationLib.reproduction.experiments import reproduce
from DeepGMMSegmentationLib.reproduction.myops import read_myops, write_phantoms
from DeepGMMSegmentationLib.reproduction.pictures import draw_slice
from DeepGMMSegmentationLib.reproduction.protocol import METHODS, Protocol, mean_intensities, split
from DeepGMMSegmentationLib.reproduction.scores import (
    Score,
    table_csv,
    table_latex,
    table_markdown,
    table_text,
)

VALUES = (0, 500, 200, 1220, 2221)  # outside, blood pool, healthy myocardium, edema, scar
RIGHT_VENTRICLE = 600


def write(path, array, spacing=(0.73, 0.73, 12.0)):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    sitk.WriteImage(image, str(path))


def write_patient(folder, number=107, shape=(4, 230, 210)):
    """Write a patient in the challenge's own folders; slice 2 has no scar, 0 no heart."""
    rng = np.random.default_rng(number)
    labels = np.zeros(shape, np.int16)
    labels[1:, 60:140, 100:150] = 500
    labels[1:, 60:80, 100:150] = 200
    labels[1:, 120:140, 100:120] = 1220
    labels[1:, 120:140, 120:150] = 2221
    labels[2][labels[2] == 2221] = 1220
    labels[1:, 60:140, 150:170] = RIGHT_VENTRICLE
    images = {}
    for name in ("C0", "T2", "DE"):
        images[name] = rng.normal(300, 50, shape).astype(np.float32)
        write(folder / f"train25/myops_training_{number}_{name}.nii.gz", images[name])
    write(folder / f"train25_myops_gd/myops_training_{number}_gd.nii.gz", labels)
    return images, labels


@pytest.fixture(scope="module")
def hearts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantoms")
    write_phantoms(folder, 2, seed=5)
    return read_myops(folder)


# --- The files ---------------------------------------------------------------------------------


def test_prepares_slices_as_the_paper_says(tmp_path):
    images, labels = write_patient(tmp_path)
    slices = read_myops(tmp_path)
    assert [(slice_.patient, slice_.number) for slice_ in slices] == [("107", 1), ("107", 3)]
    # The left ventricle covers rows 60 to 139, columns 100 to 149; the authors cut its centre,
    # 99.5, 124.5, to whole pixels. What is labelled as right ventricle is background.
    window = (slice(19, 179), slice(44, 204))
    for slice_ in slices:
        case = slice_.case
        assert case.roles == ("LGE", "T2", "bSSFP")
        assert case.spacing == pytest.approx((12.0, 0.73, 0.73))
        truth = np.array(VALUES)[case.truth[0]]
        expected = labels[(slice_.number, *window)]
        np.testing.assert_array_equal(truth, np.where(expected == RIGHT_VENTRICLE, 0, expected))
        np.testing.assert_array_equal(case.roi, case.truth > 0)
        for m, name in enumerate(("DE", "T2", "C0")):
            raw = images[name][(slice_.number, *window)].astype(float)
            np.testing.assert_allclose(case.images[m, 0], (raw - raw.mean()) / raw.std(), atol=1e-9)


def test_a_small_image_is_taken_whole(tmp_path):
    write_patient(tmp_path, shape=(3, 150, 180))
    (only,) = read_myops(tmp_path)
    assert only.case.images.shape == (3, 1, 150, 160)


def test_the_crop_of_a_phantom_is_centred_on_its_left_ventricle_alone(tmp_path):
    write_phantoms(tmp_path, 1, seed=5)
    drawn = heart(5)
    stored = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "myops_training_101_gd.nii.gz")))
    assert (stored == RIGHT_VENTRICLE).sum() == drawn.right_ventricle.sum() > 1000
    assert not (drawn.right_ventricle & drawn.roi).any()
    middle = drawn.roi[5]
    y, x = (int(where.mean()) - 40 for where in np.nonzero(middle))
    for item in read_myops(tmp_path, crop=80):
        expected = drawn.labels[item.number, y : y + 80, x : x + 80]
        np.testing.assert_array_equal(item.case.truth[0], expected)


def test_refuses_a_folder_that_is_not_myops(tmp_path):
    with pytest.raises(InvalidInput, match="no file named"):
        read_myops(tmp_path)
    write_patient(tmp_path)
    missing = tmp_path / "train25/myops_training_107_T2.nii.gz"
    missing.unlink()
    with pytest.raises(InvalidInput, match=r"107_T2\.nii\.gz is missing"):
        read_myops(tmp_path)
    write_patient(tmp_path / "again")
    with pytest.raises(InvalidInput, match="there more than once"):
        read_myops(tmp_path)


def test_phantoms_come_back_from_disk(hearts):
    for i, patient in enumerate(("101", "102")):
        drawn = heart(5 + i)
        complete = [
            z for z, labels in enumerate(drawn.labels) if set(labels.flat) == {0, 1, 2, 3, 4}
        ]
        own = [slice_ for slice_ in hearts if slice_.patient == patient]
        assert [slice_.number for slice_ in own] == complete
        for slice_ in own:
            np.testing.assert_array_equal(slice_.case.truth[0], drawn.labels[slice_.number])
            for ours, theirs in zip(slice_.case.images[:, 0], drawn.images[:, slice_.number]):
                assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] == pytest.approx(1)


# --- The protocol ------------------------------------------------------------------------------


def of_patients(hearts, numbers):
    return [type(hearts[0])(str(number), 0, hearts[0].case) for number in numbers]


def test_splits_by_patients(hearts):
    train, test = split(of_patients(hearts, range(101, 126)))
    assert [slice_.patient for slice_ in test] == ["109", "114", "117", "120", "122"]
    assert len(train) == 20
    train, test = split(of_patients(hearts, range(101, 112)))
    assert [slice_.patient for slice_ in test] == ["105", "110"]
    assert not {slice_.patient for slice_ in train} & {"105", "110"}
    assert [slice_.patient for slice_ in split(hearts)[1]] == ["102"] * len(split(hearts)[1])
    with pytest.raises(InvalidInput, match="one patient"):
        split(of_patients(hearts, [101]))


def test_mean_intensities_are_means_over_ten_slices(hearts):
    intensities = mean_intensities(hearts, seed=3)
    ten = [hearts[i] for i in np.random.default_rng(3).permutation(len(hearts))[:10]]
    assert len(hearts) > 10
    for k in range(4):
        for m in range(3):
            means = []
            for slice_ in ten:
                inside = slice_.case.truth[0] == k + 1
                means.append(slice_.case.images[m, 0][inside].mean())
            assert intensities[k, m] == pytest.approx(np.mean(means))


def overlap(labels, truth, k):
    a, b = labels == k + 1, truth == k + 1
    return 2 * (a & b).sum() / (a.sum() + b.sum())


@pytest.fixture(scope="module")
def scores(hearts, tmp_path_factory):
    methods = ("GMM", "SVGMM", "SVGMMμ", "infarct EM")
    kept = tmp_path_factory.mktemp("kept") / "unfinished"
    return reproduce(hearts, Protocol(methods=methods), kept)[0]


def test_scores_are_the_best_of_all_permutations(hearts, scores):
    gmm_scores = [score for score in scores if score.table == 1 and score.method == "GMM"]
    assert len(gmm_scores) == len(hearts)
    for score, slice_ in zip(gmm_scores, hearts):
        assert (score.patient, score.slice) == (slice_.patient, slice_.number)
        settings = Settings.paper("GMM", margin=1000.0)
        case = slice_.case
        result = segment(case.images, case.roi, settings, spacing=case.spacing, roles=case.roles)
        values = [
            [overlap(np.array([0, *order])[result.labels], case.truth, k) for k in range(4)]
            for order in permutations((1, 2, 3, 4))
        ]
        best = max(values, key=np.mean)
        assert score.dice == pytest.approx(best)
        # The NLL is a density of the crop's z-scores, whatever the method normalises by.
        x = case.images[:, case.roi].T
        mixture = zip(result.proportions[0], result.means[0], result.covariances[0])
        density = sum(p * multivariate_normal(m, c).pdf(x) for p, m, c in mixture)
        assert score.nll == pytest.approx(-np.log(density).mean(), abs=2e-3)


def test_a_class_of_less_than_a_hundredth_of_the_region_has_collapsed(hearts):
    from DeepGMMSegmentationLib.reproduction.experiments import _scores

    case = hearts[0].case
    settings = Settings.paper("GMM", margin=1000.0)
    result = segment(case.images, case.roi, settings, spacing=case.spacing, roles=case.roles)
    inside = np.argwhere(case.roi)
    for share, expected in ((0.005, True), (0.02, False)):
        labels = np.where(case.roi, 1, 0).astype(np.uint8)
        for k in (2, 3, 4):
            part = inside[(k - 2) * len(inside) // 4 :][: int(np.ceil(share * len(inside)))]
            labels[tuple(part.T)] = k
        (score,) = _scores(1, "GMM", hearts[0], dataclasses.replace(result, labels=labels))
        assert score.collapsed == expected


def test_normalising_over_the_region_does_not_change_what_the_nll_means(hearts):
    from DeepGMMSegmentationLib.reproduction.experiments import _scores

    case = hearts[0].case
    for normalize in ("image", "roi"):
        settings = Settings.paper("GMM", margin=1000.0, normalize=normalize, tolerance=1e-7)
        result = segment(case.images, case.roi, settings, spacing=case.spacing, roles=case.roles)
        x = case.images[:, case.roi].T
        mixture = zip(result.proportions[0], result.means[0], result.covariances[0])
        density = sum(p * multivariate_normal(m, c).pdf(x) for p, m, c in mixture)
        (score,) = _scores(1, "GMM", hearts[0], result)
        assert score.nll == pytest.approx(-np.log(density).mean(), abs=1e-4)


def test_table_two_has_the_test_slices_only_and_names_where_a_method_names(scores):
    second = [score for score in scores if score.table == 2]
    assert {score.patient for score in second} == {"102"}
    rules = {(score.method, score.rule) for score in second}
    assert rules == {
        ("SVGMM", "permuted"),
        ("SVGMMμ", "permuted"),
        ("SVGMMμ", "named"),
        ("infarct EM", "permuted"),
        ("infarct EM", "named"),
    }
    permuted = {
        (score.method, score.slice): np.mean(score.dice)
        for score in second
        if score.rule == "permuted"
    }
    for score in second:
        assert np.mean(score.dice) <= permuted[score.method, score.slice] + 1e-12


# --- Interruptions -----------------------------------------------------------------------------

SHORT = Protocol(("deepG", "deepSVGμ"), iterations=2, epochs=3, filters=1)


def without_seconds(scores):
    return [dataclasses.replace(score, seconds=0.0) for score in scores]


@pytest.mark.parametrize("stage", ["Table 1, deepG, 3 of", "Table 2, deepSVGμ, training"])
def test_an_interrupted_run_goes_on_to_the_same_scores(hearts, tmp_path, monkeypatch, stage):
    whole, notes = reproduce(hearts, SHORT, tmp_path / "whole")
    seen = []

    def stop(event):
        seen.append(event)
        if event.stage.startswith(stage) and event.iteration == 2:
            raise Cancelled

    kept = tmp_path / "kept"
    with pytest.raises(Cancelled):
        reproduce(hearts, SHORT, kept, stop)
    before = len(list(kept.glob("1 deepG *.json")))
    assert before == (2 if "3 of" in stage else len(hearts))
    (kept / "1 deepG 101 0.json.part").write_text("cut sh")  # as a kill may leave it
    again = []
    resumed, told = reproduce(hearts, SHORT, kept, again.append)
    assert without_seconds(resumed) == without_seconds(whole)
    assert len([e for e in again if e.stage.startswith("Table 1")]) == 2 * (len(hearts) - before)
    epochs = [event.iteration for event in again if event.stage.startswith("Table 2")]
    assert epochs == ([3] if "Table 2" in stage else [1, 2, 3])
    assert told[0].split("; the network")[0] == notes[0].split("; the network")[0]
    assert told[0].endswith("since an interruption.") == ("Table 2" in stage)

    def fail(*_args, **_kwargs):
        raise AssertionError("what is done is done again")

    monkeypatch.setattr("DeepGMMSegmentationLib.reproduction.experiments.segment", fail)
    assert reproduce(hearts, SHORT, kept) == (resumed, told)


def test_what_another_run_has_kept_is_refused(hearts, tmp_path):
    kept = tmp_path / "kept"
    fast = Protocol(("GMM",))
    reproduced = reproduce(hearts, fast, kept)
    # The device does not make it another run.
    assert reproduce(hearts, dataclasses.replace(fast, device="cpu"), kept) == reproduced
    files = sorted(kept.iterdir())
    case = hearts[0].case
    other = dataclasses.replace(case, images=case.images + 1)
    for slices, protocol in (
        (hearts, dataclasses.replace(fast, iterations=7)),
        (hearts, Protocol(("GMM", "SVGMM"))),
        (hearts[1:], fast),
        ([dataclasses.replace(hearts[0], case=other), *hearts[1:]], fast),
    ):
        with pytest.raises(InvalidInput, match="belongs to a run with other"):
            reproduce(slices, protocol, kept)
    assert sorted(kept.iterdir()) == files
    (tmp_path / "mine").mkdir()
    with pytest.raises(InvalidInput, match="belongs to a run with other"):
        reproduce(hearts, fast, tmp_path / "mine")


# --- The tables --------------------------------------------------------------------------------


def test_tables_hold_means_deviations_and_the_papers_figures():
    scores = [
        Score(2, "SVGMMμ", rule, "109", z, (0.9, 0.8, *values), 2.0 + z, 0.5, z == 1)
        for rule, offset in (("permuted", 0.1), ("named", 0.0))
        for z, values in enumerate(((0.2 + offset, 0.3), (0.4 + offset, 0.7)))
    ]
    permuted, named = csv.DictReader(table_csv(scores, 2).splitlines())
    assert (permuted["paper_mean"], named["paper_mean"]) == ("0.58", "")
    assert float(permuted["edema_mean"]) == pytest.approx(0.4)
    assert float(permuted["edema_sd"]) == pytest.approx(0.2 / np.sqrt(2), rel=1e-5)
    assert float(named["mean_mean"]) == pytest.approx((0.55 + 0.7) / 2)
    assert float(named["nll_mean"]) == pytest.approx(2.5)
    lines = table_text(scores, 2).splitlines()
    assert "0.40 ± 0.14" in lines[1]
    assert "0.58" in lines[1]
    assert "0.58" not in lines[2]
    assert table_text(scores, 1).count("\n") == 0  # the head alone
    alone = table_text(scores[:1], 2).splitlines()[1]  # one slice has no deviation
    assert alone.split()[2:7] == ["0.90", "0.80", "0.30", "0.30", "0.57"]
    assert float(permuted["collapsed"]) == 0.5
    assert lines[1].endswith("50%")
    markdown = [line.strip("|").split("|") for line in table_markdown(scores, 2).splitlines()]
    assert [cell.strip() for cell in markdown[2]] == [
        *("SVGMMμ", "permuted", "0.90 ± 0.00", "0.80 ± 0.00", "0.40 ± 0.14", "0.50 ± 0.28"),
        *("0.65 ± 0.11", "0.58", "2.500", "0.500", "50%"),
    ]
    latex = table_latex(scores, 2)
    assert r"SVGMM$\mu$ & permuted & 0.90 $\pm$ 0.00 &" in latex
    assert latex.count(r"50\% \\") == 2


# --- The command -------------------------------------------------------------------------------


def test_a_small_phantom_run_writes_the_tables(tmp_path, capsys):
    out = tmp_path / "tables"
    small = ["--patients", "2", "--epochs", "1", "--iterations", "2", "--filters", "1"]
    assert main(["reproduce", "--phantom", *small, "--out", str(out)]) == 0
    text = (out / "tables.txt").read_text(encoding="utf-8")
    assert text in capsys.readouterr().out
    assert "SYNTHETIC" in text
    assert "the paper's rule" in text
    with (out / "slices.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["method"] for row in rows} == set(METHODS)
    slices = read_myops(out / "phantom")
    test = [slice_ for slice_ in slices if slice_.patient == "102"]
    for table, methods, expected in ((1, 5, slices), (2, 7, test)):
        own = [r for r in rows if r["table"] == str(table) and r["rule"] == "permuted"]
        assert len(own) == methods * len(expected)
        with (out / f"table{table}.csv").open(encoding="utf-8") as file:
            for line in csv.DictReader(file):
                group = [
                    float(r["mean"])
                    for r in rows
                    if (r["table"], r["method"], r["rule"])
                    == (str(table), line["method"], line["rule"])
                ]
                assert int(line["slices"]) == len(group) == len(expected)
                assert float(line["mean_mean"]) == pytest.approx(np.mean(group), rel=1e-4)
                assert float(line["mean_sd"]) == pytest.approx(np.std(group, ddof=1), rel=1e-3)
    pictures = {path.name for path in (out / "pictures").iterdir()}
    assert pictures == {
        *(f"table1_{item.patient}_{item.number}.png" for item in slices),
        *(f"table2_102_{item.number}.png" for item in test),
    }
    # What is bright in one sequence does not darken the others.
    assert draw_slice(slices[0], {}).axes[0].images[0].get_clim() == (0, 1)
    for name, begin in (("tables.md", "| Method |"), ("tables.tex", r"\begin{tabular}")):
        assert (out / name).read_text(encoding="utf-8").count(begin) == 2
    assert list(tmp_path.iterdir()) == [out]
    assert main(["reproduce", "--phantom", *small, "--out", str(out)]) == 2
    assert "add --force" in capsys.readouterr().err


def test_a_terminated_run_keeps_what_is_done_and_nothing_else(tmp_path):
    out, kept = tmp_path / "tables", tmp_path / "tables.unfinished"
    command = [sys.executable, "-m", "DeepGMMSegmentationLib", "reproduce", "--phantom"]
    running = subprocess.Popen(
        [*command, "--patients", "2", "--methods", "deepG", "--out", f"{out}/"],
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    )
    while not list(kept.glob("1 deepG *.json")):
        assert running.poll() is None
        time.sleep(0.05)
    running.send_signal(signal.SIGTERM)
    _, error = running.communicate(timeout=60)
    assert running.returncode == 143
    assert f"the same command goes on from {kept}." in error
    assert list(tmp_path.iterdir()) == [kept]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--phantom", "--methods", "nnU-Net"], "no method 'nnU-Net'"),
        (["--phantom", "--epochs", "0"], "--epochs and --iterations must be"),
        (["--phantom", "--iterations", "0"], "--epochs and --iterations must be"),
        (["--phantom", "--patients", "2", "--filters", "0"], "filters is 0"),
        (["--phantom", "--patients", "1"], "--patients 2 or more"),
        (["--myops", "."], "no file named"),
    ],
)
def test_refuses_and_leaves_nothing(tmp_path, monkeypatch, capsys, options, message):
    monkeypatch.chdir(tmp_path)
    assert main(["reproduce", *options, "--out", "tables"]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
