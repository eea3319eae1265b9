"""`diagnostics`: refit without each run, and put together what a fit rests on."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from . import _engine
from ._bootstrap import bootstrap
from ._diagnostics import Diagnostics
from ._engine import Floats
from ._errors import ConvergenceWarning, FitError, counted, listed
from ._evaluate import unknown_parameter
from ._fitted import Fit
from ._formula import evaluate, names_in
from ._lack_of_fit import NO_REPLICATES, has_replicates, lack_of_fit
from ._leverage import leverage_notes, orthonormal, unit_codes, unit_leverage
from ._notes import Kind, Note, Notes
from ._repr import number, percent
from ._residual_checks import outlier_note, robust_sigma, spread, spread_note, trend_notes

UNSOUND = Kind("fit-unsound", "the fit is {status}: {message}", "see to the fit before what rests on it")
ONE_DECIDES = Kind(
    "one-unit-decides",
    "{unit} {label} decides {quantity}: without it {quantity} goes from {before} to {after}, "
    "{share} of what all {unit}s together move it",
    "check that run, and add runs near it",
)
INDISPENSABLE = Kind(
    "unit-indispensable",
    "without {unit} {labels} the rest does not determine the law ({status})",
    "add runs near it, or fix, tie or put priors on parameters",
)
NO_INFLUENCE = Kind(
    "influence-skipped",
    "{n} {unit}s of {rows} rows were not left out one by one, which takes long",
    "pass influence=True, or declare groups",
)
FEW_ROWS = Kind(
    "few-rows",
    "{rows} for {parameters}: standard errors are rough",
    "add runs, or fix, tie or put priors on parameters",
)
FEW_GROUPS = Kind(
    "few-groups",
    "{groups} for {parameters}: rows of a group share noise, so intervals over groups are rough",
    "add runs, or use method='wild-cluster' intervals",
)
SINGLE_GROUPS = Kind(
    "groups-of-one",
    "{n} of {groups} have one row, whose noise cannot be told from the group's",
    "leave groups out where runs are independent",
)
ONE_SCALE = Kind(
    "one-scale",
    "{name} spans a factor of {span} only: its exponent rests on little, and extrapolation on less",
    "add runs at other {name}",
)

#: Rows times units beyond which influence has to be asked for: seconds of refits.
MUCH_WORK = 250_000_000
#: Share of the jackknife variance from which one unit decides a quantity, and units that make that telling: by chance
#: evenly spaced runs of a simple law pass it in some 10 % of tables with 9 units, and 2 % with 20.
DECISIVE, FEW_UNITS = 0.75, 8
#: Rows for each parameter, and the span of a variable, below which a note says so.
ROWS_EACH, SPAN = 3, 3.0


def diagnostics(
    fit: Fit, quantity: str | None = None, *, influence: bool | None = None, n_threads: int | None = None
) -> Diagnostics:
    """Return what a fit rests on and what its residuals show.

    Parameters
    ----------
    fit : Fit
        The fit, with its data.
    quantity : str, optional
        Whose influence is told first: a parameter, a derived quantity of the law, or a formula over the parameters.
        The law's first derived quantity, or its last parameter, where None.
    influence : bool, optional
        Whether to refit without each group (or row): exactly, by the jackknife. Where None: unless that takes long, as
        for very many rows, and for laws over whole schedules.
    n_threads : int, optional
        Threads for these refits; all CPUs that this process may use where None.

    Returns
    -------
    Diagnostics

    Raises
    ------
    FitError
        If the fit holds no data, or fewer than two units.
    LawError
        If `quantity` names what the law does not have.

    Notes
    -----
    Leverages are those of the linear model at the optimum, with the row weights and priors. The robust criterion gives
    rows outside its width no say, so a row's leverage is what it would have if it lay near the curve.

    Examples
    --------
    >>> import isoflop as iso
    >>> X = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1e6]
    >>> found = iso.fit(iso.simulate("power_floor", {"X": X}, noise=0.01), "power_floor").diagnostics("alpha")
    >>> found.labels[found.unit_leverage.argmax()], "no-replicates" in found.notes
    (11, True)
    """
    basis = orthonormal(fit)
    codes, labels = unit_codes(fit)
    unit = "row" if fit.groups is None else "group"
    if len(labels) < 2:
        raise FitError(f"the fit has {counted(len(labels), unit)} of weight above 0, diagnostics need at least 2")
    formulas = _formulas(fit, quantity)
    asked = quantity if quantity is not None else _first(fit)
    cheap = len(labels) * fit.n_rows <= MUCH_WORK and not fit.law.schedules
    wanted = cheap if influence is None else influence
    changes, status = _leave_out(fit, formulas, len(labels), wanted, n_threads)
    own, alone = unit_leverage(basis, codes, len(labels))
    used = codes >= 0
    sigma = robust_sigma(fit.residuals[used], basis.shape[1], fit.criterion == "squared")
    assert fit.problem is not None
    inflation = float(np.sqrt(used.sum() / len(labels)))
    found = Diagnostics(
        fit=fit,
        unit=unit,
        labels=labels,
        unit_codes=codes,
        quantity=asked,
        sigma=sigma,
        leverage=_engine.floats((basis**2).sum(axis=1)),
        unit_leverage=own,
        unit_alone=alone,
        quantities=tuple(formulas),
        changes=changes,
        without=status,
        lack_of_fit=lack_of_fit(fit.problem.table, fit.residuals, basis.shape[1], codes),
        spread=spread(fit.residuals[used], fit.fitted[used], inflation),
        notes=Notes(),
    )
    return _with_notes(found, wanted)


def _formulas(fit: Fit, quantity: str | None) -> dict[str, str]:
    """Return the quantities whose changes are told, as formulas over the parameters."""
    names = [name for name in fit.params if name in fit.free and name not in fit.at_bound]
    formulas = dict.fromkeys(names, "") | dict(fit.law.derived)
    if quantity is None or quantity in formulas:
        return formulas
    for used in names_in(quantity, "quantity"):
        if used not in fit.params:
            raise unknown_parameter(used, list(fit.params), "quantity")
    return formulas | {quantity: quantity}


def _first(fit: Fit) -> str:
    free = [name for name in fit.free if name not in fit.at_bound]
    return next(iter(fit.law.derived), free[-1] if free else "")


def _leave_out(
    fit: Fit, formulas: dict[str, str], n_units: int, wanted: bool, n_threads: int | None
) -> tuple[Floats, tuple[str, ...]]:
    """Return the change of each quantity without each unit (NaN where the refit is unsound), and the refits' status."""
    if not wanted:
        return np.full((n_units, len(formulas)), np.nan), ("",) * n_units
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # told by the notes
        boot = bootstrap(fit, scheme="jackknife", rng=0, n_threads=n_threads)
    after = {name: boot.draws[:, k] for k, name in enumerate(fit.names)}
    after |= {name: evaluate(text, after, name) for name, text in fit.law.tied.items()}
    columns = []
    for name, text in formulas.items():
        before = fit.params[name] if not text else float(evaluate(text, fit.params, name)[0])
        moved = after[name] if not text else np.broadcast_to(evaluate(text, after, name), len(boot.draws))
        columns.append(np.where(boot.ok, moved - before, np.nan))
    return _engine.floats(np.column_stack(columns)), tuple(_engine.STATUS[code][0] for code in boot.status)


def _with_notes(found: Diagnostics, wanted: bool) -> Diagnostics:
    return replace(found, notes=Notes([*_size_notes(found), *_influence_notes(found, wanted), *_residual_notes(found)]))


def _n_parameters(fit: Fit) -> int:
    return len(fit.free) - len(fit.at_bound)


def _size_notes(found: Diagnostics) -> Iterator[Note]:
    """Yield notes of what can be told before any residual is looked at."""
    fit, n_parameters = found.fit, _n_parameters(found.fit)
    used, parameters = found.unit_codes >= 0, counted(n_parameters, "parameter")
    if not fit.success:
        yield UNSOUND(status=fit.status, message=fit.message)
    if used.sum() < ROWS_EACH * n_parameters:
        yield FEW_ROWS(rows=counted(int(used.sum()), "row"), parameters=parameters)
    if found.unit == "group":
        groups = counted(len(found.labels), "group")
        if len(found.labels) <= n_parameters:
            yield FEW_GROUPS(groups=groups, parameters=parameters)
        single = int((np.bincount(found.unit_codes[used]) == 1).sum())
        if 0 < single < len(found.labels):
            yield SINGLE_GROUPS(n=single, groups=groups)
    assert fit.problem is not None
    for name, values in fit.problem.table["columns"].items():
        if isinstance(values, np.ndarray) and name in fit.law.positive:
            span = float(values[used].max() / values[used].min())
            if span < SPAN:
                yield ONE_SCALE(name=name, span=number(span, 3))


def _influence_notes(found: Diagnostics, wanted: bool) -> Iterator[Note]:
    """Yield notes of units that decide."""
    yield from leverage_notes(found.unit, list(found.labels), found.unit_alone)
    if not wanted:
        yield NO_INFLUENCE(n=len(found.labels), unit=found.unit, rows=found.fit.n_rows)
        return
    lost = np.nonzero(~np.isfinite(found.changes).any(axis=1))[0].tolist()
    if lost:
        labels = listed([found.labels[i] for i in lost], limit=3)
        yield INDISPENSABLE(unit=found.unit, labels=labels, status=found.without[lost[0]])
    shares = np.nan_to_num(found.shares[:, found._place])
    top = int(np.argmax(shares))
    if shares[top] > DECISIVE and len(found.labels) >= FEW_UNITS:
        before = _value(found)
        yield ONE_DECIDES(
            unit=found.unit,
            label=found.labels[top],
            quantity=found.quantity,
            before=number(before, 4),
            after=number(before + float(found.changes[top, found._place]), 4),
            share=percent(float(shares[top])),
        )


def _value(found: Diagnostics) -> float:
    fit, name = found.fit, found.quantity
    text = fit.law.derived.get(name, name)
    return fit.params[name] if name in fit.params else float(evaluate(text, fit.params, name)[0])


def _residual_notes(found: Diagnostics) -> Iterator[Note]:
    """Yield notes of what the residuals show; none where they are nothing but rounding."""
    fit, lack = found.fit, found.lack_of_fit
    assert fit.problem is not None
    if not has_replicates(fit.problem.table, found.unit_codes):
        yield NO_REPLICATES(unit=found.unit)
    largest = float(np.abs(fit.problem.table["response"]).max()) if fit.law.scale == "linear" else 1.0
    if not found.sigma > 1e-12 * largest:
        return
    standardised = np.where(found.unit_codes >= 0, found.standardised, 0.0)
    checks = [
        outlier_note(fit.residuals, standardised, found.sigma, _n_parameters(fit), fit.criterion == "squared"),
        lack.note() if lack else None,
        spread_note(found.spread, fit.law.scale),
        *trend_notes(fit.problem.table, standardised, found.sigma, found.unit_codes),
    ]
    yield from (note for note in checks if note is not None)
