"""The solver behind `_sloth`: scores as logistic functions of a few skills that are linear in features.

Robust Gauss-Newton with damping on all parameters at once; the normal equations are put together from their blocks,
so that hundreds of parameters (an intercept per family and skill) stay cheap. Arrays in, arrays out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._engine import Floats, floats
from ._completion import complete
from ._scores import logistic

#: Width of the quadratic middle of the loss, in score: that of the paper.
DELTA = 0.01
#: Weight of residuals outside that middle in the Gauss-Newton matrix, times delta over their size: between none, which
#: stalls with few scores inside, and one, which takes twice the rounds.
OUTSIDE = 0.3
#: A ridge on everything but intercepts of benchmarks: skills have no fixed directions or scale, and nothing else holds
#: the level of a family whose only model guesses. It is about 0 ± 3 in log odds where scores miss by 0.03.
RIDGE = 1e-5
#: Rounds at most, and the relative decrease of the objective at which a fit is done.
ROUNDS, DONE = 500, 1e-8
#: Odds are taken of scores pulled inside this range, for the starting point.
INSIDE = 0.02


@dataclass(frozen=True)
class Skills:
    """Parameters of the model: logit(share above the guess) = loadings (growth x features) + intercepts.

    Attributes
    ----------
    growth : ndarray (k, p)
        Skills per feature.
    loadings : ndarray (j, k)
        How much each benchmark asks of each skill.
    intercepts : ndarray (j,)
        How easy each benchmark is.
    objective : float
        Robust sum over scores.
    converged : bool
    """

    growth: Floats
    loadings: Floats
    intercepts: Floats
    objective: float = float("nan")
    converged: bool = False

    def index(self, features: Floats) -> Floats:
        """Return the logit of the share above the guess (m, j)."""
        return features @ (self.loadings @ self.growth).T + self.intercepts

    def moved(self, step: Floats) -> Skills:
        """Return the parameters after a step (growth, then loadings and intercept per benchmark)."""
        k, p = self.growth.shape
        per_benchmark = step[k * p :].reshape(len(self.loadings), k + 1)
        growth = self.growth + step[: k * p].reshape(k, p)
        return Skills(growth, self.loadings + per_benchmark[:, :k], self.intercepts + per_benchmark[:, k])


def solve(features: Floats, scores: Floats, floors: Floats, weights: Floats, start: Skills) -> Skills:
    """Return the nearest optimum from a start.

    Parameters
    ----------
    features : ndarray (m, p)
    scores : ndarray (m, j)
        NaN where there is none.
    floors : ndarray (j,)
        Score of a guess.
    weights : ndarray (m,)
        Per model.
    start : Skills
    """
    here, damping = start, 1e-3
    value, gradient, gram = _equations(here, features, scores, floors, weights)
    for _ in range(ROUNDS):
        diagonal = np.diag(gram).copy() + RIDGE
        step = np.linalg.solve(gram + np.diag(damping * diagonal), -gradient)
        trial = here.moved(floats(step))
        new, new_gradient, new_gram = _equations(trial, features, scores, floors, weights)
        if new < value:
            gain, here = (value - new) / max(value, 1e-300), trial
            value, gradient, gram = new, new_gradient, new_gram
            damping = max(damping / 5, 1e-12)
            if gain < DONE:
                return Skills(here.growth, here.loadings, here.intercepts, value, True)
        else:
            damping *= 4
            if damping > 1e10:  # no direction goes down any more
                return Skills(here.growth, here.loadings, here.intercepts, value, True)
    return Skills(here.growth, here.loadings, here.intercepts, value, False)


def first_guess(features: Floats, scores: Floats, floors: Floats, count: int) -> Skills:
    """Return a start: ridge regression of completed log odds on features, cut down to `count` skills."""
    share = np.clip((scores - floors) / (1 - floors), INSIDE, 1 - INSIDE)
    odds = complete(np.log(share / (1 - share)), min(count, scores.shape[1] - 1) or 1)
    mean = odds.mean(axis=0)
    gram = features.T @ features
    map_ = np.linalg.solve(gram + 1e-3 * np.eye(len(gram)) * np.trace(gram) / len(gram), features.T @ (odds - mean))
    left, values, right = np.linalg.svd(map_.T, full_matrices=False)
    return Skills(np.sqrt(values[:count])[:, None] * right[:count], left[:, :count] * np.sqrt(values[:count]), mean)


def _equations(
    at: Skills, features: Floats, scores: Floats, floors: Floats, weights: Floats
) -> tuple[float, Floats, Floats]:
    """Return the objective with its ridge, its gradient, and the Gauss-Newton matrix with robust weights."""
    k, p = at.growth.shape
    skills = features @ at.growth.T
    share = logistic(skills @ at.loadings.T + at.intercepts)
    seen = ~np.isnan(scores)
    residual = np.where(seen, floors + (1 - floors) * share - np.where(seen, scores, 0.0), 0.0)
    size = np.abs(residual)
    loss = np.where(size <= DELTA, 0.5 * residual**2, DELTA * (size - 0.5 * DELTA))
    slope = (1 - floors) * share * (1 - share)
    pull = weights[:, None] * np.clip(residual, -DELTA, DELTA) * slope
    inside = np.where(size <= DELTA, 1.0, OUTSIDE * DELTA / np.maximum(size, DELTA))
    omega = weights[:, None] * seen * slope**2 * inside
    extended = np.column_stack([skills, np.ones(len(skills))])
    theta = np.concatenate([at.growth.ravel(), np.column_stack([at.loadings, at.intercepts]).ravel()])
    ridge = np.full(len(theta), RIDGE)
    ridge[k * p + k :: k + 1] = 0.0
    gradient = np.concatenate([((pull @ at.loadings).T @ features).ravel(), (pull.T @ extended).ravel()])
    value = float(weights @ loss.sum(axis=1)) + 0.5 * float(ridge @ theta**2)
    return value, gradient + ridge * theta, _gram(at, features, extended, omega) + np.diag(ridge)


def _gram(at: Skills, features: Floats, extended: Floats, omega: Floats) -> Floats:
    k, p = at.growth.shape
    j = len(at.loadings)
    out = np.zeros((k * p + j * (k + 1),) * 2)
    pairs = np.einsum("mj,jk,jl->mkl", omega, at.loadings, at.loadings, optimize=True)
    for a in range(k):
        for b in range(a + 1):
            block = features.T @ (pairs[:, a, b, None] * features)
            out[a * p : (a + 1) * p, b * p : (b + 1) * p] = block
            out[b * p : (b + 1) * p, a * p : (a + 1) * p] = block.T
    for i in range(j):
        own = slice(k * p + i * (k + 1), k * p + (i + 1) * (k + 1))
        weighted = omega[:, i, None] * extended
        out[own, own] = extended.T @ weighted
        cross = np.einsum("a,pb->apb", at.loadings[i], features.T @ weighted).reshape(k * p, k + 1)
        out[: k * p, own] = cross
        out[own, : k * p] = cross.T
    return out
