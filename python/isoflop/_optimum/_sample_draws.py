"""Draws of parameters around an estimate, on the scale that the core works in."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._engine import Floats, floats
from .._law import Law


def gaussian(
    law: Law, names: tuple[str, ...], theta: Floats, covariance: Floats, df: float, count: int, seed: Any
) -> Floats:
    """Return draws of native parameters: Student's t with `df` degrees of freedom on the internal scale.

    Parameters without a finite variance (fixed, or at a bound) stay where they are.
    """
    rng = np.random.default_rng(seed)
    free = np.flatnonzero(np.isfinite(np.diag(covariance)) & (np.diag(covariance) > 0))
    values, vectors = np.linalg.eigh(covariance[np.ix_(free, free)])
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    steps = rng.standard_normal((count, len(free))) @ root.T
    steps *= np.sqrt(df / rng.chisquare(df, count))[:, None]
    out = np.tile(theta, (count, 1))
    for k, j in enumerate(free):
        out[:, j] = _moved(law.domain(names[j]), theta[j], steps[:, k])
    return floats(out)


def _moved(domain: str, value: float, step: Floats) -> Any:
    if domain == "real":
        return value + step
    if domain == "unit":
        return 1 / (1 + (1 - value) / value * np.exp(-step))
    return value * np.exp(step)
