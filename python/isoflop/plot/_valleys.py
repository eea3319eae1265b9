"""`valleys`: the loss against the number of parameters at constant compute, where it is lowest, and how flat it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._engine import Floats
from .._errors import DataError, compose, counted
from .._given import numbers
from .._optimum import Optimum
from .._optimum._pair import of_pair
from .._repr import percent
from .._runs import Runs
from ..estimators import IsoFLOP, isoflop
from ..estimators._budgets import SAME_BUDGET, budgets_of
from ..estimators._profile import FEWEST
from . import _axes, _words
from ._surface import HINT, MODELS, Surface, surface_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: A valley is drawn up to this share above its lowest loss, from this many sizes over a factor of `SPAN` either way.
RISE, SIZES, SPAN = 0.08, 400, 300.0
#: Budgets across the runs where these come in no profiles.
BUDGETS = 5
#: The range that is drawn: sizes that reach the lowest loss with at most this share more compute.
NEAR = 0.02


def valleys(
    found: Any,
    *,
    budgets: Sequence[float] | None = None,
    near: float = NEAR,
    level: float = 0.95,
    colorbar: bool = True,
    ax: Axes | None = None,
    **held: Any,
) -> Axes:
    """Draw the loss against N at constant compute, one valley per budget, with the best size of each.

    Parameters
    ----------
    found : IsoFLOP, Runs, Fit, Bootstrap, Forecaster, Published or (law, params)
        Of isoFLOP profiles (runs are made into these) the curves through the runs and their lowest points; of a model
        the law at constant C = 6 N D, with its optima.
    budgets : sequence of float, optional
        Compute of the valleys of a model, in FLOP. Where None: the budgets of its runs, or five across their compute.
    near : float
        The sizes drawn thick reach a valley's lowest loss with at most this share more compute (of a model).
    level : float
        Of the intervals of the best size.
    colorbar : bool
        Add a bar for the colours, which are the budgets.
    ax : Axes, optional
    **held
        The law's other variables and levels, at one value.

    Returns
    -------
    Axes

    Raises
    ------
    DataError
        If the law is not over N and D, or there are neither budgets nor runs.

    Examples
    --------
    >>> import isoflop as iso
    >>> ax = iso.plot.valleys(iso.laws.get("chinchilla").published["epoch2024"], budgets=[1e19, 1e20, 1e21])
    >>> ax.get_xlabel()
    'parameters N'
    """
    found = of_pair(found)
    _words.expect("valleys", found, (IsoFLOP, Runs, *MODELS), HINT + ", or isoFLOP profiles")
    if isinstance(found, Runs):
        found = isoflop(found, law=None)
    if isinstance(found, IsoFLOP):
        ax = _axes.new_axes(ax)
        shades = _profiles(ax, found, level)
    else:
        surface = surface_of("valleys", found, held)
        C = _budgets(surface, budgets)
        best = surface.best(C, near=(near,), level=level)
        ax = _axes.new_axes(ax)
        shades = _of_law(ax, surface, best, near, level)
    _axes.room_below(ax, lines=3)
    _axes.finish(ax, _words.LABELS["N"], _words.LOSS)
    if colorbar:
        _axes.size_bar(ax, shades, _words.LABELS["C"])
    _axes.legend(ax, "lower left")
    return ax


def _profiles(ax: Axes, found: IsoFLOP, level: float) -> Any:
    """Draw runs of each budget, the curves through them and their lowest points."""
    shades = _axes.shades_of(np.array([p.C for p in found.profiles]))
    C = np.concatenate([np.full(len(p.x), p.C) for p in found.profiles])
    N, loss = (np.concatenate([getattr(p, name) for p in found.profiles]) for name in ("x", "loss"))
    _axes.scatter(ax, np.exp(N), loss, C, counted(len(N), "run"), shades)
    frame = found.curves()
    curves = {name: np.asarray(frame[name]) for name in ("C", "N", "loss")}
    for budget in np.unique(curves["C"]):
        one = curves["C"] == budget
        _valley(ax, shades, budget, curves["N"][one], curves["loss"][one])
    minima = found.to_frame(level)
    _optima(ax, found.N_opt, found.loss, np.asarray(minima["N_low"]), np.asarray(minima["N_high"]), level)
    return shades


def _of_law(ax: Axes, surface: Surface, best: Optimum, near: float, level: float) -> Any:
    """Draw the law at constant compute, its optima and near-optimal ranges, and the runs of these budgets."""
    C = best.budget
    shades = _axes.shades_of(C)
    lowest = surface.loss(best.N, C / (6 * best.N))
    _runs(ax, surface, C, shades)
    flat = best.near[near]
    for i, budget in enumerate(C):
        sizes = best.N[i] * np.geomspace(1 / SPAN, SPAN, SIZES)
        heights = surface.loss(sizes, budget / (6 * sizes))
        shown = heights <= (1 + RISE) * lowest[i]
        _valley(ax, shades, budget, sizes[shown], heights[shown])
        if np.isfinite([end[i] for end in flat]).all():
            thick = np.geomspace(flat[0][i], flat[1][i], SIZES)
            _valley(ax, shades, budget, thick, surface.loss(thick, budget / (6 * thick)), linewidth=4, alpha=0.4)
    low, high = best.interval("N")
    _optima(ax, best.N, lowest, low, high, level)
    label = f"reached with {percent(near)} more compute"
    ax.plot([], [], color="0.35", linewidth=4, alpha=0.4, solid_capstyle="butt", label=label)
    return shades


def _budgets(surface: Surface, given: Sequence[float] | None) -> Floats:
    """Return the budgets asked for, those of the runs where they come in profiles, or some across the runs."""
    if given is not None:
        budgets = np.unique(numbers("budgets", given, "numbers above 0, in FLOP"))
        if not (budgets.size and np.isfinite(budgets).all() and budgets[0] > 0):
            raise DataError(f"budgets are {given!r}, expected numbers above 0, in FLOP")
        return budgets
    if surface.runs is None:
        raise DataError(compose("there are no runs to take budgets from", "name them: budgets=[1e19, 1e20, 1e21]"))
    N, D, _ = surface.runs
    C = 6 * N * D
    codes, nominal = budgets_of(C)
    profiles = [at for i, at in enumerate(nominal) if len(np.unique(N[codes == i])) >= FEWEST["parabola"]]
    return np.array(profiles) if len(profiles) > 1 else np.geomspace(C.min(), C.max(), BUDGETS)


def _runs(ax: Axes, surface: Surface, budgets: Floats, shades: Any) -> None:
    """Draw the runs whose compute is that of a budget."""
    if surface.runs is None:
        return
    N, D, loss = surface.runs
    off = np.abs(np.log(6 * N * D)[:, None] - np.log(budgets))
    near = off.min(axis=1) < SAME_BUDGET
    if near.any():
        C = budgets[off.argmin(axis=1)]
        _axes.scatter(ax, N[near], loss[near], C[near], counted(int(near.sum()), "run"), shades)


def _valley(ax: Axes, shades: Any, budget: float, N: Floats, loss: Floats, **look: Any) -> None:
    ax.plot(N, loss, color=shades.to_rgba(budget), zorder=1, solid_capstyle="butt", **{"linewidth": 1.0, **look})


def _optima(ax: Axes, N: Floats, loss: Floats, low: Floats, high: Floats, level: float) -> None:
    """Draw where the valleys are lowest, with the interval of that size where it is known."""
    style: dict[str, Any] = {"color": _axes.CURVE, "zorder": 4}
    known = np.isfinite(low) & np.isfinite(high)
    label = f"best size, {percent(level)} interval" if known.any() else "best size"
    ax.plot(N, loss, linewidth=0.9, linestyle=(0, (3, 1.5)), **style)
    ax.plot(N, loss, "o", markersize=4, markeredgecolor="white", markeredgewidth=0.5, label=label, **style)
    ax.hlines(loss[known], low[known], high[known], linewidth=1.6, **style)
