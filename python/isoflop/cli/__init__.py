"""The shell: its commands, exit codes, and what a person sees when something is wrong.

Results go to stdout, everything else (notes, warnings, progress) to stderr. No statistics live in this room: each
command calls the public face and prints.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .._errors import IsoflopError, IsoflopWarning
from ._output import note

DONE, USER_ERROR, USAGE, NOT_CONVERGED, INTERRUPTED = 0, 1, 2, 3, 130


class UsageError(Exception):
    """An option cannot be understood."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        Words of the command line; those of the process where None.

    Returns
    -------
    int
        0 done, 1 user error, 2 wrong usage, 3 not converged, 130 interrupted.

    Examples
    --------
    >>> main(["laws", "power", "--no-json"])  # doctest: +ELLIPSIS
    power: pure power law of one resource
      L = (Xc / X)**alpha
    ...
    0
    """
    try:
        with _plain_warnings():
            code = _dispatch(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
    except KeyboardInterrupt:
        note("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # the reader (`| head`) has gone; keep the interpreter from flushing to it at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    return code


def _dispatch(words: list[str]) -> int:
    if words in (["--version"], ["-V"]):  # needs no parser
        from .._engine import version

        sys.stdout.write(f"isoflop {version()}\n")
        return DONE
    from cyclopts import CycloptsError

    from ._app import build

    app = build()
    try:
        code = app(words, exit_on_error=False, print_error=False, result_action="return_value")
    except (CycloptsError, UsageError) as error:
        known = words[:1] if words and words[0] in tuple(app) else []
        note(f"{str(error).strip().rstrip('.')}\n\nHint: see {' '.join(['isoflop', *known, '--help'])}")
        return USAGE
    except IsoflopError as error:
        note(str(error))
        return USER_ERROR
    except BrokenPipeError:
        raise
    except OSError as error:
        name = f" {error.filename!r}" if error.filename else ""
        note(f"cannot use{name}: {(error.strerror or str(error)).lower()}")
        return USER_ERROR
    return code if isinstance(code, int) else DONE


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Print our warnings as lines for people, without file names; those of other libraries mean nothing to them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", IsoflopWarning)

        def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
            note(f"{category.__name__}: {message}")

        warnings.showwarning = show
        yield
