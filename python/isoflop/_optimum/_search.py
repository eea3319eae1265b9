"""Questions to the core for all laws of a model: the estimate first, then every draw from there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _engine
from .._engine import Floats, floats
from ._ask import Ask
from ._sample import Sample

#: How a search ended, by the core's number.
INTERIOR, LOW, HIGH, INFEASIBLE, UNREACHABLE, UNSETTLED = range(6)
#: First guess of a budget, in logs: 1e21 where it counts FLOP.
GUESS = 48.0


@dataclass(frozen=True)
class Optima:
    """Optima by target (rows) and lane; logarithms of the primary variable, tokens and budget."""

    primary: Floats
    tokens: Floats
    loss: Floats
    budget: Floats
    end: Any
    over: list[Floats]

    @property
    def ok(self) -> Any:
        """Which lanes have an optimum."""
        return self.end <= HIGH


def optima_of(found: dict[str, Any]) -> Optima:
    """Return what the core found."""
    return Optima(found["size"], found["tokens"], found["loss"], found["budget"], found["end"], list(found["over"]))


def joined(parts: Sequence[Optima]) -> Optima:
    """Return the lanes of several searches beside each other."""
    columns = {
        name: np.concatenate([getattr(p, name) for p in parts], axis=1)
        for name in ("primary", "tokens", "loss", "budget", "end")
    }
    over = [np.concatenate(xs, axis=1) for xs in zip(*(p.over for p in parts), strict=True)]
    return Optima(**columns, over=over)


def search(
    ask: Ask,
    sample: Sample,
    lanes: Floats,
    targets: Floats,
    starts: Floats,
    budgets: Floats | None,
    n_threads: int,
) -> Optima:
    """Return the optimum of every lane at log budgets, or at losses where `budgets` are first guesses."""
    return optima_of(_engine.optimum(ask.question(sample.spec), lanes, targets, starts, budgets, n_threads))


def central(ask: Ask, models: Sequence[Sample], targets: Floats, by_loss: bool, n_threads: int) -> Optima:
    """Return the optima of all central parameters."""
    starts = np.full(len(targets), np.nan)
    guess = np.full(len(targets), GUESS) if by_loss else None
    return joined([search(ask, s, s.centre, targets, starts, guess, n_threads) for s in models])


def drawn(
    ask: Ask, models: Sequence[Sample], targets: Floats, at: Optima, by_loss: bool, n_threads: int
) -> Optima | None:
    """Return the optima of all draws, begun at those of the centre; None where there are no draws."""
    weights = np.concatenate([s.weights for s in models])
    starts = average(at.primary, weights, at.ok)
    budgets = average(at.budget, weights, at.ok) if by_loss else None
    if budgets is not None:
        budgets = np.where(np.isfinite(budgets), budgets, GUESS)
    parts = [search(ask, s, s.draws, targets, starts, budgets, n_threads) for s in models if s.draws is not None]
    return joined(parts) if parts else None


def average(values: Floats, weights: Floats, ok: Any) -> Floats:
    """Return the weighted mean over lanes, of those that have an optimum; NaN where none has.

    Examples
    --------
    >>> average(np.array([[1.0, 3.0]]), np.array([1.0, 1.0]), np.array([[True, True]]))
    array([2.])
    """
    used = np.where(ok, weights, 0.0)
    total = used.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return floats(np.where(ok, values * used, 0.0).sum(axis=1) / total)


def at_size(ask: Ask, models: Sequence[Sample], primary: float, budget: float, n_threads: int) -> Optima:
    """Return what a budget buys for one value of the primary variable, for all central parameters."""
    parts = []
    for s in models:
        open_ends = {"tokens": (-np.inf, np.inf), "ratio": (-np.inf, np.inf)}
        question = {**ask.question(s.spec), "boxes": [(primary, primary)], **open_ends}
        parts.append(optima_of(_engine.optimum(question, s.centre, [budget], [primary], None, n_threads)))
    return joined(parts)
