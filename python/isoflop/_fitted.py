"""`Fit`: what came out of a fit, how it is read, printed and saved.

How it comes about is in `_fit`; what is attached from above (`fit.bootstrap`) is attached in `__init__`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _engine
from ._engine import Codes, Floats, Problem
from ._errors import FitError
from ._formula import evaluate
from ._law import Law
from ._points import Labels, expand, make_frame, read_points
from ._prior import LogitNormal, LogNormal, Normal, Prior
from ._recipe import Recipe
from ._repr import Values, facts, html_table, number, pair, table
from ._schedules import Schedules, from_saved

if TYPE_CHECKING:
    from ._store import PathLike

_PRIORS = {kind.__name__: kind for kind in (LogNormal, Normal, LogitNormal)}


@dataclass(frozen=True, eq=False, repr=False)
class Fit:
    """A law fitted to runs.

    Attributes
    ----------
    law : Law
    params : mapping
        Value per parameter in the law's own names (``E[a]`` for levels), tied ones included.
    standard_error : mapping
        Gauss-Newton standard errors; NaN for parameters that are fixed or at a bound.
    objective : float
        Robust sum over rows, without the prior's part.
    success : bool
        Whether `status` is a sound optimum.
    status, message : str
        Outcome by name, and what it means or what to try.
    nfev : int
        Evaluations of the law over all rows.
    n_starts, n_best, n_optima : int
        Starts, how many of them reached the best optimum, and how many different optima there were.
    recipe : Recipe
        What was summed; `criterion` and `delta` (the width used) are for short.
    residuals : ndarray
        Predicted minus observed per row, on the law's response scale (log loss for most).
    fitted : ndarray
        Predicted loss per row.
    covariance : ndarray
        Of `names`, on the internal scale: ln of positive parameters, logit of those in (0, 1).
    at_bound, unidentified : tuple of str
        Parameters at zero or a bound, and those that the rows cannot tell.
    names, free : tuple of str
        Fitted parameters in the order of `covariance`, and those that were neither fixed nor tied.
    n_rows, n_omitted : int
    fingerprint : str
        Of the data that were used.

    Examples
    --------
    >>> import isoflop as iso
    >>> runs = iso.simulate("chinchilla", {"N": [1e8, 1e9, 1e10] * 4, "D": [1e9, 1e10, 1e11, 1e12] * 3}, noise=0.0)
    >>> fit = iso.fit(runs, "chinchilla")
    >>> fit.success, fit.names
    (True, ('E', 'A', 'alpha', 'B', 'beta'))
    >>> round(fit.predict(N=70e9, D=1.4e12), 4)
    1.9739
    """

    law: Law
    params: Values
    standard_error: Values
    objective: float
    status: str
    message: str
    success: bool
    nfev: int
    n_starts: int
    n_best: int
    n_optima: int
    recipe: Recipe
    delta: float
    residuals: Floats
    fitted: Floats
    covariance: Floats
    at_bound: tuple[str, ...]
    unidentified: tuple[str, ...]
    names: tuple[str, ...]
    free: tuple[str, ...]
    fingerprint: str
    n_omitted: int = 0
    priors: dict[str, Prior] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    labels: Labels = field(default_factory=dict)
    backend: str = "polars"
    groups: Codes | None = None
    #: The label of each code of `groups`.
    group_labels: tuple[Any, ...] = ()
    #: Columns that may tell runs apart although no groups are declared: codes by name.
    repeats: dict[str, Codes] = field(default_factory=dict)
    problem: Problem | None = None

    @property
    def criterion(self) -> str:
        """The shape of the sum: huber, squared, ..."""
        return self.recipe.criterion

    @property
    def n_rows(self) -> int:
        """How many rows were used."""
        return len(self.residuals)

    @property
    def theta(self) -> Floats:
        """Native values in the order of `names`, as the core takes them."""
        return _engine.floats([self.params[name] for name in self.names])

    def predict(self, frame: Any = None, /, **variables: Any) -> Any:
        """Return the loss that the law predicts.

        Parameters
        ----------
        frame : frame or Runs, optional
            A table with the law's variables as columns, by their letters or the names they had in the fitted runs.
        **variables
            The law's variables, which broadcast (``N=70e9, D=[1e12, 2e12]``); a level column as labels.

        Returns
        -------
        float, ndarray or frame
            A float for scalars, an array of the common shape, or the same kind of frame with a column ``loss``
            (``loss_predicted`` where there is one already).

        Examples
        --------
        >>> import isoflop as iso
        >>> fit = iso.fit(iso.simulate("chinchilla", {"N": [1e8, 1e9, 1e10] * 4, "D": [1e9, 1e10, 1e11, 1e12] * 3}))
        >>> fit.predict(N=70e9, D=[1.4e12, 2.8e12]).shape
        (2,)
        """
        points = read_points(self.law, self.labels, frame, variables, self.columns)
        spec = self.law.spec_at(self.labels)
        return points.give_back(_engine.predict(spec, self.theta, points.columns, points.codes))

    def to_frame(self) -> Any:
        """Return the rows that were fitted: variables, levels, loss, fitted, residual, weight.

        Examples
        --------
        >>> import isoflop as iso
        >>> fit = iso.fit(iso.simulate("power_floor", {"X": [1, 10, 100, 1000, 1e4]}), "power_floor")
        >>> fit.to_frame().columns
        ['X', 'loss', 'fitted', 'residual', 'weight']
        """
        if self.problem is None:
            raise FitError("this fit holds no data")
        table = self.problem.table
        levels = {k: [self.labels[k][code] for code in codes] for k, (codes, _) in table["factors"].items()}
        results = {"fitted": self.fitted, "residual": self.residuals, "weight": table["weights"]}
        columns = {k: v.lists() if isinstance(v, Schedules) else v for k, v in table["columns"].items()}
        return make_frame({**columns, **levels, "loss": table["response"], **results}, self.backend)

    if TYPE_CHECKING:  # attached in `__init__`: see `_bootstrap.bootstrap` and `_interval.interval`

        def bootstrap(self, n_resamples: int | None = None, **options: Any) -> Any: ...

        def diagnostics(self, quantity: str | None = None, **options: Any) -> Any: ...

        def interval(self, level: float = 0.95, method: str = "auto", **options: Any) -> Any: ...

    def derived(self, formulas: Mapping[str, str] | None = None) -> Values:
        """Return quantities that are formulas over the parameters.

        Parameters
        ----------
        formulas : mapping of str to str, optional
            Name and formula, such as ``{"a": "beta / (alpha + beta)"}``; those of the law where None.

        Examples
        --------
        >>> import isoflop as iso
        >>> fit = iso.fit(iso.simulate("power_floor", {"X": [1, 10, 100, 1000, 1e4]}, noise=0.0), "power_floor")
        >>> round(fit.derived({"half": "2**(1 / alpha)"})["half"], 3)
        17.959
        """
        formulas = self.law.derived if formulas is None else formulas
        return Values({k: float(evaluate(f, self.params, k)[0]) for k, f in formulas.items()})

    def derived_error(self, formulas: Mapping[str, str] | None = None) -> Values:
        """Return delta-method standard errors of `derived`; NaN where a parameter has none."""
        formulas = self.law.derived if formulas is None else formulas
        return Values(delta_errors(self.law, self.names, self.params, self.covariance, formulas))

    def summary(self) -> str:
        """Return the fit as text: what was done, how it ended, each value with its error."""
        head = f"{self.law.name or 'law'}: {self.law.formula}"
        parts = [head, "", facts(self._facts()), "", table(["parameter", "value", "error", ""], self._rows())]
        return "\n".join([*parts, *self._remarks()])

    def _facts(self) -> list[tuple[str, str]]:
        omitted = f", {self.n_omitted} left out" if self.n_omitted else ""
        priors = ", ".join(f"{k} {v!r}" for k, v in self.priors.items())
        starts = f"{self.n_best} of {self.n_starts} starts reached the optimum, {self.n_optima} different found"
        return [
            ("rows", f"{self.n_rows}{omitted}"),
            ("recipe", self.recipe.text(self.delta)),
            ("prior", priors),
            ("objective", f"{self.objective:.10g}"),
            ("status", f"{self.status}: {self.message}"),
            ("search", f"{starts}, {self.nfev} evaluations"),
        ]

    def _rows(self) -> list[list[str]]:
        rows = []
        for name, value in self.params.items():
            shown, error = pair(value, self.standard_error[name])
            rows.append([name, shown, error, self._mark(name)])
        errors = self.derived_error()
        for name, value in self.derived().items():
            rows.append([name, *pair(value, errors[name]), f"= {self.law.derived[name]}"])
        return rows

    def _mark(self, name: str) -> str:
        if name in self.law.tied:
            return f"= {self.law.tied[name]}"
        if name in self.unidentified:
            return "not identified"
        if name in self.at_bound:
            return "at zero" if self.params[name] == 0 else "at a bound"
        return "" if name in self.free else "fixed"

    def _remarks(self) -> list[str]:
        pairs = correlations(self.covariance, self.names)
        lines = [f"{a}, {b} {value:+.3f}" for a, b, value in pairs if abs(value) > 0.9][:4]
        return ["", "correlations (of logarithms)  " + "; ".join(lines)] if lines else []

    def __repr__(self) -> str:
        """Show law, rows, status and parameters on two lines."""
        return f"<Fit {self.law.name or self.law.formula}: {self.n_rows} rows, {self.status}>\n{self.params!r}"

    def _repr_html_(self) -> str:
        head = f"{self.law.name} {self.law.formula} · {self.n_rows} rows"
        caption = f"{head} · {self.status} · objective {number(self.objective, 8)}"
        return html_table(["parameter", "value", "error", ""], self._rows(), caption)

    def to_dict(self) -> dict[str, Any]:
        """Return everything in JSON's types, data and recipe included."""
        from . import _store

        problem = self.problem or Problem({}, {}, {})
        content = {
            name: getattr(self, name)
            for name in self.__dataclass_fields__
            if name not in ("law", "recipe", "priors", "problem")
        }
        priors = {k: {"kind": type(v).__name__, **asdict(v)} for k, v in self.priors.items()}
        extra = {"law": self.law.to_dict(), "recipe": asdict(self.recipe), "priors": priors}
        return _store.document("fit", {**content, **extra, "table": problem.table, "core_recipe": problem.recipe})

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Fit:
        """Make a fit again from `to_dict`."""
        from . import _store

        checked = _store.check(dict(content), "the dict", "fit")
        with _store.reading("the dict"):
            return cls._read(checked)

    @classmethod
    def _read(cls, content: Mapping[str, Any]) -> Fit:
        given = dict(content)
        law = Law.from_dict(given["law"])
        given["problem"] = Problem(law.spec, _table_from(given.pop("table")), _recipe_from(given.pop("core_recipe")))
        given["law"], given["recipe"] = law, Recipe(**given["recipe"])
        given["priors"] = {k: _prior_from(v) for k, v in given["priors"].items()}
        for name in ("params", "standard_error"):
            given[name] = Values({k: float(v) for k, v in given[name].items()})
        for name in ("residuals", "fitted", "covariance"):
            given[name] = np.array(given[name], dtype=np.float64)
        for name in ("at_bound", "unidentified", "names", "free"):
            given[name] = tuple(given[name])
        given["delta"], given["objective"] = float(given["delta"]), float(given["objective"])
        given["group_labels"] = tuple(given.get("group_labels", ()))
        given["repeats"] = {k: np.array(v, dtype=np.int64) for k, v in given.get("repeats", {}).items()}
        given["groups"] = None if given["groups"] is None else np.array(given["groups"], dtype=np.int64)
        needed = [f.name for f in fields(cls) if f.name in given or f.default is f.default_factory]  # both MISSING
        return cls(**{name: given[name] for name in needed})

    def save(self, path: PathLike) -> None:
        """Write the fit to a JSON file, in one step: a crash leaves the file that was there."""
        from . import _store

        _store.save_json(path, self.to_dict())

    @classmethod
    def load(cls, path: PathLike) -> Fit:
        """Read a fit that `save` wrote; of a saved bootstrap, its fit."""
        from . import _store

        content = _store.load_json(path, "fit", "bootstrap")
        with _store.reading(path):
            return cls._read(content["fit"] if content["isoflop"] == "bootstrap" else content)


def _table_from(saved: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "columns": {k: _column_from(v) for k, v in saved["columns"].items()},
        "factors": {k: (_engine.integers(codes), int(n)) for k, (codes, n) in saved["factors"].items()},
        "response": _engine.floats(saved["response"]),
        "weights": _engine.floats(saved["weights"]),
    }


def _column_from(saved: Any) -> Any:
    return from_saved(saved) if np.ndim(saved[0]) else _engine.floats(saved)


def _recipe_from(saved: Mapping[str, Any]) -> dict[str, Any]:
    arrays = ("fixed", "lower", "upper", "prior_mean", "prior_sd")
    numbers = ("delta", "over", "under")
    return {k: _engine.floats(v) if k in arrays else float(v) if k in numbers else v for k, v in saved.items()}


def _prior_from(saved: Mapping[str, Any]) -> Prior:
    given = dict(saved)
    return _PRIORS[given.pop("kind")](**given)


def correlations(covariance: Floats, names: tuple[str, ...]) -> list[tuple[str, str, float]]:
    """Return pairs of parameters by falling size of their correlation."""
    sd = np.sqrt(np.diag(covariance))
    found = [
        (names[i], names[j], float(covariance[i, j] / (sd[i] * sd[j])))
        for i in range(len(names))
        for j in range(i)
        if np.isfinite(sd[i] * sd[j]) and sd[i] * sd[j] > 0
    ]
    return sorted(found, key=lambda item: -abs(item[2]))


def delta_errors(
    law: Law, names: tuple[str, ...], params: Mapping[str, float], covariance: Floats, formulas: Mapping[str, str]
) -> dict[str, float]:
    """Return standard errors of formulas over parameters, by central differences on the internal scale."""
    theta = np.array([params[n] for n in names])
    step = 1e-5
    slopes = np.array([_slope(law.domain(n), x) for n, x in zip(names, theta, strict=True)])
    moved = theta + np.vstack([np.diag(slopes), -np.diag(slopes)]) * step
    columns = {n: moved[:, i] for i, n in enumerate(names)}
    columns.update({n: evaluate(text, columns, n) for n, text in law.tied.items()})
    out = {}
    for name, text in formulas.items():
        up, down = np.split(evaluate(text, columns, name), 2)
        gradient = (up - down) / (2 * step)
        used = gradient != 0
        variance = gradient[used] @ covariance[np.ix_(used, used)] @ gradient[used]
        out[name] = float(np.sqrt(variance)) if variance >= 0 else float("nan")
    return out


def _slope(domain: str, value: float) -> float:
    """Return d native / d internal."""
    return value if domain == "positive" else value * (1 - value) if domain == "unit" else 1.0


def tied_values(law: Law, labels: Labels, values: Mapping[str, float]) -> dict[str, float]:
    """Return the values of tied parameters."""
    assert set(expand(law.parameters, law.levels, labels)) == set(values)
    return {name: float(evaluate(text, values, f"tied {name}")[0]) for name, text in law.tied.items()}
