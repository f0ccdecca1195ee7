"""docs/errors.md is that of the code: every place is on it, and every example is one that its place can make."""

from __future__ import annotations

import ast
import builtins

import pytest

from tests.errors import errors_page

PAGE = errors_page()


def test_the_page_is_current() -> None:
    is_current = PAGE.PAGE.read_text(encoding="utf-8") == PAGE.page()
    assert is_current, "docs/errors.md is old: run `python docs/errors_page.py` (or pytest --update-errors)"


def test_every_example_is_a_message_of_its_place() -> None:
    sites = {site.key: site for site in PAGE.sites()}
    examples = PAGE.load_examples()
    assert len(examples) > 240
    wrong = [key for key, text in examples.items() if key in sites and not sites[key].makes(text)]
    assert wrong == [], "collect them again: python -m pytest tests --update-errors"


def test_places_are_found_with_what_they_say() -> None:
    found = {site.key: site for site in PAGE.sites()}
    site = found["runtime/arguments:check_count:ExecutionError"]
    assert site.makes("f takes 2 arrays ('x', 'y'); got 1")
    assert not site.makes("f takes two arrays")
    assert "ConverterError" in PAGE.error_classes()


@pytest.mark.parametrize(
    ("message", "tidied"),
    [
        ("add(float32[3]): differ [/tmp/a/test_x.py:31]", "add(float32[3]): differ [your_script.py:7]"),
        ("cannot read '/tmp/pytest-of-me/pytest-3/a0/model.h5'", "cannot read '/folder/model.h5'"),
        ("<object at 0x7f12ab34cd56>", "<object at 0x7f0000000000>"),
    ],
)
def test_examples_hold_nothing_of_the_run(message: str, tidied: str) -> None:
    assert PAGE.tidy(message) == tidied


# Where Python's own protocols ask for an error of a certain kind, and where graphc makes it one of its own at once.
OWN_PROTOCOLS = {
    "AttributeError": "a module or an object has no such name",
    "KeyError": "a mapping has no such key",
    "IndexError": "the end of iterating by position",
    "StopIteration": "the end of a generator",
    "NotImplementedError": "a method that Keras's classes leave to those who derive from them",
    "MemoryError": "there is no memory",
    "AssertionError": "what cannot happen",
}
CAUGHT_AT_ONCE = {"config.py", "codegen/llvm/sizes.py", "symbolic/algebra.py"}


def test_everything_raised_on_purpose_is_an_error_of_graphc() -> None:
    foreign = []
    for path in sorted(PAGE.PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            raised = node.exc.func if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) else None
            if isinstance(raised, ast.Name) and hasattr(builtins, raised.id) and raised.id not in OWN_PROTOCOLS:
                foreign.append((str(path.relative_to(PAGE.PACKAGE)), raised.id))
    assert {place for place, _ in foreign} <= CAUGHT_AT_ONCE, foreign
