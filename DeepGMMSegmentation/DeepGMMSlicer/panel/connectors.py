"""Links between the panel's widgets and its parameters that Slicer's wrapper does not have."""

from __future__ import annotations

from typing import Any

import ctk
import qt
import slicer
from slicer.i18n import tr as _
from slicer.parameterNodeWrapper import GuiConnector, parameterNodeGuiConnector

from ..parameters import TissueList, VolumeList


class _Connector(GuiConnector):
    """What all of these share: one type of widget, one of parameter, one signal."""

    widgetType: Any
    datatype: Any
    signal: str

    @classmethod
    def canRepresent(cls, widget: Any, datatype: Any) -> bool:
        return type(widget) is cls.widgetType and datatype == cls.datatype

    @classmethod
    def create(cls, widget: Any, datatype: Any) -> Any:
        return cls(widget) if cls.canRepresent(widget, datatype) else None

    def __init__(self, widget: Any) -> None:
        super().__init__()
        self._widget = widget

    def widget(self) -> Any:
        return self._widget

    def changed(self, *_values: Any) -> None:
        """Report a change, whatever the signal says of it."""
        super().changed()

    def _connect(self) -> None:
        self._widget.connect(self.signal, self.changed)

    def _disconnect(self) -> None:
        self._widget.disconnect(self.signal, self.changed)


@parameterNodeGuiConnector
class CheckedVolumes(_Connector):
    """The volumes whose boxes are checked."""

    widgetType = slicer.qMRMLCheckableNodeComboBox
    datatype = VolumeList
    signal = "checkedNodesChanged()"

    def read(self) -> VolumeList:
        """Return the checked volumes."""
        return list(self._widget.checkedNodes())

    def write(self, value: VolumeList) -> None:
        """Check these volumes and no others."""
        for node in set(self._widget.checkedNodes()) - set(value):
            self._widget.setCheckState(node, qt.Qt.Unchecked)
        for node in value:
            self._widget.setCheckState(node, qt.Qt.Checked)


@parameterNodeGuiConnector
class SelectedSegment(_Connector):
    """The ID of a segment; the segmentation itself is chosen by another selector.

    Where the segment is deleted, the widget selects the first one by itself. Nobody has chosen
    that one, so that none is chosen then.
    """

    widgetType = slicer.qMRMLSegmentSelectorWidget
    datatype = str
    signal = "currentSegmentChanged(QString)"

    def __init__(self, widget: Any) -> None:
        super().__init__(widget)
        self._segment = ""

    def changed(self, *_values: Any) -> None:
        """Report what the user selects; deselect what the widget selects by itself."""
        node = self._widget.currentNode()
        if node and self._segment and not node.GetSegmentation().GetSegment(self._segment):
            self._segment = ""
            self._widget.setCurrentSegmentID("")
        self._segment = self.read()
        super().changed()

    def read(self) -> str:
        """Return the ID of the selected segment."""
        return self._widget.currentSegmentID()

    def write(self, value: str) -> None:
        """Select the segment of that ID, where there is one."""
        self._segment = value
        if value != self._widget.currentSegmentID():
            self._widget.setCurrentSegmentID(value)


@parameterNodeGuiConnector
class ChosenFile(_Connector):
    """The path of a file, or an empty text.

    Slicer's own connector would make that a dot, and the widget's own signal leaves out what its
    filters do not match, so that nobody could empty it.
    """

    widgetType = ctk.ctkPathLineEdit
    datatype = str
    signal = "editTextChanged(QString)"

    def _connect(self) -> None:
        self._widget.comboBox().connect(self.signal, self.changed)

    def _disconnect(self) -> None:
        self._widget.comboBox().disconnect(self.signal, self.changed)

    def read(self) -> str:
        """Return the path."""
        return self._widget.currentPath

    def write(self, value: str) -> None:
        """Show the path."""
        self._widget.currentPath = value


@parameterNodeGuiConnector
class TissueTable(_Connector):
    """A row per class: its name, and a button that shows and changes its colour."""

    widgetType = qt.QTableWidget
    datatype = TissueList
    signal = "cellChanged(int,int)"

    def __init__(self, widget: Any) -> None:
        super().__init__(widget)
        widget.setRowCount(0)  # the colour buttons of an earlier connector report to that one

    def read(self) -> TissueList:
        """Return name and colour of every row."""
        table = self._widget
        return [
            (table.item(row, 0).text(), table.cellWidget(row, 1).color.name())
            for row in range(table.rowCount)
        ]

    def write(self, value: TissueList) -> None:
        """Make the rows these."""
        if value == self.read():
            return
        table = self._widget
        blocked = table.blockSignals(True)
        table.setRowCount(len(value))
        for row, (name, color) in enumerate(value):
            table.setItem(row, 0, qt.QTableWidgetItem(name))
            button = table.cellWidget(row, 1)
            if button is None:
                button = ctk.ctkColorPickerButton()
                button.displayColorName = False
                button.toolTip = _("Choose the tissue's colour.")
                button.connect("colorChanged(QColor)", self.changed)
                table.setCellWidget(row, 1, button)
                before = table.cellWidget(row - 1, 1) if row else table
                qt.QWidget.setTabOrder(before, button)  # not after all that the panel holds
            buttonBlocked = button.blockSignals(True)
            button.setColor(qt.QColor(color))
            button.blockSignals(buttonBlocked)
        table.setFixedHeight((len(value) + 1) * table.rowHeight(0))  # all rows and the header
        table.blockSignals(blocked)
