"""The command line: `python -m graphc COMMAND` or `graphc COMMAND`."""

from graphc.cli.parser import main

__all__ = ["main"]
