"""The version of the library, the command line and the module, and of what they stand on."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

__version__ = "1.0.0"
PACKAGES = ("deepgmmsegmentation", "torch", "numpy", "scipy", "scikit-learn", "SimpleITK")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a result depends on."""
    installed = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            installed[package] = version(package)
        except PackageNotFoundError:  # not installed as a package, as in 3D Slicer
            continue
    return installed
