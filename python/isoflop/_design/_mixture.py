"""The forecaster's error structures, for runs that were not made yet: what these would tell, and how far bands shrink.

Where runs were made, a design is chosen and judged as `forecaster` judges runs: residuals share noise within groups and
a smooth discrepancy from the law, so that repeating a run helps less, and runs near the target help more, than the law
alone would have it. Weights, variances and parameters stay those of the runs made; only information is added.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import _engine
from .._engine import Floats, floats
from .._forecast._component import Component
from .._forecast._field import JITTER, covariance, smooth, stacked
from .._points import Points
from ._target import Target, Version, target_of

#: Structures of less weight are left out, and how many a search looks at.
NEGLIGIBLE, SEARCHED = 1e-3, 4


@dataclass(frozen=True)
class Mixture:
    """A law with the forecaster's mixture of error structures, and a target.

    Attributes
    ----------
    component : Component
    structures : tuple of Structure
        Those that are kept, the heaviest first; their weights sum to 1.
    centre, form : float
        Mean of ln L at the target, and what structures disagree about it.
    """

    component: Component
    structures: tuple[Structure, ...]
    centre: float
    form: float

    @property
    def smooth(self) -> float:
        """The weight of structures with a smooth discrepancy."""
        return self.component.smooth

    def df(self, new: int) -> float:
        """Return degrees of freedom after some more runs."""
        return self.component.df + new

    def belief(self, N: Floats, D: Floats, most: int | None = None) -> dict[str, Any]:
        """Return what the core needs of runs at some points, for all structures or the heaviest ones."""
        used = self.structures[:most]
        weights = np.array([one.weight for one in used]) / sum(one.weight for one in used)
        sizes = np.log([one.target.N for one in used])
        apart = floats([self.form, float(weights @ (sizes - weights @ sizes) ** 2)])
        versions = [one.at(N, D, weight) for one, weight in zip(used, weights.tolist(), strict=True)]
        return {"versions": versions, "apart": apart, "weight": 1.0}


@dataclass(frozen=True)
class Structure:
    """One error structure: the law at its parameters, and the runs made, whitened.

    Attributes
    ----------
    cell : ndarray
        Share and length of the smooth discrepancy, share and lasting part of the group effect.
    variance : float
        s², that of one run's error.
    covariance : ndarray
        Of the errors of the runs made, over s²; L is its lower factor.
    rows, point : ndarray
        L⁻¹ J of the runs made, and L⁻¹ k of the target.
    precision : ndarray
        Of the priors on the free parameters.
    """

    component: Component
    version: Version
    target: Target
    place: Target
    cell: Floats
    weight: float
    variance: float
    covariance: Floats
    rows: Floats
    point: Floats
    precision: Floats

    def at(self, N: Floats, D: Floats, weight: float) -> dict[str, Any]:
        """Return what runs at some points tell, given the runs made."""
        place = self.place
        ends = self.version.at(floats([place.N]), floats([place.C / (6 * place.N)]))[0]
        targets = floats(np.vstack([ends - self.point @ self.rows, self.target.gradients[1]]))
        before = floats(self.rows.T @ self.rows / self.variance + np.diag(self.precision))
        content = {"before": before, "targets": targets, "weight": weight}
        slopes = self.version.at(N, D)
        if self.cell[0] == 0:
            return {**content, "slopes": floats(slopes / np.sqrt(self.variance)), "field": None}
        return {**content, **self._with_field(slopes, self._places(N, D))}

    def _with_field(self, slopes: Floats, places: Floats) -> dict[str, Any]:
        share, s2 = float(self.cell[0]), self.variance
        made = stacked(self.component.field["coordinates"], len(self.covariance))
        target = self._places(floats([self.place.N]), floats([self.place.C / (6 * self.place.N)]))
        told = _engine.whiten(self.covariance, self._smooth(made, places))
        open_ = s2 * (self._smooth(places, places) - told.T @ told)
        near = s2 * (self._smooth(places, target)[:, 0] - told.T @ self.point)
        field = {
            "covariance": floats(0.5 * (open_ + open_.T)),
            "noise": s2 * (1 - share + JITTER),
            "near": floats(near),
            "open": s2 * max(share - float(self.point @ self.point), 0.0),
        }
        return {"slopes": floats(slopes - told.T @ self.rows), "field": field}

    def _places(self, N: Floats, D: Floats) -> Floats:
        return stacked(self.component.place.coordinates(self.version.points(N, D), {}), len(N))

    def _smooth(self, a: Floats, b: Floats) -> Floats:
        return smooth(a, b, self.cell)


def mixture(component: Component, best: Version, place: Target, n_threads: int = 1) -> Mixture:
    """Return the mixture of a component at a target.

    Parameters
    ----------
    component : Component
    best : Version
        The law that the component was fitted with, and which of its parameters are free.
    place : Target
        Where the optimum of `best` lies.
    n_threads : int
    """
    order = np.argsort(-component.weight, kind="stable")
    kept = [int(i) for i in order if component.weight[i] > NEGLIGIBLE]
    total = float(component.weight[kept].sum())
    point = best.points(floats([place.N]), floats([place.C / (6 * place.N)]))
    parts = component.at(Points(point, {}, (1,)), n_threads)
    structures = tuple(_structure(component, best, place, i, float(component.weight[i]) / total) for i in kept)
    return Mixture(component, structures, float(parts.mean[0]), float(parts.form[0]))


def _structure(component: Component, best: Version, place: Target, i: int, weight: float) -> Structure:
    values = dict(zip(component.fit.names, component.theta[i].tolist(), strict=True))
    version = replace(best, params={**best.params, **values}, weight=weight)
    cell = component.cells[i]
    errors = covariance(component, cell)
    columns = {name: component.problem.table["columns"][name] for name in best.law.variables}
    slopes = version.slopes(columns)
    priors = [component.fit.priors.get(name) for name in best.free]
    point = best.points(floats([place.N]), floats([place.C / (6 * place.N)]))
    at_target = stacked(component.place.coordinates(point, {}), 1)
    near = smooth(stacked(component.field["coordinates"], len(slopes)), at_target, cell)
    white = _engine.whiten(errors, floats(np.hstack([slopes, near])))
    return Structure(
        component=component,
        version=version,
        target=target_of(version, place.C),
        place=place,
        cell=cell,
        weight=weight,
        variance=float(component.variance[i]),
        covariance=errors,
        rows=floats(white[:, :-1]),
        point=floats(white[:, -1]),
        precision=floats([0.0 if prior is None else prior.internal()[1] ** -2 for prior in priors]),
    )
