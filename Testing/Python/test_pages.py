"""What the pages tell a reader to type works: Python is run, and `deepgmm` on a small cohort.

Commands that take minutes or machines (an installation, all tests, a training, the paper's tables,
torchrun) are held to the real parser, or to the files and options that they name.
"""

import csv
import shlex

import numpy as np
import pytest
import SimpleITK as sitk
from pages import ROOT, blocks

from DeepGMMSegmentationLib.cli.main import build_parser, main
from DeepGMMSegmentationLib.hearts.sample import heart

RUN = ("segment", "evaluate", "prior")


def commands(block):
    """Return the commands of a shell block as lists of words."""
    lines = block.replace("\\\n", "").replace("&&", "\n").splitlines()
    return [words for words in (shlex.split(line, comments=True) for line in lines) if words]


def arguments(words):
    """Return what the words give to `deepgmm`, or None where they call something else."""
    for i, word in enumerate(words):
        if word.split("/")[-1] == "deepgmm" or words[i : i + 2] == ["-m", "DeepGMMSegmentationLib"]:
            return words[i + 1 + (word == "-m") :]
    return None


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """A folder with the files that the pages name: two slices of a synthetic heart."""
    folder = tmp_path_factory.mktemp("cohort")
    drawn = heart()
    middle = slice(4, 6)
    arrays = dict(zip(drawn.roles, drawn.images[:, middle]))
    arrays.update(lv=drawn.roi[middle].astype(np.uint8), truth=drawn.labels[middle])
    for name, array in arrays.items():
        image = sitk.GetImageFromArray(array)
        image.SetSpacing(drawn.spacing[::-1])
        sitk.WriteImage(image, str(folder / f"{name}.nii.gz"))
    row = {"roi": "lv.nii.gz", "truth": "truth.nii.gz"}
    row |= {role: f"{role}.nii.gz" for role in drawn.roles}
    for table, names in (("cases.csv", "abc"), ("labelled.csv", "a")):
        with open(folder / table, "w", newline="") as file:
            writer = csv.DictWriter(file, ["case", *row])
            writer.writeheader()
            writer.writerows({"case": name, **row} for name in names)
    return folder


@pytest.mark.parametrize("block", blocks("python"))
def test_python(block, one_thread):
    drawn = heart()
    exec(block, {"images": drawn.images[:, 4:6], "roi": drawn.roi[4:6]})


@pytest.mark.parametrize("block", blocks("bash"))
def test_shell(block, cohort, monkeypatch, one_thread):
    monkeypatch.chdir(cohort)
    for words in commands(block):
        given = arguments(words)
        if given is None:
            check_names(words)
        elif given[0] in RUN and "--network" not in given:
            assert main(given) == 0, words
        else:
            build_parser().parse_args(given)


def check_names(words):
    """Check that the repository has the files that a command names, and a script its options."""
    for word in words:
        if "/" in word and word.split("/")[0] in ("Testing", "docs", "DeepGMMSegmentation"):
            assert (ROOT / word).exists(), words
        if word.startswith("Testing/Benchmarks/"):
            source = (ROOT / word).read_text(encoding="utf-8")
            given = words[words.index(word) :]  # not those of the program that runs the script
            assert all(f'"{option}"' in source for option in given if option.startswith("--"))
