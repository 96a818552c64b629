"""What the benchmarks share: the line that says what they ran on, and the CSV."""

from __future__ import annotations

import csv
import os
import platform
import sys


def machine() -> str:
    """Return what this runs on, with PyTorch's part where that is loaded."""
    text = (
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}"
    )
    torch = sys.modules.get("torch")
    if torch is None:
        return text
    return (
        f"{text}, torch {torch.__version__}, {torch.get_num_threads()} threads, "
        f"CUDA {torch.cuda.is_available()}"
    )


def write_csv(path: str, rows: list[dict]) -> None:
    """Write rows of the same keys as a table with a header."""
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
