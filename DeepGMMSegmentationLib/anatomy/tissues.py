"""What drawings have taught of a ventricle's tissues: a probability for every voxel of a region.

The network sees any of LGE, T2 and bSSFP, which of them there are, the region and the depth in
it, slice by slice in the region's own frame; slices are then held against those next to them. The
probabilities are the prior proportions of a mixture, or a segmentation by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor, nn

from ..errors import InvalidInput
from ..mixture.device import one_thread, resolve_device
from .continuity import follow_stack
from .frame import Frames
from .unet import RESOURCES, load_network, predict

ROLES = ("LGE", "T2", "bSSFP")
TISSUES = ("blood pool", "healthy myocardium", "edema", "scar", "no-reflow")
CHANNELS = 2 * len(ROLES) + 2
SHIPPED = RESOURCES / "tissues.safetensors"
OUTLIERS = 0.01  # left out at either end before normalising
SOFT = 4.0  # deviations at which intensities are cut
LEAST = 1e-6  # of a probability, before its power


@one_thread()
def tissue_probabilities(
    images: np.ndarray,
    roi: np.ndarray,
    spacing: Sequence[float],
    roles: Sequence[str],
    *,
    excess: float = 0.0,
    device: str = "cpu",
) -> np.ndarray:
    """Return how probable each tissue is in every voxel of a region, as drawings have taught.

    Parameters
    ----------
    images : ndarray, shape ``(M, Z, Y, X)``
        Aligned sequences in any intensity unit. Those other than LGE, T2 and bSSFP are not
        looked at. A sequence with NaN in the region of a slice, or constant in it, is taken as
        missing there.
    roi : ndarray of bool, shape ``(Z, Y, X)``
        The left ventricle: blood and wall.
    spacing : sequence of 3 float
        Millimetres per voxel, ``(z, y, x)``.
    roles : sequence of str
        Which sequence each image is.
    excess : float
        How far the region reaches beyond the ventricle, as a fraction of its radius. A rim of that
        width is hidden from the network; its voxels take the values of those nearest to them.
    device : str
        "auto" (CUDA where there is one), "cpu", "cuda" or "cuda:N".

    Returns
    -------
    ndarray of float32, shape ``(5, Z, Y, X)``
        Blood pool, healthy myocardium, edema, scar and no-reflow; they sum to 1 in the region and
        are 0 outside. All are equal in slices in which no known sequence is there.

    Raises
    ------
    InvalidInput
        If no image is one of the three sequences, or the region is empty.
    """
    images, roi = np.asarray(images), np.asarray(roi, dtype=bool)
    known = [(ROLES.index(role), m) for m, role in enumerate(roles) if role in ROLES]
    if not known:
        raise InvalidInput(
            f"The sequences are {', '.join(roles)}; the tissue network knows {', '.join(ROLES)}; "
            "name the sequences by what they are."
        )
    if not roi.any():
        raise InvalidInput("The region is empty; draw it, or choose another one.")
    network, record = shipped()
    probabilities = np.zeros((len(TISSUES), *roi.shape), np.float32)
    slices, rows, columns = (
        np.flatnonzero(roi.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)
    )
    margin = 8 + (rows[-1] - rows[0] + columns[-1] - columns[0]) // 8
    box: tuple[Any, ...] = tuple(
        slice(max(line[0] - margin, 0), line[-1] + margin + 1) for line in (rows, columns)
    )
    mask = roi[(slices, *box)]
    grid = np.zeros((len(slices), len(ROLES), *mask.shape[1:]), np.float32)
    present = np.zeros((len(slices), len(ROLES)), bool)
    for channel, m in known:
        values = images[m][(slices, *box)].astype(np.float32)
        for z, inside in enumerate(mask):
            there = values[z][inside]
            present[z, channel] = np.isfinite(there).all() and there.min() < there.max()
        grid[:, channel] = np.where(np.isfinite(values), values, 0)
    where = resolve_device(device)
    filled = np.stack([ndimage.binary_fill_holes(inside) for inside in mask])
    core = _without_rim(filled, spacing[1:], excess)
    regions, there = (torch.from_numpy(array).to(where) for array in (core, present))
    with torch.inference_mode():
        frames = Frames.around(regions, (float(spacing[1]), float(spacing[2])))
        seen = inputs(frames, torch.from_numpy(grid).to(where), there, regions)
        answer = predict(network.to(where), seen)
        answer[~there.any(1)] = 1 / len(TISSUES)
        gaps = np.diff(slices) * spacing[0] / spacing[1]
        back = frames.leave(follow_stack(answer, frames, gaps), *mask.shape[1:]).cpu().numpy()
    for values, inside in zip(back, core):
        nearest = ndimage.distance_transform_edt(
            ~inside, spacing[1:], return_distances=False, return_indices=True
        )
        values[:] = values[(slice(None), *nearest)]
    back[~present.any(axis=1)] = 1 / len(TISSUES)
    back = np.moveaxis(back, 1, 0) * mask
    probabilities[(slice(None), slices, *box)] = cool(back, record["temperature"])
    return probabilities


def shipped() -> tuple[nn.Module, dict[str, Any]]:
    """Return the tissue network that comes with the library, and its record."""
    return load_network(SHIPPED, CHANNELS, len(TISSUES))


def inputs(frames: Frames, images: Tensor, present: Tensor, regions: Tensor) -> Tensor:
    """Return what the network sees.

    Parameters
    ----------
    frames : Frames
    images : Tensor, shape ``(B, 3, H, W)``
        LGE, T2 and bSSFP, finite.
    present : Tensor of bool, shape ``(B, 3)``
    regions : Tensor of bool, shape ``(B, H, W)``

    Returns
    -------
    Tensor, shape ``(B, CHANNELS, SIZE, SIZE)``
        Intensities in deviations from the region's mean and 0 where there is none, which
        sequences there are, the region, the depth in it from 0 to 1.
    """
    seen = frames.enter(torch.cat([images, regions[:, None].to(images)], dim=1))
    seen, mask = seen[:, :-1], seen[:, -1:] > 0.5
    flat = seen.masked_fill(~mask, torch.nan).flatten(2)
    ends = torch.tensor([OUTLIERS, 1 - OUTLIERS], device=flat.device)
    low, high = torch.nanquantile(flat, ends, dim=2, keepdim=True)
    flat = flat.clamp(low, high)
    mean = flat.nanmean(2, keepdim=True)
    deviation = (flat - mean).square().nanmean(2, keepdim=True).sqrt()
    values = (seen - mean[..., None]) / (deviation[..., None] + 1e-12)
    there = present[:, :, None, None].to(seen)
    values = values.nan_to_num(0.0).clamp(-SOFT, SOFT) * there
    depth = torch.from_numpy(_depth(mask[:, 0].cpu().numpy())).to(seen)[:, None]
    return torch.cat([values, there.expand_as(values), mask.to(seen), depth], dim=1)


def _depth(masks: np.ndarray) -> np.ndarray:
    """Return the distance to the region's border over its largest in the slice."""
    distance = np.stack(
        [ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1] for mask in masks]
    )
    return distance / np.maximum(distance.max(axis=(1, 2), keepdims=True), 1)


def _without_rim(regions: np.ndarray, pixel: Sequence[float], fraction: float) -> np.ndarray:
    """Return regions ``(Z, Y, X)`` without a rim as wide as this fraction of each one's radius.

    The pixel's sides (y, x) are in mm.
    """
    cores = []
    for region in regions:
        depth = ndimage.distance_transform_edt(np.pad(region, 1), pixel)[1:-1, 1:-1]
        radius = np.sqrt(region.sum() * pixel[0] * pixel[1] / np.pi)
        core = depth > fraction * radius
        cores.append(core if core.any() else region)
    return np.stack(cores)


def cool(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return probabilities ``(K, …)`` at a temperature; 0 stays 0 outside the region."""
    powered = np.clip(probabilities, LEAST, 1) ** (1 / temperature)
    return powered / powered.sum(axis=0) * probabilities.any(axis=0)
