"""Tables of scores with gaps: low-rank completion, and principal components of what comes out.

Arrays in, arrays out. What the components are used for is in `_low_rank`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._engine import Floats

#: Completion stops when no filled-in score moves by more than this, or after so many rounds.
STILL, ROUNDS = 1e-9, 2000
#: Keeps the projection of a model with few scores finite; scores are of order one.
RIDGE = 1e-9


@dataclass(frozen=True)
class Components:
    """Principal components of scores.

    Attributes
    ----------
    mean : ndarray (j,)
        Mean score per benchmark.
    axes : ndarray (k, j)
        Orthonormal directions, by falling variance; each points where most scores rise.
    explained : ndarray (j,)
        Share of the variance per component, all of them.
    """

    mean: Floats
    axes: Floats
    explained: Floats

    def skills(self, scores: Floats) -> Floats:
        """Return the components (m, k) of models; where scores are missing, by least squares on those there are."""
        centred = scores - self.mean
        if not np.isnan(centred).any():
            return centred @ self.axes.T
        return np.array([self._partial(row) for row in centred])

    def _partial(self, row: Floats) -> Floats:
        seen = ~np.isnan(row)
        axes = self.axes[:, seen]
        return np.asarray(np.linalg.solve(axes @ axes.T + RIDGE * np.eye(len(axes)), axes @ row[seen]))

    def fill(self, scores: Floats) -> Floats:
        """Return scores with the missing ones as the components say."""
        expected = self.mean + self.skills(scores) @ self.axes
        return np.where(np.isnan(scores), expected, scores)


def components(scores: Floats, count: int, weights: Floats | None = None) -> Components:
    """Return the first principal components of complete scores (m, j), with a weight per model.

    Examples
    --------
    >>> found = components(np.array([[0.1, 0.2], [0.2, 0.4], [0.3, 0.6]]), 1)
    >>> found.explained.round(6), found.axes.round(4)
    (array([1., 0.]), array([[0.4472, 0.8944]]))
    """
    weights = np.ones(len(scores)) if weights is None else weights
    mean = weights @ scores / weights.sum()
    _, values, axes = np.linalg.svd(np.sqrt(weights)[:, None] * (scores - mean), full_matrices=False)
    axes = axes * np.where(axes.sum(axis=1) < 0, -1.0, 1.0)[:, None]
    variance = values**2
    return Components(mean, axes[:count], variance / variance.sum())


def complete(scores: Floats, rank: int, weights: Floats | None = None) -> Floats:
    """Return scores (m, j) with the missing ones (NaN) filled in from a table of low rank.

    Fill with the means, take the first `rank` principal components, fill with what they say, and repeat: the fixed
    point is the best table of that rank for the scores that there are.

    Examples
    --------
    >>> skill, need = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.1, 0.2, 0.05])
    >>> table = np.outer(skill, need)
    >>> gaps = np.where(np.arange(12).reshape(4, 3) == 4, np.nan, table)
    >>> bool(np.allclose(complete(gaps, 1), table, atol=1e-6))
    True
    """
    missing = np.isnan(scores)
    if not missing.any():
        return scores
    weights = np.ones(len(scores)) if weights is None else weights
    there = np.where(missing, 0.0, weights[:, None])
    mean = (there * np.where(missing, 0.0, scores)).sum(axis=0) / there.sum(axis=0)
    filled = np.where(missing, mean, scores)
    for _ in range(ROUNDS):
        found = components(filled, rank, weights)
        new = np.where(missing, found.mean + found.skills(filled) @ found.axes, scores)
        if np.abs(new - filled).max() <= STILL:
            break
        filled = new
    return filled
