"""When data run out: the budgets from which an optimum repeats its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .._repr import number
from ._ask import Ask
from ._sample import Sample
from ._search import central

#: Passes over the data that are said to be nearly as good as new tokens (Muennighoff et al. 2023).
GOOD_PASSES = 4.0
#: ln of the budgets that are looked through: FLOP, and what is paid for some 1e15 to 1e20 of them.
FLOPS, PAID = (20.0, 110.0), (-25.0, 75.0)
#: In so many steps; the step that crosses is divided again, to 1e-5.
STEPS, AGAIN, DIVISIONS = 24, 6, 8


def data_wall(ask: Ask, models: Sequence[Sample], n_threads: int) -> tuple[dict[str, float], list[str]]:
    """Return the smallest budgets at which the optimum repeats the unique tokens at all, and more than four times."""
    unique = ask.held.get("U")
    if "U" not in ask.law.variables or not isinstance(unique, float):
        return {}, []
    open_ask = replace(ask, limits=replace(ask.limits, D=None, ratio=None))
    wall = {
        name: _budget_for_tokens(open_ask, models, np.log(unique * passes), n_threads)
        for name, passes in (("one_pass", 1.0), ("four_passes", GOOD_PASSES))
    }
    known = {name: amount for name, amount in wall.items() if np.isfinite(amount)}
    words = {"one_pass": "more than one pass", "four_passes": "more than four passes"}
    of = f"over {number(unique, 4)} tokens from a budget of"
    said = [f"{words[name]} {of} {number(x, 3)} {ask.unit} on" for name, x in known.items()]
    return known, ["the optimum takes " + "; ".join(said)] if said else []


def _budget_for_tokens(ask: Ask, models: Sequence[Sample], log_tokens: float, n_threads: int) -> float:
    """Return the smallest budget whose optimum has so many tokens; infinite where none has.

    Where the data have just run out more budget can go to the model alone, so tokens need not rise all the way: the
    first crossing counts.
    """
    first = models[:1]
    single = [replace(first[0], centre=first[0].centre[:1], weights=first[0].weights[:1])]

    def tokens(targets: np.ndarray) -> np.ndarray:
        at = central(ask, single, targets, False, n_threads)
        return np.asarray(np.where(at.ok[:, 0], at.tokens[:, 0], -np.inf))

    low, high = ends = FLOPS if ask.unit == "FLOP" else PAID
    for steps in (STEPS, *[AGAIN] * DIVISIONS):
        budgets = np.linspace(low, high, steps)
        enough = np.flatnonzero(tokens(budgets) > log_tokens * (1 + 1e-12))
        if not len(enough) or (enough[0] == 0 and low == ends[0]):
            return float("inf")
        k = max(int(enough[0]), 1)
        low, high = budgets[k - 1], budgets[k]
    return float(np.exp(high))
