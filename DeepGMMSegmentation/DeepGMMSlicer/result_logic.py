"""What the module does with results, and with segmentations that the user labelled."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, Optional, Union

from slicer import (
    vtkMRMLMarkupsFiducialNode,
    vtkMRMLScalarVolumeNode,
    vtkMRMLSegmentationNode,
)
from slicer.i18n import tr as _

from DeepGMMSegmentationLib.cardiac.comparison import Comparison
from DeepGMMSegmentationLib.errors import InvalidInput
from DeepGMMSegmentationLib.priors import Prior
from DeepGMMSegmentationLib.worker.requests import MeasureRequest, ReportRequest

from .run import Done, Run, Runs
from .scene import owned_nodes, result_nodes, tables
from .scene.comparing import compareResults, showComparison
from .scene.images import checkVolumes
from .scene.measuring import readMeasurable, writePage
from .scene.prior_estimation import estimate
from .scene.region import regionArray
from .scene.request import rolesByName
from .scene.snapshot import fingerprint
from .scene.stored_result import readRecord


class ResultLogic:
    """A part of the module's logic: measures, reports, comparisons and priors."""

    _runs: Runs

    def recompute(
        self,
        segmentation: vtkMRMLSegmentationNode,
        rvInsertion: Optional[vtkMRMLMarkupsFiducialNode] = None,
        remote: Any = None,
        *,
        wait: bool = True,
        whenDone: Optional[Done] = None,
    ) -> Union[dict[str, Any], Run]:
        """Measure a result again after its segments were edited, and update its tables in place.

        Segments may be edited and renamed; one that was added counts by its name. Expected
        volumes, their intervals and the entropy are of the fit, as a note says.

        Parameters
        ----------
        segmentation : vtkMRMLSegmentationNode
            What `process` returned.
        rvInsertion, remote, wait, whenDone
            As in `process`.

        Returns
        -------
        dict or Run
            The measures, as `DeepGMMSegmentationLib.cardiac.measures.Measures.to_dict` gives them;
            the run where this does not wait.

        Raises
        ------
        InvalidInput
            If the segmentation is no result, a segment is none of its tissues, or they are changed
            meanwhile. Nothing is changed by this then.
        """
        arguments, names = readMeasurable(segmentation, rvInsertion, remote)
        before = fingerprint(segmentation)

        def finish(measures: dict[str, Any]) -> Generator[Any, None, None]:
            if fingerprint(segmentation) != before:
                raise InvalidInput(
                    _("{name} was changed while it was measured; click Recompute again.").format(
                        name=segmentation.GetName()
                    )
                )
            result_nodes.showMeasures(segmentation, arguments["result"], names, measures)
            yield readRecord(segmentation)["measures"]

        request = MeasureRequest(arguments)
        return self._runs.begin(request, [segmentation], finish, wait=wait, whenDone=whenDone)

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
        *,
        wait: bool = True,
        whenDone: Optional[Done] = None,
    ) -> Union[tuple[Path, Path], Run]:
        """Write the report of a result, edited or not, as an HTML file and a CSV file beside it.

        Neither holds anything from the images' metadata or the names of nodes; the case is called
        as the file is.

        Parameters
        ----------
        segmentation, rvInsertion, remote, wait, whenDone
            As in `recompute`.
        path : path
            Of the HTML file.

        Returns
        -------
        tuple of Path, or Run
            The two files; the run where this does not wait.

        Raises
        ------
        InvalidInput
            If the segmentation is no result, an image is gone, or a file cannot be written.
        """
        page = Path(path)
        arguments, _names = readMeasurable(segmentation, rvInsertion, remote)
        if arguments["images"] is None:
            raise InvalidInput(
                _("The images that {name} came from are not in the scene, or were changed; load "
                  "them and click Apply again.").format(name=segmentation.GetName())
            )  # fmt: skip

        def finish(texts: tuple[str, str]) -> Generator[Any, None, None]:
            yield writePage(page, *texts)

        request = ReportRequest({**arguments, "case": page.stem})
        return self._runs.begin(request, [segmentation], finish, wait=wait, whenDone=whenDone)

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
