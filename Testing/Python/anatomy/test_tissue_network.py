"""The shipped tissue network: what it says of any image, and what it does not claim to know."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from DeepGMMSegmentationLib.anatomy import tissues
from DeepGMMSegmentationLib.anatomy.tissues import ROLES, TISSUES, cool, tissue_probabilities
from DeepGMMSegmentationLib.anatomy.unet import predict
from DeepGMMSegmentationLib.errors import InvalidInput
from DeepGMMSegmentationLib.hearts.sample import heart
from DeepGMMSegmentationLib.mixture.matching import dice

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def drawn():
    return heart(1003, slices=8)


@pytest.fixture(scope="module")
def answer(drawn):
    return tissue_probabilities(drawn.images, drawn.roi, drawn.spacing, drawn.roles)


def blood_dice(probabilities, drawn):
    labels = np.minimum(probabilities.argmax(0) + 1, 4) * drawn.roi
    return dice(labels, drawn.labels, 4)[0]


def test_sums_to_1_in_the_region_and_is_0_outside(drawn, answer):
    assert answer.shape == (len(TISSUES), *drawn.roi.shape)
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer.sum(0)[drawn.roi], 1, atol=1e-4)
    assert not answer[:, ~drawn.roi].any()


@pytest.mark.parametrize("roles", [("LGE",), ("bSSFP",), ("T2", "LGE"), ("bSSFP", "T2", "LGE")])
def test_finds_the_blood_with_any_sequences_in_any_order(drawn, roles):
    use = [drawn.roles.index(role) for role in roles]
    probabilities = tissue_probabilities(drawn.images[use], drawn.roi, drawn.spacing, roles)
    assert blood_dice(probabilities, drawn) > 0.85


def test_finds_the_scar(drawn, answer):
    scar = answer[3] + answer[4]
    assert scar[drawn.labels == 4].mean() > 3 * scar[drawn.labels == 2].mean()


def test_brightness_and_unknown_sequences_change_nothing(drawn, answer):
    other = np.concatenate([drawn.images * 0.01 + 5, drawn.images[:1] ** 2])
    again = tissue_probabilities(other, drawn.roi, drawn.spacing, (*drawn.roles, "T1"))
    np.testing.assert_allclose(again, answer, atol=2e-3)


@pytest.mark.parametrize("turn", [1, 2])
def test_a_turned_heart_has_the_same_tissues(drawn, answer, turn):
    images = np.rot90(drawn.images, turn, (2, 3))
    roi = np.rot90(drawn.roi, turn, (1, 2))
    turned = tissue_probabilities(images, roi, drawn.spacing, drawn.roles)
    back = np.rot90(turned, -turn, (2, 3))
    assert np.abs(back - answer)[:, drawn.roi].mean() < 0.05


def test_anisotropic_and_coarse_pixels(drawn, answer):
    images, roi = drawn.images[:, :, :, ::2], drawn.roi[:, :, ::2]
    z, y, x = drawn.spacing
    coarse = tissue_probabilities(images, roi, (z, y, 2 * x), drawn.roles)
    same = coarse.argmax(0)[roi] == answer[:, :, :, ::2].argmax(0)[roi]
    assert same.mean() > 0.85


def test_a_sequence_missing_in_a_slice_is_not_looked_at_there(drawn):
    images, apart = drawn.images.copy(), (1000.0, *drawn.spacing[1:])
    images[1, 2] = np.nan
    images[2, 2] = 7.0
    mixed = tissue_probabilities(images, drawn.roi, apart, drawn.roles)
    alone = tissue_probabilities(drawn.images[:1], drawn.roi, apart, ("LGE",))
    np.testing.assert_allclose(mixed[:, 2], alone[:, 2], atol=2e-3)
    assert np.isfinite(mixed).all()


def test_a_slice_with_nothing_in_it_is_undecided(drawn):
    images = drawn.images[:1].copy()
    images[0, 3] = np.nan
    probabilities = tissue_probabilities(images, drawn.roi, drawn.spacing, ("LGE",))
    inside = drawn.roi[3]
    np.testing.assert_allclose(probabilities[:, 3][:, inside], 1 / len(TISSUES), atol=1e-5)


def test_a_slice_far_from_others_is_as_it_would_be_alone(drawn, answer):
    one, apart = np.s_[4:5], (1000.0, *drawn.spacing[1:])
    alone = tissue_probabilities(drawn.images[:, one], drawn.roi[one], apart, drawn.roles)
    stack = tissue_probabilities(drawn.images, drawn.roi, apart, drawn.roles)
    np.testing.assert_allclose(alone[:, 0], stack[:, 4], atol=2e-3)
    assert np.abs(alone[:, 0] - answer[:, 4]).max() > 0.05  # near them, it follows them


def test_refuses_what_it_cannot_know(drawn):
    with pytest.raises(InvalidInput, match="LGE, T2, bSSFP"):
        tissue_probabilities(drawn.images[:1], drawn.roi, drawn.spacing, ("T1",))
    with pytest.raises(InvalidInput, match="empty"):
        tissue_probabilities(drawn.images, drawn.roi & False, drawn.spacing, drawn.roles)


def test_the_shipped_file_is_small_and_whole():
    assert tissues.SHIPPED.stat().st_size < 4e6
    network, record = tissues.shipped()
    assert {"temperature", "evidence", "shifts"} <= set(record)
    assert sum(p.numel() for p in network.parameters()) < 3e5


def test_views_are_averaged_in_their_own_orientation():
    class Upper(torch.nn.Module):
        def forward(self, seen):
            bright = 20 * seen[:, :1]
            return torch.cat([bright, -bright], dim=1)

    seen = torch.zeros(1, 1, 8, 8)
    seen[0, 0, :2, :3] = 1
    seen[0, 0, 4:] = -1
    single, several = (predict(Upper(), seen, views) for views in (1, 4))
    torch.testing.assert_close(single, several)
    assert len(ROLES) == 3


def test_cooling_keeps_the_order_and_the_sum():
    p = np.array([[0.7, 0.0], [0.3, 0.0]])
    cold = cool(p, 0.5)
    assert cold[0, 0] > 0.7
    assert cold[:, 0].sum() == pytest.approx(1)
    assert not cold[:, 1].any()


def test_a_rim_beyond_the_ventricle_is_not_seen_and_is_what_lies_next_to_it(drawn):
    roi, core = np.zeros((2, *drawn.roi.shape), bool)
    roi[2:5, 40:81, 44:85] = True  # as large as a disc of 23.1 pixels, of which 0.15 are 3.5
    core[2:5, 43:78, 47:82] = True
    wide = tissue_probabilities(drawn.images, roi, drawn.spacing, drawn.roles, excess=0.15)
    alone = tissue_probabilities(drawn.images, core, drawn.spacing, drawn.roles)
    np.testing.assert_allclose(wide[:, core], alone[:, core], atol=1e-3)
    np.testing.assert_array_equal(wide[:, 3, 40:43, 60], wide[:, 3, [43] * 3, 60])
    np.testing.assert_array_equal(wide[:, 3, 50, 82:85], wide[:, 3, 50, [81] * 3])
    assert not wide[:, ~roi].any()


@pytest.mark.parametrize("roles", [("LGE",), ROLES])
def test_a_region_that_is_too_large_costs_less_where_that_is_known(drawn, roles):
    pixel = drawn.spacing[1]
    grown = (
        np.stack([ndimage.distance_transform_edt(~region, pixel) <= 3 for region in drawn.roi])
        & drawn.roi.any(axis=(1, 2))[:, None, None]
    )
    use = [drawn.roles.index(role) for role in roles]
    truth = drawn.labels == 4

    def scar_dice(excess):
        told = tissue_probabilities(drawn.images[use], grown, drawn.spacing, roles, excess=excess)
        scar = np.isin(told.argmax(0), (3, 4)) & (drawn.labels > 0)
        return 2 * (scar & truth).sum() / (scar.sum() + truth.sum())

    assert scar_dice(0.1) > scar_dice(0.0) + 0.03
