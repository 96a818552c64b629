"""How long the command line and the imports take to start, each in a fresh process.

python Testing/Benchmarks/startup.py --out startup.csv
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

from shared import machine, write_csv

COMMANDS = {
    "python alone": ["-c", "pass"],
    "import DeepGMMSegmentationLib": ["-c", "import DeepGMMSegmentationLib"],
    "deepgmm --help": ["-m", "DeepGMMSegmentationLib", "--help"],
    "deepgmm segment --help": ["-m", "DeepGMMSegmentationLib", "segment", "--help"],
    "import torch": ["-c", "import torch"],
    "import segment": ["-c", "from DeepGMMSegmentationLib import segment"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="startup.csv", help="the CSV to write")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each; the median counts")
    arguments = parser.parse_args()
    print(machine())
    rows = []
    for name, command in COMMANDS.items():
        seconds = []
        for _ in range(arguments.repeats + 1):  # the first one warms the disk cache
            began = time.perf_counter()
            subprocess.run([sys.executable, *command], check=True, capture_output=True)
            seconds.append(time.perf_counter() - began)
        rows.append({"command": name, "median_s": round(statistics.median(seconds[1:]), 3)})
        print(rows[-1])
    write_csv(arguments.out, rows)


if __name__ == "__main__":
    main()
