"""`Forecaster`: fitted laws with correlated errors, and what is read from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from .. import _engine, _store
from .._engine import Floats, floats
from .._errors import DataError, compose
from .._fitted import Fit
from .._law import Law
from .._points import Points, make_frame, read_points
from .._quantiles import tails
from .._repr import Values, bullets, facts, number, percent, table
from ._component import Component, Parts, from_saved, mixed, shares_of
from ._notes import notes_on
from ._place import log_compute
from ._result import Forecast


@dataclass(frozen=True, eq=False, repr=False)
class Forecaster:
    """A calibrated model of the loss; usable wherever a fit is.

    Attributes
    ----------
    components : tuple of Component
        One per law: its fit, and the mixture of error covariances around it.
    weights : ndarray
        Weight of each law; sums to 1.
    remarks : tuple of str
        What was chosen on the way here, in plain words.
    n_threads : int
        Threads that predictions use.

    Examples
    --------
    >>> import isoflop as iso
    >>> runs = iso.simulate("power_floor", {"X": [2.0**i for i in range(12)]}, noise=0.002, rng=1)
    >>> model = iso.forecaster(runs)
    >>> model.band(X=[1e4, 1e5], kind="new_run").columns
    ['X', 'kind', 'estimate', 'low', 'high']
    """

    components: tuple[Component, ...]
    weights: Floats
    remarks: tuple[str, ...]
    n_threads: int

    @property
    def fit(self) -> Fit:
        """The robust fit of the law with the largest weight."""
        return self.components[int(np.argmax(self.weights))].fit

    @property
    def law(self) -> Law:
        """Its law."""
        return self.fit.law

    @property
    def params(self) -> Values:
        """Its parameters."""
        return self.fit.params

    def predict(self, frame: Any = None, /, **variables: Any) -> Any:
        """Return the forecast of the loss.

        Parameters
        ----------
        frame, **variables
            Points, as in `Fit.predict`.

        Returns
        -------
        float, ndarray or frame
            As `Fit.predict`.

        Examples
        --------
        >>> import isoflop as iso
        >>> runs = iso.simulate("power_floor", {"X": [2.0**i for i in range(12)]}, noise=0.0)
        >>> iso.forecaster(runs).predict(X=[1e4, 1e5]).shape
        (2,)
        """
        points, parts = self._at(frame, variables)
        return points.give_back(self._loss(parts.mean))

    def curve(self, frame: Any = None, /, **variables: Any) -> Any:
        """Return the law's own curve, without the discrepancy: what allocations are planned with.

        Parameters
        ----------
        frame, **variables
            Points, as in `predict`.
        """
        points, parts = self._at(frame, variables)
        return points.give_back(self._loss(parts.curve))

    def forecast(self, frame: Any = None, /, *, level: float = 0.95, **variables: Any) -> Forecast:
        """Return the loss at points with both bands, shares of uncertainty, distances and notes.

        Parameters
        ----------
        frame, **variables
            Points, as in `predict`.
        level : float
            Nominal coverage of both bands.
        """
        points, parts = self._at(frame, variables)
        t = float(_engine.student([tails(level)[1]], parts.df)[0])
        outside = self._outside(points)
        ends = {
            name: self._loss(parts.mean + sign * t * np.sqrt(variance))
            for name, sign, variance in (
                ("mean_low", -1, parts.mean_variance),
                ("mean_high", 1, parts.mean_variance),
                ("low", -1, parts.variance),
                ("high", 1, parts.variance),
            )
        }
        shares = {name: _shaped(points, x) for name, x in shares_of(parts).items()}
        return Forecast(
            loss=_shaped(points, self._loss(parts.mean)),
            **{name: _shaped(points, x) for name, x in ends.items()},
            level=level,
            notes=(*notes_on(outside, parts), *self.remarks),
            shares=shares,
            outside=_shaped(points, outside),
            leverage=_shaped(points, parts.leverage),
            df=parts.df,
            sd=_shaped(points, np.sqrt(parts.variance)),
            points=points.table(),
            backend=self.fit.backend,
        )

    def quantiles(self, probabilities: Any, frame: Any = None, /, **variables: Any) -> Floats:
        """Return quantiles of what a new run would score: an array (points, probabilities).

        Parameters
        ----------
        probabilities : sequence of float
        frame, **variables
            Points, as in `predict`.
        """
        _, parts = self._at(frame, variables)
        t = _engine.student(probabilities, parts.df)
        return self._loss(parts.mean[:, None] + np.sqrt(parts.variance)[:, None] * t)

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
        """Return an interval for the loss at each point, as `Bootstrap.band` does.

        Parameters
        ----------
        frame, **variables
            Points, as in `predict`.
        kind : {"mean", "new_run"}
            The mean curve, or what one more run would score.
        level : float
        n_threads : int, optional
            In place of the forecaster's own number.

        Returns
        -------
        frame
            The law's variables, kind, estimate, low, high.
        """
        if kind not in ("mean", "new_run"):
            raise DataError(
                compose(f"kind is {kind!r}", "'mean' is the mean curve, 'new_run' what one more run scores")
            )
        points, parts = self._at(frame, variables, n_threads)
        t = float(_engine.student([tails(level)[1]], parts.df)[0])
        reach = t * np.sqrt(parts.variance if kind == "new_run" else parts.mean_variance)
        columns = {
            **points.table(),
            "kind": [kind] * points.size,
            "estimate": self._loss(parts.mean),
            "low": self._loss(parts.mean - reach),
            "high": self._loss(parts.mean + reach),
        }
        return make_frame(columns, self.fit.backend)

    def to_dict(self) -> dict[str, Any]:
        """Return everything in JSON's types, data and priors included."""
        components = [c.to_dict() for c in self.components]
        content = {"components": components, "weights": self.weights, "remarks": list(self.remarks)}
        return _store.document("forecaster", content)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Forecaster:
        """Make a forecaster again from `to_dict`."""
        checked = _store.check(dict(content), "the dict", "forecaster")
        with _store.reading("the dict"):
            return cls._read(checked)

    @classmethod
    def _read(cls, content: Mapping[str, Any]) -> Forecaster:
        components = tuple(from_saved(saved) for saved in content["components"])
        return cls(components, floats(content["weights"]), tuple(content["remarks"]), _engine.thread_count(None))

    def save(self, path: _store.PathLike) -> None:
        """Write the forecaster to a JSON file, in one step: a crash leaves the file that was there."""
        _store.save_json(path, self.to_dict())

    @classmethod
    def load(cls, path: _store.PathLike) -> Forecaster:
        """Read a forecaster that `save` wrote.

        Examples
        --------
        >>> import tempfile, isoflop as iso
        >>> model = iso.forecaster(iso.simulate("power_floor", {"X": [2.0**i for i in range(12)]}))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(f"{folder}/model.json")
        ...     iso.Forecaster.load(f"{folder}/model.json").predict(X=1e5) == model.predict(X=1e5)
        True
        """
        content = _store.load_json(path, "forecaster")
        with _store.reading(path):
            return cls._read(content)

    def summary(self) -> str:
        """Return the forecaster as text: laws, priors, and what the errors look like."""
        rows = [
            [
                c.fit.law.name or c.fit.law.formula,
                percent(float(w)),
                str(len(c.rows)),
                percent(c.smooth),
                percent(c.grouped),
                number(float(np.sqrt(np.nansum(c.weight * c.variance))), 3),
            ]
            for c, w in zip(self.components, self.weights, strict=True)
        ]
        headers = ["law", "weight", "rows", "smooth discrepancy", "group effect", "error sd"]
        priors = [(name, repr(prior)) for name, prior in self.fit.priors.items()]
        parts = [f"{self.law.name or 'law'}: {self.law.formula}", table(headers, rows)]
        if priors:
            parts.append("priors\n" + facts(priors))
        return "\n\n".join([*parts, bullets(self.remarks)])

    def __repr__(self) -> str:
        """Show laws and rows."""
        laws = ", ".join(c.fit.law.name or c.fit.law.formula for c in self.components)
        return f"<Forecaster {laws}: {self.fit.n_rows} rows, {self.components[0].n_groups} groups>"

    def _at(self, frame: Any, variables: Mapping[str, Any], n_threads: int | None = None) -> tuple[Points, Parts]:
        fit = self.fit
        threads = self.n_threads if n_threads is None else _engine.thread_count(n_threads)
        points = read_points(fit.law, fit.labels, frame, variables, fit.columns)
        parts = [c.at(_for_law(points, c.fit.law), threads) for c in self.components]
        return points, parts[0] if len(parts) == 1 else mixed(parts, self.weights)

    def _loss(self, response: Floats) -> Floats:
        return np.exp(response) if self.law.scale == "log" else response

    def _outside(self, points: Points) -> Floats:
        best = self.fit.problem
        assert best is not None
        seen = log_compute(self.law, best.table["columns"])
        asked = log_compute(self.law, points.columns)
        if seen is None or asked is None:
            return floats(np.full(points.size, np.nan))
        return floats(np.maximum(asked - seen[best.table["weights"] > 0].max(), 0.0))


def _for_law(points: Points, law: Law) -> Points:
    """Return the points with the columns that a law uses."""
    columns = {name: points.columns[name] for name in law.variables}
    codes = {name: points.codes[name] for name in dict.fromkeys(law.levels.values())}
    return Points(columns, codes, points.shape, points.labels, points.frame)


def _shaped(points: Points, values: Floats) -> Any:
    return values.reshape(points.shape) if points.shape else float(values[0])
