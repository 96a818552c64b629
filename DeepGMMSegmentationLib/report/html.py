"""The report: one HTML file with its figures inside, which needs no network."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import Optional

import numpy as np

from ..cardiac.aha import Aha
from ..cardiac.infarct import SALVAGE, Infarct
from ..cardiac.measures import Measures
from ..cardiac.remote import proposed_remote
from ..cardiac.sizes import TissueSize
from ..result import PRESENT, Result
from ..tissues import tissue
from .bullseye import draw_bullseye
from .figures import draw_entropy, draw_figure, draw_remote
from .markup import NONE, amount, items, number, page, picture, png, table, warning_box, whole
from .polar import draw_polar

# How the 90 % intervals came about, by whether the tissue network gave them.
INTERVALS = {
    True: "as wide as it took to hold the true volume in nine of ten drawn hearts that the tissue "
    "network had not learned from; where it is undecided whether the heart has the tissue at all, "
    "from 0. A heart unlike all drawings is not covered.",
    False: "the volumes with a probability above 0.95 and above 0.05, as if all voxels erred "
    "together, which is the cautious assumption. A model that is certain and wrong is not covered.",
}

# What papillary muscles count as, by the settings.
PAPILLARY = {
    "labelled": "count in all sizes as the tissue that their voxels were given, which the picture "
    "shows: the tissue network of the infarct preset was taught to count them as blood",
    "blood": "that stand free in the cavity count as blood, as was asked for",
    "muscle": "that stand free in the cavity count as healthy myocardium where they are dark, as "
    "was asked for",
}


def render_report(
    measures: Measures,
    result: Result,
    images: np.ndarray,
    direction: Optional[Sequence[float]] = None,
    remote: Optional[np.ndarray] = None,
    figure: Optional[bytes] = None,
) -> str:
    """Return the report of a case as the text of one HTML file.

    It holds the figures of `measures`, drawings made from `result` and `images`, and the settings;
    nothing from the metadata of image files.

    Parameters
    ----------
    measures : Measures
        What `measure` returned for `result`.
    result : Result
    images : ndarray, shape ``(M, *result.labels.shape)``
        The sequences.
    direction : sequence of 9 floats, optional
        Direction cosines of the image's axes in the LPS frame, as SimpleITK gives them.
    remote : ndarray of bool, shape of the labels, optional
        The remote myocardium of n-SD, to be drawn; by default what `proposed_remote` proposes.
    figure : bytes, optional
        The PNG of `draw_figure`, where it is there already.
    """
    if remote is None:
        remote = proposed_remote(result, images)
    sequences = ", ".join(measures.roles)
    state = "converged" if measures.converged else "did not converge"
    notes = [*measures.notes, *(measures.aha.notes if measures.aha else ())]
    return page(
        "report.html",
        case=escape(measures.case),
        subject="Tissues of the left ventricle" if measures.infarct else "Tissues of the region",
        fit=escape(
            f"{measures.method} with {len(measures.tissues)} classes on {sequences}; it {state} "
            f"after {result.iterations} iterations."
        ),
        warnings=warning_box(measures.warnings),
        cards=_cards(measures),
        tissues=_tissues(measures),
        picture=picture(
            figure or png(draw_figure(result, images, direction)),
            "Sequences, tissues and their fit.",
        ),
        location=_location(measures),
        yardsticks=_yardsticks(measures) + _remote(result, images, direction, remote),
        slices=_slices(measures.slices),
        certainty=_certainty(measures, result),
        notes=items(notes or ["Nothing in particular."]),
        settings=escape(_compact(result.settings.to_json())),
        terms=_terms(measures, result) if measures.infarct else "",
        interval=INTERVALS[result.intervals is not None],
    )


def _terms(measures: Measures, result: Result) -> str:
    return page(
        "heart_terms.html",
        density=f"{measures.density:g}",
        salvage=escape(SALVAGE),
        papillary=PAPILLARY[result.settings.papillary],
    )


def _cards(measures: Measures) -> str:
    heart = measures.infarct
    if heart is None:
        return ""
    ranges = {v.tissue: (v.low_ml, v.high_ml) for v in measures.volumes}
    cards = [_presence(measures), _card("Infarct size", heart.infarct, ranges, measures.density)]
    cards.append(_card("MVO (no-reflow)", heart.no_reflow, ranges, measures.density))
    cards.append(_card("Area at risk", heart.area_at_risk, ranges, measures.density))
    if heart.salvage_index is not None:
        cards.append(
            f'<div class="card"><span>Myocardial salvage index</span><b>{heart.salvage_index:.2f}'
            "</b><span>of the area at risk is saved;<br>not recommended as an endpoint</span></div>"
        )
    cards.append(_card("Myocardium", heart.myocardium, {}, measures.density))
    return "".join(cards)


def _presence(measures: Measures) -> str:
    """Return the card that says whether there is an infarct at all."""
    p = (measures.presence or {}).get("infarct")
    if p is None or measures.infarct is None or measures.infarct.infarct is None:
        return ""
    verdict = "none found" if p < PRESENT["infarct"] else "found"
    return (
        f'<div class="card"><span>Infarct</span><b>{verdict}</b>'
        f"<span>probability {100 * p:.0f} %</span></div>"
    )


def _card(
    title: str,
    size: Optional[TissueSize],
    ranges: dict[str, tuple[float, float]],
    density: float,
) -> str:
    if size is None:
        return ""
    lines = []
    if size.grams is not None and size.tissue != "myocardium":
        lines.append(f"{amount(size.grams)} g, {amount(size.ml)} mL")
    if size.tissue in ranges:
        low, high = (ml * density for ml in ranges[size.tissue])
        lines.append(f"90 % interval {amount(low)} to {amount(high)} g")
    if size.tissue == "myocardium":
        main = f"{amount(size.grams)} g"
        lines.append(f"{amount(size.ml)} mL")
    else:
        main = f"{amount(size.percent_of_myocardium)} %"
        lines.insert(0, "of the myocardium")
    text = "".join(f"<br>{line}" if i else line for i, line in enumerate(lines))
    return f'<div class="card"><span>{title}</span><b>{main}</b><span>{text}</span></div>'


def _tissues(measures: Measures) -> str:
    expected, heart = {v.tissue: v for v in measures.volumes}, measures.infarct is not None
    lines = []
    for i, size in enumerate(measures.sizes):
        red, green, blue = tissue(size.tissue, i).color
        swatch = f'<span class="swatch" style="background:rgb({red},{green},{blue})"></span>'
        interval = NONE
        if size.tissue in expected:
            v = expected[size.tissue]
            interval = f"{amount(v.expected_ml)} ({amount(v.low_ml)} to {amount(v.high_ml)})"
        lines.append(
            [
                swatch + escape(size.tissue),
                str(size.voxels),
                amount(size.ml),
                *([amount(size.grams), amount(size.percent_of_myocardium)] if heart else []),
                amount(size.percent_of_region),
                interval,
            ]
        )
    header = ["Tissue", "Voxels", "mL", *(["g", "% of myocardium"] if heart else [])]
    return table([*header, "% of region", "Expected mL (90 % interval)"], lines)


def _location(measures: Measures) -> str:
    if measures.aha is None:
        return ""
    header = ["Segment", "Infarct %", "Edema %", "Transmural extent", "Mean %", "Maximal %"]
    lines = [
        [
            escape(f"{s.number} {s.name}" if s.number else s.name),
            whole(s.infarct_percent),
            whole(s.edema_percent),
            s.extent or NONE,
            whole(s.mean_transmurality),
            whole(s.max_transmurality),
        ]
        for s in measures.aha.segments
    ]
    caption = "Seen from the apex: anterior wall up, septum left; basal ring outside."
    viable = ""
    if measures.aha.viable is not None:
        viable = (
            f"<p>Viable segments: <b>{measures.aha.viable} of {measures.aha.judged}</b>, in which "
            "infarct takes up to half of the wall.</p>"
        )
    return (
        f"<h2>Where</h2>{viable}{picture(png(draw_bullseye(measures.aha.segments)), caption)}"
        f"{_polar(measures.aha)}"
        f"<details><summary>Segments in numbers</summary>{table(header, lines)}</details>"
    )


def _polar(aha: Aha) -> str:
    if not aha.polar:
        return ""
    caption = "Transmurality in every direction; base outside, the slice nearest the apex inside."
    return picture(png(draw_polar(aha.polar)), caption)


def _yardsticks(measures: Measures) -> str:
    heart = measures.infarct
    if not measures.yardsticks or heart is None:
        return ""
    lines = [
        [
            y.method,
            f"{y.threshold:.4g}",
            amount(y.ml),
            amount(y.grams),
            amount(y.percent_of_myocardium),
        ]
        for y in measures.yardsticks
    ]
    ours = heart.infarct
    if ours is not None:
        first = [f"{measures.method} (this segmentation)", NONE]
        first += [amount(v) for v in (ours.ml, ours.grams, ours.percent_of_myocardium)]
        lines.insert(0, [escape(first[0]), *first[1:]])
    header = ["Infarct by", "Threshold on LGE", "mL", "g", "% of myocardium"]
    return f"<h2>Beside the usual thresholds</h2>{table(header, lines, ours=ours is not None)}"


def _remote(
    result: Result,
    images: np.ndarray,
    direction: Optional[Sequence[float]],
    remote: Optional[np.ndarray],
) -> str:
    """Return the picture of the remote myocardium that n-SD was taken from."""
    if remote is None or not remote.any():
        return ""
    caption = "Outlined: the remote myocardium of n-SD. Where it is not healthy, draw another."
    return picture(png(draw_remote(result, images, remote, direction)), caption)


def _slices(slices: Sequence[Infarct]) -> str:
    if not slices:
        return ""
    parts = [[part.myocardium, part.infarct, part.no_reflow, part.area_at_risk] for part in slices]
    header = ["Slice", "Myocardium g", "Infarct g", "Infarct %"]
    header += ["MVO g", "Area at risk g", "Salvage index"]
    lines = []
    for part, (myocardium, lost, no_reflow, risk) in zip(slices, parts):
        lines.append(
            [
                str(part.slice + 1),  # type: ignore[operator]  # these are of one slice each
                _grams(myocardium),
                _grams(lost),
                amount(lost.percent_of_myocardium) if lost else NONE,
                _grams(no_reflow),
                _grams(risk),
                number(part.salvage_index, 2),
            ]
        )
    return f"<h2>Slice by slice</h2>{table(header, lines)}"


def _certainty(measures: Measures, result: Result) -> str:
    text = f"<p>Mean entropy over the region: {measures.mean_entropy:.2f}.</p>"
    if measures.agreement is not None:
        header = ["Tissue", "Mean pairwise Dice over restarts"]
        pairs = zip(measures.tissues, measures.agreement)
        text += table(header, [[escape(name), number(dice, 2)] for name, dice in pairs])
    stack = result.probabilities.reshape(len(result.tissues), -1, *result.labels.shape[-2:])
    drawn = draw_entropy(stack, (1.0, *result.spacing[-2:]))
    return text + picture(
        png(drawn),
        "Entropy from 0, certain, to 1, undecided: bright where classes are hard to tell apart.",
    )


def _compact(text: str) -> str:
    """Return JSON text with every list of numbers or words on one line."""
    lists = re.compile(r"\[[^][{}]*\]")
    return lists.sub(lambda match: " ".join(match.group().split()), text)


def _grams(size: Optional[TissueSize]) -> str:
    return NONE if size is None else amount(size.grams)
