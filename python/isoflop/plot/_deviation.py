"""`deviation` and `overview`: how far runs and bands lie from the law, alone and below the law itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._draws import Bootstrap
from .._errors import counted
from .._fitted import Fit
from .._forecast import Forecaster
from . import _axes, _words
from ._band import _HINT, draw_loss
from ._bands import Band, Kind, bands_along, fill
from ._path import Path, path_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_KINDS = (Bootstrap, Forecaster, Fit)


def deviation(
    model: Bootstrap | Forecaster | Fit,
    *,
    kind: Kind | None = None,
    level: float = 0.95,
    n_threads: int | None = None,
    colorbar: bool = True,
    ax: Axes | None = None,
    **along: Any,
) -> Axes:
    """Draw how far runs, and the edges of bands, lie from the law, in percent of the loss.

    Every run is compared with the law at its own N and D, so runs off the curve of `band` can be judged here.

    Parameters
    ----------
    model : Bootstrap, Forecaster or Fit
        A fit has no bands. The bands of a forecaster lie about its forecast, which need not be the law.
    kind, level, n_threads, colorbar, ax
        As in `band`.
    **along
        ``x``, ``tokens_per_param``, ``until`` and held variables, as in `band`.

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
    _words.expect("deviation", model, _KINDS, _HINT)
    law = _fit_of(model)
    path = path_of(law, **along)
    bands = bands_along(model, path, kind, level, n_threads)
    return _draw_deviation(_axes.new_axes(ax), law, path, bands, colorbar)


def overview(
    model: Bootstrap | Forecaster | Fit,
    *,
    width: float = 6.5,
    kind: Kind | None = None,
    level: float = 0.95,
    n_threads: int | None = None,
    **along: Any,
) -> Figure:
    """Return a figure for a paper: `band` above, `deviation` below it, on one horizontal axis.

    Parameters
    ----------
    model : Bootstrap, Forecaster or Fit
        A fit has no bands.
    width : float
        Inches: 6.5 fills a page, 3.3 a column.
    kind, level, n_threads
        As in `band`.
    **along
        ``x``, ``tokens_per_param``, ``until`` and held variables, as in `band`.

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

    _words.expect("overview", model, _KINDS, _HINT)
    law = _fit_of(model)
    path = path_of(law, **along)
    bands = bands_along(model, path, kind, level, n_threads)
    type_size, height = (float(np.interp(width, [3.3, 6.5], ends)) for ends in ([7.5, 10.0], [3.4, 5.2]))
    with rc_context({"font.size": type_size}):  # for this figure only: journals ask for 7 to 10 points
        figure = Figure(figsize=(width, height), layout="constrained")
        upper, lower = figure.subplots(2, sharex=True, height_ratios=[2.4, 1])
        draw_loss(upper, model, path, bands, colorbar=False)
        _draw_deviation(lower, law, path, bands, colorbar=False)
        upper.set_xlabel("")
        lower.get_legend().remove()
        _axes.size_bar([upper, lower], upper.collections[0])
        for ax in figure.axes:
            ax.tick_params(which="both", labelsize=type_size)
    return figure


def _fit_of(model: Bootstrap | Forecaster | Fit) -> Fit:
    return model if isinstance(model, Fit) else model.fit


def _draw_deviation(ax: Axes, law: Fit, path: Path, bands: list[Band], colorbar: bool) -> Axes:
    points = _axes.scatter(ax, path.at, 100 * path.deviation, path.size, counted(len(path.at), "run"))
    ax.axhline(0, color=_axes.CURVE, linewidth=1.2, zorder=3, label="law")
    for one in bands:
        curve = law.predict(**path.points(one.places))
        fill(ax, one, 100 * (one.low / curve - 1), 100 * (one.high / curve - 1))
    _axes.beyond(ax, path.seen[1], path.end)
    _axes.finish(ax, path.label, "deviation (%)", x_log=path.at.min() > 0, y_log=False)
    if colorbar:
        _axes.size_bar(ax, points)
    _axes.legend(ax, "best", over_lines=True)
    return ax
