"""`coverage_study`: how often intervals hold, over many simulated responses of one design.

Simulated responses are the caller's; fits, resamples and intervals are the core's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _engine
from ._engine import Floats
from ._errors import DataError, FitError, compose, listed
from ._fitted import Fit
from ._interval import METHODS, _order, count_of
from ._points import make_frame
from ._quantiles import tails
from ._quantity import Of, quantities
from ._seed import seed_of

#: Schemes that a method may draw by, as ``rows:percentile``, and the ways to read draws.
DRAWN = ("rows", "groups", "wild", "wild-groups", "residual", "parametric", "bayesian")
READINGS = ("percentile", "basic", "bca", "studentised")


@dataclass(frozen=True, eq=False, repr=False)
class CoverageStudy:
    """What a coverage study found.

    Attributes
    ----------
    methods, names : tuple of str
        Methods and quantities.
    low, high : ndarray (simulations, methods, quantities)
        Ends of every interval, native; NaN where a simulation has none.
    truth : ndarray (simulations, quantities)
    level : float
        Nominal coverage.

    Examples
    --------
    >>> import numpy as np
    >>> import isoflop as iso
    >>> points = {"X": [1, 3, 10, 30, 100, 300, 1000, 3000] * 5}
    >>> fit = iso.fit(iso.simulate("power_floor", points, noise=0.0), "power_floor", criterion="squared")
    >>> noise = 0.01 * np.random.default_rng(0).standard_normal((400, 40))
    >>> study = iso.coverage_study(fit, fit.fitted * np.exp(noise), dict(fit.params), ["delta"])
    >>> study.names, bool(np.all(study.coverage > 0.9))
    (('E', 'A', 'alpha'), True)
    """

    methods: tuple[str, ...]
    names: tuple[str, ...]
    low: Floats
    high: Floats
    truth: Floats
    level: float
    backend: str = "polars"

    @property
    def held(self) -> NDArray[np.bool_]:
        """Which intervals hold the truth; an interval that is missing does not."""
        truth = self.truth[:, None, :]
        return (self.low <= truth) & (truth <= self.high)

    @property
    def coverage(self) -> Floats:
        """Share of intervals that hold the truth, by method and quantity."""
        return np.asarray(self.held.mean(axis=0))

    @property
    def n_missing(self) -> int:
        """How many intervals are missing."""
        return int(np.isnan(self.low).sum())

    def to_frame(self) -> Any:
        """Return one row per method and quantity: coverage, its Monte-Carlo error, median width."""
        share = self.coverage
        width = np.nanmedian(self.high - self.low, axis=0)
        cells = [(m, q) for m in range(len(self.methods)) for q in range(len(self.names))]
        n = len(self.low)
        return make_frame(
            {
                "method": [self.methods[m] for m, _ in cells],
                "parameter": [self.names[q] for _, q in cells],
                "coverage": [float(share[c]) for c in cells],
                "error": [float(np.sqrt(share[c] * (1 - share[c]) / n)) for c in cells],
                "width": [float(width[c]) for c in cells],
            },
            self.backend,
        )

    def __repr__(self) -> str:
        """Show sizes and the range of coverages."""
        share = self.coverage
        return (
            f"<CoverageStudy of {len(self.low):,} simulations, {len(self.methods)} methods, {len(self.names)} "
            f"quantities: {share.min():.3f} to {share.max():.3f} at a nominal {self.level:g}>"
        )


def coverage_study(
    fit: Fit,
    losses: ArrayLike,
    truth: Mapping[str, Any],
    methods: Sequence[str] = ("delta", "hc3"),
    *,
    of: Of = None,
    kind: Literal["mean", "new_run"] = "mean",
    start: Mapping[str, float] | None = None,
    level: float = 0.95,
    order: str | None = None,
    n_resamples: int = 399,
    rng: Any = 0,
    n_threads: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> CoverageStudy:
    """Fit many simulated losses of one design and see how often intervals hold the truth.

    Parameters
    ----------
    fit : Fit
        Says the law, the rows, their groups, weights and the recipe; its own losses play no part.
    losses : array (simulations, rows)
        Simulated losses, native.
    truth : mapping of str to float or array
        The true value of each quantity, or one per simulation.
    methods : sequence of str
        Those of `Fit.interval`, and draws by a scheme read in a way: ``rows:percentile``, ``groups:bca``,
        ``wild:basic``, ``rows:studentised``.
    of, kind, level, order
        As in `Fit.interval`.
    start : mapping, optional
        Parameters at which each fit starts: the truth where it is the law's. Those of `fit` where None.
    n_resamples : int
        Resamples of each simulation, for methods that draw.
    rng, n_threads
    progress : callable, optional
        Called with the number of simulations done.

    Returns
    -------
    CoverageStudy

    Examples
    --------
    >>> import numpy as np
    >>> import isoflop as iso
    >>> points = {"X": [1, 3, 10, 30, 100, 300, 1000, 3000] * 5}
    >>> fit = iso.fit(iso.simulate("power_floor", points, noise=0.0), "power_floor", criterion="squared")
    >>> noise = 0.01 * np.random.default_rng(0).standard_normal((200, 40))
    >>> study = iso.coverage_study(fit, fit.fitted * np.exp(noise), dict(fit.params), ["delta"])
    >>> study.coverage.shape
    (1, 3)
    """
    tails(level)
    if fit.problem is None:
        raise FitError("this fit holds no data")
    asked = quantities(fit, of, kind)
    cores = [q.core for q in asked if q.core is not None]
    if len(cores) < len(asked):
        raise DataError(compose("functions have no intervals here", "write them as formulas"))
    values = np.asarray(losses, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != fit.n_rows:
        raise DataError(f"losses have shape {values.shape}, expected (simulations, {fit.n_rows})")
    options = {
        "level": float(level),
        "groups": fit.groups,
        "order": _order(fit, order),
        "n_resamples": count_of(n_resamples),
        "seed": seed_of(rng),
        "n_threads": _engine.thread_count(n_threads),
    }
    first = fit.theta if start is None else [start[name] for name in fit.names]
    response = np.log(values) if fit.law.scale == "log" else values
    named = [_method(name) for name in methods]
    out = _engine.study(fit.problem, first, response, cores, named, options, progress)
    names = tuple(q.name for q in asked)
    known = _truth(truth, names, len(values))
    return CoverageStudy(tuple(methods), names, out[..., 0], out[..., 1], known, float(level), fit.backend)


def _method(name: str) -> str:
    scheme, colon, reading = name.partition(":")
    if (colon and scheme in DRAWN and reading in READINGS) or (not colon and name in METHODS and name != "auto"):
        return name
    hint = f"choose one of {listed(m for m in METHODS if m != 'auto')}, or SCHEME:READING such as 'rows:percentile'"
    raise DataError(compose(f"a study knows no method {name!r}", hint))


def _truth(truth: Mapping[str, Any], names: Sequence[str], n: int) -> Floats:
    missing = [name for name in names if name not in truth]
    if missing:
        raise DataError(f"truth has no value for {listed(missing)}")
    return np.column_stack([np.broadcast_to(np.asarray(truth[name], dtype=np.float64), n) for name in names])
