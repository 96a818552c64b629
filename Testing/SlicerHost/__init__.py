"""A stand-in for the Slicer application, for tests on a machine that has none.

The scene, its nodes, the segmentations, terminologies, tables and plots are Slicer's own, from
`slicer-core`; so is `slicer.util`. Qt is PySide6, off screen. What no package holds is imitated in
this folder, as far as the module touches it and no further: PythonQt (pythonqt.py), the ctk and
qMRML widgets (qmrml.py), the application object and its modules (application.py), and
`ScriptedLoadableModule`, `parameterNodeWrapper` and `i18n` (base/). Where the environment variable
SLICER_PYTHON_DIR names the folder Base/Python of Slicer's sources, these last three are Slicer's.

    import SlicerHost
    SlicerHost.start()
    panel = slicer.modules.deepgmmsegmentation.widgetRepresentation().self()
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def start() -> None:
    """Make `slicer`, `qt` and `ctk` what they are inside the application, and load the module.

    Inside the application itself there is nothing to do.
    """
    import slicer

    if hasattr(slicer, "app"):
        return
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    sys.path[:0] = [str(ROOT / "DeepGMMSegmentation"), str(HERE)]
    python = os.environ.get("SLICER_PYTHON_DIR")
    slicer.__path__.append(str(Path(python) / "slicer") if python else str(HERE / "base"))

    import pythonqt

    sys.modules.update(qt=pythonqt.qt, ctk=pythonqt.ctk)
    import qmrml  # noqa: F401  puts the widgets into slicer and ctk
    from application import Application, Modules

    slicer.app = Application(["SlicerHost"])
    slicer.mrmlScene = slicer.app.mrmlScene()
    slicer.modules = Modules(slicer.app.applicationLogic())
    slicer.modules.add("DeepGMMSegmentation", ROOT / "DeepGMMSegmentation/DeepGMMSegmentation.py")
