"""The rows of both steps of `_two_step`: the same runs, numbered alike; and where its sigmoid starts.

Fits and draws are in `_two_step`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._engine import Codes, Floats
from .._errors import DataError, compose, listed
from .._law import Law
from .._runs import Runs

#: The column that marks the run of each row in both steps.
UNIT = "two_step_unit"


def split_steps(
    runs: Runs, one: Law, two: Law, metric: str, final: bool
) -> tuple[tuple[dict[str, Any], dict[str, Any]], int]:
    """Return the columns of both steps over the same runs, numbered alike, and how many runs were left out."""
    if two.levels or two.where:
        raise DataError(compose(f"the link {two.formula!r} has levels or parts", "write it over one variable"))
    columns = {name: runs._columns.numbers(name).values for name in (*one.variables, "loss", metric)}
    usable = np.isfinite(np.column_stack(list(columns.values()))).all(axis=1)
    groups = runs.group_codes()
    codes = np.arange(runs.n_rows) if groups is None else groups[0]
    kept = np.flatnonzero(usable)
    if not len(kept):
        raise DataError(f"no run has {listed([*one.variables, 'loss', metric])} all at once")
    # Both steps number the same runs alike, so that resample i holds the same ones.
    labels, unit = np.unique(codes[kept], return_inverse=True)
    levels = {name: _labels(runs, name)[kept] for name in dict.fromkeys(one.levels.values())}
    whole = {name: column[kept] for name, column in columns.items()}
    last = last_of(unit, whole["D"]) if final and groups is not None and "D" in whole else np.arange(len(kept))
    first = {name: whole[name][last] for name in (*one.variables, "loss")} | {UNIT: unit[last]}
    first |= {name: column[last] for name, column in levels.items()}
    second = {two.variables[0]: whole["loss"], "loss": whole[metric], UNIT: unit}
    return (first, second), len(np.unique(codes)) - len(labels)


def _labels(runs: Runs, name: str) -> np.ndarray:
    codes, labels = runs.factor(name)
    return np.array(labels, dtype=object)[codes]


def last_of(unit: Codes, clock: Floats) -> Codes:
    """Return the row of each run with the most tokens."""
    order = np.lexsort((clock, unit))
    ends = np.append(np.flatnonzero(np.diff(unit[order])), len(order) - 1)
    return np.asarray(order[ends])


def sigmoid_starts(x: Floats, y: Floats) -> list[dict[str, float]]:
    """Return starts for a falling sigmoid: bends inside the losses, widths that fit, the range of the scores."""
    width, height = max(float(np.ptp(x)), 1e-12), max(float(np.ptp(y)), 1e-12)
    ends = {"a": -min(1.2 * height, 0.99), "b": min(float(y.max()) + 0.1 * height, 0.99)}
    bends = np.quantile(x, [0.1, 0.3, 0.5, 0.7, 0.9])
    return [{**ends, "k": k / width, "x0": float(bend)} for bend in bends for k in (2.0, 6.0, 20.0)]
