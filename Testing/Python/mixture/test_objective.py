"""The objective, the MAP estimate and EM against plain loops over voxels in float64."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy import stats

from DeepGMMSegmentationLib import Settings
from DeepGMMSegmentationLib.mixture import spatial
from DeepGMMSegmentationLib.mixture.observations import objective
from DeepGMMSegmentationLib.mixture.problem import pose
from DeepGMMSegmentationLib.mixture.region import prepare
from DeepGMMSegmentationLib.mixture.solver import fit
from DeepGMMSegmentationLib.priors import Prior

pytestmark = pytest.mark.usefixtures("one_thread")
ROLES = ("LGE", "a sequence that the prior does not know")
SPACING = (4.0, 1.5, 2.0)
EXTRAS = {
    "no prior": {},
    "pseudo-voxels": {"prior_weight": 0.3},
    "bias": {"anatomy": 0.7},
    "smooth": {"smoothing": 3.0},
    "all": {"prior_weight": 0.3, "anatomy": 0.7, "smoothing": 3.0},
}


def prior_of(classes):
    proportions, depth = np.array([0.5, 0.3, 0.2]), np.array([[1, 6, 3], [5, 3, 2], [8, 1, 0.5]])
    return Prior(
        "test",
        "these tests",
        ("blood pool", "healthy myocardium", "scar")[:classes],
        {"LGE": (0.9, -0.8, 1.4)[:classes]},
        {"LGE": (0.5, 0.7, 1.1)[:classes]},
        proportions[:classes] / proportions[:classes].sum(),
        [row[:classes] / row[:classes].sum() for row in depth],
    )


def problem_for(extra="no prior", classes=3, strokes=False, **chosen):
    """Three slices with 42, 34 and 38 voxels, the last of them two steps from its neighbour."""
    roi = np.zeros((4, 9, 8), bool)
    roi[:, 1:8, 1:7] = True
    roi[1, 3], roi[1, 4, 2], roi[2], roi[3, 7, 1:5] = False, False, False, False
    roi[1, 2, 1] = False
    rng = np.random.default_rng(4)
    images = rng.gamma(3.0, size=(2, *roi.shape)) * np.array([20, 3])[:, None, None, None]
    chosen = {"smoothing": 0.0, **EXTRAS[extra], **chosen}
    if {"prior_weight", "anatomy", "mean_penalty", "start"} & set(chosen):
        chosen["prior"] = prior_of(classes)
    settings = Settings(
        classes=classes, normalize="image", margin=3.0, variance_floor=0.02, **chosen
    )
    region = prepare(images, roi, SPACING, ROLES, settings)
    seeds = np.zeros(region.mask.shape, np.uint8)
    seeds[:, 5, 4], seeds[:, 5, 5] = 1, 2
    return pose(region, ROLES, settings, torch.device("cpu"), seeds if strokes else None)


@dataclass
class ByHand:
    """What one mixture is fitted to, in plain arrays, and its mathematics as it is written.

    x is ``(M, N)``; window ``(N, N)`` holds the weights of every voxel's neighbours; factor
    ``(K, N)`` is what anatomy and strokes make of the proportions; pseudo holds, for every class,
    pseudo-voxels ``(M, 2M)`` with the prior's mean and covariance, and their weight.
    """

    x: np.ndarray
    window: np.ndarray
    factor: np.ndarray
    pseudo: list[tuple[np.ndarray, float]]
    settings: Settings

    @classmethod
    def of(cls, problem, b):
        region, settings, prior = problem.region, problem.settings, problem.settings.prior
        places = [z for z, number in enumerate(region.crop[0]) if number in region.slices[b]]
        voxels = [p for p in np.argwhere(region.mask).tolist() if p[0] in places]
        x = np.array([region.images[:, z, i, j] for z, i, j in voxels]).T
        sequences, count = x.shape
        at = np.array([(region.crop[0][z], i, j) for z, i, j in voxels]) * SPACING
        window = np.eye(count)
        if settings.smoothing and settings.spatial:
            squared_distances = ((at[:, None] - at) ** 2).sum(-1)
            window = np.exp(-0.5 * squared_distances / settings.smoothing**2)
            if settings.scope == "slice":
                assert len(set(at[:, 0])) == 1
            window = window / window.sum(1, keepdims=True)
        factor = np.ones((settings.classes, count))
        if settings.anatomy:
            depth = spatial.depth(region.mask, region.spacing)
            depth = np.array([depth[tuple(place)] for place in voxels])
            profile = spatial.depth_profile(depth, np.array(prior.depth))
            factor = profile**settings.anatomy
        if problem.observations.strokes is not None:
            for n, (_, i, j) in enumerate(voxels):
                for column, painted in ((4, 0), (5, 1)):
                    if (i, j) == (5, column):
                        factor[np.arange(settings.classes) != painted, n] = 0
        pseudo = [(np.empty((sequences, 0)), 0.0)] * settings.classes
        if settings.prior_weight:
            pseudo = []
            for k in range(settings.classes):
                mean, deviation = cls.tissue(problem, b, k)
                offsets = np.diag(deviation) * np.sqrt(sequences)
                points = mean[:, None] + np.hstack([offsets, -offsets])
                weight = settings.prior_weight * count * prior.proportions[k]
                pseudo.append((points, weight / (2 * sequences)))
        return cls(x, window, factor, pseudo, settings)

    @staticmethod
    def tissue(problem, b, k):
        prior, region = problem.settings.prior, problem.region
        mean = np.array([prior.means["LGE"][k], 0]) * region.spread[b] + region.centre[b]
        return mean, np.array([prior.deviations["LGE"][k], 1]) * region.spread[b]

    def m_step(self, w, tails):
        means, covariances = [], []
        for k, (points, weight) in enumerate(self.pseudo):
            everything = np.hstack([self.x, points])
            weights = np.append(w[k] * tails[k], np.full(points.shape[1], weight))
            mean = sum(a * v for a, v in zip(weights, everything.T)) / weights.sum()
            scatter = sum(a * np.outer(v - mean, v - mean) for a, v in zip(weights, everything.T))
            count = w[k].sum() + points.shape[1] * weight
            matrix = scatter / count + self.settings.variance_floor * np.eye(len(mean))
            if self.settings.covariance == "diag":
                matrix = matrix * np.eye(len(mean))
            means.append(mean)
            covariances.append(matrix)
        counts = w.sum(1) + [points.shape[1] * weight for points, weight in self.pseudo]
        return counts / counts.sum(), means, covariances

    def tails(self, means, covariances):
        degrees, sequences = self.settings.degrees_of_freedom, len(self.x)
        if degrees is None:
            return np.ones(self.factor.shape)
        mahalanobis = [
            [(v - mean) @ np.linalg.inv(matrix) @ (v - mean) for v in self.x.T]
            for mean, matrix in zip(means, covariances)
        ]
        return (degrees + sequences) / (degrees + np.array(mahalanobis))

    def joint(self, p, means, covariances):
        degrees = self.settings.degrees_of_freedom
        if degrees is None:
            laws = [stats.multivariate_normal(*law) for law in zip(means, covariances)]
        else:
            laws = [stats.multivariate_t(*law, df=degrees) for law in zip(means, covariances)]
        p = p * self.factor
        return p / p.sum(0) * np.array([law.pdf(self.x.T) for law in laws])

    def local(self, w, shares):
        return (
            w @ self.window.T if self.settings.spatial else np.tile(shares[:, None], len(self.x.T))
        )

    def objective(self, w):
        shares, *laws = self.m_step(w, np.ones(w.shape))
        if self.settings.degrees_of_freedom is not None:
            for _ in range(10):
                shares, *laws = self.m_step(w, self.tails(*laws))
        joint = self.joint(self.local(w, shares), *laws)
        return -np.log(joint.sum(0)).mean(), shares, *laws

    def em(self, shares, means, covariances, iterations):
        p, history = np.tile(shares[:, None], self.x.shape[1]), []
        laws = means, covariances
        joint = self.joint(p, *laws)
        for _ in range(iterations):
            w = joint / joint.sum(0)
            shares, *laws = self.m_step(w, self.tails(*laws))
            p = self.local(w, shares)
            joint = self.joint(p, *laws)
            history.append(-np.log(joint.sum(0)).mean())
        return history, joint / joint.sum(0), shares, *laws


def random_responsibilities(problem, seed=0):
    shape = (len(problem.region.valid), problem.settings.classes, problem.region.valid.shape[1])
    return np.moveaxis(np.random.default_rng(seed).dirichlet(np.ones(shape[1]), shape[::2]), -1, 1)


def compare(mixture, b, shares, means, covariances):
    np.testing.assert_allclose(mixture.proportions[b], shares, rtol=1e-6)
    np.testing.assert_allclose(mixture.means[b], means, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(mixture.covariances[b], covariances, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("extra", EXTRAS)
@pytest.mark.parametrize("degrees", [None, 3.0])
@pytest.mark.parametrize("method", ["deepG", "deepSVG"])
@pytest.mark.parametrize(("scope", "covariance"), [("slice", "full"), ("volume", "diag")])
def test_the_objective_is_the_plain_loop(method, degrees, extra, scope, covariance):
    problem = problem_for(
        extra, method=method, degrees_of_freedom=degrees, scope=scope, covariance=covariance
    )
    w = random_responsibilities(problem)
    nll, mixture, log_p = objective(torch.from_numpy(w), problem.observations, problem.settings)
    assert len(nll) == (3 if scope == "slice" else 1)
    for b, size in enumerate(problem.region.valid.sum(-1).tolist()):
        hand = ByHand.of(problem, b)
        expected, shares, means, covariances = hand.objective(w[b, :, :size])
        assert nll[b].item() == pytest.approx(expected, rel=1e-7)
        compare(mixture, b, shares, means, covariances)
        p = hand.local(w[b, :, :size], shares) * hand.factor
        proportions = log_p[b].exp().expand(-1, w.shape[2])[:, :size]
        np.testing.assert_allclose(proportions, p / p.sum(0), rtol=1e-6)


@pytest.mark.parametrize("extra", EXTRAS)
@pytest.mark.parametrize("degrees", [None, 3.0])
@pytest.mark.parametrize("method", ["deepG", "deepSVG"])
@pytest.mark.parametrize("covariance", ["diag", "full"])
def test_the_objective_has_the_gradient_of_its_differences(method, degrees, extra, covariance):
    problem = problem_for(
        extra, 2, method=method, degrees_of_freedom=degrees, scope="slice", covariance=covariance
    )
    logits = torch.from_numpy(np.log(random_responsibilities(problem)))
    some = logits[..., ::6].clone().requires_grad_()  # every sixth voxel, to be quick

    def loss(some):
        w = logits.index_copy(2, torch.arange(0, logits.shape[2], 6), some).softmax(1)
        return objective(w, problem.observations, problem.settings)[0]

    assert torch.autograd.gradcheck(loss, (some,))
    assert torch.autograd.grad(loss(some).sum(), some)[0].abs().max() > 1e-4


@pytest.mark.parametrize("covariance", ["diag", "full"])
@pytest.mark.parametrize("scope", ["slice", "volume"])
def test_the_map_estimate_is_that_of_appended_pseudo_voxels(covariance, scope):
    problem = problem_for("pseudo-voxels", covariance=covariance, scope=scope)
    observations = problem.observations
    w = random_responsibilities(problem)
    for b, size in enumerate(problem.region.valid.sum(-1).tolist()):
        x, own = observations.intensities[b, :, :size].numpy(), w[b, :, :size]
        one, rows, columns = np.ones((1, size)), *np.triu_indices(2)
        if covariance == "diag":
            rows = columns = np.arange(2)
        moments = own @ np.concatenate([one, x, x[rows] * x[columns]]).T
        weighted = torch.zeros(len(w), *moments.shape, dtype=torch.float64)
        weighted[:] = torch.from_numpy(moments)
        mixture = observations.m_step(weighted, weighted[..., 0], problem.settings)
        for k in range(3):
            mean, deviation = ByHand.tissue(problem, b, k)
            count = 0.3 * size * (0.5, 0.3, 0.2)[k]
            total = own[k].sum() + count
            posterior = (own[k] @ x.T + count * mean) / total
            np.testing.assert_allclose(mixture.means[b, k], posterior, rtol=1e-6)
            between = np.outer(mean - posterior, mean - posterior)
            matrix = count * (np.diag(deviation**2) + between)
            for n in range(size):
                matrix += own[k, n] * np.outer(x[:, n] - posterior, x[:, n] - posterior)
            matrix = matrix / total + 0.02 * np.eye(2)
            if covariance == "diag":
                matrix = matrix * np.eye(2)
            np.testing.assert_allclose(mixture.covariances[b, k], matrix, rtol=1e-6, atol=1e-8)
        counts = own.sum(1) + 0.3 * size * np.array([0.5, 0.3, 0.2])
        np.testing.assert_allclose(mixture.proportions[b], counts / (1.3 * size), rtol=1e-6)


@pytest.mark.parametrize("strokes", [False, True])
@pytest.mark.parametrize("extra", EXTRAS)
@pytest.mark.parametrize("degrees", [None, 3.0])
@pytest.mark.parametrize("method", ["GMM", "SVGMM"])
@pytest.mark.parametrize(("scope", "covariance"), [("slice", "full"), ("volume", "diag")])
def test_em_is_the_plain_loop(method, degrees, extra, scope, covariance, strokes):
    problem = problem_for(
        extra, strokes=strokes, method=method, degrees_of_freedom=degrees, scope=scope,
        covariance=covariance, start="prior", tolerance=0.0, min_iterations=4, max_iterations=4,
    )  # fmt: skip
    fitted = fit(problem, 0)
    sizes = problem.region.valid.sum(-1).tolist()
    histories = []
    for b, size in enumerate(sizes):
        hand = ByHand.of(problem, b)
        tissues = [ByHand.tissue(problem, b, k) for k in range(3)]
        means, covariances = [mean for mean, _ in tissues], [np.diag(sd**2) for _, sd in tissues]
        proportions = np.array(problem.settings.prior.proportions)
        history, w, *mixture = hand.em(proportions, means, covariances, 4)
        histories.append(history)
        np.testing.assert_allclose(fitted.responsibilities[b, :, :size], w, rtol=1e-5, atol=1e-8)
        assert fitted.nll[b].item() == pytest.approx(history[-1], rel=1e-6)
        compare(fitted.mixture, b, *mixture)
    np.testing.assert_allclose(fitted.history, np.average(histories, 0, weights=sizes), rtol=1e-6)


def test_the_mean_penalty_counts_the_sequences_that_the_prior_knows():
    problem = problem_for(method="deepSVG", mean_penalty=0.5, scope="slice")
    output = torch.from_numpy(
        np.random.default_rng(3).normal(size=(3, 3, *problem.region.mask.shape[1:]))
    )
    answer = problem.loss(output)
    for b in range(3):
        distance = sum(
            (answer.mixture.means[b, k, 0].item() - ByHand.tissue(problem, b, k)[0][0]) ** 2
            for k in range(3)
        )
        penalized = answer.nll[b].item() + 0.5 * distance
        assert answer.objective[b].item() == pytest.approx(penalized)
    assert answer.loss.item() == pytest.approx(answer.objective.mean().item())


def test_the_mean_penalty_draws_to_given_means_in_place_of_the_priors():
    given = ((40.0, 6.0), (60.0, 8.0), (90.0, 12.0))  # in input intensity units
    problem = problem_for(method="deepG", mean_penalty=0.5, scope="slice", means=given)
    output = np.random.default_rng(3).normal(size=(3, 3, *problem.region.mask.shape[1:]))
    answer = problem.loss(torch.from_numpy(output))
    region = problem.region
    for b in range(3):
        means = answer.mixture.means[b].numpy() * region.scale[b] + region.shift[b]
        distance = (((means - given) / region.scale[b]) ** 2).sum()
        penalized = answer.nll[b].item() + 0.5 * distance
        assert answer.objective[b].item() == pytest.approx(penalized)


def test_the_network_sees_the_depth_where_it_counts():
    """The distance from the region's border, a part of the largest, is the last channel."""
    problem = problem_for("bias", method="deepG")
    seen = problem.network_input(ROLES)
    images = torch.from_numpy(problem.region.images).movedim(1, 0)
    assert torch.equal(seen[:, :2], images.float())
    mask = np.pad(problem.region.mask, ((0, 0), (1, 1), (1, 1)))
    for z, inside in enumerate(mask):
        outside = np.argwhere(~inside) * SPACING[1:]
        places = np.argwhere(inside)
        distances = [np.hypot(*(outside - place * SPACING[1:]).T).min() for place in places]
        depth = seen[z, 2].numpy()[tuple(places.T - 1)]
        np.testing.assert_allclose(depth, np.array(distances) / max(distances), rtol=1e-5)
    assert problem_for(method="deepG").network_input(ROLES).shape[1] == 2
