"""A gain along the stack is seen and evened out; a heart without one is left alone."""

from dataclasses import replace

import numpy as np
import pytest

from DeepGMMSegmentationLib import Settings, segment
from DeepGMMSegmentationLib.hearts.sample import heart
from DeepGMMSegmentationLib.mixture.matching import dice
from DeepGMMSegmentationLib.mixture.shading import estimate_gains


@pytest.fixture(scope="module")
def case():
    drawn = heart(103)  # whose own sensitivity hardly changes along the stack
    return replace(drawn, images=drawn.images[2:], roles=("bSSFP",))


def shaded(case, amount):
    gain = np.exp(amount * np.linspace(-1, 1, len(case.roi)))
    return case.images * gain[:, None, None], gain


def test_a_gain_is_estimated_as_it_is(case):
    assert (estimate_gains(case.images, case.roi, case.spacing, case.roles) == 1).all()
    images, gain = shaded(case, 0.7)
    gains = estimate_gains(images, case.roi, case.spacing, case.roles)[0]
    np.testing.assert_allclose(gains / gain, 1, atol=0.2)
    images[:, :4] = np.nan
    assert np.isfinite(estimate_gains(images, case.roi, case.spacing, case.roles)).all()


def test_a_scale_without_zero_has_no_gain(case):
    images, _ = shaded(case, 0.7)
    centred = images - np.median(images[:, case.roi])
    assert (estimate_gains(centred, case.roi, case.spacing, case.roles) == 1).all()
    assert (estimate_gains(images, case.roi, case.spacing, ["CT"]) == 1).all()


def test_a_shaded_stack_is_segmented_as_an_even_one(case):
    images, _ = shaded(case, 0.7)

    def run(shading):
        # Of what drawings teach, shading spoils less.
        settings = Settings.infarct(case.roles, shading=shading, anatomy_from="depth")
        result = segment(images, case.roi, settings, spacing=case.spacing, roles=case.roles)
        return dice(result.labels, np.minimum(case.labels, 2), 2).mean(), result.notes

    (even, notes), (kept, silent) = run("even"), run("keep")
    assert even > 0.93
    assert even > kept + 0.02
    assert any("bSSFP changes by a factor of" in note for note in notes)
    assert not any("factor" in note for note in silent)
