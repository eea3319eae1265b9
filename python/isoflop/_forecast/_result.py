"""`Forecast`: what a forecaster says of some points, and how it is read and printed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from .._points import make_frame
from .._repr import bullets, facts, html_table, number, percent, table

#: What a share of the uncertainty comes from, in words.
SOURCES = {
    "parameters": "parameters of the law",
    "form": "disagreement between forms and error structures",
    "discrepancy": "smooth discrepancy from the law",
    "noise": "noise of one run",
}


@dataclass(frozen=True, eq=False, repr=False)
class Forecast:
    """The loss at points that have not been run, with two bands that are never mixed.

    Numbers are floats for one point and arrays of the points' shape for several.

    Attributes
    ----------
    loss : float or ndarray
        The forecast (the median, on the loss's own scale).
    mean_low, mean_high : float or ndarray
        Band of the mean curve: where the average of many runs at the point would lie.
    low, high : float or ndarray
        Band of a new run: what one more run would score.
    level : float
        Nominal coverage of both.
    notes : tuple of str
        What the reader should know, in plain words.
    shares : dict of str to float or ndarray
        Shares of the variance of a new run: ``parameters``, ``form``, ``discrepancy``, ``noise``.
    outside : float or ndarray
        How far the point lies beyond the largest run, in log10 of compute (1 is ten times); 0 inside, NaN where the
        law knows no compute. For a curve, in log10 of its variable.
    leverage : float or ndarray
        Leverage of the point over the largest leverage of a row: above 1 the parameters are extrapolated.
    df : float
        Degrees of freedom of the bands' Student distribution.
    sd : float or ndarray
        Standard deviation of a new run on the law's response scale (log loss for most).
    points : dict
        The points as they were given, flat.
    sensitivity : frame or None
        The same forecast under other priors, where it was asked for.

    Examples
    --------
    >>> import isoflop as iso
    >>> runs = iso.simulate("power_floor", {"X": [2.0**i for i in range(12)]}, noise=0.002, rng=1)
    >>> fc = iso.forecast(runs, X=1e5)
    >>> fc.low < fc.mean_low < fc.loss < fc.mean_high < fc.high
    True
    """

    loss: Any
    mean_low: Any
    mean_high: Any
    low: Any
    high: Any
    level: float
    notes: tuple[str, ...]
    shares: dict[str, Any]
    outside: Any
    leverage: Any
    df: float
    sd: Any
    points: dict[str, Any]
    backend: str = "polars"
    sensitivity: Any = field(default=None)

    def to_frame(self) -> Any:
        """Return one row per point: its variables, the forecast, both bands, shares, distance and leverage.

        Examples
        --------
        >>> import isoflop as iso
        >>> runs = iso.simulate("power_floor", {"X": [2.0**i for i in range(12)]})
        >>> iso.forecast(runs, X=1e5).to_frame().columns[:4]
        ['X', 'loss', 'mean_low', 'mean_high']
        """
        return make_frame(self._columns(), self.backend)

    def _columns(self) -> dict[str, Any]:
        names = ("loss", "mean_low", "mean_high", "low", "high")
        flat = {name: np.ravel(getattr(self, name)) for name in names}
        shares = {f"share_{name}": np.ravel(value) for name, value in self.shares.items()}
        far = {"outside": np.ravel(self.outside), "leverage": np.ravel(self.leverage)}
        return {**self.points, **flat, **shares, **far}

    def to_dict(self) -> dict[str, Any]:
        """Return the forecast in JSON's types, arrays as lists."""
        plain = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("backend", "sensitivity")}
        plain["points"] = dict(self.points)
        if self.sensitivity is not None:
            import narwhals.stable.v2 as nw

            plain["sensitivity"] = list(nw.from_native(self.sensitivity, eager_only=True).iter_rows(named=True))
        return {name: _plain(value) for name, value in plain.items()}

    def summary(self) -> str:
        """Return the forecast as text: both bands, where the uncertainty comes from, and the notes."""
        headers, rows = self._cells()
        parts = [table(headers, rows)]
        if np.size(self.loss) == 1:
            shares = [(SOURCES[name], percent(float(np.ravel(x)[0]))) for name, x in self.shares.items()]
            parts.append("uncertainty of a new run\n" + facts(shares))
        parts.append(bullets(self.notes))
        return "\n\n".join(part for part in parts if part)

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        columns = self._columns()
        names = list(self.points)
        words = (f"mean curve {percent(self.level)}", f"new run {percent(self.level)}")
        headers = [*names, "loss", *words, "beyond the runs"]
        rows = [
            [
                *(_cell(columns[name][i]) for name in names),
                f"{columns['loss'][i]:.4f}",
                f"{columns['mean_low'][i]:.4f} to {columns['mean_high'][i]:.4f}",
                f"{columns['low'][i]:.4f} to {columns['high'][i]:.4f}",
                times(columns["outside"][i]),
            ]
            for i in range(min(len(columns["loss"]), 20))
        ]
        return headers, rows

    def __repr__(self) -> str:
        """Show the first points with both bands."""
        return table(*self._cells())

    def _repr_html_(self) -> str:
        return html_table(*self._cells())


def times(outside: float) -> str:
    """Return a distance in log10 as a factor.

    Examples
    --------
    >>> times(0.0), times(1.0), times(2.5)
    ('inside', '10 x', '316 x')
    """
    if not np.isfinite(outside):
        return "–"
    return "inside" if outside <= 0 else f"{number(10.0**outside, 3)} x"


def _cell(value: Any) -> str:
    return number(float(value), 4) if isinstance(value, float | np.floating) else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
