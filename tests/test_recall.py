"""Programs known by their graph: what the cache gives back is what was compiled, and nothing else's."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc
from graphc import config, ops, passes, schedule
from graphc.compile import build_graph, program_identity
from graphc.errors import ExecutionError, ShapeError
from graphc.graph import REGISTRY, Node, State, apply
from graphc.loopir import format_plan
from graphc.records import replace
from graphc.runtime import Executable, cpu
from graphc.runtime import sources as runtime_sources
from tests.cuda.kernels import needs_compiler
from tests.cuda.stand_in import emulated_device

# A value for each flag that is not its default.
VALUES = {
    "GRAPHC_VERIFY": "1",
    "GRAPHC_DUMP": "dumps",
    "GRAPHC_DISABLE": "simplify_algebra",
    "GRAPHC_STOP_AFTER": "expand_composites",
    "GRAPHC_TIME": "1",
    "GRAPHC_CACHE": "elsewhere",
    "GRAPHC_THREADS": "1",
    "GRAPHC_SUBNORMALS": "1",
    "GRAPHC_NAN_GUARD": "1",
    "GRAPHC_PROFILE": "1",
    "GRAPHC_CONV_PRECISION": "fast",
    "GRAPHC_MATMUL_PRECISION": "tf32",
    "GRAPHC_CUBLAS": "1",
    "GRAPHC_CUDNN": "1",
    "GRAPHC_DEVICE": "cuda",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    path = tmp_path / "cache"
    monkeypatch.setenv("GRAPHC_CACHE", str(path))
    return path


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=needs_compiler)])
def place(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where programs are compiled for."""
    with graphc.device("cpu" if request.param == "cpu" else emulated_device()):
        yield request.param


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What was done of a compilation."""
    done: list[str] = []

    def noting(verb: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*args: Any, **options: Any) -> Any:
            done.append(verb)
            return original(*args, **options)

        return noted

    for room, verb in ((passes, "run_pipeline"), (schedule, "lower_graph")):
        monkeypatch.setattr(room, verb, noting(verb, getattr(room, verb)))
    yield done


def _step(name: str = "x", guard: bool = False, columns: int = 7) -> tuple[Executable, State]:
    """A training step with a constant array, a state, an update and two results."""
    x, y = graphc.placeholder((None, columns), name=name), graphc.placeholder((None,), name="y")
    weights = State(np.linspace(-1, 1, columns, dtype=np.float32), f"weights of {name}")
    scale = np.arange(1, columns + 1, dtype=np.float32) ** 2
    loss = ops.mean((ops.matmul(ops.tanh(x * scale), weights.node) - y) ** 2)
    [g] = graphc.gradients(loss, [weights.node])
    updates = [(weights, weights.node - 0.1 * g)]
    return graphc.function([x, y], [loss, ops.sum(g)], updates, name=name, nan_guard=guard), weights


def _arrays(rows: int = 11, columns: int = 7) -> tuple[Any, Any]:
    generator = np.random.default_rng(5)
    return generator.standard_normal((rows, columns), np.float32), generator.standard_normal(rows, np.float32)


@pytest.mark.usefixtures("place")
def test_a_known_program_is_not_compiled_and_gives_the_same_bits(counted: list[str]) -> None:
    first, weights = _step()
    assert counted == ["run_pipeline", "lower_graph"] and not first.code.cached
    second, same_weights = _step("other_name")
    assert len(counted) == 2 and second.code.cached
    for rows in (11, 1, 40):
        a, b = first(*_arrays(rows)), second(*_arrays(rows))
        assert [r.tobytes() for r in a] == [r.tobytes() for r in b]
    assert weights.get_value().tobytes() == same_weights.get_value().tobytes()
    assert len(counted) == 2


@pytest.mark.usefixtures("place")
def test_what_one_looks_into_is_what_runs(counted: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = _step()
    second, _ = _step()
    # It is made when it is asked for, as the flags were when the program was.
    monkeypatch.setenv("GRAPHC_DISABLE", "simplify_algebra")
    monkeypatch.setenv("GRAPHC_SUBNORMALS", "1")
    assert "x, y): 2 results" in repr(second) and len(counted) == 2
    assert second.source() == first.source()
    plans = [re.sub(r"x_0_\d+", "rows", format_plan(f.plan)) for f in (first, second)]
    assert plans[0] == plans[1]
    assert second.source("asm") == first.source("asm")
    assert [stage.name for stage in second.reports] == [stage.name for stage in first.reports]
    assert len(counted) == 4
    assert "from the cache" in second.report()
    other, _ = _step()
    assert other.source() != first.source()


def test_epochs_profiles_and_guards_of_known_programs(place: str) -> None:
    totals = []
    for attempt in range(2):
        f, weights = _step(guard=True)
        assert f.code.cached is bool(attempt)
        total = np.zeros(2)
        assert f.epoch(_arrays(24), np.arange(24), 5, 0, 5, total, 100.0) == 5
        totals.append((total.tobytes(), weights.get_value().tobytes()))
        x, y = _arrays()
        x[3, 2] = np.nan
        first = r".*The first is 'x' .*test_recall.py" if place == "cpu" else ""
        with pytest.raises(ExecutionError, match=rf"x: not finite: output 0: {first}"):
            f(x, y)
        if place == "cpu":
            assert f.profile(*_arrays(), seconds=0.01).runs >= 3
    assert totals[0] == totals[1]


@pytest.mark.usefixtures("place")
def test_arguments_are_called_as_they_are_called_here() -> None:
    _step("first")
    second, _ = _step("second")
    assert second.code.cached
    with pytest.raises(ShapeError, match=r"argument 0 'second' of second \[.*test_recall.py:\d+\] has shape \(2, 3\)"):
        second(np.zeros((2, 3), np.float32), np.zeros(2, np.float32))


@pytest.mark.usefixtures("place")
def test_requirements_of_known_programs_tell_their_own_line(counted: list[str]) -> None:
    def build_one() -> Executable:
        x = graphc.placeholder((None, 6))
        return graphc.function([x], ops.reshape(x, (-1, 4)), name="one")

    def build_other() -> Executable:
        x = graphc.placeholder((None, 6))
        return graphc.function([x], ops.reshape(x, (-1, 4)), name="other")

    messages = []
    for build in (build_one, build_other):
        f = build()
        assert f(np.zeros((2, 6), np.float32)).shape == (3, 4)
        assert len(counted) == 2
        with pytest.raises(ShapeError) as caught:
            f(np.zeros((3, 6), np.float32))
        line = inspect.getsourcelines(build)[1] + 2
        assert f"test_recall.py:{line}]" in str(caught.value)
        messages.append(str(caught.value))
    assert messages[1].startswith("other: ") and "to be" in messages[1]


def _identity() -> Any:
    x = graphc.placeholder((None, 4), name="x")
    graph = build_graph([x], [ops.softmax(x)], [], {})
    return program_identity(graph)


def test_the_table_of_values_has_every_flag() -> None:
    assert VALUES.keys() == config.FLAGS.keys()


@pytest.mark.parametrize("flag", [f.name for f in config.FLAGS.values() if f.decides == "program"])
def test_every_flag_that_decides_the_program_is_in_its_key(flag: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _identity()
    monkeypatch.setenv(flag, VALUES[flag])
    assert _identity().key != before.key


@pytest.mark.parametrize("flag", [f.name for f in config.FLAGS.values() if f.decides != "program"])
def test_no_other_flag_changes_the_text(
    flag: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRAPHC_CACHE", "0")
    before, _ = _step()
    if flag != "GRAPHC_DEVICE":  # there may be no such device
        monkeypatch.setenv(flag, VALUES[flag])
    assert _step()[0].source() == before.source()


@pytest.mark.parametrize("flag", [f.name for f in config.FLAGS.values() if f.decides == "sight"])
def test_who_wants_to_see_a_compilation_sees_one(
    flag: str, counted: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _step()
    monkeypatch.setenv(flag, VALUES[flag])
    f, _ = _step()
    assert len(counted) == 4 and f.code.cached


def test_profiled_and_checked_programs_are_others() -> None:
    x = graphc.placeholder((None, 4), name="x")
    graph = build_graph([x], [ops.softmax(x)], [], {})
    found = [program_identity(graph, *facts) for facts in ((False, 0), (True, 0), (False, 1))]
    assert len({i.key for i in found if i is not None}) == 3


def test_without_a_cache_there_is_no_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_CACHE", "0")
    assert _identity() is None


def _sources(folder: Path) -> Path:
    for name, text in {"compile.py": "a", "ops/add.py": "b", "keras/dense.py": "c", "ops/notes.txt": "d"}.items():
        path = folder / "package" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "package"


@pytest.mark.parametrize("name", ["compile.py", "ops/add.py"])
def test_a_change_of_the_compiler_is_another_compiler(name: str, tmp_path: Path) -> None:
    package = _sources(tmp_path)
    before = runtime_sources.digest_files(package)
    assert before is not None
    assert runtime_sources.digest_files(package) == before
    (package / name).write_text("z")
    assert runtime_sources.digest_files(package) not in (before, None)
    (package / name).write_text({"compile.py": "a", "ops/add.py": "b"}[name])
    assert runtime_sources.digest_files(package) == before


def test_front_ends_are_no_part_of_the_compiler(tmp_path: Path) -> None:
    package = _sources(tmp_path)
    before = runtime_sources.digest_files(package)
    (package / "keras/dense.py").write_text("another")
    (package / "ops/notes.txt").write_text("another")
    assert runtime_sources.digest_files(package) == before
    (package / "ops/subtract.py").write_text("")
    assert runtime_sources.digest_files(package) != before


def test_a_compiler_that_changed_while_it_ran_is_not_known(tmp_path: Path) -> None:
    package = _sources(tmp_path)
    newest = max((package / name).stat().st_ctime_ns for name in ("compile.py", "ops/add.py"))
    assert runtime_sources.digest_files(package, newest) == runtime_sources.digest_files(package)
    assert runtime_sources.digest_files(package, newest - 1) is None


def test_without_source_files_there_is_no_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert runtime_sources.digest_files(tmp_path / "nowhere") is None
    monkeypatch.setattr("graphc.runtime.source_digest", lambda: None)
    assert _identity() is None


def test_the_digest_of_the_source_is_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = _identity()
    monkeypatch.setattr("graphc.runtime.source_digest", lambda: "another compiler")
    assert _identity().key != before.key


def test_the_processor_is_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = _identity()
    device = cpu()
    monkeypatch.setitem(device.__dict__, "host", replace(device.host, l2=device.host.l2 * 2))
    assert _identity().key != before.key


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("damage", ["changed", "cut", "lost"])
def test_damaged_entries_are_made_again(damage: str, folder: Path, counted: list[str]) -> None:
    expected = [r.tobytes() for r in _step()[0](*_arrays())]
    for path in folder.glob("*.o"):
        content = path.read_bytes()
        if damage == "lost":
            path.unlink()
        else:
            path.write_bytes(content[:-3] if damage == "cut" else content[:-3] + b"xyz")
        assert [r.tobytes() for r in _step()[0](*_arrays())] == expected
    made_again = len(counted)
    assert made_again > 2
    assert [r.tobytes() for r in _step()[0](*_arrays())] == expected
    assert len(counted) == made_again


@pytest.mark.usefixtures("place")
def test_ops_of_others_are_compiled_every_time(counted: list[str]) -> None:
    tanh = REGISTRY["tanh"]
    assert tanh.lower is not None
    foreign = replace(tanh, name="tanh_of_others", lower=lambda *args: tanh.lower(*args))  # type: ignore[misc]

    def build() -> Executable:
        x: Node = graphc.placeholder((None, 3))
        return graphc.function([x], apply(foreign, x))

    x = np.linspace(-2, 2, 6, dtype=np.float32).reshape(2, 3)
    for attempt in (1, 2):
        np.testing.assert_allclose(build()(x), np.tanh(x), rtol=1e-5)
        assert len(counted) == 2 * attempt


_START = """
import sys
import numpy as np
import graphc
from graphc import ops
x = graphc.placeholder((None, 3), name="x")
f = graphc.function([x], ops.softmax(ops.tanh(x) * 2))
print(f(np.arange(6, dtype=np.float32).reshape(2, 3)).tobytes().hex())
wanted = ("graphc.passes", "graphc.schedule", "graphc.codegen", "llvmlite.binding")
print(*(name for name in wanted if name in sys.modules))
"""


def test_another_process_starts_without_what_compiles() -> None:
    runs = [
        subprocess.run([sys.executable, "-c", _START], capture_output=True, text=True, check=True).stdout.splitlines()
        for _ in range(2)
    ]
    assert runs[0][0] == runs[1][0]
    assert runs[0][1].split() == ["graphc.passes", "graphc.schedule", "graphc.codegen", "llvmlite.binding"]
    assert runs[1][1] == ""
