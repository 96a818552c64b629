"""What the module does with results, and with segmentations that the user labelled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional, Union

from slicer import (
    vtkMRMLMarkupsFiducialNode,
    vtkMRMLScalarVolumeNode,
    vtkMRMLSegmentationNode,
)

from DeepGMMSegmentationLib.cardiac.comparison import Comparison
from DeepGMMSegmentationLib.priors import Prior

from .scene import owned_nodes, result_nodes, tables
from .scene.comparing import compareResults, showComparison
from .scene.images import checkVolumes
from .scene.measuring import writeReport
from .scene.prior_estimation import estimate
from .scene.region import regionArray
from .scene.request import rolesByName
from .scene.stored_result import readRecord


class ResultLogic:
    """A part of the module's logic: measures, reports, comparisons and priors."""

    def recompute(
        self,
        segmentation: vtkMRMLSegmentationNode,
        rvInsertion: Optional[vtkMRMLMarkupsFiducialNode] = None,
        remote: Any = None,
    ) -> dict[str, Any]:
        """Measure a result again after its segments were edited, and update its tables in place.

        Segments may be edited and renamed; one that was added counts by its name. Expected
        volumes, their intervals and the entropy are of the fit, as a note says.

        Parameters
        ----------
        segmentation : vtkMRMLSegmentationNode
            What `process` returned.
        rvInsertion, remote
            As in `process`.

        Returns
        -------
        dict
            The measures, as `DeepGMMSegmentationLib.cardiac.measures.Measures.to_dict` gives them.

        Raises
        ------
        InvalidInput
            If the segmentation is no result, or a segment is none of its tissues. Nothing is
            changed then.
        """
        result_nodes.recompute(segmentation, rvInsertion, remote)
        return readRecord(segmentation)["measures"]

    def undo(self, segmentation: vtkMRMLSegmentationNode) -> None:
        """Bring back what a segmentation was before its last result; undone itself by a second.

        Raises
        ------
        InvalidInput
            If there is no earlier version.
        """
        for _step in result_nodes.undo(segmentation):
            pass

    def tableText(self, segmentation: vtkMRMLSegmentationNode) -> str:
        """Return the table of measures with tabs between its columns, as spreadsheets paste it."""
        readRecord(segmentation)  # or there is no table
        return "\n".join(
            map(tables.tableText, owned_nodes.ownedNodes(segmentation, [owned_nodes.TABLE]))
        )

    def saveReport(
        self,
        segmentation: vtkMRMLSegmentationNode,
        path: Union[str, Path],
        rvInsertion: Optional[vtkMRMLMarkupsFiducialNode] = None,
        remote: Any = None,
    ) -> tuple[Path, Path]:
        """Write the report of a result, edited or not, as an HTML file and a CSV file beside it.

        Neither holds anything from the images' metadata or the names of nodes; the case is called
        as the file is.

        Returns
        -------
        tuple of Path
            The two files.

        Raises
        ------
        InvalidInput
            If the segmentation is no result, an image is gone, or a file cannot be written.
        """
        return writeReport(segmentation, Path(path), rvInsertion, remote)

    def compare(
        self, baseline: vtkMRMLSegmentationNode, followup: vtkMRMLSegmentationNode
    ) -> Comparison:
        """Compare a result with that of an earlier examination, and show that in a table.

        Parameters
        ----------
        baseline, followup : vtkMRMLSegmentationNode
            What `process` returned. The table belongs to the follow-up.

        Raises
        ------
        InvalidInput
            If one of them is no result, both are the same, or one has no mass of myocardium.
        """
        comparison = compareResults(baseline, followup)
        showComparison(comparison, baseline, followup)
        return comparison

    def estimatePrior(
        self,
        volumes: Sequence[vtkMRMLScalarVolumeNode],
        region: Any,
        segment: str,
        labelled: vtkMRMLSegmentationNode,
        roles: Optional[Sequence[str]] = None,
    ) -> Prior:
        """Return how the tissues of a labelled segmentation look and where in the region they lie.

        ``Settings.infarct(roles, prior=prior)`` uses it.

        Parameters
        ----------
        volumes, region, segment, roles
            As in `process`.
        labelled : vtkMRMLSegmentationNode
            A segment per tissue, named.

        Raises
        ------
        InvalidInput
            If something is missing, or a tissue does not occur in the region.
        """
        checkVolumes(volumes)
        inside = regionArray(region, segment, volumes[0])
        return estimate(volumes, inside, labelled, roles or rolesByName(volumes))
