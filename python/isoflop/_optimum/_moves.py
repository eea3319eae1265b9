"""How far what a law misses moves its optimum: along the budget, the minimum of the law with and without it.

Valleys are flat, so a discrepancy of half a per cent of the loss moves the best size by tens of per cent. That is most
of what is not known of an optimum where the law is not quite right; draws of parameters alone do not show it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .._engine import Floats, floats
from ._ask import Ask
from ._sample import Sample
from ._search import Optima, average

#: ln N is looked at this far to both sides of the law's optimum, in so many steps.
REACH, STEPS = 4.0, 80
#: Covariances of less weight are not asked.
SMALL = 1e-4
#: Newton steps for the tokens that a budget pays for, the step of their derivative, and when they have settled.
NEWTON, NUDGE, SETTLED = 60, 1e-5, 1e-10


@dataclass(frozen=True)
class Moves:
    """Steps of ln N by target (rows) and lane."""

    centre: Floats
    draws: Floats


def size_is_free(ask: Ask) -> bool:
    """Whether the size is all that varies along a budget."""
    return ask.primary == ask.size and not ask.further


def is_smooth(models: Sequence[Sample]) -> bool:
    """Whether a model knows of a discrepancy."""
    return any(d.cell[0] > 0 for s in models for d in s.deviations)


def moves(ask: Ask, models: Sequence[Sample], at: Optima) -> Moves | None:
    """Return how far the optima of all lanes move; None where no model knows of a discrepancy, or N does not vary.

    Parameters
    ----------
    ask : Ask
    models : sequence of Sample
    at : Optima
        Those of the central parameters.
    """
    if not size_is_free(ask) or not is_smooth(models):
        return None
    weights = np.concatenate([s.weights for s in models])
    size, budget = average(at.primary, weights, at.ok), average(at.budget, weights, at.ok)
    tokens = average(at.tokens, weights, at.ok)
    lines = [_line(ask, *where) for where in zip(size, budget, tokens, strict=True)]
    columns = [ask.values(np.exp(x), np.exp(z), {}) for x, z, _ in lines]
    centre, draws = [], []
    for deviation, weight in zip((d for s in models for d in s.deviations), weights, strict=True):
        steps = np.zeros((len(lines), len(deviation.theta)))
        if deviation.cell[0] > 0 and weight > SMALL:
            curves = deviation.curves([{k: c[k] for k in deviation.variables} for c in columns], ask.level)
            steps = np.stack([_step(x, allowed, *c) for (x, _, allowed), c in zip(lines, curves, strict=True)])
        centre.append(steps[:, :1])
        draws.append(steps[:, 1:])
    return Moves(floats(np.hstack(centre)), floats(np.hstack(draws)))


def moved(ask: Ask, at: Optima, steps: Floats) -> Optima:
    """Return optima with other sizes, and the tokens that the same budgets pay for then."""
    primary = np.where(at.ok, inside(ask, at.primary + steps), at.primary)
    primary = np.where(steps == 0, at.primary, primary)
    tokens = tokens_for(ask, primary, at.budget, at.tokens - (primary - at.primary))
    paid = np.isfinite(tokens) & at.ok
    return replace(at, primary=np.where(paid, primary, at.primary), tokens=np.where(paid, tokens, at.tokens))


def inside(ask: Ask, log_sizes: Floats) -> Floats:
    """Return the nearest allowed ln N."""
    ends = np.clip(np.asarray(log_sizes)[..., None], *np.array(ask.boxes).T)
    nearest = np.abs(ends - np.asarray(log_sizes)[..., None]).argmin(axis=-1)
    return floats(np.take_along_axis(ends, nearest[..., None], axis=-1)[..., 0])


def tokens_for(ask: Ask, log_size: Floats, log_budget: Floats, guess: Floats) -> Floats:
    """Return ln D that a budget pays for at sizes; NaN where it pays for none."""
    shape = np.shape(log_size)
    size, target, z = (np.ravel(np.broadcast_to(x, shape)) for x in (np.exp(log_size), log_budget, guess))

    def over(z: Floats) -> Floats:
        return floats(np.log(ask.total_cost(ask.values(size, np.exp(z), {}))) - target)

    with np.errstate(all="ignore"):
        for _ in range(NEWTON):
            off = over(z)
            if not (np.abs(off) > SETTLED).any():
                break
            z = z - off * NUDGE / (over(z + NUDGE) - off)
        good = np.abs(over(z)) <= SETTLED
    return floats(np.where(good, z, np.nan)).reshape(shape)


def _line(ask: Ask, size: float, budget: float, tokens: float) -> tuple[Floats, Floats, Floats]:
    """Return ln N and ln D along a budget, and which of these points are allowed."""
    x = size + np.linspace(-REACH, REACH, STEPS + 1)
    if ask.limits.sizes is not None:
        x = np.array([low for low, _ in ask.boxes])
    reachable = inside(ask, x)
    z = tokens_for(ask, reachable, np.full(len(x), budget), tokens - (reachable - size))
    allowed = np.array([ask.limits.allow(*np.exp(p)) for p in zip(reachable, z, strict=True)])
    allowed &= np.isfinite(z) & (np.abs(reachable - x) < 1e-9)
    return floats(x), floats(np.where(np.isfinite(z), z, tokens)), allowed


def _step(x: Floats, allowed: Floats, law: Floats, whole: Floats) -> Floats:
    """Return the step from the minimum of the law to that of the whole, per row."""
    if not np.any(allowed):
        return np.zeros(len(law))
    return floats(_lowest(x, allowed, whole) - _lowest(x, allowed, law))


def _lowest(x: Floats, allowed: Floats, values: Floats) -> Floats:
    """Return where each row is lowest: the vertex of the parabola through the lowest point and its neighbours.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 5)
    >>> _lowest(x, np.ones(5, bool), (x[None, :] - 0.1) ** 2).round(12).tolist()
    [0.1]
    """
    values = np.where(allowed & np.isfinite(values), values, np.inf)
    best = values.argmin(axis=1)
    row = np.arange(len(values))
    middle = np.clip(best, 1, max(len(x) - 2, 1))
    if len(x) < 3 or not np.allclose(np.diff(x), x[1] - x[0]):
        return floats(x[best])
    below, here, above = (values[row, middle + k] for k in (-1, 0, 1))
    whole = (best == middle) & np.isfinite(below + here + above)
    below, here, above = (np.where(whole, y, 0.0) for y in (below, here, above))
    bend = below - 2 * here + above
    shift = 0.5 * (below - above) / np.where(bend > 0, bend, np.inf)
    return floats(x[best] + shift * (x[1] - x[0]))
