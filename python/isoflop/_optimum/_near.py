"""The near-optimal range: all sizes that reach the optimum's loss with a little more of the budget."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import _engine
from .._engine import Floats, floats
from ._ask import Ask
from ._sample import Sample
from ._search import Optima, at_size, average

#: Central parameters with a smaller share of the weight are left out here.
SMALL = 1e-3
#: Halvings of a search where further variables are free: to a millionth of the range.
HALVINGS = 24

Range = tuple[Floats, Floats]


def near(ask: Ask, models: Sequence[Sample], at: Optima, share: float, n_threads: int) -> Range:
    """Return the logarithm of the primary variable at both ends for every target, at up to `share` more budget."""
    weights = np.concatenate([s.weights for s in models])
    best = average(at.primary, weights, at.ok)
    low, high = _ends(ask, models, at, share, weights, n_threads)
    # Where a limit binds the best size may be allowed with its own budget only.
    return floats(np.fmin(low, best)), floats(np.fmax(high, best))


def _ends(ask: Ask, models: Sequence[Sample], at: Optima, share: float, weights: Floats, n_threads: int) -> Range:
    used = weights > SMALL * weights.max()
    if ask.further:
        return _by_halving(ask, models, at, share, n_threads)
    if ask.limits.sizes is not None:
        return _of_sizes(ask, models, at, share, n_threads)
    ends = [_around(ask, models, lane, at, share) for lane in np.flatnonzero(used).tolist()]
    low, high = (np.stack(side, axis=1) for side in zip(*ends, strict=True))
    ok = at.ok[:, used]
    return average(low, weights[used], ok), average(high, weights[used], ok)


def _around(ask: Ask, models: Sequence[Sample], lane: int, at: Optima, share: float) -> Range:
    sample, row = _lane(models, lane)
    budgets = at.budget[:, lane] + np.log1p(share)
    theta = sample.centre[row]
    return _engine.optimum_around(ask.question(sample.spec), theta, at.primary[:, lane], budgets, at.loss[:, lane])


def _lane(models: Sequence[Sample], lane: int) -> tuple[Sample, int]:
    for sample in models:
        if lane < len(sample.centre):
            return sample, lane
        lane -= len(sample.centre)
    raise IndexError(lane)


def _of_sizes(ask: Ask, models: Sequence[Sample], at: Optima, share: float, n_threads: int) -> Range:
    """Return the smallest and largest of the given sizes that are good enough."""
    weights = np.concatenate([s.weights for s in models])
    sizes = np.array([low for low, _ in ask.boxes])
    budget, best = average(at.budget, weights, at.ok) + np.log1p(share), average(at.loss, weights, at.ok)
    low, high = np.full(len(best), np.nan), np.full(len(best), np.nan)
    for t in range(len(best)):
        good = sizes[[_is_good(ask, models, z, budget[t], best[t] * (1 + 1e-12), n_threads) for z in sizes]]
        if len(good):
            low[t], high[t] = good[0], good[-1]
    return floats(low), floats(high)


def _by_halving(ask: Ask, models: Sequence[Sample], at: Optima, share: float, n_threads: int) -> Range:
    """Return the range where every size is given its best further variables."""
    weights = np.concatenate([s.weights for s in models])
    best = [average(x, weights, at.ok) for x in (at.primary, at.budget, at.loss)]
    ends: list[list[float]] = [[], []]
    for size, budget, loss in zip(*best, strict=True):
        box = next(b for b in ask.boxes if b[0] - 1e-9 <= size <= b[1] + 1e-9)
        for side, outside in enumerate(box):
            ends[side].append(_edge(ask, models, size, outside, budget + np.log1p(share), loss, n_threads))
    return floats(ends[0]), floats(ends[1])


def _edge(
    ask: Ask,
    models: Sequence[Sample],
    inside: float,
    outside: float,
    budget: float,
    loss: float,
    n_threads: int,
) -> float:
    def good(z: float) -> bool:
        return _is_good(ask, models, z, budget, loss, n_threads)

    if good(outside):
        return outside
    for _ in range(HALVINGS):
        middle = 0.5 * (inside + outside)
        inside, outside = (middle, outside) if good(middle) else (inside, middle)
    return inside


def _is_good(ask: Ask, models: Sequence[Sample], z: float, budget: float, loss: float, n_threads: int) -> bool:
    """Whether a size reaches the loss with tokens that are allowed."""
    weights = np.concatenate([s.weights for s in models])
    found = at_size(ask, models, z, budget, n_threads)
    tokens = float(np.exp(average(found.tokens, weights, found.ok)[0]))
    allowed = ask.primary != ask.size or ask.limits.allow(float(np.exp(z)), tokens)
    return allowed and bool(average(found.loss, weights, found.ok)[0] <= loss)
