"""Drawn images: physics, percentiles beside those of real LGE, and the stream."""

import numpy as np
import pytest
import torch

from DeepGMMSegmentationLib.hearts.acquisition import CODES, ROLES, acquire, draw_protocol
from DeepGMMSegmentationLib.hearts.codes import BLOOD, EDEMA, HEALTHY, NO_REFLOW, PAPILLARY, SCAR
from DeepGMMSegmentationLib.hearts.drawing import draw
from DeepGMMSegmentationLib.hearts.ranges import Ranges

RANGES = Ranges.load()
pytestmark = pytest.mark.usefixtures("one_thread")

# Percentiles 5, 25, 50, 75, 95 over 186 real LGE slices with infarct (Lalande et al., Data 2020,
# 5(4), 89): those of the region's radius, of the wall, and of blood minus healthy myocardium.
REAL = {
    "cavity share of the region": (0.387, 0.464, 0.509, 0.557, 0.607),
    "infarct, part of the wall": (0.055, 0.135, 0.230, 0.398, 0.647),
    "scar minus healthy over contrast": (0.599, 0.863, 1.115, 1.528, 2.16),
    "scar minus healthy over deviation": (1.48, 2.152, 2.591, 3.001, 3.715),
    "deviation of blood over contrast": (0.25, 0.344, 0.428, 0.522, 0.708),
    "deviation of healthy over contrast": (0.251, 0.336, 0.44, 0.653, 1.009),
    "deviation of scar over contrast": (0.201, 0.31, 0.42, 0.541, 0.816),
}


@pytest.fixture(scope="module")
def measured():
    rows = []
    for index in range(7):
        drawn = draw(99, index, RANGES.changed(blackened=0))
        for codes, image in zip(drawn.codes[:, 0].numpy(), drawn.images[:, 0].numpy()):
            blood, healthy = np.isin(codes, (BLOOD, PAPILLARY)), np.isin(codes, (HEALTHY, EDEMA))
            scar = np.isin(codes, (SCAR, NO_REFLOW))
            if min(blood.sum(), healthy.sum(), scar.sum()) < 20:
                continue
            contrast = abs(image[blood].mean() - image[healthy].mean())
            brighter = image[scar].mean() - image[healthy].mean()
            pooled = np.sqrt((image[scar].var() + image[healthy].var()) / 2)
            wall = healthy.sum() + scar.sum()
            rows.append(
                (
                    blood.sum() / (wall + blood.sum()),
                    scar.sum() / wall,
                    brighter / contrast,
                    brighter / pooled,
                    *(image[tissue].std() / contrast for tissue in (blood, healthy, scar)),
                )
            )
    return dict(zip(REAL, np.percentile(rows, [5, 25, 50, 75, 95], axis=0).T))


@pytest.mark.parametrize("name", REAL)
def test_percentiles_lie_around_those_of_real_lge(measured, name):
    """The middle half of real slices is well within what is drawn, and the medians are alike."""
    drawn, real = measured[name], REAL[name]
    assert drawn[0] <= real[1]
    assert drawn[4] >= real[3]
    assert real[0] < drawn[2] < real[4]


def image_of(codes, rng, **changed):
    quiet = {
        "mean_jitter": 0.0,
        "noise": 0.0,
        "shading": 0.0,
        "slow_flow": 0.0,
        "uneven_null": 0.0,
        "dark_blood": 0.0,
        "saturated": 0.0,
        "T2_shift_mm": 0.0,
        "bSSFP_shift_mm": 0.0,
        "native_mm": 1.0,
        "blur_pixels": 0.0,
        **{f"texture_{name}": 0.0 for name in ("blood", "muscle", "scar", "other")},
        **changed,
    }
    protocol = draw_protocol(rng, [RANGES.changed(**quiet).style(rng)])
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    codes = torch.from_numpy(codes)[None, None]
    return acquire(codes, protocol, np.array([1.0]), 0.0, generator)[0].numpy()


@pytest.fixture
def patches():
    codes = np.zeros((64, 64), np.uint8)
    for k, code in enumerate((BLOOD, HEALTHY, EDEMA, SCAR)):
        codes[8:56, 8 + 12 * k : 20 + 12 * k] = code
    return codes


@pytest.mark.parametrize("seed", range(10))
def test_order_of_the_tissues_is_that_of_physics(patches, seed):
    images = image_of(patches, np.random.default_rng(seed), LGE_zero=[0.3, 0.6])
    level = {
        role: [image[20:44, 11 + 12 * k : 17 + 12 * k].mean() for k in range(4)]
        for role, image in zip(ROLES, images)
    }
    blood, healthy, edema, scar = level["LGE"]
    assert scar > healthy
    assert scar > edema
    _, healthy, edema, scar = level["T2"]
    assert min(edema, scar) > healthy
    blood, healthy, *_ = level["bSSFP"]
    assert blood > healthy


def test_noise_is_as_strong_as_asked_for(patches):
    rng = np.random.default_rng(0)
    images = image_of(patches, rng, noise=0.1, gamma=1.0, LGE_zero=1.0, PSIR=1.0, LGE_blood=1.0)
    flat = images[0][20:44, 21:31]
    contrast = images[0][20:44, 47:53].mean() - flat.mean()
    assert flat.std() / contrast == pytest.approx(0.1, rel=0.5)


def test_sequences_move_against_lge(patches):
    still, moved = (
        image_of(patches, np.random.default_rng(1), bSSFP_shift_mm=mm) for mm in (0.0, 3.0)
    )
    np.testing.assert_allclose(still[0], moved[0], atol=1e-5)
    product = np.fft.ifft2(np.fft.fft2(moved[2]) * np.fft.fft2(still[2]).conj()).real
    step = np.unravel_index(product.argmax(), product.shape)
    step = [(value + 32) % 64 - 32 for value in step]
    assert 0 < np.hypot(*step) < 12


def test_greys_are_finite_and_from_0_to_1():
    drawn = draw(1, 0, RANGES)
    assert torch.isfinite(drawn.images).all()
    assert float(drawn.images.min()) >= 0
    assert 0.5 < float(drawn.images.max()) < 1.001
    assert int(drawn.codes.max()) < CODES


def test_a_batch_is_the_same_whenever_it_is_drawn():
    drawn = [draw(7, index, RANGES, hearts=3) for index in (2, 0, 2)]
    assert torch.equal(drawn[0].images, drawn[2].images)
    assert torch.equal(drawn[0].regions, drawn[2].regions)
    assert not torch.equal(drawn[0].images, drawn[1].images)


def test_whole_stacks_come_from_base_to_apex():
    drawn = draw(3, 0, RANGES, hearts=2, slices=None)
    first = drawn.hearts == 0
    areas = ((drawn.codes[first] > 0) & (drawn.codes[first] < 7)).sum(dim=(1, 2, 3))
    assert 3 <= first.sum() <= 12
    assert areas[0] > areas[-1]
    assert (drawn.gap_mm > 0).all()


def test_sequences_are_missing_as_often_as_asked_for():
    present = torch.cat(
        [draw(5, i, RANGES, hearts=40, slices=1, size=32).present for i in range(3)]
    )
    alone = (present == torch.tensor([True, False, False])).all(1).float().mean()
    assert present.any(1).all()
    assert 0.15 < float(alone) < 0.55


def test_the_region_is_too_large_or_small_by_at_most_what_is_asked():
    exact = draw(4, 0, RANGES.changed(exact_region=1.0, resized=0.0))
    large = draw(4, 0, RANGES.changed(exact_region=0.0, region_offset_mm=3.0, resized=0.0))
    for drawn, low, high in ((exact, 0.9, 1.1), (large, 1.05, 1.9)):
        own = ((drawn.codes > 0) & (drawn.codes < 7)).float().mean(1).sum(dim=(1, 2))
        ratio = drawn.regions.sum(dim=(1, 2)) / own
        assert low < float(ratio.median()) < high
