"""`graphc run`: a script runs as __main__, and its `keras` is graphc.keras."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import numpy as np

_INTERRUPTED = 130
# Other compilers of old scripts: they are not here, and their functions cannot work on graphc's tensors.
_OTHER_BACKENDS = ("tensorflow", "theano", "cntk")
# Names that NumPy had for Python's types until 1.24.
_NUMPY_ALIASES = {"bool": bool, "complex": complex, "float": float, "int": int, "object": object, "str": str}
_COMMAND_LINE = os.path.dirname(__file__) + os.sep


class KerasFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `keras` and `keras.x.y` as graphc.keras and graphc.keras.x.y: the same module objects."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """Return a spec for names that graphc.keras has; None leaves the rest to Python's own error."""
        if fullname != "keras" and not fullname.startswith("keras."):
            return None
        ours = f"graphc.{fullname}"
        if ours not in sys.modules and importlib.util.find_spec(ours) is None:
            return None
        is_package = hasattr(importlib.import_module(ours), "__path__")
        return importlib.machinery.ModuleSpec(fullname, self, is_package=is_package)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """Return graphc's module, and remember its own spec, which the import system is about to replace."""
        module = importlib.import_module(f"graphc.{spec.name}")
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Give the module its own spec back: it was executed under its own name."""
        if module.__spec__ is not None and module.__spec__.loader is self:
            module.__spec__ = module.__spec__.loader_state


def install_keras() -> None:
    """Make `import keras` mean graphc.keras from now on in this process."""
    if not any(isinstance(finder, KerasFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, KerasFinder())


def restore_numpy_names() -> None:
    """Give NumPy the names of Python's types back that old scripts use (`np.float`), where it has dropped them."""
    for name, python_type in _NUMPY_ALIASES.items():
        if name not in vars(np):
            setattr(np, name, python_type)


def run(script: str, arguments: Sequence[str]) -> int:
    """Run a script as `python script arguments...` would and return its exit status.

    An exception shows the traceback from the script's own frames on and gives 1; `sys.exit` in the script ends
    the process as it does under python.
    """
    path = Path(script)
    try:
        code = compile_script(path)
    except OSError as error:
        print(f"graphc run: cannot read '{script}': {error.strerror}", file=sys.stderr)
        return 2
    except (SyntaxError, ValueError) as error:
        show_error(error)
        return 1
    prepare(path)
    sys.argv = [script, *arguments]
    module = ModuleType("__main__")
    module.__dict__.update(__file__=script, __builtins__=__builtins__, __spec__=None)
    sys.modules["__main__"] = module
    try:
        exec(code, module.__dict__)
    except (Exception, KeyboardInterrupt) as error:
        show_error(error)
        return _INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
    return 0


def show_error(error: BaseException) -> None:
    """Print an error as python does, without the frames of the command line that lead to the user's code.

    A script that imports another compiler is told what to do.
    """
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing is not None and missing.partition(".")[0] in _OTHER_BACKENDS:
        error.add_note(
            f"graphc run gives scripts `keras`, not {missing}. Lines that only configure {missing} (sessions, GPU "
            "memory, seeds) can go; what computes with tensors has its equal in keras.backend."
        )
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename.startswith(_COMMAND_LINE):
        frames = frames.tb_next
    sys.excepthook(type(error), error.with_traceback(frames), frames)


def compile_script(path: Path) -> CodeType:
    """Return the script's code. Raises OSError where it cannot be read, SyntaxError where it is not Python."""
    return compile(path.read_bytes(), str(path), "exec", dont_inherit=True)


def prepare(path: Path) -> None:
    """Install `keras` and NumPy's old names, and put the script's folder first on the module path, as python does."""
    install_keras()
    restore_numpy_names()
    folder = os.path.dirname(os.path.realpath(path))
    if sys.flags.safe_path:
        sys.path.insert(0, folder)
    else:
        sys.path[0] = folder
