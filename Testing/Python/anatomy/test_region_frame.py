"""The region's own frame: there and back."""

import numpy as np
import pytest
import torch

from DeepGMMSegmentationLib.anatomy.frame import RADIUS, SIZE, Frames


def ellipse(shape, centre, radii):
    y, x = np.ogrid[: shape[0], : shape[1]]
    inside = ((y - centre[0]) / radii[0]) ** 2 + ((x - centre[1]) / radii[1]) ** 2 < 1
    return torch.from_numpy(inside)[None]


@pytest.mark.parametrize("pixel", [(0.7, 0.7), (1.4, 1.4), (2.5, 2.5), (1.0, 2.0)])
def test_a_disc_of_any_size_and_pixel_fills_the_same_part(pixel):
    region = ellipse((120, 140), (60, 70), (28 / pixel[0], 28 / pixel[1]))
    frames = Frames.around(region, pixel)
    mask = frames.enter(region[:, None].float())[0, 0] > 0.5
    assert mask.sum() == pytest.approx(np.pi * RADIUS**2, rel=0.03)
    rows, columns = np.nonzero(mask.numpy())
    assert (rows.mean(), columns.mean()) == pytest.approx(((SIZE - 1) / 2,) * 2, abs=0.2)


@pytest.mark.parametrize("pixel", [(0.7, 0.7), (1.4, 1.4), (1.0, 1.8)])
def test_what_enters_comes_back_to_its_place(pixel):
    shape = (96, 110)
    region = ellipse(shape, (50, 45), (30 / pixel[0], 30 / pixel[1]))
    rows, columns = torch.meshgrid(*(torch.arange(n).float() for n in shape), indexing="ij")
    ramp = torch.stack([rows, columns])[None]
    frames = Frames.around(region, pixel)
    back = frames.leave(frames.enter(ramp), *shape)
    error = (back - ramp)[0][:, region[0]].abs()
    assert float(error.max()) < 0.6


def test_slices_have_frames_of_their_own():
    regions = torch.cat(
        [ellipse((64, 64), (30, 30), (20, 20)), ellipse((64, 64), (40, 25), (8, 8))]
    )
    frames = Frames.around(regions, (1.5, 1.5))
    masks = frames.enter(regions[:, None].float())[:, 0] > 0.5
    np.testing.assert_allclose(masks.sum(dim=(1, 2)), np.pi * RADIUS**2, rtol=0.06)
