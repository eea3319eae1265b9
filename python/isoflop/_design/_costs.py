"""What runs cost and which could be made: a cost in any unit, and the grid of candidates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .._cost_curve import CostCurve
from .._engine import Codes, Floats, floats, integers
from .._errors import DataError, LawError, compose, listed
from .._formula import evaluate, names_in
from .._given import scalar
from .._repr import number

#: Sizes at each cost and costs of the grid of candidates.
SIZES, COSTS = 46, 26
#: Sizes among which those of the grid are chosen: how closely the ends of a window are met.
FINE = 600
#: Tokens are looked for between these.
FEWEST, MOST = 1.0, 1e18


@dataclass(frozen=True)
class Cost:
    """What a run of N parameters over D tokens costs.

    Attributes
    ----------
    of : callable
        (N, D) to cost, arrays; NaN where a size cannot be run.
    unit : str
    sizes : (float, float)
        Sizes that it knows.
    uses : frozenset of str
        Names that its formula uses.
    knots : ndarray
        Sizes of its table.
    """

    of: Callable[[Floats, Floats], Floats]
    unit: str
    sizes: tuple[float, float] = (0.0, np.inf)
    uses: frozenset[str] = frozenset()
    knots: Floats = field(default_factory=lambda: np.zeros(0))

    def tokens(self, N: Floats, cost: Floats) -> Floats:
        """Return D so that a run of N costs `cost`; NaN where there is none (cost rises with D)."""
        low = np.full(N.shape, np.log(FEWEST))
        high = np.full(N.shape, np.log(MOST))
        too_dear, too_cheap = self.of(N, np.exp(low)) > cost, self.of(N, np.exp(high)) < cost
        for _ in range(60):
            middle = 0.5 * (low + high)
            above = self.of(N, np.exp(middle)) > cost
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        known = np.isfinite(self.of(N, np.exp(low)))
        return floats(np.where(known & ~too_dear & ~too_cheap, np.exp(0.5 * (low + high)), np.nan))


def read_cost(cost: Any, unit: str | None, held: Mapping[str, float]) -> Cost:
    """Return a cost from None (6 N D), a formula over N and D, or a cost curve."""
    held = {name: scalar(f"held {name}", value, "a number") for name, value in held.items()}
    if cost is None:
        return Cost(lambda N, D: floats(6.0 * N * D), unit or "FLOP")
    if isinstance(cost, str):
        known, uses = {"N", "D", *held}, names_in(cost, "cost")
        spare = [name for name in uses if name not in known]
        if spare:
            hint = f"it may use {listed(sorted(known))}; held={{{spare[0]!r}: ...}} gives it a value"
            raise LawError(compose(f"the cost {cost!r} uses {spare[0]!r}", hint))
        return Cost(_formula(cost, held), unit or "FLOP", uses=frozenset(uses))
    if not isinstance(cost, CostCurve):
        raise DataError(
            compose(
                f"cost is a {type(cost).__name__}, expected a formula such as '6*N*D' or a CostCurve",
                "a price per FLOP is a formula too: cost='2e-18 * 6*N*D', unit='USD'",
            )
        )
    known_sizes = floats(cost.N[cost.can_run])
    return Cost(_curve(cost), unit or cost.unit, (known_sizes[0], known_sizes[-1]), knots=known_sizes)


def _curve(curve: CostCurve) -> Callable[[Floats, Floats], Floats]:
    """Return the cost of a table; NaN between sizes of which one cannot be run."""

    def of(N: Floats, D: Floats) -> Floats:
        N, D = (floats(x) for x in np.broadcast_arrays(N, D))
        can = np.any([(low <= N) & (high >= N) for low, high in curve.sizes], axis=0)
        out = np.full(N.shape, np.nan)
        out[can] = curve(N[can], D[can])
        return out

    return of


def _formula(text: str, held: Mapping[str, float]) -> Callable[[Floats, Floats], Floats]:
    def of(N: Floats, D: Floats) -> Floats:
        N, D = np.broadcast_arrays(N, D)
        return floats(evaluate(text, {"N": N.ravel(), "D": D.ravel(), **held}, "cost")).reshape(N.shape)

    return of


@dataclass(frozen=True)
class Limits:
    """Which runs may be made.

    Attributes
    ----------
    budget, cap, floor : float
        What all runs, and what one run, may cost; what one run costs at least.
    N, tokens_per_param : (float, float)
        Smallest and largest.
    """

    budget: float
    cap: float
    floor: float
    N: tuple[float, float]
    tokens_per_param: tuple[float, float]


@dataclass(frozen=True)
class Candidates:
    """Runs to choose from: sizes, tokens and costs."""

    N: Floats
    D: Floats
    cost: Floats


def candidates(cost: Cost, limits: Limits) -> Candidates:
    """Return runs on a grid of costs, log-spaced, and at each cost of sizes from one end of the window to the other.

    Raises
    ------
    DataError
        If there are none.
    """
    low, high = max(limits.N[0], cost.sizes[0]), min(limits.N[1], cost.sizes[1])
    if not low < high:
        raise DataError(
            f"N is {number(limits.N[0], 3)} to {number(limits.N[1], 3)}, outside the sizes that the cost knows: "
            f"{number(cost.sizes[0], 3)} to {number(cost.sizes[1], 3)}"
        )
    costs = np.geomspace(limits.floor, limits.cap, COSTS)
    fine = np.clip(np.geomspace(low, high, FINE), low, high)  # geomspace may end a rounding error too high
    table = cost.knots[(cost.knots >= low) & (cost.knots <= high)]
    N, wanted = (floats(x) for x in np.meshgrid(np.union1d(fine, table), costs))
    D = cost.tokens(N, wanted)
    rows = [_spread(N[i], D[i], limits) for i in range(COSTS)]
    if not any(len(row) for row in rows):
        raise _none_inside(limits, cost.unit, low, high)
    picked = [(N[i][row], D[i][row], wanted[i][row]) for i, row in enumerate(rows)]
    return Candidates(*(floats(np.concatenate(column)) for column in zip(*picked, strict=True)))


def _spread(N: Floats, D: Floats, limits: Limits) -> Codes:
    """Return which of the sizes at one cost are candidates: evenly between the ends of the window, both included."""
    low, high = limits.tokens_per_param
    ratio = D / N
    inside = np.flatnonzero((ratio >= low) & (ratio <= high))
    places = np.linspace(0, len(inside) - 1, SIZES if len(inside) else 0)
    return integers(np.unique(inside[places.round().astype(np.int64)]))


def _none_inside(limits: Limits, unit: str, low: float, high: float) -> DataError:
    return DataError(
        compose(
            f"no run costs {number(limits.floor, 3)} to {number(limits.cap, 3)} {unit} with N from "
            f"{number(low, 3)} to {number(high, 3)} and {limits.tokens_per_param[0]:g} to "
            f"{limits.tokens_per_param[1]:g} tokens per parameter",
            "widen N or tokens_per_param, or change the budget",
        )
    )
