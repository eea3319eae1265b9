"""The joint fit as a linear model with few variance components: standard errors and degrees of freedom of contrasts.

Noise has one variance; rows of one group may share some of it, and so may the rows of one unit under both recipes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .._engine import Floats, floats
from .._fitted import Fit
from .._leverage import internal_jacobian

#: A variance is at least this share of what independent rows would have.
FLOOR = 1e-4


@dataclass(frozen=True)
class Linear:
    """Which rows move which parameters, and how noisy rows are.

    Attributes
    ----------
    names : tuple of str
        Parameters that move, in the order of the rows of `influence`.
    influence : ndarray (k, n)
        What a residual of each row adds to each internal parameter.
    patterns : tuple of ndarray (n, n)
        Which pairs of rows share each component beyond the first, which is every row's own noise.
    components : ndarray (m,)
        Their variances, unbiased, so those beyond the first may be negative.
    spread : ndarray (m, m)
        Covariance of `components`.
    """

    names: tuple[str, ...]
    influence: Floats
    patterns: tuple[Floats, ...]
    components: Floats
    spread: Floats

    @property
    def correlation(self) -> float:
        """Correlation of the noise of rows that share the last component; 0 where rows are independent."""
        return float(np.clip(self.components[-1] / self.components[0], -1, 1)) if self.patterns else 0.0

    def errors(self, gradient: Floats) -> tuple[Floats, Floats]:
        """Return standard errors and degrees of freedom (Satterthwaite) of contrasts.

        Parameters
        ----------
        gradient : ndarray (points, k)
            Slope of each contrast in the internal parameters.
        """
        moves = gradient @ self.influence
        shared = [np.sum((moves @ pattern) * moves, axis=1) for pattern in self.patterns]
        shares = np.stack([np.sum(moves**2, axis=1), *shared])
        variance = self.components @ shares
        doubt = np.einsum("mp,ml,lp->p", shares, self.spread, shares)
        with np.errstate(divide="ignore", invalid="ignore"):
            df = np.where(doubt > 0, 2 * variance**2 / doubt, np.inf)
        plain = self.components[0] * shares[0]
        return floats(np.sqrt(np.maximum(variance, FLOOR * plain))), floats(np.maximum(df, 1.0))


def linear(fit: Fit, patterns: Sequence[NDArray[np.bool_]]) -> Linear:
    """Return the linear model of a fit at its optimum.

    Parameters
    ----------
    fit : Fit
        Of both recipes at once.
    patterns : sequence of ndarray (n, n)
        Which pairs of rows may share noise, beyond each row with itself.

    Notes
    -----
    Components solve E[r' V r] = tr(M V M S) for all patterns V (moments of residuals r, M the residual maker): unbiased
    in a linear model. Under Huber's loss r is the clipped residual over the share of rows that are not clipped, with
    Huber's small-sample factor.
    """
    assert fit.problem is not None
    jacobian, names = internal_jacobian(fit)
    root = np.sqrt(fit.problem.table["weights"])
    design, residuals = jacobian * root[:, None], _residuals(fit) * root
    influence = np.linalg.pinv(design)
    shared = tuple(floats(np.asarray(pattern, dtype=float)) for pattern in patterns)
    if not shared:
        free = len(root) - np.linalg.matrix_rank(design)
        noise = float(residuals @ residuals) / free
        return Linear(names, floats(influence), (), floats([noise]), floats([[2 * noise**2 / free]]))
    components, spread = _moments(residuals, np.eye(len(root)) - design @ influence, shared)
    return Linear(names, floats(influence), shared, components, spread)


def _moments(residuals: Floats, maker: Floats, shared: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Return the variance components and their covariance."""
    stacked = np.stack([np.eye(len(residuals)), *shared])
    made = np.stack([maker @ pattern @ maker for pattern in stacked])
    solve = np.linalg.pinv(np.einsum("kij,lij->kl", made, stacked))
    components = solve @ np.einsum("i,kij,j->k", residuals, stacked, residuals)
    covariance = maker @ np.einsum("k,kij->ij", _sound(components), stacked) @ maker
    product = np.stack([pattern @ covariance for pattern in stacked])
    return floats(components), floats(solve @ (2 * np.einsum("kij,lji->kl", product, product)) @ solve.T)


def _sound(components: Floats) -> Floats:
    """Return components that can be a covariance: none beyond the first is larger in size than all noise."""
    limit = 0.999 * components[0]
    return floats(np.concatenate([components[:1], np.clip(components[1:], -limit, limit)]))


def _residuals(fit: Fit) -> Floats:
    residuals = -fit.residuals
    if fit.criterion == "squared":
        return floats(residuals)
    clipped = np.clip(residuals, -fit.delta, fit.delta)
    inside = max(float(np.mean(np.abs(residuals) <= fit.delta)), 1.0 / len(residuals))
    huber = 1 + len(fit.free) / len(residuals) * (1 - inside) / inside
    return floats(clipped * huber / inside)
