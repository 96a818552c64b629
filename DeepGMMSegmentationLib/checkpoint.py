"""The state of an interrupted training, from which it goes on as if nothing had happened."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import torch

from .atomic import write_bytes
from .errors import InvalidInput


def save(path: Path, identity: str, state: dict[str, Any]) -> None:
    """Write a state of tensors, numbers, text, lists and dicts, whole or not at all.

    Parameters
    ----------
    path : Path
    identity : str
        Of the training; only the same one may go on from here.
    state : dict
    """
    buffer = io.BytesIO()
    torch.save({"identity": identity, **state}, buffer)
    write_bytes(path, buffer.getvalue())


def load(path: Path, identity: str) -> dict[str, Any]:
    """Read what `save` wrote; nothing in it is executed.

    Raises
    ------
    InvalidInput
        If the file is no checkpoint, or that of another training.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        found = state.pop("identity")
    except (
        OSError,
        RuntimeError,
        EOFError,
        KeyError,
        AttributeError,
        pickle.UnpicklingError,
    ) as error:
        raise InvalidInput(
            f"{path} is no checkpoint of a training ({type(error).__name__}); remove it to begin "
            "anew."
        ) from error
    if found != identity:
        raise InvalidInput(
            f"{path} belongs to a training with other cases or settings; give these again to go "
            "on with it, or remove it to begin anew."
        )
    return state
