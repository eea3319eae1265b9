"""`backtest`: what the larger runs scored against what was forecast from the smaller ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._backtest import Backtest
from .._engine import Floats
from .._errors import DataError, compose, counted
from . import _axes, _words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Share of the gap between two C that runs of one C take.
ROOM = 0.6


def backtest(found: Backtest, *, method: str | None = None, ratio: float | None = None, ax: Axes | None = None) -> Axes:
    """Draw how far runs came from their forecast, in percent, with its 95 % interval, by how far out they lie.

    Parameters
    ----------
    found : Backtest
    method : str, optional
        One of those tested; the first where None.
    ratio : float, optional
        One cut; all of them where None.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    DataError
        If there is no forecast of that method and cut.

    Notes
    -----
    Zero is the forecast. Each run has the 95 % interval of its own forecast as a bar; runs outside it are drawn in
    another colour and shape, and counted. Runs of one C stand side by side.

    Examples
    --------
    >>> import isoflop as iso
    >>> grid = {"N": [1e8 * 2**i for i in range(6)] * 6, "D": [2e9 * 3 ** (i // 6) for i in range(36)]}
    >>> runs = iso.simulate("chinchilla", grid, noise=0.003, rng=2)
    >>> ax = iso.plot.backtest(iso.backtest(runs, methods=["recommended"], ratios=[10]))
    >>> ax.get_xlabel()
    'C over the largest fitted C'
    """
    _words.expect("backtest", found, Backtest, "make one by iso.backtest(runs)")
    rows = _rows(found, method, ratio)
    off, low, high = (100 * (rows[name] / rows["forecast"] - 1) for name in ("loss", "low", "high"))
    held = (low <= off) & (off <= high)
    ax = _axes.new_axes(ax)
    ax.axhline(0, color=_axes.CURVE, linewidth=1.2, zorder=1)
    at = _side_by_side(rows["reach"])
    ax.vlines(at, low, high, color=_axes.PLAIN, alpha=0.3, linewidth=1.5, zorder=1.5, label="95 % interval")
    outside: dict[str, Any] = {
        "marker": "D",
        "color": _axes.CURVE,
        "label": f"{counted(int((~held).sum()), 'run')} outside",
    }
    inside: dict[str, Any] = {"marker": "o", "color": _axes.PLAIN, "label": f"{counted(int(held.sum()), 'run')} inside"}
    for which, look in ((held, inside), (~held, outside)):
        if which.any():
            ax.scatter(at[which], off[which], s=12, linewidths=0.3, edgecolors="white", zorder=3, **look)
    _axes.finish(ax, "C over the largest fitted C", "loss over its forecast (%)", y_log=False)
    _axes.legend(ax, "upper left")
    return ax


def _side_by_side(reach: Floats) -> Floats:
    """Return places along a log axis where runs of the same C stand beside each other, in the order they came.

    Examples
    --------
    >>> _side_by_side(np.array([1.0, 1.0, 10.0])).round(2).tolist()
    [0.75, 1.33, 10.0]
    """
    codes, count = np.unique(np.round(np.log(reach), 2), return_inverse=True, return_counts=True)[1:]
    middles = np.unique(np.round(np.log(reach), 2))
    gap = float(np.diff(middles).min()) if len(middles) > 1 else 1.0
    rank = np.array([np.count_nonzero(codes[:i] == code) for i, code in enumerate(codes)])
    step = np.minimum(ROOM * gap / np.maximum(count - 1, 1), gap / 4)[codes]
    return np.asarray(reach * np.exp(step * (rank - 0.5 * (count[codes] - 1))))


def _rows(found: Backtest, method: str | None, ratio: float | None) -> dict[str, Any]:
    """Return the held-out rows of one method, and of one cut where one is asked for, as arrays."""
    if not found.cells:
        raise DataError(compose("the back-test has no cells", "make one by iso.backtest(runs)"))
    name = found.cells[0]["method"] if method is None else method
    frame = found.forecasts(name)
    rows = {column: np.asarray(frame[column]) for column in ("ratio", "reach", "loss", "forecast", "low", "high")}
    if ratio is not None:
        rows = {column: values[rows["ratio"] == ratio] for column, values in rows.items()}
    if not len(rows["loss"]):
        where = "" if ratio is None else f" at ratio {ratio:g}"
        tried = ", ".join(f"{r:g}" for r in found.ratios)
        hint = f"cuts asked for: {tried}; print(found.summary()) says which were answered"
        raise DataError(compose(f"there is no forecast by {name!r}{where} to draw", hint))
    return rows
