"""Figures 2 and 3 of the paper: a slice, its truth, and what every method makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..report.tiles import name_tiles, scale_greys, tile
from ..tissues import tissue
from .experiments import label_file
from .myops import TISSUES, Slice
from .protocol import TABLES, split

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_slice(item: Slice, labels: Mapping[str, np.ndarray]) -> Figure:
    """Draw the sequences, the truth and the labels of every method, side by side.

    Parameters
    ----------
    item : Slice
        What was segmented.
    labels : mapping of str to ndarray, shape ``(1, Y, X)``
        By method; i + 1 where ``TISSUES[i]`` is.
    """
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    case, truth = item.case, np.asarray(item.case.truth)
    named = (tissue(name, i) for i, name in enumerate(TISSUES))
    colors = ["#" + bytes(entry.color).hex() for entry in named]
    titles = [*case.roles, "Truth", *labels]
    images = [scale_greys(image[0]) for image in case.images]
    maps = [values[0].astype(float) for values in (truth, *labels.values())]
    blank = np.full(maps[0].shape, np.nan)
    figure = Figure(figsize=(1.6 * len(titles), 2.4))
    axes = figure.add_axes((0.005, 0.12, 0.99, 0.87))
    shown = tile(np.stack([*images, *(blank for _map in maps)]), len(titles))
    axes.imshow(shown, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    shown = tile(np.stack([*(blank for _image in images), *maps]), len(titles))
    scale = ListedColormap(["black", *colors])
    axes.imshow(shown, cmap=scale, vmin=0, vmax=len(TISSUES), interpolation="nearest")
    name_tiles(axes, titles, blank.shape, len(titles), size=9)
    handles = [Patch(color=color, label=name) for color, name in zip(colors, TISSUES)]
    figure.legend(handles=handles, loc="lower center", ncols=len(handles), fontsize=8)
    return figure


def write_pictures(
    slices: Sequence[Slice], methods: Sequence[str], finished: Path, folder: Path
) -> None:
    """Write a picture per table and slice, as ``table1_101_3.png``: patient, slice from 0.

    Labels are paired with the truth's as in the paper.

    Parameters
    ----------
    slices : sequence of Slice
        Those of the run.
    methods : sequence of str
        Those of the run.
    finished : Path
        Where `reproduce` stored what it finished.
    folder : Path
        Where the pictures go; it must exist.
    """
    for table, names in TABLES.items():
        chosen = [name for name in names if name in methods]
        for item in (slices if table == 1 else split(slices)[1]) if chosen else ():
            labels = {name: np.load(label_file(finished, table, name, item)) for name in chosen}
            path = folder / f"table{table}_{item.patient}_{item.number}.png"
            draw_slice(item, labels).savefig(path, dpi=120)
