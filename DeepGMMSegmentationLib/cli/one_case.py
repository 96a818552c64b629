"""One case of ``deepgmm segment``, from its files to the folder of a result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from ..errors import InvalidInput
from ..priors import DARK_BLOOD_LGE, LGE
from ..result import Progress
from ..settings import Settings
from .console import quiet_itk

if TYPE_CHECKING:
    import numpy as np
    import SimpleITK as sitk

    from ..cardiac.measures import Measures
    from ..io.cohort import CaseFiles
    from ..io.writing import PathLike
    from ..report.result_folder import Wanted
    from ..result import ProgressCallback, Result
    from ..training.trained_network import TrainedNetwork


def segment_files(
    case: CaseFiles,
    settings: Settings,
    folder: PathLike,
    wanted: Wanted,
    *,
    network: Optional[TrainedNetwork] = None,
    refine: int = 0,
    resample: bool = False,
    force: bool = False,
    seeds: Optional[PathLike] = None,
    remote: Optional[PathLike] = None,
    at: Optional[Sequence[float]] = None,
    apart: bool = False,
    progress: Optional[ProgressCallback] = None,
) -> tuple[Result, Measures]:
    """Segment a case from its files into a folder; its truth is not looked at.

    Parameters
    ----------
    case : CaseFiles
        Where its sequences and its region are.
    settings : Settings
        How it is segmented.
    folder : path
        Where the result goes; see `whole_folder`, also for `wanted` and `force`.
    network, refine
        See `segment`.
    resample : bool
        Whether what is on another grid is brought onto the first image's.
    seeds : path, optional
        Strokes of truth: labels, or the segments of a ``.seg.nrrd`` by their tissues' names.
    remote : path, optional
        A mask of remote myocardium, for the n-SD thresholds.
    at : sequence of float, optional
        A point in the blood, (x, y, z) in mm, LPS, around which the region is sought where the
        case has none; the RV insertion is then found, too.
    apart : bool
        Whether images and region are read in a process of their own, which may crash.
    progress : callable, optional
        Called with a `Progress` once per iteration; may raise `Cancelled`.

    Raises
    ------
    InvalidInput
        If a file or a setting cannot be used.
    """
    from ..io.apart import call_apart
    from ..io.cohort import read_named_labels
    from ..io.folders import whole_folder
    from ..io.images import read_roi
    from ..io.sequences import describe, file_role, phase_sensitive
    from ..report.result_folder import OUTPUTS, fill_folder
    from ..segmentation import segment

    with whole_folder(folder, OUTPUTS, force) as new:
        if apart:
            images, reference, roi = call_apart(_read, case, resample)
        else:
            images, reference, roi = _read(case, resample)
        roles = tuple(case.images)
        if at is not None:
            from ..anatomy.click import trace_at

            roi, insertion, doubts = trace_at(images, reference, roles, at, settings.device)
            if doubts:
                raise InvalidInput(
                    f"{doubts[0]} Run deepgmm region, look at its mask, and give that by --roi."
                )
            wanted = replace(wanted, rv_insertion=wanted.rv_insertion or insertion)
        strokes = None
        if seeds is not None:
            strokes, _ = read_named_labels(Path(seeds), reference, settings.tissues, resample)
        assert roi is not None  # a case has a region, or a point in it
        remote_mask = None if remote is None else read_roi(remote, reference, None, resample)
        result = segment(
            images,
            roi,
            settings,
            network=network,
            refine=refine,
            spacing=reference.GetSpacing()[::-1],
            roles=roles,
            told=[file_role(path) for path in case.images.values()],
            progress=progress,
            seeds=strokes,
        )
        if progress:
            progress(Progress("Writing", 1, 1, result.history[-1], 1.0))
        measures = fill_folder(
            result,
            images,
            reference,
            new,
            wanted,
            remote=remote_mask,
            phase_sensitive=any(
                phase_sensitive(describe(path))
                for role, path in case.images.items()
                if role in (LGE, DARK_BLOOD_LGE)
            ),
            inputs=case.digests(),
        )
    return result, measures


def _read(case: CaseFiles, resample: bool) -> tuple[np.ndarray, sitk.Image, Optional[np.ndarray]]:
    """Return a case's sequences, the image on whose grid they are, and its region, if any."""
    from ..io.images import read_images, read_roi

    quiet_itk()
    images, reference = read_images(list(case.images.values()), resample)
    if case.roi is None:
        return images, reference, None
    return images, reference, read_roi(case.roi, reference, case.segment, resample)
