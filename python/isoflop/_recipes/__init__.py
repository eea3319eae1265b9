"""`compare_recipes`: with how much less compute the second recipe reaches the first one's loss, and how sure that is.

Both tables are read by `_tables`, fitted at once by `_joint`; errors are `_linear`'s, intervals `_invert`'s.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np

from .. import laws
from .._bootstrap import bootstrap
from .._draws import Bootstrap
from .._engine import Floats, floats
from .._errors import DataError, compose
from .._fitted import Fit
from .._law import Law
from .._points import backend_of
from .._quantiles import tails
from .._runs import Runs, as_runs
from ._contrast import Contrasts, contrasts_of, probability
from ._frontier import Frontier
from ._invert import crossings, multipliers
from ._joint import Asymptote, along, fit_both, held, shared_names
from ._linear import linear
from ._notes import bound_notes, distance_notes, draws_note, exponent_note, flat_note, freedom_note, pairing_note
from ._result import Crossing, RecipeComparison
from ._scales import check_overlap, compute_of, inside, scales_of, target_of
from ._tables import Pair, Tables, read_tables, split_recipes

__all__ = ["Crossing", "RecipeComparison", "compare_recipes"]

#: The laws where the user names none: along compute, and where tokens per parameter vary.
LADDER, SWEEP = "power_floor", "chinchilla"
#: A table whose tokens per parameter vary by less than this factor is a ladder.
SPREAD = 1.6
#: Fewest degrees of freedom of the paired difference for a correlation to be used.
PAIRED_DF = 3


def compare_recipes(
    runs_a: Any,
    runs_b: Any = None,
    *,
    law: Law | str | None = None,
    shared: str | Iterable[str] | None = None,
    asymptote: Asymptote = None,
    target: float | None = None,
    target_loss: float | None = None,
    scales: Any = None,
    pair: Pair = "auto",
    by: str | None = None,
    a: str | None = None,
    b: str | None = None,
    overlap: bool = True,
    criterion: Literal["squared", "huber"] | None = None,
    level: float = 0.95,
    n_resamples: int = 2_000,
    rng: Any = 0,
    n_threads: int | None = None,
    **variables: str,
) -> RecipeComparison:
    """Compare two recipes by compute: B reaches A's loss with how many times less.

    Parameters
    ----------
    runs_a, runs_b : Runs or frame
        Runs of both recipes: ladders of three or more scales, or sweeps over N and D. One table with `by` will do.
    law : Law or str, optional
        A law of compute in one variable, or of N and D: then each recipe's curve is the least loss at C = 6 N D.
        Where None: "power_floor" along C for ladders (tokens per parameter nearly constant), else "chinchilla".
    shared : "exponents", str or sequence of str, optional
        Parameters that both recipes have in common; each has its own where None. Sharing assumes what a short ladder
        cannot show: say so when you do.
    asymptote : float or mapping of str to float, optional
        Loss E at infinite compute, held at this value for both recipes, or by recipe. ``shared="E"`` fits one for both.
    target : float, optional
        Compute at which the recipes are compared in the end; the largest of the runs where None.
    target_loss : float, optional
        In its place: the compute at which A reaches this loss.
    scales : array, optional
        Compute of A at which multipliers are given; where None the scales of A that B has runs around, and the target.
    pair : "auto", "none" or str
        Whether runs of both recipes share a unit and with it noise (one seed, one order of the data, one scale): a
        column such as "seed", or "auto" to look at groups, a column ``seed`` and scales, in this order.
    by, a, b : str, optional
        Where both recipes stand in `runs_a`: the column that tells them apart, and its two values. Without `by`, what
        the recipes are called.
    overlap : bool
        Whether the recipes must have runs at common compute. False compares by extrapolation alone, with a note.
    criterion : {"squared", "huber"}, optional
        "squared" where a recipe has fewer than 20 runs, else "huber" with its width from the residuals.
    level : float
    n_resamples : int
        Common resamples, for draws of multipliers and the share that cross; 0 for none. Intervals do not use them.
    rng, n_threads
        As in `Fit.bootstrap`.
    **variables : str
        Columns, as in `Runs`, of both tables.

    Returns
    -------
    RecipeComparison

    Raises
    ------
    DataError
        If a recipe has fewer than three scales, columns are missing, runs do not overlap, there are no more runs than
        parameters, or the target loss lies at or below A's asymptote.
    LawError
        If compute alone does not set the loss of the law, or a shared parameter is not the law's.

    Notes
    -----
    Both recipes are fitted at once, on log loss, with one noise variance. At compute C the multiplier x solves
    L_B(C / x) = L_A(C); its interval holds every x for which a t test does not reject that (test inversion, as
    Fieller's), so it is open where a curve is too flat or too short to say. Degrees of freedom count rows less
    parameters; where units are shared by enough runs the noise correlation is estimated from residuals and they are
    Satterthwaite's. Resamples draw a unit's residuals with one sign and weight for both recipes (wild bootstrap,
    Webb's weights; signs of rows where no units are shared). How often intervals hold: `docs/measured/recipes.md`.

    References
    ----------
    Fieller 1954, J. R. Stat. Soc. B 16, 175. Satterthwaite 1946. Volkova et al. 2026, arXiv 2602.07712, for exponents
    that recipes share; Wen et al. 2025, arXiv 2509.02046, for multipliers that shrink with scale.

    Examples
    --------
    >>> import isoflop as iso
    >>> C = [1e18, 1e19, 1e20, 1e21]
    >>> base = {"C": C, "loss": [3.2703, 2.8020, 2.4681, 2.2386]}
    >>> new = {"C": C, "loss": [3.2040, 2.7528, 2.4392, 2.2143]}
    >>> found = iso.compare_recipes(base, new, shared="exponents", asymptote=1.7, n_resamples=200)
    >>> [round(float(x), 2) for x in found.multiplier_at(1e20)], found.crossing
    ([1.32, 1.28, 1.36], None)
    """
    tails(level)
    if criterion not in (None, "squared", "huber"):
        raise DataError(compose(f"criterion is {criterion!r}", "t intervals are for 'squared' and 'huber'"))
    first, second, names = _both(runs_a, runs_b, by, (a, b), variables)
    base, chosen = _law(law, first, second)
    frontier = Frontier(base)
    common = shared_names(base, shared)
    fixed = held(base, asymptote, names, common)
    tables = read_tables((first, second), base.variables, names, pair)
    compute = compute_of(tables)
    apart = check_overlap(tables, compute, names, overlap)
    fit = fit_both(tables, base, common, fixed, criterion)
    contrasts, correlated = _contrasts(tables, fit, frontier)
    aim = target_of(contrasts, compute, target, target_loss, names[0])
    at = scales_of(scales, tables, compute, aim, frontier)
    estimate, low, high = multipliers(contrasts, at, level)
    gap, error, df = contrasts.difference(floats([aim]), floats([aim]))
    boot = _resample(fit, tables, n_resamples, rng, n_threads)
    notes = [
        *chosen,
        pairing_note(tables, names, correlated, contrasts.linear.correlation if correlated else 0.0),
        *apart,
        *distance_notes(compute, tables.second, names, aim),
        *freedom_note(float(df[0]), level),
        *exponent_note(tables, base, fit, common, fixed),
        *bound_notes(fit, names),
        *flat_note(low, high),
        *(() if boot is None else draws_note(boot.n_failed, boot.n_resamples)),
    ]
    return RecipeComparison(
        names=names,
        scales=at,
        estimate=estimate,
        low=low,
        high=high,
        inside=inside(at, estimate, tables, compute),
        target=aim,
        probability_better=float(probability(gap / error, df)[0]),
        crossing=_crossing(contrasts, boot, compute, aim, level, names),
        fit=fit,
        boot=boot,
        level=level,
        paired_by=tables.paired_by,
        correlation=contrasts.linear.correlation if correlated else 0.0,
        df=float(df[0]),
        notes=tuple(notes),
        contrasts=contrasts,
        backend=backend_of(first._columns.table),
    )


def _both(
    runs_a: Any, runs_b: Any, by: str | None, names: tuple[str | None, str | None], roles: dict[str, str]
) -> tuple[Runs, Runs, tuple[str, str]]:
    if (by is None) == (runs_b is None):
        said = "one table and no column of recipes" if by is None else "two tables and a column of recipes"
        raise DataError(compose(said, "pass compare_recipes(base, new), or compare_recipes(runs, by='recipe')"))
    if by is not None:
        first, second, found = split_recipes(runs_a, by, names, roles)
        return first, second, (str(found[0]), str(found[1]))
    called = (names[0] or "A", names[1] or "B")
    if called[0] == called[1]:
        raise DataError(compose(f"both recipes are called {called[0]!r}", "give them names: a='base', b='new'"))
    return as_runs(runs_a, **roles), as_runs(runs_b, **roles), called


def _law(law: Law | str | None, first: Runs, second: Runs) -> tuple[Law, list[str]]:
    """Return the law over compute, or N and D, and what was chosen."""
    if law is not None:
        return along(laws.get(law) if isinstance(law, str) else law, "C"), []
    if all("N" in runs.variables and "D" in runs.variables for runs in (first, second)):
        ratios = [runs.variable("D") / runs.variable("N") for runs in (first, second)]
        if min(float(x.max() / x.min()) for x in ratios) > SPREAD:
            return laws.get(SWEEP), [
                f"tokens per parameter vary: {SWEEP}, compared along the best N and D at C = 6 N D"
            ]
    return along(laws.get(LADDER), "C"), [f"ladders: {LADDER} along C"]


def _contrasts(tables: Tables, fit: Fit, frontier: Frontier) -> tuple[Contrasts, bool]:
    """Return both curves with their errors, and whether noise shared by the recipes is taken into account."""
    own = sum(name.endswith("[a]") for name in fit.free)
    paired = tables.twin is not None and tables.n_twins - own >= PAIRED_DF
    patterns = [p for p in (tables.group, tables.twin if paired else None) if p is not None]
    compute = compute_of(tables)
    span = (float(compute.min()) * 1e-9, float(compute.max()) * 1e9)
    return contrasts_of(fit, frontier, linear(fit, patterns), span), paired


def _resample(fit: Fit, tables: Tables, n: int, rng: Any, n_threads: int | None) -> Bootstrap | None:
    """Return refits to common resamples: one sign and weight per unit, whichever recipe its rows are of."""
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 0:
        raise DataError(f"n_resamples is {n!r}, expected a whole number of 0 or more")
    if n == 0:
        return None
    grouped = len(np.unique(tables.unit)) < len(tables.unit)
    return bootstrap(fit, int(n), scheme="wild-groups" if grouped else "wild", rng=rng, n_threads=n_threads)


def _crossing(
    contrasts: Contrasts,
    boot: Bootstrap | None,
    compute: Floats,
    target: float,
    level: float,
    names: tuple[str, str],
) -> Crossing | None:
    """Return the crossing nearest to the middle of the runs, looked for up to a factor of 10 around runs and target."""
    from ._draws import share_crossing

    span = (min(float(compute.min()), target) / 10, max(float(compute.max()), target) * 10)
    found = crossings(contrasts, span, level)
    if not found:
        return None
    middle = float(np.mean(np.log(compute)))
    C, low, high = min(found, key=lambda one: abs(np.log(one[0]) - middle))
    beyond = contrasts.loss("a", floats([C * 1.01])) > contrasts.loss("b", floats([C * 1.01]))
    share = float("nan") if boot is None else share_crossing(boot, contrasts.frontier, span)
    return Crossing(C, low, high, names[int(bool(beyond[0]))], share)
