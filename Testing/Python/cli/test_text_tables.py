"""The terminal's table of sizes."""

from dataclasses import replace

from true_result import truth

from DeepGMMSegmentationLib.cli.text_tables import size_table
from DeepGMMSegmentationLib.hearts.sample import heart


def cells(result):
    return [line.split() for line in size_table(result, ()).splitlines()[2:7]]


def test_only_the_wall_is_weighed():
    case = heart(0)
    result = truth(case)
    header, blood, healthy, *_ = cells(result)
    assert " ".join(header) == "Tissue Voxels mL % region g % myocardium"
    assert len(blood) == 5  # "blood pool", voxels, mL and % of the region
    ml = float((case.labels == 2).sum() * 1.4 * 1.4 * 10 / 1000)
    assert healthy[2:4] == [str((case.labels == 2).sum()), f"{ml:.1f}"]
    assert healthy[5] == f"{1.05 * ml:.1f}"
    unnamed = replace(result, tissues=("Class 1", "Class 2", "Class 3", "Class 4"))
    assert " ".join(cells(unnamed)[0]) == "Tissue Voxels mL % region"
    assert [len(line) for line in cells(unnamed)[1:]] == [5] * 4
