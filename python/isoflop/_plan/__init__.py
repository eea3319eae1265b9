"""`plan`: from runs, or a fitted law, to the model to train, its layout, its loss and its bill.

The optimum is found by `_optimum`, prices come from `_cost`; here they are put together into one decision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .._architecture import Architecture
from .._cluster import Cluster
from .._cluster_curve import check_cluster
from .._errors import DataError, counted
from .._given import scalar
from .._templates import Count
from ._budget import Budget, read_budget
from ._choice import Choice, Terms
from ._model import model_of
from ._result import Doubling, Plan
from ._solve import Solver, make_plan, price_of

__all__ = ["Budget", "Choice", "Doubling", "Plan", "plan"]

#: Levels that the cost model has quantiles for.
LEVELS = (0.5, 0.8, 0.9, 0.95)
#: What `max_days` should have been.
MAX_DAYS = "the longest that the run may take, a number above 0"


def plan(
    model: Any,
    law: Any = None,
    *,
    cluster: Cluster,
    C: float | None = None,
    usd: float | None = None,
    days: float | None = None,
    kwh: float | None = None,
    loss: float | None = None,
    max_days: float | None = None,
    family: str | Architecture = "llama",
    count: Count = "total",
    lifetime_tokens: float = 0.0,
    N: tuple[float, float] | None = None,
    D: tuple[float, float] | None = None,
    tokens_per_param: tuple[float, float] | None = None,
    held: Mapping[str, Any] | None = None,
    seq_len: int | None = None,
    batch: int | None = None,
    precision: str = "bf16",
    level: float = 0.95,
    n_resamples: int = 2000,
    rng: Any = 0,
    n_threads: int | None = None,
    progress: Callable[[str], None] | None = None,
    **variables: str,
) -> Plan:
    """Plan a training run: how large a model, how many tokens, which layout, what loss, what bill.

    Parameters
    ----------
    model : Runs, frame, Fit, Bootstrap, Forecaster, Published, or (law, params)
        Training runs, or a law with values. A fit is bootstrapped.
    law : Law, str, or sequence of them, optional
        For runs: what is fitted and bootstrapped ("chinchilla" where left out). Several are left to `forecaster`.
    cluster : Cluster
        What the run is made on, with its price.
    C, usd, days, kwh, loss : float
        Exactly one: FLOPs (6 N D), dollars, days, kilowatt-hours of the building, or a loss to be reached for the
        least money (the least days where the cluster has no price).
    max_days : float, optional
        The longest that the run may take, under any other budget.
    family : str or Architecture
        Whose shape the model has, as in `template`.
    count : {"total", "non_embedding", "active"}
        What N counts in the runs.
    lifetime_tokens : float
        Tokens that the model will generate once trained; their price is part of the budget (not of days).
    N, D, tokens_per_param : (float, float), optional
        Ranges that the answer must lie in.
    held : mapping, optional
        Values of the law's other variables.
    seq_len, batch, precision
        As in `training_cost`.
    level : {0.5, 0.8, 0.9, 0.95}
        Nominal coverage of all intervals.
    n_resamples : int
        Draws of the law's parameters.
    rng : int or Generator
        Of the draws.
    n_threads : int, optional
        All CPUs that this process may use where left out.
    progress : callable, optional
        Called with a line of text before each stage.
    **variables : str
        Columns and roles, as in `Runs`, where a frame is passed.

    Returns
    -------
    Plan

    Raises
    ------
    DataError
        Not one budget, no layout that fits (memory or divisibility is named), or more than `max_days`.

    Notes
    -----
    From runs two models are made: a fit of the law by its paper's recipe, bootstrapped, which says how to split a
    budget, and the `forecaster`, which says what the run will score and with which bands. Where the forecaster's own
    law would split otherwise, a note says so.

    Money, days and energy are paid at `cost_curve`'s price of a token; the optimum under it is `compute_optimal`'s.
    The valley around it is flat and real layouts are not, so of the family's shapes within 10 % of that size the one
    that makes the most of the budget is taken, at its own price in its fastest layout: the bill is not a smoothed one.
    For a budget in FLOPs it is the nearest shape. Alternatives are the sizes that reach the same loss for 2 % and 10 %
    more of the budget by the smooth price; their own bills are exact again and differ from that by the teeth of real
    shapes. Restarts, evaluation and experiments are not in the bill.

    Examples
    --------
    >>> import isoflop as iso
    >>> epoch = iso.laws.get("chinchilla").published["epoch2024"]
    >>> plan = iso.plan(epoch, cluster=iso.Cluster("H100-SXM", 256, price_usd_per_hour=2.5), usd=250_000)
    >>> plan.architecture.name.startswith("llama"), abs(plan.cost.usd / 250_000 - 1) < 1e-9
    (True, True)
    """
    tell = progress or _say_nothing
    check_cluster(cluster)
    budget = read_budget({"C": C, "usd": usd, "days": days, "kwh": kwh, "loss": loss}, cluster)
    if level not in LEVELS:
        raise DataError(f"level is {level!r}, expected 0.5, 0.8, 0.9 or 0.95")
    if max_days is not None and not scalar("max_days", max_days, MAX_DAYS) > 0:
        raise DataError(f"max_days is {max_days!r}, expected {MAX_DAYS}")
    scalar("n_resamples", n_resamples, "a whole number")
    job = {"seq_len": seq_len, "batch": batch, "precision": precision, "n_threads": n_threads}
    source = model_of(
        model, law, dict(held or {}), n_resamples=n_resamples, rng=rng, n_threads=n_threads, tell=tell, **variables
    )
    given = {"N": N, "D": D, "tokens_per_param": tokens_per_param}
    ranges = {name: ends for name, ends in given.items() if ends is not None}
    terms = Terms(source, cluster, family, count, lifetime_tokens, job, level, ranges)
    options = {**ranges, "held": held, "level": level, "n_draws": n_resamples, "rng": rng, "n_threads": n_threads}
    tell(f"looking for the fastest layouts on {counted(cluster.count, 'device')}")
    solver = Solver(terms, price_of(budget, terms, N), options)
    tell("planning")
    return make_plan(budget, solver, max_days)


def _say_nothing(text: str) -> None:
    """Stand in for `progress`."""
