"""Lets the tests of the Slicer module find their host; others are none the wiser."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
