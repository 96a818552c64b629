"""The one entry point: images, a region and settings in, a segmentation out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Callable, Optional, Union

import numpy as np
import torch
from numpy.typing import ArrayLike

from .cardiac.sizes import dice, match
from .errors import InvalidInput, OutOfMemory
from .io.images import PathLike
from .mixture import matching
from .mixture.deep import Regularizer
from .mixture.device import chosen_device
from .mixture.em import Fit
from .mixture.inputs import checked_arrays, checked_roles, checked_spacing
from .mixture.model import Mixture
from .mixture.postprocess import clean
from .mixture.region import Region, prepare
from .mixture.solver import Report, Solver
from .result import Progress, ProgressCallback, Result
from .settings import Settings
from .training.trained_network import TrainedNetwork


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
    images, roi, seeds = checked_arrays(images, roi, seeds, settings)
    shape = roi.shape
    spacing = checked_spacing(spacing, roi.ndim)
    roles = checked_roles(roles, len(images))
    if settings.means is not None and len(settings.means[0]) != len(images):
        raise InvalidInput(
            f"means has {len(settings.means[0])} values per class but there are {len(images)} "
            "sequences; give one value per sequence."
        )
    if regularizer is not None and not (settings.deep and (refine or not trained)):
        raise InvalidInput("Only a fit by a deep method takes a regularizer; leave it out.")
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
    known = solver.painted
    if trained or settings.keeps_order:
        known = list(range(settings.classes))
    order, margin = _order(best.mixture, solver, known)
    probabilities = _probabilities(best, order, region)
    labels = _labels(probabilities, region)
    mixture = best.mixture
    pick = np.arange(len(order))[:, None], order
    result = Result(
        labels=region.uncrop(labels, volume).reshape(shape),
        probabilities=region.uncrop(probabilities, volume).reshape(-1, *shape),
        tissues=settings.tissues,
        naming=margin,
        means=_numpy(mixture.means)[pick] * region.scale[:, None] + region.shift[:, None],
        covariances=_numpy(mixture.covariances)[pick]
        * (region.scale[:, :, None] * region.scale[:, None])[:, None],
        proportions=_numpy(_shares(best, region))[pick],
        slices=region.slices,
        history=tuple(best.history),
        converged=best.converged,
        iterations=len(best.history),
        agreement=_agreement(fits, labels, solver, known),
        device=str(device),
        seconds=time.perf_counter() - began,
        settings=settings,
        spacing=spacing,
        roles=roles,
        network=trained.named(refine) if trained else None,
        notes=_notes(settings, roles),
    )
    return clean(result, settings.min_island) if settings.min_island else result


def _notes(settings: Settings, roles: tuple[str, ...]) -> tuple[str, ...]:
    """Return what the user should know of this run, one sentence each."""
    notes = []
    tissues = settings.tissues
    if "scar" in tissues and "edema" not in tissues:
        notes.append(
            "There is no edema class: edema counts as healthy myocardium; add a T2 image to see it."
        )
    if "edema" in tissues and "T2" not in roles:
        notes.append("Without a T2 image edema can hardly be seen; do not rely on its size.")
    if "scar" in tissues and "LGE" not in roles:
        notes.append(
            "Without an LGE image scar and edema look alike; rely on their sum, not on either."
            if "edema" in tissues
            else "Without an LGE image scar can hardly be seen; do not rely on its size."
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
    mixture: Mixture, solver: Solver, known: Sequence[int]
) -> tuple[np.ndarray, Optional[tuple[float, ...]]]:
    """Return the class that becomes each tissue, ``(B, K)``, and how sure the names are."""
    means, sizes = _numpy(mixture.means), solver.region.valid.sum(-1).numpy()
    if solver.settings.prior is None:
        return matching.order_by_rule(means, sizes, known), None
    costs = matching.assignment_costs(means, solver.tissue_means, solver.tissue_deviations)
    order = matching.best_order(costs, known)
    ordered = np.take_along_axis(costs, order[:, None], axis=2)
    return order, matching.margins(ordered, sizes)


def _shares(fit: Fit, region: Region) -> torch.Tensor:
    """Return the mean responsibility of each class, ``(B, K)``."""
    inside = region.valid.to(fit.responsibilities)[:, None]
    return (fit.responsibilities * inside).sum(-1) / inside.sum(-1)


def _probabilities(fit: Fit, order: np.ndarray, region: Region) -> np.ndarray:
    """Return the responsibilities on the region's crop, float32 ``(K, Z, H, W)``."""
    index = torch.from_numpy(order).to(fit.responsibilities.device)[..., None]
    ordered = fit.responsibilities.take_along_dim(index, dim=1)
    return _numpy(region.scatter(ordered).float().movedim(1, 0))


def _labels(probabilities: np.ndarray, region: Region) -> np.ndarray:
    return ((probabilities.argmax(axis=0) + 1) * region.mask).astype(np.uint8)


def _agreement(
    fits: list[Fit], labels: np.ndarray, solver: Solver, known: Sequence[int]
) -> Optional[tuple[float, ...]]:
    """Return per tissue the mean Dice between all pairs of restarts, matched to the result."""
    if len(fits) == 1:
        return None
    region, classes = solver.region, solver.settings.classes
    orders = [_order(fit.mixture, solver, known)[0] for fit in fits]
    runs = [_labels(_probabilities(*each, region), region) for each in zip(fits, orders)]
    matched = [np.append(0, match(run, labels, classes) + 1)[run] for run in runs]
    pairs = [dice(a, b, classes) for i, a in enumerate(matched) for b in matched[:i]]
    # A class that neither of two runs found is one they agree on.
    return tuple(np.nan_to_num(pairs, nan=1.0).mean(axis=0).tolist())


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()
