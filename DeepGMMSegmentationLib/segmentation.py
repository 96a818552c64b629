"""The one entry point: images, a region and settings in, a segmentation out."""

from __future__ import annotations

import reprlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional, Union

import numpy as np
import torch
from numpy.typing import ArrayLike

from .anatomy.interchange import are_interchanged
from .anatomy.proportions import Proportions, infer_proportions
from .cardiac.papillary import count_papillary
from .case import check_arrays, check_roles, check_spacing, fill_cavity, without_blank_slices
from .errors import InvalidInput, OutOfMemory
from .fields import ranges
from .io.sequences import contradictions
from .mixture import solver
from .mixture.device import one_thread, resolve_device, unet_device
from .mixture.fit import Fit
from .mixture.naming import name_classes
from .mixture.postprocess import clean
from .mixture.problem import Problem, Regularizer, pose
from .mixture.region import prepare
from .mixture.shading import estimate_gains
from .priors import DARK_BLOOD_LGE, LGE
from .result import ProgressCallback, Result
from .settings import Settings
from .training.trained_network import TrainedNetwork

SMALL = 5_000_000  # voxels of all images times classes


def segment(
    images: ArrayLike,
    roi: ArrayLike,
    settings: Optional[Settings] = None,
    *,
    network: Union[TrainedNetwork, str, Path, None] = None,
    refine: int = 0,
    spacing: Optional[Sequence[float]] = None,
    roles: Optional[Sequence[str]] = None,
    told: Optional[Sequence[Optional[str]]] = None,
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
        A network that `train` made, or its file, whose answer takes the place of a fit. `Settings`
        that its training has fixed must be as there.
    refine : int
        The gradient steps by which such a network is fitted to the case (algorithm 3 from there).
    spacing : sequence of float, optional
        Millimetres per voxel in array order; 1 by default.
    roles : sequence of str, optional
        Names of the sequences: "LGE", "T2", "bSSFP" or any other; "Sequence 1" … by default.
    told : sequence of str or None, optional
        Which sequence each image is by its own name or header, None where these do not say it;
        what contradicts `roles` becomes a warning.
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
    trained = TrainedNetwork.load(network) if isinstance(network, (str, Path)) else network
    if settings is None:
        settings = trained.settings if trained else Settings()
    task = _Task.checked(
        images, roi, seeds, spacing, roles, told, settings, trained, refine, regularizer
    )
    with one_thread(task.small):
        drawn = task.ask_drawings()
        problem = task.pose(drawn)
        fits = task.fit(problem, progress, heartbeat)
        return task.conclude(problem, fits, drawn, began)


@dataclass(frozen=True)
class _Task:
    """What `segment` was asked for, checked."""

    images: np.ndarray
    roi: np.ndarray
    strokes: Optional[np.ndarray]
    spacing: tuple[float, ...]
    roles: tuple[str, ...]
    told: tuple[Optional[str], ...]
    settings: Settings
    trained: Optional[TrainedNetwork]
    refine: int
    regularizer: Optional[Regularizer]
    hollow: bool
    gains: Optional[np.ndarray]

    @classmethod
    def checked(
        cls,
        images: ArrayLike,
        roi: ArrayLike,
        seeds: Optional[ArrayLike],
        spacing: Optional[Sequence[float]],
        roles: Optional[Sequence[str]],
        told: Optional[Sequence[Optional[str]]],
        settings: Settings,
        trained: Optional[TrainedNetwork],
        refine: int,
        regularizer: Optional[Regularizer],
    ) -> _Task:
        """Refuse what cannot be used."""
        most = ranges(Settings)["max_iterations"][1]
        if not 0 <= refine <= most or (refine and trained is None):
            raise InvalidInput(
                f"refine is {reprlib.repr(refine)}; give the steps, 0 to {most}, by which a "
                "trained network is fitted to the case, and that network."
            )
        stack, region, strokes = check_arrays(images, roi, seeds, settings.classes)
        roles = check_roles(roles, len(stack))
        told = (None,) * len(roles) if told is None else tuple(told)
        if len(told) != len(roles):
            raise InvalidInput(
                f"told has {len(told)} entries but there are {len(roles)} sequences; give one of "
                "each, None where its name tells nothing."
            )
        if settings.means is not None and len(settings.means[0]) != len(stack):
            raise InvalidInput(
                f"means has {len(settings.means[0])} values per class but there are {len(stack)} "
                "sequences; give one value per sequence."
            )
        if regularizer is not None and not (settings.deep and (refine or not trained)):
            raise InvalidInput("Only a fit by a deep method takes a regularizer; leave it out.")
        if trained:
            trained.check(settings, roles)
        spacing = check_spacing(spacing, region.ndim)
        filled = None
        if "blood pool" in settings.tissues:
            filled = fill_cavity(region.reshape((1, *region.shape)[-3:]))
        if filled is not None and settings.hollow == "fill":
            region = filled.reshape(region.shape)
        elif filled is not None:
            if trained or strokes is not None:
                raise InvalidInput(
                    'Trained networks and strokes count on blood; choose hollow="fill".'
                )
            settings = settings.without_blood()
        stack = without_blank_slices(stack, region)
        gains = None
        told_apart = "blood pool" in settings.tissues and region.ndim == 3
        if told_apart and settings.shading == "even" and settings.scope == "volume":
            gains = estimate_gains(stack, region, spacing, roles)
            stack = stack / gains[:, :, None, None]
        return cls(
            stack,
            region,
            strokes,
            spacing,
            roles,
            told,
            settings,
            trained,
            refine,
            regularizer,
            filled is not None,
            gains,
        )

    @property
    def volume(self) -> tuple[int, ...]:
        """The shape ``(Z, Y, X)`` of one image; a single slice has Z = 1."""
        return (1, *self.roi.shape)[-3:]

    @property
    def small(self) -> bool:
        """Whether further threads would only wait for each other."""
        return not self.settings.deep and self.images.size * self.settings.classes < SMALL

    @property
    def stack(self) -> tuple[np.ndarray, np.ndarray, tuple[float, ...]]:
        """Images, region and spacing of the stack; a single slice is a stack of one."""
        images = self.images.reshape(len(self.images), *self.volume)
        return images, self.roi.reshape(self.volume), (1.0, *self.spacing)[-3:]

    @property
    def device(self) -> torch.device:
        """Where most of it is computed."""
        fitted = self.settings.deep and self.trained is None
        return (unet_device if fitted else resolve_device)(self.settings.device)

    def ask_drawings(self) -> Optional[Proportions]:
        """Return what drawn hearts teach of the case, where the settings want it."""
        return infer_proportions(*self.stack, self.roles, self.settings)

    def doubt_roles(self, drawn: Optional[Proportions]) -> tuple[str, ...]:
        """Return what speaks against the sequences being what they are called."""
        doubts = contradictions(self.roles, self.told)
        if drawn is None:
            return tuple(doubts)
        excess = drawn.placement.excess if drawn.placement else 0.0
        device = self.settings.device
        if are_interchanged(*self.stack, self.roles, excess=excess, device=device):
            doubts.append(
                "LGE and bSSFP may have been taken for each other, because bSSFP shows an infarct "
                "as LGE should, and LGE hardly any; check which file is which, then segment again."
            )
        return tuple(doubts)

    def pose(self, drawn: Optional[Proportions]) -> Problem:
        """Crop and normalise the images, and bring what is known into the mixtures' units."""
        region = prepare(*self.stack, self.roles, self.settings)
        if self.trained:
            region.check_complete(self.roles)
        strokes = None
        if self.strokes is not None:
            strokes = self.strokes.reshape(self.volume)[region.crop]
        proportions = None if drawn is None else drawn.probabilities[(slice(None), *region.crop)]
        device = resolve_device(self.settings.device)
        return pose(
            region, self.roles, self.settings, device, strokes, proportions, self.regularizer
        )

    def fit(
        self,
        problem: Problem,
        progress: Optional[ProgressCallback],
        heartbeat: Optional[Callable[[], None]],
    ) -> list[Fit]:
        """Fit from every seed, or ask the trained network."""
        restarts = self.settings.restarts

        def progress_of(restart: int) -> Optional[ProgressCallback]:
            return progress and (lambda event: progress(event.within(restart, restarts)))

        try:
            if self.trained:
                network = self.trained.at(problem.region.spacing)
                roles = self.trained.roles
                return [solver.predict(problem, network, roles, self.refine, progress, heartbeat)]
            return [
                solver.fit(problem, self.settings.seed + i, progress_of(i), heartbeat)
                for i in range(restarts)
            ]
        except (MemoryError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and "out of memory" not in str(error):
                raise
            raise OutOfMemory(
                f"{self.device} ran out of memory; choose fewer filters, a smaller margin, "
                'fewer slices or device="cpu".'
            ) from error

    def conclude(
        self, problem: Problem, fits: list[Fit], drawn: Optional[Proportions], began: float
    ) -> Result:
        """Name the classes of the best fit, and put the result onto the grid of the images."""
        settings, region, shape = self.settings, problem.region, self.roi.shape
        in_place = self.trained is not None or settings.keeps_order
        fixed = range(settings.classes) if in_place else problem.painted
        named = name_classes(fits, problem, fixed)
        probabilities = region.uncrop(named.probabilities, self.volume)
        shift, scale = region.shift[:, None], region.scale[:, None]
        result = Result(
            labels=region.uncrop(named.labels, self.volume).reshape(shape),
            probabilities=probabilities.reshape(-1, *shape),
            tissues=settings.tissues,
            naming=named.margins,
            means=named.means * scale + shift,
            covariances=named.covariances * (scale[..., None] * scale[:, :, None]),
            proportions=named.proportions,
            slices=region.slices,
            history=tuple(named.fit.history),
            converged=named.fit.converged,
            iterations=len(named.fit.history),
            agreement=named.agreement,
            device=str(self.device),
            seconds=time.perf_counter() - began,
            settings=settings,
            spacing=self.spacing,
            roles=self.roles,
            network=self.trained.named(self.refine) if self.trained else None,
            notes=_notes(settings, self.roles, self.hollow, self.gains),
            presence=None if drawn is None else vars(drawn.evidence),
            intervals=None
            if drawn is None or len(shape) == 2
            else drawn.intervals(probabilities, self.spacing),
            placement=vars(drawn.placement) if drawn and drawn.placement else None,
            doubts=self.doubt_roles(drawn),
        )
        if settings.min_island:
            result = clean(result, settings.min_island)
        return count_papillary(result, self.images)


def _notes(
    settings: Settings, roles: tuple[str, ...], hollow: bool, gains: Optional[np.ndarray]
) -> tuple[str, ...]:
    """Return what the user should know of this run, one sentence each."""
    notes = []
    for role, gain in zip(roles, () if gains is None else gains):
        if np.ptp(gain) > 0:
            notes.append(
                f"The brightness of {role} changes by a factor of {gain.max() / gain.min():.1f} "
                "along the stack, as a coil's sensitivity does; it was evened out for the fit."
            )
    if hollow:
        done = "its cavity was filled" if settings.hollow == "fill" else "no blood was looked for"
        notes.append(f"The region has a hole in most slices, as the wall alone has; {done}.")
    tissues = settings.tissues
    if "scar" in tissues and "edema" not in tissues:
        notes.append(
            "There is no edema class: edema counts as healthy myocardium; add a T2 image to see it."
        )
    if "blood pool" in tissues and "scar" not in tissues and not set(roles) & {LGE, DARK_BLOOD_LGE}:
        notes.append("There is no LGE image, so that no infarct is looked for; add one to see it.")
    return tuple(notes)
