"""Functions of the angle around a ventricle, and the pixels as seen from its centre."""

from __future__ import annotations

import numpy as np

ANGLES = 180  # of the contours
TURN = np.linspace(0, 2 * np.pi, ANGLES, endpoint=False)


class Polar:
    """Where the pixels of a rectangle lie, as seen from the slices' centres.

    Attributes
    ----------
    x, y, r : ndarray of float32, shape ``(Z, h, w)``
        Pixels from the centre to the right, downwards, and the distance.
    """

    def __init__(self, first: np.ndarray, last: np.ndarray, centres: np.ndarray) -> None:
        rows, columns = (np.arange(a, b, dtype=np.float32) for a, b in zip(first, last))
        y, x = centres.T.astype(np.float32)[..., None]
        y, x = (rows - y)[:, :, None], (columns - x)[:, None, :]
        self.y, self.x, self.r = *np.broadcast_arrays(y, x), np.hypot(x, y)
        angle = np.arctan2(-y, x) * np.float32(ANGLES / (2 * np.pi))
        at = np.rint(angle).astype(np.int32) % ANGLES
        self._index = at + ANGLES * np.arange(len(at), dtype=np.int32)[:, None, None]

    def spread(self, contour: np.ndarray) -> np.ndarray:
        """Return the value at every pixel of functions ``(Z, ANGLES)`` of the angle."""
        return contour.astype(np.float32).ravel().take(self._index)


def wander(
    rng: np.random.Generator, heights: np.ndarray, count: int, deviation: float
) -> np.ndarray:
    """Return random walks along the ventricle, ``(slices, count)``: 1 / 8 of it is a step."""
    steps = np.sqrt(8 * np.abs(np.diff(heights, prepend=heights[:1])))
    return np.cumsum(rng.normal(0, deviation, (len(heights), count)) * steps[:, None], 0)


def harmonics(
    rng: np.random.Generator,
    orders: range,
    deviation: float,
    heights: np.ndarray,
    twist: float = 0.3,
) -> np.ndarray:
    """Return random smooth functions of the angle, ``(slices, ANGLES)``, of this deviation.

    Their phases, in radians, wander along the ventricle.
    """
    amplitude = rng.normal(0, 1, len(orders)) / np.array(orders) ** 0.7
    phase = rng.uniform(0, 2 * np.pi, len(orders))
    phase = phase + wander(rng, heights, len(orders), twist)
    waves = amplitude[:, None] * np.cos(np.array(orders)[:, None] * TURN + phase[..., None])
    total = waves.sum(1)
    return total * deviation / max(float(total.std()), 1e-6)
