"""Rank correlations, and how unlikely they are by chance."""

from __future__ import annotations

import numpy as np

from .. import _engine
from .._engine import Floats, floats


def ranks(x: Floats) -> Floats:
    """Return ranks from 0, ties at their mean.

    Examples
    --------
    >>> ranks(np.array([3.0, 1.0, 3.0]))
    array([1.5, 0. , 1.5])
    """
    _, where, counts = np.unique(x, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return floats((ends - (counts + 1) / 2)[where])


def rank_correlation(x: Floats, y: Floats) -> tuple[float, float]:
    """Return Spearman's correlation and its two-sided p-value by Student's t; 0 and 1 where one of them is constant.

    Examples
    --------
    >>> r, p = rank_correlation(np.arange(6.0), np.array([1.0, 2, 4, 3, 5, 9]))
    >>> round(r, 3), round(p, 4)
    (0.943, 0.0048)
    """
    a, b = (ranks(v) - (len(v) - 1) / 2 for v in (x, y))
    size = float(np.sqrt((a @ a) * (b @ b)))
    if size == 0 or len(x) < 4:
        return 0.0, 1.0
    r = float(a @ b) / size
    if abs(r) >= 1 - 1e-12:
        return r, 0.0
    return r, 1 - _engine.f_cdf(r * r * (len(x) - 2) / (1 - r * r), 1.0, float(len(x) - 2))
