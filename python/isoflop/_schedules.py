"""Schedule columns: one list of learning rates per row, kept as a few curves and the prefixes that rows see.

Many rows stand at different steps of one schedule. Each distinct curve is stored once; a row is the number of a
prefix, so that a row costs one number however long its schedule is. What is computed of schedules is in the core.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ._engine import Codes, Floats, floats, integers
from ._errors import DataError, compose, rows_text

HINT = "a schedule is a list of learning rates, one per step: [3e-4, 3e-4, 2.4e-4, ...]"


class Schedules(NamedTuple):
    """A column of schedules, in the core's form.

    Attributes
    ----------
    numbers : ndarray of float64
        The prefix that each row sees.
    rates : ndarray of float64
        The rates of all curves, one after the other.
    starts : ndarray of int64
        Where each curve begins in `rates`, and where the last one ends.
    curves, lengths : ndarray of int64
        Curve and number of steps of each prefix.
    """

    numbers: Floats
    rates: Floats
    starts: Codes
    curves: Codes
    lengths: Codes

    def rows(self) -> list[Floats]:
        """Return the rates that each row sees."""
        first = self.starts[self.curves]
        prefixes = [self.rates[a : a + n] for a, n in zip(first, self.lengths, strict=True)]
        return [prefixes[int(i)] for i in self.numbers]

    def lists(self) -> list[list[float]]:
        """Return the same as plain lists, for frames."""
        return [row.tolist() for row in self.rows()]

    def labels(self) -> list[str]:
        """Return a text per row that tells schedules apart, for fingerprints."""
        first = self.starts[self.curves]
        ends = zip(first, self.lengths, strict=True)
        words = [hashlib.sha256(self.rates[a : a + n].astype("<f8").tobytes()).hexdigest() for a, n in ends]
        return [words[int(i)] for i in self.numbers]


def encode(rows: Sequence[Floats]) -> Schedules:
    """Return rows of rates in the core's form: curves once, rows as prefixes of them.

    Examples
    --------
    >>> column = encode([np.array([3.0, 2.0]), np.array([3.0, 2.0, 1.0]), np.array([5.0])])
    >>> column.numbers.tolist(), column.starts.tolist(), column.lengths.tolist()
    ([0.0, 1.0, 2.0], [0, 3, 4], [2, 3, 1])
    """
    curves: list[Floats] = []
    by_start: dict[float, list[int]] = {}
    homes: list[int] = [0] * len(rows)
    for i in sorted(range(len(rows)), key=lambda i: -len(rows[i])):
        near = by_start.setdefault(float(rows[i][0]), [])
        home = next((c for c in near if np.array_equal(curves[c][: len(rows[i])], rows[i])), None)
        if home is None:
            home = len(curves)
            near.append(home)
            curves.append(rows[i])
        homes[i] = home
    known: dict[tuple[int, int], int] = {}
    numbers = [known.setdefault((c, len(row)), len(known)) for c, row in zip(homes, rows, strict=True)]
    return Schedules(
        floats(numbers),
        floats(np.concatenate(curves) if curves else []),
        integers(np.cumsum([0, *map(len, curves)])),
        integers([c for c, _ in known]),
        integers([n for _, n in known]),
    )


def is_one(value: Any) -> bool:
    """Whether a value is one schedule rather than a list of them."""
    if isinstance(value, np.ndarray) and value.dtype != object:
        return value.ndim == 1
    return len(value) > 0 and all(np.ndim(x) == 0 for x in value)


def rates_of(value: Any) -> Floats | None:
    """Return one schedule as an array, or None where it is none: no list, empty, or not all rates 0 or more."""
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    sound = array.ndim == 1 and array.size and np.isfinite(array).all() and (array >= 0).all() and array.any()
    return floats(array) if sound else None


def fault(label: str, values: Sequence[Any], rows: Sequence[int]) -> DataError:
    """Return the error for rows that hold no schedule."""
    shown = repr(values[0]) if np.ndim(values[0]) == 0 else _why(values[0])
    where = rows_text(np.asarray(rows))
    return DataError(compose(f"{label} holds no schedule in {where} (first: {shown})", HINT))


def _why(value: Any) -> str:
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        return f"a list of {type(value[0]).__name__}"
    if array.ndim != 1 or not array.size:
        return "an empty list" if not array.size else f"a list of shape {array.shape}"
    odd = array[~(np.isfinite(array) & (array >= 0))]
    return f"the rate {odd[0]:g}" if odd.size else "only rates of zero"


def read(name: str, value: Any) -> tuple[Schedules, tuple[int, ...]]:
    """Return schedules that were passed as a keyword, and the shape of the points they stand for.

    Examples
    --------
    >>> read("lr", [3e-4, 1e-4])[1], read("lr", [[3e-4, 1e-4], [3e-4]])[1]
    ((), (2,))
    """
    if isinstance(value, Schedules):
        return value, (len(value.numbers),)
    if np.ndim(value) == 0 if not isinstance(value, Sequence) else isinstance(value, str):
        raise DataError(compose(f"{name} is {value!r}, expected a schedule", HINT))
    one = is_one(value)
    found = [rates_of(row) for row in ([value] if one else value)]
    bad = [i for i, row in enumerate(found) if row is None]
    if bad:
        raise fault(name, [value if one else value[i] for i in bad], bad)
    return encode([row for row in found if row is not None]), () if one else (len(found),)


def take(column: Schedules, rows: Any) -> Schedules:
    """Return some rows of a column."""
    return column._replace(numbers=floats(column.numbers[rows]))


def from_saved(parts: Iterable[Any]) -> Schedules:
    """Make a column again from its saved parts."""
    numbers, rates, *whole = parts
    return Schedules(floats(numbers), floats(rates), *(integers(x) for x in whole))
