"""Images that are not fit to be measured: clipped ones, slices of different breath holds."""

import numpy as np
import pytest
from true_result import truth

from DeepGMMSegmentationLib.cardiac.image_quality import doubt_images
from DeepGMMSegmentationLib.hearts.sample import heart


@pytest.fixture(scope="module")
def case():
    return heart(0)


@pytest.mark.parametrize("m", [0, 1, 2])
@pytest.mark.parametrize(("share", "clipped"), [(0.02, False), (0.1, True)])
def test_clipped_grey_values(case, m, share, clipped):
    images = case.images.copy()
    images[m] = np.minimum(images[m], np.quantile(images[m][case.roi], 1 - share))
    doubts = [text for text in doubt_images(truth(case), images) if "is clipped" in text]
    assert bool(doubts) is clipped
    if clipped:
        assert doubts[0].startswith(f"{case.roles[m]} is clipped: 10 % of the region")


@pytest.mark.parametrize("moved", [0, 1, 2])
def test_slices_of_different_breath_holds(case, moved):
    images = case.images.copy()
    moves = {1: (3, 0), 3: (-3, 2), 4: (0, -4), 6: (-4, 0), 8: (3, -3)}
    for z, shift in moves.items():
        images[moved, z] = np.roll(images[moved, z], shift, axis=(0, 1))
    doubts = [text for text in doubt_images(truth(case), images) if "breath holds" in text]
    assert len(doubts) == 2
    assert all(case.roles[moved] in text for text in doubts)
    assert all("in slices 2, 4, 5, 7, 9, but" in text for text in doubts)


@pytest.mark.parametrize("seed", range(6))
def test_sound_images_raise_nothing(seed):
    sound = heart(seed)
    assert doubt_images(truth(sound), sound.images) == []
