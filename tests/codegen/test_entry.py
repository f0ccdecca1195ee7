"""The text around the kernels: what is decided when it is emitted."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.codegen import Target, emit_plan
from graphc.errors import CompileError
from graphc.graph import State
from graphc.loopir import Argument, Buffer, Plan
from graphc.records import replace
from graphc.symbolic import symbol
from tests.runtime.programs import counter, relu_twice, training_step

TARGET = Target("x86-64-v4", "+avx512f", 16, 32, fma=True, half=True)


def _body(text: str, function: str) -> str:
    start = text.index(f"@{function}(", text.index("define"))
    while not text[text.rindex("\n", 0, start) + 1 : start].startswith("define"):
        start = text.index(f"@{function}(", start + 1)
    return text[start : text.index("\n}\n", start)]


def test_small_plans_have_no_threads() -> None:
    text = emit_plan(counter(State(np.zeros(5, np.float32))), TARGET)
    assert "GOMP" not in text
    assert "PyEval_SaveThread" in text  # to wait for the states' lock
    assert _body(text, "graphc_call").count("@pthread_rwlock_trywrlock") == 1


def test_plans_without_states_take_no_lock() -> None:
    assert "rwlock" not in _body(emit_plan(relu_twice(), TARGET), "graphc_call")


def test_readers_share_the_lock() -> None:
    state = State(np.zeros(5, np.float32))
    plan = counter(state)
    reader = replace(plan, steps=plan.steps[:1])
    body = _body(emit_plan(reader, TARGET), "graphc_call")
    assert "tryrdlock" in body
    assert "wrlock" not in body


def test_large_arenas_are_in_large_pages() -> None:
    body = _body(emit_plan(relu_twice(), TARGET), "graphc_take")
    assert "select i1 %" in body[: body.index("@posix_memalign")]
    assert body.index("@posix_memalign") < body.index("@madvise")


def test_threads_wait_where_launches_depend() -> None:
    large = relu_twice(work=10**9)
    assert _body(emit_plan(large, TARGET), "graphc_region").count("@GOMP_barrier") == 1
    first, second = large.launches
    independent = replace(large, steps=(first, replace(second, barrier=False)))
    assert "GOMP_barrier" not in _body(emit_plan(independent, TARGET), "graphc_region")


def _sized(plan: Plan, *sizes: str) -> Plan:
    """Return the plan with its last launch repeated: `large` or `small`, with a barrier before unless `-free`."""
    launches = tuple(
        replace(plan.launches[-1], work=10**9 if "large" in size else 10, bytes=10, barrier="free" not in size)
        for size in sizes
    )
    return replace(plan, steps=launches)


@pytest.mark.parametrize(
    ("sizes", "barriers"),
    [
        (("large", "large", "large"), 2),
        (("large", "large-free", "large"), 1),
        (("large", "small", "small", "small"), 1),
        (("small", "small", "large"), 1),
        (("large", "small", "large"), 2),
        # The first launch may be what the last needs: its barrier was before the second, which went without.
        (("small", "small", "large-free"), 1),
        (("small", "large-free", "small"), 1),
        (("small", "small-free", "large-free"), 0),
        (("large", "small-free", "small"), 1),
        (("small", "small", "large-free", "large-free", "small-free"), 1),
    ],
)
def test_threads_wait_only_for_what_others_did(sizes: tuple[str, ...], barriers: int) -> None:
    body = _body(emit_plan(_sized(relu_twice(), *sizes), TARGET), "graphc_region")
    assert body.count("@GOMP_barrier") == barriers
    assert body.count("i64 0, i64 1)") == sum("small" in size for size in sizes)


def test_equal_kernels_are_one_function() -> None:
    text = emit_plan(relu_twice(), TARGET)
    assert text.count("define void @kernel_") == 1
    assert text.count("call void @kernel_0") == 2 * 2  # on one thread, and in the region


def test_text_does_not_depend_on_the_process() -> None:
    texts = {emit_plan(counter(State(np.full(5, value, np.float32))), TARGET) for value in (1, 2)}
    assert len(texts) == 1
    assert "inttoptr (i64" not in texts.pop()


def test_epochs_need_float_scalars() -> None:
    assert "@graphc_epoch" not in emit_plan(relu_twice(), TARGET)
    assert "@graphc_epoch" in emit_plan(training_step(State(np.zeros(7, np.float32))), TARGET)


def test_a_size_must_be_bound() -> None:
    stray = symbol("stray")
    plan = Plan(
        sizes=tuple(next(iter(stray.terms))),  # type: ignore[union-attr,arg-type]
        buffers=(Buffer("x", "float32", stray * 2, "input"),),
        arguments=(Argument("x", "x", (stray * 2,), "float32"),),
        results=(),
        steps=(),
        arena=0,
    )
    with pytest.raises(CompileError, match="no axis of an argument gives the size of stray"):
        emit_plan(plan, TARGET)
