"""Papillary muscles count as blood or as muscle, by a volume that is known."""

from dataclasses import replace

import numpy as np
import pytest
from true_result import truth

from DeepGMMSegmentationLib import Settings, segment
from DeepGMMSegmentationLib.cardiac.chords import outline_ventricle
from DeepGMMSegmentationLib.cardiac.measures import measure
from DeepGMMSegmentationLib.cardiac.obstruction import find_cores
from DeepGMMSegmentationLib.cardiac.papillary import count_papillary
from DeepGMMSegmentationLib.hearts.sample import heart
from DeepGMMSegmentationLib.report.html import render_report

TISSUES = ("blood pool", "healthy myocardium")
SPACING = (8.0, 1.0, 1.0)
MUSCLES = (slice(2, 4), slice(28, 33), slice(30, 35))  # 2 slices of 25 mm²: 0.4 mL


def rings(inside):
    """Return five slices of a ring around a cavity whose papillary muscles are labelled `inside`.

    Blood is 100 and muscle 20 throughout, but for a dark pixel of noise in the blood.
    """
    y, x = np.indices((64, 64)) - 32
    radius = np.broadcast_to(np.hypot(y, x), (5, 64, 64))
    labels = np.select([radius < 14, radius < 24], [1, 2], 0).astype(np.uint8)
    images = np.where(labels == 1, 100.0, 20.0)[None]
    images[(0, *MUSCLES)] = 20
    images[0, 2, 24, 32] = 20
    labels[MUSCLES] = inside
    return labels, images


def result_of(labels, images, convention):
    whole = truth(heart(0))
    return replace(
        whole,
        labels=labels,
        tissues=TISSUES,
        probabilities=np.stack([labels == 1, labels == 2]).astype(np.float32),
        means=np.array([[[100.0], [20.0]]]),
        covariances=np.full((1, 2, 1, 1), 100.0),
        slices=((0, 1, 2, 3, 4),),
        spacing=SPACING,
        roles=("bSSFP",),
        settings=Settings(method="GMM", classes=2, papillary=convention),
    )


@pytest.mark.parametrize(
    ("labelled", "convention", "moved"),
    [
        (1, "labelled", 0),
        (2, "labelled", 0),
        (2, "blood", -50),
        (1, "blood", 0),
        (1, "muscle", 50),
        (2, "muscle", 0),
    ],
)
def test_a_known_volume_moves_from_one_tissue_to_the_other(labelled, convention, moved):
    labels, images = rings(labelled)
    counted = count_papillary(result_of(labels, images, convention), images)
    assert (counted.labels == 2).sum() - (labels == 2).sum() == moved
    assert ((counted.labels > 0) == (labels > 0)).all()
    assert (counted.labels[labels == 2] == 2).all() or moved < 0
    if moved:
        assert any("0.4 mL within the cavity" in note for note in counted.notes)


def test_a_papillary_muscle_on_scar_is_no_microvascular_obstruction():
    labels, images = rings(1)
    scar = np.zeros(labels.shape, bool)
    scar[2:4, 26:37, 28:37] = True  # around the muscles, but for their side towards the cavity
    scar[MUSCLES] = False
    whole = result_of(labels, images, "muscle")
    whole = replace(
        whole,
        labels=np.where(scar, 3, labels).astype(np.uint8),
        tissues=(*TISSUES, "scar"),
        means=np.array([[[100.0], [20.0], [140.0]]]),
        covariances=np.full((1, 3, 1, 1), 100.0),
    )
    counted = count_papillary(whole, images)
    assert (counted.labels[MUSCLES] == 1).all()
    assert not find_cores(counted.labels, counted.tissues, SPACING).any()


def test_a_slice_alone_is_counted_too():
    labels, images = rings(1)
    alone = result_of(labels[2], images[:, 2], "muscle")
    alone = replace(alone, slices=((0,),), spacing=SPACING[1:])
    counted = count_papillary(alone, images[:, 2])
    assert (counted.labels == 2).sum() - (labels[2] == 2).sum() == 25


def test_the_conventions_on_a_synthetic_heart():
    case = heart(0)
    voxel = np.prod(case.spacing) / 1000
    muscles = outline_ventricle(case.labels, case.tissues, case.spacing).cavity & (case.labels > 1)
    walls = {}
    for convention in ("labelled", "blood", "muscle"):
        settings = Settings.infarct(case.roles, papillary=convention)
        result = segment(case.images, case.roi, settings, spacing=case.spacing, roles=case.roles)
        walls[convention] = result.labels > 1
        assert convention == "labelled" or any("papillary" in note for note in result.notes)
    assert not (walls["blood"] & ~walls["labelled"]).any()
    more = (walls["muscle"] & ~walls["labelled"]).sum() * voxel
    assert more == pytest.approx(muscles.sum() * voxel, rel=0.25)
    assert muscles[walls["muscle"] & ~walls["labelled"]].mean() > 0.8


@pytest.mark.parametrize(
    ("convention", "words"),
    [
        ("labelled", "as the tissue that their voxels were given"),
        ("blood", "count as blood"),
        ("muscle", "count as healthy myocardium"),
    ],
)
def test_the_report_says_the_convention(convention, words):
    case = heart(0)
    result = truth(case)
    result = replace(result, settings=replace(result.settings, papillary=convention))
    page = render_report(measure(result, case.images), result, case.images)
    assert words in " ".join(page.split())
