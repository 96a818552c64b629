"""Slices side by side in one picture; axes for each would take most of a report's time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BESIDE = 0.04  # of a slice's width, between two
ABOVE = 0.16  # of its longer side, for its title


def scale_greys(image: np.ndarray) -> np.ndarray:
    """Return an image from 0, nearly its darkest, to 1, nearly its brightest."""
    values = image[np.isfinite(image)]
    low, high = np.percentile(values, (1, 99.5)) if values.size else (0.0, 1.0)
    return (image - low) / ((high - low) or 1.0)


def tile(slices: np.ndarray, columns: int) -> np.ndarray:
    """Return slices row by row, with room between them that is NaN, or 0 of whole numbers.

    Parameters
    ----------
    slices : ndarray, shape ``(Z, Y, X)``
    columns : int
        How many stand beside each other.
    """
    count, *shape = slices.shape
    rows = -(-count // columns)
    height, width = _size(shape)
    fill = np.nan if slices.dtype.kind == "f" else 0
    tiles = np.full((rows * columns, height, width), fill, slices.dtype)
    tiles[:count, height - shape[0] :, : shape[1]] = slices
    by_row = tiles.reshape(rows, columns, height, width).swapaxes(1, 2)
    return by_row.reshape(rows * height, columns * width)[:, : shape[1] - width]


def name_tiles(
    axes: Axes, titles: Sequence[str], shape: Sequence[int], columns: int, size: float
) -> None:
    """Write a title of so many points above each slice of this shape."""
    height, width = _size(shape)
    for i, title in enumerate(titles):
        row, column = divmod(i, columns)
        x, y = column * width + shape[1] / 2 - 0.5, row * height + height - shape[0] - 1
        axes.text(x, y, title, ha="center", va="bottom", fontsize=size)
    axes.set_axis_off()


def _size(shape: Sequence[int]) -> tuple[int, int]:
    """Return the height and width of a slice with its room."""
    return shape[0] + int(np.ceil(ABOVE * max(shape))), shape[1] + int(np.ceil(BESIDE * shape[1]))
