"""Where rows and targets lie: the coordinates that a discrepancy is smooth in, and which rows it is judged by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._engine import Codes, Floats, floats, integers
from .._law import Law

#: Rows that a grid of dense covariances is solved for; more are thinned, never taken in silence.
MAX_ROWS = 1_000
#: Puts levels of a factor so far apart that their discrepancies are unrelated.
APART = 1e3


@dataclass(frozen=True)
class Place:
    """Coordinates of a law's variables.

    Positive variables enter by their natural logarithm, others in units of their standard deviation over the rows;
    levels of a factor are far apart. Schedules have no place.
    """

    logged: tuple[str, ...]
    scaled: Mapping[str, float]
    factors: tuple[str, ...]

    @classmethod
    def of(cls, law: Law, columns: Mapping[str, Any]) -> Place:
        """Settle the coordinates from the rows of a fit."""
        plain = [v for v in law.variables if v not in law.schedules]
        logged = tuple(v for v in plain if v in law.positive)
        scaled = {v: float(np.std(columns[v])) or 1.0 for v in plain if v not in law.positive}
        return cls(logged, scaled, tuple(dict.fromkeys(law.levels.values())))

    @property
    def is_known(self) -> bool:
        """Whether there is any coordinate."""
        return bool(self.logged or self.scaled)

    def coordinates(self, columns: Mapping[str, Any], codes: Mapping[str, Codes]) -> list[Floats]:
        """Return one array per coordinate."""
        logs = [floats(np.log(columns[v])) for v in self.logged]
        plain = [floats(columns[v] / sd) for v, sd in self.scaled.items()]
        return [*logs, *plain, *(floats(APART * codes[f]) for f in self.factors)]

    def clock(self, columns: Mapping[str, Any], n: int) -> Floats:
        """Return what passes while a run goes on: ln D, or else ln C, or the first coordinate."""
        for name in ("D", "C", *self.logged):
            if name in self.logged:
                return floats(np.log(columns[name]))
        return np.zeros(n)


def log_compute(law: Law, columns: Mapping[str, Any]) -> Floats | None:
    """Return log10 of compute, 6 N D where the law has no C; of the one variable of a curve; None otherwise."""
    if "C" in law.variables:
        return floats(np.log10(columns["C"]))
    if {"N", "D"} <= set(law.variables):
        return floats(np.log10(6.0) + np.log10(columns["N"]) + np.log10(columns["D"]))
    if len(law.variables) == 1 and law.variables[0] in law.positive:
        return floats(np.log10(columns[law.variables[0]]))
    return None


def thinned(clock: Floats, groups: Codes | None, most: int = MAX_ROWS) -> Codes:
    """Return the rows to keep, at most `most`, in order.

    Every group keeps its last row and an even choice of the others; rows without groups are chosen evenly along the
    clock. The last row along the clock is always kept.

    Examples
    --------
    >>> thinned(np.arange(10.0), integers([0] * 6 + [1] * 4), 5).tolist()
    [0, 2, 5, 6, 9]
    """
    n = len(clock)
    if n <= most:
        return integers(np.arange(n))
    labels = np.zeros(n, dtype=np.int64) if groups is None else groups
    if len(np.unique(labels)) > most // 2:
        labels = np.zeros(n, dtype=np.int64)
    kept: list[int] = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        rows = rows[np.argsort(clock[rows], kind="stable")]
        count = max(int(len(rows) * most / n), 1)
        kept.extend(rows[np.round(np.linspace(len(rows) - 1, 0, count)).astype(np.int64)].tolist())
    return integers(sorted(set(kept)))
