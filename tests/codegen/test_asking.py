"""What contractions ask for ahead of time, counted in the text of their kernels."""

from __future__ import annotations

from graphc.codegen.llvm.contraction.blocking import STREAM_CACHES, STREAM_DEPTH, panel_tile
from graphc.codegen.llvm.contraction.kernel import emit_contract_kernel
from tests.codegen.test_contract import TARGETS, Case


def test_tiles_ask_for_the_rows_of_the_next_where_these_follow() -> None:
    target = TARGETS["host"]
    texts = {
        padding: emit_contract_kernel(Case(48, 96, 70, "m", padding=padding).kernel(), "kernel", target).text
        for padding in (0, 3)
    }
    # Nobody asks for rows with gaps between them.
    assert {padding: "@llvm.prefetch" in text for padding, text in texts.items()} == {0: True, 3: False}


def test_tiles_ask_for_the_panel_that_follows_theirs() -> None:
    def asked(case: Case) -> int:
        return emit_contract_kernel(case.kernel(), "kernel", TARGETS["host"]).text.count("@llvm.prefetch")

    assert asked(Case(20, 32, 96, batch=3)) > 0
    assert asked(Case(20, 32, 96, batch=3, padding=3)) == 0, "there are gaps"
    assert asked(Case(20, 32, 96)) == 0, "nothing follows a single matrix"
    assert asked(Case(20, 32, 96, batch=3, run_time="k")) == 0, "how far to go on is not known"


def test_tiles_ask_for_what_their_epilogue_reads_row_by_row() -> None:
    def asked(epilogue: str) -> int:
        case = Case(48, 96, 70, padding=3)
        return emit_contract_kernel(case.kernel(epilogue), "kernel", TARGETS["host"]).text.count("@llvm.prefetch")

    # A bias is the same for all rows; what is updated has an element for each result.
    assert asked("bias_relu") == 0 < asked("update")


def test_streams_ask_for_the_rows_of_the_next_block() -> None:
    target = TARGETS["host"]
    columns, depth = 600, STREAM_CACHES * target.l2 // (4 * 600) + 1
    case = Case(1, columns, depth)  # a single row: nothing else is asked for
    text = emit_contract_kernel(case.kernel(), "kernel", target).text
    lines = panel_tile(1, columns, target.lanes, target.registers, 8).vectors * target.lanes * 4 // 64
    assert text.count("@llvm.prefetch") == STREAM_DEPTH * lines
