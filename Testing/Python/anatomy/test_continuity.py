"""Slices held against those next to them, beside a plain loop."""

import numpy as np
import torch

from DeepGMMSegmentationLib.anatomy.continuity import DOUBT, HALVING, WEIGHT, follow_stack
from DeepGMMSegmentationLib.anatomy.frame import RADIUS, Frames

RADIUS_IN_ROWS = 20.0


def follow(probabilities, gaps):
    size = len(probabilities)
    frames = Frames(torch.zeros(size, 2), torch.full((size, 2), RADIUS_IN_ROWS / RADIUS))
    answer = follow_stack(torch.from_numpy(probabilities)[..., None, None], frames, gaps)
    return answer[..., 0, 0].numpy()


def test_is_the_plain_loop():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(3), 4)
    gaps = np.array([4.0, 7.0, 40.0])
    expected = np.empty_like(p)
    for z in range(4):
        for k in range(3):
            value = p[z, k]
            for neighbour, gap in ((z - 1, z - 1), (z + 1, z)):
                if 0 <= neighbour < 4:
                    weight = WEIGHT / 2 ** (gaps[gap] / RADIUS_IN_ROWS / HALVING)
                    value *= max(p[neighbour, k], DOUBT) ** weight
            expected[z, k] = value
        expected[z] /= expected[z].sum()
    np.testing.assert_allclose(follow(p, gaps), expected, rtol=1e-6)


def test_scar_in_one_slice_alone_is_rarer_than_a_continued_one():
    alone = np.array([[0.9, 0.1], [0.4, 0.6], [0.9, 0.1]])
    continued = np.array([[0.3, 0.7], [0.4, 0.6], [0.3, 0.7]])
    gaps = np.full(2, 5.0)
    assert follow(alone, gaps)[1, 1] < 0.6 < follow(continued, gaps)[1, 1]


def test_one_slice_and_one_that_knows_nothing_change_nothing():
    p = np.array([[0.2, 0.8]])
    np.testing.assert_allclose(follow(p, np.empty(0)), p)
    unknown = np.array([[0.2, 0.8], [0.5, 0.5]])
    np.testing.assert_allclose(follow(unknown, np.array([5.0]))[0], p[0])
