"""`residuals` and `influence`: what the runs say of the law, and what the law rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._diagnose import diagnostics
from .._diagnostics import Diagnostics
from .._engine import Floats
from .._errors import DataError, compose, counted, listed
from .._fitted import Fit
from . import _axes, _words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Standard deviations beyond which a run is named, and the most that are.
FAR, NAMED = 4.0, 5
_HINT = "pass a Fit, or what fit.diagnostics() gave"


def residuals(found: Fit | Diagnostics, *, x: str = "fitted", colorbar: bool = True, ax: Axes | None = None) -> Axes:
    """Draw standardised residuals: a law that holds leaves a band without a bend, nine of ten within 2 and -2.

    Parameters
    ----------
    found : Fit or Diagnostics
    x : str
        Along the horizontal axis: ``fitted`` (the predicted loss), a variable of the law, ``C`` of a law over N and D
        (6 N D), or ``normal``: normal scores, along which normal noise lies on the line.
    colorbar : bool
        Add a bar for the colours, which are the numbers of parameters.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    DataError
        If the law has no such variable.

    Notes
    -----
    Residuals are predicted minus observed on the law's response scale, over their robust standard deviation and the
    root of 1 minus leverage. Rows of weight 0 are left out. The five farthest beyond 4 are named.

    Examples
    --------
    >>> import isoflop as iso
    >>> runs = iso.simulate("power_floor", {"X": [1, 3, 10, 30, 100, 300, 1000, 3000] * 5}, noise=0.01)
    >>> iso.plot.residuals(iso.fit(runs, "power_floor")).get_xlabel()
    'predicted loss (nats per token)'
    """
    _words.expect("residuals", found, (Fit, Diagnostics), _HINT)
    found = diagnostics(found, influence=False) if isinstance(found, Fit) else found
    used = np.asarray(found.unit_codes) >= 0
    at, label = _along(found, x)
    at, away = at[used], found.standardised[used]
    ax = _axes.new_axes(ax)
    points = _axes.scatter(ax, at, away, _sizes(found, x, used), counted(len(at), "run"))
    _expectation(ax, at, x == "normal")
    _axes.finish(ax, label, "standardised residual", x_log=x != "normal" and at.min() > 0, y_log=False)
    _name(ax, at, away, np.abs(away) > FAR, -np.abs(away), [_name_of(found, i) for i in found.unit_codes[used]])
    if colorbar:
        _axes.size_bar(ax, points)
    return ax


def influence(found: Fit | Diagnostics, *, quantity: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw what each run decides: how far a quantity moves without it, against its leverage.

    Parameters
    ----------
    found : Fit or Diagnostics
    quantity : str, optional
        A parameter, derived quantity or, of a Fit, a formula over parameters; as in `Fit.diagnostics` where None.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    DataError
        If the diagnostics do not know the quantity, or were made without influence.

    Notes
    -----
    The change is that of an exact refit without the run (or group), over the jackknife standard error: n runs of equal
    say lie within about 1 over the root of n. A run far above that decides the result. Runs that the law cannot do
    without have no change and stand as crosses on the line.

    Examples
    --------
    >>> import isoflop as iso
    >>> runs = iso.simulate("power_floor", {"X": [1, 3, 10, 30, 100, 300, 1000, 3000] * 5}, noise=0.01)
    >>> iso.plot.influence(iso.fit(runs, "power_floor"), quantity="alpha").get_ylabel()
    'change of alpha (standard errors)'
    """
    _words.expect("influence", found, (Fit, Diagnostics), _HINT)
    found = diagnostics(found, quantity, influence=True) if isinstance(found, Fit) else found
    name = found.quantity if quantity is None else quantity
    change, leverage = _change(found, name), found.unit_leverage
    ax = _axes.new_axes(ax)
    ax.axhline(0, color=_axes.GREY, linewidth=0.8, zorder=1)
    sound = np.isfinite(change)
    _axes.scatter(ax, leverage[sound], change[sound], None, counted(int(sound.sum()), found.unit))
    if not sound.all():
        ax.scatter(leverage[~sound], 0 * leverage[~sound], marker="x", color=_axes.CURVE, zorder=3, label="needed")
        _axes.legend(ax, "best")
    _axes.finish(ax, f"leverage of a {found.unit}", f"change of {name} (standard errors)", x_log=False, y_log=False)
    names = [_name_of(found, i) for i in range(len(found.labels))]
    fair = 3 / np.sqrt(max(sound.sum(), 1))
    _name(ax, leverage, np.nan_to_num(change), ~sound | (np.abs(change) > fair), -np.abs(change), names)
    return ax


def _along(found: Diagnostics, x: str) -> tuple[Floats, str]:
    """Return the places of rows along the horizontal axis, and its label."""
    assert found.fit.problem is not None
    columns = found.fit.problem.table["columns"]
    if x == "fitted":
        return found.fit.fitted, "predicted " + _words.LOSS
    if x == "normal":
        return np.asarray(found.residuals()["normal"], float), "normal score"
    if x == "C" and "C" not in columns and {"N", "D"} <= set(columns):
        return 6.0 * columns["N"] * columns["D"], _words.LABELS["C"]
    if x not in found.fit.law.variables:
        message = f"the law has no variable {x!r} to draw residuals against"
        raise DataError(compose(message, f"choose one of {listed(['fitted', 'normal', *found.fit.law.variables])}"))
    return columns[x], _words.axis_label(found.fit.columns.get(x, x))


def _sizes(found: Diagnostics, x: str, used: Any) -> Floats | None:
    assert found.fit.problem is not None
    sizes = found.fit.problem.table["columns"].get("N")
    return None if sizes is None or x == "N" else sizes[used]


def _expectation(ax: Axes, at: Floats, normal: bool) -> None:
    """Draw where residuals would lie: on 0, mostly within 2, or on the line of normal scores."""
    if normal:
        ends = [float(at.min()), float(at.max())]
        ax.plot(ends, ends, color=_axes.CURVE, linewidth=1.2, zorder=1)
        return
    ax.axhline(0, color=_axes.CURVE, linewidth=1.2, zorder=1)
    ax.axhspan(-2, 2, color="0.5", alpha=0.11, linewidth=0, zorder=0)


def _change(found: Diagnostics, name: str) -> Floats:
    """Return the change of a quantity without each unit, in jackknife standard errors."""
    if name not in found.quantities:
        raise DataError(compose(f"the diagnostics know no {name!r}", f"choose one of {listed(found.quantities)}"))
    place = found.quantities.index(name)
    if np.isnan(found.changes).all():
        raise DataError(compose("the diagnostics hold no influence", "make them by fit.diagnostics(influence=True)"))
    error = found.jackknife_error[place]
    return found.changes[:, place] / (error if error > 0 else 1.0)


def _name_of(found: Diagnostics, code: int) -> str:
    return f"row {found.labels[code]}" if found.unit == "row" else str(found.labels[code])


def _name(ax: Axes, x: Floats, y: Floats, which: Any, order: Floats, names: list[str]) -> None:
    """Name the first few of some points, by an order."""
    chosen = [i for i in np.argsort(np.nan_to_num(order, nan=-np.inf), kind="stable") if which[i]][:NAMED]
    _axes.annotate(ax, [(float(x[i]), float(y[i]), names[i]) for i in chosen])
