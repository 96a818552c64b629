"""The one entry point: images, a region and settings in, a segmentation out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Callable, Optional, Union

import numpy as np
import torch
from numpy.typing import ArrayLike

from . import naming
from .cleanup import clean
from .deep import Regularizer
from .device import chosen_device
from .em import Fit
from .errors import InvalidInput, OutOfMemory
from .files import PathLike
from .measures import dice, match
from .model import Mixture
from .region import Region, prepare
from .result import Progress, ProgressCallback, Result
from .settings import Settings
from .solver import Report, Solver
from .trained import TrainedNetwork


def segment(
    images: ArrayLike,
    roi: ArrayLike,
    settings: Optional[Settings] = None,
    *,
    network: Union[TrainedNetwork, PathLike, None] = None,
    refine: int = 0,
    spacing: Optional[Sequence[float]] = None,
    roles: Optional[Sequence[str]] = None,
    progress: Optional[ProgressCallback] = None,
    heartbeat: Optional[Callable[[], None]] = None,
    seeds: Optional[ArrayLike] = None,
    regularizer: Optional[Regularizer] = None,
) -> Result:
    """Divide a region of aligned images into tissues.

    Parameters
    ----------
    images : array, shape ``(M, Z, Y, X)`` or ``(M, Y, X)``
        M aligned sequences, any real dtype.
    roi : array of bool, shape ``(Z, Y, X)`` or ``(Y, X)``
        The region.
    settings : Settings, optional
        The method and its choices; by default those of the network, or ``Settings()``.
    network : TrainedNetwork or path, optional
        A network that `train` made, or its file; it is asked instead of fitted. `Settings` that
        its training has fixed must be as there.
    refine : int
        The gradient steps by which such a network is fitted to the case (algorithm 3 from there).
    spacing : sequence of float, optional
        Millimetres per voxel in array order; 1 by default.
    roles : sequence of str, optional
        Names of the sequences: "LGE", "T2", "bSSFP" or any other; "Sequence 1" … by default.
    progress : callable, optional
        Called with a `Progress` once per iteration; may raise `Cancelled`.
    heartbeat : callable, optional
        Called several times within an iteration of a deep method on the CPU, so that a window
        stays alive; may raise `Cancelled`.
    seeds : array of int, shape of `roi`, optional
        Strokes of truth: k + 1 where class k is known, 0 elsewhere.
    regularizer : callable, optional
        A penalty r(Π, μ, Σ) that the deep methods add to the NLL; gets tensors of shapes
        ``(B, K, N or 1)``, ``(B, K, M)`` and ``(B, K, M, M)`` and returns a scalar tensor.

    Returns
    -------
    Result

    Raises
    ------
    InvalidInput
        If the images, the region or a setting cannot be used.
    OutOfMemory
        If the device has too little memory.
    Cancelled
        If a callback raised it.
    """
    began = time.perf_counter()
    trained = _trained(network, refine)
    if settings is None:
        settings = trained.settings if trained else Settings()
    images, roi, seeds = _checked_arrays(images, roi, seeds, settings)
    shape = roi.shape
    spacing = _checked_spacing(spacing, roi.ndim)
    roles = _checked_roles(roles, len(images))
    if trained:
        trained.check(settings, roles)
    volume = (1, *shape)[-3:]
    region = prepare(
        images.reshape(len(images), *volume),
        roi.reshape(volume),
        (1.0, *spacing)[-3:],
        roles,
        settings,
    )
    device = chosen_device(settings.device)
    strokes = None if seeds is None else seeds.reshape(volume)[region.crop]
    solver = Solver(region, roles, settings, device, strokes, regularizer)
    try:
        if trained:
            report = _reporter(progress, device, settings, 0)
            fits = [solver.predict(trained, refine, report, heartbeat)]
        else:
            fits = [
                solver.run(
                    settings.seed + restart,
                    _reporter(progress, device, settings, restart),
                    heartbeat,
                )
                for restart in range(settings.restarts)
            ]
    except (torch.cuda.OutOfMemoryError, MemoryError) as error:
        raise OutOfMemory(
            f"{device} ran out of memory; choose fewer filters, a smaller margin, fewer slices or "
            'device="cpu".'
        ) from error
    best = _best(fits)
    order, margin = _order(best.mixture, solver, fixed=seeds is not None or trained is not None)
    probabilities = _probabilities(best, order, region)
    labels = _labels(probabilities, region)
    mixture = best.mixture
    pick = np.arange(len(order))[:, None], order
    prior = settings.prior
    result = Result(
        labels=region.uncrop(labels, volume).reshape(shape),
        probabilities=region.uncrop(probabilities, volume).reshape(-1, *shape),
        tissues=prior.tissues
        if prior
        else tuple(f"Class {k + 1}" for k in range(settings.classes)),
        naming=margin,
        means=_numpy(mixture.means)[pick] * region.scale[:, None] + region.shift[:, None],
        covariances=_numpy(mixture.covariances)[pick]
        * (region.scale[:, :, None] * region.scale[:, None])[:, None],
        proportions=_numpy(mixture.proportions)[pick],
        slices=region.slices,
        history=tuple(best.history),
        converged=best.converged,
        iterations=len(best.history),
        agreement=_agreement(fits, labels, region),
        device=str(device),
        seconds=time.perf_counter() - began,
        settings=settings,
        spacing=spacing,
        roles=roles,
        network=trained.named(refine) if trained else None,
        notes=_notes(best, settings, roles),
    )
    return clean(result, settings.min_island) if settings.min_island else result


def _notes(fit: Fit, settings: Settings, roles: tuple[str, ...]) -> tuple[str, ...]:
    """Return what the user should know of this run, one sentence each."""
    notes = []
    if not fit.converged:
        notes.append(
            f"The NLL had not settled after {len(fit.history)} iterations; raise max_iterations "
            "or the tolerance."
        )
    tissues = settings.prior.tissues if settings.prior else ()
    if "scar" in tissues and "edema" not in tissues:
        notes.append(
            "There is no edema class: edema counts as healthy myocardium; add a T2 image to see it."
        )
    if "edema" in tissues and "T2" not in roles:
        notes.append("Without a T2 image edema can hardly be seen; do not rely on its size.")
    if {"edema", "scar"} <= set(tissues) and "LGE" not in roles:
        notes.append(
            "Without an LGE image scar and edema look alike; rely on their sum, not on either."
        )
    return tuple(notes)


def _trained(
    network: Union[TrainedNetwork, PathLike, None], refine: int
) -> Optional[TrainedNetwork]:
    if refine < 0 or (refine and network is None):
        raise InvalidInput(
            f"refine is {refine}; give the steps, 0 or more, by which a trained network is fitted "
            "to the case, and that network."
        )
    if network is None or isinstance(network, TrainedNetwork):
        return network
    return TrainedNetwork.load(network)


def _checked_arrays(
    images: ArrayLike, roi: ArrayLike, seeds: Optional[ArrayLike], settings: Settings
) -> tuple[np.ndarray, np.ndarray, Optional[np.ndarray]]:
    images, roi = np.asarray(images), np.asarray(roi)
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
    return images, roi, seeds


def _checked_spacing(spacing: Optional[Sequence[float]], axes: int) -> tuple[float, ...]:
    if spacing is None:
        return (1.0,) * axes
    spacing = tuple(float(step) for step in spacing)
    if len(spacing) != axes or not all(0 < step < np.inf for step in spacing):
        raise InvalidInput(f"spacing is {spacing}; give {axes} positive numbers of millimetres.")
    return spacing


def _checked_roles(roles: Optional[Sequence[str]], count: int) -> tuple[str, ...]:
    if roles is None:
        return tuple(f"Sequence {m + 1}" for m in range(count))
    roles = tuple(roles)
    if len(roles) != count or len(set(roles)) != count:
        raise InvalidInput(f"roles is {roles}; give {count} different names, one per sequence.")
    return roles


def _reporter(
    progress: Optional[ProgressCallback], device: torch.device, settings: Settings, restart: int
) -> Report:
    def report(stage: str, iteration: int, limit: int, nll: float) -> None:
        if progress is None:
            return
        fraction = (restart + iteration / limit) / settings.restarts
        progress(Progress(stage, iteration, limit, nll, fraction, str(device)))

    return report


def _best(fits: list[Fit]) -> Fit:
    """Take each mixture from the run in which its NLL is lowest."""
    if len(fits) == 1:
        return fits[0]
    winner = torch.stack([fit.nll for fit in fits]).argmin(0)
    rows = range(len(winner))

    def take(values: list[torch.Tensor]) -> torch.Tensor:
        return torch.stack([values[winner[b]][b] for b in rows])

    mixture = Mixture(*(take(list(v)) for v in zip(*(vars(fit.mixture).values() for fit in fits))))
    overall = fits[int(torch.stack([fit.nll.mean() for fit in fits]).argmin())]
    return Fit(
        mixture,
        take([fit.responsibilities for fit in fits]),
        take([fit.nll for fit in fits]),
        overall.history,
        all(fits[winner[b]].converged for b in rows),
    )


def _order(
    mixture: Mixture, solver: Solver, fixed: bool
) -> tuple[np.ndarray, Optional[tuple[float, ...]]]:
    """Return the class that becomes each tissue, ``(B, K)``, and how sure the names are."""
    settings = solver.settings
    means, sizes = _numpy(mixture.means), solver.region.valid.sum(-1).numpy()
    kept = np.tile(np.arange(settings.classes), (len(means), 1))
    fixed = fixed or settings.keeps_order
    if settings.prior is None:
        return (kept if fixed else naming.order_by_rule(means, sizes)), None
    costs = naming.assignment_costs(means, solver.tissue_means, solver.tissue_deviations)
    order = kept if fixed else naming.best_order(costs)
    ordered = np.take_along_axis(costs, order[:, None], axis=2)
    return order, naming.margins(ordered, sizes)


def _probabilities(fit: Fit, order: np.ndarray, region: Region) -> np.ndarray:
    """Return the responsibilities on the region's crop, float32 ``(K, Z, H, W)``."""
    index = torch.from_numpy(order).to(fit.responsibilities.device)[..., None]
    ordered = fit.responsibilities.take_along_dim(index, dim=1)
    return _numpy(region.scatter(ordered).float().movedim(1, 0))


def _labels(probabilities: np.ndarray, region: Region) -> np.ndarray:
    return ((probabilities.argmax(axis=0) + 1) * region.mask).astype(np.uint8)


def _agreement(fits: list[Fit], labels: np.ndarray, region: Region) -> Optional[tuple[float, ...]]:
    """Return per tissue the mean Dice between all pairs of restarts, matched to the result."""
    if len(fits) == 1:
        return None
    mixtures, classes = fits[0].mixture.proportions.shape
    unordered = np.tile(np.arange(classes), (mixtures, 1))
    runs = [_labels(_probabilities(fit, unordered, region), region) for fit in fits]
    matched = [np.append(0, match(run, labels, classes) + 1)[run] for run in runs]
    pairs = [dice(a, b, classes) for i, a in enumerate(matched) for b in matched[:i]]
    # A class that neither of two runs found is one they agree on.
    return tuple(np.nan_to_num(pairs, nan=1.0).mean(axis=0).tolist())


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()
