"""`compute_optimal`: the best model and data under a budget, for any law and any cost.

The question is settled in `_ask`, parameters come from `_sample`, the core searches (`rust/core/src/plan/optimum`),
`_answer` puts results together. `_overtraining` asks the other way round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import _engine
from .._given import numbers
from .._quantiles import tails
from ._answer import answer
from ._ask import ask
from ._budget import read_budget
from ._overtraining import overtraining
from ._overtraining_result import Overtraining
from ._priced import priced
from ._result import Optimum
from ._sample import read_model, samples

__all__ = ["Optimum", "Overtraining", "compute_optimal", "overtraining"]


def compute_optimal(
    model: Any,
    *,
    C: Any = None,
    usd: Any = None,
    days: Any = None,
    kwh: Any = None,
    loss: Any = None,
    cost: Any = None,
    cluster: Any = None,
    family: Any = None,
    over: Mapping[str, tuple[float, float]] | None = None,
    held: Mapping[str, Any] | None = None,
    sizes: Any = None,
    tokens_per_param: tuple[float, float] | None = None,
    N: tuple[float, float] | None = None,
    D: tuple[float, float] | None = None,
    lifetime_tokens: float | None = None,
    inference: Any = None,
    unique_tokens: float | None = None,
    letters: Sequence[str] | None = None,
    near: Sequence[float] = (0.02, 0.10),
    level: float = 0.95,
    n_draws: int | None = None,
    rng: Any = 0,
    n_threads: int | None = None,
) -> Optimum:
    """Find the model size and training tokens that reach the lowest loss for a budget.

    Parameters
    ----------
    model : Fit, Bootstrap, Forecaster, Published, or (law, params)
        Parameters, and how sure they are: a bootstrap's draws, refits of a fit to resamples made on the spot, draws
        around every covariance that a forecaster averages. Published values and plain parameters have no intervals.
    C, usd, days, kwh, loss : float or sequence of float
        Exactly one of them: the budget in training FLOP, dollars, days or kWh, or a loss whose smallest budget is the
        answer.
    cost : str or CostCurve, optional
        What a run costs: a formula over the law's variables in which tokens enter as ``a + b*D`` or ``b*D**q``, or a
        table over sizes. ``6*N*D`` where None.
    cluster : Cluster, optional
        Machines that set the cost in place of `cost`: dollars, days, kWh or exact FLOP of models of a family in their
        fastest layouts, as `cost_curve` finds them; the sizes that fit are those allowed. A `loss` is then reached
        for the least money (the least days where the cluster has no price).
    family : str or Architecture, optional
        Whose shapes the models on a cluster have, as in `template`; "llama" where None. N counts all parameters, N_act
        the active ones.
    over : mapping of str to (low, high), optional
        Further variables of the law that are free: ``{"experts": (1, 64)}``. Slower: at most two or three.
    held : mapping of str to float or str, optional
        Other variables, at a value or as a formula of the others; constants of the cost formula; and the level of a
        law that has one value per level. A size held by a formula keeps memory or FLOP equal (see Examples).
    sizes : sequence of float, optional
        Only these sizes, such as those that a cluster can hold.
    tokens_per_param, N, D : (low, high), optional
        Limits of the ratio, of sizes and of tokens.
    lifetime_tokens : float, optional
        Tokens that the model will read and write once trained. They are paid from the same budget, at 2 FLOP per
        parameter and token, at `inference`, or at what the cluster's devices take for generating them.
    inference : str or CostCurve, optional
        Price of an inference token over N, in the unit of the cost.
    unique_tokens : float, optional
        Tokens at hand, for laws that know repeated data (a variable U).
    letters : (str, str), optional
        The law's variables for size and tokens, where they are not N (or N_act) and D.
    near : sequence of float
        Shares of more budget, for near-optimal ranges.
    level : float
        Nominal coverage of intervals.
    n_draws : int, optional
        Draws to use: all of a bootstrap, 2,000 refits of a fit, 4,000 of a forecaster where None; 0 for none.
    rng : int, Generator, SeedSequence or None
        Seed of refits and of a forecaster's draws.
    n_threads : int, optional
        Threads; all CPUs that this process may use where None. Results do not depend on it.

    Returns
    -------
    Optimum

    Raises
    ------
    DataError
        If not exactly one budget is given; it pays for no allowed size; no budget reaches the loss; limits exclude
        each other.
    LawError
        If the law has no size or tokens, needs variables that are neither free nor held, or its loss has no minimum
        under the cost.

    Notes
    -----
    Tokens follow from the budget and the size, so one number is left: the core solves dL/d ln N = 0 along the budget by
    Newton steps inside a bracket, in double precision, for all draws side by side. A law that is a sum of positive
    power terms is convex in ln N there (a geometric program), so its minimum is the only one; other laws and tables
    are looked at over their whole range first.

    Intervals are percentiles over the optima of the draws. That of `loss` is of each draw's own optimum; a forecaster
    gives its band of the mean curve at the estimate instead.

    A forecaster knows that its law may be not quite right. Valleys are flat, so a smooth discrepancy of half a per cent
    of the loss moves the best size by tens of per cent. The estimate is the average of ln N, over the covariances that
    are averaged, of the minimum of the law plus the mean discrepancy along the budget (looked at from e**-4 to e**4
    times the law's own best size); for intervals each draw of parameters gets a draw of the discrepancy with it. For a
    given `loss` budgets are the law's, and sizes move as they do at the estimate's budget. A draw's `loss` is the law's
    own. Where further variables are free, or the size follows from others, only parameters are drawn. On three families
    of public isoFLOP sweeps, from fits at 3 to 30 times less compute, 95 % intervals of N hold 87 % of the best sizes
    and 80 % intervals 56 %; with parameters alone it is 50 % and 6 % (`benches/python/allocations.py`).

    The near-optimal range holds all sizes that reach the optimum's loss with a share more of the budget. It is wide:
    for Chinchilla's law 2 % more compute allows sizes from 0.8 to 1.28 times the best one.

    References
    ----------
    Hoffmann et al. 2022, arXiv 2203.15556. Sardana et al. 2024, arXiv 2401.00448 (`lifetime_tokens`). Muennighoff et
    al. 2023, arXiv 2305.16264 (`unique_tokens`). Ludziejewski et al. 2025, arXiv 2502.05172 (experts).

    A cluster's prices are taken as they are: the intervals hold what the law does not know. `iso.plan` adds the
    architecture, its layout and the error of the bill.

    Examples
    --------
    >>> import isoflop as iso
    >>> law = iso.laws.get("chinchilla").published["epoch2024"]
    >>> best = iso.compute_optimal(law, C=5.76e23)
    >>> round(best.N / 1e9, 1), round(best.tokens_per_param, 1), round(best.loss, 4)
    (72.2, 18.4, 1.9744)
    >>> low, high = best.near[0.02]
    >>> round(low / best.N, 2), round(high / best.N, 2)
    (0.8, 1.28)

    Served to ten trillion tokens, the model that reaches 2.1 at the least cost is three times smaller:

    >>> served = iso.compute_optimal(law, loss=2.1, lifetime_tokens=1e13)
    >>> round(served.N / 1e9, 2), f"{served.cost:.3g}"
    (4.4, '1.34e+23')

    What a million dollars buy on 256 devices, and what a loss of 2.1 costs there:

    >>> cluster = iso.Cluster("H100-SXM", 256, price_usd_per_hour=2.5)
    >>> best = iso.compute_optimal(law, usd=1e6, cluster=cluster)
    >>> 5e10 < best.N < 1e11, best.cost_unit
    (True, 'USD')
    >>> 2e4 < iso.compute_optimal(law, loss=2.1, cluster=cluster).cost < 6e4
    True

    At equal memory (1e10 parameters in all, two thirds of them in the experts) more experts leave fewer active ones:

    >>> moe = iso.laws.get("ludziejewski").published["ludziejewski2025"]
    >>> active = "memory / (1/3 + 2/3 * experts)"
    >>> best = iso.compute_optimal(moe, C=1e22, over={"experts": (1, 32)}, held={"N_act": active, "memory": 1e10})
    >>> round(best.over["experts"], 1), f"{best.N:.3g}"
    (2.5, '5.05e+09')
    """
    tails(level)
    law, source = read_model(model)
    given = {"C": C, "usd": usd, "days": days, "kwh": kwh, "loss": loss}
    serving = {"lifetime_tokens": lifetime_tokens, "inference": inference}
    price = priced(law, given, cost, cluster, family, letters=letters, n_threads=n_threads, **serving)
    budget = read_budget(given, price.cost)
    made = ask(
        law,
        cost=price.cost,
        letters=letters,
        held=held,
        over=over,
        sizes=sizes,
        N=N,
        D=D,
        tokens_per_param=tokens_per_param,
        lifetime_tokens=price.lifetime_tokens,
        inference=inference,
        unique_tokens=unique_tokens,
        unit=budget.cost_unit,
    )
    models, notes = samples(source, made.level, n_draws, rng)
    shares = tuple(float(x) for x in numbers("near", near, "shares above 0 such as 0.02"))
    return answer(made, budget, models, source, shares, level, [*price.notes, *notes], _engine.thread_count(n_threads))
