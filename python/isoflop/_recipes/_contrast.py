"""What the joint fit says of two points, one on each recipe's curve: log loss of the first less that of the second.

Intervals are read from these contrasts by `_invert`; nothing here searches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _engine
from .._engine import Floats, floats
from .._fitted import Fit
from ._frontier import Frontier, Track
from ._joint import of_recipe
from ._linear import Linear
from ._tables import BOTH


@dataclass(frozen=True)
class Contrasts:
    """Both curves with their errors.

    Attributes
    ----------
    fit : Fit
        Of both recipes at once.
    frontier : Frontier
    linear : Linear
        Its noise, and what each row adds to each parameter.
    tracks : dict of str to Track or None
        The best splits of compute along each recipe's fitted curve.
    """

    fit: Fit
    frontier: Frontier
    linear: Linear
    tracks: dict[str, Track | None]

    def params(self, level: str) -> dict[str, float]:
        """Return the parameters of one recipe."""
        return of_recipe(self.fit, self.frontier.law, level)

    def loss(self, level: str, C: Any) -> Floats:
        """Return the fitted loss of one recipe at compute C, in the shape of C."""
        at = np.asarray(C, dtype=np.float64)
        value, _, _ = self._at(level, floats(at.reshape(-1)))
        return value.reshape(at.shape)

    def curve(self, level: str, C: Floats) -> tuple[Floats, Floats, Floats]:
        """Return log loss, standard error and degrees of freedom at each compute."""
        value, slope = self._log(level, C)
        return (value, *self.linear.errors(slope))

    def difference(self, C_a: Floats, C_b: Floats) -> tuple[Floats, Floats, Floats]:
        """Return log loss of a at C_a less that of b at C_b, its standard error and degrees of freedom."""
        (one, up), (other, down) = self._log("a", C_a), self._log("b", C_b)
        return (floats(one - other), *self.linear.errors(up - down))

    def _log(self, level: str, C: Floats) -> tuple[Floats, Floats]:
        """Return log loss and its slopes in the internal parameters that move.

        Where compute is split, the best split moves with the parameters, but the loss does not feel that (envelope).
        """
        value, columns, params = self._at(level, C)
        law, theta = self.frontier.law, list(params.values())
        slopes = dict(zip(law.parameters, _engine.jacobian(law.spec, theta, columns, {}), strict=True))
        out = np.zeros((len(value), len(self.linear.names)))
        for j, name in enumerate(self.linear.names):
            base, _, rest = name.partition("[")
            if rest in ("", f"{level}]"):
                out[:, j] = slopes[base] * _chain(law.domain(base), params[base]) / value
        return floats(np.log(value)), floats(np.nan_to_num(out))

    def _at(self, level: str, C: Floats) -> tuple[Floats, dict[str, Floats], dict[str, float]]:
        """Return the loss at each compute, where the law is evaluated for it, and the recipe's parameters."""
        params = self.params(level)
        columns = self.frontier.columns(params, floats(C), self.tracks[level])
        return _engine.predict(self.frontier.law.spec, list(params.values()), columns, {}), columns, params


def contrasts_of(fit: Fit, frontier: Frontier, noise: Linear, span: tuple[float, float]) -> Contrasts:
    """Return both curves, with the best splits found once along all compute that searches may ask for."""
    tracks = {level: frontier.follow(of_recipe(fit, frontier.law, level), *span) for level in BOTH}
    return Contrasts(fit, frontier, noise, tracks)


def _chain(domain: str, value: float) -> float:
    """Return d native / d internal."""
    return value if domain == "positive" else value * (1 - value) if domain == "unit" else 1.0


def probability(t: Floats, df: Floats) -> Floats:
    """Return Student's distribution function.

    Examples
    --------
    >>> probability(np.array([0.0, 2.228]), np.array([4.0, 10.0])).round(3)
    array([0.5  , 0.975])
    """
    pairs = zip(np.ravel(t), np.ravel(df), strict=True)
    found = [0.5 * (1 + np.sign(x) * _engine.f_cdf(float(x * x), 1.0, min(float(d), 1e7))) for x, d in pairs]
    return floats(np.reshape(found, np.shape(t)))


def student(level: float, df: Floats) -> Floats:
    """Return the two-sided critical value for each number of degrees of freedom."""
    grid = np.where(df < 20, np.round(df, 2), np.minimum(np.round(2 * df) / 2, 1e3))
    distinct, where = np.unique(grid, return_inverse=True)
    values = np.array([_engine.student([0.5 + level / 2], d)[0] for d in distinct])
    return floats(values[where].reshape(np.shape(df)))
