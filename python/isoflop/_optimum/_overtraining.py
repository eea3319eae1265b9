"""`overtraining`: what a size other than the best one costs, and from how many served tokens on it pays.

The best sizes themselves are `compute_optimal`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from .. import _engine
from .._cost_curve import CostCurve
from .._engine import Floats, floats
from .._errors import DataError, compose
from .._given import numbers
from .._quantiles import tails
from .._repr import number
from ._answer import backend_of_model
from ._ask import Ask, ask
from ._budget import read_budget
from ._formulas import check_cost, value_of
from ._limits import check
from ._overtraining_result import QUANTITIES, Overtraining
from ._result import quantile_ends
from ._sample import Sample, read_model, samples
from ._search import Optima, average, central, drawn, joined, optima_of


def overtraining(
    model: Any,
    *,
    N: Any,
    C: float | None = None,
    usd: float | None = None,
    days: float | None = None,
    kwh: float | None = None,
    loss: float | None = None,
    cost: Any = None,
    inference: Any = None,
    held: Mapping[str, Any] | None = None,
    unique_tokens: float | None = None,
    letters: Sequence[str] | None = None,
    level: float = 0.95,
    n_draws: int | None = None,
    rng: Any = 0,
    n_threads: int | None = None,
) -> Overtraining:
    """Say what a model of a given size costs against the best one of the same loss, and when serving makes it pay.

    Parameters
    ----------
    model, cost, held, unique_tokens, letters, level, n_draws, rng, n_threads
        As in `compute_optimal`.
    N : float or sequence of float
        The size, or several.
    C, usd, days, kwh, loss : float
        Exactly one of them: what training may cost, or the loss to reach.
    inference : str or CostCurve, optional
        Price of a served token over N, in the unit of the cost; 2·N FLOP where None and the cost is in FLOP.

    Returns
    -------
    Overtraining

    Raises
    ------
    DataError
        If a size cannot reach the loss with any number of tokens, or not exactly one target is given.

    Examples
    --------
    Training an 8-billion model with 1e24 FLOP takes 6.9 times the compute of the best model of its loss:

    >>> import isoflop as iso
    >>> law = iso.laws.get("chinchilla").published["epoch2024"]
    >>> small = iso.overtraining(law, N=8e9, C=1e24)
    >>> round(small.tokens_per_param), round(small.loss, 4), round(small.extra_compute, 2)
    (2604, 2.0185, 6.94)
    >>> f"pays from {small.break_even_tokens:.2g} served tokens"
    'pays from 1.6e+13 served tokens'
    """
    tails(level)
    law, source = read_model(model)
    budget = read_budget({"C": C, "usd": usd, "days": days, "kwh": kwh, "loss": loss}, cost)
    if not budget.is_scalar:
        raise DataError("one budget or loss at a time, expected a number")
    plain: dict[str, Any] = dict.fromkeys(("over", "D", "tokens_per_param", "lifetime_tokens", "inference"))
    made = ask(
        law,
        cost=cost,
        letters=letters,
        held=held,
        sizes=None,
        N=None,
        unique_tokens=unique_tokens,
        unit=budget.cost_unit,
        **plain,
    )
    if made.limits.sizes is not None:
        raise DataError(compose(f"held names {made.size!r}, the size that is asked about", f"pass N={N!r} alone"))
    models, notes = samples(source, made.level, n_draws, rng)
    expected = "positive numbers of parameters"
    sizes = numbers("N", N, expected)
    if not (np.isfinite(sizes) & (sizes > 0)).all() or np.ndim(N) > 1 or not len(sizes):
        raise DataError(f"N is {N!r}, expected {expected}")
    work = _Work(made, models, sizes, budget.cost_unit, inference, _engine.thread_count(n_threads))
    found, lanes = work.run(budget)
    ends = _ends(found, lanes, level)
    give = (lambda x: float(x[0])) if np.ndim(N) == 0 else (lambda x: x)
    return Overtraining(
        **{f.name: give(found[f.name]) for f in fields(Overtraining)[:10]},
        cost_unit=budget.cost_unit,
        level=level,
        ends={name: (give(low), give(high)) for name, (low, high) in ends.items()},
        notes=tuple(note for note in (*notes, *work.remarks(found)) if note),
        law=law.name or law.formula,
        backend=backend_of_model(source),
    )


def _ends(found: dict[str, Floats], lanes: dict[str, Floats] | None, level: float) -> dict[str, tuple[Floats, Floats]]:
    if lanes is not None:
        return quantile_ends({name: lanes[name] for name in QUANTITIES}, tails(level))
    unknown = np.full(len(found["N"]), np.nan)
    return dict.fromkeys(QUANTITIES, (unknown, unknown))


@dataclass(frozen=True)
class _Work:
    """One call: sizes against the best model of the same loss."""

    ask: Ask
    models: Sequence[Sample]
    sizes: Floats
    unit: str
    inference: Any
    n_threads: int

    def run(self, budget: Any) -> tuple[dict[str, Floats], dict[str, Floats] | None]:
        """Return the estimate per size, and the same for every draw."""
        weights = np.concatenate([s.weights for s in self.models])
        has_draws = any(s.draws is not None for s in self.models)
        if budget.by_loss:
            losses, reached = np.repeat(budget.amounts, len(self.sizes)), None
        else:
            at = self._bought(float(budget.targets[0]), [(s, s.centre) for s in self.models])
            self._require(at, float(budget.amounts[0]))
            losses = average(at.loss, weights, at.ok)
            pairs = [(s, s.draws) for s in self.models if s.draws is not None]
            reached = self._bought(float(budget.targets[0]), pairs).loss if pairs else None
        best = central(self.ask, self.models, losses, True, self.n_threads)
        check(self.ask, replace(budget, amounts=losses, unit="loss"), self.models, best, self.n_threads)
        own = self._tokens(losses, [(s, s.centre) for s in self.models])
        found = {k: _mean(x, weights) for k, x in self._columns(losses, own, best).items()}
        if not np.isfinite(found["D"]).all():
            size = float(self.sizes[~np.isfinite(found["D"])][0])
            raise DataError(
                compose(
                    f"a model of {number(size, 4)} parameters reaches no loss of {number(float(losses[0]), 6)}, "
                    "however long it is trained",
                    "take a larger model or a higher loss",
                )
            )
        if not has_draws:
            return found, None
        lanes = drawn(self.ask, self.models, losses, best, True, self.n_threads)
        assert lanes is not None
        own = self._tokens(losses, [(s, s.draws) for s in self.models if s.draws is not None])
        columns = self._columns(losses, own, lanes)
        return found, columns if reached is None else {**columns, "loss": reached}

    def _bought(self, log_budget: float, pairs: Any) -> Optima:
        """Return what the budget buys at every size: tokens and loss, by size and lane."""
        rows = []
        for z in np.log(self.sizes):
            parts = []
            for sample, lanes in pairs:
                question = {**self.ask.question(sample.spec), "boxes": [(z, z)]}
                found = _engine.optimum(question, lanes, [log_budget], [z], None, self.n_threads)
                parts.append(optima_of(found))
            rows.append(joined(parts))
        names = ("primary", "tokens", "loss", "budget", "end")
        return Optima(**{n: np.concatenate([getattr(r, n) for r in rows]) for n in names}, over=[])

    def _require(self, at: Optima, amount: float) -> None:
        bad = ~at.ok[:, 0] | (at.tokens[:, 0] < 0)
        if bad.any():
            size = number(float(self.sizes[bad][0]), 4)
            raise DataError(
                f"a budget of {number(amount, 4)} {self.unit} does not pay for a model of {size} parameters"
            )

    def _tokens(self, losses: Floats, pairs: Any) -> Floats:
        log_sizes = np.log(self.sizes)
        parts = [
            _engine.optimum_tokens(self.ask.question(s.spec), lanes, log_sizes, losses, self.n_threads)
            for s, lanes in pairs
        ]
        return floats(np.exp(np.concatenate(parts, axis=1)))

    def _columns(self, losses: Floats, tokens: Floats, best: Optima) -> dict[str, Floats]:
        size = np.broadcast_to(self.sizes[:, None], tokens.shape)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            cost = self.ask.training_cost(self.ask.values(size, np.where(np.isfinite(tokens), tokens, np.nan), {}))
            cost = np.where(np.isfinite(tokens), cost, np.inf)
            N_opt, D_opt = np.exp(best.primary), np.exp(best.tokens)
            cost_opt = np.exp(best.budget)
            gain = self._served(N_opt) - self._served(size)
            pays = np.where(gain > 0, np.maximum(cost - cost_opt, 0.0) / gain, np.nan)
        return {
            "N": floats(size.copy()),
            "D": tokens,
            "tokens_per_param": tokens / size,
            "loss": np.broadcast_to(losses[:, None], tokens.shape).copy(),
            "cost": cost,
            "N_opt": N_opt,
            "D_opt": D_opt,
            "cost_opt": cost_opt,
            "extra_compute": cost / cost_opt,
            "break_even_tokens": np.where(best.ok, pays, np.nan),
        }

    def _served(self, size: Any) -> Any:
        """Return the price of a served token."""
        if isinstance(self.inference, CostCurve):
            return self.inference(size, 1.0)
        if self.inference is None:
            known = self.unit == "FLOP"
            return 2.0 * size if known else np.full(np.shape(size), np.nan)
        check_cost(self.inference, {self.ask.size})
        return value_of(self.inference, {self.ask.size: size}, "inference")

    def remarks(self, found: dict[str, Floats]) -> list[str]:
        """Return what to say of the sizes."""
        notes = []
        if self.inference is None and self.unit != "FLOP":
            notes.append("the price of a served token is not known (inference=), so there is no break-even")
        larger = found["N"] > found["N_opt"] * (1 + 1e-9)
        if larger.any():
            sizes = ", ".join(number(float(x), 4) for x in found["N"][larger])
            end = "is larger than the best size: it never pays"
            if larger.sum() > 1:
                end = "are larger than the best size: they never pay"
            notes.append(f"{sizes} {end}")
        return notes


def _mean(values: Floats, weights: Floats) -> Floats:
    """Return the weighted geometric mean over central parameters; of one, itself."""
    if values.shape[1] == 1:
        return floats(values[:, 0])
    with np.errstate(divide="ignore"):
        return floats(np.exp(np.log(values) @ (weights / weights.sum())))
