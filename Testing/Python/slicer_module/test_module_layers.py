"""The module's imports run one way: panel, logic, run, parameters, scene, library."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[3] / "DeepGMMSegmentation" / "DeepGMMSlicer"
# From the top to the bottom; a file imports from its own layer or from those below it.
LAYERS = [
    "selftest",
    "selftest_safety",
    "selftest_comparison",
    "selftest_result",
    "selftest_log",
    "panel",
    "logic",
    "result_logic",
    "run",
    "turns",
    "parameters",
    "scene",
]
HEAVY = {"torch", "sklearn", "matplotlib", "safetensors"}
FILES = sorted(PACKAGE.rglob("*.py"))


def imported(file):
    """Return the names of all modules and members that a file imports."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    here = file.relative_to(PACKAGE.parent).with_suffix("").parts
    names = set()
    for statement in ast.walk(tree):
        if isinstance(statement, ast.Import):
            names |= {alias.name for alias in statement.names}
        elif isinstance(statement, ast.ImportFrom):
            package = ".".join(here[: -statement.level]) if statement.level else ""
            module = ".".join(filter(None, [package, statement.module]))
            names |= {f"{module}.{alias.name}" for alias in statement.names}
    return names


def layer(name):
    """Return where a module of the package stands, counted from the top."""
    return LAYERS.index(name.split(".")[1])


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_run_one_way(file):
    own = ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts)
    if file.parent == PACKAGE and file.stem == "__init__":
        assert not imported(file)
        return
    for name in imported(file):
        if name.startswith("DeepGMMSlicer."):
            assert layer(name) >= layer(own), f"{own} imports {name}"
        assert name.split(".")[0] not in HEAVY, f"{own} imports {name}"
        if layer(own) == LAYERS.index("scene"):
            assert name.split(".")[0] not in ("qt", "ctk"), f"{own} imports {name}"
