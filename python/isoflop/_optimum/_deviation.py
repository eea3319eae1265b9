"""What a law misses, drawn along a line: a forecaster's smooth discrepancy given the rows and parameters.

The discrepancy is a Gaussian field of which the rows show a part. For one vector of parameters its mean at a place is
what the residuals of that vector say, so draws of parameters and of the field hang together as they should.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _engine
from .._engine import Codes, Floats, floats, integers
from .._forecast._component import Component
from .._forecast._field import covariance, smooth, stacked

#: Keeps the covariance along a line apart from singular: a share of its mean variance.
JITTER = 1e-8


@dataclass(frozen=True, eq=False)
class Deviation:
    """A law and what it misses under one covariance of the errors.

    Attributes
    ----------
    component : Component
    cell : ndarray
        Share and length of the smooth discrepancy, share and lasting part of the group effect.
    variance : float
        s², that of one run's error.
    theta : ndarray
        Parameters: the estimate, then every draw.
    seed : list of int
    """

    component: Component
    cell: Floats
    variance: float
    theta: Floats
    seed: list[int]

    @property
    def variables(self) -> Sequence[str]:
        """The law's variables."""
        return self.component.fit.law.variables

    def curves(self, lines: list[Mapping[str, Any]], level: Mapping[str, Any]) -> Iterator[tuple[Floats, Floats]]:
        """Yield for each line of points the law's response, and that with its discrepancy.

        Both have a row per vector of `theta`. The discrepancy of the first is its mean, that of the others a draw; the
        same normal numbers serve all lines, so lines can be compared draw by draw.

        Parameters
        ----------
        lines : list of mapping of str to ndarray
            The law's variables at the points of each line; all lines have equally many.
        level : mapping of str to label
            The level of each level column.
        """
        codes, m = self._codes(level), len(next(iter(lines[0].values())))
        every = {name: floats(np.concatenate([line[name] for line in lines])) for name in lines[0]}
        law = np.split(self._law(every, codes), len(lines), axis=1)
        at = self._places(every, codes)
        told, mean = self._told(at)
        normal, scale = self._normal(m)
        for i, curve in enumerate(law):
            part = slice(i * m, (i + 1) * m)
            root = _root(self.variance * (smooth(at[part], at[part], self.cell) - told[:, part].T @ told[:, part]))
            whole = curve + mean[:, part]
            whole[1:] += (scale[:, None] * normal) @ root.T
            yield curve, floats(whole)

    def _told(self, places: Floats) -> tuple[Floats, Floats]:
        """Return L⁻¹ k for places, and the mean of the field there for every vector of parameters."""
        rows = stacked(self.component.field["coordinates"], len(self.component.rows))
        columns = floats(np.hstack([self._residuals().T, smooth(rows, places, self.cell)]))
        white = _engine.whiten(covariance(self.component, self.cell), columns)
        left, told = (floats(x) for x in np.split(white, [len(self.theta)], axis=1))
        return told, floats(left.T @ told)

    def _normal(self, m: int) -> tuple[Floats, Floats]:
        """Return normal numbers for every draw, and what makes them Student's t."""
        rng = np.random.default_rng(self.seed)
        count, df = len(self.theta) - 1, self.component.df
        return rng.standard_normal((count, m)), np.sqrt(df / rng.chisquare(df, count))

    def _residuals(self) -> Floats:
        """Return observed minus predicted, a row per vector of parameters."""
        table = self.component.problem.table
        codes = {name: codes for name, (codes, _) in table["factors"].items()}
        observed = table["response"]
        return floats(self._scaled(observed) - self._law(table["columns"], codes))

    def _law(self, columns: Mapping[str, Any], codes: Mapping[str, Codes]) -> Floats:
        spec = self.component.problem.spec
        used = {name: columns[name] for name in self.variables}
        many = {name: np.resize(code, len(next(iter(used.values())))) for name, code in codes.items()}
        return self._scaled(_engine.predict_draws(spec, self.theta, used, {k: integers(v) for k, v in many.items()}, 1))

    def _scaled(self, response: Floats) -> Floats:
        return floats(np.log(response)) if self.component.fit.law.scale == "log" else response

    def _codes(self, level: Mapping[str, Any]) -> dict[str, Codes]:
        """Return the code of the level in use, for each factor of the law."""
        labels = self.component.fit.labels
        factors = dict.fromkeys(self.component.fit.law.levels.values())
        return {name: integers([list(labels[name]).index(level[name])]) for name in factors}

    def _places(self, line: Mapping[str, Any], codes: Mapping[str, Codes]) -> Floats:
        m = len(next(iter(line.values())))
        many = {name: integers(np.resize(code, m)) for name, code in codes.items()}
        return stacked(self.component.place.coordinates(line, many), m)


def _root(variance: Floats) -> Floats:
    """Return a lower factor of a covariance that may be nearly singular."""
    even = 0.5 * (variance + variance.T)
    level = max(float(np.trace(even)) / len(even), np.finfo(float).tiny)
    return floats(np.linalg.cholesky(even + JITTER * level * np.eye(len(even))))
