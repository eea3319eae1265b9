"""Parameters of a forecaster: those of every covariance that it averages, and draws around them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _engine
from .._engine import Floats, floats
from .._forecast._component import NEGLIGIBLE, Component
from ._sample_draws import gaussian


def cell_samples(component: Component, count: int, seed: Any) -> tuple[Floats, Floats, Floats]:
    """Return parameters and weights of the covariances in use, and `count` draws over all of them.

    A draw first falls to a covariance by its weight, in whole numbers as even as can be, then to parameters around
    that one's fit.
    """
    keep = np.isfinite(component.variance) & (component.weight > NEGLIGIBLE)
    theta, weight = component.theta[keep], component.weight[keep] / component.weight[keep].sum()
    covariance = _covariances(component)[keep]
    shares = np.diff(np.round(np.concatenate(([0.0], np.cumsum(weight))) * count)).astype(int)
    fit = component.fit
    draws = [
        gaussian(fit.law, fit.names, theta[k], covariance[k], component.df, int(n), [*seed, k])
        for k, n in enumerate(shares)
        if n
    ]
    empty = np.empty((0, theta.shape[1]))
    return floats(theta), floats(weight), floats(np.concatenate(draws) if draws else empty)


def _covariances(component: Component) -> Floats:
    """Return the covariance of all parameters per cell, 0 for those that are held."""
    problem, cells = component.problem, component.cells
    found = _engine.discrepancy(problem, component.theta, False, component.field, cells, None, 1)
    inner = found["covariance"]
    free = np.flatnonzero(np.isnan(problem.recipe["fixed"]))
    out = np.zeros((len(cells), component.theta.shape[1], component.theta.shape[1]))
    out[np.ix_(np.arange(len(cells)), free, free)] = inner
    return floats(out)
