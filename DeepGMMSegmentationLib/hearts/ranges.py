"""The ranges that a heart is drawn from, read from a JSON file that a user may change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional, Union, overload

import numpy as np

from ..errors import InvalidInput

SHIPPED = Path(__file__).resolve().parents[1] / "Resources" / "drawing.json"
SECTIONS = ("anatomy", "surroundings", "acquisition", "clicks")
# Where in the distribution the five numbers of a measured range lie; the ends are prolonged.
PERCENTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
PROLONGED = 0.5


class Ranges:
    """Named ranges, each a number, ``[least, most]`` or the percentiles 5, 25, 50, 75, 95.

    In the file every name lies in a section and has a ``value`` and a text ``about`` it, with
    its unit; ``styles`` are sets of other values, each drawn with the probability ``share``.

    Parameters
    ----------
    values : mapping of str to float or list of float
    styles : sequence of (float, mapping), optional
        Shares and the values that differ.
    """

    def __init__(
        self, values: Mapping[str, Any], styles: tuple[tuple[float, Mapping[str, Any]], ...] = ()
    ) -> None:
        for name, value in values.items():
            numbers = np.atleast_1d(np.asarray(value, dtype=object))
            numeric = all(isinstance(v, (int, float)) for v in numbers)
            rising = numeric and all(a <= b for a, b in zip(numbers, numbers[1:]))
            if not rising or numbers.shape not in ((1,), (2,), (5,)):
                raise InvalidInput(
                    f"{name} is {value!r}; give a number, two or five that do not fall."
                )
        self.values, self.styles = dict(values), tuple(styles)
        shares = np.array([share for share, _ in self.styles] or [1.0], dtype=float)
        self._until = np.cumsum(shares / shares.sum())
        self._with_style = [Ranges({**self.values, **other}) for _, other in self.styles] or [self]

    @classmethod
    def load(cls, path: Optional[Union[str, Path]] = None) -> Ranges:
        """Read a drawing file; without a path the one that comes with the library.

        Raises
        ------
        InvalidInput
            If it cannot be read, or holds what is no range.
        """
        path = SHIPPED if path is None else Path(path)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            pairs = [
                (name, entry["value"]) for part in SECTIONS for name, entry in content[part].items()
            ]
            styles = tuple((style["share"], style["values"]) for style in content["styles"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidInput(
                f"{path} is no drawing file ({error!r}); begin with a copy of {SHIPPED}."
            ) from error
        values = dict(pairs)
        names = [name for name, _ in pairs]
        for name in [*names, *(name for _, other in styles for name in other)]:
            if name not in values or names.count(name) > 1:
                raise InvalidInput(
                    f"{path} has {name!r} in a style but in no section, or twice; name it once."
                )
        return cls(values, styles)

    def style(self, rng: np.random.Generator) -> Ranges:
        """Return the ranges of one style, drawn by the shares."""
        chosen = int(np.searchsorted(self._until, rng.random(), side="right"))
        return self._with_style[min(chosen, len(self._with_style) - 1)]

    def changed(self, **values: Any) -> Ranges:
        """Return the same ranges with some changed, in every style."""
        styles = tuple(
            (share, {k: v for k, v in other.items() if k not in values})
            for share, other in self.styles
        )
        return Ranges({**self.values, **values}, styles)

    @overload
    def draw(self, rng: np.random.Generator, name: str) -> float: ...

    @overload
    def draw(self, rng: np.random.Generator, name: str, size: int) -> np.ndarray: ...

    def draw(
        self, rng: np.random.Generator, name: str, size: Optional[int] = None
    ) -> Union[float, np.ndarray]:
        """Draw from a range: the number itself, uniformly, or by its percentiles."""
        value = self.values[name]
        if isinstance(value, (int, float)):
            return float(value) if size is None else np.full(size, float(value))
        if len(value) == 2:
            return rng.uniform(value[0], value[1], size)
        low = value[0] - PROLONGED * (value[1] - value[0])
        high = value[4] + PROLONGED * (value[4] - value[3])
        return np.interp(rng.random(size), PERCENTILES, (low, *value, high))

    def whole(self, rng: np.random.Generator, name: str) -> int:
        """Draw a whole number, both ends included."""
        least, most = self.values[name]
        return int(rng.integers(least, most + 1))

    def chance(self, rng: np.random.Generator, name: str) -> bool:
        """Say yes with the probability that the range is."""
        return bool(rng.random() < self.values[name])
