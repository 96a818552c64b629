import numpy as np
import pytest

from DeepGMMSegmentationLib.anatomy.stack import SHIPPED
from DeepGMMSegmentationLib.anatomy.ventricle import find_region, propose_point, trace_ventricle
from DeepGMMSegmentationLib.errors import InvalidInput
from DeepGMMSegmentationLib.hearts.sample import heart

pytestmark = pytest.mark.skipif(not SHIPPED.exists(), reason="no region network is shipped")


@pytest.fixture(scope="module")
def drawn():
    """Return a heart of the sample's style, which the network was not taught by."""
    return heart(3)


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def click(drawn, z=5):
    blood = np.argwhere(drawn.labels[z] == 1)
    return (z, *blood.mean(axis=0))


@pytest.mark.parametrize("roles", [("LGE",), ("bSSFP",), ("LGE", "T2", "bSSFP")])
def test_a_stack_is_followed_from_one_click(drawn, roles):
    images = drawn.images[[drawn.roles.index(role) for role in roles]]
    region = find_region(images, click(drawn), spacing=drawn.spacing, roles=roles)
    assert region.shape == drawn.roi.shape
    assert region.dtype == bool
    assert dice(region, drawn.roi) > 0.85


def test_t2_is_looked_at_only_where_there_is_nothing_else(drawn):
    choices = {"point": click(drawn), "spacing": drawn.spacing}
    lge, t2, _bssfp = drawn.images
    both = find_region([lge, t2], roles=("LGE", "T2"), **choices)
    assert np.array_equal(both, find_region([lge], roles=("LGE",), **choices))
    assert dice(find_region([t2], roles=("T2",), **choices), drawn.roi) > 0.6
    lge = lge.copy()
    lge[7:] = np.nan  # in those slices there is T2 alone
    partly = find_region([lge, t2], roles=("LGE", "T2"), **choices)
    assert np.array_equal(partly[:7], both[:7])
    filled = find_region([np.nan_to_num(lge), t2], roles=("LGE", "T2"), **choices)
    assert np.array_equal(filled, partly)
    assert dice(partly[7:], drawn.roi[7:]) > 0.6
    alone = find_region([lge], roles=("LGE",), **choices)
    assert not alone[7:].any()


def test_one_slice_in_pixels_without_units_and_of_no_known_sequence(drawn):
    z, y, x = click(drawn)
    region = find_region(drawn.images[:1, z], (y, x))
    assert dice(region, drawn.roi[z]) > 0.9


def test_a_mirrored_image_has_the_mirrored_region(drawn):
    z, y, x = click(drawn)
    image = drawn.images[:1, z]
    choices = {"spacing": drawn.spacing[1:], "roles": ("LGE",)}
    region = find_region(image, (y, x), **choices)
    mirrored = find_region(image[..., ::-1], (y, image.shape[-1] - 1 - x), **choices)
    assert dice(region, mirrored[..., ::-1]) > 0.95


def test_the_anterior_insertion_is_where_it_was_drawn(drawn):
    trace = trace_ventricle(drawn.images, click(drawn), spacing=drawn.spacing, roles=drawn.roles)
    z, y, x = trace.insertion
    truth = np.array(drawn.rv_insertion[1::-1]) / drawn.spacing[1:]
    middle = np.argwhere(drawn.roi[round(z)]).mean(axis=0)
    angles = [np.arctan2(*(p - middle)) for p in (np.array([y, x]), truth)]
    turn = np.degrees(np.angle(np.exp(1j * (angles[0] - angles[1]))))
    assert abs(turn) < 30
    assert trace.evidence > 0.6
    assert (trace.confidence > 0).sum() == trace.region.any(axis=(1, 2)).sum()


def test_a_place_is_proposed_in_the_ventricle(drawn):
    images = drawn.images[:1, 4:6]
    point, evidence = propose_point(images, drawn.spacing, drawn.roles[:1])
    assert drawn.roi[4:6][point]
    assert 0.6 < evidence <= 1


def test_noise_holds_no_ventricle():
    noise = np.random.default_rng(0).normal(size=(1, 128, 128))
    with pytest.raises(InvalidInput, match="No left ventricle"):
        find_region(noise, (64, 64))
    with pytest.raises(InvalidInput, match="Nothing in the images"):
        propose_point(noise)


@pytest.mark.parametrize(
    ("point", "match"),
    [((0, 200, 5), "outside"), ((5, 5), "3 array indices"), ((0, np.nan, 5), "array indices")],
)
def test_a_point_that_is_none_is_refused(point, match):
    with pytest.raises(InvalidInput, match=match):
        find_region(np.zeros((1, 3, 64, 64)), point)


def test_images_that_are_none_are_refused():
    with pytest.raises(InvalidInput, match="real numbers of shape"):
        find_region(np.zeros((64, 64)), (3, 3))
