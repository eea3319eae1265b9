"""`plan_runs`: which runs to make next, so that the forecast of a large one becomes tightest.

The exchange is the core's (`rust/core/src/plan/design`). Here: what is known (`_sources`), what runs cost (`_costs`),
what they are to tell (`_target`), and what designs are worth (`_worth`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from .. import _engine
from .._engine import Floats, floats
from .._errors import DataError
from .._forecast._grid import DISCREPANCY, check_probability
from .._given import scalar
from .._law import Law
from .._prior import Prior
from .._quantiles import tails
from .._repr import number
from .._seed import seed_of
from ._checks import check_counts, check_held, limits_of, points_of, require_affordable
from ._costs import Candidates, Cost, Limits, candidates, read_cost
from ._known import Known
from ._mixture import mixture
from ._notes import notes_on, notes_on_limits, notes_on_usual
from ._result import RunPlan
from ._sources import Given, read_known
from ._target import target_of
from ._usual import isoflop, ladder, of_cost
from ._worth import Judge, Usual

__all__ = ["RunPlan", "evaluate_design", "plan_runs"]


def plan_runs(
    model: Any,
    *,
    budget: float,
    target_C: float,
    k: int,
    law: Law | str | None = None,
    cost: Any = None,
    unit: str | None = None,
    N: tuple[float, float] = (1e7, 3e10),
    tokens_per_param: tuple[float, float] = (2.0, 500.0),
    cap: float = 0.25,
    floor: float | None = None,
    slots: int | None = None,
    longest: float | None = None,
    sigma: float | None = None,
    prior: Mapping[str, Prior] | Literal["weak"] | None = "weak",
    discrepancy: float = DISCREPANCY,
    held: Mapping[str, float] | None = None,
    level: float = 0.95,
    starts: int = 8,
    rng: Any = 0,
) -> RunPlan:
    """Choose the runs that make the forecast of a large one tightest.

    Parameters
    ----------
    model : Runs, frame, Fit, Bootstrap, Forecaster, Published or (law, values)
        What is known: runs already made (alone or in a fit), draws, or a law with values and no runs.
    budget : float
        What all new runs may cost together, in `unit`.
    target_C : float
        Training compute of the run to forecast, FLOP (6 N D).
    k : int
        How many runs to make.
    law : Law or str, optional
        The law that the runs are to tell, over N and D. The p-norm law where None, also for a fit of Chinchilla's,
        which is its p = 1: a design that trusts p = 1 is poor where that is wrong.
    cost : str or CostCurve, optional
        What a run costs: a formula over N and D (and `held`), rising in D, or a table over N; ``6*N*D`` where None.
    unit : str, optional
        Unit of the formula's values; ``FLOP`` where None, that of the table for a table.
    N : (float, float)
        Smallest and largest size, parameters.
    tokens_per_param : (float, float)
        Smallest and largest D/N.
    cap : float
        What one run may cost at most, as a share of the budget.
    floor : float, optional
        What one run costs at least, as a share of the budget. Where None 1e-4, and not less than the cheapest run that
        was made: on paper ever smaller runs tell ever more, in trust of the law's form far from the target.
    slots : int, optional
        How many runs can go on at once: the runs are put on slots, the longest first.
    longest : float, optional
        What the busiest slot may cost at most, in `unit` (all runs together where `slots` is None).
    sigma : float, optional
        Standard deviation of ln loss of one run (0.005 is half a percent); that of the residuals where None. Needed
        for values without runs; upon runs made the error structures bring their own variances.
    prior : mapping of str to prior, "weak", or None
        Beliefs about parameters, as in `forecaster`.
    discrepancy : float
        Where runs were made, the prior probability that the law's form is off by a smooth function, as in `forecaster`;
        0 trusts the form.
    held : mapping of str to float, optional
        Values of the law's (or the cost's) other variables.
    level : float
        Nominal coverage of the bands.
    starts : int
        Random designs that the search starts from.
    rng : int, Generator, SeedSequence or None

    Returns
    -------
    RunPlan

    Raises
    ------
    DataError
        If no run is affordable or inside the limits, or the runs would not identify N_opt.
    LawError
        If the law has no N or D, or no best size under the target.

    Notes
    -----
    The criterion is the mean of ln var(ln L*) and ln var(ln N_opt*) at the target. Without runs made, var =
    gᵀ(P + Σ J Jᵀ/σ²)⁻¹g by the gradients of all six parameters of the p-norm law and the prior's P, averaged over p = 1
    and p = 2; from a bootstrap, over 16 of its draws. Upon runs made, var is that of the mean curve by `forecaster`:
    its mixture of error structures, with the new runs added. Neighbouring runs then share a smooth discrepancy from the
    law, so that a repeated run tells less and one near the target more. Its weights and variances stay those of the
    runs made.

    Candidates are 26 costs from the floor to the cap by 46 sizes each. Each run in turn is exchanged for the best
    affordable candidate until nothing improves. The same point several times means several seeds.

    Bands are of the mean curve, with Student's quantiles; one more run scatters around it by `sigma`. `isoFLOP` (up to
    three budgets ten times apart, sizes from a fourth to four times the best) and `ladder` (sizes that double, 20 to
    200 tokens per parameter) cost the whole budget and are free of the cap and the limits on N and D/N.

    References
    ----------
    Fedorov 1972, Theory of optimal experiments. Chaloner and Verdinelli 1995, Bayesian experimental design. Ladders:
    Bhagia et al. 2024, arXiv 2412.04403.

    Examples
    --------
    >>> import isoflop as iso
    >>> known = iso.laws.get("chinchilla").published["epoch2024"]
    >>> plan = iso.plan_runs(known, sigma=0.005, budget=1e22, target_C=1e24, k=12)
    >>> isoflop = next(one for one in plan.designs if one.design == "isoFLOP")
    >>> plan.cost <= 1e22, plan.after.loss_error < 0.7 * isoflop.loss_error
    (True, True)
    """
    limits = limits_of(budget, cap, floor, N, tokens_per_param)
    k, slots, starts = check_counts(k, slots, longest, starts)
    price = read_cost(cost, unit, held or {})
    known = read_known(model, Given(law, sigma, prior, held or {}, check_probability(discrepancy)))
    check_held(held or {}, known.best.law.variables, price.uses)
    if floor is None:
        limits = replace(limits, floor=_lowest(limits, known, price))
    judge = _judge(known, target_C, level)
    among = candidates(price, limits)
    require_affordable(among, limits, k, slots, longest, price.unit)
    room = {"budget": limits.budget, "cap": limits.cap, "runs": k, "slots": slots or 0, "longest": longest or np.inf}
    beliefs = judge.beliefs(among.N, among.D, searched=True)
    found = _engine.exchange_design(beliefs, among.cost, room, starts, seed_of(rng))
    chosen = found["chosen"]
    new = Candidates(among.N[chosen], among.D[chosen], among.cost[chosen])
    judge.require_identified(new.N, new.D)
    usual = _usual(judge, price, limits.budget, k)
    plan = _plan(judge, price, new, "optimised", usual, limits.budget, slots)
    more = (*notes_on_limits(among, limits, price.unit), *notes_on_usual(usual, limits))
    return replace(plan, notes=(*plan.notes, *more))


def evaluate_design(
    model: Any,
    *,
    N: Any,
    D: Any,
    target_C: float,
    law: Law | str | None = None,
    cost: Any = None,
    unit: str | None = None,
    slots: int | None = None,
    sigma: float | None = None,
    prior: Mapping[str, Prior] | Literal["weak"] | None = "weak",
    discrepancy: float = DISCREPANCY,
    held: Mapping[str, float] | None = None,
    level: float = 0.95,
) -> RunPlan:
    """Return what your own design would lead to, beside usual ones of the same cost.

    Parameters
    ----------
    N, D : array
        Sizes and tokens of the runs; a repeated point is another seed.
    model, target_C, law, cost, unit, slots, sigma, prior, discrepancy, held, level
        As in `plan_runs`.

    Returns
    -------
    RunPlan
        With the design ``given`` in place of ``optimised``, and no budget.

    Raises
    ------
    DataError
        If the runs would not identify N_opt: runs that all lie on the compute-optimal frontier do not.
    LawError
        As `plan_runs`.

    Examples
    --------
    >>> import isoflop as iso
    >>> known = iso.laws.get("chinchilla").published["epoch2024"]
    >>> sizes, tokens = [1e8, 1e8, 4e8, 4e8, 2e9, 2e9], [2e9, 2e10, 8e9, 8e10, 4e10, 4e11]
    >>> mine = iso.evaluate_design(known, N=sizes, D=tokens, sigma=0.005, target_C=1e23)
    >>> mine.after.loss_low < mine.after.loss < mine.after.loss_high
    True
    """
    _, slots, _ = check_counts(1, slots, None, 1)
    sizes, tokens = points_of(N, D)
    price = read_cost(cost, unit, held or {})
    known = read_known(model, Given(law, sigma, prior, held or {}, check_probability(discrepancy)))
    check_held(held or {}, known.best.law.variables, price.uses)
    judge = _judge(known, target_C, level)
    prices = price.of(sizes, tokens)
    if not (np.isfinite(prices) & (prices > 0)).all():
        run = int(np.argmin(np.isfinite(prices) & (prices > 0)))
        raise DataError(
            f"the cost of run {run} (N {number(sizes[run], 3)}, D {number(tokens[run], 3)}) is "
            f"{number(float(prices[run]), 3)}, expected a number above 0"
        )
    judge.require_identified(sizes, tokens)
    usual = _usual(judge, price, float(prices.sum()), len(sizes))
    new = Candidates(sizes, tokens, prices)
    return _plan(judge, price, new, "given", usual, float("nan"), slots)


def _judge(known: Known, target_C: float, level: float) -> Judge:
    tails(level)
    expected = "training compute in FLOP such as 1e24"
    if not 1e9 < scalar("target_C", target_C, expected) < np.inf:
        raise DataError(f"target_C is {target_C!r}, expected {expected}")
    targets = tuple(target_of(version, target_C) for version in known.versions)
    centre = target_of(known.best, target_C)
    structures = None if known.component is None else mixture(known.component, known.best, centre)
    return Judge(known, targets, centre, level, structures)


def _lowest(limits: Limits, known: Known, price: Cost) -> float:
    """Return the cost of the cheapest run made where it lies between the floor and the cap."""
    if known.made is None:
        return limits.floor
    costs = price.of(known.made.columns["N"], known.made.columns["D"])
    cheapest = float(np.nanmin(costs)) if np.isfinite(costs).any() else 0.0
    return cheapest if limits.floor < cheapest < limits.cap else limits.floor


def _usual(judge: Judge, price: Cost, budget: float, k: int) -> dict[str, Usual]:
    """Return what isoFLOP curves and a ladder of the same cost would lead to, where they can be made."""
    version = judge.known.best
    out = {}
    for name, make in {"isoFLOP": isoflop(version, k, judge.centre.C), "ladder": ladder(k)}.items():
        made = of_cost(make, price, budget)
        if made is not None:
            prices = price.of(*made)
            out[name] = Usual(Candidates(*made, prices), judge.expected(name, float(prices.sum()), *made))
    return out


def _plan(
    judge: Judge, price: Cost, new: Candidates, name: str, usual: dict[str, Usual], budget: float, slots: int | None
) -> RunPlan:
    order = np.lexsort((new.N, new.cost))[::-1]  # the dearest first: they take longest
    N, D, cost = new.N[order], new.D[order], new.cost[order]
    slot, makespan = _engine.schedule_runs(cost, slots or 1)
    columns = {"N": N, "D": D, "C": 6 * N * D, "cost": cost, "seed": _seeds(N, D)}
    if slots is not None:
        columns["slot"] = slot
    nothing = floats([])
    now = judge.expected("now", 0.0, nothing, nothing)
    after = judge.expected(name, float(cost.sum()), N, D)
    known = judge.known
    return RunPlan(
        columns=columns,
        designs=(now, after, *(one.expected for one in usual.values())),
        target_C=judge.centre.C,
        budget=budget,
        unit=price.unit,
        level=judge.level,
        sigma=known.sigma,
        made={} if known.made is None else {v: known.made.columns[v] for v in ("N", "D")},
        makespan=makespan,
        law=known.best.law.name or known.best.law.formula,
        notes=notes_on(judge, columns, now, after),
        backend=known.backend,
    )


def _seeds(N: Floats, D: Floats) -> Any:
    """Return the seed of each run: repetitions of a point are numbered from 0."""
    seen: dict[tuple[float, float], int] = {}
    out = []
    for point in zip(N.tolist(), D.tolist(), strict=True):
        out.append(seen.get(point, 0))
        seen[point] = out[-1] + 1
    return np.array(out, dtype=np.int64)
