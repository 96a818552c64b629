"""Figures 2 and 3 of the paper: a slice, its truth, and what every method makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

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

    case = item.case
    named = (tissue(name, i) for i, name in enumerate(TISSUES))
    colors = [tuple(value / 255 for value in entry.color) for entry in named]
    scale = {"cmap": ListedColormap(["black", *colors]), "vmin": 0, "vmax": len(TISSUES)}
    panels = [(role, image, {"cmap": "gray"}) for role, image in zip(case.roles, case.images)]
    panels += [(name, map_, scale) for name, map_ in {"Truth": case.truth, **labels}.items()]
    figure = Figure(figsize=(1.6 * len(panels), 2.4), layout="constrained")
    for axes, (title, values, options) in zip(figure.subplots(1, len(panels)), panels):
        axes.imshow(values[0], interpolation="nearest", **options)
        axes.set_title(title, fontsize=9)
        axes.set_axis_off()
    handles = [Patch(color=color, label=name) for color, name in zip(colors, TISSUES)]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=8)
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
