"""The application object and `slicer.modules`, over slicer-core's real scene and logics."""

# ruff: noqa: N802, N815  (Slicer's own names)
from __future__ import annotations

import importlib
import logging
import tempfile
import types
from pathlib import Path

import hierarchy
import slicer
import vtk
from PySide6.QtCore import Property, Signal
from pythonqt import qt


class ModuleManager(qt.QObject):
    _of_qt = True
    moduleAboutToBeUnloaded = Signal(str)


class LayoutManager:
    """Remembers the layout; there are no views."""

    layout = slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView

    def setLayout(self, layout):
        self.layout = layout

    def resetThreeDViews(self):
        pass


class Log(logging.Handler):
    """What Python logs, as ctkErrorLogAbstractModel lists it; that of Qt and VTK is not caught."""

    def __init__(self):
        super().__init__()
        self._entries = []
        logging.getLogger().addHandler(self)

    def emit(self, record):
        self._entries.append(record)

    def logEntryCount(self):
        return len(self._entries)

    def logEntryDescription(self, row):
        return self._entries[row].getMessage()

    def index(self, row, column):
        return row, column

    def data(self, index):
        row, column = index
        return self._entries[row].levelname.title() if column == 2 else None


class Application(qt.QApplication):
    _of_qt = True
    startupCompleted = Signal()

    def __init__(self, arguments):
        super().__init__(arguments)
        self._scene = slicer.vtkMRMLScene()
        self._logic = slicer.vtkSlicerApplicationLogic()
        self._logic.SetMRMLScene(self._scene)
        home = Path(tempfile.mkdtemp())
        (home / "share/ColorFiles").mkdir(parents=True)
        self._logic.SetHomeDirectory(str(home))
        self._logic.SetShareDirectory("share")
        self._colors = slicer.vtkSlicerColorLogic()
        self._colors.SetMRMLApplicationLogic(self._logic)
        self._colors.SetMRMLScene(self._scene)
        self._colors.AddDefaultColorNodes()
        self._logic.SetColorLogic(self._colors)
        self._logic.SetModuleLogic("Colors", self._colors)
        self._remote = slicer.vtkMRMLRemoteIOLogic()  # without it no .mrb can be read
        self._remote.SetMRMLApplicationLogic(self._logic)
        self._remote.GetCacheManager().SetRemoteCacheDirectory(tempfile.mkdtemp())
        self._remote.SetMRMLScene(self._scene)
        self._remote.AddDataIOToScene()
        self._layouts = LayoutManager()
        self._log = Log()
        self._modules = ModuleManager()
        self._settings = qt.QSettings(str(home / "settings.ini"), qt.QSettings.IniFormat)

    applicationName = Property(str, lambda self: "SlicerHost")

    def mrmlScene(self):
        return self._scene

    def applicationLogic(self):
        return self._logic

    def layoutManager(self):
        return self._layouts

    def moduleManager(self):
        return self._modules

    def userSettings(self):
        return self._settings

    settings = userSettings

    def errorLogModel(self):
        return self._log

    def testingEnabled(self):
        return True

    def translate(self, context, text):
        return text

    def commandOptions(self):
        return types.SimpleNamespace(noMainWindow=True, testingEnabled=True)


class LoadableModule:
    """A module of C++: only its logic is here."""

    def __init__(self, logic):
        self._logic = logic

    def logic(self):
        return self._logic


class ModuleWidget(slicer.qMRMLWidget):
    """What holds a scripted module's panel (qSlicerScriptedLoadableModuleWidget)."""

    def __init__(self, module):
        super().__init__()
        qt.QVBoxLayout(self)
        self._module, self._entered = module, False

    isEntered = Property(bool, lambda self: self._entered)

    def reload(self):
        """Make the panel, from what its module is now."""
        cls = getattr(importlib.import_module(self._module.name), f"{self._module.name}Widget")
        self._self = cls(self)
        setattr(slicer.modules, cls.__name__, self._self)
        self._self.setup()

    def self(self):
        return self._self

    def enter(self):
        self._entered = True
        self._self.enter()

    def exit(self):
        self._entered = False
        self._self.exit()


class ScriptedModule:
    """A module of Python: what qSlicerScriptedLoadableModule does with its file."""

    def __init__(self, name, path):
        self.name, self.path = name, str(path)
        self._widget = None

    def load(self):
        module = importlib.import_module(self.name)
        self.instance = getattr(module, self.name)(self)

    def widgetRepresentation(self):
        if self._widget is None:
            self._widget = ModuleWidget(self)
            self._widget.reload()
        return self._widget


LOGICS = {
    "Terminologies": slicer.vtkSlicerTerminologiesModuleLogic,
    "SubjectHierarchy": slicer.vtkSlicerSubjectHierarchyModuleLogic,
    "Segmentations": slicer.vtkSlicerSegmentationsModuleLogic,
    "Volumes": slicer.vtkSlicerVolumesLogic,
    "Markups": slicer.vtkSlicerMarkupsLogic,
    "Tables": slicer.vtkSlicerTablesLogic,
    "Plots": slicer.vtkSlicerPlotsLogic,
}


class Modules(types.ModuleType):
    """`slicer.modules`: every module under its lower-case name."""

    def __init__(self, application_logic):
        super().__init__("slicer.modules")
        for name, cls in LOGICS.items():
            logic = cls()
            # The application's own terminologies are no part of slicer-core; not finding them is
            # the one thing that the logic would complain about.
            shown = vtk.vtkObject.GetGlobalWarningDisplay()
            vtk.vtkObject.SetGlobalWarningDisplay(name != "Terminologies" and shown)
            logic.SetMRMLApplicationLogic(application_logic)
            logic.SetMRMLScene(slicer.mrmlScene)
            vtk.vtkObject.SetGlobalWarningDisplay(shown)
            application_logic.SetModuleLogic(name, logic)
            setattr(self, name.lower(), LoadableModule(logic))
        hierarchy.follow(slicer.mrmlScene)
        self.sampleDataSources = {}

    def add(self, name, path: Path):
        module = ScriptedModule(name, path)
        setattr(self, name.lower(), module)
        module.load()
