"""Where it is computed, and by how many threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ..errors import InvalidInput


def resolve_device(name: str) -> torch.device:
    """Return the device of a setting; "auto" is CUDA where there is one, "mps" is the CPU.

    Apple's GPUs lack the float64 in which mixtures are summed; see `unet_device`.

    Raises
    ------
    InvalidInput
        If there is no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "mps":
        if not torch.backends.mps.is_available():
            raise InvalidInput(
                "The device 'mps' is not there, an Apple GPU that this PyTorch can use; choose "
                'device="auto" or "cpu".'
            )
        name = "cpu"
    kind, _, index = name.partition(":")
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise InvalidInput(
            f"The device {name!r} is not there ({torch.cuda.device_count()} CUDA devices are); "
            'choose device="auto" or "cpu".'
        )
    return torch.device(name)


def unet_device(name: str) -> torch.device:
    """Return where a U-Net is fitted to a case: "mps" there, all others as `resolve_device`."""
    device = resolve_device(name)
    return torch.device(name) if name == "mps" else device


@contextmanager
def one_thread(enough: bool = True) -> Iterator[None]:
    """Compute with a single CPU thread where that is enough.

    Threads wait for each other at every step, and the longer the busier the machine is: where
    others kept two cores busy, two threads took 4 times as long as one for the infarct preset.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1 if enough else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
