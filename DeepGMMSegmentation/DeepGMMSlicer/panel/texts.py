"""What the settings' choices are called in the panel, and when to use each method."""

from __future__ import annotations

import html
from typing import Any

from slicer.i18n import tr as _

from DeepGMMSegmentationLib.cardiac.comparison import Comparison
from DeepGMMSegmentationLib.report.markup import amount
from DeepGMMSegmentationLib.settings import Settings


def choiceLabels() -> dict[str, str]:
    """Return the words for the choices of `Settings`; a choice that is missing is its own word."""
    return {
        "slice": _("one per slice"),
        "volume": _("one for the whole stack"),
        "diag": _("independent"),
        "full": _("correlated"),
        "roi": _("the region"),
        "image": _("the cropped image"),
        "kmeans": _("k-means"),
        "random": _("random"),
        "prior": _("the preset's intensities"),
        "depth": _("the depth in the wall"),
        "network": _("drawn hearts"),
        "fill": _("fill it"),
        "labelled": _("as labelled"),
        "blood": _("as blood"),
        "muscle": _("as muscle"),
        "wall": _("the wall alone"),
        "even": _("even it out"),
        "keep": _("keep it"),
        "Myocardial infarction": _("Myocardial infarction"),
        "Myocardial infarction with no-reflow": _("Myocardial infarction with no-reflow"),
        "Blood and myocardium": _("Blood and myocardium"),
        "As estimated from a segmentation": _("As estimated from a segmentation"),
        "Unnamed classes": _("Unnamed classes"),
    }


def methodDescription(method: str) -> str:
    """Return in a sentence when to use a method; an empty one stands for a trained network."""
    return {
        "": _("The trained network decides, with the method and the tissues of its training."),
        "GMM": _("Gaussian mixture: the fastest, for tissues that differ clearly in intensity."),
        "SVGMM": _("Every voxel has its own tissue proportions: fast, and the one to begin with."),
        "deepG": _("GMM with a network that sees shapes: for noisy images, where time allows."),
        "deepSVG": _("SVGMM with a network that sees shapes: the paper's best, and the slowest."),
    }[method]


def progressText(event: Any, secondsLeft: float) -> str:
    """Return the status line of a run."""
    return _(
        "{stage}: iteration {iteration} of at most {limit}, NLL {nll}, {device}, "
        "at most {seconds} s left"
    ).format(
        stage=event.stage,
        iteration=event.iteration,
        limit=event.limit,
        nll=f"{event.nll:.4f}",
        device=event.device,
        seconds=f"{secondsLeft:.0f}",
    )


def settingsText(settings: Settings) -> str:
    """Return what the log says of the settings, a line per field."""
    values = {**vars(settings), "prior": settings.prior and settings.prior.name}
    return "\n".join(f"{name}: {value}" for name, value in values.items())


def summary(record: dict[str, Any]) -> str:
    """Return what the log says of a finished run, the first line being the status line."""
    end = _("converged") if record["converged"] else _("not converged")
    first = _(
        "{method} on {device}: {iterations} iterations, {end}, NLL {nll}, {seconds} s"
    ).format(
        method=record["settings"]["method"],
        device=record["device"],
        iterations=record["iterations"],
        end=end,
        nll=f"{record['history'][-1]:.4f}",
        seconds=f"{record['seconds']:.1f}",
    )
    return "\n".join([first, *remarks(record["measures"])])


def writtenBeside(name: str, edited: str) -> str:
    """Return what the log says where a result did not replace a segmentation that holds work."""
    return _("{edited} was edited or drawn, and stays, but hidden; the result is {name}.").format(
        edited=edited, name=name
    )


def recomputed(record: dict[str, Any]) -> str:
    """Return what the log says after a recomputation, the first line being the status line."""
    return "\n".join([_("Recomputed from the segments as they are."), *remarks(record["measures"])])


def compared(comparison: Comparison) -> str:
    """Return what the log says of two examinations, the first line being the status line."""
    warnings = [_("Warning: {text}").format(text=text) for text in comparison.warnings]
    first = _("Compared with the earlier result: see the table.")
    if warnings:
        first = _("Compared with the earlier result, with {count} warnings: see the log.").format(
            count=len(warnings)
        )
    return "\n".join([first, *warnings, *comparison.notes])


def remarks(measures: dict[str, Any]) -> list[str]:
    """Return the warnings, then the notes, one sentence each."""
    warnings = [_("Warning: {text}").format(text=text) for text in measures["warnings"]]
    notes = [*measures["notes"], *(measures["aha"] or {"notes": []})["notes"]]
    return [*warnings, *notes]


def findings(measures: dict[str, Any]) -> str:
    """Return, as HTML, what the panel says of a result: figures, then warnings, then notes."""
    heart = measures["infarct"] or {}
    lines = []
    for name, title in (("infarct", _("Infarct")), ("area_at_risk", _("Area at risk"))):
        part = heart.get(name)
        if part and part["grams"] is not None:
            lines.append(
                _("{title}: {grams} g, {percent} % of the myocardium").format(
                    title=title,
                    grams=amount(part["grams"]),
                    percent=amount(part["percent_of_myocardium"]),
                )
            )
    wall = heart.get("myocardium")
    if not lines and wall and wall["grams"] is not None:
        lines.append(_("Myocardium: {grams} g").format(grams=amount(wall["grams"])))
    if heart.get("salvage_index") is not None:
        lines.append(
            _("Myocardial salvage index: {index}").format(index=f"{heart['salvage_index']:.2f}")
        )
    figures = [f"<b>{html.escape(line)}</b>" for line in lines]
    return "<br>".join([*figures, *map(html.escape, remarks(measures))])
