"""Parameters of a forecaster: those of every covariance that it averages, and draws around them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _engine
from .._engine import Floats, floats
from .._forecast._component import NEGLIGIBLE, Component
from ._deviation import Deviation
from ._sample_draws import gaussian

#: Draws of the discrepancy are seeded apart from those of parameters by this.
FIELD = 1


def cell_samples(component: Component, count: int, seed: Any) -> tuple[Floats, tuple[Deviation, ...]]:
    """Return weights of the covariances in use, and each with its parameters and its part of `count` draws.

    A draw first falls to a covariance by its weight, in whole numbers as even as can be, then to parameters around
    that one's fit.
    """
    keep = np.isfinite(component.variance) & (component.weight > NEGLIGIBLE)
    theta, weight = component.theta[keep], component.weight[keep] / component.weight[keep].sum()
    cells, variance = component.cells[keep], component.variance[keep]
    covariance = _covariances(component)[keep]
    shares = np.diff(np.round(np.concatenate(([0.0], np.cumsum(weight))) * count)).astype(int)
    fit = component.fit
    parts = []
    for k, n in enumerate(shares):
        drawn = gaussian(fit.law, fit.names, theta[k], covariance[k], component.df, int(n), [*seed, k])
        every = floats(np.vstack([theta[k][None, :], drawn]))
        parts.append(Deviation(component, cells[k], float(variance[k]), every, [*seed, k, FIELD]))
    return floats(weight), tuple(parts)


def _covariances(component: Component) -> Floats:
    """Return the covariance of all parameters per cell, 0 for those that are held."""
    problem, cells = component.problem, component.cells
    found = _engine.discrepancy(problem, component.theta, False, component.field, cells, None, 1)
    inner = found["covariance"]
    free = np.flatnonzero(np.isnan(problem.recipe["fixed"]))
    out = np.zeros((len(cells), component.theta.shape[1], component.theta.shape[1]))
    out[np.ix_(np.arange(len(cells)), free, free)] = inner
    return floats(out)
