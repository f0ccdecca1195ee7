"""The commands and their arguments, and what errors look like to the user."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import graphc
from graphc import observe
from graphc.cli.audit import audit
from graphc.cli.doctor import doctor
from graphc.cli.plot import plot
from graphc.cli.profile import profile
from graphc.cli.run import run, show_error
from graphc.cli.summary import summary
from graphc.cli.target import CommandError
from graphc.cli.verify import verify
from graphc.cli.view import view

_TARGET = (
    "a script (path ending in .py) or a module's dotted name, then :NAME for one object in it; "
    "NAME may be a function that builds the model when called without arguments"
)


def command_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; a parsed command has its `action`, to be called with itself."""
    parser = argparse.ArgumentParser(
        prog="graphc",
        description="A compiler for neural-network graphs: Keras 2 layers in, native code out.",
        epilog="'graphc COMMAND --help' tells more about a command.",
    )
    parser.add_argument("--version", action="version", version=f"graphc {graphc.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    command = commands.add_parser(
        "run",
        help="run a script in which `import keras` means graphc.keras",
        description="Run a script as python would, except that `keras` and every `keras.x.y` are graphc.keras.",
    )
    command.add_argument("script", help="path of the script")
    command.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGS", help="arguments of the script")
    command.set_defaults(action=lambda given: run(given.script, given.arguments))

    command = commands.add_parser(
        "summary",
        help="print the layers of the models that a script or module builds",
        description="Print the summary of the models found in a script or module. "
        "The script is imported: what stands under `if __name__ == '__main__'` does not run.",
    )
    command.add_argument("target", metavar="TARGET", help=_TARGET)
    command.set_defaults(action=lambda given: summary(given.target))

    command = commands.add_parser(
        "plot",
        help="draw a model's layers, or its graph of operations",
        description="Draw the model, graph or compiled function found in a script or module (imported, as by summary).",
    )
    command.add_argument("target", metavar="TARGET", help=_TARGET)
    command.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="FILE",
        help="a name ending in .svg, .png, .dot, .html, .json, .mmd (Mermaid) or .graphml",
    )
    command.add_argument("--ops", action="store_true", help="draw a model's operations instead of its layers")
    command.add_argument("--direction", choices=("TB", "LR"), default="TB", help="top to bottom, or left to right")
    command.add_argument("--expand-nested", action="store_true", help="draw the layers of models inside the model")
    command.set_defaults(
        action=lambda given: plot(given.target, given.output, given.ops, given.direction, given.expand_nested)
    )

    command = commands.add_parser(
        "view",
        help="write a page to explore a model: layers, passes, kernels, LLVM IR, assembly",
        description="Write one HTML file that needs no network: the model's programs (what predicts and, where it is "
        "compiled, what trains) as layers, operations, every pass, kernels, loop IR, LLVM IR and assembly.",
    )
    command.add_argument("target", metavar="TARGET", help=f"{_TARGET}; or a saved model (.h5, .keras, .json, .yaml)")
    command.add_argument("-o", "--output", default="graphc_view.html", metavar="FILE", help="default: graphc_view.html")
    command.add_argument("--run", action="store_true", help="run the programs on random data, for times and bytes")
    command.add_argument("--rows", type=int, default=observe.ROWS, help="rows of that data, %(default)s by default")
    command.set_defaults(action=lambda given: view(given.target, given.output, given.run, given.rows))

    command = commands.add_parser(
        "profile",
        help="run a script and tell where its compiled programs spend their time",
        description="Run a script as `graphc run` does, its programs built with clocks between their kernels; then "
        "print, for each program, time, GFLOP/s, GB/s and share of the roofline by kernel, layer and line.",
    )
    command.add_argument("--json", metavar="FILE", help="also write the profiles as JSON")
    command.add_argument("script", help="path of the script")
    command.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGS", help="arguments of the script")
    command.set_defaults(action=lambda given: profile(given.script, given.arguments, given.json))

    command = commands.add_parser(
        "verify",
        help="compare a model's compiled programs with NumPy, node by node",
        description="Run each node of a model's programs on NumPy's values of its inputs, and the programs as a whole, "
        "and tell the differences from NumPy in units in the last place. Exit status 1 where a node differs by more.",
    )
    command.add_argument("target", metavar="TARGET", help=f"{_TARGET}; or a saved model (.h5, .keras, .json, .yaml)")
    command.add_argument("--ulps", type=float, default=64.0, help="the largest difference allowed (default: 64)")
    command.set_defaults(action=lambda given: verify(given.target, given.ulps))

    command = commands.add_parser(
        "audit",
        help="tell what a model file holds, without loading it",
        description="Tell the format, layers and weights of a model file (.h5, .keras, .json, .yaml), what it needs "
        "from custom_objects, and why it cannot be loaded. Nothing in the file is run. Exit status 1 for such a file.",
    )
    command.add_argument("file", metavar="FILE", help="path of the model file")
    command.set_defaults(action=lambda given: audit(given.file))

    command = commands.add_parser(
        "doctor",
        help="tell what graphc finds on this machine",
        description="Tell the processor, threads, cache, GPU, flags and versions that graphc finds, and try a program.",
    )
    command.set_defaults(action=lambda given: doctor())
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status: 0 done, 1 failed, 2 wrongly called; a script's own for `run`."""
    given = command_parser().parse_args(arguments)
    try:
        return int(given.action(given))
    except CommandError as error:
        print(f"graphc {given.command}: {error}", file=sys.stderr)
    except Exception as error:
        show_error(error)
    return 1
