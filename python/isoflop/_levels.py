"""Labels to codes, and the last row of each code.

Arrays in, arrays out; what the labels stand for (runs, families, tasks) is the caller's business.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


def code_levels(values: Iterable[Any]) -> tuple[NDArray[np.int64], list[Any]]:
    """Return a code per value (-1 for None) and the labels, sorted, in code order.

    Examples
    --------
    >>> from isoflop._levels import code_levels
    >>> code_levels(["b", None, "a", "b"])
    (array([ 1, -1,  0,  1]), ['a', 'b'])
    """
    labels = [level(value) for value in values]
    ordered = sorted({label for label in labels if label is not None}, key=_order)
    place = {label: code for code, label in enumerate(ordered)} | {None: -1}
    return np.array([place[label] for label in labels], np.int64), ordered


def level(value: Any) -> Any:
    """Return the label of a value: text, truth value, whole number or number.

    Examples
    --------
    >>> from isoflop._levels import level
    >>> level(3.0), level("a"), level(0.5)
    (3, 'a', 0.5)
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, float):
        return int(value) if value % 1 == 0 else value
    if isinstance(value, (dt.date, dt.timedelta)):
        return str(value)
    from decimal import Decimal

    if not isinstance(value, Decimal):
        return value
    return int(value) if value % 1 == 0 else float(value)


def last_rows(codes: NDArray[np.int64], clock: NDArray[np.float64]) -> tuple[NDArray[np.bool_], int]:
    """Return which rows have the largest clock of their code, and how many codes had several.

    Among equals the later row counts as the last; a NaN is earlier than any number.

    Examples
    --------
    >>> import numpy as np
    >>> from isoflop._levels import last_rows
    >>> last_rows(np.array([0, 0, 1, 1]), np.array([1.0, 2.0, 5.0, 5.0]))
    (array([False,  True, False,  True]), 1)
    """
    clock = np.where(np.isnan(clock), -np.inf, clock)
    order = np.lexsort((np.arange(len(codes)), clock, codes))
    code, time = codes[order], clock[order]
    same = code[1:] == code[:-1]
    ends = np.append(~same, True) & (code >= 0)
    tied = np.append(False, same & (time[1:] == time[:-1]))
    mask = np.zeros(len(codes), bool)
    mask[order[ends]] = True
    return mask, int((ends & tied).sum())


def _order(label: Any) -> tuple[bool, Any, str]:
    """Sort numbers before text, so that mixed labels have an order too."""
    number = isinstance(label, (bool, int, float))
    return (not number, label if number else 0, str(label))
