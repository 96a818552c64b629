"""Files of networks: weights and a record in safetensors, with a checksum over both."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from ..errors import InvalidInput
from .writing import PathLike, write_bytes

# What is under which key of a file's metadata, by the command that writes it.
KEYS = {"deepgmm train": "deepgmm", "deepgmm train --drawn": "drawn"}


def save_weights(path: PathLike, weights: Mapping[str, Tensor], record: str, writer: str) -> None:
    """Write weights, and a record that goes with them.

    Parameters
    ----------
    path : path
        A file, replaced where it exists.
    weights : mapping of str to Tensor
    record : str
        JSON.
    writer : str
        The command, a key of `KEYS`.
    """
    from safetensors.torch import save

    whole = {name: tensor.contiguous() for name, tensor in weights.items()}
    # One entry: safetensors writes several in an order of chance, and files are to be equal.
    signed = json.dumps({"sha256": checksum(record, whole), "record": record})
    write_bytes(Path(path), save(whole, {KEYS[writer]: signed}))


def load_weights(path: PathLike, writer: str) -> tuple[dict[str, Tensor], str]:
    """Read what `save_weights` wrote; nothing in it is executed.

    Returns
    -------
    weights : dict of str to Tensor
    record : str
        As it was written.

    Raises
    ------
    InvalidInput
        If the file cannot be read, is another command's or none, or is damaged.
    """
    import safetensors  # which a run without a network's file does not need

    try:
        if Path(path).exists() and not Path(path).is_file():  # a pipe would be waited for
            raise OSError("it is no ordinary file")
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, safetensors.SafetensorError) as error:
        raise InvalidInput(
            f"{path} cannot be read as a trained network ({error}); give a whole file that "
            f"`{writer}` wrote."
        ) from error
    if KEYS[writer] not in metadata:
        raise InvalidInput(f"{path} is no network of `{writer}`; give one that is.")
    try:
        signed = json.loads(metadata[KEYS[writer]])
        whole = signed["sha256"] == checksum(signed["record"], weights)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        whole = False
    if not whole:
        raise InvalidInput(f"{path} is damaged (its checksum is wrong); copy it again.")
    return weights, signed["record"]


def checksum(record: str, weights: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of a record and its weights."""
    digest = hashlib.sha256(record.encode())
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(weights[name].numpy().tobytes())
    return digest.hexdigest()
