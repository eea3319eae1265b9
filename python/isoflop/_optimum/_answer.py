"""From searches to an `Optimum`: the estimate, its intervals, what binds, and what to say about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .._draws import Bootstrap
from .._engine import Floats, floats
from .._errors import DataError
from .._fitted import Fit
from .._forecast import Forecaster
from .._quantiles import tails
from .._repr import percent
from ._ask import Ask
from ._budget import Budget
from ._distance import distance
from ._limits import at_ends, binding, check
from ._moves import inside, is_smooth, moved, moves, size_is_free
from ._near import near
from ._result import Optimum, quantile_ends
from ._sample import Sample
from ._search import UNSETTLED, Optima, at_size, average, central, drawn
from ._wall import data_wall


def answer(
    ask: Ask,
    budget: Budget,
    models: Sequence[Sample],
    model: Any,
    shares: Sequence[float],
    level: float,
    notes: Sequence[str],
    n_threads: int,
) -> Optimum:
    """Search, and put the results together."""
    for share in shares:
        if not 0 < share < np.inf:
            raise DataError(f"near is {share:g}, expected shares above 0 such as 0.02")
    at = central(ask, models, budget.targets, budget.by_loss, n_threads)
    check(ask, budget, models, at, n_threads)
    lanes = drawn(ask, models, budget.targets, at, budget.by_loss, n_threads)
    steps = moves(ask, models, at)
    centre = at if steps is None else moved(ask, at, steps.centre)
    found = _estimate(ask, models, centre, n_threads)
    drift = average(centre.primary - at.primary, np.concatenate([s.weights for s in models]), at.ok)
    if lanes is not None and steps is not None:
        lanes = moved(ask, lanes, steps.draws)
    columns = None if lanes is None else _columns(ask, lanes)
    ends = _ends(found, columns, level)
    if isinstance(model, Forecaster):
        found, ends = _by_forecaster(ask, budget, model, found, ends, level)
    wall, walled = data_wall(ask, models, n_threads)
    size, tokens = (floats(found[name]) for name in ("N", "D"))
    limits = [*binding(ask, at, size, tokens), *at_ends(ask, found), *distance(ask, model, size, tokens)]
    remarks = [*notes, *_unmoved(ask, models, lanes), *_lost(lanes), *limits, *walled]
    give = budget.give_back
    draws = None if columns is None else {name: columns[name] for name in ("N", "D", "loss", "cost", *ask.further)}
    return Optimum(
        **{name: give(found[name]) for name in ("N", "D", "tokens_per_param", "loss", "C", "cost")},
        budget=give(budget.amounts),
        unit=budget.unit,
        cost_unit=budget.cost_unit,
        level=level,
        ends={name: (give(low), give(high)) for name, (low, high) in ends.items()},
        near={s: tuple(give(x) for x in _near(ask, models, at, s, n_threads, drift)) for s in shares},
        over={name: give(found[name]) for name in _free(ask)},
        wall=wall,
        draws=draws,
        notes=tuple(note for note in remarks if note),
        law=ask.law.name or ask.law.formula,
        backend=backend_of_model(model),
    )


def _free(ask: Ask) -> list[str]:
    """Return further free variables by name, the primary one among them where it is not the size."""
    return [*([ask.primary] if ask.primary != ask.size else []), *ask.further]


def _near(
    ask: Ask, models: Sequence[Sample], at: Optima, share: float, n_threads: int, drift: Floats
) -> tuple[Floats, Floats]:
    """Return the ends of the near-optimal range: that of the law's own valley, where what it misses puts the valley."""
    low, high = (np.exp(inside(ask, x + drift) if drift.any() else x) for x in near(ask, models, at, share, n_threads))
    if ask.primary == ask.size:
        return low, high
    over = {name: np.full(len(low), np.nan) for name in ask.further}
    sizes = [ask.values(x, np.ones(len(x)), over)[ask.size] for x in (low, high)]
    return floats(np.minimum(*sizes)), floats(np.maximum(*sizes))


def _columns(ask: Ask, lanes: Optima) -> dict[str, Floats]:
    """Return what there is to say of every lane, NaN (for the cost infinity) where it has no optimum."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        over = ask.native_over(lanes.over)
        known = ask.values(np.exp(lanes.primary), np.exp(lanes.tokens), over)
        size, tokens = floats(known[ask.size]), floats(known[ask.tokens])
        columns = {"N": size, "D": tokens, "tokens_per_param": tokens / size, "loss": lanes.loss}
        columns["cost"] = np.exp(lanes.budget)
        columns["C"] = _flops(ask, known, lanes)
        columns |= {name: floats(known[name]) for name in _free(ask)}
    if lanes.ok.all():
        return columns
    never = np.where(lanes.end == UNSETTLED, np.nan, np.inf)
    lost = {"cost": never, "C": never}
    return {name: np.where(lanes.ok, x, lost.get(name, np.nan)) for name, x in columns.items()}


def _flops(ask: Ask, known: dict[str, Any], lanes: Optima) -> Floats:
    """Return training FLOP; without serving and a table they are what is paid."""
    if isinstance(ask.cost, str) and not isinstance(ask.served, np.ndarray) and not ask.served and ask.unit == "FLOP":
        return floats(np.exp(lanes.budget))
    usable = {name: np.where(lanes.ok, x, np.nan) for name, x in known.items()}
    if not isinstance(ask.cost, str):
        usable[ask.size] = np.where(lanes.ok, known[ask.size], np.exp(ask.boxes[0][0]))
    return ask.training_flops(usable)


def _estimate(ask: Ask, models: Sequence[Sample], at: Optima, n_threads: int) -> dict[str, Floats]:
    """Return the estimate per target: that of the one central vector, or the average over several."""
    if at.primary.shape[1] == 1:
        return {name: x[:, 0] for name, x in _columns(ask, at).items()}
    weights = np.concatenate([s.weights for s in models])
    primary, amount = average(at.primary, weights, at.ok), average(at.budget, weights, at.ok)
    mixed = []
    for z, b in zip(inside(ask, primary), amount, strict=True):
        lane = at_size(ask, models, z, b, n_threads)
        means = {k: average(getattr(lane, k), weights, lane.ok)[:, None] for k in ("tokens", "loss")}
        over = [average(x, weights, lane.ok)[:, None] for x in lane.over]
        point = np.array([[z]]), np.array([[b]])
        mixed.append(replace(lane, primary=point[0], budget=point[1], end=np.zeros((1, 1), int), over=over, **means))
    parts = [_columns(ask, lane) for lane in mixed]
    return {name: np.concatenate([p[name][:, 0] for p in parts]) for name in parts[0]}


def _ends(found: dict[str, Floats], columns: Any, level: float) -> dict[str, tuple[Floats, Floats]]:
    if columns is not None:
        return quantile_ends(columns, tails(level))
    unknown = np.full(len(found["N"]), np.nan)
    return dict.fromkeys(found, (unknown, unknown))


def _by_forecaster(
    ask: Ask, budget: Budget, model: Forecaster, found: dict[str, Floats], ends: Any, level: float
) -> tuple[dict[str, Floats], Any]:
    """Take the loss and its band at the estimate from the forecaster itself."""
    import narwhals.stable.v2 as nw

    over = {name: found[name] for name in ask.further}
    known = ask.values(found[ask.primary] if ask.primary in found else found["N"], found["D"], over)
    points = {name: known[name] for name in ask.law.variables}
    band = nw.from_native(model.band(kind="mean", level=level, **points, **ask.level), eager_only=True)
    low, estimate, high = (band[name].to_numpy() for name in ("low", "estimate", "high"))
    loss = found["loss"] if budget.by_loss else floats(estimate)
    return {**found, "loss": loss}, {**ends, "loss": (floats(low), floats(high))}


def _unmoved(ask: Ask, models: Sequence[Sample], lanes: Optima | None) -> list[str]:
    if lanes is None or size_is_free(ask) or not is_smooth(models):
        return []
    return ["intervals of sizes know of no discrepancy from the law here, since more than the size varies: too narrow"]


def _lost(lanes: Optima | None) -> list[str]:
    if lanes is None or lanes.ok.all():
        return []
    share = float(1 - lanes.ok.mean(axis=1).min())
    return [f"up to {percent(share)} of the draws have no optimum there: their cost counts as infinite"]


def backend_of_model(model: Any) -> str:
    """Return the kind of frame that the runs of a model came in; polars where there are none."""
    fit = model if isinstance(model, Fit) else model.fit if isinstance(model, Bootstrap | Forecaster) else None
    return "polars" if fit is None else fit.backend
