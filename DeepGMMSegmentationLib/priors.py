"""What is known of the tissues before an image is seen: how they look and where they lie."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import numpy as np

from .errors import InvalidInput

CLASSES = (2, 8)  # how many tissues can be told apart, at least and at most

# On LGE blood is bright; of the dark-blood kinds (DB-LGE, FIDDLE) it is as dark as muscle.
LGE, DARK_BLOOD_LGE = "LGE", "dark-blood LGE"

MOST = 1e6  # deviations of a region that a tissue's mean may be away, or its own deviation be


def lge_index(roles: Sequence[str]) -> Optional[int]:
    """Return which of the sequences is LGE of either kind; None where none is."""
    return next((m for m, role in enumerate(roles) if role in (LGE, DARK_BLOOD_LGE)), None)


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
        names: Any = self.tissues  # as a file may have it
        if (
            isinstance(names, str)
            or len(set(names)) != len(names)
            or not all(isinstance(name, str) for name in names)
        ):
            raise InvalidInput("The prior's tissues must be a list of different names.")
        if not isinstance(self.name, str) or not isinstance(self.source, str):
            raise InvalidInput("The prior's name and source must be text.")
        count = len(names)
        least, most = CLASSES
        if not least <= count <= most:
            raise InvalidInput(f"The prior has {count} tissues; give {least} to {most}.")

        def row(values: Any, what: str) -> tuple[float, ...]:
            try:
                array = np.asarray(values)
            except ValueError:  # rows of different lengths
                array = np.empty(0)
            if (
                array.dtype.kind not in "iuf"
                or array.shape != (count,)
                or not np.isfinite(array).all()
            ):
                raise InvalidInput(f"The prior's {what} must be {count} finite numbers.")
            return tuple(array.astype(float).tolist())

        object.__setattr__(self, "tissues", tuple(names))
        if not (isinstance(self.means, dict) and isinstance(self.deviations, dict)):
            raise InvalidInput("The prior's means and deviations must be tables by sequence.")
        if set(self.means) != set(self.deviations) or not self.means:
            raise InvalidInput("The prior needs means and deviations for the same sequences.")
        for what in ("means", "deviations"):
            table = {role: row(v, f"{what} of {role}") for role, v in getattr(self, what).items()}
            object.__setattr__(self, what, table)
        if not all(
            abs(mean) <= MOST and 1 / MOST <= deviation <= MOST
            for role in self.means
            for mean, deviation in zip(self.means[role], self.deviations[role])
        ):
            raise InvalidInput(
                f"The prior's deviations must be above 0, from {1 / MOST:g} to {MOST:g}, and its "
                f"means from {-MOST:g} to {MOST:g}."
            )
        object.__setattr__(self, "proportions", row(self.proportions, "proportions"))
        if min(self.proportions) <= 0 or abs(sum(self.proportions) - 1) > 1e-3:
            raise InvalidInput("The prior's proportions must be above 0 and sum to 1.")
        if self.depth is not None:
            if not len(self.depth):
                raise InvalidInput("The prior's depth profile is empty; give bins or none.")
            bins = tuple(row(values, "depth bins") for values in self.depth)
            if any(min(values) < 0 or abs(sum(values) - 1) > 1e-2 for values in bins):
                raise InvalidInput("Each depth bin of the prior must hold probabilities.")
            object.__setattr__(self, "depth", bins)

    def merged(self, tissue: str, into: str) -> Prior:
        """Return the prior without a tissue, whose share and place another one takes over.

        The other tissue looks as before.
        """
        gone, other = self.tissues.index(tissue), self.tissues.index(into)

        def without(values: tuple[float, ...]) -> tuple[float, ...]:
            return values[:gone] + values[gone + 1 :]

        def added(values: tuple[float, ...]) -> tuple[float, ...]:
            return without(
                tuple(v + (values[gone] if k == other else 0.0) for k, v in enumerate(values))
            )

        return dataclasses.replace(
            self,
            tissues=tuple(name for name in self.tissues if name != tissue),
            means={role: without(values) for role, values in self.means.items()},
            deviations={role: without(values) for role, values in self.deviations.items()},
            proportions=added(self.proportions),
            depth=None if self.depth is None else tuple(added(values) for values in self.depth),
        )

    def without_blood(self) -> Prior:
        """Return the prior of the wall alone, in units of the wall; its places are not known."""
        place = self.tissues.index("blood pool")
        rest = [k for k in range(len(self.tissues)) if k != place]
        shares = np.array(self.proportions)[rest] / sum(self.proportions[k] for k in rest)
        means, deviations = {}, {}
        for role in self.means:
            m, d = (np.array(table[role])[rest] for table in (self.means, self.deviations))
            centre = shares @ m
            spread = np.sqrt(shares @ (d**2 + (m - centre) ** 2))
            means[role] = tuple(((m - centre) / spread).tolist())
            deviations[role] = tuple((d / spread).tolist())
        return dataclasses.replace(
            self,
            tissues=tuple(self.tissues[k] for k in rest),
            means=means,
            deviations=deviations,
            proportions=tuple(shares.tolist()),
            depth=None,
        )

    @classmethod
    def infarct(cls, *, edema: bool = True, no_reflow: bool = False) -> Prior:
        """Return the prior of myocardial infarction that comes with the library.

        Parameters
        ----------
        edema : bool
            Whether edema is a tissue of its own, or part of the healthy myocardium.
        no_reflow : bool
            Whether no-reflow is a tissue of its own, or part of the scar.
        """
        text = (Path(__file__).parent / "Resources" / "infarct.json").read_text(encoding="utf-8")
        prior = cls.from_dict(json.loads(text))
        if not edema:
            prior = prior.merged("edema", into="healthy myocardium")
        return prior if no_reflow else prior.merged("no-reflow", into="scar")

    @classmethod
    def blood_and_myocardium(cls) -> Prior:
        """Return that prior with all of the myocardium as one tissue, for any sequence."""
        return cls.infarct(edema=False).merged("scar", into="healthy myocardium")

    @classmethod
    def from_dict(cls, values: Any) -> Prior:
        """Build a prior from what `json.loads` returned, refusing what is not one."""
        names = {field.name for field in dataclasses.fields(cls)}
        if not isinstance(values, dict) or not set(values) <= names:
            raise InvalidInput(
                f"A prior is a JSON object with the fields {', '.join(sorted(names))}."
            )
        missing = sorted(names - {*values, "depth"})
        if missing:
            raise InvalidInput(f"The prior is incomplete; add {', '.join(missing)}.")
        try:
            return cls(**values)
        except TypeError as error:
            raise InvalidInput(f"A field of the prior is of another kind ({error}).") from error

    def to_json(self) -> str:
        """Return the prior as JSON text."""
        return json.dumps(dataclasses.asdict(self), indent=2)
