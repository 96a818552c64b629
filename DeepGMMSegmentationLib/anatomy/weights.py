"""The files of networks that drawings have taught: their weights, and a record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import InvalidInput
from ..io.writing import write_bytes

RESOURCES = Path(__file__).resolve().parents[1] / "Resources"
KEY = "drawn"


def save(path: Path, weights: Mapping[str, Tensor], record: Mapping[str, Any]) -> None:
    """Write weights in half precision, and the record in the metadata."""
    from safetensors.torch import save as packed

    weights = {name: value.half().contiguous() for name, value in weights.items()}
    text = json.dumps(record)
    # One entry: several would be written in an order of chance, and files are to be equal.
    signed = json.dumps({"sha256": _digest(text, weights), "record": text})
    write_bytes(Path(path), packed(weights, {KEY: signed}))


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save` wrote, in single precision; nothing in it is executed.

    Raises
    ------
    InvalidInput
        If it cannot be read or is damaged.
    """
    import safetensors

    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        signed = json.loads(metadata[KEY])
        whole = signed["sha256"] == _digest(signed["record"], weights)
    except (OSError, safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            f"{path} cannot be read as a network taught by drawings ({error}); give a file that "
            "`deepgmm train --drawn` wrote, or install DeepGMMSegmentation again."
        ) from error
    if not whole:
        raise InvalidInput(f"{path} is damaged (its checksum is wrong); copy it again.")
    single = {name: value.to(torch.float32) for name, value in weights.items()}
    return single, json.loads(signed["record"])


def _digest(text: str, weights: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(weights[name].numpy().tobytes())
    return digest.hexdigest()
