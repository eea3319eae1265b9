"""Quantiles of draws with their Monte-Carlo errors, and standard errors; arrays in, numbers out."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._engine import Floats
from ._errors import DataError, compose
from ._given import scalar


def tails(level: float) -> tuple[float, float]:
    """Return the probabilities at both ends of a central interval.

    Examples
    --------
    >>> tails(0.5)
    (0.25, 0.75)
    """
    expected, hint = "a number between 0 and 1", "0.95 is 95 %"
    if not 0 < scalar("level", level, expected, hint) < 1:
        raise DataError(compose(f"level is {level!r}, expected {expected}", hint))
    return (1 - level) / 2, (1 + level) / 2


def quantiles(x: Floats, probs: tuple[float, float]) -> tuple[float, float, float, float]:
    """Return two quantiles and their Monte-Carlo errors."""
    width = [np.sqrt(p * (1 - p) / len(x)) for p in probs]
    wanted = [*probs, *(np.clip(p + s * w, 0, 1) for p, w in zip(probs, width, strict=True) for s in (-1, 1))]
    low, high, low_a, low_b, high_a, high_b = np.quantile(x, wanted, method="weibull")
    return float(low), float(high), float(low_b - low_a) / 2, float(high_b - high_a) / 2


def interval_columns(rows: list[tuple[str, float, float, float, float, float]]) -> dict[str, list[Any]]:
    """Return rows (name, estimate, low, high, their errors) as columns."""
    names, estimate, low, high, low_error, high_error = (list(c) for c in zip(*rows, strict=True))
    return {
        "parameter": names,
        "estimate": estimate,
        "low": low,
        "high": high,
        "low_error": low_error,
        "high_error": high_error,
    }


def deviation(x: Floats) -> float:
    """Return the standard deviation of draws, NaN for a single one."""
    return float(np.std(x, ddof=1)) if len(x) > 1 else float("nan")


def jackknife(x: Floats) -> float:
    """Return the standard error from estimates that each leave out one unit."""
    return float(np.sqrt((len(x) - 1) * np.var(x)))
