"""Where it is computed."""

from __future__ import annotations

import torch

from ..errors import InvalidInput


def resolve_device(name: str) -> torch.device:
    """Return the device of a setting; "auto" is CUDA where there is one.

    Raises
    ------
    InvalidInput
        If there is no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, index = name.partition(":")
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise InvalidInput(
            f"The device {name!r} is not there ({torch.cuda.device_count()} CUDA devices are); "
            'choose device="auto" or "cpu".'
        )
    return torch.device(name)
