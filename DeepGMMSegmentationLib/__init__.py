"""Tissues of a region in aligned multi-sequence images, found without labels.

Gaussian mixtures (GMM), spatially variant ones (SVGMM) and the two with a U-Net in place of the
E-step (deepG, deepSVG), after Schwab, Mayr and Haltmeier, arXiv:2404.12252.

    from DeepGMMSegmentationLib import Settings, segment
    result = segment(images, roi, Settings(method="deepSVG", classes=4))

`find_region` gives the region from one click into a left ventricle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import Cancelled, DeepGMMError, InvalidInput, OutOfMemory
from .settings import Settings
from .version import __version__

if TYPE_CHECKING:
    from .anatomy.ventricle import find_region
    from .segmentation import segment

__all__ = [
    "Cancelled",
    "DeepGMMError",
    "InvalidInput",
    "OutOfMemory",
    "Settings",
    "__version__",
    "find_region",
    "segment",
]


def __getattr__(name: str) -> object:
    """Import what needs torch only when it is asked for (PEP 562)."""
    if name == "segment":
        from .segmentation import segment

        return segment
    if name == "find_region":
        from .anatomy.ventricle import find_region

        return find_region
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
