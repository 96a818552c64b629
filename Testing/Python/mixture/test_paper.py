"""The paper's algorithms 1 to 3 in plain float64 loops, against `Settings.paper`.

Written from the paper (arXiv:2404.12252) alone: nothing here calls the library's mathematics. It
shares with it what the paper leaves open: the draws of the random start, scikit-learn's k-means,
PyTorch's AdamW, and the random weights of the network.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from torch.nn import functional

from DeepGMMSegmentationLib import Settings, segment
from DeepGMMSegmentationLib.mixture.unet import unet_for

pytestmark = pytest.mark.usefixtures("one_thread")
CLASSES, SEED = 4, 3
SMALL = {"filters": 3, "depth": 2, "max_iterations": 15, "learning_rate": 1e-2, "margin": 100.0}
MEANS = ((0.5, 2.2), (-0.4, -0.2), (0.8, 1.2), (2.1, 0.3))  # in deviations of the image


def slice_of_rings():
    """One slice of 16 × 16 pixels in two sequences: the images, and the region of its middle."""
    rng = np.random.default_rng(1)
    y, x = np.indices((16, 16)) - 7.5
    radius, angle = np.hypot(y, x), np.arctan2(y, x)
    truth = np.select([radius > 7, radius < 3, angle > 1.8, angle < -1.5], [0, 1, 3, 4], 2)
    looks = np.array([[10, 10], [40, 80], [15, 20], [50, 60], [90, 30]])
    images = np.moveaxis(looks[truth], -1, 0) + rng.normal(size=(2, 16, 16)) * 6
    return images, truth > 0


def z_scores(images):
    return (images - images.mean((1, 2), keepdims=True)) / images.std((1, 2), keepdims=True)


# --- The mathematics ---------------------------------------------------------------------------


def density(x, mean, variance):
    value = 1.0
    for m in range(len(x)):
        value *= math.exp(-((x[m] - mean[m]) ** 2) / (2 * variance[m]))
        value /= math.sqrt(2 * math.pi * variance[m])
    return value


def m_step(w, x, floor):
    """π, μ and σ² of responsibilities w[k][n] and voxels x[n][m]."""
    shares, means, variances = [], [], []
    for k in range(CLASSES):
        count = sum(w[k])
        mean, variance = [], []
        for m in range(len(x[0])):
            mean.append(sum(w[k][n] * x[n][m] for n in range(len(x))) / count)
            squares = sum(w[k][n] * (x[n][m] - mean[m]) ** 2 for n in range(len(x)))
            variance.append(squares / count + floor)
        shares.append(count / len(x))
        means.append(mean)
        variances.append(variance)
    return shares, means, variances


def e_step(p, x, means, variances):
    """Responsibilities, and the NLL, where voxel n has the proportions p[k][n]."""
    w, nll = [[0.0] * len(x) for _ in range(CLASSES)], 0.0
    for n in range(len(x)):
        joint = [p[k][n] * density(x[n], means[k], variances[k]) for k in range(CLASSES)]
        for k in range(CLASSES):
            w[k][n] = joint[k] / sum(joint)
        nll -= math.log(sum(joint)) / len(x)
    return w, nll


def expectation_maximization(x, spatial, shares, means, variances, *, floor, tolerance, limit):
    """Algorithm 1, or 2 where every voxel has proportions of its own."""
    p = [[shares[k]] * len(x) for k in range(CLASSES)]
    w, nll = e_step(p, x, means, variances)
    path = []
    for _ in range(limit):
        shares, means, variances = m_step(w, x, floor)
        p = w if spatial else [[shares[k]] * len(x) for k in range(CLASSES)]
        before = nll
        w, nll = e_step(p, x, means, variances)
        path.append(nll)
        if abs(before - nll) < tolerance:
            break
    return path, w, means, variances


def start_responsibilities(start, x):
    """What the first M-step is made from, w[k][n]."""
    if start == "random":
        draws = np.random.default_rng((SEED, 0)).random((len(x), CLASSES))
        return (draws / draws.sum(1, keepdims=True)).T.tolist()
    if start == "kmeans":
        centres = KMeans(CLASSES, n_init=1, random_state=SEED).fit(np.array(x)).cluster_centers_
    else:
        centres = MEANS
    w = [[0.0] * len(x) for _ in range(CLASSES)]
    for n in range(len(x)):
        squared_distances = [sum((a - b) ** 2 for a, b in zip(x[n], centre)) for centre in centres]
        w[squared_distances.index(min(squared_distances))][n] = 1.0
    return w


# --- The network -------------------------------------------------------------------------------


def unet(images, weights):
    """The U-Net as the paper draws it, from its weights in the order of their use."""
    weights = iter(weights)

    def convolutions(x):
        x = functional.leaky_relu(functional.conv2d(x, next(weights), next(weights), padding=1))
        x = functional.conv2d(x, next(weights), padding=1)
        scale, shift = next(weights), next(weights)
        centred = x - x.mean((2, 3), keepdim=True)
        x = centred / torch.sqrt((centred**2).mean((2, 3), keepdim=True) + 1e-5)
        return functional.leaky_relu(x * scale[:, None, None] + shift[:, None, None])

    levels = [convolutions(images)]
    for _ in range(SMALL["depth"]):
        levels.append(convolutions(functional.max_pool2d(levels[-1], 2)))
    x = levels.pop()
    while levels:
        larger = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        upper = functional.conv2d(larger, next(weights), next(weights))
        x = convolutions(torch.cat([upper, levels.pop()], dim=1))
    return functional.conv2d(x, next(weights), next(weights))


def weights_in_order_of_use(settings):
    torch.manual_seed(SEED)
    network = unet_for(settings, 2)
    ways_up = [part for pair in zip(network.reduce, network.up) for part in pair]
    parts = [*network.down, *ways_up, network.head]
    return [p.detach().clone().requires_grad_() for part in parts for p in part.parameters()]


def loss(w, x, spatial, floor):
    """NLL after an M-step from w[k] by its definition, and the means; differentiable."""
    shares, means, densities = [], [], []
    for k in range(CLASSES):
        count, value, mean = w[k].sum(), 1.0, []
        for m in range(len(x)):
            mean.append((w[k] * x[m]).sum() / count)
            variance = (w[k] * (x[m] - mean[m]) ** 2).sum() / count + floor
            value = value * torch.exp(-((x[m] - mean[m]) ** 2) / (2 * variance))
            value = value / torch.sqrt(2 * math.pi * variance)
        shares.append(count / len(x[0]))
        means.append(torch.stack(mean))
        densities.append(value)
    evidence = sum((w[k] if spatial else shares[k]) * densities[k] for k in range(CLASSES))
    return -torch.log(evidence).mean(), torch.stack(means)


def algorithm_3(images, region, settings, pull):
    weights = weights_in_order_of_use(settings)
    optimizer = torch.optim.AdamW(weights, lr=settings.learning_rate, weight_decay=1e-3)
    inputs, region = torch.from_numpy(images)[None].float(), torch.from_numpy(region)
    x = torch.from_numpy(images)[:, region]
    path = []
    for iteration in range(1, settings.max_iterations + 1):
        w = unet(inputs, weights)[0].double().softmax(0)[:, region]
        nll, means = loss(w, x, "SVG" in settings.method, 1e-10)
        path.append(nll.item())
        if iteration >= 12 and abs(path[-2] - path[-1]) < 1e-3:
            break
        if iteration == settings.max_iterations:
            break
        optimizer.zero_grad()
        (nll + pull * ((means - torch.tensor(MEANS)) ** 2).sum()).backward()
        torch.nn.utils.clip_grad_norm_(weights, 12)
        optimizer.step()
    return path, w.detach().numpy(), means.detach().numpy()


# --- The comparison ----------------------------------------------------------------------------


def compare(result, region, path, w, means, rtol):
    """Ours numbers unnamed classes by rising mean of the first sequence; so does this."""
    w, means = np.array(w), np.array(means)
    named = result.settings.means is not None
    order = np.arange(CLASSES) if named else means[:, 0].argsort()
    np.testing.assert_allclose(result.history, path, rtol=rtol)
    np.testing.assert_allclose(result.means[0], means[order], rtol=rtol, atol=rtol)
    np.testing.assert_allclose(result.probabilities[:, region], w[order], atol=1e-6 + 10 * rtol)
    np.testing.assert_array_equal(result.labels[region], w[order].argmax(0) + 1)
    return order


@pytest.mark.parametrize(
    ("method", "start", "floor", "tolerance"),
    [
        ("GMM", "random", 1e-6, 2e-4),
        ("GMM", "means", 1e-6, 2e-4),
        ("SVGMM", "kmeans", 1e-10, 1e-3),
        ("SVGMM", "random", 1e-10, 1e-3),
        ("SVGMM", "means", 1e-10, 1e-3),
    ],
)
def test_algorithms_1_and_2(method, start, floor, tolerance):
    images, region = slice_of_rings()
    images = z_scores(images)
    chosen = {"means": MEANS} if start == "means" else {"start": start} if method == "SVGMM" else {}
    settings = Settings.paper(method, seed=SEED, margin=100.0, **chosen)
    result = segment(images, region, settings)
    x = images[:, region].T.tolist()
    shares, means, variances = m_step(start_responsibilities(start, x), x, floor)
    path, w, means, variances = expectation_maximization(
        x, method == "SVGMM", shares, MEANS if start == "means" else means, variances,
        floor=floor, tolerance=tolerance, limit=100,
    )  # fmt: skip
    assert 3 < len(path) < 100
    # The library gives each class 1e-10 of the region; leaving the saddle of a random start, EM
    # makes that larger.
    order = compare(result, region, path, w, means, 1e-5)
    diagonals = result.covariances[0].diagonal(axis1=1, axis2=2)
    np.testing.assert_allclose(diagonals, np.array(variances)[order], rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("pull", [0.0, 1.0])
@pytest.mark.parametrize("method", ["deepG", "deepSVG"])
def test_algorithm_3(method, pull):
    images, region = slice_of_rings()
    images = z_scores(images)
    means = {"means": MEANS} if pull else {}
    settings = Settings.paper(method, seed=SEED, **SMALL, **means)
    result = segment(images, region, settings)
    path, w, means = algorithm_3(images, region, settings, pull)
    assert path[-1] < path[0] - 0.05
    compare(result, region, path, w, means, 1e-4)


def test_algorithm_3_stops_after_12_forward_passes_at_the_earliest():
    images, region = slice_of_rings()
    settings = Settings.paper("deepG", seed=SEED, **{**SMALL, "learning_rate": 1e-8})
    assert segment(images, region, settings).iterations == 12
