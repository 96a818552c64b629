"""Two time points of one heart: what became of infarct, edema and the area at risk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Optional

from ..errors import InvalidInput
from ..fields import conforms
from .infarct import SALVAGE
from .measures import Measures

# What is compared: its name, and its place in the record of `Infarct`.
PARTS = {
    "infarct": "infarct",
    "MVO": "no_reflow",
    "area at risk": "area_at_risk",
    "myocardium": "myocardium",
}
EDEMA = "edema"  # has its place among the tissues
MASS, SHARE = "g", "% of myocardium"
DIFFERENCE = 25  # percent by which two masses of one heart's myocardium may differ


@dataclass(frozen=True)
class Figure:
    """One figure at one time point, with its 90 % interval where there is one."""

    value: float
    interval: Optional[tuple[float, float]] = None


@dataclass(frozen=True)
class Change:
    """One figure at both time points.

    Attributes
    ----------
    name, unit : str
        "infarct", "g" …
    baseline, followup : Figure or None
        None where it was not measured.
    """

    name: str
    unit: str
    baseline: Optional[Figure]
    followup: Optional[Figure]

    @property
    def difference(self) -> Optional[float]:
        """Follow-up less baseline."""
        if self.baseline is None or self.followup is None:
            return None
        return self.followup.value - self.baseline.value

    @property
    def percent(self) -> Optional[float]:
        """The difference in percent of the baseline."""
        if self.difference is None or self.baseline is None or self.baseline.value == 0:
            return None
        return 100 * self.difference / self.baseline.value


@dataclass(frozen=True)
class Comparison:
    """A heart at two time points.

    Attributes
    ----------
    changes : tuple of Change
        In g, then in % of the myocardium.
    shrinkage : float or None
        The part of the acute infarct's mass that is gone, up to 1; below 0 where it has grown.
    edema_gone : float or None
        The part of the acute edema's mass that is gone.
    salvage_index : float or None
        (acute area at risk − late infarct) / acute area at risk, by mass.
    warnings, notes : tuple of str
        What makes a figure unreliable, and what to know, one sentence each.
    """

    changes: tuple[Change, ...]
    shrinkage: Optional[float]
    edema_gone: Optional[float]
    salvage_index: Optional[float]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


def compare(baseline: Mapping[str, Any], followup: Mapping[str, Any]) -> Comparison:
    """Compare the measures of an acute and of a late examination of one heart.

    Volumes are compared and not voxels, so that the two may lie on any grids.

    Parameters
    ----------
    baseline, followup : mapping
        `Measures.to_dict`, or what `json.loads` made of its JSON.

    Raises
    ------
    InvalidInput
        If both are the same, or one has no named wall, no volume, or comes of another version.
    """
    if baseline == followup:
        raise InvalidInput("Both are the same result; choose those of two examinations.")
    for name, record in (("baseline", baseline), ("follow-up", followup)):
        if not conforms(record, Measures):
            raise InvalidInput(f"The {name} is no result of this version; segment it again.")
        if record["infarct"] is None or record["infarct"]["myocardium"]["grams"] is None:
            raise InvalidInput(
                f"The {name} has no mass of myocardium; compare results in three dimensions whose "
                "tissues have names, as --infarct gives them."
            )
    before, after = _figures(baseline), _figures(followup)
    changes = tuple(Change(*key, before[key], after[key]) for key in before)
    by_mass = {change.name: change for change in changes if change.unit == MASS}
    risk, late = by_mass["area at risk"].baseline, by_mass["infarct"].followup
    salvage = 1 - late.value / risk.value if risk and late and risk.value else None
    return Comparison(
        changes,
        _gone(by_mass["infarct"]),
        _gone(by_mass[EDEMA]),
        salvage,
        (*_warnings(baseline, followup, by_mass), *_inherited(baseline, followup)),
        (*_notes(by_mass["infarct"]), SALVAGE),
    )


def _figures(record: Mapping[str, Any]) -> dict[tuple[str, str], Optional[Figure]]:
    """Return the figures of one time point by name and unit."""
    sizes = {name: record["infarct"][place] for name, place in PARTS.items()}
    sizes[EDEMA] = next((size for size in record["sizes"] if size["tissue"] == EDEMA), None)
    density = record["density"]
    ranges = {volume["tissue"]: volume for volume in record["volumes"]}
    figures: dict[tuple[str, str], Optional[Figure]] = dict.fromkeys(
        (name, unit) for unit in (MASS, SHARE) for name in sizes
    )
    for name, size in sizes.items():
        if size is None:
            continue
        volume = ranges.get(size["tissue"])
        interval = volume and (volume["low_ml"] * density, volume["high_ml"] * density)
        figures[name, MASS] = Figure(size["grams"], interval)
        figures[name, SHARE] = Figure(size["percent_of_myocardium"])
    del figures["myocardium", SHARE]
    return figures


def _gone(change: Change) -> Optional[float]:
    return None if change.percent is None else -change.percent / 100


def _warnings(
    baseline: Mapping[str, Any], followup: Mapping[str, Any], by_mass: Mapping[str, Change]
) -> Iterator[str]:
    mass = by_mass["myocardium"].percent
    if mass is not None and abs(mass) > DIFFERENCE:
        yield (
            f"The myocardium weighs {abs(mass):.0f} % {'more' if mass > 0 else 'less'} at "
            "follow-up: check that both are of one heart, and that both regions reach from base "
            "to apex."
        )
    edema = by_mass[EDEMA].difference
    if edema is not None and edema > 0:
        yield "There is more edema at follow-up; check that the baseline is the acute examination."
    if set(baseline["roles"]) != set(followup["roles"]):
        yield (
            f"The sequences differ ({', '.join(baseline['roles'])} against "
            f"{', '.join(followup['roles'])}), and so does what can be told by them."
        )
    if baseline["method"] != followup["method"]:
        yield (
            f"The methods differ ({baseline['method']} against {followup['method']}); segment "
            "both alike."
        )


def _inherited(baseline: Mapping[str, Any], followup: Mapping[str, Any]) -> Iterator[str]:
    for name, record in (("Baseline", baseline), ("Follow-up", followup)):
        yield from (f"{name}: {text}" for text in record["warnings"])


def _notes(infarct: Change) -> Iterator[str]:
    before, after = (figure and figure.interval for figure in (infarct.baseline, infarct.followup))
    if before and after and max(before[0], after[0]) <= min(before[1], after[1]):
        yield "The 90 % intervals of the infarct overlap: its change may be none."
    yield (
        "In the first days LGE takes edema at an infarct's border for infarct, so that part of "
        "the shrinkage is edema that is gone."
    )
