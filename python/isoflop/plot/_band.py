"""`fit` and `band`: runs with the law's curve, and how sure it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._draws import Bootstrap
from .._errors import counted
from .._fitted import Fit
from .._forecast import Forecaster
from . import _axes, _words
from ._bands import Band, Kind, bands_along, fill
from ._path import Path, path_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Places along the law's curve.
POINTS = 200
_HINT = "fit a law to runs by iso.fit; fit.bootstrap(10_000) and iso.forecaster(runs) have bands"


def fit(fit: Fit, *, colorbar: bool = True, ax: Axes | None = None, **along: Any) -> Axes:
    """Draw a fitted law through its runs; see `band`, which adds how sure it is.

    Parameters
    ----------
    fit : Fit
    colorbar : bool
        Add a bar for the colours, which are the numbers of parameters.
    ax : Axes, optional
    **along
        Which way the curve goes: ``x``, ``tokens_per_param``, ``until`` and held variables, as in `band`.

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
    _words.expect("fit", fit, Fit, "fit a law to runs by iso.fit; iso.plot.band draws a Bootstrap or a Forecaster")
    path = path_of(fit, **along)
    return draw_loss(_axes.new_axes(ax), fit, path, [], colorbar)


def band(
    model: Bootstrap | Forecaster,
    *,
    kind: Kind | None = None,
    level: float = 0.95,
    x: str | None = None,
    tokens_per_param: float | None = None,
    until: float | None = None,
    n_threads: int | None = None,
    colorbar: bool = True,
    ax: Axes | None = None,
    **held: Any,
) -> Axes:
    """Draw runs, the law's curve and its bands, on to ten times the largest run.

    Parameters
    ----------
    model : Bootstrap or Forecaster
        What the bands come from: refits of the law, or the calibrated model, whose curve is its forecast.
    kind : {"mean", "new_run"}, optional
        Which band; both where None.
    level : float
        Nominal coverage of the bands.
    x : str, optional
        Variable along the horizontal axis. A law over N and D goes along C = 6 N D; a law of one variable along that.
    tokens_per_param : float, optional
        D/N along the curve; the median of the runs where None. Runs at other ratios lie above or below the curve.
    until : float, optional
        Where the curve ends; ten times the largest run where None. What lies beyond the runs is shaded.
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
    _words.expect("band", model, (Bootstrap, Forecaster), _HINT)
    path = path_of(model.fit, x=x, tokens_per_param=tokens_per_param, until=until, **held)
    bands = bands_along(model, path, kind, level, n_threads)
    return draw_loss(_axes.new_axes(ax), model, path, bands, colorbar)


def draw_loss(ax: Axes, model: Bootstrap | Forecaster | Fit, path: Path, bands: list[Band], colorbar: bool) -> Axes:
    """Draw runs, curve and bands on the loss's own scale."""
    points = _axes.scatter(ax, path.at, path.loss, path.size, counted(len(path.at), "run"))
    _curve(ax, model, path)
    for one in bands:
        fill(ax, one, one.low, one.high)
    _axes.beyond(ax, path.seen[1], path.end)
    _axes.finish(ax, path.label, _words.LOSS, x_log=path.at.min() > 0, y_log=path.loss.min() > 0)
    if colorbar:
        _axes.size_bar(ax, points)
    _axes.legend(ax, "upper right")
    return ax


def _curve(ax: Axes, model: Bootstrap | Forecaster | Fit, path: Path) -> None:
    """Draw the law: solid along the runs, dashed beyond them."""
    source = model.fit if isinstance(model, Bootstrap) else model
    places = path.grid(POINTS)
    loss = source.predict(**path.points(places))
    inside, outside = places <= path.seen[1], places >= path.seen[1]
    name, words = "forecast" if isinstance(model, Forecaster) else "law", path.describe()
    style: dict[str, Any] = {"color": _axes.CURVE, "linewidth": 1.2, "zorder": 3}
    ax.plot(places[inside], loss[inside], label=f"{name} at {words}" if words else name, **style)
    ax.plot(places[outside], loss[outside], linestyle=(0, (3, 1.5)), **style)
