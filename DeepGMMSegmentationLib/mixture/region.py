"""From images and a region to the normalised voxels of each mixture, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..errors import InvalidInput
from ..settings import Settings

# Each class needs at least this many voxels on average for its statistics to mean anything.
VOXELS_PER_CLASS = 10
MOST = 1e15  # an intensity, and one over the least range of them
# Over the region, this part of the intensities is left out at either end before normalising.
OUTLIERS = 0.005


@dataclass(frozen=True)
class Region:
    """The crop of the images around a region, and which of its voxels each mixture covers.

    Attributes
    ----------
    images : ndarray of float64, shape ``(M, Z, H, W)``
        Normalised intensities of the crop: Z slices that meet the region; 0 where there are none.
    present : ndarray of bool, shape ``(M, Z, H, W)``
        Where there are.
    mask : ndarray of bool, shape ``(Z, H, W)``
        The region.
    crop : tuple of ndarray and slices
        Where the crop lies in an array of shape ``(Z_all, Y, X)``.
    spacing : tuple of float
        Millimetres per voxel, ``(z, y, x)``.
    slices : tuple of tuple of int
        Which slices of the whole image each mixture covers.
    shift, scale : ndarray, shape ``(B, M)``
        ``normalised = (intensity - shift) / scale`` in each mixture.
    centre, spread : ndarray, shape ``(B, M)``
        Mean and deviation of the normalised intensities over the region without its outliers:
        the units of a prior. 0 and 1 where that is how they are normalised.
    index : Tensor of int64, shape ``(B, N)``
        Flat position of each mixture's voxels in ``(Z, H, W)``, padded with 0.
    valid : Tensor of bool, shape ``(B, N)``
        False where `index` is padding.
    """

    images: np.ndarray
    present: np.ndarray
    mask: np.ndarray
    crop: tuple[np.ndarray, slice, slice]
    spacing: tuple[float, float, float]
    slices: tuple[tuple[int, ...], ...]
    shift: np.ndarray
    scale: np.ndarray
    centre: np.ndarray
    spread: np.ndarray
    index: Tensor
    valid: Tensor

    @property
    def incomplete(self) -> list[int]:
        """The numbers of the sequences that voxels of the region lack."""
        return np.flatnonzero(~self.present[:, self.mask].all(axis=1)).tolist()

    def check_complete(self, roles: Sequence[str]) -> None:
        """Refuse a region that lacks a sequence, for a network of many cases.

        Raises
        ------
        InvalidInput
            The text names the first such sequence, and its slices.
        """
        for m in self.incomplete:
            lacking = (self.mask & ~self.present[m]).any(axis=(1, 2))
            numbers = ", ".join(str(z + 1) for z in self.crop[0][lacking])
            raise InvalidInput(
                f"{roles[m]} does not reach all of the region (slices {numbers}), as a network of "
                "many cases needs; fit this case by itself, which uses what is there, or shrink "
                "the region."
            )

    def only(self, b: int) -> Region:
        """Return the region of mixture b alone, where every slice has one of its own."""
        _, height, width = self.mask.shape
        slices, rows, columns = self.crop
        index = self.index[b, self.valid[b]] - b * height * width
        per_mixture = ("shift", "scale", "centre", "spread")
        return replace(
            self,
            images=self.images[:, [b]],
            present=self.present[:, [b]],
            mask=self.mask[[b]],
            crop=(slices[[b]], rows, columns),
            slices=(self.slices[b],),
            index=index[None],
            valid=torch.ones(1, len(index), dtype=torch.bool),
            **{name: getattr(self, name)[[b]] for name in per_mixture},
        )

    def gather(self, grid: Tensor) -> Tensor:
        """Take each mixture's voxels from a grid ``(Z, C, H, W)`` to ``(B, C, N)``."""
        flat = grid.movedim(1, 0).flatten(1)
        return flat[:, self.index.to(grid.device)].movedim(0, 1)

    def scatter(self, voxels: Tensor) -> Tensor:
        """Put ``(B, C, N)`` back on a grid ``(Z, C, H, W)`` that is 0 outside the region."""
        depth, height, width = self.mask.shape
        valid = self.valid.to(voxels.device)
        flat = voxels.new_zeros(voxels.shape[1], depth * height * width)
        index = self.index.to(voxels.device)[valid]
        flat[:, index] = voxels.movedim(1, 0)[:, valid]
        return flat.view(-1, depth, height, width).movedim(0, 1)

    def uncrop(self, grid: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Put an array ``(…, Z, H, W)`` back into one of zeros ``(…, *shape)``."""
        whole = np.zeros((*grid.shape[:-3], *shape), grid.dtype)
        whole[(..., *self.crop)] = grid
        return whole


def prepare(
    images: np.ndarray,
    roi: np.ndarray,
    spacing: Sequence[float],
    roles: Sequence[str],
    settings: Settings,
) -> Region:
    """Check, crop and normalise the images.

    Parameters
    ----------
    images : ndarray, shape ``(M, Z, Y, X)``
        NaN where a sequence does not reach.
    roi : ndarray of bool, shape ``(Z, Y, X)``
    spacing : sequence of 3 float
        Millimetres per voxel in array order.
    roles : sequence of str
        Names of the sequences, for messages.
    settings : Settings

    Raises
    ------
    InvalidInput
        If the region is empty or too small, a sequence is infinite, absent or constant in it, or
        a voxel has no sequence.
    """
    slices = np.flatnonzero(roi.any(axis=(1, 2)))
    _check_size(roi, slices, settings)
    rows, columns = (
        _with_margin(np.any(roi, axis=axes), settings.margin / step)
        for axes, step in (((0, 2), spacing[1]), ((0, 1), spacing[2]))
    )
    crop = (slices, rows, columns)
    mask = roi[crop]
    grid = images[(slice(None), *crop)].astype(np.float64)
    _check_intensities(grid, mask, roles)
    grid[~np.isfinite(grid)] = np.nan
    present = ~np.isnan(grid)
    alone = np.count_nonzero(mask & ~present.any(axis=0))
    if alone:
        raise InvalidInput(
            f"{alone} voxels of the region have no image; shrink the region to where one is."
        )

    groups = [[z] for z in range(len(slices))]
    if settings.scope == "volume":
        groups = [list(range(len(slices)))]
    shift, scale, centre, spread = np.empty((4, len(groups), len(grid)))
    flat = np.arange(mask.size).reshape(mask.shape)
    members = []
    for b, group in enumerate(groups):
        inside = mask[group]
        _check_distinct(grid[:, group][:, inside], settings)
        for m, role in enumerate(roles):
            image = grid[m, group]
            values = image[inside & present[m, group]]
            if not values.size:  # not in this slice: as in the others
                values = images[m, slices][:, rows, columns][mask & present[m]]
            centre[b, m], spread[b, m] = _robust_moments(values, role)
            shift[b, m], scale[b, m] = centre[b, m], spread[b, m]
            if settings.normalize == "image" and present[m, group].any():
                shift[b, m], scale[b, m] = np.nanmean(image), np.nanstd(image)
            grid[m, group] = (image - shift[b, m]) / scale[b, m]
        members.append(flat[group][inside])
    longest = max(len(member) for member in members)
    index = np.zeros((len(groups), longest), dtype=np.int64)
    valid = np.zeros(index.shape, dtype=bool)
    for b, member in enumerate(members):
        index[b, : len(member)], valid[b, : len(member)] = member, True
    return Region(
        images=np.nan_to_num(grid, nan=0.0),
        present=present,
        mask=mask,
        crop=crop,
        spacing=(float(spacing[0]), float(spacing[1]), float(spacing[2])),
        slices=tuple(tuple(slices[group].tolist()) for group in groups),
        shift=shift,
        scale=scale,
        centre=(centre - shift) / scale,
        spread=spread / scale,
        index=torch.from_numpy(index),
        valid=torch.from_numpy(valid),
    )


def _check_size(roi: np.ndarray, slices: np.ndarray, settings: Settings) -> None:
    if not len(slices):
        raise InvalidInput("The region is empty; draw it, or choose another one.")
    needed = VOXELS_PER_CLASS * settings.classes
    counts = roi.sum(axis=(1, 2))[slices]
    if settings.scope == "volume" and counts.sum() < needed:
        raise InvalidInput(
            f"The region has {counts.sum()} voxels but {settings.classes} classes need at least "
            f"{needed}; enlarge it or ask for fewer classes."
        )
    if settings.scope == "slice" and counts.min() < needed:
        raise InvalidInput(
            f"Slice {slices[counts.argmin()] + 1} has only {counts.min()} voxels of the region but "
            f"{settings.classes} classes need at least {needed}; remove the slice from the "
            'region, ask for fewer classes or choose scope="volume".'
        )


def _check_intensities(grid: np.ndarray, mask: np.ndarray, roles: Sequence[str]) -> None:
    for role, image in zip(roles, grid):
        inside = image[mask & ~np.isnan(image)]
        if np.isinf(inside).any():
            raise InvalidInput(
                f"{role} holds infinity inside the region; shrink the region or repair it."
            )
        if not inside.size:
            raise InvalidInput(f"{role} does not reach into the region; leave it out.")
        if inside.min() == inside.max():
            raise InvalidInput(f"{role} is constant inside the region; leave it out.")
        largest = np.nanmax(np.abs(image, where=np.isfinite(image), out=np.zeros_like(image)))
        if largest > MOST or inside.max() - inside.min() < 1 / MOST:
            raise InvalidInput(
                f"{role} holds numbers up to {largest:.3g}, from {inside.min():.3g} to "
                f"{inside.max():.3g} inside the region, which cannot be computed with; give it in "
                "another unit, or repair it."
            )


def _check_distinct(values: np.ndarray, settings: Settings) -> None:
    """Refuse voxels ``(M, N)`` that take fewer distinct values than there are classes."""
    if max(len(np.unique(image[~np.isnan(image)])) for image in values) >= settings.classes:
        return
    distinct = np.unique(values, axis=1).shape[1]
    if distinct < settings.classes:
        raise InvalidInput(
            f"The region holds {distinct} distinct values but {settings.classes} classes are "
            "asked for; ask for fewer classes."
        )


def _robust_moments(values: np.ndarray, role: str) -> tuple[float, float]:
    """Return mean and deviation of values without their extremes at either end."""
    low, high = np.quantile(values, (OUTLIERS, 1 - OUTLIERS))
    kept = values[(values >= low) & (values <= high)]
    if kept.min() == kept.max():
        raise InvalidInput(
            f"{role} is constant over almost all of the region, or of one of its slices; leave "
            'the sequence out, remove the slice from the region or choose scope="volume".'
        )
    return float(kept.mean()), float(kept.std())


def _with_margin(occupied: np.ndarray, margin: float) -> slice:
    where = np.flatnonzero(occupied)
    extra = int(np.ceil(margin))
    return slice(max(where[0] - extra, 0), min(where[-1] + extra + 1, len(occupied)))
