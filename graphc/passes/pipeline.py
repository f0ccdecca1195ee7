"""The runner of passes: verifies, times, dumps, disables, stops."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from graphc import config
from graphc.errors import ConfigError, GraphcError
from graphc.graph import Graph, format_graph, verify_graph
from graphc.passes.recording import Rewrite, recording
from graphc.records import record

Pass: TypeAlias = Callable[[Graph], Graph]
Watch: TypeAlias = Callable[[Pass, Graph, Graph, list[Rewrite]], None]


@record
class PassRecord:
    """What one pass did: its time, the number of nodes before and after, whether anything changed."""

    name: str
    milliseconds: float
    nodes_before: int
    nodes_after: int
    changed: bool


@record
class PassReport:
    """The rewritten graph, and a record for each pass that ran."""

    graph: Graph
    records: tuple[PassRecord, ...]

    def __str__(self) -> str:
        rows = [
            f"{r.name:24} {r.milliseconds:8.3f} ms {r.nodes_before:6} -> {r.nodes_after} nodes" for r in self.records
        ]
        return "\n".join(rows)


def run_passes(graph: Graph, passes: Sequence[Pass], name: str = "program", watch: Watch | None = None) -> PassReport:
    """Run passes in order under the flags; `name` is the folder of the dumps.

    `watch(pass, before, after, rewrites)` is told of each pass that ran.

    GRAPHC_DISABLE leaves passes out, GRAPHC_STOP_AFTER ends after one, GRAPHC_VERIFY verifies the graph before the
    first and after each, GRAPHC_DUMP writes the graph's text before the first and after each that changed it,
    GRAPHC_TIME prints the report on stderr. Raises ConfigError where a flag names no pass, GraphcError where a pass
    leaves a graph that does not verify.
    """
    verify, folder = config.get("GRAPHC_VERIFY"), config.get("GRAPHC_DUMP")
    disabled, last = config.get("GRAPHC_DISABLE"), config.get("GRAPHC_STOP_AFTER")
    _check_names(passes, {*disabled, last} - {""})
    if verify:
        verify_graph(graph)
    if folder:
        _dump(graph, Path(folder) / name, 0, "input")
    records: list[PassRecord] = []
    for number, rewrite in enumerate(passes, 1):
        if rewrite.__name__ in disabled:
            continue
        before, start = graph, time.perf_counter()
        if watch is None:
            graph = rewrite(before)
        else:
            with recording() as rewrites:
                graph = rewrite(before)
        milliseconds = (time.perf_counter() - start) * 1000
        if watch is not None:
            watch(rewrite, before, graph, rewrites)
        changed = graph is not before
        records.append(PassRecord(rewrite.__name__, milliseconds, len(before.nodes), len(graph.nodes), changed))
        if verify and changed:
            _verify(graph, rewrite.__name__)
        if folder and changed:
            _dump(graph, Path(folder) / name, number, rewrite.__name__)
        if rewrite.__name__ == last:
            break
    report = PassReport(graph, tuple(records))
    if config.get("GRAPHC_TIME"):
        print(report, file=sys.stderr)
    return report


def _check_names(passes: Sequence[Pass], named: set[str]) -> None:
    known = [rewrite.__name__ for rewrite in passes]
    unknown = named - set(known)
    if unknown:
        raise ConfigError(f"no pass is named {', '.join(sorted(unknown))}; there are {', '.join(known)}")


def _verify(graph: Graph, name: str) -> None:
    try:
        verify_graph(graph)
    except GraphcError as error:
        raise type(error)(f"after the pass {name}: {error}") from error


def _dump(graph: Graph, folder: Path, number: int, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{number:02}_{name}.txt").write_text(format_graph(graph) + "\n", encoding="utf-8")
