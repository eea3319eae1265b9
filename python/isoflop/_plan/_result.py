"""`Plan`: the answer to "what should we train, and what does it cost", and how it is printed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .._architecture import Architecture
from .._cost import TrainingCost, short
from .._layout import Layout
from .._optimum import Optimum
from .._points import make_frame
from .._repr import bullets, count, facts, html_table, number, percent, table
from .._store import finite
from ._budget import Budget
from ._choice import Choice
from ._text import band, best_ends, described, money, one_run, shape, span

GIB = 2.0**30


@dataclass(frozen=True)
class Doubling:
    """What twice the budget buys.

    Attributes
    ----------
    choice : Choice
        The plan at twice the budget.
    gain, gain_low, gain_high : float
        How much lower the loss is on the law's curve, with its interval; positive is better.
    usd, days, kwh : float
        What it costs on top.
    """

    choice: Choice
    gain: float
    gain_low: float
    gain_high: float
    usd: float
    days: float
    kwh: float


@dataclass(frozen=True, eq=False, repr=False)
class Plan:
    """A training run, planned: size, tokens, shape, layout, loss and bill.

    Attributes
    ----------
    budget : Budget
        What was to be spent, or the loss to be reached.
    optimum : Optimum
        The compute-optimal point under the budget, from the law, with intervals and near-optimal ranges.
    choice : Choice
        The plan itself: an architecture of the family near the optimum, and the tokens that the budget then pays for.
    alternatives : tuple of Choice
        Smaller and larger models with the same loss, at the ends of the near-optimal ranges.
    doubling : Doubling or None
        What twice the budget buys; None where no layout fits that.
    target : Optimum or None
        Where a loss was to be reached: the smallest budget that does, with its intervals.
    level : float
        Nominal coverage of all intervals.
    notes : tuple of str
        What the reader should know, in plain words.

    Examples
    --------
    >>> import isoflop as iso
    >>> epoch = iso.laws.get("chinchilla").published["epoch2024"]
    >>> plan = iso.plan(epoch, cluster=iso.Cluster("H100-SXM", 256, price_usd_per_hour=2.5), days=30)
    >>> abs(plan.cost.days / 30 - 1) < 1e-9, plan.architecture.name.startswith("llama")
    (True, True)
    """

    budget: Budget
    optimum: Optimum
    choice: Choice
    alternatives: tuple[Choice, ...]
    doubling: Doubling | None
    target: Optimum | None
    level: float
    notes: tuple[str, ...]
    backend: str = field(default="polars")

    @property
    def architecture(self) -> Architecture:
        """What to train."""
        return self.choice.architecture

    @property
    def N(self) -> float:
        """Its parameters, as the law counts them."""
        return self.choice.N

    @property
    def D(self) -> float:
        """Training tokens."""
        return self.choice.D

    @property
    def tokens_per_param(self) -> float:
        """Training tokens per parameter."""
        return self.choice.tokens_per_param

    @property
    def loss(self) -> float:
        """Its loss on the law's curve; `choice` has the forecast and its bands."""
        return self.choice.loss

    @property
    def cost(self) -> TrainingCost:
        """Days, dollars, energy and memory, each with its interval."""
        return self.choice.cost

    @property
    def layout(self) -> Layout:
        """How the job is cut over the devices."""
        return self.choice.cost.layout

    def _choices(self) -> tuple[Choice, ...]:
        """All choices from small to large models, the plan among them; twice the budget last."""
        same = sorted((*self.alternatives, self.choice), key=lambda one: one.N)
        return (*same, *(() if self.doubling is None else (self.doubling.choice,)))

    def to_frame(self) -> Any:
        """Return one row per choice: the plan, its alternatives of equal loss, and twice the budget."""
        rows = [one.row() for one in self._choices()]
        return make_frame({name: [row[name] for row in rows] for name in rows[0]}, self.backend)

    def to_dict(self) -> dict[str, Any]:
        """Return the plan in JSON's types, numbers that JSON lacks as None."""
        double = self.doubling
        content: dict[str, Any] = {
            "budget": {"unit": self.budget.unit, "amount": self.budget.amount},
            "level": self.level,
            "optimum": self.optimum.to_dict(),
            "plan": {**self.choice.row(), "architecture": shape(self.architecture), "cost": self.cost.to_dict()},
            "alternatives": [one.row() for one in self.alternatives],
            "doubling": None
            if double is None
            else {
                **double.choice.row(),
                "gain": {"estimate": double.gain, "low": double.gain_low, "high": double.gain_high},
                "extra": {"usd": double.usd, "days": double.days, "kwh": double.kwh},
            },
            "target": None if self.target is None else self.target.to_dict(),
            "notes": list(self.notes),
        }
        saved: dict[str, Any] = finite(content)
        return saved

    def summary(self) -> str:
        """Return the plan as text: what to train, what it scores and costs, and what else the money would buy."""
        parts = [facts(self._facts()), table(*self._cells()), self._doubled()]
        parts.append(bullets(self.notes))
        return "\n\n".join(part for part in parts if part)

    def _facts(self) -> list[tuple[str, str]]:
        one, best, cost = self.choice, self.optimum, self.cost
        job = cost.job
        return [
            ("budget", f"{self.budget.text}, {job.cluster.count:,} × {job.cluster.device.name}"),
            ("cheapest way there", self._cheapest()),
            ("model", described(one.architecture)),
            ("parameters", f"{count(one.N)}{best_ends(best, 'N')}"),
            ("tokens", f"{count(one.D)}{best_ends(best, 'D')}"),
            ("tokens per parameter", f"{number(one.tokens_per_param, 3)}{best_ends(best, 'tokens_per_param')}"),
            ("training FLOP", f"{one.C:.3g} (6 N D)"),
            *self._losses(),
            *self._bill(),
            ("MFU", f"{100 * cost.mfu:.1f} %, steps of {job.batch:,} × {job.seq_len:,} tokens, {job.precision}"),
            ("layout", short(cost.layout)),
            ("memory", f"{cost.memory_bytes / GIB:.1f} of {cost.memory.limit / GIB:.1f} GiB a device"),
            ("intervals", f"{percent(self.level)}; those of the bill from published steps, not used to fit it"),
        ]

    def _cheapest(self) -> str:
        """Return the smallest budget for a target loss; empty where the budget was given."""
        if self.target is None:
            return ""
        low, high = self.target.interval("cost")
        span = f"  ({money(low)} to {money(high)})" if np.isfinite(low) and np.isfinite(high) else ""
        return f"{money(float(self.target.cost))}{span} {self.target.cost_unit}, by the smooth price"

    def _losses(self) -> list[tuple[str, str]]:
        one = self.choice
        bands = f"{band(one.mean_low, one.mean_high)}{one_run(one)}"
        if one.forecast == one.loss:
            return [("loss", f"{one.loss:.4f}{bands}")]
        low, high = (float(x) for x in self.optimum.interval("loss"))
        return [("loss", f"{one.loss:.4f}{band(low, high)} by the law"), ("forecast", f"{one.forecast:.4f}{bands}")]

    def _bill(self) -> list[tuple[str, str]]:
        cost = self.cost
        usd, kwh = cost.interval("usd"), cost.interval("energy_kwh")
        price = f" at {cost.job.cluster.price_usd_per_hour:g} a device-hour"
        return [
            ("days", f"{number(cost.days, 3)}{span(cost.interval('days'))}"),
            ("USD", f"{money(cost.usd)}  ({money(usd[0])} to {money(usd[1])}){price}" if cost.usd else ""),
            ("kWh", f"{money(cost.energy_kwh)}  ({money(kwh[0])} to {money(kwh[1])})" if np.isfinite(kwh[0]) else ""),
        ]

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        headers = ["choice", "parameters", "tokens", "per parameter", "loss", "days", "USD"]
        rows = [
            [
                one.label,
                count(one.N),
                count(one.D),
                number(one.tokens_per_param, 3),
                f"{one.loss:.4f}",
                number(one.cost.days, 3),
                money(one.cost.usd) if one.cost.usd else "–",
            ]
            for one in self._choices()
        ]
        return headers, rows

    def _doubled(self) -> str:
        if self.doubling is None:
            return ""
        double = self.doubling
        price = f"{money(double.usd)} USD and " if double.usd else ""
        gain = f"{double.gain:.4f}{band(double.gain_low, double.gain_high)}"
        return f"twice the budget buys {gain} of loss, for {price}{number(double.days, 3)} days more"

    def __repr__(self) -> str:
        """Show the model, its tokens, loss and bill on one line."""
        usd = f", {money(self.cost.usd)} USD" if self.cost.usd else ""
        bill = f"{number(self.cost.days, 3)} days{usd}"
        return f"<Plan: {self.architecture.name} on {count(self.D)} tokens, loss {self.loss:.4f}, {bill}>"

    def _repr_html_(self) -> str:
        return html_table(*self._cells(), caption=repr(self)[1:-1])
