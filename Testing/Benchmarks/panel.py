"""How long what is clicked in the panel takes in 3D Slicer, and how long its window waits.

``Slicer --additional-module-paths DeepGMMSegmentation --python-script Testing/Benchmarks/panel.py``
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any, Callable

import numpy as np
import qt
import slicer
from DeepGMMSlicer.panel import result_buttons
from DeepGMMSlicer.scene.images import voxelToWorld
from DeepGMMSlicer.scene.region import regionArray

AFTER = 1.0  # seconds for which the window is watched once all is done


class Gaps:
    """The longest time between two events of a timer, on the clock and of the processor."""

    def __init__(self) -> None:
        self.clock = self.processor = 0.0
        self._last = time.perf_counter(), time.process_time()
        self._timer = qt.QTimer()
        self._timer.setInterval(10)
        self._timer.connect("timeout()", self.look)
        self._timer.start()

    def look(self) -> None:
        """Take note of the time since the last event."""
        now = time.perf_counter(), time.process_time()
        self.clock = max(self.clock, now[0] - self._last[0])
        self.processor = max(self.processor, now[1] - self._last[1])
        self._last = now


def let_run(condition: Callable[[], bool]) -> None:
    """Let the window live until something is so."""
    while not condition():
        slicer.app.processEvents()
        time.sleep(0.002)


def measure(name: str, action: Callable[[], Any], done: Callable[[], bool] = lambda: True) -> None:
    """Print how long an action takes until it is done, and the window's gap."""
    gaps, begin = Gaps(), time.perf_counter()
    action()
    let_run(done)
    seconds = time.perf_counter() - begin
    let_run(lambda: time.perf_counter() > begin + seconds + AFTER)
    gaps.look()
    print(f"{name}: {seconds:.2f} s; gap {gaps.clock:.2f} s, {gaps.processor:.2f} s of processor")


def main() -> None:
    """Click through the panel."""
    measure("to the module", lambda: slicer.util.selectModule("DeepGMMSegmentation"))
    panel = slicer.modules.deepgmmsegmentation.widgetRepresentation().self()
    ui, node = panel.ui, panel.logic.getParameterNode()

    def ready() -> bool:
        return node.lge is not None and ui.applyButton.text == "Apply"

    measure("Load sample", ui.loadSampleButton.click, ready)
    for name in ("first Apply", *["Apply again"] * 4):
        measure(name, ui.applyButton.click, ready)
    measure("Undo", ui.undoButton.click, lambda: "before" in ui.statusLabel.text)
    measure("Recompute", ui.recomputeButton.click, ready)
    with tempfile.TemporaryDirectory() as folder:
        result_buttons.savePath = lambda *_asked: str(Path(folder) / "heart.html")
        measure("Save report", ui.reportButton.click, ready)
    for module in ("Data", "Volumes", "Data", "DeepGMMSegmentation"):
        measure(f"to {module}", lambda module=module: slicer.util.selectModule(module))
    inside = regionArray(node.region, node.segment, node.lge)
    middle = np.argwhere(inside[len(inside) // 2]).mean(axis=0)
    blood = (voxelToWorld(node.lge) @ [*middle[::-1], len(inside) // 2, 1])[:3]
    measure("Find LV", lambda: panel.finder.find(blood), ready)
    measure("Show table and plots", ui.showResultButton.click)
    layouts, manager = slicer.vtkMRMLLayoutNode, slicer.app.layoutManager()
    measure("layout", lambda: manager.setLayout(layouts.SlicerLayoutConventionalView))
    node.tolerance, node.max_iterations = 0.0, 100_000
    for _time in range(5):
        ui.applyButton.click()
        let_run(lambda: "iteration" in ui.statusLabel.text)
        measure("Cancel", ui.applyButton.click, ready)
    slicer.util.exit()


qt.QTimer.singleShot(1500, main)
