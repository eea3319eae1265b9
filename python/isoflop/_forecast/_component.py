"""One law on its rows with correlated errors: the part of a forecaster that knows the core."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import _engine
from .._engine import Codes, Floats, Problem, floats, integers
from .._errors import DataError, compose, counted
from .._fitted import Fit
from .._points import Points
from ._grid import GROUP, SMOOTH, grid
from ._place import Place, thinned

#: Points per call of the core, and the smallest weight of a cell that a later prediction still asks.
CHUNK, NEGLIGIBLE = 20_000, 1e-12
PARTS = ("parameters", "form", "discrepancy", "noise")


@dataclass(frozen=True)
class Parts:
    """A forecast at points on the law's response scale: centre, the law's curve, and variances by source."""

    mean: Floats
    curve: Floats
    parameters: Floats
    form: Floats
    discrepancy: Floats
    noise: Floats
    leverage: Floats
    df: float

    @property
    def mean_variance(self) -> Floats:
        """Variance of the mean curve."""
        return self.parameters + self.form + self.discrepancy

    @property
    def variance(self) -> Floats:
        """Variance of a new run."""
        return self.mean_variance + self.noise


@dataclass(frozen=True, eq=False)
class Component:
    """A fitted law and the mixture of error covariances around it.

    Attributes
    ----------
    fit : Fit
        The robust fit that the mixture starts from.
    theta, variance, weight : ndarray
        Parameters, s² and weight of each cell of `cells`.
    rows : ndarray
        Which rows of the fit the mixture rests on.
    shift : float or None
        For curves: the centre is the robust fit moved by this, not the mixture's mean.
    """

    fit: Fit
    problem: Problem
    place: Place
    field: dict[str, Any]
    cells: Floats
    theta: Floats
    variance: Floats
    weight: Floats
    rows: Codes
    n_groups: int
    n_failed: int
    row_leverage: float
    discrepancy: float
    shift: float | None = None

    @property
    def n_free(self) -> int:
        """How many parameters were fitted."""
        return int(np.isnan(self.problem.recipe["fixed"]).sum())

    @property
    def grouped(self) -> float:
        """The weight of cells with a group effect."""
        return float(self.weight[self.cells[:, GROUP] > 0].sum())

    @property
    def smooth(self) -> float:
        """The weight of cells with a smooth discrepancy."""
        return float(self.weight[self.cells[:, SMOOTH] > 0].sum())

    @property
    def df(self) -> float:
        """Degrees of freedom: of rows where they are independent, of groups where these share noise."""
        by_rows = max(len(self.rows) - self.n_free, 1)
        by_groups = max(self.n_groups - self.n_free, 3)
        return (1 - self.grouped) * by_rows + self.grouped * min(by_groups, by_rows)

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_saved` needs: the fit, and what the mixture found."""
        names = ("theta", "variance", "weight", "row_leverage", "discrepancy", "shift")
        return {"fit": self.fit.to_dict(), **{name: getattr(self, name) for name in names}}

    def at(self, points: Points, n_threads: int) -> Parts:
        """Return the forecast at points, chunk by chunk."""
        keep = self.weight > NEGLIGIBLE
        keep[0] = True  # leverage is read off the first cell
        cuts = range(0, max(points.size, 1), CHUNK)
        found = [self._chunk(points, slice(first, first + CHUNK), keep, n_threads) for first in cuts]
        arrays = {name: np.concatenate([part[name] for part in found]) for name in ("mean", "curve", *PARTS)}
        if self.shift is not None:
            arrays["curve"] = self._robust(points) + self.shift
            arrays["form"] = arrays["form"] + (arrays["curve"] - arrays["mean"]) ** 2
            arrays["mean"] = arrays["curve"]
        leverage = np.concatenate([part["leverage"] for part in found]) / self.row_leverage
        return Parts(**arrays, leverage=leverage, df=self.df)

    def _chunk(self, points: Points, chunk: slice, keep: Any, n_threads: int) -> dict[str, Any]:
        columns = {k: _cut(v, chunk) for k, v in points.columns.items()}
        codes = {k: integers(v[chunk]) for k, v in points.codes.items()}
        ones = np.ones(len(range(*chunk.indices(points.size))))
        sizes = {k: n for k, (_, n) in self.problem.table["factors"].items()}
        targets = {
            "columns": columns,
            "factors": {k: (v, sizes[k]) for k, v in codes.items()},
            "response": ones,
            "weights": ones,
        }
        field = {**self.field, "targets": self.place.coordinates(columns, codes)}
        return _engine.discrepancy(self.problem, self.theta[keep], False, field, self.cells[keep], targets, n_threads)

    def _robust(self, points: Points) -> Floats:
        spec = self.fit.law.spec_at(self.fit.labels)
        values = _engine.predict(spec, self.fit.theta, points.columns, points.codes)
        return floats(np.log(values)) if self.fit.law.scale == "log" else values


@dataclass(frozen=True)
class _Frame:
    """What of a component follows from its fit: the rows in use, their places, the grid."""

    problem: Problem
    place: Place
    field: dict[str, Any]
    cells: Floats
    rows: Codes
    n_groups: int

    @classmethod
    def of(cls, fit: Fit, discrepancy: float) -> _Frame:
        """Choose rows and hold what is at a bound."""
        assert fit.problem is not None
        table = fit.problem.table
        place = Place.of(fit.law, table["columns"])
        used = integers(np.flatnonzero(table["weights"] > 0))
        groups = _shared_groups(fit.groups, used)
        clock = place.clock(table["columns"], fit.n_rows)
        kept = thinned(clock[used], groups)
        rows = integers(used[kept])
        own = None if groups is None else integers(np.unique(groups[kept], return_inverse=True)[1])
        recipe = {**fit.problem.recipe, **_held(fit)}
        _require_rows(len(rows), int(np.isnan(recipe["fixed"]).sum()))
        table = _rows_of(table, rows)
        codes = {name: codes for name, (codes, _) in table["factors"].items()}
        coordinates = place.coordinates(table["columns"], codes)
        field = {"coordinates": coordinates, "clock": floats(clock[rows]), "groups": own, "targets": None}
        cells = grid(discrepancy, smooth=place.is_known, groups=own is not None)
        problem = replace(fit.problem, table=table, recipe=recipe)
        return cls(problem, place, field, cells, rows, len(rows) if own is None else int(own.max()) + 1)


def component(fit: Fit, discrepancy: float, n_threads: int, shift: float | None = None) -> Component:
    """Put the mixture of error covariances around a fit with priors."""
    frame = _Frame.of(fit, discrepancy)
    out = _engine.discrepancy(frame.problem, fit.theta[None, :], True, frame.field, frame.cells, None, n_threads)
    return _assembled(fit, frame, {**out, "discrepancy": discrepancy, "shift": shift})


def _assembled(fit: Fit, frame: _Frame, found: Mapping[str, Any]) -> Component:
    variance = floats(found["variance"])
    return Component(
        fit=fit,
        problem=frame.problem,
        place=frame.place,
        field=frame.field,
        cells=frame.cells,
        theta=floats(found["theta"]),
        variance=variance,
        weight=floats(found["weight"]),
        rows=frame.rows,
        n_groups=frame.n_groups,
        n_failed=int((~np.isfinite(variance)).sum()),
        row_leverage=float(found["row_leverage"]),
        discrepancy=float(found["discrepancy"]),
        shift=None if found["shift"] is None else float(found["shift"]),
    )


def from_saved(saved: Mapping[str, Any]) -> Component:
    """Make a component again from `Component.to_dict`."""
    fit = Fit.from_dict(saved["fit"])
    return _assembled(fit, _Frame.of(fit, float(saved["discrepancy"])), saved)


def mixed(parts: list[Parts], weights: Floats) -> Parts:
    """Return the average of several laws' forecasts; what they disagree about counts as form.

    Examples
    --------
    >>> one = Parts(*(np.array([x]) for x in (1.0, 1.0, 0.0, 0.0, 0.0, 0.1, 1.0)), df=9.0)
    >>> two = replace(one, mean=np.array([2.0]))
    >>> both = mixed([one, two], np.array([0.5, 0.5]))
    >>> float(both.mean[0]), float(both.form[0]), float(both.variance[0])
    (1.5, 0.25, 0.35)
    """
    names = ("mean", "curve", *PARTS, "leverage")
    sums = {name: floats(weights @ np.array([getattr(p, name) for p in parts])) for name in names}
    apart = weights @ (np.array([p.mean for p in parts]) - sums["mean"]) ** 2
    sums["form"] = floats(sums["form"] + apart)
    return Parts(**sums, df=float(weights @ np.array([p.df for p in parts])))


def _rows_of(table: Mapping[str, Any], rows: Codes) -> dict[str, Any]:
    """Return a table of the core with some of its rows."""
    return {
        "columns": {name: _cut(column, rows) for name, column in table["columns"].items()},
        "factors": {name: (integers(codes[rows]), n) for name, (codes, n) in table["factors"].items()},
        "response": floats(table["response"][rows]),
        "weights": floats(table["weights"][rows]),
    }


def _cut(column: Any, rows: Any) -> Any:
    """Return some rows of a column, numbers of prefixes where it is a schedule."""
    return (
        column._replace(numbers=floats(column.numbers[rows])) if hasattr(column, "_replace") else floats(column[rows])
    )


def _held(fit: Fit) -> dict[str, Floats]:
    """Return fixed parameters, those that ended at a bound among them, and the priors of the others."""
    assert fit.problem is not None
    recipe = fit.problem.recipe
    at_bound = np.array([name in fit.at_bound for name in fit.names])
    fixed = np.where(at_bound, fit.theta, recipe["fixed"])
    priors = {k: floats(np.where(np.isnan(fixed), recipe[k], np.nan)) for k in ("prior_mean", "prior_sd")}
    return {"fixed": floats(fixed), **priors}


def _shared_groups(groups: Codes | None, used: Codes) -> Codes | None:
    """Return group codes of the used rows, None where no two rows share one."""
    if groups is None:
        return None
    own = groups[used]
    return own if len(np.unique(own)) < len(own) else None


def _require_rows(n: int, q: int) -> None:
    if n < q + 2:
        raise DataError(
            compose(
                f"{counted(n, 'row')} leave nothing to judge {counted(q, 'parameter')} by, a forecast needs {q + 2}",
                "add runs, or fix parameters",
            )
        )


def shares_of(parts: Parts) -> Mapping[str, Floats]:
    """Return each source's share of the variance of a new run."""
    total = np.maximum(parts.variance, np.finfo(float).tiny)
    return {name: getattr(parts, name) / total for name in PARTS}
