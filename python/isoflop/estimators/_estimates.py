"""`Estimates`: named numbers, what they came to in every resample, and the lines through logarithms that give them.

What every estimator here needs; the estimators themselves are beside it, refits of formulas in `_bootstrap`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .. import _engine
from .._engine import Codes, Floats
from .._errors import DataError, FitError, PrecisionWarning, compose, warn
from .._points import make_frame
from .._quantiles import deviation, quantiles, tails
from .._repr import Values, pair, percent

Scheme = Literal["rows", "groups", "bayesian"]


@dataclass(frozen=True, eq=False, repr=False)
class Estimates:
    """Estimates from all rows, and from every resample of them.

    Attributes
    ----------
    values : mapping
        Estimate per name, of all rows.
    draws : ndarray (n, p)
        The same per resample, in the order of `values`; a row holds NaN where a resample gave no estimate.
    scheme : str
        Who was in a resample.
    seed : int
        Resample i depends on this and i only.
    backend : str
        Kind of frame that intervals come back in.

    Examples
    --------
    >>> import numpy as np
    >>> import isoflop as iso
    >>> C = np.repeat([1e19, 1e20, 1e21], 9)
    >>> N = 0.12 * (C / 6) ** 0.5126 * np.tile(np.geomspace(0.25, 4, 9), 3)
    >>> runs = iso.simulate("chinchilla", {"N": N, "D": C / (6 * N)}, params="epoch2024", noise=0.0)
    >>> estimates = iso.estimators.isoflop(runs, n_resamples=100).estimates
    >>> estimates.names, estimates.draws.shape
    (('a', 'N_coefficient', 'b', 'D_coefficient'), (100, 4))
    """

    values: Values
    draws: Floats
    scheme: str
    seed: int
    backend: str = "polars"

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in the order of the columns of `draws`."""
        return tuple(self.values)

    @property
    def n_resamples(self) -> int:
        """How many resamples there are."""
        return len(self.draws)

    @property
    def ok(self) -> NDArray[np.bool_]:
        """Which resamples gave every estimate; intervals use these."""
        return np.asarray(np.isfinite(self.draws).all(axis=1))

    @property
    def n_failed(self) -> int:
        """How many resamples gave no estimate."""
        return int(np.count_nonzero(~self.ok))

    def sound(self, values: Floats | None = None) -> Floats:
        """Return rows (of `draws`, or of what has one row per resample) of the resamples that gave an estimate."""
        if not self.ok.any():
            raise FitError(compose("no resample gave an estimate", "add runs, or widen the grid of sizes"))
        return np.asarray((self.draws if values is None else values)[self.ok])

    def check_tails(self, level: float) -> tuple[float, float]:
        """Return the probabilities at both ends; warn where they lie beyond the outermost draws."""
        probs = tails(level)
        n = len(self.sound())
        if (n + 1) * probs[0] < 1:
            need = int(np.ceil(2 / (1 - level)))
            message = f"{n} draws do not reach the tails of a {percent(level)} interval"
            warn(message, PrecisionWarning, f"use n_resamples={need} or more")
        return probs

    def interval(self, level: float = 0.95) -> Any:
        """Return a percentile interval per name: a frame with columns parameter, estimate, low, high."""
        probs = self.check_tails(level)
        ends = [quantiles(column, probs)[:2] for column in self.sound().T]
        columns = {
            "parameter": list(self.names),
            "estimate": list(self.values.values()),
            "low": [low for low, _ in ends],
            "high": [high for _, high in ends],
        }
        return make_frame(columns, self.backend)

    def standard_error(self) -> Values:
        """Return the standard deviation over resamples, per name."""
        return Values({name: deviation(x) for name, x in zip(self.names, self.sound().T, strict=True)})

    def cells(self, level: float) -> tuple[list[str], list[list[str]]]:
        """Return headers and rows of a text table: estimate, error, interval."""
        probs, errors, rows = self.check_tails(level), self.standard_error(), []
        for name, x in zip(self.names, self.sound().T, strict=True):
            low, high = quantiles(x, probs)[:2]
            scale = min(errors[name], (high - low) / 4)  # a heavy tail must not take the digits
            shown = pair(self.values[name], scale)[0]
            rows.append([name, shown, pair(errors[name], errors[name])[1], pair(low, scale)[0], pair(high, scale)[0]])
        return ["parameter", "estimate", "error", f"low {percent(level)}", "high"], rows

    def facts(self) -> list[tuple[str, str]]:
        """Return how the resamples were drawn, as (name, text)."""
        failed = f"{self.n_failed} ({percent(self.n_failed / self.n_resamples)})" if self.n_failed else "none"
        drawn = f"{self.n_resamples:,} by {self.scheme}, seed {self.seed}"
        return [("resamples", drawn), ("left out", failed)]


def resample_count(n_resamples: Any) -> int:
    """Return how many resamples are wanted, if that is a count."""
    if isinstance(n_resamples, bool) or not isinstance(n_resamples, int | np.integer) or n_resamples < 1:
        raise DataError(f"n_resamples is {n_resamples!r}, expected a whole number of at least 1")
    return int(n_resamples)


def resample_weights(
    n: int, scheme: Scheme, groups: Codes | None, strata: Codes | None, seed: int, count: int
) -> Floats:
    """Return weights (resamples, rows), from the streams that `Fit.bootstrap` draws from.

    Examples
    --------
    >>> weights = resample_weights(4, "rows", None, None, 0, 3)
    >>> weights.shape, weights.sum(axis=1)
    ((3, 4), array([4., 4., 4.]))
    """
    return np.array([_engine.resample_weights(n, scheme, groups, strata, seed, i) for i in range(count)])


def draw(estimate: Callable[[Floats], Mapping[str, float] | None], weights: Floats, names: tuple[str, ...]) -> Floats:
    """Return what `estimate` makes of each resample's weights; a row of NaN where it gives None."""
    draws = np.full((len(weights), len(names)), np.nan)
    for i, row in enumerate(weights):
        found = estimate(row)
        if found is not None:
            draws[i] = [found[name] for name in names]
    return draws


def line(x: Floats, y: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return slopes and intercepts of weighted least-squares lines.

    Parameters
    ----------
    x : ndarray (..., k)
        Where the points lie.
    y, weights : ndarray (..., k)
        Their heights and weights; those of weight 0 may hold anything.

    Returns
    -------
    slope, intercept : ndarray (...)
        NaN where fewer than two different x have weight.

    Examples
    --------
    >>> line(np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, np.nan]), np.array([1.0, 1.0, 0.0]))
    (array(2.), array(1.))
    """
    x, y, weights = np.broadcast_arrays(x, np.where(weights > 0, y, 0.0), weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        total = weights.sum(axis=-1)
        mean_x, mean_y = (weights * x).sum(axis=-1) / total, (weights * y).sum(axis=-1) / total
        across = weights * (x - mean_x[..., None])
        spread = (across * (x - mean_x[..., None])).sum(axis=-1)
        slope = (across * y).sum(axis=-1) / np.where(spread > 1e-12 * total, spread, np.nan)
    return np.asarray(slope), np.asarray(mean_y - slope * mean_x)
