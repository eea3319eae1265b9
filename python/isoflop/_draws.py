"""`Bootstrap`: the draws of many refits and what is read from them: intervals, bands, predictions.

How they are drawn is in `_bootstrap`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from . import _engine, _memory, _store
from ._draw_intervals import N_INNER, DrawMethod, draw_intervals
from ._engine import Floats, Job
from ._errors import DataError, FitError, PrecisionWarning, compose, warn
from ._fitted import Fit
from ._formula import evaluate
from ._points import Points, make_frame, read_points
from ._quantiles import deviation, interval_columns, jackknife, quantiles, tails
from ._quantity import Of
from ._repr import Values, facts, html_table, pair, percent, table
from ._seed import NOISE, uniform

#: Schemes that keep every row and draw another response.
RESPONSE_SCHEMES = ("wild", "wild-groups", "residual", "parametric")


@dataclass(frozen=True, eq=False, repr=False)
class Bootstrap:
    """Many refits of one law, one row per resample.

    Attributes
    ----------
    fit : Fit
        The fit to all rows.
    draws : ndarray (n, p)
        Best point found in every resample, native values; none is dropped.
    objective : ndarray (n,)
        Its objective.
    status : ndarray (n,) of uint8
        How each refit ended; 0 to 3 are sound (see `status_names`).
    scheme, reason : str
        Who was in a resample, and why where "auto" chose.
    seed : int
        Resample i depends on this and i only.

    Examples
    --------
    >>> import isoflop as iso
    >>> runs = iso.simulate("power_floor", {"X": [1, 3, 10, 30, 100, 300, 1000, 3000] * 5}, noise=0.01)
    >>> boot = iso.fit(runs, "power_floor").bootstrap(1000, rng=0)
    >>> boot.draws.shape, boot.names, boot.n_failed
    ((1000, 3), ('E', 'A', 'alpha'), 0)
    >>> boot.interval(level=0.9).columns
    ['parameter', 'estimate', 'low', 'high']
    """

    fit: Fit
    draws: Floats
    objective: Floats
    status: NDArray[np.uint8]
    scheme: str
    reason: str
    seed: int

    @property
    def names(self) -> tuple[str, ...]:
        """Parameters in the order of the columns of `draws`."""
        return self.fit.names

    @property
    def n_resamples(self) -> int:
        """How many resamples there are."""
        return len(self.draws)

    @property
    def ok(self) -> NDArray[np.bool_]:
        """Which refits are sound; intervals and bands use these."""
        return self.status <= _engine.LAST_OK

    @property
    def n_failed(self) -> int:
        """How many refits are not sound."""
        return int(np.count_nonzero(self.status > _engine.LAST_OK))

    @property
    def status_names(self) -> dict[str, int]:
        """How many refits ended in each way, by name."""
        counts = np.bincount(self.status, minlength=len(_engine.STATUS))
        return {name: int(n) for (name, _), n in zip(_engine.STATUS, counts, strict=False) if n}

    def failures(self) -> str:
        """Return how the unsound refits ended, in words."""
        sound = {name for name, _ in _engine.STATUS[: _engine.LAST_OK + 1]}
        return ", ".join(f"{n} {name}" for name, n in self.status_names.items() if name not in sound) or "none"

    def interval(
        self,
        level: float = 0.95,
        method: DrawMethod = "percentile",
        *,
        of: Of = None,
        derived: Mapping[str, str] | None = None,
        monte_carlo: bool = False,
        n_inner: int = N_INNER,
        n_threads: int | None = None,
    ) -> Any:
        """Return an interval per parameter or derived quantity.

        Parameters
        ----------
        level : float
            Nominal coverage.
        method : {"percentile", "basic", "bca", "studentised", "double"}
            Quantiles of the draws; the estimate minus the quantiles of the deviations; quantiles corrected for bias and
            acceleration (which takes one more refit per row or group); deviations in units of each refit's own standard
            error (the same resamples are refitted once more); or quantiles at levels at which a second bootstrap of
            every resample says that the first one holds.
        of : str, sequence or mapping, optional
            What intervals are for, as in `Fit.interval`; a mapping may also name functions, which get a mapping of
            parameter to array of draws. Parameters where None.
        derived : mapping of str to str, optional
            Further quantities as formulas over the parameters, in rows of their own.
        monte_carlo : bool
            Add columns ``low_error`` and ``high_error``: the standard error that comes from the finite number of
            resamples.
        n_inner : int
            Inner resamples of each resample (``double``).
        n_threads : int, optional

        Returns
        -------
        frame
            Columns parameter, estimate, low, high, of the kind the runs came in (polars where none did).

        Notes
        -----
        Quantiles are taken at p (n + 1) with interpolation. Quantities that cannot be negative are worked with by their
        logarithms where that matters (``basic``, ``studentised``). Unsound refits are left out; `summary` counts them.
        A parameter at zero in some draws has exactly 0.0 there, so its interval can begin at 0.0.

        Examples
        --------
        >>> import isoflop as iso
        >>> runs = iso.simulate("power_floor", {"X": [1, 3, 10, 30, 100, 300, 1000, 3000] * 5}, noise=0.01)
        >>> iso.fit(runs, "power_floor").bootstrap(200).interval(level=0.9).columns
        ['parameter', 'estimate', 'low', 'high']
        """
        probs = tails(level)
        self._checktails(level)
        if of is not None or method != "percentile":
            names = (*self.names, *self.fit.law.tied)
            of = {**{n: n for n in names}, **(derived or {})} if of is None else of
            wide = draw_intervals(self, level, method, of, n_inner, n_threads)
            columns = wide if monte_carlo else {k: wide[k] for k in list(wide)[:4]}
            return make_frame(columns, self.fit.backend)
        formulas = {**self.fit.law.tied, **(derived or {})}
        estimates = {**self.fit.params, **self.fit.derived(derived or {})}
        rows = [(name, estimates[name], *quantiles(x, probs)) for name, x in self._columns(formulas)]
        frame = interval_columns(rows)
        return make_frame(frame if monte_carlo else {k: frame[k] for k in list(frame)[:4]}, self.fit.backend)

    def standard_error(self, derived: Mapping[str, str] | None = None) -> Values:
        """Return the standard error per parameter, and per derived quantity where formulas are given.

        Notes
        -----
        The standard deviation over sound refits; for the jackknife the square root of (n - 1)/n times the sum of
        squared deviations.
        """
        self._require_ok()
        spread = jackknife if self.scheme == "jackknife" else deviation
        return Values({name: spread(x) for name, x in self._columns({**self.fit.law.tied, **(derived or {})})})

    def derived(self, formulas: Mapping[str, str] | None = None) -> dict[str, Floats]:
        """Return quantities that are formulas over the parameters, one value per resample (unsound ones included).

        Examples
        --------
        >>> import isoflop as iso
        >>> runs = iso.simulate("power_floor", {"X": [1, 3, 10, 30, 100, 300, 1000, 3000] * 5}, noise=0.01)
        >>> iso.fit(runs, "power_floor").bootstrap(200).derived({"half": "2**(1/alpha)"})["half"].shape
        (200,)
        """
        columns = {name: self.draws[:, j] for j, name in enumerate(self.names)}
        columns |= self.tied_columns(self.draws)
        chosen = self.fit.law.derived if formulas is None else formulas
        return {name: evaluate(text, columns, name) for name, text in chosen.items()}

    def predict(
        self, frame: Any = None, /, *, n_threads: int | None = None, memory_limit: int | None = None, **variables: Any
    ) -> Floats:
        """Return the loss at points for every draw: an array (n_resamples, points), unsound refits included.

        Parameters
        ----------
        frame, **variables
            Points, as in `Fit.predict`.
        n_threads : int, optional
        memory_limit : int, optional
            Bytes that the array may take; half of the available memory where None.

        Raises
        ------
        FitError
            If the array would not fit in memory; `band` needs no such array.
        """
        points = self._points(frame, variables)
        size = 8 * self.n_resamples * points.size
        what = f"a prediction for {self.n_resamples:,} draws at {points.size:,} points"
        _memory.require(size, what, memory_limit, "use .band(...), which never holds all draws at all points")
        threads = _engine.thread_count(n_threads)
        return _engine.predict_draws(self._spec, self.draws, points.columns, points.codes, threads)

    def band(
        self,
        frame: Any = None,
        /,
        *,
        kind: Literal["mean", "new_run"] = "mean",
        level: float = 0.95,
        n_threads: int | None = None,
        **variables: Any,
    ) -> Any:
        """Return an interval for the loss at each point.

        Parameters
        ----------
        frame, **variables
            Points, as in `Fit.predict`.
        kind : {"mean", "new_run"}
            The law's own curve, or what one more run would score.
        level : float
        n_threads : int, optional

        Returns
        -------
        frame
            The law's variables, kind, estimate (of the fit to all rows), low, high.

        Notes
        -----
        ``new_run`` adds to every draw one residual of the fit to all rows (observed minus predicted, on the law's
        response scale), drawn with replacement among rows of weight above 0 by a stream of its own, and widened by
        sqrt(n / (n - q)) for the q parameters that were fitted. Residuals are not centred: where a robust curve runs
        below the mean of the runs, so does the band. It says nothing of a wrong form of the law; see
        `iso.forecaster` for bands that do.

        Examples
        --------
        >>> import isoflop as iso
        >>> runs = iso.simulate("power_floor", {"X": [1, 3, 10, 30, 100, 300, 1000, 3000] * 5}, noise=0.01)
        >>> iso.fit(runs, "power_floor").bootstrap(200).band(X=[1e4, 1e5]).columns
        ['X', 'kind', 'estimate', 'low', 'high']
        """
        if kind not in ("mean", "new_run"):
            raise DataError(
                compose(f"kind is {kind!r}", "'mean' is the law's curve, 'new_run' what one more run scores")
            )
        self._checktails(level)
        points = self._points(frame, variables)
        noise = self._noise() if kind == "new_run" else None
        spec, threads = self._spec, _engine.thread_count(n_threads)
        low, high = _engine.band(
            spec, self.draws, self.ok, points.columns, points.codes, tails(level), threads, noise
        ).T
        estimate = _engine.predict(spec, self.fit.theta, points.columns, points.codes)
        columns = {**points.table(), "kind": [kind] * points.size, "estimate": estimate, "low": low, "high": high}
        return make_frame(
            {k: np.ascontiguousarray(v) if isinstance(v, np.ndarray) else v for k, v in columns.items()},
            self.fit.backend,
        )

    def weights(self, index: int) -> Floats:
        """Return the weight of every row in one resample, on top of the fit's own weights."""
        if not 0 <= index < self.n_resamples:
            raise DataError(f"resample {index} does not exist, expected 0 to {self.n_resamples - 1}")
        problem = self.fit.problem
        assert problem is not None
        seen = problem.table["weights"] > 0  # rows of weight 0 are never drawn
        if self.scheme in RESPONSE_SCHEMES:
            return _engine.floats(seen)
        groups = None if self.scheme == "rows" or self.fit.groups is None else self.fit.groups[seen]
        strata = _strata({k: (codes[seen], n) for k, (codes, n) in problem.table["factors"].items()})
        weights = np.zeros(self.fit.n_rows)
        weights[seen] = _engine.resample_weights(int(seen.sum()), self.scheme, groups, strata, self.seed, index)
        return weights

    def response(self, index: int) -> Floats:
        """Return the loss of every row in one resample: the runs' own, or what a scheme of responses drew."""
        if not 0 <= index < self.n_resamples:
            raise DataError(f"resample {index} does not exist, expected 0 to {self.n_resamples - 1}")
        fit = self.fit
        assert fit.problem is not None
        if self.scheme not in RESPONSE_SCHEMES:
            return _engine.floats(fit.problem.table["response"].copy())
        drawn = _engine.resample_response(
            Job(fit.problem, fit.theta, fit.delta, self.scheme, fit.groups, self.seed), index
        )
        return _engine.floats(np.exp(drawn)) if fit.law.scale == "log" else drawn

    def tied_columns(self, draws: Floats) -> dict[str, Floats]:
        """Return the tied parameters of native draws."""
        columns = {name: draws[:, j] for j, name in enumerate(self.names)}
        tied = self.fit.law.tied
        return {name: _engine.floats(evaluate(text, columns, f"tied {name}")) for name, text in tied.items()}

    def summary(self, level: float = 0.95) -> str:
        """Return the bootstrap as text: how it was drawn, what was left out, an interval per parameter."""
        headers, rows = self._cells(level)
        return "\n".join(
            [
                f"{self.fit.law.name or 'law'}: {self.fit.law.formula}",
                "",
                facts(self._facts()),
                "",
                table(headers, rows),
            ]
        )

    def _facts(self) -> list[tuple[str, str]]:
        failed = (
            f"{self.n_failed} ({percent(self.n_failed / self.n_resamples)}): {self.failures()}"
            if self.n_failed
            else "none"
        )
        return [
            ("resamples", f"{self.n_resamples:,} of {self.fit.n_rows} rows, seed {self.seed}"),
            ("scheme", f"{self.scheme}{f' ({self.reason})' if self.reason else ''}"),
            ("recipe", self.fit.recipe.text(self.fit.delta)),
            ("left out", failed),
            ("status", ", ".join(f"{n:,} {name}" for name, n in self.status_names.items())),
        ]

    def _cells(self, level: float) -> tuple[list[str], list[list[str]]]:
        errors = self.standard_error(self.fit.law.derived)
        estimates = {**self.fit.params, **self.fit.derived()}
        headers = ["parameter", "estimate", "error", f"low {percent(level)}", "high", "at zero"]
        rows = []
        for name, x in self._columns({**self.fit.law.tied, **self.fit.law.derived}):
            error, low, high = errors[name], "", ""
            if self.scheme != "jackknife":
                ends = quantiles(x, tails(level))[:2]
                scale = min(error, (ends[1] - ends[0]) / 4)  # a heavy tail must not take the digits
                low, high = (pair(end, scale)[0] for end in ends)
            else:
                scale = error
            zero = percent(float(np.mean(x == 0))) if (x == 0).any() else ""
            rows.append([name, pair(estimates[name], scale)[0], pair(error, error)[1], low, high, zero])
        return headers, rows

    def __repr__(self) -> str:
        """Show counts and the scheme; never the draws."""
        return (
            f"<Bootstrap of {self.fit.law.name or self.fit.law.formula}: {self.n_resamples:,} resamples by "
            f"{self.scheme}, {self.n_failed} unsound, seed {self.seed}>"
        )

    def _repr_html_(self) -> str:
        return html_table(*self._cells(0.95), caption=repr(self)[1:-1])

    def save(self, path: _store.PathLike) -> None:
        """Write a JSON file, and beside it a Parquet file with the draws; a crash leaves what was there."""
        columns = {f"draw {name}": np.ascontiguousarray(self.draws[:, j]) for j, name in enumerate(self.names)}
        entry = _store.save_draws(path, {**columns, "objective": self.objective, "status": self.status})
        content = {"fit": self.fit.to_dict(), "scheme": self.scheme, "reason": self.reason, "seed": self.seed}
        _store.save_json(path, _store.document("bootstrap", {**content, "draws": entry}))
        _store.remove_stale(path, entry["file"])

    @classmethod
    def load(cls, path: _store.PathLike) -> Bootstrap:
        """Read a bootstrap that `save` wrote."""
        content = _store.load_json(path, "bootstrap")
        with _store.reading(path):
            columns = _store.load_draws(Path(path), content["draws"])
            fit = Fit._read(content["fit"])
            draws = np.column_stack([columns[f"draw {name}"] for name in fit.names])
            said = {name: content[name] for name in ("scheme", "reason", "seed")}
            return cls(fit, draws, columns["objective"], columns["status"], **said)

    @property
    def _spec(self) -> dict[str, Any]:
        return self.fit.law.spec_at(self.fit.labels)

    def _points(self, frame: Any, variables: Mapping[str, Any]) -> Points:
        return read_points(self.fit.law, self.fit.labels, frame, variables, self.fit.columns)

    def _columns(self, formulas: Mapping[str, str]) -> Iterator[tuple[str, Floats]]:
        """Yield the sound draws of each parameter and formula, one column at a time."""
        self._require_ok()
        ok = self.ok if self.n_failed else slice(None)
        for j, name in enumerate(self.names):
            yield name, self.draws[:, j][ok]
        for name in formulas:
            yield name, self.derived({name: formulas[name]})[name][ok]

    def _noise(self) -> Floats:
        fit = self.fit
        assert fit.problem is not None
        residuals = -fit.residuals[fit.problem.table["weights"] > 0]
        n, q = len(residuals), len(fit.free)
        if n <= q:
            raise FitError(compose(f"{n} residuals of {q} parameters tell nothing of a new run", "add runs"))
        picked = (uniform(self.seed, NOISE, self.n_resamples) * n).astype(np.intp)
        return _engine.floats(residuals[picked] * np.sqrt(n / (n - q)))

    def _require_ok(self) -> None:
        if self.n_failed == self.n_resamples:
            raise FitError(compose(f"no refit is sound: {self.failures()}", "fix or tie parameters, or add a prior"))

    def _checktails(self, level: float) -> None:
        """Refuse quantiles of a jackknife, and warn where the tails lie beyond the outermost draws."""
        self._require_ok()
        if self.scheme == "jackknife":
            raise FitError(compose("jackknife draws have no quantiles", "use .standard_error(), or another scheme"))
        n = self.n_resamples - self.n_failed
        if (n + 1) * (1 - level) / 2 < 1:
            need = int(np.ceil(2 / (1 - level)))
            warn(
                f"{n} draws do not reach the tails of a {percent(level)} interval",
                PrecisionWarning,
                f"use {need} or more",
            )


def _strata(factors: Mapping[str, tuple[NDArray[np.int64], int]]) -> NDArray[np.int64] | None:
    """Return one code per combination of levels: resampling stays within them."""
    if not factors:
        return None
    combined = np.stack([codes for codes, _ in factors.values()])
    return _engine.integers(np.unique(combined, axis=1, return_inverse=True)[1].reshape(-1))
