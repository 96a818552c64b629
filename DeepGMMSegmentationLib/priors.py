"""What is known of the tissues before an image is seen: how they look and where they lie."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np

from .errors import InvalidInput


@dataclass(frozen=True)
class Prior:
    """A tissue preset: the look and the place of each of K tissues.

    Attributes
    ----------
    name : str
        What the preset is called.
    source : str
        Where its figures come from.
    tissues : tuple of str
        K names.
    means, deviations : dict of str to tuple of float
        Per sequence role (LGE, T2, bSSFP or any name) the K means and deviations of the
        intensities, in units of the region: zero mean and unit deviation over it.
    proportions : tuple of float
        K proportions, summing to 1.
    depth : tuple of tuple of float, optional
        The probability of each of the K tissues in equal bins of depth, from the region's outer
        border (first bin) to its centre (last).
    """

    name: str
    source: str
    tissues: tuple[str, ...]
    means: dict[str, tuple[float, ...]]
    deviations: dict[str, tuple[float, ...]]
    proportions: tuple[float, ...]
    depth: Optional[tuple[tuple[float, ...], ...]] = None

    def __post_init__(self) -> None:
        count = len(self.tissues)

        def row(values: Any, what: str) -> tuple[float, ...]:
            array = np.asarray(values, dtype=float)
            if array.shape != (count,) or not np.isfinite(array).all():
                raise InvalidInput(f"The prior's {what} must be {count} finite numbers.")
            return tuple(array.tolist())

        object.__setattr__(self, "tissues", tuple(self.tissues))
        if set(self.means) != set(self.deviations) or not self.means:
            raise InvalidInput("The prior needs means and deviations for the same sequences.")
        for what in ("means", "deviations"):
            table = {role: row(v, f"{what} of {role}") for role, v in getattr(self, what).items()}
            object.__setattr__(self, what, table)
        if min(min(values) for values in self.deviations.values()) <= 0:
            raise InvalidInput("The prior's deviations must be above 0.")
        object.__setattr__(self, "proportions", row(self.proportions, "proportions"))
        if min(self.proportions) <= 0 or abs(sum(self.proportions) - 1) > 1e-3:
            raise InvalidInput("The prior's proportions must be above 0 and sum to 1.")
        if self.depth is not None:
            bins = tuple(row(values, "depth bins") for values in self.depth)
            if any(min(values) < 0 or abs(sum(values) - 1) > 1e-2 for values in bins):
                raise InvalidInput("Each depth bin of the prior must hold probabilities.")
            object.__setattr__(self, "depth", bins)

    @classmethod
    def from_dict(cls, values: Any) -> Prior:
        """Build a prior from what `json.loads` returned, refusing what is not one."""
        names = {field.name for field in dataclasses.fields(cls)}
        if not isinstance(values, dict) or not set(values) <= names:
            raise InvalidInput(
                f"A prior is a JSON object with the fields {', '.join(sorted(names))}."
            )
        try:
            return cls(**values)
        except TypeError as error:
            raise InvalidInput(f"The prior is incomplete ({error}).") from error

    def to_json(self) -> str:
        """Return the prior as JSON text."""
        return json.dumps(dataclasses.asdict(self), indent=2)
