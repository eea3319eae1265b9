"""What leaves a command: text or one JSON object on stdout, notes on stderr."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from typing import Any

from .._store import finite

#: Number of the layout of JSON output; a field may be added under the same number, none is renamed or removed.
SCHEMA = 1


def note(text: str) -> None:
    """Write a line for people to stderr."""
    sys.stderr.write(f"isoflop: {text}\n")
    sys.stderr.flush()


def is_terminal(stream: Any) -> bool:
    """Return whether a person is looking at a stream."""
    return bool(getattr(stream, "isatty", lambda: False)())


def wants_json(asked: bool | None) -> bool:
    """Return whether to print JSON: as asked, otherwise unless stdout is a terminal."""
    return not is_terminal(sys.stdout) if asked is None else asked


def room() -> int | None:
    """Return how many columns a person's terminal has; None where nobody is looking."""
    return shutil.get_terminal_size().columns if is_terminal(sys.stdout) else None


def emit(text: str) -> None:
    """Write text to stdout, at once: a long computation may follow."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def emit_json(command: str, content: Mapping[str, Any]) -> None:
    """Write exactly one JSON object to stdout."""
    from .._engine import version

    head = {"command": command, "schema": SCHEMA, "version": version()}
    sys.stdout.write(json.dumps({**head, **finite(content)}, indent=2, allow_nan=False, ensure_ascii=False) + "\n")
