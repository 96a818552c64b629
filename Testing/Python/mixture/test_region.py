"""The crop, the normalisation, and the way from grids to mixtures and back."""

import numpy as np
import pytest
import torch

from DeepGMMSegmentationLib import Settings
from DeepGMMSegmentationLib.mixture.problem import pose
from DeepGMMSegmentationLib.mixture.region import prepare
from DeepGMMSegmentationLib.priors import Prior

SPACING = (8.0, 1.5, 2.5)
PRIOR = Prior(
    "two",
    "these tests",
    ("dark", "bright"),
    means={"LGE": (-0.7, 1.2)},
    deviations={"LGE": (0.4, 0.9)},
    proportions=(0.5, 0.5),
)


def uneven_region():
    """Slices 1, 2 and 5 with 77, 24 and 35 voxels, away from the border by more than the margin."""
    roi = np.zeros((7, 30, 26), bool)
    roi[1, 10:21, 9:16] = True
    roi[2, 12:18, 10:14] = True
    roi[5, 13:18, 8:15] = True
    return roi


def images_of(roi, sequences=2, seed=0):
    rng = np.random.default_rng(seed)
    scale = np.array([50.0, 3.0])[:sequences, None, None, None]
    return rng.gamma(3.0, size=(sequences, *roi.shape)) * scale + 20


def region_of(roi, images=None, roles=("LGE", "T2"), **chosen):
    images = images_of(roi, len(roles)) if images is None else images
    return prepare(images, roi, SPACING, roles, Settings(method="GMM", classes=2, **chosen))


@pytest.mark.parametrize(
    ("margin", "rows", "columns"),
    [
        (0.0, slice(10, 21), slice(8, 16)),
        (6.0, slice(6, 25), slice(5, 19)),  # 4 rows of 1.5 mm; 2.4 columns of 2.5 mm, so 3
        (1000.0, slice(0, 30), slice(0, 26)),
    ],
)
def test_the_crop_keeps_a_margin_in_millimetres(margin, rows, columns):
    roi = uneven_region()
    region = region_of(roi, margin=margin)
    slices, *plane = region.crop
    np.testing.assert_array_equal(slices, [1, 2, 5])
    assert plane == [rows, columns]
    np.testing.assert_array_equal(region.mask, roi[[1, 2, 5], rows, columns])
    assert region.images.shape == (2, *region.mask.shape)
    assert region.spacing == SPACING


@pytest.mark.parametrize("normalize", ["image", "roi"])
@pytest.mark.parametrize("scope", ["slice", "volume"])
def test_shift_and_scale_lead_back_to_the_intensities(normalize, scope):
    roi = uneven_region()
    images = images_of(roi)
    region = region_of(roi, images, normalize=normalize, scope=scope)
    assert region.slices == (((1,), (2,), (5,)) if scope == "slice" else ((1, 2, 5),))
    slices, rows, columns = region.crop
    for b, group in enumerate(region.slices):
        places = np.searchsorted(slices, group)
        for m in range(2):
            back = region.images[m, places] * region.scale[b, m] + region.shift[b, m]
            np.testing.assert_allclose(back, images[m, list(group), rows, columns])


@pytest.mark.parametrize("scope", ["slice", "volume"])
def test_image_normalisation_is_over_the_crop(scope):
    region = region_of(uneven_region(), normalize="image", scope=scope)
    groups = [[0], [1], [2]] if scope == "slice" else [[0, 1, 2]]
    for group in groups:
        crop = region.images[:, group].reshape(2, -1)
        np.testing.assert_allclose(crop.mean(1), 0, atol=1e-12)
        np.testing.assert_allclose(crop.std(1), 1)


def test_what_is_not_finite_outside_the_region_is_neither_counted_nor_kept():
    roi = uneven_region()
    images = images_of(roi)
    hole = np.zeros(roi.shape, bool)
    hole[:, 6:9, 6:20] = True
    holed = np.where(hole, np.nan, images)
    hole[:, 7] = True
    holed[:, :, 7] = np.inf
    region = region_of(roi, holed, normalize="image", scope="volume", margin=6.0)
    slices, rows, columns = region.crop
    inside = ~hole[slices, rows, columns]
    for m in range(2):
        counted = images[m, slices, rows, columns][inside]
        assert region.shift[0, m] == pytest.approx(counted.mean())
        assert region.scale[0, m] == pytest.approx(counted.std())
    assert not region.images[:, ~inside].any(), "the image's mean stands where nothing is known"


def outlying():
    """1001 different values: half a percent at either end are the 5 least and the 5 greatest."""
    roi = np.zeros((1, 40, 40), bool)
    roi.flat[:1001] = True
    values = np.random.default_rng(3).normal(100, 10, 1001)
    values[:5], values[5:10] = 1e6 * np.arange(1, 6), -1e5 * np.arange(1, 6)
    images = np.zeros((1, *roi.shape))
    images[0][roi] = np.random.default_rng(4).permutation(values)
    kept = np.sort(values)[5:-5]
    return roi, images, kept.mean(), kept.std()


@pytest.mark.parametrize("scope", ["slice", "volume"])
def test_region_normalisation_leaves_out_the_outliers(scope):
    roi, images, mean, deviation = outlying()
    region = region_of(roi, images, ("LGE",), normalize="roi", scope=scope)
    assert region.shift.item() == pytest.approx(mean)
    assert region.scale.item() == pytest.approx(deviation)
    assert region.centre.item() == pytest.approx(0, abs=1e-12)
    assert region.spread.item() == pytest.approx(1)


def test_the_units_of_a_prior_are_those_of_the_region_however_the_image_is_normalised():
    roi, images, mean, deviation = outlying()
    region = region_of(roi, images, ("LGE",), normalize="image", margin=0.0)
    crop = images[0, :, :26]  # 1001 voxels fill 25 rows and one voxel of the next
    assert region.shift.item() == pytest.approx(crop.mean())
    assert region.scale.item() == pytest.approx(crop.std())
    assert region.centre.item() == pytest.approx((mean - crop.mean()) / crop.std())
    assert region.spread.item() == pytest.approx(deviation / crop.std())


@pytest.mark.parametrize("normalize", ["image", "roi"])
@pytest.mark.parametrize("scope", ["slice", "volume"])
def test_a_prior_means_the_same_intensities_under_either_normalisation(normalize, scope):
    roi = uneven_region()
    images = images_of(roi)
    chosen = {"prior": PRIOR, "normalize": normalize, "scope": scope}
    region = region_of(roi, images, **chosen)
    problem = pose(
        region,
        ("LGE", "T2"),
        Settings(method="GMM", classes=2, **chosen),
        torch.device("cpu"),
    )
    scale, shift = region.scale[:, None], region.shift[:, None]
    means, deviations = problem.tissues.means * scale + shift, problem.tissues.deviations * scale
    for b, group in enumerate(region.slices):
        for m in range(2):
            inside = np.sort(images[m, list(group)][roi[list(group)]])
            # Fewer than 201 voxels: half a percent at either end is the one extreme voxel.
            kept = inside[1:-1]
            own = ((-0.7, 1.2), (0.4, 0.9)) if m == 0 else ((0, 0), (1, 1))
            np.testing.assert_allclose(means[b, :, m], kept.mean() + np.array(own[0]) * kept.std())
            np.testing.assert_allclose(deviations[b, :, m], np.array(own[1]) * kept.std())


@pytest.mark.parametrize("scope", ["slice", "volume"])
def test_gather_takes_each_mixtures_voxels_and_scatter_and_uncrop_put_them_back(scope):
    roi = uneven_region()
    region = region_of(roi, scope=scope)
    counts = [77, 24, 35] if scope == "slice" else [136]
    assert region.valid.sum(-1).tolist() == counts
    assert region.index.shape == region.valid.shape == (len(counts), max(counts))

    whole = np.random.default_rng(5).normal(size=(3, *roi.shape))
    crop = torch.from_numpy(whole[(slice(None), *region.crop)]).movedim(1, 0)
    voxels = region.gather(crop)
    assert voxels.shape == (len(counts), 3, max(counts))
    for b, group in enumerate(region.slices):
        mine = whole[:, list(group)][:, roi[list(group)]]
        np.testing.assert_array_equal(voxels[b, :, : counts[b]], mine)

    voxels = torch.where(region.valid[:, None], voxels, torch.nan)  # padding is never put back
    back = region.scatter(voxels).movedim(1, 0).numpy()
    np.testing.assert_array_equal(back, whole[(slice(None), *region.crop)] * region.mask)
    np.testing.assert_array_equal(region.uncrop(back, roi.shape), whole * roi)
    np.testing.assert_array_equal(region.uncrop(region.mask, roi.shape), roi)
