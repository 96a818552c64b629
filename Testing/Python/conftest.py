"""Starts the stand-in for the Slicer application before the first test that needs it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def pytest_pycollect_makemodule(module_path):
    if module_path.name.startswith("test_slicer"):
        import SlicerHost

        SlicerHost.start()
