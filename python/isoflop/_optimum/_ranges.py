"""Limits on sizes, tokens and their ratio, as given and as the core takes them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._cost_curve import CostCurve
from .._errors import DataError, compose
from .._given import numbers

#: Sizes that are looked at where nothing limits them.
ANY_SIZE = (1.0, 1e18)
_ALL = (0.0, math.inf)
_EVERYWHERE = (-math.inf, math.inf)

Pair = tuple[float, float]


@dataclass(frozen=True)
class Limits:
    """Where size, tokens and tokens per parameter may lie; None where there is no limit."""

    sizes: tuple[float, ...] | None = None
    N: Pair | None = None
    D: Pair | None = None
    ratio: Pair | None = None

    @property
    def any(self) -> bool:
        """Whether there is a limit at all."""
        return any(x is not None for x in (self.sizes, self.N, self.D, self.ratio))

    @property
    def log_tokens(self) -> Pair:
        """Ends of ln D."""
        return _EVERYWHERE if self.D is None else _logs(self.D)

    @property
    def log_ratio(self) -> Pair:
        """Ends of ln D - ln N."""
        return _EVERYWHERE if self.ratio is None else _logs(self.ratio)

    def allow(self, size: float, tokens: float) -> bool:
        """Whether tokens of a size, and their ratio, lie within the limits."""
        pairs = ((self.D, tokens), (self.ratio, tokens / size))
        return all(p is None or p[0] * (1 - 1e-9) <= x <= p[1] * (1 + 1e-9) for p, x in pairs)

    def stretches(self, cost: Any) -> list[Pair]:
        """Return where N may lie: stretches, or single sizes with both ends alike."""
        runnable = cost.sizes if isinstance(cost, CostCurve) else [ANY_SIZE]
        low, high = self.N or _ALL
        allowed = [(max(a, low), min(b, high)) for a, b in runnable if max(a, low) <= min(b, high)]
        if self.sizes is None:
            return allowed
        inside = [s for s in self.sizes if any(a * (1 - 1e-12) <= s <= b * (1 + 1e-12) for a, b in allowed)]
        return [(s, s) for s in inside]

    def boxes(self, cost: Any) -> list[Pair]:
        """Return the same as logarithms; refuse where nothing is left."""
        stretches = self.stretches(cost)
        if not stretches:
            raise DataError(compose("no size is allowed and can be run", self._why(cost)))
        return [_logs(pair) for pair in stretches]

    def _why(self, cost: Any) -> str:
        if isinstance(cost, CostCurve):
            shown = ", ".join(f"{a:.3g} to {b:.3g}" for a, b in cost.sizes)
            return f"the cost curve holds {shown}"
        if self.sizes is None:
            return f"sizes from {ANY_SIZE[0]:g} to {ANY_SIZE[1]:g} are looked at"
        return "sizes= and N= exclude each other"


def _logs(pair: Pair) -> Pair:
    low, high = (math.log(x) if x > 0 else -math.inf for x in pair)
    return low, high


def positive_pair(what: str, value: Any, *, zero: bool = False) -> Any:
    """Return (low, high) with 0 < low <= high, or None where nothing was given; `zero` allows any rising pair.

    Examples
    --------
    >>> positive_pair("N", (1e8, 1e10)), positive_pair("D", None)
    ((100000000.0, 10000000000.0), None)
    """
    if value is None:
        return None
    try:
        low, high = (float(x) for x in value)
    except (TypeError, ValueError):
        raise DataError(f"{what} is {value!r}, expected (low, high)") from None
    rising = low < high if zero else 0 <= low <= high and high > 0
    if not rising or math.isnan(low) or (zero and not math.isfinite(low * high)):
        raise DataError(f"{what} is ({low:g}, {high:g}), expected (low, high) with {'' if zero else '0 < '}low < high")
    return low, high


def box_of(sizes: Any) -> tuple[float, ...]:
    """Return distinct sizes in rising order.

    Examples
    --------
    >>> box_of([7e9, 1e9, 7e9])
    (1000000000.0, 7000000000.0)
    """
    expected = "positive numbers of parameters"
    array = numbers("sizes", sizes, expected)
    if array.size == 0 or not (np.isfinite(array) & (array > 0)).all():
        raise DataError(f"sizes is {sizes!r}, expected {expected}")
    return tuple(float(x) for x in np.unique(array))
