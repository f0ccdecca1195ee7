"""Writes docs/errors.md: every error that graphc raises on purpose, with an example of its message from the tests.

    python -m pytest tests --update-errors     collects examples (tests/golden/errors.json), then writes the page
    python docs/errors_page.py                 writes the page from the examples there are

The places come from the source text: each call of an error class inside graphc. A test holds the page to them.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "graphc"
EXAMPLES = ROOT / "tests" / "golden" / "errors.json"
PAGE = Path(__file__).parent / "errors.md"
# Where a module's errors are provoked: the first prefix that fits.
SECTIONS = (
    ("Loading and saving", ("keras/saving", "keras/models", "keras/applications", "keras/datasets", "keras/utils/files",
                            "keras/utils/io_utils", "keras/engine/saving", "keras/engine/network_config")),
    ("Running", ("runtime", "keras/engine/train", "keras/engine/generator", "keras/callbacks", "keras/preprocessing",
                 "keras/wrappers", "keras/utils", "graph/evaluate", "graph/state")),
    ("Compiling", ("compile", "passes", "schedule", "codegen", "config", "loopir", "symbolic", "grad", "guard",
                   "keras/engine/compilation", "keras/losses", "keras/metrics", "keras/optimizers")),
    ("Looking and the command line", ("cli", "viz", "observe")),
    ("Building", ("",)),
)  # fmt: skip
INTRODUCTION = """# Errors

Everything that graphc raises on purpose is a `GraphcError`, and also the Python error one would expect (a `ShapeError`
is a `ValueError`). Messages name the layer or op, what was expected and what was given, and the line of your script.
Below is every place that raises one, with an example of its message as a test provoked it.

<!-- made by docs/errors_page.py -->
"""


@dataclass(frozen=True)
class Site:
    """A function that makes an error: its module's path, its qualified name, the class; what its messages look like."""

    module: str
    function: str
    error: str
    patterns: tuple[str, ...]

    @property
    def key(self) -> str:
        """The site's name in the file of examples."""
        return f"{self.module}:{self.function}:{self.error}"

    def makes(self, message: str) -> bool:
        """Tell whether a message may come from here."""
        return any(re.search(pattern, message, re.S) for pattern in self.patterns)


def error_classes() -> set[str]:
    """Return the names of GraphcError and of all its children, by the source text."""
    bases: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                bases.setdefault(node.name, set()).update(b.id for b in node.bases if isinstance(b, ast.Name))
    found = {"GraphcError"}
    while grown := {name for name, above in bases.items() if above & found and name.endswith("Error")} - found:
        found |= grown
    return found


def sites() -> list[Site]:
    """Return every site, by module and function."""
    classes = error_classes()
    found: dict[tuple[str, str, str], list[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        module = str(path.relative_to(PACKAGE)).removesuffix(".py")
        for function, call in _calls(ast.parse(path.read_text()), ""):
            if isinstance(call.func, ast.Name) and call.func.id in classes:
                found.setdefault((module, function, call.func.id), []).append(_pattern(call))
    return [Site(*key, tuple(patterns)) for key, patterns in found.items()]


def _calls(node: ast.AST, name: str) -> Iterator[tuple[str, ast.Call]]:
    """Yield the calls inside a node, with the qualified name of the function they stand in."""
    for child in ast.iter_child_nodes(node):
        inner = name
        if isinstance(child, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)):
            between = ".<locals>." if isinstance(node, ast.FunctionDef) else "."
            inner = f"{name}{between}{child.name}" if name else child.name
        if isinstance(child, ast.Call):
            yield name, child
        yield from _calls(child, inner)


def _pattern(call: ast.Call) -> str:
    """Return a pattern of the messages: the text that stands in the source, anything between."""
    texts = [n for n in ast.walk(call) if isinstance(n, ast.JoinedStr)]
    if texts:
        return ".*".join(re.escape(p.value) if isinstance(p, ast.Constant) else ".*" for p in texts[0].values)
    constants = [n.value for n in ast.walk(call) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    return re.escape(constants[0]) if constants else ".*"


def tidy(message: str) -> str:
    """Return a message without what differs from run to run: folders, the tests' own lines."""
    message = re.sub(r"[\w./\-]*\b\w+\.py:\d+", "your_script.py:7", message)
    message = re.sub(r"(/[\w.\-]+){2,}/(?=[\w.\-]+)", "/folder/", message)
    return re.sub(r"0x[0-9a-f]{6,}", "0x7f0000000000", message)


def load_examples() -> dict[str, str]:
    """Return the examples that tests gave, by site."""
    return json.loads(EXAMPLES.read_text(encoding="utf-8")) if EXAMPLES.exists() else {}


def page() -> str:
    """Return the page's text."""
    examples = load_examples()
    rows: dict[str, list[Site]] = {title: [] for title, _ in SECTIONS}
    without: list[Site] = []
    for site in sites():
        if site.key not in examples:
            without.append(site)
            continue
        title = next(t for t, prefixes in SECTIONS if site.module.startswith(tuple(prefixes)))
        rows[title].append(site)
    parts = [INTRODUCTION]
    for title in ("Building", "Compiling", "Running", "Loading and saving", "Looking and the command line"):
        parts.append(f"\n## {title}\n")
        for site in rows[title]:
            parts.append(f"**{site.error}** from `{_dotted(site)}`\n\n```text\n{examples[site.key]}\n```\n")
    if without:
        parts.append("\n## Places that no test provokes yet\n")
        parts.append(
            "Some guard against what cannot happen while the code around them is right; the others still lack an"
            " example.\n"
        )
        parts += [f"- {site.error} from `{_dotted(site)}`" for site in without]
    return "\n".join(parts).rstrip() + "\n"


def _dotted(site: Site) -> str:
    return f"graphc.{site.module.replace('/', '.')}.{site.function.replace('.<locals>', '')}".replace(".__init__.", ".")


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
