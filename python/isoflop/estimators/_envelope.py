"""`envelope`: approach 1 of Hoffmann et al. 2022, the minimum over training curves.

Curves in, one winner per compute value out, and the powers of compute that the winners follow. Fits of a law to the
same runs are in `_fit`; the other approach without a law of loss is in `_isoflop`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._engine import Codes, Floats
from .._errors import DataError, compose
from .._points import backend_of, make_frame
from .._repr import Values, facts, html_table, percent, table
from .._runs import Runs, as_runs
from .._seed import seed_of
from ._allocation import NAMES, Allocation
from ._estimates import Estimates, draw, line, resample_count, resample_weights

#: Compute values at which a winner is picked, as in the paper.
N_POINTS = 1500
#: Runs at one size differ by less than this in ln N (checkpoints of one run must not differ more).
SAME_SIZE = 1e-6


@dataclass(frozen=True, eq=False, repr=False)
class Envelope(Allocation):
    """Approach 1: N and D of the runs that lead at each compute, as powers of compute.

    Attributes
    ----------
    estimates : Estimates
        a, N_coefficient, b, D_coefficient, and their values per resample of runs.
    C, N, D, loss : ndarray
        The compute values at which some run leads inside the range of sizes, and the leader's N, D and loss.
    winner : tuple
        The label of the leading run at each of them.
    n_points, n_edge, n_gap : int
        Compute values tried, how many were left out since the smallest or largest size led, and how many since no
        curve covers them.
    n_runs : int

    Examples
    --------
    >>> import numpy as np
    >>> import isoflop as iso
    >>> N, share = np.repeat(np.geomspace(1e8, 1e10, 15), 20), np.tile(np.geomspace(0.02, 1, 20), 15)
    >>> points = {"N": N, "D": 400 * N * share, "size": np.repeat(np.arange(15), 20)}
    >>> runs = iso.simulate("chinchilla", points, params="epoch2024", noise=0.0, groups="size")
    >>> found = iso.estimators.envelope(runs, n_resamples=100)
    >>> found.n_runs, found.C.shape == found.N.shape
    (15, True)
    """

    C: Floats
    N: Floats
    D: Floats
    loss: Floats
    winner: tuple[Any, ...]
    n_points: int
    n_edge: int
    n_gap: int
    n_runs: int

    def to_frame(self) -> Any:
        """Return the envelope: columns C, run, N, D, loss."""
        columns = {"C": self.C, "run": list(self.winner), "N": self.N, "D": self.D, "loss": self.loss}
        return make_frame(columns, self.estimates.backend)

    def summary(self, level: float = 0.95) -> str:
        """Return the envelope as text: who led, what was left out, the powers with intervals."""
        headers, rows = self.estimates.cells(level)
        return "\n".join(
            ["envelope of training curves (approach 1)", "", facts(self._facts()), "", table(headers, rows)]
        )

    def _facts(self) -> list[tuple[str, str]]:
        leaders = list(dict.fromkeys(self.winner))
        longest = max(self.winner.count(label) for label in leaders) / len(self.winner)
        edge = f"{self.n_edge} led by the smallest or largest size, left out" if self.n_edge else ""
        gap = f"{self.n_gap} covered by no curve" if self.n_gap else ""
        return [
            (
                "runs",
                f"{self.n_runs}, of which {len(leaders)} lead somewhere; one leads {percent(longest)} of the range",
            ),
            ("compute", ", ".join(filter(None, [f"{self.n_points} values, log-spaced", edge, gap]))),
            *self.estimates.facts(),
            ("bias", "the minimum of noisy curves lies below the curve of a typical run, and lucky runs lead"),
        ]

    def __repr__(self) -> str:
        """Show the exponents and how many runs they rest on."""
        return f"<Envelope of {self.n_runs} runs>\n{self.params!r}"

    def _repr_html_(self) -> str:
        return html_table(*self.estimates.cells(0.95), caption=f"envelope of {self.n_runs} runs")


def envelope(
    runs: Any,
    *,
    n_points: int = N_POINTS,
    smooth: float = 0.0,
    edges: bool = False,
    n_resamples: int = 1000,
    rng: Any = 0,
    **variables: Any,
) -> Envelope:
    """Find the best N and D for each compute as the lower envelope of training curves.

    Parameters
    ----------
    runs : Runs or frame
        Checkpoints with N, D, loss, C (6 N D where there is no such column) and `groups`, the run of each row.
    n_points : int
        Log-spaced compute values at which the leading run is looked up.
    smooth : float
        Width, in ln C, of the Gaussian window in which each curve is smoothed by local lines. 0 takes the losses as
        they are, which is right for losses on a validation set; logged training losses need about 0.05.
    edges : bool
        Whether to keep compute values where the smallest or the largest size leads. The best size may lie beyond it
        there, so that they bend the line.
    n_resamples : int
        Bootstrap resamples of whole runs.
    rng : int, Generator, SeedSequence or None
    **variables : str
        Columns, as in `Runs`.

    Returns
    -------
    Envelope

    Raises
    ------
    DataError
        If rows are not marked as belonging to runs, a run changes its size, or too few sizes lead.

    Notes
    -----
    Each curve, ln loss, is interpolated linearly in ln C between its own checkpoints and never beyond them. At each
    compute the run of least loss leads; ln N and ln D of the leaders are regressed on ln C. The same run leads at many
    neighbouring values, so errors of that regression mean nothing: whole runs are resampled instead, and everything is
    done again. A checkpoint in the middle of a decaying schedule lies above what a schedule of its length would reach:
    train each size at several horizons, each a run of its own.

    The minimum of noisy curves is a biased estimate, and no bootstrap sees that. Simulated with 15 sizes over two
    decades, the exponent comes out 0.01 too low with noise of 0.1 % per checkpoint, and 0.06 too low with 0.5 %, where
    the 95 % interval holds the truth in less than a tenth of the cases (smoothing over 0.5 in ln C leaves 0.02). Prefer
    `isoflop`, or a law fitted to the ends of the runs.

    References
    ----------
    Hoffmann et al. 2022, arXiv 2203.15556, section 3.1.

    Examples
    --------
    >>> import isoflop as iso
    >>> import numpy as np
    >>> N, share = np.repeat(np.geomspace(1e8, 1e10, 15), 20), np.tile(np.geomspace(0.02, 1, 20), 15)
    >>> points = {"N": N, "D": 400 * N * share, "size": np.repeat(np.arange(15), 20)}
    >>> runs = iso.simulate("chinchilla", points, params="epoch2024", noise=0.0, groups="size")
    >>> found = iso.estimators.envelope(runs, n_resamples=100)
    >>> round(found.params["a"], 2)
    0.51
    """
    runs = as_runs(runs, **variables)
    count = resample_count(n_resamples)
    curves = _read(runs)
    if not isinstance(n_points, int) or n_points < 10:
        raise DataError(f"n_points is {n_points!r}, expected a whole number of at least 10")
    if not smooth >= 0:
        raise DataError(f"smooth is {smooth!r}, expected a width in ln C of 0 or more")
    grid = np.linspace(min(c.at[0] for c in curves), max(c.at[-1] for c in curves), n_points)
    heights = np.array([curve.on(grid, smooth) for curve in curves])
    sizes = np.array([curve.size for curve in curves])
    tokens = np.array([np.interp(grid, curve.at, curve.tokens) for curve in curves])
    seed = seed_of(rng)
    present = resample_weights(len(curves), "rows", None, None, seed, count)
    whole = _lead(heights, sizes, edges, np.ones(len(curves)))
    values = _powers(grid, sizes, tokens, whole)
    if values is None:
        raise DataError(
            compose(
                f"runs of fewer than two sizes lead between the smallest and the largest of {len(set(sizes))} sizes",
                "train more sizes, or keep the edges of the range: edges=True",
            )
        )
    draws = draw(lambda w: _powers(grid, sizes, tokens, _lead(heights, sizes, edges, w)), present, NAMES)
    estimates = Estimates(Values(values), draws, "rows", seed, backend_of(runs._columns.table))
    return _result(estimates, curves, grid, heights, tokens, whole)


@dataclass(frozen=True)
class _Curve:
    """One run: ln C of its checkpoints in rising order, their ln loss and ln D, its ln N."""

    label: Any
    at: Floats
    height: Floats
    tokens: Floats
    size: float

    def on(self, grid: Floats, width: float) -> Floats:
        """Return ln loss at values of ln C; infinite where the run has none."""
        height = _smoothed(self.at, self.height, width) if width else self.height
        return np.interp(grid, self.at, height, left=np.inf, right=np.inf)


def _read(runs: Runs) -> list[_Curve]:
    needed = ("N", "D", "C")
    used, _ = runs.for_variables(needed, positive=(*needed, "loss"))
    codes_labels = used.group_codes()
    if codes_labels is None:
        hint = "name the column that tells runs apart: groups='run_id'"
        raise DataError(compose("an envelope needs to know which rows are one run", hint))
    codes, labels = codes_labels
    n, d, c, loss = (np.log(used.variable(name)) for name in (*needed, "loss"))
    return [
        _curve(label, codes == code, n, d, c, loss) for code, label in enumerate(labels) if (codes == code).sum() > 1
    ]


def _curve(label: Any, rows: NDArray[np.bool_], n: Floats, d: Floats, c: Floats, loss: Floats) -> _Curve:
    if np.ptp(n[rows]) > SAME_SIZE:
        low, high = np.exp(n[rows].min()), np.exp(n[rows].max())
        raise DataError(
            compose(
                f"run {label!r} has N from {low:g} to {high:g}, expected one size per run",
                "name the column that tells runs apart: groups=...",
            )
        )
    order = np.argsort(c[rows], kind="stable")
    at, first = np.unique(c[rows][order], return_index=True)
    chosen = order[first]
    return _Curve(label, at, loss[rows][chosen], d[rows][chosen], float(n[rows][0]))


def _smoothed(at: Floats, height: Floats, width: float) -> Floats:
    """Return heights of local lines, weighted by a Gaussian of this width; unbiased at the ends of straight curves."""
    apart = at[None, :] - at[:, None]
    slope, at_zero = line(apart, height[None, :], np.exp(-0.5 * (apart / width) ** 2))
    return np.where(np.isfinite(slope), at_zero, height)


def _lead(heights: Floats, sizes: Floats, edges: bool, weights: Floats) -> Codes:
    """Return the leading run per compute value; -1 where no curve is, -2 where a size at the edge leads."""
    there = np.flatnonzero(weights > 0)
    lowest = heights[there].argmin(axis=0)
    leader = there[lowest]
    gap = np.isinf(heights[leader, np.arange(heights.shape[1])])
    span = sizes[there].min() + SAME_SIZE, sizes[there].max() - SAME_SIZE
    edge = ((sizes[leader] < span[0]) | (sizes[leader] > span[1])) & (not edges)
    return np.where(gap, -1, np.where(edge, -2, leader)).astype(np.int64)


def _powers(grid: Floats, sizes: Floats, tokens: Floats, leader: Codes) -> dict[str, float] | None:
    """Return a, b and the coefficients; None where fewer than two sizes lead."""
    found = np.flatnonzero(leader >= 0)
    run = leader[found]
    if len(np.unique(sizes[run])) < 2:
        return None
    ones = np.ones(len(found))
    a, n0 = line(grid[found], sizes[run], ones)
    b, d0 = line(grid[found], tokens[run, found], ones)
    return dict(zip(NAMES, (float(a), float(np.exp(n0)), float(b), float(np.exp(d0))), strict=True))


def _result(
    estimates: Estimates, curves: list[_Curve], grid: Floats, heights: Floats, tokens: Floats, leader: Codes
) -> Envelope:
    found = np.flatnonzero(leader >= 0)
    run = leader[found]
    return Envelope(
        estimates,
        C=np.exp(grid[found]),
        N=np.exp(np.array([curves[i].size for i in run])),
        D=np.exp(tokens[run, found]),
        loss=np.exp(heights[run, found]),
        winner=tuple(curves[i].label for i in run),
        n_points=len(grid),
        n_edge=int((leader == -2).sum()),
        n_gap=int((leader == -1).sum()),
        n_runs=len(curves),
    )
