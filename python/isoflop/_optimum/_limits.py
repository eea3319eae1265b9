"""What an optimum ran into: budgets that pay for nothing, losses out of reach, limits that bind."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._cost_curve import CostCurve
from .._engine import Floats
from .._errors import DataError, LawError, compose, counted
from .._repr import number
from ._ask import Ask
from ._budget import Budget
from ._sample import Sample
from ._search import HIGH, INFEASIBLE, INTERIOR, LOW, UNREACHABLE, UNSETTLED, Optima, central

#: ln of a budget that buys all that a law can promise.
VAST = 130.0


def check(ask: Ask, budget: Budget, models: Sequence[Sample], at: Optima, n_threads: int) -> None:
    """Refuse what has no optimum at the estimate."""
    lane = at.end[:, 0]
    unit = budget.cost_unit
    short = (lane == INFEASIBLE) | (np.isfinite(at.loss[:, 0]) & (at.tokens[:, 0] < 0))
    if short.any() and not budget.by_loss:
        raise _too_small(ask, float(budget.amounts[short][0]), unit)
    if (lane == UNREACHABLE).any() or short.any():
        raise _out_of_reach(ask, models, float(budget.amounts[(lane == UNREACHABLE) | short][0]), at, n_threads)
    unlimited = ask.primary == ask.size and not ask.limits.any and not isinstance(ask.cost, CostCurve)
    for end, word, where in ((HIGH, "larger", "falls"), (LOW, "smaller", "rises")):
        if unlimited and (lane == end).any():
            at_all = number(float(budget.amounts[lane == end][0]), 4)
            raise LawError(
                compose(
                    f"the loss {where} with {ask.size} all the way from {_ends(ask)} at a "
                    f"{'loss' if budget.by_loss else 'budget'} of {at_all}: the {word} the better, there is no optimum",
                    f"limit it: {'N' if ask.size == 'N' else ask.size}=(low, high), tokens_per_param=(low, high)",
                )
            )
    if (lane == UNSETTLED).any():
        raise LawError("the search for the optimum did not settle: the law is not smooth there")


def _ends(ask: Ask) -> str:
    low, high = (number(math.exp(x), 3) for x in ask.boxes[0])
    return f"{low} to {high}"


def _too_small(ask: Ask, amount: float, unit: str) -> DataError:
    shown = f"a budget of {number(amount, 4)} {unit} pays for none of the allowed sizes"
    if ask.primary != ask.size:
        return DataError(shown)
    size = math.exp(min(low for low, _ in ask.boxes))
    least = _least_tokens(ask, size)
    over = {name: 0.5 * (low + high) for name, (low, high) in ask.further.items()}
    known = ask.values(np.array([size]), np.array([least]), {k: np.array([v]) for k, v in over.items()})
    need = float(np.ravel(ask.total_cost(known))[0])
    return DataError(
        compose(
            shown,
            f"the smallest, {ask.size} = {number(size, 4)}, costs {number(need, 4)} {unit} with "
            f"{counted(int(least), 'token') if least < 1e6 else number(least, 4) + ' tokens'}",
        )
    )


def _least_tokens(ask: Ask, size: float) -> float:
    least = 1.0 if ask.limits.D is None else max(ask.limits.D[0], 1.0)
    return least if ask.limits.ratio is None else max(least, ask.limits.ratio[0] * size)


def _out_of_reach(ask: Ask, models: Sequence[Sample], loss: float, at: Optima, n_threads: int) -> DataError:
    if at.end[0, 0] != UNREACHABLE and loss > 0:
        finite = np.isfinite(at.loss[:, 0])
        if finite.any() and (at.tokens[finite, 0] < 0).any():
            return DataError(
                compose(
                    f"a loss of {number(loss, 5)} is reached with less than one token by the smallest allowed size",
                    "ask for a lower loss",
                )
            )
    best = central(ask, models, np.array([VAST]), False, n_threads).loss[0, 0]
    return DataError(
        compose(
            f"no budget reaches a loss of {number(loss, 6)}",
            f"the law goes down to {number(float(best), 6)} within what is allowed; ask for more than that",
        )
    )


def binding(ask: Ask, at: Optima, size: Floats, tokens: Floats) -> list[str]:
    """Return a note per limit that the optimum lies at."""
    notes = []
    lane = at.end[:, 0]
    for words, hit in _limits(ask, lane, size, tokens):
        if hit.any():
            where = "" if hit.all() and len(hit) == 1 else f" ({int(hit.sum())} of {counted(len(hit), 'budget')})"
            notes.append(f"{words}{where}")
    return notes


def _limits(ask: Ask, lane: Any, size: Floats, tokens: Floats) -> list[tuple[str, Any]]:
    if ask.limits.sizes is not None:
        sizes = np.exp([low for low, _ in ask.boxes])
        return [
            (f"the largest size given is best: {number(sizes[-1], 4)}", _close(size, sizes[-1]) & (lane == HIGH)),
            (f"the smallest size given is best: {number(sizes[0], 4)}", _close(size, sizes[0]) & (lane == LOW)),
        ]
    out = []
    at_end = lane != INTERIOR
    ratio = tokens / size
    for name, pair, value in (("D", ask.limits.D, tokens), ("tokens per parameter", ask.limits.ratio, ratio)):
        for word, end in zip(("lowest", "highest"), pair or (), strict=False):
            out.append((f"the limit of {name} binds: its {word}, {number(end, 4)}", at_end & _close(value, end)))
    bound = np.zeros(len(lane), dtype=bool)
    for _, hit in out:
        bound |= hit
    out.append((f"the smallest {ask.primary} that is allowed binds", (lane == LOW) & ~bound))
    out.append((f"the largest {ask.primary} that is allowed binds", (lane == HIGH) & ~bound))
    return out


def _close(value: Any, end: float) -> Any:
    return np.abs(np.asarray(value) - end) <= 1e-6 * abs(end)


def at_ends(ask: Ask, found: Mapping[str, Floats]) -> list[str]:
    """Return a note per further free variable that lies at an end of its range, and one on what is made small."""
    notes = []
    for name, (low, high) in ask.further.items():
        for word, end in (("lowest", low), ("highest", high)):
            if (np.abs(found[name] - end) <= 1e-6 * (high - low)).any():
                notes.append(f"{name} is at the {word} that is allowed, {number(end, 4)}")
    if not ask.law.predicts_loss:
        notes.append(f"the law predicts {ask.law.response!r}, which is taken as something to be made small")
    return notes
