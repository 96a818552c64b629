"""Tissues of a region in aligned multi-sequence images, found without labels.

Gaussian mixtures (GMM), spatially variant ones (SVGMM) and the two with a U-Net in place of the
E-step (deepG, deepSVG), after Schwab, Mayr and Haltmeier, arXiv:2404.12252.

    from DeepGMMSegmentationLib import Settings, segment
    result = segment(images, roi, Settings(method="deepSVG", classes=4))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import Cancelled, DeepGMMError, InvalidInput, OutOfMemory
from .settings import Settings
from .version import __version__

if TYPE_CHECKING:
    from .segmentation import segment

__all__ = [
    "Cancelled",
    "DeepGMMError",
    "InvalidInput",
    "OutOfMemory",
    "Settings",
    "__version__",
    "segment",
]


def __getattr__(name: str) -> object:
    """Import `segment`, and torch with it, only when it is asked for (PEP 562)."""
    if name == "segment":
        from .segmentation import segment

        return segment
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
