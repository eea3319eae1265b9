"""The steps of a plan: optimum, architecture and bill, alternatives of equal loss, and twice the budget."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._cluster_curve import cost_curve, unit_of
from .._cost_curve import CostCurve
from .._errors import DataError, compose
from .._optimum import Optimum, compute_optimal
from .._repr import count, number, percent
from ._budget import UNITS, Budget
from ._choice import Choice, Terms, reach, spend
from ._notes import notes_on
from ._result import Doubling, Plan


@dataclass(frozen=True)
class Solver:
    """The terms, the price that the optimum pays, and what else `compute_optimal` is told."""

    terms: Terms
    curve: CostCurve | None
    options: Mapping[str, Any]

    def optimum(self, budget: Budget, law: Any = None) -> Optimum:
        """Return the compute-optimal point under a budget; equal seeds give equal draws, so budgets can be paired."""
        serving = {"lifetime_tokens": self.terms.lifetime_tokens} if self.terms.lifetime_tokens else {}
        words: dict[str, Any] = {budget.keyword: budget.amount, **self.options}
        words |= serving if self.curve is None else {"cost": self.curve}
        return compute_optimal(self.terms.model.law if law is None else law, **words)


def price_of(budget: Budget, terms: Terms, N: tuple[float, float] | None) -> CostCurve | None:
    """Return what a token costs in the unit of a budget, over sizes; None for FLOPs, which are 6 N D."""
    if budget.unit == "FLOP":
        return None
    return cost_curve(
        terms.cluster, family=terms.family, N=N, unit=unit_of(budget.keyword, terms.cluster), count=terms.count,
        lifetime_tokens=terms.lifetime_tokens, **terms.job,
    )  # fmt: skip


def make_plan(budget: Budget, solver: Solver, max_days: float | None) -> Plan:
    """Return the plan for a budget."""
    target, best, choice, spent = _chosen(budget, solver)
    _check_steps(choice, budget)
    _check_days(choice, max_days)
    others, missing = _alternatives(best, choice, spent, solver)
    double, lost = _double(best, choice, spent, solver)
    return Plan(
        budget=budget,
        optimum=best,
        choice=choice,
        alternatives=others,
        doubling=double,
        target=target,
        level=solver.terms.level,
        backend=best.backend,
        notes=(*_second(spent, solver), *notes_on(best, choice, solver.terms.model, solver.curve), *missing, *lost),
    )


def _chosen(budget: Budget, solver: Solver) -> tuple[Optimum | None, Optimum, Choice, Budget]:
    """Return the optimum for a target loss, that for the budget, the plan's choice, and the budget that it spends."""
    first = solver.optimum(budget)
    N, D = float(first.N), float(first.D)
    if solver.curve is None or budget.unit != "loss":
        return None, first, spend("this plan", N, budget, solver.terms), budget
    unit = solver.curve.unit
    choice = reach("this plan", N, D, budget.amount, unit, solver.terms, around=True)
    spent = Budget(next(word for word, name in UNITS.items() if name == unit), choice.budget)
    return first, solver.optimum(spent), choice, spent


def _check_steps(choice: Choice, budget: Budget) -> None:
    job = choice.cost.job
    step = job.batch * job.seq_len
    if step > choice.D:
        text = f"{budget.text}: {choice.architecture.name} would see {choice.D:,.0f} tokens, less than one step"
        hint = f"a step has {job.batch:,} × {job.seq_len:,} tokens; raise the budget, or lower batch and seq_len"
        raise DataError(compose(text, hint))


def _check_days(choice: Choice, most: float | None) -> None:
    if most is None or choice.cost.days <= most:
        return
    cluster = choice.cost.job.cluster
    wanted = -(-cluster.count * choice.cost.days / most // cluster.domain) * cluster.domain
    text = f"{choice.architecture.name} takes {number(choice.cost.days, 3)} days, max_days is {most:g}"
    raise DataError(compose(text, f"days={most:g} plans for that time; about {wanted:,.0f} devices would keep it"))


def _alternatives(best: Optimum, plan: Choice, spent: Budget, solver: Solver) -> tuple[tuple[Choice, ...], list[str]]:
    """Return models of equal loss at the ends of the near-optimal ranges, and notes on those that cannot be."""
    found: dict[str, Choice] = {}
    notes = []
    for label, N in _ends(best):
        try:
            one = reach(label, N, plan.D * plan.N / N, plan.loss, spent.unit, solver.terms)
        except DataError as error:
            notes.append(f"{label}: {str(error).partition(chr(10))[0]}")
        else:
            if one.architecture != plan.architecture:
                found.setdefault(one.architecture.name, one)
    return tuple(found.values()), notes


def _ends(best: Optimum) -> Iterator[tuple[str, float]]:
    for share, (low, high) in best.near.items():
        for word, N in (("smaller", float(low)), ("larger", float(high))):
            if np.isfinite(N):
                yield f"{word}, for {percent(share)} more", N


def _double(best: Optimum, plan: Choice, spent: Budget, solver: Solver) -> tuple[Doubling | None, list[str]]:
    """Return what twice the budget buys, or a note why it buys nothing."""
    twice = Budget(spent.keyword, 2 * spent.amount)
    try:
        more = solver.optimum(twice)
        choice = spend("twice the budget", float(more.N), twice, solver.terms)
    except DataError as error:
        return None, [f"twice the budget: {str(error).partition(chr(10))[0]}"]
    gain = plan.loss - choice.loss
    low, high = (x + gain - float(best.loss - more.loss) for x in _paired(best, more, solver.terms.level))
    cost, before = choice.cost, plan.cost
    doubling = Doubling(
        choice=choice,
        gain=gain,
        gain_low=low,
        gain_high=high,
        usd=cost.usd - before.usd,
        days=cost.days - before.days,
        kwh=cost.energy_kwh - before.energy_kwh,
    )
    return doubling, []


def _second(spent: Budget, solver: Solver) -> Iterator[str]:
    """Say where the forecaster's own law puts the optimum, where the plan is made on another."""
    model = solver.terms.model
    if model.forecaster is None or model.forecaster is model.law:
        return
    other = solver.optimum(spent, model.forecaster)
    low, high = (count(float(x)) for x in other.interval("N"))
    law = model.forecaster.law.name or "its law"
    yield f"the forecaster ({law}) puts the optimum at {count(float(other.N))} ({low} to {high}) parameters"


def _paired(best: Optimum, more: Optimum, level: float) -> tuple[float, float]:
    """Return the interval of the gain in loss, draw by draw."""
    if best.draws is None or more.draws is None:
        return float("nan"), float("nan")
    gain = np.ravel(best.draws["loss"]) - np.ravel(more.draws["loss"])
    low, high = np.nanquantile(gain, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
