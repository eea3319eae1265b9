"""Numbers in words for people who decide: counts with their letter, compute as powers of ten, intervals.

The rounding rules of tables and summaries are in `_repr`; nothing here knows what a fit is.
"""

from __future__ import annotations

import math

from .._repr import number, percent

#: Letters of counts; what lies beyond is a power of ten.
_LETTERS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
#: Between a number and its unit; the number must not be left alone at the end of a line.
_GAP = "\u00a0"


def count(value: float, digits: int = 3) -> str:
    """Return parameters or tokens with the letter of their size.

    Examples
    --------
    >>> count(7.02341e10).replace("\u00a0", " "), count(1.4e12).replace("\u00a0", " "), count(512)
    ('70.2 B', '1.4 T', '512')
    """
    if not math.isfinite(value):
        return "–"
    if abs(value) >= 1e15:
        return power(value, digits)
    rounded = float(f"{value:.{digits - 1}e}")  # 999,999 is 1 M, not 1000 k
    for size, letter in _LETTERS:
        if abs(rounded) >= size:
            return f"{number(rounded / size, digits)}{_GAP}{letter}"
    return number(rounded, digits)


def power(value: float, digits: int = 3) -> str:
    """Return a number as a power of ten.

    Examples
    --------
    >>> power(5.76e23), power(1e24)
    ('5.76×10²³', '10²⁴')
    """
    if not math.isfinite(value) or value <= 0:
        return number(value, digits)
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    raised = f"10{str(int(exponent)).translate(_RAISED)}"
    short = number(float(mantissa), digits)
    return raised if short == "1" else f"{short}×{raised}"


def share(part: float) -> str:
    """Return a share in percent that no end of a line tears apart.

    Examples
    --------
    >>> share(0.95).replace("\u00a0", " ")
    '95 %'
    """
    return percent(part).replace(" ", _GAP)


def loss(value: float) -> str:
    """Return a loss, with the digits that a forecast has at best."""
    return f"{value:.4f}" if math.isfinite(value) else "–"


def between(low: str, high: str) -> str:
    """Return an interval; nothing where it is not known.

    Examples
    --------
    >>> between("58 B", "84 B"), between("–", "–")
    ('58 B to 84 B', '')
    """
    return "" if "–" in (low, high) else f"{low} to {high}"
