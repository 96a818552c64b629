"""The measures of a case as one long table, and of a cohort as one row per case, in CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Optional, Union

Value = Union[str, int, float, bool, None]

UNITS = {
    "ml": "mL",
    "expected_ml": "mL",
    "low_ml": "mL",
    "high_ml": "mL",
    "grams": "g",
    "percent_of_myocardium": "%",
    "percent_of_region": "%",
    "infarct_percent": "%",
    "edema_percent": "%",
    "mean_transmurality": "%",
    "max_transmurality": "%",
    "threshold": "intensity",
    "mean": "intensity",
    "deviation": "intensity",
}
TITLES = ("tissue", "method", "name", "number")  # what the rows of a part are called by
UNIONS = ("myocardium", "infarct", "no_reflow", "area_at_risk")


@dataclass(frozen=True)
class Row:
    """One figure: of which item in which section it is what quantity, with its value."""

    section: str
    item: str
    quantity: str
    value: Value

    @property
    def unit(self) -> str:
        """The quantity's unit; empty for counts, ratios and text."""
        return UNITS.get(self.quantity, "")

    @property
    def column(self) -> str:
        """The figure's name in the cohort table: lower case letters, digits and underscores."""
        words = f"{self.section} {self.item} {self.quantity}".lower()
        return re.sub("[^a-z0-9]+", "_", words).strip("_")


def rows(record: Mapping[str, Any]) -> list[Row]:
    """Return every figure of a case in reading order.

    Parameters
    ----------
    record : mapping
        `Measures.to_dict`, or what `json.loads` made of its JSON.
    """
    return list(_rows(record))


def case_csv(record: Mapping[str, Any]) -> str:
    """Return the table of one case: case, section, item, quantity, unit, value.

    Slices are counted from 1, as in the pictures.
    """
    table = [
        (record["case"], row.section, row.item, row.quantity, row.unit, _text(row.value))
        for row in rows(record)
    ]
    return csv_text([("case", "section", "item", "quantity", "unit", "value"), *table])


def cohort_csv(records: Iterable[Mapping[str, Any]]) -> str:
    """Return the table of a cohort, one row per case, ready for statistics.

    Columns are in order of first appearance; what a case has not is empty. Single slices, whose
    number differs from case to case, and the texts of warnings and notes stay in the case's table.
    """
    lines = []
    for record in records:
        figures = {"case": record["case"]}
        figures.update(
            (row.column, _text(row.value))
            for row in rows(record)
            if row.section not in ("slice", "warning", "note")
        )
        figures["warnings"] = str(len(record["warnings"]))
        lines.append(figures)
    columns = list(dict.fromkeys(column for line in lines for column in line))
    return csv_text([columns, *[[line.get(c, "") for c in columns] for line in lines]])


def _rows(record: Mapping[str, Any]) -> Iterator[Row]:
    yield Row("fit", "", "method", record["method"])
    yield Row("fit", "", "sequences", " ".join(record["roles"]))
    yield Row("fit", "", "converged", record["converged"])
    yield Row("fit", "", "mean entropy", record["mean_entropy"])
    for tissue, dice in zip(record["tissues"], record["agreement"] or ()):
        yield Row("fit", tissue, "agreement", dice)
    for size in record["sizes"]:
        yield from _fields("tissue", size["tissue"], size)
    yield from _infarct("heart", "", record["infarct"])
    for question, probability in (record.get("presence") or {}).items():
        yield Row("presence", question, "probability", probability)
    for volume in record["volumes"]:
        yield from _fields("interval", volume["tissue"], volume)
    if record["remote"]:
        yield from _fields("remote", "myocardium", record["remote"])
    for yardstick in record["yardsticks"]:
        yield from _fields("yardstick", yardstick["method"], yardstick)
    if record["aha"]:
        yield Row("heart", "", "viable segments", record["aha"]["viable"])
        yield Row("heart", "", "judged segments", record["aha"]["judged"])
    for segment in record["aha"]["segments"] if record["aha"] else ():
        number = "" if segment["number"] is None else f"{segment['number']:02d} "
        yield from _fields("segment", number + segment["name"], segment)
    for part in record["slices"]:
        yield from _infarct("slice", f"{part['slice'] + 1} ", part)
    for section in ("warning", "note"):
        for text in record[f"{section}s"]:
            yield Row(section, "", "text", text)


def _fields(section: str, item: str, values: Mapping[str, Any]) -> Iterator[Row]:
    for name, value in values.items():
        if name not in TITLES:
            yield Row(section, item, name, value)


def _infarct(section: str, prefix: str, part: Optional[Mapping[str, Any]]) -> Iterator[Row]:
    if part is None:
        return
    for name in UNIONS:
        if part[name] is not None:
            yield from _fields(section, prefix + part[name]["tissue"], part[name])
    yield Row(section, prefix.strip(), "salvage index", part["salvage_index"])


def _text(value: Value) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)


def csv_text(lines: Iterable[Iterable[object]]) -> str:
    """Return rows of cells as the text of a CSV file.

    Text that a spreadsheet would run as a formula begins with an apostrophe there.
    """
    text = io.StringIO()
    rows = ([_harmless(cell) for cell in line] for line in lines)
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _harmless(cell: object) -> object:
    if not isinstance(cell, str) or not cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return cell
    try:
        float(cell)  # a number below 0
    except ValueError:
        return "'" + cell
    return cell
