"""Designs that people make: isoFLOP curves and ladders, of a given cost. What a chosen design is compared with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .._engine import Floats, floats
from ._costs import Cost
from ._target import Version, optimal_size

#: IsoFLOP curves: how far apart their budgets and their outer sizes are.
BUDGETS, WIDTH = 10.0, 4.0
#: A ladder: multiples of 20 tokens per parameter for each size, and the ratio of neighbouring sizes.
MULTIPLES, RUNG, TOKENS = (1.0, 2.0, 5.0, 10.0), 2.0, 20.0

#: Makes (N, D) of a design whose scale is one number.
Make = Callable[[float], tuple[Floats, Floats]]


def isoflop(version: Version, k: int, around: float) -> Make:
    """Return isoFLOP curves by the compute of the largest: up to three, ten times apart, 1/4 to 4 times N_opt.

    Parameters
    ----------
    version : Version
        Says where the optimum lies.
    k : int
        How many runs.
    around : float
        A compute near which optima are needed; they are a straight line between two of them, in logarithms.
    """
    ends = np.array([around * 1e-3, around])
    best = np.log([optimal_size(version, C) for C in ends])
    n = min(3, max(1, k // 3))
    # What does not divide goes to the cheaper budgets.
    counts = [k // n + (i >= n - k % n) for i in range(n)]
    place = np.concatenate([np.full(count, BUDGETS**-i) for i, count in enumerate(counts)])
    ratio = np.concatenate([np.geomspace(1 / WIDTH, WIDTH, m) if m > 1 else np.ones(1) for m in counts])

    def make(top: float) -> tuple[Floats, Floats]:
        C = top * place
        line = best[0] + (best[1] - best[0]) / np.log(ends[1] / ends[0]) * np.log(C / ends[0])
        N = ratio * np.exp(line)
        return floats(N), floats(C / (6 * N))

    return make


def ladder(k: int) -> Make:
    """Return a ladder by its largest size: halving sizes, each at 20, 40, 100 and 200 tokens per parameter."""
    rungs = [(RUNG**-i, TOKENS * m) for i in range(-(-k // len(MULTIPLES))) for m in MULTIPLES]
    kept = sorted(rungs, key=lambda rung: rung[0] ** 2 * rung[1])[:k]  # the dearest are left out
    size, tokens = (np.array(column) for column in zip(*kept, strict=True))

    def make(top: float) -> tuple[Floats, Floats]:
        N = top * size
        return floats(N), floats(N * tokens)

    return make


def of_cost(make: Make, cost: Cost, budget: float) -> tuple[Floats, Floats] | None:
    """Return the design that costs the budget; None where the cost knows none of its sizes.

    Sizes that the cost does not know are moved to the nearest that it knows.
    """

    def made(scale: float) -> tuple[Floats, Floats]:
        N, D = make(scale)
        return floats(np.clip(N, *cost.sizes)), D

    def total(scale: float) -> float:
        return float(np.sum(cost.of(*made(scale))))

    low, high = 0.0, 70.0  # ln of a size or of a compute
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if not total(np.exp(middle)) < budget else (middle, high)
    found = made(np.exp(low))
    return found if abs(total(np.exp(low)) / budget - 1) < 1e-6 else None
