"""What a choice entails: settings and tissues follow the preset, a segment follows the region."""

from __future__ import annotations

from typing import Any

import slicer
from slicer import vtkMRMLSegmentationNode

from . import choices, presets


class Consequences:
    """Remembers the choices of a parameter node, to see which of them was changed."""

    def __init__(self, node: Any) -> None:
        self._node = node
        self._basis, self._region = presets.basis(node), (node.region, node.segment)

    def draw(self) -> None:
        """Bring the node into line with what was changed since the last time."""
        self._followBasis()
        self._followRegion()

    def _followBasis(self) -> None:
        """Follow the preset, the method and the set of images with settings and tissues."""
        node, before = self._node, self._basis
        self._basis = presets.basis(node)
        with slicer.util.NodeModify(node):
            if self._basis != before:
                presets.applyRecommended(node, keep=presets.FREE)
                if (self._basis[0], self._basis[2]) != (before[0], before[2]):
                    presets.resetTissues(node)
            presets.matchTissuesToClasses(node)

    def _followRegion(self) -> None:
        """Choose a likely segment of another region, unless one was chosen with it."""
        node = self._node
        before, self._region = self._region, (node.region, node.segment)
        if node.region is not before[0] and node.segment in ("", before[1]):
            segmented = isinstance(node.region, vtkMRMLSegmentationNode)
            node.segment = choices.likelyRegion([node.region])[1] if segmented else ""
            self._region = node.region, node.segment
