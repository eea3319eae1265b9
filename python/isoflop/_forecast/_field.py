"""The covariance of errors as arrays: what is needed beyond rows, at places where no run was made.

The core fits with the same covariance (`rust/core/src/discrepancy/covariance.rs`); nothing is fitted here.
"""

from __future__ import annotations

import numpy as np

from .._engine import Floats, floats
from ._component import Component

#: Keeps nearly equal rows apart; how far a fading group effect reaches, in units of the clock.
JITTER, FADING = 1e-9, 2.0


def stacked(columns: list[Floats], n: int) -> Floats:
    """Return places as rows, from one array per coordinate."""
    return floats(np.column_stack(columns)) if n else np.zeros((0, len(columns)))


def smooth(a: Floats, b: Floats, cell: Floats) -> Floats:
    """Return the covariance of the smooth discrepancy between places, over s².

    Examples
    --------
    >>> smooth(np.array([[0.0]]), np.array([[0.0], [2.0]]), np.array([0.4, 2.0])).round(4).tolist()
    [[0.4, 0.2426]]
    """
    square = np.zeros((len(a), len(b)))
    for x, y in zip(a.T, b.T, strict=True):
        square += np.subtract.outer(x, y) ** 2
    return floats(cell[0] * np.exp(square * (-0.5 / cell[1] ** 2)))


def covariance(component: Component, cell: Floats) -> Floats:
    """Return the covariance of the errors of the runs made, over s²."""
    field, weights = component.field, component.problem.table["weights"]
    places = stacked(field["coordinates"], len(weights))
    share, _, group, lasting = cell[:4]
    whole = smooth(places, places, cell)
    if group > 0 and field["groups"] is not None:
        apart = np.abs(field["clock"][:, None] - field["clock"])
        same = field["groups"][:, None] == field["groups"]
        whole += (1 - share) * group * same * (lasting + (1 - lasting) * np.exp(-apart / FADING))
    whole[np.diag_indices_from(whole)] += (1 - share) * (1 - group) / weights + JITTER
    return whole
