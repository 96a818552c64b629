"""The modules `qt` and `ctk`, as PythonQt gives them to Slicer, on PySide6.

PythonQt differs from PySide6 in three ways that modules meet: Qt properties are Python attributes
(``button.text``, without parentheses, and ``button.text = "Apply"``) beside their setters, signals
may be connected by signature (``button.connect("clicked(bool)", f)``), and no new attribute can be
hung on a Qt object. `PythonQtObject` adds just that, from Qt's own list of properties.
"""

# ruff: noqa: N802  (Qt's own names)
from __future__ import annotations

import ctypes
import functools
import sys
import types
from xml.etree import ElementTree

from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets

if sys.version_info < (3, 12):
    # PySide6 6.12 drops references to these that it does not own, as if they were immortal, which
    # they are from Python 3.12 on; before, the interpreter would abort when the last one is gone.
    for singleton in (None, True, False):
        ctypes.c_ssize_t.from_address(id(singleton)).value += 1 << 32


@functools.cache
def _properties(cls):
    meta = cls.staticMetaObject
    return {meta.property(i).name() for i in range(meta.propertyCount())}


_asked = set()  # (object, property) being read: meanwhile PySide6 looks for a method of that name


class PythonQtObject:
    """A Qt object that answers as PythonQt's do."""

    def __getattribute__(self, name):
        if name[:1] != "_" and name in _properties(type(self)) and (id(self), name) not in _asked:
            _asked.add((id(self), name))
            try:
                return QtCore.QObject.property(self, name)
            finally:
                _asked.discard((id(self), name))
        if name in ("connect", "disconnect"):  # static in PySide6, and called by its own signals

            def link(*arguments):
                if len(arguments) != 2 or arguments[0][0].isdigit():
                    return getattr(QtCore.QObject, name)(*arguments)
                signal, slot = arguments
                return getattr(getattr(self, signal.split("(")[0]), name)(slot)

            return link
        return super().__getattribute__(name)

    def __setattr__(self, name, value):
        if name in _properties(type(self)):
            self.setProperty(name, value)
        elif (
            name[:1] == "_"
            or not type(self).__dict__.get("_of_qt")  # a class that the module wrote
            or self.findChild(QtCore.QObject, name) is value  # set by QUiLoader
        ):
            super().__setattr__(name, value)
        else:
            raise AttributeError(f"{type(self).__name__} has no property {name!r}")

    @property
    def name(self):
        return self.objectName

    def className(self):
        return type(self).__name__


class _Qt(types.ModuleType):
    """Gives PySide6's classes, those of QObjects with `PythonQtObject` mixed in."""

    def __getattr__(self, name):
        for module in (QtCore, QtGui, QtWidgets, QtUiTools):
            if hasattr(module, name):
                break
        else:
            raise AttributeError(f"module 'qt' has no attribute {name!r}")
        value = getattr(module, name)
        if isinstance(value, type) and issubclass(value, QtCore.QObject):
            value = type(name, (PythonQtObject, value), {"_of_qt": True})
        setattr(self, name, value)
        return value


qt = _Qt("qt")
ctk = types.ModuleType("ctk")


def stand_in(module):
    """Add a class to `module` in place of one of Slicer's in C++."""

    def add(cls):
        cls._of_qt = True
        setattr(module, cls.__name__, cls)
        return cls

    return add


class QUiLoader(PythonQtObject, QtUiTools.QUiLoader):
    """Builds the real .ui file, Slicer's own widgets in it by their stand-ins."""

    def createWidget(self, name, parent=None, object_name=""):
        import slicer

        for module in (ctk, slicer, qt):
            if hasattr(module, name):
                widget = getattr(module, name)(parent)
                widget.setObjectName(object_name)
                return widget
        raise RuntimeError(f"The .ui file names a widget class {name} that nothing here provides.")

    def load(self, file):
        """Load, and make by hand the connections to the scene, which Qt cannot make here."""
        tree = ElementTree.parse(file.fileName()).getroot()
        links = tree.find("connections")
        tree.remove(links)
        buffer = QtCore.QBuffer()
        buffer.setData(ElementTree.tostring(tree))
        root = super().load(buffer)
        for sender, signal, receiver, slot in (
            [link.findtext(tag) for tag in LINK] for link in links
        ):
            if (signal, slot) != SCENE_LINK or sender != root.objectName:
                raise RuntimeError(f"The stand-in cannot connect {signal} of {sender} to {slot}.")
            root.sceneChanged.connect(root.findChild(QtCore.QObject, receiver).setMRMLScene)
        return root


LINK = ("sender", "signal", "receiver", "slot")
SCENE_LINK = ("mrmlSceneChanged(vtkMRMLScene*)", "setMRMLScene(vtkMRMLScene*)")
qt.QUiLoader = QUiLoader
