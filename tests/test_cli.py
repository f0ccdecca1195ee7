"""The command line as a user calls it: each command in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import graphc
from graphc.cli import main

ROOT = Path(__file__).resolve().parents[1]
MODEL = """
from keras.models import Sequential
from keras.layers import Dense
model = Sequential(name="net")
model.add(Dense(3, input_shape=(7,), name="first"))
model.add(Dense(2, name="second"))
"""


def call(*arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    full = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    command = [sys.executable, "-m", "graphc", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=full, timeout=120, check=False)


def write(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def test_keras_is_graphcs_keras_module_for_module(tmp_path: Path) -> None:
    script = write(
        tmp_path,
        "script.py",
        """
import sys
import keras
import keras.backend as K
import keras.layers.core
import keras.utils.np_utils
from keras import layers
from keras.layers import Dense
import graphc.keras.backend, graphc.keras.layers, graphc.keras.layers.core, graphc.keras.utils.np_utils
assert keras is graphc.keras and sys.modules["keras"] is sys.modules["graphc.keras"]
assert K is keras.backend is graphc.keras.backend
assert keras.layers.core is graphc.keras.layers.core and layers is graphc.keras.layers
assert Dense is graphc.keras.layers.Dense
assert keras.utils.np_utils is graphc.keras.utils.np_utils
for module in (keras, K, layers):
    assert module.__spec__.name == module.__name__ == "graphc." + module.__name__[7:], module.__spec__
assert not hasattr(keras.utils.np_utils, "__path__")
try:
    import keras.nonsense
except ModuleNotFoundError as error:
    assert error.name == "keras.nonsense", error.name
else:
    raise AssertionError
print("all the same")
""",
    )
    done = call("run", script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "all the same\n", "")


def test_a_script_runs_as_main_beside_its_folder(tmp_path: Path) -> None:
    write(tmp_path, "beside.py", "value = 41")
    script = write(
        tmp_path,
        "script.py",
        "import sys, pickle, __main__, beside\nclass Thing: pass\n"
        "assert isinstance(pickle.loads(pickle.dumps(Thing())), Thing) and __main__.Thing is Thing\n"
        "print(__name__, __file__, sys.argv[1:], beside.value + 1)",
    )
    done = call("run", script, "--epochs", "3", "-o", "x", cwd=tmp_path.parent)
    assert done.stdout == f"__main__ {script} ['--epochs', '3', '-o', 'x'] 42\n"


def test_numpys_old_names_of_pythons_types_are_back(tmp_path: Path) -> None:
    text = "import numpy as np\nprint(np.float is float, np.int is int, np.object is object, np.dtype(np.bool))"
    assert call("run", write(tmp_path, "script.py", text)).stdout == "True True True bool\n"


@pytest.mark.parametrize("module", ["theano.tensor", "tensorflow"])
def test_a_script_that_imports_another_backend_is_told_what_to_do(tmp_path: Path, module: str) -> None:
    if importlib.util.find_spec(module.partition(".")[0]):
        pytest.skip(f"{module} is installed")
    done = call("run", write(tmp_path, "script.py", f"try:\n    import {module}\nexcept ImportError:\n    raise"))
    assert done.returncode == 1
    assert "graphc run gives scripts `keras`, not" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("text", "code", "error"),
    [
        ("import sys; sys.exit(7)", 7, ""),
        ("raise SystemExit", 0, ""),
        ("import sys; sys.exit('sorry')", 1, "sorry\n"),
        ("raise KeyboardInterrupt", 130, "KeyboardInterrupt\n"),
        ("import os; os._exit(3)", 3, ""),
    ],
)
def test_exit_codes_are_the_scripts(tmp_path: Path, text: str, code: int, error: str) -> None:
    done = call("run", write(tmp_path, "script.py", text))
    assert done.returncode == code
    assert done.stderr.endswith(error) if error else done.stderr == ""


def test_an_exception_shows_the_users_frames_only(tmp_path: Path) -> None:
    script = write(tmp_path, "script.py", "def f():\n    return 1 / 0\n\nf()\n")
    done = call("run", script)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1] == f'  File "{script}", line 4, in <module>'
    assert lines[-1] == "ZeroDivisionError: division by zero"
    assert "graphc/cli" not in done.stderr


def test_a_syntax_error_is_shown_as_python_shows_it(tmp_path: Path) -> None:
    script = write(tmp_path, "script.py", "x = (1,\ny = 2\n")
    done = call("run", script)
    assert done.returncode == 1
    assert f'File "{script}", line 1' in done.stderr
    assert "SyntaxError: '(' was never closed" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_script_is_named(tmp_path: Path) -> None:
    done = call("run", str(tmp_path / "none.py"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"graphc run: cannot read '{tmp_path / 'none.py'}': No such file or directory\n"


def test_summary_prints_the_models_of_a_script(tmp_path: Path) -> None:
    script = write(tmp_path, "script.py", MODEL + "other = model\nif __name__ == '__main__':\n    print('never')\n")
    done = call("summary", script)
    assert done.returncode == 0, done.stderr
    assert "first (Dense)" in done.stdout and "Total params: 32" in done.stdout
    assert "never" not in done.stdout
    assert done.stdout.count("Total params") == 1  # two names, one model


def test_summary_names_each_of_several_models_and_calls_builders(tmp_path: Path) -> None:
    text = MODEL + "second = Sequential([Dense(5, input_shape=(4,))])\ndef build():\n    return second\n"
    script = write(tmp_path, "script.py", text)
    both, built = call("summary", script), call("summary", f"{script}:build")
    assert re.search(r"^model:$.*^second:$", both.stdout, re.M | re.S)
    assert "Total params: 25" in built.stdout and "first" not in built.stdout
    assert "model:" not in built.stdout


def test_summary_takes_modules(tmp_path: Path) -> None:
    write(tmp_path, "place.py", MODEL)
    done = call("summary", "place:model", PYTHONPATH=f"{ROOT}:{tmp_path}")
    assert "Total params: 32" in done.stdout


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("saved.h5", "cannot read 'saved.h5': no such file"),
        ("empty.py", "has no model at its top level"),
        ("empty.py:what", "has no 'what'"),
        ("empty.py:number", "is a int, not a model"),
        ("missing.py", "No such file"),
        ("no.such.module", "there is no module 'no.such.module'"),
    ],
)
def test_what_summary_cannot_find_is_explained(
    tmp_path: Path, target: str, message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "empty.py", "number = 3")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    assert main(["summary", target]) == 1
    error = capsys.readouterr().err
    assert error.startswith("graphc summary: ")
    assert message in error


def test_errors_of_the_script_itself_keep_their_traceback(tmp_path: Path) -> None:
    script = write(tmp_path, "script.py", "def f():\n    return {}['key']\n\nf()\n")
    done = call("summary", script)
    assert done.returncode == 1
    assert done.stderr.splitlines()[1] == f'  File "{script}", line 4, in <module>'
    assert done.stderr.endswith("KeyError: 'key'\n")


def test_a_picture_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    script = write(tmp_path, "script.py", "import graphc\nx = graphc.placeholder((3,), name='x')\n")
    done = call("plot", f"{script}:x", "-o", str(tmp_path / "x.bmp"))
    assert done.returncode == 1
    assert done.stderr.startswith("graphc plot: cannot draw 'x.bmp': the name must end in .svg, .dot, .gv, .png,")


def test_plot_draws_layers_and_operations(tmp_path: Path) -> None:
    script = write(tmp_path, "script.py", MODEL)
    layers = call("plot", script, "-o", str(tmp_path / "layers.svg"))
    assert (layers.returncode, layers.stdout) == (0, f"{tmp_path / 'layers.svg'}\n"), layers.stderr
    assert ">first</text>" in (tmp_path / "layers.svg").read_text()
    assert call("plot", f"{script}:model", "--ops", "-o", str(tmp_path / "ops.dot")).returncode == 0
    assert "matmul" in (tmp_path / "ops.dot").read_text()


def test_plot_draws_compiled_functions_and_asks_which_of_several(tmp_path: Path) -> None:
    script = write(
        tmp_path,
        "script.py",
        MODEL + "import graphc\nx = graphc.placeholder((None, 3), name='x')\n"
        "f = graphc.function([x], graphc.ops.exp(x))\nsecond = Sequential([Dense(5, input_shape=(4,))])\n",
    )
    done = call("plot", f"{script}:f", "-o", str(tmp_path / "f.svg"), "--direction", "LR")
    assert done.returncode == 0, done.stderr
    assert ">exp</text>" in (tmp_path / "f.svg").read_text()
    several = call("plot", script, "-o", str(tmp_path / "g.svg"))
    assert several.returncode == 1
    assert "has several models: choose one" in several.stderr and "model, second" in several.stderr
    assert not (tmp_path / "g.svg").exists()


def test_view_writes_the_page_of_a_script_or_a_saved_model(tmp_path: Path) -> None:
    script = write(tmp_path, "script.py", MODEL + f"model.save({str(tmp_path / 'net.h5')!r})\n")
    done = call("view", script, "-o", "page.html", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "page.html\n"), done.stderr
    assert "<title>net · graphc</title>" in (tmp_path / "page.html").read_text()
    done = call("view", "net.h5", "--run", "--rows", "7", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "graphc_view.html\n"), done.stderr
    none = call("view", "net.h5", "--rows", "0", cwd=tmp_path)
    assert (none.returncode, "rows is 0, and should be 1 or more" in none.stderr) == (1, True)
    missing = call("view", "missing.h5", cwd=tmp_path)
    assert (missing.returncode, missing.stderr) == (1, "graphc view: cannot read 'missing.h5': no such file\n")


def test_profile_tells_where_a_scripts_time_goes(tmp_path: Path) -> None:
    text = MODEL + "import numpy as np, sys\nmodel.predict(np.ones((4, 7)))\nsys.exit(int(sys.argv[1]))\n"
    script = write(tmp_path, "script.py", text)
    done = call("profile", "--json", "profile.json", script, "3", cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert "predict_function:" in done.stdout and "% roofline" in done.stdout and "second" in done.stdout
    [found] = json.loads((tmp_path / "profile.json").read_text())
    assert found["runs"] == 1 and {"first", "second"} <= set(found["layers"])


def test_doctor_tells_what_it_finds(tmp_path: Path) -> None:
    done = call("doctor", GRAPHC_CACHE=str(tmp_path / "cache"), GRAPHC_NONSENSE="1")
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("graphc", "python", "packages", "processor", "features", "vectors", "threads", "cache", "gpu"):
        assert re.search(rf"^{name} +\S", done.stdout, re.M), name
    assert f"{tmp_path / 'cache'}" in done.stdout
    assert "GRAPHC_NONSENSE: no such flag" in done.stdout
    assert "gave the right numbers" in done.stdout


def test_doctor_fails_where_a_check_fails(tmp_path: Path) -> None:
    done = call("doctor", GRAPHC_THREADS="many")
    assert done.returncode == 1
    assert "FAILED: ConfigError" in done.stdout
    assert re.search(r"^gpu +\S", done.stdout, re.M)


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"graphc {graphc.__version__}\n"
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    shown = capsys.readouterr().out
    assert all(command in shown for command in ("run", "summary", "plot", "doctor"))
    with pytest.raises(SystemExit, match="2"):
        main([])


def test_the_project_file_takes_its_version_from_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "graphc.__version__"}


def test_importing_graphc_loads_nothing_heavy() -> None:
    text = (
        "import sys, graphc; print(*(n for n in ('networkx', 'h5py', 'yaml', 'hypothesis', 'llvmlite.binding', "
        "'graphc.keras') if n in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "\n"


def test_unknown_names_of_the_package_are_told() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        graphc.nonsense  # noqa: B018
    assert {"function", "keras", "plot"} <= set(dir(graphc))
