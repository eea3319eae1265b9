"""`bootstrap`: refit many resamples of a fit's rows, here, in threads, or by an executor.

What is read from the draws afterwards is in `_draws`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from . import _engine
from ._dependence import warn_repeats
from ._draws import Bootstrap
from ._engine import Codes, Floats, Job
from ._errors import ConvergenceWarning, DataError, FitError, compose, listed, warn
from ._fitted import Fit
from ._repr import percent
from ._seed import seed_of

Scheme = Literal["auto", "rows", "groups", "wild", "wild-groups", "residual", "parametric", "bayesian", "jackknife"]
SCHEMES: tuple[str, ...] = get_args(Scheme)
#: A bootstrap with a larger share of unsound refits warns.
FAILED_SHARE = 0.01
#: With fewer rows than this, drawing whole rows leaves too few different ones in some resamples.
FEW_ROWS = 30
#: With fewer groups than this, drawing whole groups is rough.
FEW_GROUPS = 10
#: A row of more leverage than this is too important to be left out of resamples.
HIGH_LEVERAGE = 0.5
#: Resamples per chunk for an executor: at least this many, and at most so many chunks.
CHUNK, MAX_CHUNKS = 1_000, 64

Chunk = tuple[Floats, Floats, NDArray[np.uint8]]


def bootstrap(
    fit: Fit,
    n_resamples: int | None = None,
    *,
    scheme: Scheme = "auto",
    rng: Any = 0,
    n_threads: int | None = None,
    executor: Any = None,
    progress: bool | Callable[[int], None] = False,
) -> Bootstrap:
    """Refit the law to resamples of its rows.

    Parameters
    ----------
    fit : Fit
        The fit; its delta, priors and bounds are kept, and each refit starts at its parameters.
    n_resamples : int
        How many. May be left out for the jackknife, which has one per row or group.
    scheme : {"auto", "rows", "groups", "wild", "wild-groups", "residual", "parametric", "bayesian", "jackknife"}
        ``rows`` draws rows with replacement; ``groups`` draws whole groups; ``bayesian`` gives every row (or group)
        an exponential weight, so that none is ever missing; ``jackknife`` leaves out one row (or group) at a time.
        The others keep every row and draw its response: ``wild`` turns the signs of residuals (divided by 1 minus
        their leverage, HC3), ``wild-groups`` those of whole groups with Webb's six weights, ``residual`` draws
        residuals with replacement (only for rows of one noise without outliers), ``parametric`` draws normal noise,
        with an effect per group where there are groups.
        ``auto`` looks at groups, rows and leverage, and says why: ``groups`` where the runs have 10 or more,
        ``wild-groups`` where they have fewer, ``bayesian`` below 30 rows, ``wild`` where one row has a leverage above
        one half, ``rows`` otherwise.
    rng : int, Generator, SeedSequence or None
        An integer from 0 to 2**64 - 1 is the seed itself. Resample i depends on the seed and i only.
    n_threads : int, optional
        Threads; all CPUs that this process may use where None.
    executor : Executor, optional
        Anything with ``submit(...).result()``: `concurrent.futures`, Dask, mpi4py. Each chunk runs on one thread, and
        the draws have the same bits as without it.
    progress : bool or callable
        Draw a bar, or call back with the number of refits done; always from the calling thread.

    Returns
    -------
    Bootstrap

    Warns
    -----
    PrecisionWarning
        If sizes or run ids repeat, no groups are declared, and residuals of one of them are alike.
    ConvergenceWarning
        If more than 1 % of the refits are unsound; they stay in `draws` and are left out of intervals.

    Examples
    --------
    >>> import isoflop as iso
    >>> runs = iso.simulate("power_floor", {"X": [1, 3, 10, 30, 100, 300, 1000, 3000] * 5}, noise=0.01)
    >>> boot = iso.fit(runs, "power_floor").bootstrap(200, rng=0)
    >>> boot.draws.shape, boot.scheme
    ((200, 3), 'rows')
    """
    if fit.problem is None:
        raise FitError("this fit holds no data to resample")
    name, reason = choose_scheme(fit, scheme)
    if name not in ("groups", "wild-groups"):
        warn_repeats(fit)
    groups = None if name in ("rows", "wild", "residual") else fit.groups
    count = _count(n_resamples, name, _units(fit, groups), "row" if groups is None else "group")
    seed = seed_of(rng)
    job = Job(fit.problem, fit.theta, fit.delta, name, groups, seed)
    threads = _engine.thread_count(n_threads)
    with _bar(progress, count) as tick:
        if executor is None:
            draws, objective, status = _engine.bootstrap_chunk(job, 0, count, threads, tick)
        else:
            draws, objective, status = _by_executor(job, count, executor, tick)
    result = Bootstrap(fit, draws, objective, status, name, reason, seed)
    if result.n_failed > FAILED_SHARE * count:
        warn(
            f"{result.n_failed} of {count} refits ({percent(result.n_failed / count)}) are unsound: "
            f"{result.failures()}",
            ConvergenceWarning,
            "they are left out of intervals and bands; add runs, fix or tie a parameter, or use a prior",
        )
    return result


def choose_scheme(fit: Fit, scheme: str) -> tuple[str, str]:
    """Return the scheme and, where it was chosen here, the reason in words."""
    if scheme not in SCHEMES:
        raise DataError(compose(f"unknown scheme {scheme!r}", f"choose one of {listed(SCHEMES)}"))
    n_groups = 0 if fit.groups is None else len(np.unique(fit.groups))
    if scheme in ("groups", "wild-groups") and not n_groups:
        raise DataError(compose(f"scheme {scheme!r} needs groups", "name their column: iso.Runs(..., groups='run_id')"))
    if scheme != "auto":
        return scheme, ""
    if n_groups and n_groups < fit.n_rows:
        declared = f"the runs declare {n_groups} groups over {fit.n_rows} rows, rows of a group share noise"
        if n_groups < FEW_GROUPS and not fit.law.levels:
            return "wild-groups", f"{declared}; with fewer than {FEW_GROUPS}, drawing whole groups is rough"
        return "groups", declared
    if fit.n_rows < FEW_ROWS:
        return "bayesian", f"with {fit.n_rows} rows, whole-row resamples often miss what identifies a parameter"
    high = _highest_leverage(fit)
    if high > HIGH_LEVERAGE:
        return "wild", f"one row has leverage {high:.2f}, resamples without it would leave a parameter undetermined"
    return "rows", f"{fit.n_rows} rows and no groups"


def _highest_leverage(fit: Fit) -> float:
    if fit.unidentified:
        return 0.0
    assert fit.problem is not None
    return float(_engine.leverages(fit.problem, fit.theta, fit.delta).max())


def _units(fit: Fit, groups: Codes | None) -> int:
    """Return how many rows or groups can be drawn: those of weight above 0."""
    assert fit.problem is not None
    seen = fit.problem.table["weights"] > 0
    return int(seen.sum()) if groups is None else len(np.unique(groups[seen]))


def _count(n_resamples: int | None, scheme: str, most: int, unit: str) -> int:
    if n_resamples is None and scheme == "jackknife":
        return most
    if isinstance(n_resamples, bool) or not isinstance(n_resamples, int | np.integer) or n_resamples < 1:
        raise DataError(f"n_resamples is {n_resamples!r}, expected a whole number of at least 1")
    if scheme == "jackknife" and n_resamples > most:
        raise DataError(
            compose(
                f"the jackknife has {most} resamples, one per {unit}",
                "leave out n_resamples",
            )
        )
    return int(n_resamples)


def _by_executor(job: Job, count: int, executor: Any, tick: Callable[[int], None] | None) -> Chunk:
    """Run chunks elsewhere and put them together in their order."""
    size = max(CHUNK, -(-count // MAX_CHUNKS))
    cuts = [(first, min(size, count - first)) for first in range(0, count, size)]
    futures = [executor.submit(_engine.bootstrap_chunk, job, first, n) for first, n in cuts]
    parts, done = [], 0
    try:
        for future, (_, n) in zip(futures, cuts, strict=True):
            parts.append(future.result())
            done += n
            if tick is not None:
                tick(done)
    except BaseException:
        for future in futures:
            getattr(future, "cancel", lambda: None)()
        raise
    draws, objective, status = (np.concatenate(column) for column in zip(*parts, strict=True))
    return draws, objective, status


class _bar:
    """A progress bar for the time of a `with`, as a callable; None where none is wanted."""

    def __init__(self, progress: bool | Callable[[int], None], total: int):
        self.progress, self.total = progress, total
        self.bar: Any = None

    def __enter__(self) -> Callable[[int], None] | None:
        if self.progress is False or self.progress is None:
            return None
        if callable(self.progress):
            return self.progress
        from tqdm.auto import tqdm

        self.bar = tqdm(total=self.total, unit=" refits", unit_scale=True)
        return self._show

    def _show(self, done: int) -> None:
        self.bar.update(done - self.bar.n)

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()
