"""The docs keep to the code: files they name exist, their Python runs or parses, their tables are complete."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from graphc import config, ops
from graphc.cli import main
from graphc.cli.parser import command_parser
from tests.transcript import FENCE

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "benchmarks" / "README.md",
    *sorted(ROOT.glob("docs/**/*.md")),
]
PLACEHOLDERS = ("NAME", "your_", "...")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in FENCE.findall(page.read_text()) if kind == language]


def named_files(page: Path) -> set[str]:
    """Paths in backticks (with a slash, from the root), and targets of links (from the page), as root paths."""
    prose = FENCE.sub("", page.read_text())
    quoted = {path for path in re.findall(r"`([\w.\-]+/[\w./\-]*)`", prose) if not any(p in path for p in PLACEHOLDERS)}
    linked = {link for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", prose) if "://" not in link}
    return quoted | {str((page.parent / link).resolve().relative_to(ROOT)) for link in linked}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_that_a_page_names_exist(page: Path) -> None:
    assert [path for path in sorted(named_files(page)) if not (ROOT / path).exists()] == []


def run_transcript(page: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.transcript", str(page)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "pycon") or blocks(p, "console")], ids=name)
def test_a_page_read_from_top_to_bottom_does_what_it_says(page: Path, tmp_path: Path) -> None:
    done = run_transcript(page, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "text",
    [
        "```pycon\n>>> 1 + 1\n3\n\n```\n",
        "```console\n$ python -c 'print(5)'\n6\n```\n",
        "```console\nno command\n```\n",
        "```pycon\n>>> x = 1\n\n```\n```pycon\n>>> y\n1\n\n```\n",
    ],
)
def test_a_page_that_says_something_else_is_noticed(text: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    assert run_transcript(page, tmp_path).returncode == 1


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python")], ids=name)
def test_other_python_parses(page: Path) -> None:
    for text in blocks(page, "python"):
        assert ast.parse(text).body


def commands(page: Path) -> list[list[str]]:
    """The commands of the page's `sh` blocks, without variables and comments."""
    lines = [line for text in blocks(page, "sh") for line in text.splitlines()]
    return [[w for w in shlex.split(line, comments=True) if not re.match(r"\w+=", w)] for line in lines]


@pytest.mark.parametrize("page", [p for p in PAGES if commands(p)], ids=name)
def test_commands_of_a_page_can_be_given(page: Path) -> None:
    for program, *arguments in commands(page):
        if program == "graphc" or arguments[:2] == ["-m", "graphc"]:
            command_parser().parse_args(arguments[0 if program == "graphc" else 2 :])
        elif program == "python" and "/" in arguments[0]:
            assert (ROOT / arguments[0]).exists(), arguments


def test_the_pages_with_examples_are_found() -> None:
    assert "docs/ir.md" in {name(p) for p in PAGES if blocks(p, "pycon")}
    assert "graphc/symbolic" in named_files(ROOT / "docs" / "architecture.md")
    assert "docs/ir.md" in named_files(ROOT / "docs" / "architecture.md")


def flag_table() -> str:
    rows = ["| flag | default | meaning |", "|---|---|---|"]
    for flag in config.FLAGS.values():
        default = {False: "0", "": "", frozenset(): ""}.get(flag.default, str(flag.default))
        rows.append(f"| `{flag.name}` | {default} | {flag.help} |")
    return "\n".join(rows)


def test_the_table_of_flags_is_that_of_the_code() -> None:
    text = (ROOT / "docs" / "debugging.md").read_text()
    found = re.search(r"<!-- flags: begin[^>]*-->\n(.*?)\n<!-- flags: end -->", text, re.S)
    assert found is not None
    assert found[1] == flag_table()


def test_every_dependency_is_told_of() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text().lower()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(p for extra in project["optional-dependencies"].values() for p in extra)]
    # The packages of CUDA's parts carry CUDA's version in their names.
    names = {re.sub(r"^nvidia-cuda-|-c(ud|u1).*", "", re.split(r"[<>=]", package.lower())[0]) for package in wanted}
    assert [name for name in sorted(names) if name not in page] == []


def test_the_readme_tells_of_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    commands = re.findall(r"^    (\w+)  ", capsys.readouterr().out, re.M)
    told = re.findall(r"^\| `python -m graphc (\w+)", (ROOT / "README.md").read_text(), re.M)
    assert sorted(told) == sorted(commands)


def test_the_architecture_page_names_every_decision() -> None:
    architecture = named_files(ROOT / "docs" / "architecture.md")
    decisions = {name(p) for p in (ROOT / "docs" / "decisions").glob("*.md")}
    assert decisions <= architecture


def reference() -> Any:
    """The program that makes the reference pages: a script, no module of the package."""
    path = ROOT / "docs" / "reference" / "make.py"
    spec = importlib.util.spec_from_file_location("make_reference", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["ops.md", "programs.md", "keras.md"])
def test_the_reference_is_that_of_the_code(page: str) -> None:
    is_current = (ROOT / "docs" / "reference" / page).read_text() == reference().PAGES[page]()
    assert is_current, f"docs/reference/{page} is old: run `python docs/reference/make.py`"


def test_every_op_is_in_the_reference() -> None:
    listed = [name for _, names in reference().op_families() for name in names]
    assert sorted(listed) == sorted(ops.__all__)


def test_what_is_missing_of_keras_has_a_reason() -> None:
    made = reference()
    assert [name for name in made.missing_names() if not made.note(*name.rsplit(".", 1))] == []
    known = {f"{module}.{name}" for module, names in made.API.items() for name in [*names, "*"]}
    assert set(made.NOTES) <= known


def test_differing_arguments_are_told() -> None:
    def fit(x: int, rate: float = 0.5, **rest: int) -> None: ...

    assert reference().differences(fit, ["x", "rate=0.5", "**rest"]) == []
    assert reference().differences(fit, ["x", "y", "rate=0.25", "mode='a'"]) == [
        "`y` is not taken",
        "`rate` is `0.5` by default",
        "`mode` is not taken",
    ]
