"""The state of an interrupted training, from which it goes on as if nothing had happened."""

from __future__ import annotations

import hashlib
import io
import pickle
from pathlib import Path
from typing import Any

import torch

from ..errors import InvalidInput
from ..io.writing import write_bytes

DIGEST = hashlib.sha256().digest_size  # bytes in front, of what follows


def save(path: Path, identity: str, state: dict[str, Any]) -> None:
    """Write a state of tensors, numbers, text, lists and dicts, whole or not at all.

    Parameters
    ----------
    path : Path
        Replaced where it exists.
    identity : str
        Of the training; only the same one may go on from here.
    state : dict
        All that training needs to go on.
    """
    buffer = io.BytesIO()
    torch.save({"identity": identity, **state}, buffer)
    data = buffer.getvalue()
    write_bytes(path, hashlib.sha256(data).digest() + data)


def load(path: Path, identity: str) -> dict[str, Any]:
    """Read what `save` wrote; nothing in it is executed.

    Raises
    ------
    InvalidInput
        If the file cannot be read, is no checkpoint, is damaged, or is that of another training.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be read ({error.strerror or error}); remove it to begin anew."
        ) from error
    digest, data = content[:DIGEST], content[DIGEST:]
    if hashlib.sha256(data).digest() != digest:
        raise InvalidInput(
            f"{path} is no checkpoint of a training, or is damaged; remove it to begin anew."
        )
    try:
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        own = state.pop("identity")
    except (pickle.UnpicklingError, RuntimeError, LookupError, AttributeError, EOFError) as error:
        raise InvalidInput(
            f"{path} is no checkpoint of a training; remove it to begin anew."
        ) from error
    if own != identity:
        raise InvalidInput(
            f"{path} belongs to a training with other cases or settings; give these again to go "
            "on with it, or remove it to begin anew."
        )
    return state
