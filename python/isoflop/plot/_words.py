"""What pictures say: names of axes with their units, and the one error for a thing that a picture is not of."""

from __future__ import annotations

from typing import Any

from .._errors import DataError, compose
from .._roles import ALIASES

LABELS = {"N": "parameters N", "D": "training tokens D", "C": "training compute C (FLOP)"}
LOSS = "loss (nats per token)"


def axis_label(column: str) -> str:
    """Return the name of a variable in words, with its unit; usual column names are understood.

    Examples
    --------
    >>> axis_label("flops"), axis_label("width")
    ('training compute C (FLOP)', 'width')
    """
    letter = next((role for role, names in ALIASES.items() if column in names), column)
    return LABELS.get(letter, column)


def expect(what: str, value: Any, kinds: type | tuple[type, ...], hint: str) -> None:
    """Refuse a value of another kind than the picture is of.

    Examples
    --------
    >>> expect("runs", 3, str, "write them down")
    Traceback (most recent call last):
        ...
    isoflop._errors.DataError: plot.runs draws a str, not int
    <BLANKLINE>
    Hint: write them down
    """
    known = kinds if isinstance(kinds, tuple) else (kinds,)
    if not isinstance(value, known):
        names = " or ".join(kind.__name__ for kind in known)
        raise DataError(compose(f"plot.{what} draws a {names}, not {type(value).__name__}", hint))
