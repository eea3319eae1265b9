"""`fit`: from runs and a law to a `Fit`.

Checks of what the user passed, the core's arrays, and the reading of its answer. The result itself is in `_fitted`,
the settings of single parameters in `_options`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from . import _checks, _engine
from ._engine import Floats, Problem
from ._errors import ConvergenceWarning, DataError, LawError, compose, counted, listed, nearest, warn
from ._evaluate import unknown_parameter
from ._fingerprint import digest
from ._fitted import Fit, delta_errors, tied_values
from ._formula import names_in
from ._law import Law, Scale
from ._options import bound_arrays, fixed_array, prior_arrays, priors_of, start_array
from ._points import backend_of, expand, warn_outside
from ._prior import Prior
from ._recipe import Criterion, Recipe
from ._repr import Values
from ._roles import run_column
from ._runs import Runs, as_runs
from ._schedules import Schedules
from ._seed import seed_of

#: What `Runs` takes beside variables, and what `fit` itself takes.
ROLES = ("loss", "N", "D", "C", "groups", "weights", "loss_unit", "bytes_per_token", "nan_policy")
OPTIONS = ("criterion", "delta", "quantile", "scale", "fixed", "tied", "bounds", "prior", "by", "starts", "rng")
#: How many starting points are tried where the user does not say; 0 leaves it to the core, which takes 8.
N_STARTS = 0


def fit(
    runs: Any,
    law: Law | str = "chinchilla",
    *,
    criterion: Criterion | None = None,
    delta: float | Literal["auto"] | None = None,
    quantile: float | None = None,
    scale: Scale | None = None,
    weights: Any = None,
    fixed: Mapping[str, float | None] | None = None,
    tied: Mapping[str, str] | None = None,
    bounds: Mapping[str, tuple[float | None, float | None]] | None = None,
    prior: Mapping[str, Prior] | Literal["weak"] | None = None,
    by: str | None = None,
    starts: int | Mapping[str, float] | Sequence[Mapping[str, float]] | Floats | None = None,
    rng: Any = 0,
    n_threads: int | None = None,
    **variables: str,
) -> Any:
    """Fit a law to runs.

    Parameters
    ----------
    runs : Runs or frame
        Training runs; a frame is taken as ``Runs(frame, **variables)``.
    law : Law or str
        A law, or the name of one in the catalogue.
    criterion : {"huber", "squared", "pseudo_huber", "log_cosh", "absolute", "quantile"}, optional
        What is summed over rows; what the law's own paper did where None.
    delta : float or "auto", optional
        Width of the quadratic middle on the response scale; "auto" is 1.345 robust sigma.
    quantile : float, optional
        Weigh over-prediction ``2 (1 - quantile)`` and under-prediction ``2 quantile``. With 0.1 a tenth of the runs
        lie below the curve: it follows the best-tuned ones (a badly tuned run can only be too high). With a criterion
        that has a width the loss is asymmetric; alone it is the quantile regression.
    scale : {"log", "linear"}, optional
        Scale of residuals, in place of the law's.
    weights : str or array, optional
        Row weights: a column, or one number per row. Weight 2 is the row written twice.
    fixed : mapping of str to float, optional
        Parameters held at a value. Plain names mean all levels, ``"E[a]"`` one. None frees one that the law holds
        (its `constants`).
    tied : mapping of str to str, optional
        Parameters as formulas over others, ``{"beta": "alpha"}``.
    bounds : mapping of str to (low, high), optional
        Bounds in native values, None for an open end.
    prior : mapping of str to prior, or "weak", optional
        Beliefs about parameters: `LogNormal` for positive ones, `Normal`, `LogitNormal`. "weak" puts those of
        published families on alpha, beta, E and p.
    by : str, optional
        Fit each value of this column on its own and return a `FitTable`.
    starts : int, mapping, sequence of mappings, or array, optional
        How many starts to search from, or the starts themselves (one mapping is one start), which are then the only
        ones.
    rng : int, Generator, SeedSequence or None
        For the quasi-random starts.
    n_threads : int, optional
        Kept for symmetry with the bootstrap; one fit runs on one thread.
    **variables : str
        Columns of the law's variables and of other roles, as in `Runs` (``X="C"``, ``loss="val_loss"``).

    Returns
    -------
    Fit or FitTable

    Raises
    ------
    DataError
        If the runs cannot carry the fit.
    LawError
        If a name is not the law's, or a parameter is also a column.

    Warns
    -----
    ConvergenceWarning
        If the optimum is not sound; the fit is returned all the same.

    Examples
    --------
    >>> import isoflop as iso
    >>> runs = iso.simulate("chinchilla", {"N": [1e8, 1e9, 1e10] * 4, "D": [1e9, 1e10, 1e11, 1e12] * 3}, noise=0.0)
    >>> fit = iso.fit(runs, "chinchilla")
    >>> round(fit.params["alpha"], 4), fit.success
    (0.3478, True)
    """
    _engine.thread_count(n_threads)
    law = _resolve(law, scale, tied)
    if isinstance(weights, str):
        variables, weights = {**variables, "weights": weights}, None
    _check_keywords(law, variables)
    runs = as_runs(runs, law.predicts_loss, **variables)
    options: dict[str, Any] = {"fixed": fixed, "bounds": bounds, "prior": prior, "starts": starts}
    recipe = law.paper_recipe().override(criterion, delta, quantile, law.scale)
    seed = seed_of(rng)
    if by is None:
        return _fit_one(runs, law, recipe, weights, seed, options)
    from ._fit_table import FitTable

    return FitTable(by, _fit_each(runs, by, weights, law, recipe, seed, options))


def _resolve(law: Law | str, scale: Scale | None, tied: Mapping[str, str] | None) -> Law:
    if isinstance(law, str):
        from . import laws

        law = laws.get(law)
    if not isinstance(law, Law):
        raise LawError(compose(f"law is a {type(law).__name__}, expected a Law or a name", "iso.Law('E + A/N**alpha')"))
    for name, text in (tied or {}).items():
        if name not in law.parameters:
            raise unknown_parameter(name, law.parameters, "tied")
        for used in names_in(text, f"tied {name}"):
            if used not in law.parameters:
                raise unknown_parameter(used, law.parameters, f"tied {name}")
    changes: dict[str, Any] = {"scale": scale} if scale else {}
    if tied:
        for where in ("box", "seed_at", "constants"):
            changes[where] = {k: v for k, v in getattr(law, where).items() if k not in tied}
        changes["tied"] = {**law.tied, **tied}
    return replace(law, **changes) if changes else law


def _check_keywords(law: Law, given: Mapping[str, Any]) -> None:
    """Refuse keywords that are neither variables of the law, nor roles of the runs: misspelt options land there."""
    known = [*law.variables, *law.levels.values(), *ROLES]
    for word in given:
        if word not in known:
            close = nearest(word, [*known, *OPTIONS])
            hint = f"did you mean {listed(close)}?" if close else f"its variables are {listed(law.variables)}"
            raise DataError(compose(f"fit has no option {word!r}, and the law no such variable", hint))


def _fit_each(
    runs: Runs, by: str, weights: Any, law: Law, recipe: Recipe, seed: int, options: Mapping[str, Any]
) -> dict[Any, Fit]:
    fits = {}
    codes = runs.factor(by)[0]
    for code, (label, part) in enumerate(runs.split(by).items()):
        own = None if weights is None else np.asarray(weights)[codes == code]
        try:
            fits[label] = _fit_one(part, law, recipe, own, seed, options)
        except (DataError, LawError) as error:
            raise type(error)(f"{by} {label!r}: {error}") from error
    return fits


def _fit_one(runs: Runs, law: Law, recipe: Recipe, weights: Any, seed: int, options: Mapping[str, Any]) -> Fit:
    _refuse_columns(law, runs)
    rows = _rows(runs, law, weights)
    names = expand(law.parameters, law.levels, rows.labels)
    fixed = fixed_array(options["fixed"], law, names)
    lower, upper = bound_arrays(options["bounds"], law, names, fixed)
    priors = priors_of(options["prior"], law, names, float(rows.table["response"].min()))
    mean, sd = prior_arrays(priors, names, fixed)
    _check_rows(rows, names, fixed, len(priors))
    core = recipe.core() | {"fixed": fixed, "lower": lower, "upper": upper, "prior_mean": mean, "prior_sd": sd}
    problem = Problem(law.spec, rows.table, core)
    starts = start_array(options["starts"], law, names, fixed)
    count = options["starts"] if starts is None and options["starts"] is not None else N_STARTS
    out = _engine.fit(problem, starts, int(count), seed, starts is not None)
    # Refits keep the weight that the priors had here.
    problem = replace(problem, recipe=core | {"kappa": float(out["kappa"])})
    result = _result(out, rows, law, recipe, problem, names, fixed, priors)
    _refuse_constant(result, rows)
    if not result.success:
        warn(f"the fit of {law.name or law.formula!r} is {result.status}: {result.message}", ConvergenceWarning)
    return result


@dataclass(frozen=True)
class _Rows:
    """The rows that are used, in the core's form, and what is known about them."""

    table: dict[str, Any]
    labels: dict[str, tuple[Any, ...]]
    groups: Any
    group_labels: tuple[Any, ...]
    repeats: dict[str, Any]
    columns: dict[str, str]
    backend: str
    fingerprint: str
    n_omitted: int


def _rows(runs: Runs, law: Law, weights: Any) -> _Rows:
    factors = tuple(dict.fromkeys(law.levels.values()))
    positive = (*law.positive, *(("loss",) if law.scale == "log" else ()))
    plain = [name for name in law.variables if name not in law.schedules]
    used, n_omitted = runs.for_variables(plain, factors=factors, positive=positive, schedules=law.schedules)
    levels = {name: used.factor(name) for name in factors}
    columns = {
        name: used.schedule(name) if name in law.schedules else _engine.floats(used.variable(name))
        for name in law.variables
    }
    warn_outside(law, columns)
    table = {
        "columns": columns,
        "factors": {name: (_engine.integers(codes), len(labels)) for name, (codes, labels) in levels.items()},
        "response": _engine.floats(used.loss),
        "weights": _weights(runs, used, weights),
    }
    groups = used.group_codes()
    return _Rows(
        table,
        {name: tuple(labels) for name, (_, labels) in levels.items()},
        None if groups is None else _engine.integers(groups[0]),
        () if groups is None else tuple(groups[1]),
        _run_codes(used) if groups is None else {},
        {v: c for v, c in runs.roles.items() if v in (*law.variables, *factors) and v != c},
        backend_of(runs._columns.table),
        _fingerprint(table, levels, used.n_rows),
        n_omitted,
    )


def _run_codes(runs: Runs) -> dict[str, Any]:
    """Return the codes of the column that tells runs apart, where there is one."""
    name = run_column(runs.columns)
    return {} if name is None else {name: _engine.integers(runs.factor(name)[0])}


def _fingerprint(table: Mapping[str, Any], levels: Mapping[str, Any], n_rows: int) -> str:
    """Return `Runs.fingerprint_of` the loss, variables and levels, without reading the columns again."""
    labelled = {name: [labels[code] for code in codes] for name, (codes, labels) in levels.items()}
    columns = {k: v.labels() if isinstance(v, Schedules) else v for k, v in table["columns"].items()}
    return digest({"loss": table["response"], **columns, **labelled}, n_rows)


def _weights(runs: Runs, used: Runs, given: Any) -> Floats:
    weights = used.weights
    if given is None:
        return _engine.floats(weights)
    array = np.asarray(given, dtype=np.float64)
    if array.shape != (runs.n_rows,):
        raise DataError(f"weights have shape {array.shape}, expected one per row: ({runs.n_rows},)")
    kept = array[np.isin(runs.row_numbers, used.row_numbers)]
    _checks.check_weights("weights", kept, used.row_numbers)
    return _engine.floats(weights * kept)


def _refuse_columns(law: Law, runs: Runs) -> None:
    """Raise if a parameter is also a column or a letter of the runs: it was most likely meant as a variable."""
    letters = set(runs.roles) - {"loss", "groups", "weights", "C"}
    for name in law.parameters:
        if name in runs.columns or name in letters:
            is_column = name in runs.columns
            wanted = (*law.variables, name)
            hint = f"write variables={wanted!r} if {name} is a variable; else rename the "
            raise LawError(
                compose(
                    f"parameter {name!r} of {law.formula!r} is also a "
                    f"{'column' if is_column else 'variable'} of the runs",
                    hint + ("column" if is_column else "parameter"),
                )
            )


def _check_rows(rows: _Rows, names: Sequence[str], fixed: Floats, n_priors: int) -> None:
    weights = rows.table["weights"]
    n, q = int((weights > 0).sum()), int(np.isnan(fixed).sum())
    for factor, (codes, _) in rows.table["factors"].items():
        seen = set(codes[weights > 0].tolist())
        empty = [label for i, label in enumerate(rows.labels[factor]) if i not in seen]
        if empty:
            raise DataError(compose(f"no row of weight above 0 has {factor} {listed(empty)}", "leave those rows out"))
    if n + n_priors < q:
        free = [name for name, value in zip(names, fixed, strict=True) if np.isnan(value)]
        raise DataError(
            compose(
                f"{counted(n, 'row')} cannot determine {counted(q, 'parameter')} ({', '.join(free)})",
                "add runs, or fix, tie or put priors on parameters",
            )
        )


def _result(
    out: Mapping[str, Any],
    rows: _Rows,
    law: Law,
    recipe: Recipe,
    problem: Problem,
    names: tuple[str, ...],
    fixed: Floats,
    priors: dict[str, Prior],
) -> Fit:
    status, message = _engine.STATUS[out["status"]]
    values = dict(zip(names, map(float, out["theta"]), strict=True))
    covariance = np.asarray(out["covariance"])
    unknown = ~np.isnan(fixed) | np.asarray(out["at_bound"], dtype=bool)
    errors = dict(zip(names, map(float, np.where(unknown, np.nan, out["standard_error"])), strict=True))
    if law.tied:
        errors |= delta_errors(replace(law, tied={}), names, values, covariance, law.tied)
        values |= tied_values(law, rows.labels, values)
    return Fit(
        law=law,
        params=Values(values),
        standard_error=Values(errors),
        objective=float(out["objective"]),
        status=status,
        message=message,
        success=out["status"] <= _engine.LAST_OK,
        nfev=int(out["n_evaluations"]),
        n_starts=int(out["n_starts"]),
        n_best=int(out["n_best"]),
        n_optima=int(out["n_optima"]),
        recipe=recipe,
        delta=float(out["delta"]),
        residuals=np.asarray(out["residuals"]),
        fitted=np.asarray(out["fitted"]),
        covariance=covariance,
        at_bound=tuple(n for n, at in zip(names, out["at_bound"], strict=True) if at),
        unidentified=tuple(names[i] for i in out["unidentified"]),
        names=names,
        free=tuple(n for n, value in zip(names, fixed, strict=True) if np.isnan(value)),
        fingerprint=rows.fingerprint,
        n_omitted=rows.n_omitted,
        priors=priors,
        columns=rows.columns,
        labels=rows.labels,
        backend=rows.backend,
        groups=rows.groups,
        group_labels=rows.group_labels,
        repeats=rows.repeats,
        problem=problem,
    )


def _refuse_constant(result: Fit, rows: _Rows) -> None:
    """Raise where parameters cannot be told because a variable never varies: no fit can be meant there."""
    if not result.unidentified:
        return
    seen = rows.table["weights"] > 0
    for name, values in rows.table["columns"].items():
        if isinstance(values, Schedules):
            continue
        if np.ptp(values[seen]) == 0:
            raise DataError(
                compose(
                    f"all rows have {name} = {values[seen][0]:g}, "
                    f"so {', '.join(result.unidentified)} cannot be told apart",
                    f"add runs with other {name}, or fix parameters: fixed={{{result.unidentified[-1]!r}: ...}}",
                )
            )
