"""Runs a page of the docs from top to bottom: `pycon` blocks as Python, `console` blocks as commands.

    python -m tests.transcript PAGE

All blocks share one Python session and the current folder; what they print must be what the page says, where `...`
stands for any text. Commands start with `$ `; their first word `python` is this interpreter. Exit status 1 where
something differs, which is printed.
"""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.M | re.S)
_CHECKER = doctest.OutputChecker()


def run_python(text: str, names: dict[str, Any], page: str, line: int) -> bool:
    """Run examples in the session `names`; print what differs, and tell whether nothing did."""
    # Names tell blocks apart: code of an earlier one may be asked for its source lines.
    test = doctest.DocTestParser().get_doctest(text, names, f"{page}:{line}", page, line)
    results = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS).run(test, clear_globs=False)
    names.update(test.globs)
    return results.attempted > 0 and results.failed == 0


def run_command(command: str, expected: str) -> bool:
    """Run a command; print the difference of what it prints, and tell whether there is none."""
    program = re.sub(r"^python\b", sys.executable, command)
    done = subprocess.run(program, shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    is_right = _CHECKER.check_output(expected, done.stdout, doctest.ELLIPSIS)
    if not is_right:
        print(f"$ {command}\nExpected:\n{expected}Got:\n{done.stdout}")
    return is_right


def run_page(page: Path) -> bool:
    """Run the blocks in their order; tell whether all went as the page says."""
    text = page.read_text()
    names: dict[str, Any] = {"__name__": "__main__"}
    is_right = True
    for block in FENCE.finditer(text):
        line = text[: block.start(2)].count("\n")
        if block[1] == "pycon":
            is_right &= run_python(block[2], names, page.name, line)
        elif block[1] == "console":
            commands = re.findall(r"^\$ ([^\n]*)\n((?:(?!\$ )[^\n]*\n)*)", block[2], re.M)
            is_right &= bool(commands) and all(run_command(*entry) for entry in commands)
    return is_right


if __name__ == "__main__":
    sys.exit(0 if run_page(Path(sys.argv[1])) else 1)
