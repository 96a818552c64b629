"""The Python packages that Slicer does not have: which are there, and their installation."""

from __future__ import annotations

import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import slicer
from slicer.i18n import tr as _

from DeepGMMSegmentationLib.errors import DeepGMMError

REQUESTER = "DeepGMM Segmentation"
TORCH = ">=2.2"
PACKAGES = ["scikit-learn", "matplotlib"]
FOR_NETWORKS = "safetensors"  # reads the files of trained networks
KEPT = ("numpy", "scipy", "SimpleITK")  # Slicer's own, which pip must not replace


def installed(package: str) -> str:
    """Return the version of a package, or an empty text, without importing it."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def missing(network: bool = False) -> list[str]:
    """Return the packages that a run needs, with a trained network or without, and has not."""
    needed = ["torch", *PACKAGES, *([FOR_NETWORKS] if network else [])]
    return [package for package in needed if not installed(package)]


def torchStatus() -> str:
    """Return a line for the panel: torch's version, or what is missing."""
    if missing():
        return _("{packages} not installed").format(packages=", ".join(missing()))
    return _("PyTorch {version}").format(version=installed("torch"))


def ensure(network: bool = False) -> None:
    """Install what is missing, after asking the user.

    Parameters
    ----------
    network : bool
        Whether a trained network is to be read.

    Raises
    ------
    DeepGMMError
        If something is still missing; the text says what to do next.
    """
    if not installed("torch"):
        _installTorch()
    others = [package for package in missing(network) if package != "torch"]
    if others:
        _installPackages(others)
    if missing(network):
        raise DeepGMMError(
            _("{packages} could not be installed; check the network and the application log, "
              "then try again.").format(packages=", ".join(missing(network)))
        )  # fmt: skip


def _installTorch() -> None:
    try:
        from PyTorchUtils import PyTorchUtilsLogic
    except ImportError as error:
        raise DeepGMMError(
            _("PyTorch is not installed. Install the extension PyTorch with the Extensions "
              "Manager, restart Slicer and try again.")
        ) from error  # fmt: skip
    try:
        torch = PyTorchUtilsLogic().installTorch(
            askConfirmation=True, torchVersionRequirement=TORCH
        )
    except Exception as error:
        raise DeepGMMError(
            _("PyTorch could not be installed ({error}). Check the network, or restart Slicer and "
              "install it with the module PyTorch Utils.").format(error=error)
        ) from error  # fmt: skip
    if torch is None:
        raise DeepGMMError(_("PyTorch is needed and was not installed; agree to it to go on."))


def _installPackages(packages: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "constraints.txt"
        pins = [f"{package}=={installed(package)}" for package in KEPT if installed(package)]
        constraints.write_text("\n".join(pins), encoding="utf-8")
        try:
            _pip(packages, constraints)
        except DeepGMMError:
            raise
        except Exception as error:
            raise DeepGMMError(
                _("{packages} could not be installed ({error}). Check the network and try again.")
                .format(packages=", ".join(packages), error=error)
            ) from error  # fmt: skip


def _pip(packages: list[str], constraints: Path) -> None:
    try:
        from slicer.packaging import pip_ensure
    except ImportError:  # Slicer before 5.12
        names = ", ".join(packages)
        question = _("{packages} will be downloaded and installed into Slicer's Python. Continue?")
        if not slicer.util.confirmOkCancelDisplay(question.format(packages=names), REQUESTER):
            raise DeepGMMError(
                _("{packages} is needed and was not installed; agree to it to go on.").format(
                    packages=names
                )
            ) from None
        slicer.util.pip_install([*packages, "-c", str(constraints)])
    else:
        pip_ensure(packages, constraints=constraints, requester=REQUESTER)
