"""Intervals by inverting tests: every multiplier, or crossing point, that a t test does not reject.

Such a set holds what it says also where the curve is nearly flat; there it is open: 0 or infinity at an end.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .._engine import Floats, floats
from ._contrast import Contrasts, student

#: Multipliers beyond a factor of e**REACH are no different from none.
REACH = np.log(1e9)
#: How far from the estimate ends are looked for first, in logarithms.
OFFSETS = np.concatenate([[0.0], np.geomspace(1e-4, 2 * REACH, 96)])
#: Halvings of a bracket.
HALVINGS = 40

#: A function of points, one per row; columns, where there are any, are further points of the same row.
Test = Callable[[Floats], Floats]


def multipliers(contrasts: Contrasts, C: Floats, level: float) -> tuple[Floats, Floats, Floats]:
    """Return estimate, low and high of the compute multiplier at each compute of the first recipe.

    Parameters
    ----------
    contrasts : Contrasts
    C : ndarray
        Compute of the first recipe; the multiplier is C over what the second needs for the same loss.
    level : float

    Notes
    -----
    The estimate is 0 where the second recipe never reaches the loss, infinite where it always has it. An end is 0 or
    infinite where the t test cannot exclude that.
    """
    loss = np.log(contrasts.loss("a", C))
    rest = contrasts.loss

    def gap(log_x: Floats) -> Floats:
        return loss - np.log(rest("b", C * np.exp(-log_x)))

    estimate = _root(gap, np.full(len(C), -REACH), np.full(len(C), REACH))

    def margin(log_x: Floats) -> Floats:
        at = np.broadcast_to(C if log_x.ndim == 1 else C[:, None], log_x.shape)
        return _margin(contrasts, at, at * np.exp(-log_x), level)

    low, high = (_end(margin, estimate, side, -REACH, REACH) for side in (-1.0, 1.0))
    return tuple(_powers(x) for x in (estimate, low, high))  # type: ignore[return-value]


def crossings(contrasts: Contrasts, span: tuple[float, float], level: float) -> list[tuple[float, float, float]]:
    """Return every compute within `span` at which the curves cross, with the ends of its interval.

    An end is 0 or infinite where the test does not reject all the way.
    """
    grid = np.linspace(np.log(span[0]), np.log(span[1]), 257)

    def gap(log_c: Floats) -> Floats:
        C = np.exp(log_c)
        return floats(np.log(contrasts.loss("a", C)) - np.log(contrasts.loss("b", C)))

    at = gap(grid)
    change = np.flatnonzero(np.sign(at[:-1]) * np.sign(at[1:]) < 0)
    if not len(change):
        return []
    turn = -np.sign(at[change])
    roots = _halve(lambda x: turn * gap(x), grid[change], grid[change + 1])

    def margin(log_c: Floats) -> Floats:
        C = np.exp(log_c)
        return _margin(contrasts, C, C, level)

    ends = [_end(margin, roots, side, np.log(span[0]), np.log(span[1])) for side in (-1.0, 1.0)]
    return list(zip(*(np.exp(x).tolist() for x in (roots, *ends)), strict=True))


def _margin(contrasts: Contrasts, C_a: Floats, C_b: Floats, level: float) -> Floats:
    """Return how far beyond the critical value each contrast lies; above 0 is rejected."""
    value, error, df = contrasts.difference(floats(C_a.reshape(-1)), floats(C_b.reshape(-1)))
    return floats((np.abs(value) - student(level, df) * error).reshape(C_a.shape))


def _root(gap: Test, low: Floats, high: Floats) -> Floats:
    """Return where a falling function is zero; an end of the range, or beyond, where it is not inside."""
    below, above = gap(low), gap(high)
    root = _halve(lambda x: -gap(x), low, high)
    return np.where(below < 0, -np.inf, np.where(above > 0, np.inf, root))


def _halve(rising: Test, low: Floats, high: Floats) -> Floats:
    """Return where rising functions change sign between low and high."""
    low, high = low.copy(), high.copy()
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        up = rising(middle) > 0
        low, high = np.where(up, low, middle), np.where(up, middle, high)
    return floats(0.5 * (low + high))


def _end(margin: Test, estimate: Floats, side: float, least: float, most: float) -> Floats:
    """Return where the test first rejects, going from the estimate to one side; infinite where it never does."""
    start = np.clip(estimate, least, most)
    walk = np.clip(start[:, None] + side * OFFSETS, least, most)
    rejected = margin(walk) > 0
    rejected[:, 0] &= np.isinf(estimate)
    first = rejected.argmax(axis=1)
    found = rejected.any(axis=1)
    rows = np.arange(len(start))
    inner, outer = walk[rows, np.maximum(first - 1, 0)], walk[rows, first]
    signed = _halve(lambda x: margin(side * x), *np.sort([side * inner, side * outer], axis=0))
    end = np.where(found, side * signed, side * np.inf)
    # An estimate beyond all compute has nothing beyond it, and is alone where the test rejects at once.
    lost = np.isinf(estimate) & ((np.sign(estimate) == side) | (found & (first == 0)))
    return floats(np.where(lost, estimate, end))


def _powers(log_x: Floats) -> Floats:
    return floats(np.exp(log_x))
