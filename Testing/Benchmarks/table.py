"""The CSV that each benchmark writes."""

from __future__ import annotations

import csv


def write_csv(path: str, rows: list[dict]) -> None:
    """Write rows of the same keys as a table with a header."""
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
