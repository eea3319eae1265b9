"""Numbers that a caller passed, or an error that names them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._engine import Floats, floats
from ._errors import DataError, compose


def scalar(name: str, value: Any, expected: str, hint: str | None = None) -> float:
    """Return a number as float; refuse text, truth values and whatever else is none.

    Parameters
    ----------
    name : str
        What the caller calls it.
    expected : str
        What it should have been, for the message.

    Examples
    --------
    >>> scalar("budget", 10**22, "a number above 0")
    1e+22
    """
    try:
        if not isinstance(value, bool | str | bytes):
            return float(value)
    except (TypeError, ValueError, OverflowError):
        pass
    raise DataError(compose(f"{name} is {value!r}, expected {expected}", hint))


def numbers(name: str, value: Any, expected: str) -> Floats:
    """Return one number or several as a flat array; refuse text and truth values, which numpy would convert.

    Examples
    --------
    >>> numbers("C", [10**22, 1e23], "a positive number or several")
    array([1.e+22, 1.e+23])
    """
    try:
        if np.asarray(value).dtype.kind not in "USb":
            return floats(np.ravel(np.asarray(value, dtype=np.float64)))
    except (TypeError, ValueError):
        pass
    raise DataError(f"{name} is {value!r}, expected {expected}")
