"""Everything that a report says, computed before a word of it is written."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from .._backtest import Backtest, backtest
from .._backtest._scores import PROBABILITIES
from .._bootstrap import bootstrap
from .._diagnose import diagnostics
from .._diagnostics import Diagnostics
from .._draws import Bootstrap
from .._engine import Floats
from .._errors import DataError, IsoflopError, IsoflopWarning, compose, counted
from .._fitted import Fit
from .._forecast import Forecaster, forecaster
from .._runs import Runs, as_runs
from ._curve import Curve, optimal_curve, path_curve
from ._decision import Decision, Model, budgets, decide
from ._rows import Rows, rows_of

Result = TypeVar("Result")
Progress = Callable[[str], None]
#: What a back-test compares with.
COMMON = "chinchilla-huber-groups"


@dataclass(frozen=True)
class Settings:
    """What the caller chose; `held` are variables and levels of the law at one value."""

    level: float = 0.95
    target: float | None = None
    held: Mapping[str, Any] = field(default_factory=dict)
    n_resamples: int = 4_000
    rng: int = 0
    backtest: bool = True


@dataclass(frozen=True, eq=False)
class Findings:
    """Results for one table of runs; a part that could not be computed is None and has its reason in `gaps`.

    Attributes
    ----------
    model : Forecaster or Bootstrap
        What bands and optima come from.
    runs : Runs or None
        The table, where the model was fitted here.
    settings : Settings
    rows : Rows
    boot : Bootstrap or None
        Where intervals of parameters come from.
    intervals : frame or None
        Of parameters and derived quantities.
    checks : Diagnostics or None
    decision : Decision or None
    curve : Curve or None
    tested : Backtest or None
    gaps : dict of str to str
    far_notes : tuple of str
        What the forecaster says of the target: how far out it is, what the uncertainty comes from.
    warnings : tuple of str
        Said on the way.
    """

    model: Model
    runs: Runs | None
    settings: Settings
    rows: Rows
    boot: Bootstrap | None
    intervals: Any
    checks: Diagnostics | None
    decision: Decision | None
    curve: Curve | None
    tested: Backtest | None
    gaps: dict[str, str]
    far_notes: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def fit(self) -> Fit:
        """The fit that the model rests on."""
        return self.model.fit


def gather(source: Any, law: Any, settings: Settings, progress: Progress, variables: Mapping[str, str]) -> Findings:
    """Fit, refit, forecast, decide and test."""
    with _overheard() as said:
        model, runs = _model(source, law, settings, progress, variables)
        rows = rows_of(model.fit, None if runs is None else runs.roles["loss"])
        fit, gaps = model.fit, dict[str, str]()
        steps = _steps(rows, settings)
        progress(f"intervals: {settings.n_resamples:,} refits")
        boot = model if isinstance(model, Bootstrap) else _try(gaps, "parameters", lambda: _refits(fit, settings))
        intervals = None if boot is None else _try(gaps, "parameters", lambda: _intervals(boot, settings.level))
        checks = _try(gaps, "diagnostics", lambda: diagnostics(fit))
        decision = None
        if steps is not None:
            progress("optima and bands")
            decision = _try(gaps, "decision", lambda: _decide(model, boot, steps, settings))
        else:
            gaps["decision"] = "the law has no N and D: there is nothing to divide a budget between"
        curve = _try(gaps, "forecast", lambda: _curve(model, decision, rows, settings))
        tested = _try(gaps, "back-test", lambda: _tested(model, runs, settings, progress))
        notes = _far_notes(model, decision, curve, settings)
    heard = tuple(dict.fromkeys(said))
    return Findings(model, runs, settings, rows, boot, intervals, checks, decision, curve, tested, gaps, notes, heard)


def _model(
    source: Any, law: Any, settings: Settings, progress: Progress, variables: Mapping[str, str]
) -> tuple[Model, Runs | None]:
    if not isinstance(source, Forecaster | Bootstrap | Fit):
        runs = as_runs(source, **variables)
        progress(f"the model: {counted(len(runs), 'row')}")
        return forecaster(runs, law), runs
    if law is not None or variables:
        name = "law" if law is not None else next(iter(variables))
        raise DataError(
            compose(f"{name} was given with a model that is fitted already", "pass the runs, or leave it out")
        )
    return (_refits(source, settings) if isinstance(source, Fit) else source), None


def _steps(rows: Rows, settings: Settings) -> tuple[Floats, int] | None:
    """Return the budgets of the slider, if there is a budget to divide; refuse a target that cannot be."""
    if rows.compute is not None and "N" in rows.variables:
        return budgets(rows.compute, settings.target)
    if settings.target is not None:
        raise DataError(compose("target is a training budget, but the law has no N and D", "leave it out"))
    return None


def _refits(fit: Fit, settings: Settings) -> Bootstrap:
    return bootstrap(fit, settings.n_resamples, rng=settings.rng)


def _intervals(boot: Bootstrap, level: float) -> Any:
    return boot.interval(level, derived=boot.fit.law.derived)


def _decide(model: Model, boot: Bootstrap | None, steps: tuple[Floats, int], settings: Settings) -> Decision:
    return decide(model, boot, steps, settings.level, settings.rng, settings.held)


def _curve(model: Model, decision: Decision | None, rows: Rows, settings: Settings) -> Curve:
    return path_curve(model, settings.level, settings.held) if decision is None else optimal_curve(decision, rows)


def _far_notes(model: Model, decision: Decision | None, curve: Curve | None, settings: Settings) -> tuple[str, ...]:
    """Return what the forecaster says of the target, or of the end of the curve."""
    if not isinstance(model, Forecaster):
        return ()
    if decision is not None:
        best, i = decision.optimum, decision.start
        at = {"N": float(best.N[i]), "D": float(best.D[i]), **settings.held}
    elif curve is not None and set(model.law.variables) == {curve.x}:
        at = {curve.x: float(curve.at[-1]), **settings.held}
    else:
        return ()
    notes = model.forecast(None, level=settings.level, **at).notes
    return tuple(note for note in notes if note not in model.remarks)


def _tested(model: Model, runs: Runs | None, settings: Settings, progress: Progress) -> Backtest:
    """Let the report's own kind of model, and the common one, forecast the larger runs from the smaller."""
    if not settings.backtest:
        raise DataError("it was not asked for")
    if runs is None:
        raise DataError("the report was made from a model, without its table")
    law = model.fit.law
    if set(law.variables) != {"N", "D"} or law.levels:
        raise DataError("cuts are by training compute, of laws over N and D alone")
    progress("back-test")

    def ours(fitted: Any, later: Any) -> Any:
        again = forecaster(fitted.runs(), law)
        points = {"N": later.N, "D": later.D}
        return np.log(again.predict(**points)), np.log(again.quantiles(PROBABILITIES, **points))

    return backtest(runs, methods={"this report": ours, COMMON: COMMON})


def _try(gaps: dict[str, str], name: str, compute: Callable[[], Result]) -> Result | None:
    """Return a part of the report, or note why there is none."""
    try:
        return compute()
    except IsoflopError as error:
        gaps[name] = str(error).replace("\n\nHint: ", "; ")
        return None


@contextmanager
def _overheard() -> Iterator[list[str]]:
    """Collect our warnings for the page; they reach the caller all the same."""
    said: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield said
        finally:
            said += [str(w.message).partition("\n")[0] for w in caught if issubclass(w.category, IsoflopWarning)]
    for warning in {str(w.message): w for w in caught}.values():
        warnings.warn(warning.message, warning.category, stacklevel=4)
