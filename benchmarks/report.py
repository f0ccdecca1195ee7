"""Results as text for the terminal and as Markdown for the docs. A record is what `run.py --json` saves."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import Any

Record = dict[str, Any]


def scaled(seconds: float) -> str:
    """Return a time in the unit that suits it, with three digits."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if seconds * factor >= 1:
            return f"{_digits(seconds * factor)} {unit}"
    return f"{_digits(seconds * 1e9)} ns"


def _digits(value: float) -> str:
    return f"{value:.0f}" if value >= 99.95 else f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


def rows_of(case: Record, figure: str) -> Iterator[tuple[str, float, float, float, float]]:
    """Yield (contender, median, least, spread, ratio to the first contender) of a figure.

    The spread is half the distance between the quartiles, relative to the median.
    """
    timed: dict[str, list[float]] = case["figures"][figure]
    base = None
    for name, seconds in timed.items():
        ordered, middle = sorted(seconds), median(seconds)
        base = middle if base is None else base
        low, high = ordered[len(ordered) // 4], ordered[-1 - len(ordered) // 4]
        yield name, middle, ordered[0], (high - low) / 2 / middle, middle / base


Best = tuple[str, float]


def best_of(case: Record, figure: str) -> tuple[Best | None, Best | None]:
    """Return the quickest (contender, median) of the first contender's peer, and of all others; None: there is none."""
    medians = [(name, middle) for name, middle, *_ in rows_of(case, figure)]
    own = [entry for entry in medians if entry[0].split()[0] == medians[0][0].split()[0]]
    others = [entry for entry in medians if entry not in own]
    ours, theirs = (min(entries, key=lambda entry: entry[1], default=None) for entries in (own, others))
    return ours, theirs


def conclusion(case: Record, figure: str) -> str:
    """Return the line that tells the best other peer's ratio to the best time of the first contender's peer."""
    ours, theirs = best_of(case, figure)
    if ours is None:
        return "not measured"
    if theirs is None:
        return "no peer to compare with"
    return f"best peer {theirs[0]}: ratio {theirs[1] / ours[1]:.2f} to {ours[0]}"


def case_text(case: Record) -> str:
    """Return the table of a case for the terminal."""
    lines = [f"{case['name']}: {case['title']}"]
    for figure in case["figures"]:
        lines.append(f"  {figure} (each {case['unit']})" + " " * 4 + "median      least   spread   ratio")
        for name, middle, least, spread, ratio in rows_of(case, figure):
            lines.append(
                f"    {name:<22} {scaled(middle):>12} {scaled(least):>10} {100 * spread:>6.1f} % {_digits(ratio):>7}"
            )
        lines.append(f"    {conclusion(case, figure)}")
    lines += [f"  left out: {name}: {why}" for name, why in case["missing"].items()]
    lines += [f"  WRONG: {name}: {why}" for name, why in case["wrong"].items()]
    lines.append(f"  {memory_text(case)}")
    load = " -> ".join(f"{value:.2f}" for value in case["load"])
    lines.append(f"  load {load}; other processes took {case['foreign']:.2f} processors (median of the turns)")
    return "\n".join(lines)


def memory_text(case: Record) -> str:
    """Return what each contender's process had in memory at most, and how much of it came after its libraries."""
    sizes = (
        f"{name} {peak / 1e6:.0f} MB ({(peak - imported) / 1e6:.0f})"
        for name, (imported, peak) in case["memory"].items()
        if name not in case["missing"] | case["wrong"]
    )
    return "Most memory (after its libraries were loaded): " + ", ".join(sizes)


def heading(result: Record) -> str:
    """Return the machine and the settings in one line."""
    machine = result["machine"]
    extensions = ", ".join(machine["extensions"]) or "no vector extensions known"
    return (
        f"{machine['processor']} ({extensions}), {result['threads']} of {machine['usable']} processors, "
        f"{result['rounds']} rounds, {result['started']}"
    )


def versions_of(result: Record) -> dict[str, str]:
    """Return the version of each package, over all cases; several where interpreters differ."""
    found: dict[str, set[str]] = {}
    for case in result["cases"]:
        for packages in case["versions"].values():
            for package, version in packages.items():
                found.setdefault(package, set()).add(version)
    return {package: " and ".join(sorted(versions)) for package, versions in sorted(found.items())}


def markdown(results: list[Record]) -> str:
    """Return the tables of saved results for the docs."""
    lines: list[str] = []
    for result in results:
        versions = ", ".join(f"{package} {version}" for package, version in versions_of(result).items())
        lines += [f"{heading(result)}.", "", f"Versions: {versions}.", "", f"Command: `{result['command']}`", ""]
        for case in result["cases"]:
            lines += [f"**{case['name']}**: {case['title']}.", "", *_table(case), ""]
            left = [f"{name} ({why})" for name, why in (case["missing"] | case["wrong"]).items()]
            lines += [f"Left out: {'; '.join(left)}.", ""] if left else []
            lines += [f"{memory_text(case)}.", ""]
            lines += [f"Other processes took {case['foreign']:.2f} processors meanwhile.", ""]
    return "\n".join(lines).rstrip() + "\n"


def summary(results: list[Record]) -> str:
    """Return a table with a row for each figure: the first contender's peer at its best, the best other one."""
    lines = ["| | graphc | best peer | times graphc's |", "|---|---:|---:|---:|"]
    for case in (case for result in results for case in result["cases"]):
        for figure in case["figures"]:
            ours, theirs = best_of(case, figure)
            if ours is not None and theirs is not None:
                title = f"{case['title']}; {figure}" if len(case["figures"]) > 1 else case["title"]
                ratio = _digits(theirs[1] / ours[1])
                lines.append(f"| {title} | {scaled(ours[1])} | {theirs[0]} {scaled(theirs[1])} | {ratio} |")
    return "\n".join(lines) + "\n"


def _table(case: Record) -> Iterator[str]:
    """Yield the lines of a table: a row for each contender, for each figure its median, spread and ratio."""
    figures = [figure for figure, timed in case["figures"].items() if timed]
    yield "| |" + "".join(f" {figure} | ratio |" for figure in figures)
    yield "|---|" + "---:|---:|" * len(figures)
    columns = {figure: {name: rest for name, *rest in rows_of(case, figure)} for figure in figures}
    for name in dict.fromkeys(name for column in columns.values() for name in column):
        cells = []
        for figure in figures:
            if name not in columns[figure]:
                cells.append(" | |")
                continue
            middle, _least, spread, ratio = columns[figure][name]
            cells.append(f" {scaled(middle)} ± {100 * spread:.0f} % | {_digits(ratio)} |")
        yield f"| {name} |" + "".join(cells)
