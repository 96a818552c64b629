"""Pictures of a result: tissues and their fit, remote myocardium, and how certain they are."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Optional

import numpy as np

from ..cardiac.uncertainty import entropy
from ..priors import lge_index
from ..result import Result
from ..tissues import tissue
from .histogram import compute_histogram
from .tiles import name_tiles, scale_greys, tile

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 4  # the most sequences side by side
MARGIN = 10.0  # mm of image shown around the region
DARK = "#202020"  # a ground on which all tissue colours stand out


@contextmanager
def literal_text() -> Iterator[None]:
    """Let ``$`` be a letter in all text that is made while the block runs."""
    from matplotlib import rc_context

    with rc_context({"text.parse_math": False}):
        yield


@literal_text()
def draw_figure(
    result: Result, images: np.ndarray, direction: Optional[Sequence[float]] = None
) -> Figure:
    """Draw the middle slice of the region, and an overview of the stack.

    Each sequence is shown with the outlines of the tissues and, below it, the histogram of its
    intensities in the whole region with the fitted components. The last column shows the labels
    as an overlay, and the legend.

    Parameters
    ----------
    result : Result
    images : ndarray, shape ``(M, Z, Y, X)`` or ``(M, Y, X)``
        The sequences.
    direction : sequence of 9 floats, optional
        Direction cosines of the image's axes in the LPS frame, as SimpleITK gives them. With
        them, the patient's left is at the right, and anterior or superior is at the top.

    Returns
    -------
    matplotlib.figure.Figure
        With no state in pyplot; ``savefig`` writes it.
    """
    from matplotlib.figure import Figure

    labels = result.labels.reshape((-1, *result.labels.shape[-2:]))
    images = np.reshape(images, (len(result.roles), *labels.shape))
    colors = _colors(result)
    region = np.flatnonzero(labels.any(axis=(1, 2)))
    z = int(region[len(region) // 2])
    crop = _crop(labels, result.spacing, direction)
    aspect = result.spacing[-2] / result.spacing[-1]

    columns = min(len(images), COLUMNS)
    bands = math.ceil(len(images) / columns)
    width, height = 3.4 * (columns + 1), 5.9 * bands + 2.5
    picture = Figure(figsize=(width, height))
    picture.suptitle(_title(result), y=1 - 0.1 / height)
    sizes = {"height_ratios": [1.0, 0.75] * bands + [0.65], "hspace": 0.28, "wspace": 0.1}
    ends = {"left": 0.35 / width, "right": 0.99, "bottom": 0.01, "top": 1 - 0.6 / height}
    grid = picture.add_gridspec(2 * bands + 1, columns + 1, **sizes, **ends)
    for m, role in enumerate(result.roles):
        band, column = divmod(m, columns)
        axes = picture.add_subplot(grid[2 * band, column])
        _show(axes, scale_greys(images[m, z][crop]), aspect)
        axes.set_title(f"{role}, slice {z + 1} of {len(labels)}", fontsize=9)
        _outline(axes, labels[z][crop], colors)
        _histogram(picture.add_subplot(grid[2 * band + 1, column]), result, images[m], m)
    axes = picture.add_subplot(grid[0, columns])
    _show(axes, scale_greys(images[0, z][crop]), aspect)
    axes.set_title(f"Labels on {result.roles[0]}", fontsize=9)
    _overlay(axes, labels[z][crop], colors)
    _legend(picture.add_subplot(grid[1, columns]), result)

    places = np.linspace(0, len(region) - 1, 2 * (columns + 1))
    shown = region[np.unique(places.round().astype(int))]
    axes = picture.add_subplot(grid[2 * bands, :])
    greys = np.stack([scale_greys(images[0, slice_][crop]) for slice_ in shown])
    _show(axes, tile(greys, len(shown)), aspect)
    cropped = labels[(shown, *crop)]
    _overlay(axes, tile(cropped, len(shown)), colors)
    titles = [f"Slice {slice_ + 1}" for slice_ in shown]
    name_tiles(axes, titles, cropped.shape[1:], len(shown), size=9)
    return picture


def draw_remote(
    result: Result,
    images: np.ndarray,
    remote: np.ndarray,
    direction: Optional[Sequence[float]] = None,
) -> Figure:
    """Draw the outline of remote myocardium on LGE in up to five slices.

    Parameters
    ----------
    result, images, direction
        See `draw_figure`.
    remote : ndarray of bool, shape of the labels
        Not empty.
    """
    from matplotlib.figure import Figure

    labels = result.labels.reshape((-1, *result.labels.shape[-2:]))
    lge = images[lge_index(result.roles)].reshape(labels.shape)
    drawn = remote.reshape(labels.shape)
    slices = np.flatnonzero(drawn.any(axis=(1, 2)))
    shown = np.unique(slices[np.linspace(0, len(slices) - 1, 5).round().astype(int)])
    crop = _crop(labels, result.spacing, direction)
    count, aspect = len(shown), result.spacing[-2] / result.spacing[-1]
    picture = Figure(figsize=(1.9 * count, 2.2))
    axes = picture.add_axes((0.01, 0.01, 0.98, 0.98))
    outlines = drawn[(shown, *crop)]
    _show(axes, tile(np.stack([scale_greys(lge[z][crop]) for z in shown]), count), aspect)
    axes.contour(tile(outlines, count), levels=[0.5], colors=["#56B4E9"], linewidths=1.4)
    name_tiles(axes, [f"Slice {z + 1}" for z in shown], outlines.shape[1:], count, size=9)
    return picture


def draw_entropy(probabilities: np.ndarray, spacing: Sequence[float]) -> Figure:
    """Draw the entropy of every slice of the region, cropped to it, with its colour bar.

    Parameters
    ----------
    probabilities : ndarray, shape ``(K, Z, Y, X)``
        Summing to 1 in the region and 0 outside.
    spacing : sequence of float
        Millimetres per voxel, in array order.
    """
    from matplotlib.figure import Figure

    inside = probabilities.any(axis=0)
    z, y, x = (np.flatnonzero(np.any(inside, axis=tuple({0, 1, 2} - {axis}))) for axis in range(3))
    values = np.where(inside, entropy(probabilities), np.nan)
    values = values[z, y[0] : y[-1] + 1, x[0] : x[-1] + 1]
    columns = min(5, len(z))
    rows = -(-len(z) // columns)
    width = 1.6 * columns + 1
    picture = Figure(figsize=(width, 1.75 * rows + 0.3))
    axes = picture.add_axes((0.01, 0.02, 1 - 1.05 / width, 0.96))
    drawn = axes.imshow(
        tile(values, columns), vmin=0, vmax=1, cmap="magma", aspect=spacing[1] / spacing[2]
    )
    name_tiles(axes, [f"slice {i + 1}" for i in z], values.shape[1:], columns, size=8)
    bar = picture.add_axes((1 - 0.8 / width, 0.1, 0.15 / width, 0.8))
    picture.colorbar(drawn, cax=bar, label="Entropy")
    return picture


def _colors(result: Result) -> list[tuple[float, float, float]]:
    named = (tissue(name, i).color for i, name in enumerate(result.tissues))
    return [(red / 255, green / 255, blue / 255) for red, green, blue in named]


def _title(result: Result) -> str:
    end = "" if result.converged else ", not converged"
    return (
        f"{result.settings.method}, {len(result.tissues)} classes, NLL {result.history[-1]:.3f} "
        f"after {result.iterations} iterations{end}"
    )


def _crop(
    labels: np.ndarray, spacing: Sequence[float], direction: Optional[Sequence[float]]
) -> tuple[slice, slice]:
    """Return the rows and columns around the region, in the order in which they are shown."""
    cuts = []
    for axis in (1, 2):
        where = np.flatnonzero(labels.any(axis=(0, 3 - axis)))
        margin = math.ceil(MARGIN / spacing[axis - 3])
        start, stop = max(int(where[0]) - margin, 0), int(where[-1]) + margin + 1
        cut = slice(start, stop)
        if direction is not None:
            cosines = np.reshape(direction, (3, 3))[:, 2 - axis]
            main = int(np.argmax(np.abs(cosines)))
            # Pictures run towards the left, posterior or inferior; LPS towards superior.
            if (cosines[main] < 0) != (main == 2):
                cut = slice(min(stop, labels.shape[axis]) - 1, start - 1 if start else None, -1)
        cuts.append(cut)
    return cuts[0], cuts[1]


def _show(axes: Axes, greys: np.ndarray, aspect: float) -> None:
    axes.imshow(greys, cmap="gray", vmin=0, vmax=1, aspect=aspect)
    axes.set_axis_off()


def _outline(axes: Axes, labels: np.ndarray, colors: Sequence[tuple[float, ...]]) -> None:
    for i, color in enumerate(colors):
        # A contour needs both sides of its level.
        if (labels == i + 1).any():
            axes.contour(labels == i + 1, levels=[0.5], colors=[color], linewidths=1.2)


def _overlay(axes: Axes, labels: np.ndarray, colors: Sequence[tuple[float, ...]]) -> None:
    table = np.array([(0, 0, 0, 0), *((*color, 0.55) for color in colors)])
    axes.imshow(table[labels], aspect=axes.get_aspect(), interpolation="nearest")


def _histogram(axes: Axes, result: Result, image: np.ndarray, m: int) -> None:
    """Draw the intensities of sequence m in the region, with the fitted components."""
    drawn = compute_histogram(result, image, m)
    half = (drawn.intensity[1] - drawn.intensity[0]) / 2
    edges = np.append(drawn.intensity - half, drawn.intensity[-1] + half)
    axes.set_facecolor(DARK)
    axes.stairs(drawn.region, edges, fill=True, color="0.45")
    for component, color in zip(drawn.components, _colors(result)):
        axes.plot(drawn.intensity, component, color=color, linewidth=1.6)
    axes.plot(drawn.intensity, drawn.mixture, color="white", linestyle="--", linewidth=1.2)
    # A component that is narrower than a bin may not dwarf the rest.
    axes.set_ylim(0, 1.25 * drawn.region.max())
    axes.set_xlim(edges[0], edges[-1])
    axes.set_xlabel(f"{result.roles[m]} intensity", fontsize=9)
    axes.set_ylabel("Density", fontsize=9)
    axes.set_yticks([])
    axes.tick_params(labelsize=8)


def _legend(axes: Axes, result: Result) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [
        *(Patch(color=color, label=name) for name, color in zip(result.tissues, _colors(result))),
        Line2D([], [], color="white", linestyle="--", label="all components"),
        Patch(color="0.45", label="intensities in the region"),
    ]
    axes.set_axis_off()
    legend = axes.legend(
        handles=handles, loc="upper left", fontsize=10, facecolor=DARK, framealpha=1
    )
    for text in legend.get_texts():
        text.set_color("white")
