"""A Story as plain lists and dicts, as the page's script reads them."""

from __future__ import annotations

import linecache
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphc import dtypes, symbolic
from graphc.graph import CONSTANT, PLACEHOLDER, STATE, Graph, Node, topological_order
from graphc.loopir import ContractKernel, Loop, Plan, Step, count_operations, format_kernel, launches_of
from graphc.symbolic import Symbol
from graphc.viz.explorer.nest import Nests, Path
from graphc.viz.explorer.story import RewriteStep, Story
from graphc.viz.programs import describe_node, is_inline

_SOURCE_LINES = 3
# Gradients are drawn apart from the layers that they run through backwards.
BACKWARD = "∂ "
# Ops that move data into another order without computing.
_REORDERING = frozenset({"transpose", "copy"})


class _Texts:
    """Texts by number, each once; run-time sizes have short names in them."""

    def __init__(self, sizes: Sequence[Symbol]) -> None:
        self.numbers: dict[str, int] = {}
        self.short = {str(s): "N" if len(sizes) == 1 else f"N{i}" for i, s in enumerate(sizes)}
        self._pattern = re.compile("|".join(map(re.escape, sorted(self.short, key=len, reverse=True))) or "(?!)")

    def number(self, text: str) -> int:
        """Return the text's number."""
        return self.numbers.setdefault(self.shortened(text), len(self.numbers))

    def shortened(self, text: str) -> str:
        """Return the text with short names for the run-time sizes."""
        return self._pattern.sub(lambda match: self.short[match[0]], text)


class StoryData:
    """Turns one story into data; `texts` is the chunk that the page decodes only where it is looked at."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._nests = Nests()
        self._texts = _Texts(story.plan.sizes)
        self._buffer_names = _buffer_names(story.plan)
        self._number: dict[Node, int] = {}
        self._rows: list[list[Any]] = []
        self._names: list[str] = []
        self.texts: list[dict[str, str]] = []

    def data(self) -> dict[str, Any]:
        """Return the data of the page's first look: everything but the texts of kernels."""
        story = self._story
        steps = [self._step(before, after) for before, after in zip((None, *story.steps), story.steps)]
        launches = self._launches()
        kernels_root = self._kernel_nest()
        sources = {n.provenance.place: n.provenance.source for n in self._number if n.provenance.source}
        return {
            "name": story.name,
            "nodes": self._rows,
            "texts": list(self._texts.numbers),
            "steps": steps,
            "scopes": self._nests.scopes,
            "layouts": self._nests.layouts,
            "kernels": launches,
            "kernelsRoot": kernels_root,
            "lines": {place: _lines_around(source) for place, source in sorted(sources.items())},
            "memory": self._memory(),
            "report": self._texts.shortened(story.report),
            "sizes": {self._texts.short[str(s)]: size for s, size in story.sizes.items()},
        }

    def _add(self, n: Node) -> int:
        """Return the node's number, its row made where it is new."""
        for made in topological_order((n,), self._number):
            if made in self._number:
                continue
            self._number[made] = len(self._rows)
            title, details = describe_node(made)
            self._names.append(str(made.attrs.get("name") or title))
            kind = 1 if made.op in (PLACEHOLDER, STATE) else 2 if made.op is CONSTANT else 0
            text = self._texts.number
            self._rows.append(
                [
                    text(title), text(made.op.name), text(str(made.type)), text("/".join(_scope_of(made))),
                    text(made.provenance.place), [self._number[i] for i in made.inputs],
                    text("\n".join(details[:-1])), text(made.op.doc.split("\n")[0]),
                    3 if made.op.name in _REORDERING else kind,
                ]
            )  # fmt: skip
        return self._number[n]

    # graphs

    def _step(self, before: RewriteStep | None, after: RewriteStep) -> dict[str, Any]:
        old = set() if before is None else set(_shown(before.graph))
        new = set(_shown(after.graph))
        added = [n for n in _shown(after.graph) if n not in old] if before is not None else []
        removed = [] if before is None else [n for n in _shown(before.graph) if n not in new]
        became = _successors(added, removed, after.became)
        rebuilt = {new for old, new in became.items() if old.inputs and _likeness(old) == _likeness(new)}
        graphs = [after.graph] if before is None else [after.graph, before.graph]
        roots = [root for graph in graphs for root in (*graph.roots, *graph.inputs)]
        both = [n for n in topological_order(roots) if n in new or n in old]
        root = self._nest(both)
        return {
            "name": after.name,
            "purpose": after.purpose,
            "ms": round(after.milliseconds, 3),
            "count": len(new),
            "added": [self._add(n) for n in added if n not in rebuilt],
            "rebuilt": [self._add(n) for n in added if n in rebuilt],
            "removed": [self._add(n) for n in removed],
            "outputs": [self._add(n) for n in after.graph.roots],
            "became": {self._add(a): self._add(b) for a, b in became.items()},
            "reasons": {self._add(n): self._texts.number(why) for n, why in after.reasons.items() if n in new | old},
            "root": root,
        }

    def _nest(self, nodes: Sequence[Node]) -> int:
        paths: dict[int, Path] = {}
        edges: list[tuple[int, int]] = []
        shown = set(nodes)
        given: set[Node] = set()
        recurrences: dict[Path, list[Graph]] = {}
        for n in nodes:
            path = _scope_of(n)
            if isinstance(n.attrs.get("body"), Graph):
                path = (*path, self._recurrence_name(n, path, recurrences))
                self._add_body(n, (*path, "step"), paths, edges)
            else:
                # Interned sizes and constants belong to whoever was first: they join no layers.
                read = [i for i in n.inputs if i in shown and (i in given or _scope_of(i) == path)]
                edges += [(self._add(i), self._add(n)) for i in read]
            if n.op in (PLACEHOLDER, STATE) or any(i in given for i in n.inputs):
                given.add(n)
            paths[self._add(n)] = path
        return self._nests.add(list(paths.items()), edges, self._names)

    def _recurrence_name(self, n: Node, path: Path, recurrences: dict[Path, list[Graph]]) -> str:
        """Return the name of a recurrence's scope: siblings share it, others of the layer have another number."""
        bodies = recurrences.setdefault(path, [])
        if n.attrs["body"] not in bodies:
            bodies.append(n.attrs["body"])
        length = self._texts.shortened(str(n.attrs["length"]))
        return f"recurrence {bodies.index(n.attrs['body']) + 1} of {length} steps"

    def _add_body(self, n: Node, path: Path, paths: dict[int, Path], edges: list[tuple[int, int]]) -> None:
        """Put the nodes of a recurrence's step into a scope of their own, between what it reads and its result."""
        body: Graph = n.attrs["body"]
        made = body.outputs[n.attrs["carry"]] if n.attrs["value"] is None else n.attrs["value"]
        inside = dict.fromkeys((*body.inputs, *topological_order((*body.roots, made))))
        edges += [(self._add(i), self._add(p)) for i, p in zip(n.inputs, body.inputs) if not is_inline(i)]
        for m in inside:
            if not is_inline(m):
                paths.setdefault(self._add(m), path)
                edges += [(self._add(i), self._add(m)) for i in m.inputs if not is_inline(i)]
        edges.append((self._add(made), self._add(n)))

    # kernels

    def _launches(self) -> list[dict[str, Any]]:
        plan, story = self._story.plan, self._story
        chunks: dict[Any, int] = {}
        result = []
        for position, (launch, members) in enumerate(zip(plan.launches, story.members)):
            if launch.kernel not in chunks:
                chunks[launch.kernel] = len(self.texts)
                texts = {"loops": self._texts.shortened(format_kernel(launch.kernel))}
                self.texts.append(texts | dict(story.code.get(launch.kernel, {})))
            written = [p.writable for p in launch.kernel.parameters]
            row: dict[str, Any] = {
                "label": launch.kernel.label or "kernel",
                "kind": "contraction" if isinstance(launch.kernel, ContractKernel) else "loops",
                "code": chunks[launch.kernel],
                "nodes": [self._add(n) for n in members if not is_inline(n)],
                "results": [self._add(o.node) for o in launch.origin if o.node is not None],
                "layouts": list(map(self._texts.shortened, story.layouts[position])) if story.layouts else [],
                "unfused": list(map(self._texts.shortened, launch.unfused)),
                "operations": self._texts.shortened(str(count_operations(launch.kernel))),
                "bytes": self._texts.shortened(str(launch.bytes)),
                "barrier": launch.barrier,
                "kept": position < plan.prepared,
                "reads": [self._buffer_names[b] for p, w in zip(launch.places, written) if not w for b in p.buffers],
                "writes": [self._buffer_names[b] for p, w in zip(launch.places, written) if w for b in p.buffers],
            }
            if story.times:
                time = story.times[position]
                row["time"] = [
                    round(time.nanoseconds), round(time.start), round(time.operations), round(time.bytes),
                    round(time.roofline, 4),
                ]  # fmt: skip
            result.append(row)
        return result

    def _kernel_nest(self) -> int:
        """Return the scope of kernels, loops around them, and buffers that are given or kept."""
        plan = self._story.plan
        launches = plan.launches
        paths: list[tuple[int, Path]] = []
        edges: list[tuple[int, int]] = []
        names = [*self._names]
        writer: dict[str, int] = {}
        base = len(self._rows)
        for position, path in _launch_paths(plan.steps, self._texts.shortened):
            launch = launches[position]
            number = base + position
            names.append(f"kernel {position}")
            paths.append((number, path))
            used = [(p, b) for p, place in zip(launch.kernel.parameters, launch.places) for b in place.buffers]
            edges += [(writer[b], number) for b in dict.fromkeys(b for _, b in used) if writer.get(b, number) != number]
            writer |= {b: number for p, b in used if p.writable}
        return self._nests.add(paths, edges, names)

    def _memory(self) -> dict[str, Any]:
        """Return the buffers as rectangles: first and last launch, offset and bytes; the arena's size."""
        plan, sizes = self._story.plan, self._story.sizes
        used: dict[str, tuple[int, int]] = {}
        launches = plan.launches
        for position, launch in enumerate(launches):
            for name in (b for place in launch.places for b in place.buffers):
                used[name] = (used.get(name, (position, position))[0], position)
        rows = []
        for b in plan.buffers:
            size = symbolic.evaluate(b.size, sizes) * dtypes.itemsize(b.dtype)
            at = None if b.slot is None or b.role == "private" else symbolic.evaluate(b.slot, sizes)
            rows.append([self._buffer_names[b.name], b.role, *used.get(b.name, (0, len(launches) - 1)), at, size])
        return {"arena": symbolic.evaluate(plan.arena, sizes), "buffers": rows}


def _buffer_names(plan: Plan) -> dict[str, str]:
    """Return what buffers are called to a reader: arguments and states by their own names."""
    given = {argument.buffer: argument.name for argument in plan.arguments}
    return {b.name: given.get(b.name) or str(getattr(b.source, "name", b.name)) for b in plan.buffers}


def _scope_of(n: Node) -> Path:
    """Return the names of the scopes around a node: its layer's, and of a gradient its layer's backward one's."""
    path = tuple((n.provenance.layer or "").split("/"))
    if path == ("",):
        return ()
    return (BACKWARD + path[0], *path[1:]) if n.provenance.backward else path


def _shown(graph: Graph) -> list[Node]:
    """Return the nodes that have a box: all but scalar constants, which stand in their user's."""
    unused = [n for n in graph.inputs if n not in set(graph.nodes)]
    return [n for n in (*unused, *graph.nodes) if not is_inline(n) or n in graph.outputs]


def _likeness(n: Node) -> tuple[Any, ...]:
    """Return what a node has in common with itself on other inputs."""
    return (n.op.name, n.rank, n.dtype, n.provenance, str(sorted(n.attrs)))


def _successors(added: Sequence[Node], removed: Sequence[Node], became: Mapping[Node, Node]) -> dict[Node, Node]:
    """Return what stands in the place of removed nodes: what the pass tells, else an added node that is alike."""
    new = set(added)
    found: dict[Node, Node] = {}
    for n in removed:
        end, met = became.get(n), {n}
        while end is not None and end not in new and end not in met:
            met.add(end)
            end = became.get(end)
        if end is not None and end in new:
            found[n] = end
    waiting: dict[Any, list[Node]] = defaultdict(list)
    taken = set(found.values())
    for n in added:
        if n not in taken:
            waiting[_likeness(n)].append(n)
    for n in removed:
        alike = waiting[_likeness(n)]
        if n not in found and alike:
            found[n] = alike.pop(0)
    return found


def _launch_paths(
    steps: Sequence[Step], shortened: Callable[[str], str], path: Path = (), start: int = 0
) -> list[tuple[int, Path]]:
    """Return each launch's position, with the loops around it."""
    found: list[tuple[int, Path]] = []
    for step in steps:
        if isinstance(step, Loop):
            first = start + len(found)
            last = first + len(list(launches_of((step,)))) - 1
            extent = shortened(str(step.extent))
            name = f"{extent} strips, each on one thread" if step.apart else f"loop of {extent} steps"
            inner = (*path, f"{name}: kernels {first} to {last}")
            found += _launch_paths(step.steps, shortened, inner, first)
        else:
            found.append((start + len(found), path))
    return found


def _lines_around(source: str) -> list[Any]:
    """Return the first line's number and the lines around `file:line`; nothing where the file cannot be read."""
    file, _, line = source.rpartition(":")
    first = max(1, int(line) - _SOURCE_LINES)
    lines = [linecache.getline(file, i).rstrip("\n") for i in range(first, int(line) + _SOURCE_LINES + 1)]
    return [first, *lines] if any(lines) else []
