"""What may be asked of a design: budgets, limits, counts and points, each refused with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from .._engine import Floats
from .._errors import DataError, compose, counted, listed
from .._given import numbers, scalar
from .._repr import number
from ._costs import Candidates, Limits

#: The cheapest candidate as a share of the budget.
FLOOR = 1e-4


def limits_of(budget: float, cap: float, floor: float | None, N: Any, tokens_per_param: Any) -> Limits:
    """Return what runs may cost and where they may lie, in the unit of the budget."""
    expected = "what all runs may cost, a number above 0"
    if not 0 < scalar("budget", budget, expected) < np.inf:
        raise DataError(f"budget is {budget!r}, expected {expected}")
    expected, hint = "a share of the budget from 0 to 1", "0.25 lets a run take a fourth"
    if not 0 < scalar("cap", cap, expected, hint) <= 1:
        raise DataError(compose(f"cap is {cap!r}, expected {expected}", hint))
    floor = FLOOR if floor is None else floor
    expected = f"a share of the budget above 0 and below cap ({cap:g})"
    if not 0 < scalar("floor", floor, expected) < cap:
        raise DataError(f"floor is {floor!r}, expected {expected}")
    pairs = {"N": N, "tokens_per_param": tokens_per_param}
    for name, pair in pairs.items():
        expected = "(smallest, largest), both above 0"
        if np.shape(pair) != (2,) or not 0 < scalar(name, pair[0], expected) < scalar(name, pair[1], expected):
            raise DataError(f"{name} is {pair!r}, expected {expected}")
    (a, b), (c, d) = pairs.values()
    return Limits(float(budget), float(cap * budget), float(floor * budget), (float(a), float(b)), (float(c), float(d)))


def check_counts(k: int, slots: int | None, longest: float | None, starts: int) -> tuple[int, int | None, int]:
    """Return the counts of runs, slots and starts as whole numbers: 6.0 is one."""
    for name, value in {"k": k, "slots": slots, "starts": starts}.items():
        expected = "a whole number of at least 1"
        if value is not None and (scalar(name, value, expected) % 1 or value < 1):
            raise DataError(f"{name} is {value!r}, expected {expected}")
    expected = "what the busiest slot may cost, a number above 0"
    if longest is not None and not scalar("longest", longest, expected) > 0:
        raise DataError(f"longest is {longest!r}, expected {expected}")
    return int(k), None if slots is None else int(slots), int(starts)


def check_held(held: Mapping[str, float], variables: Iterable[str], of_cost: Iterable[str]) -> None:
    """Refuse values of what neither the law nor the cost knows, and of N and D, which the design chooses."""
    known = {*variables, *of_cost} - {"N", "D"}
    spare = sorted(set(held) - known)
    if spare:
        hint = f"it may name {listed(sorted(known))}" if known else "leave it out: there are no other variables"
        raise DataError(compose(f"held names {spare[0]!r}, expected another variable of the law or cost", hint))


def require_affordable(
    among: Candidates, limits: Limits, k: int, slots: int | None, longest: float | None, unit: str
) -> None:
    """Refuse plans whose runs the budget, or the busiest slot, cannot pay even where each is the cheapest."""
    cheapest = float(among.cost.min())
    if k * cheapest > limits.budget:
        raise DataError(
            compose(
                f"{counted(k, 'run')} cost at least {number(k * cheapest, 3)} {unit}, the budget is "
                f"{number(limits.budget, 3)}",
                "make fewer runs, or allow cheaper ones with floor=...",
            )
        )
    rounds = -(-k // (slots or 1))
    if longest is not None and rounds * cheapest > longest:
        raise DataError(
            f"{counted(k, 'run')} on {counted(slots or 1, 'slot')} take at least {number(rounds * cheapest, 3)} {unit} "
            f"on one of them, longest is {number(longest, 3)}"
        )


def points_of(N: Any, D: Any) -> tuple[Floats, Floats]:
    """Return sizes and tokens of a design, as many of each, all above 0."""
    sizes, tokens = (numbers(name, x, "a number per run") for name, x in (("N", N), ("D", D)))
    if sizes.shape != tokens.shape or max(np.ndim(N), np.ndim(D)) > 1 or not len(sizes):
        raise DataError(f"N has {sizes.size} values and D {tokens.size}, expected as many of each, at least one")
    bad = ~(np.isfinite(sizes) & np.isfinite(tokens) & (sizes > 0) & (tokens > 0))
    if bad.any():
        run = int(np.argmax(bad))
        raise DataError(f"run {run} has N {sizes[run]:g} and D {tokens[run]:g}, expected numbers above 0")
    return sizes, tokens
