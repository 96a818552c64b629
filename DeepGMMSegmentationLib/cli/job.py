"""The main job of the command line: read a case's files, segment, write the result."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import SimpleITK as sitk

from ..io.cohort import CaseFiles, read_named_labels
from ..io.images import read_images, read_roi
from ..io.writing import PathLike
from ..report.result_folder import Wanted, write_result
from ..result import ProgressCallback, Result
from ..segmentation import segment
from ..settings import Settings
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
    progress: Optional[ProgressCallback] = None,
) -> Result:
    """Segment a case into a folder; its truth is not looked at.

    Parameters
    ----------
    case : CaseFiles
    settings : Settings
    folder : path
        Where the result goes; see `write_result`, also for `wanted` and `force`.
    network, refine
        As of `case.segment`.
    resample : bool
        Whether what is on another grid is brought onto the first image's.
    seeds : path, optional
        Strokes of truth: labels, or the segments of a ``.seg.nrrd`` by their tissues' names.
    remote : path, optional
        A mask of remote myocardium, for the n-SD thresholds.
    progress : callable, optional
        Called with a `Progress` once per iteration; may raise `Cancelled`.

    Raises
    ------
    InvalidInput
        If a file or a setting cannot be used.
    """
    # What of ITK's warnings matters is an error of ours, in words that say what to do.
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    images, reference = read_images(list(case.images.values()), resample)
    roi = read_roi(case.roi, reference, case.segment, resample)
    strokes = None
    if seeds is not None:
        strokes, _ = read_named_labels(Path(seeds), reference, settings.tissues, resample)
    remote_mask = None if remote is None else read_roi(remote, reference, None, resample)
    result = segment(
        images,
        roi,
        settings,
        network=network,
        refine=refine,
        spacing=reference.GetSpacing()[::-1],
        roles=tuple(case.images),
        progress=progress,
        seeds=strokes,
    )
    write_result(result, images, reference, folder, wanted, remote=remote_mask, force=force)
    return result
