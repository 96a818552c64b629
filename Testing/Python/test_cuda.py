"""CUDA gives what the CPU gives. Needs a GPU; skipped without one."""

import dataclasses

import numpy as np
import pytest
import torch

from DeepGMMSegmentationLib import Settings, segment
from DeepGMMSegmentationLib.hearts.sample import heart
from DeepGMMSegmentationLib.settings import METHODS

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="no CUDA device on this machine"
)


@pytest.mark.parametrize("method", METHODS)
def test_cpu_and_cuda_agree(method):
    sample = heart(3)
    settings = Settings.infarct(sample.roles, method=method, max_iterations=30, device="cpu")
    options = {"spacing": sample.spacing, "roles": sample.roles}
    on_cpu = segment(sample.images, sample.roi, settings, **options)
    on_cuda = dataclasses.replace(settings, device="cuda")
    first, second = (segment(sample.images, sample.roi, on_cuda, **options) for _ in range(2))
    assert first.device.startswith("cuda")
    np.testing.assert_array_equal(first.labels, second.labels)
    assert first.history == second.history
    # EM computes in float64 on both; the network in float32, whose rounding training amplifies.
    np.testing.assert_allclose(
        first.history[-1], on_cpu.history[-1], rtol=0.01 if settings.deep else 1e-9
    )
    same = (first.labels == on_cpu.labels)[sample.roi].mean()
    assert same > (0.97 if settings.deep else 0.9999)
