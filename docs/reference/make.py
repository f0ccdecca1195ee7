"""Writes the reference pages from the code: ops.md and programs.md from docstrings, keras.md by comparing signatures.

    python docs/reference/make.py

A test holds the pages to the code: after a change of a signature or a docstring, run this.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import graphc
from graphc import ops

FOLDER = Path(__file__).parent
MADE = "<!-- made by docs/reference/make.py -->\n"
API: dict[str, dict[str, list[str]]] = json.loads((FOLDER / "keras_2_2_4.json").read_text())

# What differs although the arguments are the same, and why a name is missing: "module.name" -> sentence.
NOTES = {
    "applications.*": '`weights="imagenet"` needs the file of weights in Keras\'s cache folder, or downloads it.',
    "backend.get_session": "the session has `run(fetches, feed_dict)`, over compiled programs.",
    "backend.set_session": "has no effect: a session configures TensorFlow.",
    "callbacks.CallbackList": "`queue_length` has no effect.",
    "callbacks.RemoteMonitor": "needs the package requests.",
    "callbacks.TensorBoard": "needs the package tensorboardX; the events are those of TensorBoard.",
    "layers.Lambda": "a function stored in a file is never run: `custom_objects` gives it, by the layer's name.",
    "optimizers.TFOptimizer": "raises an error that names the equal in Keras.",
    "utils.multi_gpu_model": "works without GPUs: the replicas are parts of one program on one device.",
    "utils.plot_model": "draws SVG and DOT without Graphviz; other formats need a program that converts SVG.",
    "models.load_model": "runs no code from files; see [model files](../saving.md).",
}


def parameters(target: Any) -> dict[str, inspect.Parameter]:
    """Return the arguments that a function or a class takes, those that it hands on to its base classes too."""
    if not inspect.isclass(target):
        found = dict(inspect.signature(target).parameters)
        return {name: p for name, p in found.items() if name not in ("self", "cls")}
    found = {}
    for owner in target.__mro__[:-1]:
        if "__init__" not in vars(owner):
            continue
        own = inspect.signature(vars(owner)["__init__"]).parameters
        found = {**own, **found}
        if all(p.kind is not p.VAR_KEYWORD for p in own.values()):
            break
    return {name: p for name, p in found.items() if name != "self"}


def arguments(target: Any) -> str:
    """Return the arguments as they are written in a call, without types."""
    shown = []
    for parameter in inspect.signature(target).parameters.values():
        if parameter.name != "self":
            plain = parameter.replace(annotation=parameter.empty)
            shown.append(str(plain))
    return ", ".join(shown)


def documented(name: str, target: Any, level: str = "###") -> str:
    """Return a heading with the call, and the docstring."""
    call = f"({arguments(target)})" if callable(target) else ""
    text = inspect.getdoc(target) or ""
    return f"{level} `{name}{call}`\n\n{text}\n"


def op_families() -> Iterator[tuple[Any, list[str]]]:
    """Yield (module, names) in the order in which the package of the ops imports them."""
    for statement in ast.parse(inspect.getsource(ops)).body:
        if isinstance(statement, ast.ImportFrom):
            names = [alias.name for alias in statement.names if alias.name in ops.__all__]
            yield importlib.import_module(str(statement.module)), names


def ops_page() -> str:
    """Return the page of all builders of ops."""
    parts = [
        f"{MADE}# Operations",
        "`from graphc import ops`. Operands are nodes, arrays and Python numbers; numbers take the dtype of what they "
        "meet. Results are nodes. Every op has a meaning in NumPy, by which it is tested, and all but those of "
        "integers and comparisons have gradients.\n",
    ]
    for module, names in op_families():
        title = inspect.getdoc(module).split("\n")[0]
        parts += [f"## {title}\n", *(documented(name, getattr(ops, name)) for name in names)]
    return "\n".join(parts)


def members(target: type) -> Iterator[tuple[str, Any]]:
    """Yield the public methods and properties that a class defines itself, in their order."""
    for name, value in vars(target).items():
        is_made_here = inspect.isfunction(value) or isinstance(value, property)
        if is_made_here and not name.startswith("_") and inspect.getdoc(value):
            yield name, value


def programs_page() -> str:
    """Return the page of the public names that are no ops, and of the classes of what they return."""
    parts = [
        f"{MADE}# Programs",
        "What `import graphc` gives beside `graphc.ops` and `graphc.keras`, and the classes of what it returns.\n",
    ]
    for name in sorted(graphc.__all__):
        value = getattr(graphc, name)
        if not inspect.ismodule(value) and not isinstance(value, str):
            parts.append(documented(f"graphc.{name}", value, "##"))
    for place, name in (("graphc.graph", "Node"), ("graphc.graph", "State"), ("graphc.runtime", "Executable")):
        target = getattr(importlib.import_module(place), name)
        parts.append(f"## `{name}`\n\n{inspect.getdoc(target)}\n")
        parts += [documented(f"{name}.{member}", value) for member, value in members(target)]
    return "\n".join(parts)


def keras_object(module: str) -> Any:
    """Return graphc's module or class of this name below keras."""
    try:
        return importlib.import_module(f"graphc.keras.{module}")
    except ModuleNotFoundError:
        above, _, name = module.rpartition(".")
        return getattr(keras_object(above), name)


def note(module: str, name: str) -> str:
    return NOTES.get(f"{module}.{name}") or NOTES.get(f"{module}.*", "")


def missing_names() -> list[str]:
    """Return the names of Keras 2.2.4 that graphc does not have."""
    return [f"{m}.{name}" for m, names in API.items() for name in names if not hasattr(keras_object(m), name)]


def differences(target: Any, entries: list[str]) -> list[str]:
    """Return how the arguments differ from Keras's: what is not taken, what has another default."""
    own = parameters(target)
    if any(p.kind is p.VAR_POSITIONAL for p in own.values()):
        return []
    found = []
    for entry in entries:
        name, _, default = entry.partition("=")
        if name.startswith("*"):
            continue
        if name not in own:
            found.append(f"`{name}` is not taken")
        elif default and not same_default(own[name].default, default):
            found.append(f"`{name}` is `{own[name].default!r}` by default")
    return found


def same_default(own: Any, source: str) -> bool:
    """Tell whether a default is what Keras's source says; what is no literal there is taken to be."""
    try:
        return bool(own == ast.literal_eval(source))
    except ValueError:
        return True


def verdict(module: str, name: str, entries: list[str]) -> str:
    """Return "works", or how it differs."""
    said = note(module, name)
    target = getattr(keras_object(module), name, None)
    if target is None:
        return f"**missing**{': ' if said else ''}{said}"
    found = differences(target, entries)
    return "; ".join([*(found or ["works"]), *([said] if said else [])])


def keras_page() -> str:
    """Return the page that holds every name and argument of Keras 2.2.4 against graphc's."""
    count = sum(len(names) for names in API.values())
    parts = [
        f"{MADE}# Keras compatibility",
        f"Every public name of Keras 2.2.4 with its arguments and defaults ({count} of them, read from its source), "
        "and how graphc differs: in the same place below `graphc.keras`, or below `keras` under `graphc run`. "
        '"Works": all these arguments are taken, with these defaults. That they compute the same is tested against '
        "values that Keras 2.2.4 computed, and by its own tests.\n",
        "What holds for all of it:\n",
        "- Arguments and names of Keras 1 are taken, with the warnings of Keras 2.2.4.\n"
        "- Convolutional layers take arguments from `activation` on by name, as Keras 2.2.4 asks of most of them.\n"
        "- Random numbers are of another generator: seeds make a script reproducible, not equal to another backend.\n"
        "- There is no TensorFlow below and no eager mode: `K.function` and the models compile programs.\n"
        "- Errors are the ones Keras raises, with the layer and your line in the message.\n",
    ]
    for module, names in API.items():
        parts += [f"## `keras.{module}`\n", "| name and arguments | graphc |", "|---|---|"]
        for name, entries in names.items():
            call = f"{name}({', '.join(entries)})".replace("|", "\\|")
            parts.append(f"| `{call}` | {verdict(module, name, entries)} |")
        parts.append("")
    return "\n".join(parts)


PAGES = {"ops.md": ops_page, "programs.md": programs_page, "keras.md": keras_page}


def main() -> None:
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page())


if __name__ == "__main__":
    main()
