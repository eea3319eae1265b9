"""One way to spend a budget: a model of a family, its tokens and layout, what it will score and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._architecture import Architecture
from .._cluster import Cluster
from .._cluster_curve import QUANTITY, lifetime_cost
from .._cost import TrainingCost, training_cost
from .._errors import DataError, compose
from .._layout import Layout
from .._templates import Count, size_range, template
from ._budget import Budget
from ._model import BANDS, Model

#: Sizes around the optimum that are priced by their own shapes: the valley is flat there, layouts are not.
AROUND = (1.0, *(float(np.exp(x)) for x in (-0.1, -0.075, -0.05, -0.025, 0.025, 0.05, 0.075, 0.1)))

#: How far a shape may lie outside of a range that was asked for.
COARSE = 1.015


@dataclass(frozen=True)
class Terms:
    """What holds for every choice of a plan: the law, the cluster, the family of shapes, how the job is run."""

    model: Model
    cluster: Cluster
    family: str | Architecture
    count: Count
    lifetime_tokens: float
    job: Mapping[str, Any]
    level: float
    ranges: Mapping[str, tuple[float, float]]

    def allows(self, choice: Choice) -> bool:
        """Return whether a choice lies in the ranges of N, D and tokens per parameter, to the coarseness of shapes."""
        ends = ((getattr(choice, name), low, high) for name, (low, high) in self.ranges.items())
        return all(low / COARSE <= value <= high * COARSE for value, low, high in ends)

    def size(self, arch: Architecture) -> int:
        """Return what the law calls N of an architecture."""
        counts = {"total": arch.n_params, "active": arch.n_active_params, "non_embedding": arch.n_non_embedding}
        return counts[self.count]

    def cost(self, arch: Architecture, tokens: float, layout: Layout | None = None) -> TrainingCost:
        """Return what training costs, in the fastest layout where none is given."""
        return training_cost(arch, tokens, self.cluster, layout or "best", level=self.level, **self.job)

    def tokens(self, arch: Architecture, budget: Budget) -> tuple[float, Layout]:
        """Return the tokens that a budget pays for, and the layout that was priced.

        Raises
        ------
        DataError
            No layout fits, or serving alone exceeds the budget.
        """
        one = self.cost(arch, 1.0)
        if budget.unit == "FLOP":
            n = float(self.size(arch))
            tokens = (budget.amount - 2 * n * self.lifetime_tokens) / (6 * n)
        else:
            fixed = lifetime_cost(arch, self.cluster, budget.unit, self.lifetime_tokens) if self.lifetime_tokens else 0
            tokens = (budget.amount - fixed) / getattr(one, QUANTITY[budget.unit])
        if not tokens > 0:
            text = f"generating {self.lifetime_tokens:.3g} tokens with {arch!r} costs more than {budget.text}"
            raise DataError(compose(text, "raise the budget, or lower lifetime_tokens"))
        return tokens, one.layout

    def amount(self, arch: Architecture, cost: TrainingCost, unit: str) -> float:
        """Return what a choice costs in a unit of budgets, serving included."""
        if unit == "FLOP":
            n = float(self.size(arch))
            return 6 * n * cost.tokens + 2 * n * self.lifetime_tokens
        fixed = lifetime_cost(arch, self.cluster, unit, self.lifetime_tokens) if self.lifetime_tokens else 0.0
        return float(getattr(cost, QUANTITY[unit]) + fixed)


@dataclass(frozen=True)
class Choice:
    """A model, its tokens, its loss and its bill.

    Attributes
    ----------
    label : str
        What this choice is, in words.
    architecture : Architecture
    N, D : float
        Parameters as the law counts them, and training tokens.
    loss : float
        On the law's own curve, which the plan is made on.
    forecast, mean_low, mean_high, low, high : float
        Forecast of the run, band of the mean curve, band of the run itself: the forecaster's where runs were given;
        bands are NaN where there are no draws.
    budget : float
        What it costs in the unit of the plan's budget.
    cost : TrainingCost
        Days, dollars, energy, memory and layout, each with its interval.
    """

    label: str
    architecture: Architecture
    N: float
    D: float
    loss: float
    forecast: float
    mean_low: float
    mean_high: float
    low: float
    high: float
    budget: float
    cost: TrainingCost

    @property
    def tokens_per_param(self) -> float:
        """D over N."""
        return self.D / self.N

    @property
    def C(self) -> float:
        """6 N D, FLOP."""
        return 6 * self.N * self.D

    def row(self) -> dict[str, Any]:
        """Return the numbers of one line of a table."""
        names = ("N", "D", "tokens_per_param", "C", "loss", "forecast", *BANDS, "budget")
        bill: dict[str, float] = {}
        for name in ("days", "usd", "energy_kwh"):
            low, high = self.cost.interval(name)
            bill |= {name: getattr(self.cost, name), f"{name}_low": low, f"{name}_high": high}
        shape = {"layers": self.architecture.layers, "width": self.architecture.width, "mfu": self.cost.mfu}
        return {"choice": self.label, **{name: getattr(self, name) for name in names}, **bill, **shape}


def spend(label: str, N: float, budget: Budget, terms: Terms) -> Choice:
    """Return the choice of about N parameters that makes the most of a budget."""

    def one(arch: Architecture) -> Choice:
        tokens, layout = terms.tokens(arch, budget)
        return _choice(label, arch, tokens, layout, budget.unit, terms)

    return min(_each(one, _shapes(N, terms, budget.unit), terms), key=lambda choice: choice.loss)


def reach(label: str, N: float, D: float, loss: float, unit: str, terms: Terms, *, around: bool = False) -> Choice:
    """Return the choice of about N parameters that reaches a loss on the law's curve, from a guess at its tokens.

    Raises
    ------
    DataError
        No number of tokens brings it there, or no layout fits.
    """

    def one(arch: Architecture) -> Choice:
        tokens = terms.model.tokens_for(loss, float(terms.size(arch)), D)
        if not tokens < float("inf"):
            raise DataError(f"{arch!r} never reaches a loss of {loss:.4f}")
        return _choice(label, arch, tokens, None, unit, terms)

    return min(_each(one, _shapes(N, terms, unit if around else "FLOP"), terms), key=lambda choice: choice.budget)


def _shapes(N: float, terms: Terms, unit: str) -> list[Architecture]:
    """Return the shapes to choose from: the nearest where FLOPs are counted, else all near enough to tell apart."""
    if unit == "FLOP":
        return [template(N, terms.family, count=terms.count)]
    low, high = size_range(terms.family, terms.count)
    sizes = [min(max(N * factor, low), high) for factor in AROUND]
    return list(dict.fromkeys(template(size, terms.family, count=terms.count) for size in sizes))


def _each(one: Callable[[Architecture], Choice], shapes: list[Architecture], terms: Terms) -> list[Choice]:
    """Return the choices that can and may be made, or raise what the first shape met where none can."""
    found: list[Choice] = []
    refused: list[DataError] = []
    for arch in shapes:
        try:
            found.append(one(arch))
        except DataError as error:
            refused.append(error)
    if not found:
        raise refused[0]
    return [choice for choice in found if terms.allows(choice)] or found[:1]


def _choice(label: str, arch: Architecture, tokens: float, layout: Layout | None, unit: str, terms: Terms) -> Choice:
    model, cost = terms.model, terms.cost(arch, tokens, layout)
    N = float(terms.size(arch))
    return Choice(
        label=label,
        architecture=arch,
        N=N,
        D=tokens,
        loss=float(model.curve(N, tokens)),
        **model.bands(N, tokens, terms.level),
        budget=terms.amount(arch, cost, unit),
        cost=cost,
    )
