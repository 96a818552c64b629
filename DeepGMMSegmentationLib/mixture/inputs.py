"""What `segment` is given, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InvalidInput
from ..settings import Settings


def checked_arrays(
    images: ArrayLike, roi: ArrayLike, seeds: Optional[ArrayLike], settings: Settings
) -> tuple[np.ndarray, np.ndarray, Optional[np.ndarray]]:
    """Return images, region and seeds as arrays, or refuse what cannot be used."""
    try:
        images, roi = np.asarray(images), np.asarray(roi)
    except ValueError as error:
        raise InvalidInput("The images differ in shape; put them on one grid.") from error
    if images.ndim not in (3, 4) or images.dtype.kind not in "biuf":
        raise InvalidInput(
            f"The images are {images.dtype} of shape {images.shape}; give real numbers of shape "
            "(sequences, slices, rows, columns) or (sequences, rows, columns)."
        )
    if not len(images):
        raise InvalidInput("There are no images; give at least one sequence.")
    if roi.dtype != bool:
        raise InvalidInput(f"The region is {roi.dtype}; give a boolean array, such as mask > 0.")
    if roi.shape != images.shape[1:]:
        raise InvalidInput(
            f"The region has shape {roi.shape} but the images have {images.shape[1:]}; put them on "
            "one grid."
        )
    if seeds is not None:
        seeds = np.asarray(seeds)
        if seeds.shape != roi.shape or seeds.dtype.kind not in "biu":
            raise InvalidInput("The seeds must be whole numbers on the grid of the region.")
        if seeds.min() < 0 or seeds.max() > settings.classes:
            raise InvalidInput(
                f"The seeds hold labels from {seeds.min()} to {seeds.max()}; give 0 for unknown "
                f"voxels and 1 to {settings.classes} for the classes."
            )
        if seeds.any() and not seeds[roi].any():
            raise InvalidInput("The strokes are all outside the region; paint within it.")
    return images, roi, seeds


def checked_spacing(spacing: Optional[Sequence[float]], axes: int) -> tuple[float, ...]:
    """Return the spacing as numbers, 1 mm by default, or refuse what is none."""
    if spacing is None:
        return (1.0,) * axes
    try:
        spacing = tuple(float(step) for step in spacing)
    except (TypeError, ValueError):
        spacing = (spacing,)
    if len(spacing) != axes or not all(
        isinstance(step, float) and 0 < step < np.inf for step in spacing
    ):
        raise InvalidInput(f"spacing is {spacing}; give {axes} positive numbers of millimetres.")
    return spacing


def checked_roles(roles: Optional[Sequence[str]], count: int) -> tuple[str, ...]:
    """Return the names of the sequences, numbered by default, or refuse what cannot name them."""
    if roles is None:
        return tuple(f"Sequence {m + 1}" for m in range(count))
    if isinstance(roles, str):
        raise InvalidInput(f"roles is the text {roles!r}; give a list of names.")
    roles = tuple(roles)
    if len(roles) != count or len(set(roles)) != count:
        raise InvalidInput(f"roles is {roles}; give {count} different names, one per sequence.")
    return roles
