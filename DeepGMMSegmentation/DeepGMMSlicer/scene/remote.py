"""The remote myocardium that n-SD takes, as a segmentation that the user can correct."""

from __future__ import annotations

from typing import Any

import slicer
from slicer.i18n import tr as _

from DeepGMMSegmentationLib.errors import InvalidInput

from .measuring import REMOTE
from .owned_nodes import PROBABILITIES
from .segmentation_nodes import addRegion
from .stored_result import readImages, readResult


def proposeRemote(node: Any) -> Any:
    """Add the remote myocardium that n-SD takes without another, as a segmentation to be edited.

    Raises
    ------
    InvalidInput
        If the segmentation is no result, or no such region can be told.
    """
    from DeepGMMSegmentationLib.cardiac.remote import proposed_remote

    result, _names = readResult(node)
    images = readImages(node)
    remote = None if images is None else proposed_remote(result, images)
    if remote is None or not remote.any():
        raise InvalidInput(
            _("No remote myocardium can be proposed for {name}: that takes the LGE image it came "
              "from, and a wall around a cavity. Draw a region.").format(name=node.GetName())
        )  # fmt: skip
    name = slicer.mrmlScene.GenerateUniqueName(_("Remote myocardium"))
    return addRegion(name, remote, node.GetNodeReference(PROBABILITIES), REMOTE)
