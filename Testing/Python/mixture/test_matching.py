"""Names of the classes against a search of all permutations."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from DeepGMMSegmentationLib.mixture import matching

SIZES = st.tuples(st.integers(1, 3), st.integers(2, 5), st.integers(0, 10_000))


def total(cost, order):
    return sum(cost[tissue, k] for tissue, k in enumerate(order))


def random_costs(size):
    mixtures, classes, seed = size
    return np.random.default_rng(seed).exponential(5.0, (mixtures, classes, classes))


def test_costs_are_squared_deviations_of_the_tissue():
    rng = np.random.default_rng(0)
    means, tissues = rng.normal(size=(2, 2, 3, 4))
    deviations = rng.uniform(0.5, 2, tissues.shape)
    costs = matching.assignment_costs(means, tissues, deviations)
    for b in range(2):
        for tissue in range(3):
            for k in range(3):
                expected = sum(
                    ((means[b, k, m] - tissues[b, tissue, m]) / deviations[b, tissue, m]) ** 2
                    for m in range(4)
                )
                assert costs[b, tissue, k] == pytest.approx(expected)


@settings(max_examples=60, deadline=None)
@given(SIZES)
def test_the_best_order_costs_least_of_all(size):
    costs = random_costs(size)
    for cost, order in zip(costs, matching.best_order(costs)):
        least = min(permutations(range(len(cost))), key=lambda other: total(cost, other))
        assert tuple(order) == least


@settings(max_examples=60, deadline=None)
@given(SIZES, st.sets(st.integers(0, 4)))
def test_known_tissues_keep_their_number_and_the_others_cost_least(size, known):
    costs = random_costs(size)
    before = costs.copy()
    known = [k for k in known if k < costs.shape[1]]
    for cost, order in zip(costs, matching.best_order(costs, known)):
        allowed = [o for o in permutations(range(len(cost))) if all(o[k] == k for k in known)]
        assert tuple(order) == min(allowed, key=lambda other, cost=cost: total(cost, other))
    np.testing.assert_array_equal(costs, before, "the caller's costs are left alone")


@settings(max_examples=60, deadline=None)
@given(SIZES)
def test_the_margin_is_what_the_best_order_with_another_class_costs_more(size):
    costs = random_costs(size)
    sizes = np.random.default_rng(size[2]).integers(1, 100, len(costs))
    classes = costs.shape[1]
    expected = np.zeros(classes)
    for cost, weight in zip(costs, sizes):
        taken = total(cost, range(classes))
        for tissue in range(classes):
            others = [o for o in permutations(range(classes)) if o[tissue] != tissue]
            expected[tissue] += weight * (min(total(cost, o) for o in others) - taken)
    np.testing.assert_allclose(matching.margins(costs, sizes), expected / sizes.sum(), atol=1e-6)


def test_margins_tell_the_sure_name_from_the_unsure_one_and_the_wrong_one():
    means = np.array([[[0.0], [5.0], [5.5]]])
    ones = np.ones_like(means)
    sure = matching.margins(matching.assignment_costs(means, means, ones), np.array([10]))
    # Exchanging the last two costs 2 · 0.5²; the first must change with its nearest, at 2 · 5².
    np.testing.assert_allclose(sure, (2 * 25, 2 * 0.25, 2 * 0.25))
    wrong = matching.assignment_costs(means[:, [0, 2, 1]], means, ones)
    assert matching.margins(wrong, np.array([10]))[1] == pytest.approx(-0.5)


def test_unnamed_classes_rise_in_the_first_sequence_of_the_largest_mixture():
    means = np.array(
        [
            [[9.0, 0.0], [1.0, 4.0], [5.0, 8.0]],
            [[5.2, 7.0], [9.5, 0.5], [0.0, 4.0]],
        ]
    )
    # The second is the larger: its own order is 2, 0, 1, and the first follows its means.
    np.testing.assert_array_equal(
        matching.order_by_rule(means, np.array([20, 30])), [[1, 2, 0], [2, 0, 1]]
    )


def test_smaller_mixtures_follow_the_means_and_not_their_own_rank():
    # In the small one, the class that looks like the last of the large one is the darkest.
    large = [[0.0, 0.0], [1.0, 0.0], [2.0, 50.0]]
    small = [[0.9, 0.0], [1.1, 0.5], [0.1, 49.0]]
    orders = matching.order_by_rule(np.array([large, small]), np.array([90, 10]))
    np.testing.assert_array_equal(orders, [[0, 1, 2], [0, 1, 2]])


def test_known_classes_keep_their_number_and_the_others_rise():
    means = np.array([[[9.0, 0.0], [7.0, 50.0], [8.0, 0.0], [1.0, 20.0]]])
    sizes = np.array([10])
    np.testing.assert_array_equal(matching.order_by_rule(means, sizes, [0]), [[0, 3, 1, 2]])
    np.testing.assert_array_equal(matching.order_by_rule(means, sizes, [1, 2]), [[3, 1, 2, 0]])
    np.testing.assert_array_equal(matching.order_by_rule(means, sizes, range(4)), [[0, 1, 2, 3]])


@settings(max_examples=60, deadline=None)
@given(SIZES)
def test_the_rule_is_the_nearest_assignment_to_the_largest_mixture(size):
    mixtures, classes, seed = size
    rng = np.random.default_rng(seed)
    means, sizes = rng.normal(size=(mixtures, classes, 2)), rng.integers(1, 50, mixtures)
    assume(len(set(sizes)) == mixtures)
    reference = np.array(sorted(means[sizes.argmax()].tolist()))
    orders = matching.order_by_rule(means, sizes)
    for b in range(mixtures):
        nearest = min(
            permutations(range(classes)),
            key=lambda order, b=b: ((means[b][list(order)] - reference) ** 2).sum(),
        )
        assert tuple(orders[b]) == nearest
