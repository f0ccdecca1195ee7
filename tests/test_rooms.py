"""The import table of the rooms, held over the source text: imports inside functions count."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "graphc"
BASE = {"symbolic", "collector", "config", "dtypes", "errors", "lazy", "records"}
COMPILER = {"guard", "graph", "loopir", "ops", "grad", "passes", "schedule", "codegen", "runtime"}
ALLOWED = {
    "graph": BASE,
    "loopir": BASE,
    "ops": BASE | {"graph", "loopir"},
    "guard": BASE | {"graph"},
    "grad": BASE | {"graph", "ops"},
    "passes": BASE | {"graph", "ops"},
    "schedule": BASE | {"graph", "loopir"},
    "codegen": BASE | {"loopir"},
    "runtime": BASE | {"loopir"},
    "compile": BASE | COMPILER,
    "viz": BASE | {"graph", "loopir"},
    "keras": BASE | {"public", "ops", "grad", "compile", "graph"},
    "observe": BASE | COMPILER | {"compile", "viz"},
    "cli": BASE | {"public", "keras", "viz", "runtime", "codegen", "graph", "observe"},
    "__main__": {"cli"},
    "__init__": {"lazy", "keras", "ops", "compile", "grad", "runtime", "viz", "observe"},
} | {name: BASE for name in BASE}
# Third-party packages that only these files may import.
CONFINED = {
    "llvmlite": ("codegen/llvm", "runtime/cpu.py"),
    "cupy": ("runtime/cuda/device.py",),
    "cudnn": ("runtime/cuda/cudnn.py",),
}
FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path, package: Path = PACKAGE) -> str:
    return path.relative_to(package).parts[0].removesuffix(".py")


def exports(package: Path) -> set[str]:
    """Return the names that a package's __init__ binds."""
    init = package / "__init__.py"
    found: set[str] = set()
    for statement in ast.walk(ast.parse(init.read_text() if init.exists() else "")):
        if isinstance(statement, ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in statement.names}
        elif isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            found.add(statement.name)
    return found


def imported_modules(path: Path, package: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted module) of every import; a name that a package re-exports counts as the package."""
    for statement in ast.walk(ast.parse(path.read_text())):
        if isinstance(statement, ast.Import):
            yield from ((statement.lineno, alias.name) for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            above = ["graphc", *path.relative_to(package).parent.parts]
            prefix = above[: len(above) + 1 - statement.level] if statement.level else []
            module = ".".join([*prefix, *(statement.module or "").split(".")]).strip(".")
            folder = package.joinpath(*module.split(".")[1:])
            # The version is a fact for keys and reports, no door into the package.
            for alias in (a for a in statement.names if f"{module}.{a.name}" != "graphc.__version__"):
                inside = folder / alias.name
                is_module = module.startswith("graphc") and (inside.is_dir() or inside.with_suffix(".py").exists())
                is_hidden = module == "graphc" or alias.name not in exports(folder)
                yield statement.lineno, f"{module}.{alias.name}" if is_module and is_hidden else module


def faults(path: Path, package: Path = PACKAGE) -> Iterator[str]:
    room = room_of(path, package)
    inner = str(path.relative_to(package))
    for line, module in imported_modules(path, package):
        first, *rest = module.split(".")
        place = f"{inner}:{line}"
        if first in CONFINED and not inner.startswith(CONFINED[first]):
            yield f"{place}: {first} is imported outside {' and '.join(CONFINED[first])}"
        if first != "graphc" or rest[:1] == [room]:
            continue
        target = rest[0] if rest else "public"
        if target not in ALLOWED[room]:
            yield f"{place}: {room} may not import {target}"
        # keras is a tree of public modules; the other rooms have one door, their __init__.
        if len(rest) > 1 and target != "keras":
            yield f"{place}: {module} is inside {target}; import from graphc.{target}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_follow_the_table(path: Path) -> None:
    assert list(faults(path)) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_are_small_and_named_for_what_they_hold(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 500
    is_public_name = path.is_relative_to(PACKAGE / "keras" / "utils")  # Keras's own path
    assert is_public_name or not {"utils", "helpers", "utils.py", "helpers.py"} & set(path.parts)


def test_every_room_is_in_the_table() -> None:
    rooms = {room_of(path) for path in FILES}
    assert rooms <= set(ALLOWED)


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        ("ops/new.py", "from graphc.passes import PIPELINE", "ops may not import passes"),
        ("ops/new.py", "def f():\n    import graphc.schedule", "ops may not import schedule"),
        ("passes/new.py", "from graphc.graph.node import Node", "graphc.graph.node is inside graph"),
        ("graph/new.py", "from graphc import function", "graph may not import public"),
        ("keras/new.py", "from graphc import runtime", "keras may not import runtime"),
        ("ops/new.py", "from ..passes import PIPELINE", "ops may not import passes"),
        ("schedule/new.py", "import llvmlite.binding", "llvmlite is imported outside"),
    ],
)
def test_the_table_catches_a_fault(tmp_path: Path, file: str, text: str, fault: str) -> None:
    for name in ("graph/node.py", "passes/__init__.py", "runtime/__init__.py", file):
        path = tmp_path / "graphc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (tmp_path / "graphc" / file).write_text(text)
    found = list(faults(tmp_path / "graphc" / file, tmp_path / "graphc"))
    assert len(found) == 1
    assert fault in found[0]
