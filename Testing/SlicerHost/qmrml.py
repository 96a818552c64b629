"""Stand-ins for the ctk and qMRML widgets that the panel uses, on the real MRML scene.

Each keeps to what its model promises in its header: the properties, methods and signals that the
panel touches, and nothing else.
"""

# ruff: noqa: N801, N802, N815  (Slicer's own names)
from __future__ import annotations

import slicer
import vtk
from PySide6.QtCore import Property, Qt, Signal
from PySide6.QtGui import QColor, QStandardItem
from pythonqt import PythonQtObject, ctk, qt, stand_in


def flag(name, default, changed=None):
    """Return a Qt property that keeps its value in the attribute ``_name``."""

    def set_value(self, value):
        setattr(self, f"_{name}", value)
        if changed:
            getattr(self, changed)()

    return Property(type(default), lambda self: getattr(self, f"_{name}", default), set_value)


@stand_in(ctk)
class ctkCollapsibleButton(qt.QGroupBox):
    contentsCollapsed = Signal(bool)

    def _get_collapsed(self):
        return getattr(self, "_collapsed", False)

    def _set_collapsed(self, collapsed):
        self._collapsed = collapsed
        self.setMaximumHeight(24 if collapsed else 16777215)
        self.contentsCollapsed.emit(collapsed)

    text = Property(str, lambda self: self.title, lambda self, text: self.setTitle(text))
    collapsed = Property(bool, _get_collapsed, _set_collapsed)


@stand_in(ctk)
class ctkColorPickerButton(qt.QPushButton):
    colorChanged = Signal(QColor)

    def _get_color(self):
        return getattr(self, "_color", QColor("black"))

    def _set_color(self, color):
        changed = QColor(color) != self._get_color()
        self._color = QColor(color)
        self.setText(self._color.name() if self.displayColorName else "")
        self.setStyleSheet(f"background-color: {self._color.name()}")
        if changed:
            self.colorChanged.emit(self._color)

    color = Property(QColor, _get_color, _set_color)
    displayColorName = flag("displayColorName", True)

    def setColor(self, color):
        self._set_color(color)


@stand_in(ctk)
class ctkPathLineEdit(qt.QComboBox):
    filters = flag("filters", 0)
    nameFilters = flag("nameFilters", [])
    currentPath = Property(
        str, lambda self: self.currentText, lambda self, path: self.setEditText(path)
    )

    def __init__(self, parent=None):
        super().__init__(parent)
        self.setEditable(True)

    def comboBox(self):
        return self


@stand_in(slicer)
class qMRMLWidget(qt.QWidget):
    sceneChanged = Signal(object)  # mrmlSceneChanged(vtkMRMLScene*), which PySide6 cannot declare

    def setMRMLScene(self, scene):
        self._scene = scene
        self.sceneChanged.emit(scene)

    def mrmlScene(self):
        return self._scene


class NodeModel:
    """Keeps a combo box in step with the scene's nodes of some classes."""

    def setMRMLScene(self, scene):
        self._scene = scene

        @vtk.calldata_type(vtk.VTK_OBJECT)
        def follow(caller, event, node):
            if self._matches(node):
                self._refill()

        for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent):
            scene.AddObserver(event, follow)
        scene.AddObserver(scene.EndCloseEvent, lambda *_: self._refill())
        self._refill()

    def _matches(self, node):
        return not node.GetHideFromEditors() and any(
            node.IsA(name) if self.showChildNodeTypes else node.GetClassName() == name
            for name in self.nodeTypes
        )

    def _matching(self):
        nodes = [] if getattr(self, "_scene", None) is None else self._scene.GetNodes()
        return [node for node in nodes if self._matches(node)]


@stand_in(slicer)
class qMRMLNodeComboBox(NodeModel, qMRMLWidget):
    currentNodeChanged = Signal(object)
    nodeTypes = flag("nodeTypes", [], "_refill")
    noneEnabled = flag("noneEnabled", False, "_refill")
    noneDisplay = flag("noneDisplay", "None", "_refill")
    addEnabled = flag("addEnabled", True)
    removeEnabled = flag("removeEnabled", True)
    renameEnabled = flag("renameEnabled", False)
    editEnabled = flag("editEnabled", False)
    selectNodeUponCreation = flag("selectNodeUponCreation", False)
    showChildNodeTypes = flag("showChildNodeTypes", True)
    baseName = flag("baseName", "")

    def __init__(self, parent=None):
        super().__init__(parent)
        self._box = qt.QComboBox()
        layout = qt.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._box)
        self._current = None
        self._box.currentIndexChanged.connect(self._select)

    def _refill(self):
        nodes = self._matching()
        if self.noneEnabled or not nodes:
            nodes.insert(0, None)
        # As in Qt's combo boxes, what takes the row of a node that vanishes is then selected.
        row = min(max(self._box.currentIndex, 0), len(nodes) - 1)
        self._nodes = nodes
        self._box.blockSignals(True)
        self._box.clear()
        for node in nodes:
            self._box.addItem(node.GetName() if node else self.noneDisplay)
        index = nodes.index(self._current) if self._current in nodes else row
        self._box.setCurrentIndex(index)
        self._box.blockSignals(False)
        self._select(index)

    def _select(self, index):
        node = self._nodes[index] if index >= 0 else None
        if node is not self._current:
            self._current = node
            self.currentNodeChanged.emit(node)

    def currentNode(self):
        return self._current

    def setCurrentNode(self, node):
        self._box.setCurrentIndex(self._nodes.index(node) if node in self._nodes else 0)
        if node is None and not self.noneEnabled:
            self._box.setCurrentIndex(-1)


@stand_in(slicer)
class qMRMLCheckableNodeComboBox(NodeModel, qMRMLWidget):
    checkedNodesChanged = Signal()
    nodeTypes = flag("nodeTypes", [], "_refill")
    showChildNodeTypes = flag("showChildNodeTypes", True)
    addEnabled = flag("addEnabled", True)
    removeEnabled = flag("removeEnabled", True)
    renameEnabled = flag("renameEnabled", False)
    noneEnabled = flag("noneEnabled", False)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._box = qt.QComboBox()
        layout = qt.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._box)
        self._nodes = []
        self._box.model().itemChanged.connect(lambda *_: self.checkedNodesChanged.emit())

    def _refill(self):
        checked = self.checkedNodes()
        self._box.model().blockSignals(True)
        self._box.clear()
        self._nodes = self._matching()
        for node in self._nodes:
            item = QStandardItem(node.GetName())
            item.setFlags(Qt.ItemIsEnabled | Qt.ItemIsUserCheckable)
            item.setCheckState(Qt.Checked if node in checked else Qt.Unchecked)
            self._box.model().appendRow(item)
        self._box.model().blockSignals(False)
        if checked != self.checkedNodes():
            self.checkedNodesChanged.emit()

    def checkState(self, node):
        known = node in self._nodes
        item = self._box.model().item(self._nodes.index(node)) if known else None
        return item.checkState() if item else Qt.Unchecked

    def setCheckState(self, node, state):
        if node in self._nodes:
            self._box.model().item(self._nodes.index(node)).setCheckState(state)

    def checkedNodes(self):
        return [node for node in self._nodes if self.checkState(node) == Qt.Checked]

    def uncheckedNodes(self):
        return [node for node in self._nodes if self.checkState(node) != Qt.Checked]


@stand_in(slicer)
class qMRMLSegmentSelectorWidget(qMRMLWidget):
    currentSegmentChanged = Signal(str)
    noneEnabled = flag("noneEnabled", False)
    segmentationNodeSelectorVisible = flag("segmentationNodeSelectorVisible", True)
    horizontalLayout = flag("horizontalLayout", False)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._box = qt.QComboBox()
        layout = qt.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._box)
        self._node, self._ids, self._tags = None, [], []
        self._core = slicer.vtkSegmentation
        self._box.currentIndexChanged.connect(
            lambda *_: self.currentSegmentChanged.emit(self.currentSegmentID())
        )

    def currentNode(self):
        return self._node

    def setCurrentNode(self, node):
        if node is self._node:
            return
        for tag in self._tags:
            self._node.RemoveObserver(tag)
        self._node = node
        events = (self._core.SegmentAdded, self._core.SegmentRemoved, self._core.SegmentModified)
        self._tags = [node.AddObserver(event, self._populate) for event in events] if node else []
        self._populate()

    def _populate(self, *_arguments):
        """As the original does: the segment chosen before, or else the first."""
        chosen = self.currentSegmentID()
        segmentation = self._node.GetSegmentation() if self._node else None
        ids = list(segmentation.GetSegmentIDs()) if self._node else []
        self._box.blockSignals(True)
        self._box.clear()
        if self.noneEnabled:
            self._box.addItem("None")
            ids.insert(0, "")
        self._ids = ids
        for segment in filter(None, ids):
            self._box.addItem(segmentation.GetSegment(segment).GetName())
        self._box.setCurrentIndex(ids.index(chosen) if chosen in ids else -1)
        self._box.blockSignals(False)
        if chosen not in ids and any(ids):
            self._box.setCurrentIndex(1 if self.noneEnabled else 0)

    def currentSegmentID(self):
        index = self._box.currentIndex
        return self._ids[index] if 0 <= index < len(self._ids) else ""

    def setCurrentSegmentID(self, segment):
        if segment in self._ids:
            self._box.setCurrentIndex(self._ids.index(segment))


# Slicer's parameterNodeWrapper asks of every widget whether it is one of these; none is, here.
CTK = (
    "ctkCheckBox",
    "ctkCheckablePushButton",
    "ctkComboBox",
    "ctkDirectoryButton",
    "ctkDoubleRangeSlider",
    "ctkDoubleSlider",
    "ctkDoubleSpinBox",
    "ctkRangeWidget",
    "ctkSliderWidget",
)
for name in CTK:
    setattr(ctk, name, type(name, (PythonQtObject,), {}))
for name in ("qMRMLSliderWidget", "qMRMLSpinBox", "qMRMLRangeWidget"):
    setattr(slicer, name, type(name, (PythonQtObject,), {}))
