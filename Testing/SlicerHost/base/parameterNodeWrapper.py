"""Stand-in for `slicer.parameterNodeWrapper`, for the types and widgets that the panel has.

Values are kept in the node as JSON, nodes as references, so that a saved scene brings them back;
as in the original, the node's ranges and choices are enforced and set on the widgets.
"""

# ruff: noqa: N802  (Slicer's own names)
from __future__ import annotations

import json
import typing

import qt
import slicer
import vtk

PROPERTY = "SlicerParameterName"


class Choice:
    def __init__(self, choices):
        self.choices = choices

    def validate(self, value):
        if value not in self.choices:
            raise ValueError(f"Value is {value}, but must be one of {self.choices}")


class WithinRange:
    def __init__(self, minimum, maximum):
        self.minimum, self.maximum = minimum, maximum

    def validate(self, value):
        if not self.minimum <= value <= self.maximum:
            raise ValueError(
                f"Value must be within range [{self.minimum}, {self.maximum}], is {value}"
            )


class GuiConnector:
    def __init__(self):
        self._callback = None

    def onChanged(self, callback):
        self._callback = callback
        self._connect() if callback else self._disconnect()

    def changed(self):
        if self._callback:
            self._callback()


_connectors = []


def parameterNodeGuiConnector(cls):
    _connectors.append(cls)
    return cls


# A widget's property and the signal of its change.
LINKS = {
    qt.QSpinBox: ("value", "valueChanged(int)"),
    qt.QDoubleSpinBox: ("value", "valueChanged(double)"),
    qt.QCheckBox: ("checked", "toggled(bool)"),
    qt.QLineEdit: ("text", "textChanged(QString)"),
    qt.QTextEdit: ("plainText", "textChanged()"),
    qt.QComboBox: ("currentIndex", "currentIndexChanged(int)"),
}


class _PropertyConnector(GuiConnector):
    """Links a widget's property to a parameter."""

    def __init__(self, widget, checks):
        super().__init__()
        self._widget, self._checks = widget, checks
        self._property, self._signal = LINKS[type(widget)]
        for check in checks:
            if isinstance(check, WithinRange):
                widget.setRange(check.minimum, check.maximum)
            else:
                widget.clear()
                widget.addItems(check.choices)

    def _connect(self):
        self._widget.connect(self._signal, self._emit)

    def _disconnect(self):
        self._widget.disconnect(self._signal, self._emit)

    def _emit(self, *_value):
        self.changed()

    def read(self):
        value = getattr(self._widget, self._property)
        return self._checks[0].choices[value] if self._property == "currentIndex" else value

    def write(self, value):
        value = self._checks[0].choices.index(value) if self._property == "currentIndex" else value
        setattr(self._widget, self._property, value)


class _NodeConnector(GuiConnector):
    def __init__(self, widget, parameter):
        super().__init__()
        self._widget = widget
        widget.nodeTypes = [each().GetClassName() for each in parameter.nodes]

    def _connect(self):
        self._widget.connect("currentNodeChanged(vtkMRMLNode*)", self._emit)

    def _disconnect(self):
        self._widget.disconnect("currentNodeChanged(vtkMRMLNode*)", self._emit)

    def _emit(self, *_node):
        self.changed()

    def read(self):
        return self._widget.currentNode()

    def write(self, node):
        self._widget.setCurrentNode(node)


class _Parameter:
    """A member of the wrapped class: its type, its checks, and how the node keeps it."""

    def __init__(self, name, hint, default):
        self.name = name
        annotated = hasattr(hint, "__metadata__")
        self.type = typing.get_args(hint)[0] if annotated else hint
        self.checks = list(hint.__metadata__) if annotated else []
        members = typing.get_args(self.type) if typing.get_origin(self.type) else (self.type,)
        self.nodes = [
            each
            for each in members
            if isinstance(each, type) and issubclass(each, slicer.vtkMRMLNode)
        ]
        self.many = typing.get_origin(self.type) is list
        self.default = default if default is not None else self._empty()

    def _empty(self):
        return [] if self.many else None if self.nodes else self.type()

    def read(self, node):
        if self.nodes:
            count = node.GetNumberOfNodeReferences(self.name)
            found = [node.GetNthNodeReference(self.name, i) for i in range(count)]
            found = [each for each in found if each]
            return found if self.many else found[0] if found else None
        text = node.GetParameter(self.name)
        value = json.loads(text) if text else self.default
        # JSON has no tuples
        return [tuple(row) for row in value] if self.many else value

    def write(self, node, value):
        for check in self.checks:
            check.validate(value)
        if self.nodes:
            given = list(value) if self.many else [value] if value else []
            for each in given:
                if not isinstance(each, tuple(self.nodes)):
                    raise TypeError(f"{self.name} cannot be a {type(each).__name__}")
            if given != (self.read(node) if self.many else [self.read(node)]):
                node.RemoveNodeReferenceIDs(self.name)
                for each in given:
                    node.AddNodeReferenceID(self.name, each.GetID())
        else:
            kinds = (int, float) if self.type is float else (list,) if self.many else (self.type,)
            if not isinstance(value, kinds) or (isinstance(value, bool) and self.type is not bool):
                raise TypeError(f"{self.name} must be {self.type}, is {value!r}")
            node.SetParameter(self.name, json.dumps(value))

    def connector(self, widget):
        for cls in _connectors:
            if cls.canRepresent(widget, self.type):
                return cls.create(widget, self.type)
        if type(widget) is slicer.qMRMLNodeComboBox and self.nodes:
            return _NodeConnector(widget, self)
        if type(widget) in LINKS:
            return _PropertyConnector(widget, self.checks)
        raise RuntimeError(f"Unable to connect {self.name} to a {type(widget).__name__}")


def parameterNodeWrapper(cls):
    hints = typing.get_type_hints(cls, include_extras=True)
    parameters = {n: _Parameter(n, hint, getattr(cls, n, None)) for n, hint in hints.items()}

    def accessor(parameter):
        return property(
            lambda self: parameter.read(self.parameterNode),
            lambda self, value: parameter.write(self.parameterNode, value),
        )

    members = {name: accessor(parameter) for name, parameter in parameters.items()}
    return type(cls.__name__, (_Wrapper, cls), {**members, "allParameters": parameters})


class _Wrapper:
    def __init__(self, node):
        self.parameterNode = node
        self._connections = {}
        self._showing = False

    def connectGui(self, ui):
        connectors = {}
        for widget in vars(ui).values():
            name = widget.property(PROPERTY)
            if name:
                connectors[name] = self.allParameters[name].connector(widget)
        tag = len(self._connections)
        for name, connector in connectors.items():
            connector.write(getattr(self, name))
            connector.onChanged(lambda n=name, c=connector: self._changed(n, c))
        observer = self.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self._show(connectors))
        self._connections[tag] = (connectors, observer)
        return tag

    def disconnectGui(self, tag):
        connectors, observer = self._connections.pop(tag)
        for connector in connectors.values():
            connector.onChanged(None)
        self.RemoveObserver(observer)

    def _changed(self, name, connector):
        if not self._showing:
            with slicer.util.NodeModify(self):
                setattr(self, name, connector.read())

    def _show(self, connectors):
        if self._showing:
            return
        self._showing = True
        try:
            with slicer.util.NodeModify(self):
                for name, connector in connectors.items():
                    connector.write(getattr(self, name))
        finally:
            self._showing = False

    def __getattr__(self, name):
        if name in ("StartModify", "EndModify", "AddObserver", "RemoveObserver", "Modified"):
            return getattr(self.parameterNode, name)
        raise AttributeError(name)
