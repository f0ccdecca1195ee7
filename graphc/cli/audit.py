"""`graphc audit`: what a model file holds and asks for."""

from __future__ import annotations

from graphc.cli.target import CommandError


def audit(path: str) -> int:
    """Print the findings and return 0; 1 where the file cannot be loaded. Raises CommandError for no file."""
    # Only this command needs Keras.
    from graphc.keras.saving import MissingFileError, audit_file

    try:
        found = audit_file(path)
    except MissingFileError as error:
        raise CommandError(str(error)) from error
    print(found)
    return int(bool(found.problems))
