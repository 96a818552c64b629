"""Whether a run is the one that was begun or done before: a digest of all that decides it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

import numpy as np


def identify(*parts: Any) -> str:
    """Return a digest that two runs share if, and only if, all their parts are equal.

    Parameters
    ----------
    *parts
        Records (dataclasses), arrays, and what `json.dumps` takes. A record's field ``device``
        does not count: where a run is computed makes it no other run.

    Returns
    -------
    str
        64 hexadecimal digits (SHA-256).
    """
    digest = hashlib.sha256()
    for part in parts:
        values, voxels = part, b""
        if isinstance(part, np.ndarray):
            values, voxels = [part.dtype.str, part.shape], part.tobytes()
        elif dataclasses.is_dataclass(part) and not isinstance(part, type):
            values = {**dataclasses.asdict(part), "device": None}
        digest.update(json.dumps(values).encode() + b"\n" + voxels)
    return digest.hexdigest()
