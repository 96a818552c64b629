"""The one rule by which two images lie on the same grid, whoever read them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Two grids are the same where no voxel lies further apart than this part of the smallest voxel
# side: far below what is seen, far above what rounding in file headers does.
GRID_TOLERANCE = 0.05


@dataclass(frozen=True)
class Grid:
    """Where the voxels of a three-dimensional image lie.

    Attributes
    ----------
    size : sequence of int
        Voxels along x, y and z.
    spacing : sequence of float
        Their distances in mm, in the same order.
    origin : sequence of float
        The first voxel's center, in mm.
    direction : sequence of float
        The 3 × 3 matrix, row by row, whose columns are the directions of the axes.
    """

    size: Sequence[int]
    spacing: Sequence[float]
    origin: Sequence[float]
    direction: Sequence[float]


def grid_differences(grid: Grid, reference: Grid) -> list[str]:
    """Say in which of size, spacing, origin and direction a grid differs; empty if in none.

    Parameters
    ----------
    grid, reference : Grid
        In one frame, RAS or LPS.
    """
    tolerance = GRID_TOLERANCE * min(reference.spacing)
    steps = np.array(reference.size) - 1
    extent = steps * reference.spacing
    turn = np.reshape(np.subtract(grid.direction, reference.direction), (3, 3))
    # How far, in mm, each difference moves the last voxel.
    moves = {
        "size": math.inf if tuple(grid.size) != tuple(reference.size) else 0.0,
        "spacing": np.abs(np.subtract(grid.spacing, reference.spacing) * steps).max(),
        "origin": np.linalg.norm(np.subtract(grid.origin, reference.origin)),
        "direction": np.linalg.norm(np.abs(turn) @ extent),
    }
    return [
        f"{name} {_text(getattr(grid, name))} instead of {_text(getattr(reference, name))}"
        for name, move in moves.items()
        if move > tolerance
    ]


def _text(values: Sequence[float]) -> str:
    return "(" + ", ".join(f"{value:.6g}" for value in values) + ")"
