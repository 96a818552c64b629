"""Starts the stand-in for Slicer before the first test that needs it, and what saves time."""

import copy
import functools
import sys
from pathlib import Path

import pytest

from DeepGMMSegmentationLib.hearts import sample

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def drawn_once(heart):
    """Draw each heart once in a process, as hundreds of tests begin with the same few."""
    kept = functools.lru_cache(maxsize=64, typed=True)(heart)
    return functools.wraps(heart)(lambda *args, **kwargs: copy.deepcopy(kept(*args, **kwargs)))


sample.heart = drawn_once(sample.heart)  # before a test imports it


def pytest_pycollect_makemodule(module_path):
    if module_path.name.startswith("test_slicer"):
        import SlicerHost

        SlicerHost.start()


def pytest_collection_modifyitems(items):
    """Run the module's tests last: one reloads the library, whose errors are then other classes."""
    items.sort(key=lambda item: "slicer_module" in item.path.parts)


@pytest.fixture
def one_thread():
    """What is so small is slower on several, and very slow where they are taken."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
