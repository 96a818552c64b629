"""The library's imports run one way, and no part needs what it may not; the module's: see there."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "DeepGMMSegmentationLib"
MODULE = ROOT / "DeepGMMSegmentation" / "DeepGMMSlicer"

# From above to below: a part imports from the rows under its own, never from beside or above it.
VOCABULARY = ["case", "result", "settings", "priors", "fields", "tissues", "errors", "version"]
LIBRARY_LAYERS = [
    ["__main__"],
    ["cli"],
    ["reproduction", "worker"],
    ["segmentation"],
    ["training", "report"],
    ["hearts"],
    ["anatomy"],
    ["mixture", "cardiac", "io"],
    *([part] for part in VOCABULARY),
]

SLICER = {"slicer", "qt", "ctk", "vtk", "DeepGMMSlicer", "DeepGMMSegmentation"}


def files(folder):
    """Yield the name of each part of a package, a file or a folder, with each of its files."""
    for path in sorted(folder.rglob("*.py")):
        yield path.relative_to(folder).parts[0].removesuffix(".py"), path


def imports(path, nodes=None):
    """Return the full names of what a file imports, there and then or later, in a function."""
    package = path.parent.relative_to(MODULE.parent if MODULE in path.parents else ROOT).parts
    names = []
    for node in nodes or ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = [*above, *filter(None, [node.module])]
            names += [".".join([*base, alias.name]) for alias in node.names]
    return names


def test_imports_run_one_way():
    height = {part: -row for row, parts in enumerate(LIBRARY_LAYERS) for part in parts}
    upwards = []
    for part, path in files(LIBRARY):
        if path != LIBRARY / "__init__.py":  # the face, which shows what lies anywhere below
            inside = [name.split(".")[1] for name in imports(path) if name.startswith(LIBRARY.name)]
            upwards += [
                f"{path.relative_to(LIBRARY)}: {target}"
                for target in inside
                if target != part and height[target] >= height[part]
            ]
    assert not upwards


@pytest.mark.parametrize(
    ("folder", "part", "forbidden"),
    [
        *((LIBRARY, part, {"torch", "SimpleITK"}) for part in VOCABULARY),
        (LIBRARY, "mixture", {"SimpleITK", "matplotlib", "argparse", "pydicom"}),
        *((LIBRARY, part, SLICER) for row in LIBRARY_LAYERS for part in row),
        *((MODULE, part, {"qt", "ctk"}) for part in ("logic", "parameters", "scene")),
    ],
)
def test_a_part_does_without(folder, part, forbidden):
    needed = [
        f"{path.relative_to(folder)}: {name}"
        for of, path in files(folder)
        if of == part
        for name in imports(path)
        if name.split(".")[0] in forbidden
    ]
    assert not needed


def test_the_module_starts_without_what_slicer_lacks():
    for path in [*MODULE.rglob("*.py"), *MODULE.parent.glob("*.py")]:
        at_once = imports(path, ast.parse(path.read_text(encoding="utf-8")).body)
        assert not {"torch", "sklearn"} & {name.split(".")[0] for name in at_once}, path


def test_inits_hold_a_docstring_and_nothing_else():
    for path in [*LIBRARY.glob("*/__init__.py"), *MODULE.rglob("__init__.py")]:
        body = ast.parse(path.read_text(encoding="utf-8")).body
        assert len(body) == 1, path
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path
