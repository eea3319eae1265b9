"""Pictures for papers: runs, the law's curve, its bands, and how far runs lie from it.

Every function draws into one `Axes`, a new one where ``ax`` is None, and returns it; none shows a window, sets
rcParams or, given an `Axes`, touches the figure's size. `overview` alone makes a whole figure. Every band says in its
label what it is for: the mean curve or a new run. Matplotlib is loaded when the first one is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import numpy as np

from .._draws import Bootstrap
from .._errors import DataError
from .._fitted import Fit
from .._repr import percent
from .._runs import Runs
from . import _axes
from ._path import LABELS, LOSS, Path, path_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["band", "deviation", "fit", "overview", "runs"]

#: Places along a curve, and along a band, which costs a quantile over all draws at each.
CURVE_POINTS, BAND_POINTS = 200, 60
Kind = Literal["mean", "new_run"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_WORDS = {"mean": "mean curve", "new_run": "new run"}


def runs(runs: Runs, *, x: str = "C", colorbar: bool = True, ax: Axes | None = None) -> Axes:
    """Draw the loss of runs against compute, or another variable.

    Parameters
    ----------
    runs : Runs
    x : str
        A variable of the runs: ``C``, ``N``, ``D`` or a column.
    colorbar : bool
        Add a bar for the colours, which are the numbers of parameters.
    ax : Axes, optional

    Returns
    -------
    Axes

    Examples
    --------
    >>> import isoflop as iso
    >>> ax = iso.plot.runs(iso.Runs({"N": [1e8, 1e9, 1e10], "D": [2e9, 2e10, 2e11], "loss": [3.1, 2.6, 2.3]}))
    >>> ax.get_xlabel()
    'training compute C (FLOP)'
    """
    ax = _axes.new_axes(ax)
    at, loss = runs.variable(x), runs.loss
    size = runs.variable("N") if x != "N" and "N" in runs.variables else None
    points = _axes.scatter(ax, at, loss, size, _counted(len(loss)))
    return _finish(ax, points if colorbar else None, LABELS.get(x, x), LOSS, at.min() > 0, loss.min() > 0)


def fit(
    fit: Fit,
    *,
    x: str | None = None,
    tokens_per_param: float | None = None,
    until: float | None = None,
    colorbar: bool = True,
    ax: Axes | None = None,
    **held: Any,
) -> Axes:
    """Draw a fitted law through its runs; see `band`, which adds how sure it is.

    Parameters
    ----------
    fit : Fit
    x, tokens_per_param, until, colorbar, ax, **held
        As in `band`.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import isoflop as iso
    >>> runs = iso.simulate("power_floor", {"X": [1, 3, 10, 30, 100, 300, 1000, 3000] * 5}, noise=0.01)
    >>> ax = iso.plot.fit(iso.fit(runs, "power_floor"))
    >>> ax.get_ylabel()
    'loss (nats per token)'
    """
    path = path_of(fit, x, tokens_per_param, until, held)
    return _draw_loss(_axes.new_axes(ax), fit, path, [], colorbar)


def band(
    boot: Bootstrap,
    *,
    kind: Kind | None = None,
    x: str | None = None,
    tokens_per_param: float | None = None,
    until: float | None = None,
    level: float = 0.95,
    n_threads: int | None = None,
    colorbar: bool = True,
    ax: Axes | None = None,
    **held: Any,
) -> Axes:
    """Draw runs, the law's curve and its bands, on to ten times the largest run.

    Parameters
    ----------
    boot : Bootstrap
    kind : {"mean", "new_run"}, optional
        Which band; both where None.
    x : str, optional
        Variable along the horizontal axis. A law over N and D goes along C = 6 N D; a law of one variable along that.
    tokens_per_param : float, optional
        D/N along the curve; the median of the runs where None. Runs at other ratios lie above or below the curve.
    until : float, optional
        Where the curve ends; ten times the largest run where None. What lies beyond the runs is shaded.
    level : float
        Nominal coverage of the bands.
    n_threads : int, optional
    colorbar : bool
        Add a bar for the colours, which are the numbers of parameters.
    ax : Axes, optional
    **held
        The law's other variables and levels, at the value they have along the curve (``N=1e9``, ``family="a"``).

    Returns
    -------
    Axes

    Raises
    ------
    DataError
        If it is not clear what the curve should go along.

    Examples
    --------
    >>> import isoflop as iso
    >>> runs = iso.simulate("power_floor", {"X": [1, 3, 10, 30, 100, 300, 1000, 3000] * 5}, noise=0.01)
    >>> ax = iso.plot.band(iso.fit(runs, "power_floor").bootstrap(200))
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['40 runs', 'law', '95 % band, mean curve', '95 % band, new run', 'beyond the runs']
    """
    path = path_of(boot.fit, x, tokens_per_param, until, held)
    bands = _bands(boot, path, kind, level, n_threads)
    return _draw_loss(_axes.new_axes(ax), boot.fit, path, bands, colorbar)


def deviation(
    boot: Bootstrap | Fit,
    *,
    kind: Kind | None = None,
    x: str | None = None,
    tokens_per_param: float | None = None,
    until: float | None = None,
    level: float = 0.95,
    n_threads: int | None = None,
    colorbar: bool = True,
    ax: Axes | None = None,
    **held: Any,
) -> Axes:
    """Draw how far runs, and the edges of bands, lie from the law, in percent of the loss.

    Every run is compared with the law at its own N and D, so runs off the curve of `band` can be judged here.

    Parameters
    ----------
    boot : Bootstrap or Fit
        A fit has no bands.
    kind, x, tokens_per_param, until, level, n_threads, colorbar, ax, **held
        As in `band`.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import isoflop as iso
    >>> runs = iso.simulate("power_floor", {"X": [1, 3, 10, 30, 100, 300, 1000, 3000] * 5}, noise=0.01)
    >>> iso.plot.deviation(iso.fit(runs, "power_floor")).get_ylabel()
    'deviation (%)'
    """
    fitted = boot if isinstance(boot, Fit) else boot.fit
    path = path_of(fitted, x, tokens_per_param, until, held)
    bands = _bands(boot, path, kind, level, n_threads)
    return _draw_deviation(_axes.new_axes(ax), path, bands, colorbar)


def overview(
    boot: Bootstrap | Fit,
    *,
    width: float = 6.5,
    kind: Kind | None = None,
    x: str | None = None,
    tokens_per_param: float | None = None,
    until: float | None = None,
    level: float = 0.95,
    n_threads: int | None = None,
    **held: Any,
) -> Figure:
    """Return a figure for a paper: `band` above, `deviation` below it, on one horizontal axis.

    Parameters
    ----------
    boot : Bootstrap or Fit
        A fit has no bands.
    width : float
        Inches: 6.5 fills a page, 3.3 a column.
    kind, x, tokens_per_param, until, level, n_threads, **held
        As in `band`.

    Returns
    -------
    Figure
        A figure of its own, unknown to pyplot: ``figure.savefig("band.pdf")``.

    Examples
    --------
    >>> import isoflop as iso
    >>> runs = iso.simulate("power_floor", {"X": [1, 3, 10, 30, 100, 300, 1000, 3000] * 5}, noise=0.01)
    >>> figure = iso.plot.overview(iso.fit(runs, "power_floor").bootstrap(200), width=3.3)
    >>> len(figure.axes)
    2
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    fitted = boot if isinstance(boot, Fit) else boot.fit
    path = path_of(fitted, x, tokens_per_param, until, held)
    bands = _bands(boot, path, kind, level, n_threads)
    type_size, height = (float(np.interp(width, [3.3, 6.5], ends)) for ends in ([7.5, 10.0], [3.4, 5.2]))
    with rc_context({"font.size": type_size}):  # for this figure only: journals ask for 7 to 10 points
        figure = Figure(figsize=(width, height), layout="constrained")
        upper, lower = figure.subplots(2, sharex=True, height_ratios=[2.4, 1])
        _draw_loss(upper, fitted, path, bands, colorbar=False)
        _draw_deviation(lower, path, bands, colorbar=False)
        upper.set_xlabel("")
        lower.get_legend().remove()
        if upper.collections[0].get_array() is not None:
            _axes.size_bar([upper, lower], upper.collections[0])
        for ax in figure.axes:
            ax.tick_params(which="both", labelsize=type_size)
    return figure


class _Band(NamedTuple):
    """One band along a path: of what, at which level, and its edges."""

    kind: Kind
    level: float
    places: Any
    middle: Any
    low: Any
    high: Any


def _bands(boot: Bootstrap | Fit, path: Path, kind: Kind | None, level: float, n_threads: int | None) -> list[_Band]:
    if isinstance(boot, Fit):
        return []
    if kind is not None and kind not in KINDS:
        raise DataError(f"kind is {kind!r}, expected 'mean', 'new_run' or None for both")
    return list(_each_band(boot, path, KINDS if kind is None else (kind,), level, n_threads))


def _each_band(
    boot: Bootstrap, path: Path, kinds: tuple[Kind, ...], level: float, n_threads: int | None
) -> Iterator[_Band]:
    places = path.grid(BAND_POINTS)
    for kind in kinds:
        frame = boot.band(None, kind=kind, level=level, n_threads=n_threads, **path.points(places))
        yield _Band(kind, level, places, *(np.asarray(frame[name], float) for name in ("estimate", "low", "high")))


def _draw_loss(ax: Axes, fit: Fit, path: Path, bands: list[_Band], colorbar: bool) -> Axes:
    points = _axes.scatter(ax, path.at, path.loss, path.size, _counted(len(path.at)))
    _curve(ax, fit, path)
    for one in bands:
        _fill(ax, one, one.low, one.high)
    _axes.beyond(ax, path.seen[1], path.end)
    _finish(ax, points if colorbar else None, path.label, LOSS, path.at.min() > 0, path.loss.min() > 0)
    _axes.legend(ax, "upper right")
    return ax


def _draw_deviation(ax: Axes, path: Path, bands: list[_Band], colorbar: bool) -> Axes:
    points = _axes.scatter(ax, path.at, 100 * path.deviation, path.size, _counted(len(path.at)))
    ax.axhline(0, color=_axes.CURVE, linewidth=1.2, zorder=3, label="law")
    for one in bands:
        _fill(ax, one, 100 * (one.low / one.middle - 1), 100 * (one.high / one.middle - 1))
    _axes.beyond(ax, path.seen[1], path.end)
    _finish(ax, points if colorbar else None, path.label, "deviation (%)", path.at.min() > 0, False)
    _axes.legend(ax, "best")
    return ax


def _fill(ax: Axes, one: _Band, low: Any, high: Any) -> None:
    strength, order = (0.45, 1.6) if one.kind == "mean" else (0.16, 1.5)
    label = f"{percent(one.level)} band, {_WORDS[one.kind]}"
    ax.fill_between(one.places, low, high, color=_axes.CURVE, alpha=strength, linewidth=0, zorder=order, label=label)


def _curve(ax: Axes, fit: Fit, path: Path) -> None:
    """Draw the law: solid along the runs, dashed beyond them."""
    places = path.grid(CURVE_POINTS)
    loss = fit.predict(**path.points(places))
    inside, outside = places <= path.seen[1], places >= path.seen[1]
    words = path.describe()
    style: dict[str, Any] = {"color": _axes.CURVE, "linewidth": 1.2, "zorder": 3}
    ax.plot(places[inside], loss[inside], label=f"law at {words}" if words else "law", **style)
    ax.plot(places[outside], loss[outside], linestyle=(0, (3, 1.5)), **style)


def _finish(ax: Axes, points: Any, xlabel: str, ylabel: str, x_log: bool, y_log: bool) -> Axes:
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.margins(x=0.02)
    if x_log:
        _axes.log_scale(ax.xaxis)
    if y_log:
        _axes.log_scale(ax.yaxis)
    _axes.tidy(ax)
    if points is not None and points.get_array() is not None:
        _axes.size_bar(ax, points)
    return ax


def _counted(n: int) -> str:
    return f"{n:,} run" + ("" if n == 1 else "s")
