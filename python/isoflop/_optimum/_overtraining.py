"""`overtraining`: what a size other than the best one costs, and from how many served tokens on it pays.

The best sizes themselves are `compute_optimal`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from .. import _engine, _store
from .._cost_curve import CostCurve
from .._engine import Floats, floats
from .._errors import DataError, compose
from .._points import make_frame
from .._quantiles import tails
from .._repr import html_table, number, percent, table
from ._answer import _backend
from ._ask import Ask, _check_cost, _evaluate, ask
from ._budget import read_budget
from ._limits import check
from ._result import quantile_ends
from ._sample import Sample, read_model, samples
from ._search import Optima, average, central, drawn, joined, optima_of

#: What has an interval.
QUANTITIES = ("loss", "D", "cost", "extra_compute", "break_even_tokens")


@dataclass(frozen=True, eq=False, repr=False)
class Overtraining:
    """What it takes to train a given size to a loss, against the best size for that loss.

    Numbers are floats for one size and arrays for several.

    Attributes
    ----------
    N, D, tokens_per_param : float or ndarray
        The size, the tokens that it needs, and their ratio.
    loss : float or ndarray
        What it reaches.
    cost : float or ndarray
        Of training it, in `cost_unit`.
    N_opt, D_opt, cost_opt : float or ndarray
        The cheapest model of the same loss.
    extra_compute : float or ndarray
        cost / cost_opt: 1 at the best size.
    break_even_tokens : float or ndarray
        Served tokens from which the smaller model is cheaper in all, training and inference together; NaN for models
        larger than the best one, 0 at it.
    ends : dict of str to (low, high)
        Intervals at `level` of loss, D, cost, extra_compute and break_even_tokens; those of all but the loss are at the
        estimate of the loss.

    Examples
    --------
    >>> import isoflop as iso
    >>> small = iso.overtraining(iso.laws.get("chinchilla").published["epoch2024"], N=8e9, loss=2.1)
    >>> round(small.extra_compute, 2), f"{small.break_even_tokens:.2g}"
    (1.12, '2.4e+11')
    """

    N: Any
    D: Any
    tokens_per_param: Any
    loss: Any
    cost: Any
    N_opt: Any
    D_opt: Any
    cost_opt: Any
    extra_compute: Any
    break_even_tokens: Any
    cost_unit: str
    level: float
    ends: dict[str, tuple[Any, Any]]
    notes: tuple[str, ...] = ()
    law: str = ""
    backend: str = "polars"

    def interval(self, name: str) -> tuple[Any, Any]:
        """Return (low, high) of a quantity at `level`."""
        if name not in self.ends:
            raise DataError(compose(f"there is no interval of {name!r}", f"there are those of {', '.join(QUANTITIES)}"))
        return self.ends[name]

    def _columns(self) -> dict[str, Floats]:
        names = [f.name for f in fields(self)[:10]]
        columns = {name: getattr(self, name) for name in names}
        for name, (low, high) in self.ends.items():
            columns |= {f"{name}_low": low, f"{name}_high": high}
        return {name: np.atleast_1d(np.asarray(x, dtype=np.float64)) for name, x in columns.items()}

    def to_frame(self) -> Any:
        """Return one row per size."""
        return make_frame(self._columns(), self.backend)

    def to_dict(self) -> dict[str, Any]:
        """Return everything in JSON's types."""
        names = [f.name for f in fields(self) if f.name not in ("backend", "ends")]
        content = {name: getattr(self, name) for name in names}
        saved: dict[str, Any] = _store.plain({**content, "ends": {k: list(v) for k, v in self.ends.items()}})
        return saved

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        columns = self._columns()
        headers = ["N", "D/N", "loss", self.cost_unit, "extra compute", percent(self.level), "pays from", "best N"]
        rows = []
        for i in range(min(len(columns["N"]), 20)):
            ends = (columns[f"extra_compute_{side}"][i] for side in ("low", "high"))
            shown = [number(x, 3) for x in ends if np.isfinite(x)]
            rows.append(
                [
                    number(columns["N"][i], 4),
                    number(columns["tokens_per_param"][i], 4),
                    number(columns["loss"][i], 5),
                    number(columns["cost"][i], 4),
                    f"{number(columns['extra_compute'][i], 4)} x",
                    " to ".join(shown) or "–",
                    number(columns["break_even_tokens"][i], 3),
                    number(columns["N_opt"][i], 4),
                ]
            )
        return headers, rows

    def summary(self) -> str:
        """Return a row per size as text, and the notes."""
        head = f"{self.law}: other sizes than the best one; they pay from so many served tokens"
        notes = "\n".join(f"- {note}" for note in self.notes)
        return "\n\n".join(x for x in (head, table(*self._cells()), notes) if x)

    def __repr__(self) -> str:
        """Show a row per size, at most twenty."""
        return table(*self._cells())

    def _repr_html_(self) -> str:
        return html_table(*self._cells(), "; ".join(self.notes))


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
    models, notes = samples(source, made.level, n_draws, rng)
    sizes = np.atleast_1d(np.asarray(N, dtype=np.float64))
    if not (np.isfinite(sizes) & (sizes > 0)).all() or sizes.ndim > 1:
        raise DataError(f"N is {N!r}, expected positive numbers of parameters")
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
        backend=_backend(source),
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
        _check_cost(self.inference, {self.ask.size})
        return _evaluate(self.inference, {self.ask.size: size}, "inference")

    def remarks(self, found: dict[str, Floats]) -> list[str]:
        """Return what to say of the sizes."""
        notes = []
        if self.inference is None and self.unit != "FLOP":
            notes.append("the price of a served token is not known (inference=), so there is no break-even")
        larger = found["N"] > found["N_opt"] * (1 + 1e-9)
        if larger.any():
            notes.append(f"{number(float(found['N'][larger][0]), 4)} is larger than the best size: it never pays")
        return notes


def _mean(values: Floats, weights: Floats) -> Floats:
    """Return the weighted geometric mean over central parameters; of one, itself."""
    if values.shape[1] == 1:
        return floats(values[:, 0])
    with np.errstate(divide="ignore"):
        return floats(np.exp(np.log(values) @ (weights / weights.sum())))
