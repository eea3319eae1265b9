"""The one door from Python to the compiled core: conversions of arrays and thin typed calls.

Nothing else imports `_core`. No arithmetic, no frames, no defaults that a user would want to know about.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isoflop import _core

from ._errors import DataError

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Columns = Mapping[str, Floats]

#: (name, advice) per status code, in code order.
STATUS: tuple[tuple[str, str], ...] = tuple(_core.STATUS)
#: Codes up to this one are sound optima: CONVERGED, AT_BOUND, RESCUED, MULTIMODAL.
LAST_OK = 3
#: Names of the FLOP conventions.
CONVENTIONS: tuple[str, ...] = tuple(_core.CONVENTIONS)
#: Names of the calibrated constants, in the order that the core takes them.
CONSTANTS: tuple[str, ...] = tuple(_core.CONSTANTS)
#: (name, rule) of what can be wrong with a layout, in code order.
REFUSALS: tuple[tuple[str, str], ...] = tuple(_core.REFUSALS)
#: Columns of `evaluate_layouts`.
COST_COLUMNS: tuple[str, ...] = tuple(_core.COST_COLUMNS)

if _core.DEBUG:
    warnings.warn("isoflop is a debug build, many times slower than a release build", RuntimeWarning, stacklevel=2)


def floats(values: ArrayLike) -> Floats:
    """Return `values` as a C-contiguous, aligned, native float64 array (a copy only where needed)."""
    return np.require(values, dtype=np.float64, requirements=["C", "ALIGNED"])


def integers(values: ArrayLike) -> Codes:
    """Return `values` as a C-contiguous, aligned, native int64 array."""
    return np.require(values, dtype=np.int64, requirements=["C", "ALIGNED"])


def thread_count(n_threads: int | None) -> int:
    """Return `n_threads`, or the number of CPUs that this process may use."""
    if n_threads is not None:
        if isinstance(n_threads, bool) or not isinstance(n_threads, int | np.integer) or n_threads < 1:
            raise DataError(f"n_threads is {n_threads!r}, expected a whole number of at least 1")
        return int(n_threads)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class Problem:
    """What the core needs to fit one table: the law, the rows and the recipe, as plain dicts of arrays."""

    spec: dict[str, Any]
    table: dict[str, Any]
    recipe: dict[str, Any]


@dataclass(frozen=True)
class Job:
    """A bootstrap, ready to run in chunks anywhere: in this process, or pickled to another."""

    problem: Problem
    theta: Floats
    delta: float
    scheme: str
    groups: Codes | None
    seed: int


def law_info(spec: dict[str, Any]) -> dict[str, Any]:
    """Compile a law and return its parameters, levels and variables."""
    return _core.law_info(spec)


def fit(problem: Problem, starts: Floats | None, n_starts: int, seed: int, only_starts: bool) -> dict[str, Any]:
    """Search for the optimum of one table."""
    return _core.fit(problem.spec, problem.table, problem.recipe, starts, n_starts, seed, only_starts)


def objective(problem: Problem, theta: ArrayLike) -> float:
    """Return the robust sum over rows at `theta` (native values)."""
    return _core.objective(problem.spec, problem.table, problem.recipe, floats(theta))


def bootstrap_chunk(
    job: Job, first: int, count: int, n_threads: int = 1, progress: Callable[[int], None] | None = None
) -> tuple[Floats, Floats, NDArray[np.uint8]]:
    """Refit resamples `first` to `first + count`; the same bits wherever and however they are cut."""
    out = _core.bootstrap(
        job.problem.spec,
        job.problem.table,
        job.problem.recipe,
        job.theta,
        job.delta,
        job.scheme,
        job.groups,
        first,
        count,
        job.seed,
        n_threads,
        progress,
    )
    return out["draws"], out["objective"], out["status"]


def resample_weights(n: int, scheme: str, groups: Codes | None, strata: Codes | None, seed: int, index: int) -> Floats:
    """Return the row weights of one resample."""
    return _core.resample_weights(n, scheme, groups, strata, seed, index)


def predict(spec: dict[str, Any], theta: ArrayLike, columns: Columns, codes: Mapping[str, Codes]) -> Floats:
    """Evaluate a law at points, for one vector of parameters."""
    return _core.predict(spec, floats(theta), dict(columns), dict(codes))


def jacobian(spec: dict[str, Any], theta: ArrayLike, columns: Columns, codes: Mapping[str, Codes]) -> list[Floats]:
    """Return the derivative of a law at points by each of its parameters (native values)."""
    return _core.jacobian(spec, floats(theta), dict(columns), dict(codes))


def predict_draws(
    spec: dict[str, Any], draws: Floats, columns: Columns, codes: Mapping[str, Codes], n_threads: int
) -> Floats:
    """Evaluate a law at points, for every draw: an array (draws, points)."""
    return _core.predict_draws(spec, floats(draws), dict(columns), dict(codes), n_threads)


def band(
    spec: dict[str, Any],
    draws: Floats,
    keep: NDArray[np.bool_],
    columns: Columns,
    codes: Mapping[str, Codes],
    probs: ArrayLike,
    n_threads: int,
    noise: Floats | None,
) -> Floats:
    """Return quantiles over the kept draws, point by point: an array (points, probs)."""
    return _core.band(spec, floats(draws), keep, dict(columns), dict(codes), floats(probs), n_threads, noise)


def count_parameters(model: dict[str, Any]) -> dict[str, Any]:
    """Count the parameters of an architecture, exactly and by part."""
    return _core.count_parameters(model)


def flops_per_token(model: dict[str, Any], seq_len: int, convention: str, passes: str, recompute: str) -> float:
    """Return FLOPs per token by a convention."""
    return _core.flops_per_token(model, seq_len, convention, passes, recompute)


def forward_flops(model: dict[str, Any], seq_len: int) -> dict[str, float]:
    """Return forward FLOPs per token by part."""
    return _core.forward_flops(model, seq_len)


def batch_counts(
    model: dict[str, Any],
    columns: Mapping[str, Codes],
    follow: list[str],
    rows: slice,
    seq_len: int,
    parameters: bool,
    how: tuple[str, str, str] | None,
) -> tuple[Codes, Codes, Codes, Floats]:
    """Count a block of architectures in one pass; `how` is convention, passes, recompute of FLOPs per token.

    What is not wanted comes back empty.
    """
    place = rows.start, rows.stop - rows.start
    return _core.batch_counts(model, dict(columns), follow, place, seq_len, parameters, how)


def evaluate_layouts(pairs: list[dict[str, Any]], constants: Floats) -> Floats:
    """Return seconds and bytes of (job, layout) pairs: an array (pairs, columns)."""
    return _core.evaluate_layouts(pairs, floats(constants))


def search_layouts(
    job: dict[str, Any], constants: Floats, axes: dict[str, Any], keep: int, n_threads: int
) -> dict[str, Any]:
    """Try every layout on some axes; layouts come back as (cut, (seconds, bytes))."""
    return _core.search_layouts(job, floats(constants), axes, keep, n_threads)


def serve(job: dict[str, Any], constants: Floats, prompt: float, context: float) -> dict[str, float]:
    """Return seconds and bytes of serving."""
    return _core.serve(job, floats(constants), prompt, context)


def discrepancy(
    problem: Problem,
    starts: Floats,
    refit: bool,
    field: dict[str, Any],
    grid: Floats,
    targets: dict[str, Any] | None,
    n_threads: int,
) -> dict[str, Any]:
    """Fit a grid of covariances, or read it off at `starts`, and forecast the targets."""
    spec, table, recipe = problem.spec, problem.table, problem.recipe
    return _core.discrepancy(spec, table, recipe, floats(starts), refit, field, floats(grid), targets, n_threads)


def exchange_design(
    beliefs: list[dict[str, Any]], cost: Floats, limits: dict[str, Any], starts: int, seed: int
) -> dict[str, Any]:
    """Choose among candidates the runs that make the targets' variances smallest."""
    return _core.exchange_design(beliefs, floats(cost), limits, starts, seed)


def design_variances(beliefs: list[dict[str, Any]], n: int) -> Floats:
    """Return the targets' variances once each of n candidates is run: an array (beliefs, targets)."""
    return _core.design_variances(beliefs, n)


def schedule_runs(cost: Floats, slots: int) -> tuple[Codes, float]:
    """Return the slot of each run, longest first, and what the busiest slot costs.

    Examples
    --------
    >>> slot, longest = schedule_runs(floats([3.0, 3.0, 2.0, 2.0, 2.0]), 2)
    >>> slot.tolist(), longest
    ([0, 1, 0, 1, 0], 7.0)
    """
    return _core.schedule_runs(floats(cost), slots)


def whiten(covariance: Floats, columns: Floats) -> Floats:
    """Return L⁻¹ columns, with L the lower factor of a covariance.

    Examples
    --------
    >>> whiten(floats([[4.0, 0.0], [0.0, 9.0]]), floats([[2.0], [6.0]])).tolist()
    [[1.0], [2.0]]
    """
    return _core.whiten(floats(covariance), floats(columns))


def student(probabilities: ArrayLike, df: float) -> Floats:
    """Return quantiles of Student's t distribution.

    Examples
    --------
    >>> student([0.975], 10.0).round(4)
    array([2.2281])
    """
    return _core.student(np.atleast_1d(floats(probabilities)), float(df))


Progress = Callable[[int], None] | None


def intervals(
    problem: Problem, theta: ArrayLike, quantities: list[dict[str, Any]], method: str, options: dict[str, Any]
) -> dict[str, Any]:
    """Return intervals of quantities of one fit, as columns."""
    spec, table, recipe = problem.spec, problem.table, problem.recipe
    return _core.intervals(spec, table, recipe, floats(theta), quantities, method, options, None)


def study(
    problem: Problem,
    start: ArrayLike,
    responses: ArrayLike,
    quantities: list[dict[str, Any]],
    methods: list[str],
    options: dict[str, Any],
    progress: Progress = None,
) -> Floats:
    """Return low and high by simulated response, method and quantity."""
    spec, table, recipe = problem.spec, problem.table, problem.recipe
    return _core.study(spec, table, recipe, floats(start), floats(responses), quantities, methods, options, progress)


def double_bootstrap(
    job: Job, quantities: list[dict[str, Any]], n_inner: int, options: dict[str, Any], progress: Progress = None
) -> dict[str, Any]:
    """Return outer values and inner shares, one array per quantity."""
    spec, table, recipe = job.problem.spec, job.problem.table, job.problem.recipe
    return _core.double_bootstrap(spec, table, recipe, job.theta, quantities, job.scheme, n_inner, options, progress)


def quantity_draws(quantities: list[dict[str, Any]], draws: Floats) -> list[tuple[Floats, bool]]:
    """Return quantities over native draws on their working scales, and whether that is the logarithm."""
    return _core.quantity_draws(quantities, floats(draws))


def ends(
    reading: str, estimate: float, level: float, values: Floats, jackknife: ArrayLike = (), shares: ArrayLike = ()
) -> tuple[float, float, float, float]:
    """Return low, high and their Monte-Carlo errors, read from draws."""
    return _core.ends(reading, estimate, level, floats(values), floats(jackknife), floats(shares))


def resample_response(job: Job, index: int) -> Floats:
    """Return the response of one resample, on the residual's scale."""
    options = {"delta": job.delta, "groups": job.groups, "seed": job.seed, "level": 0.5, "n_resamples": 0}
    spec, table, recipe = job.problem.spec, job.problem.table, job.problem.recipe
    return _core.resample_response(spec, table, recipe, job.theta, job.scheme, index, {**options, "n_threads": 1})


def leverages(problem: Problem, theta: ArrayLike, delta: float) -> Floats:
    """Return the leverage of every row of weight above 0."""
    return _core.leverages(problem.spec, problem.table, problem.recipe, floats(theta), {"delta": delta})


def f_cdf(x: float, d1: float, d2: float) -> float:
    """Return the distribution function of F with (d1, d2) degrees of freedom."""
    return _core.f_cdf(x, d1, d2)


def info() -> dict[str, Any]:
    """Return what the engine runs on: its version, SIMD level, levels at hand, cores and threads.

    Examples
    --------
    >>> sorted(info())
    ['available', 'cores', 'level', 'threads', 'version']
    """
    simd = _core.simd()
    return {
        "version": version(),
        "level": simd["level"],
        "available": list(simd["available"]),
        "cores": simd["cores"],
        "threads": thread_count(None),
    }


def version() -> str:
    """Return the version of the compiled package."""
    return _core.__version__


def optimum(
    question: dict[str, Any],
    draws: Floats,
    targets: ArrayLike,
    starts: ArrayLike,
    budgets: ArrayLike | None,
    n_threads: int,
) -> dict[str, Any]:
    """Return the optimum of every draw at each log budget, or at each loss where `budgets` are first guesses."""
    guess = None if budgets is None else floats(budgets)
    return _core.optimum(question, floats(draws), floats(targets), floats(starts), guess, n_threads)


def optimum_around(
    question: dict[str, Any], draw: ArrayLike, sizes: ArrayLike, budgets: ArrayLike, losses: ArrayLike
) -> tuple[Floats, Floats]:
    """Return ln N below and above each size at which the loss under a log budget comes up to a loss."""
    return _core.optimum_around(question, floats(draw), floats(sizes), floats(budgets), floats(losses))


def optimum_tokens(
    question: dict[str, Any], draws: Floats, sizes: ArrayLike, losses: ArrayLike, n_threads: int
) -> Floats:
    """Return ln D at which every draw of a size reaches a loss: an array (questions, draws)."""
    return _core.optimum_tokens(question, floats(draws), floats(sizes), floats(losses), n_threads)
