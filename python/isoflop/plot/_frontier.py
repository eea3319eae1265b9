"""`frontier`: what is best for each budget, with its band and the range that is nearly as good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .._engine import Floats
from .._errors import DataError, compose, listed
from .._optimum import Optimum
from .._repr import percent
from ..estimators import Allocation, IsoFLOP
from . import _axes, _words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Quantity = Literal["N", "D", "tokens_per_param", "loss"]
LABELS: dict[Quantity, str] = {
    "N": _words.LABELS["N"],
    "D": _words.LABELS["D"],
    "tokens_per_param": "tokens per parameter D/N",
    "loss": _words.LOSS,
}
BUDGETS = {
    "FLOP": _words.LABELS["C"],
    "USD": "budget (USD)",
    "days": "budget (days)",
    "kWh": "budget (kWh)",
    "loss": _words.LOSS,
}
#: Places along a power of compute, and how far it goes beyond the profiles it comes from.
PLACES, REACH = 60, 100.0


def frontier(
    found: Optimum | Allocation,
    *,
    y: Quantity = "N",
    C: Any = None,
    level: float = 0.95,
    color: str = _axes.CURVE,
    label: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the best N, D, tokens per parameter or loss for each budget, with its band.

    Parameters
    ----------
    found : Optimum or Allocation
        What `iso.compute_optimal` gave for several budgets; or approach 1 or 2 (`iso.estimators`), which knows N, D
        and their ratio. Several calls into one `Axes` compare them.
    y : {"N", "D", "tokens_per_param", "loss"}
    C : array, optional
        Compute at which an Allocation is drawn; where None from its profiles on to a hundred times the largest.
    level : float
        Of the band of an Allocation; an Optimum has its own.
    color, label : str, optional
        Of the line.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    DataError
        If there is one budget only, or nothing is known of the quantity.

    Notes
    -----
    The light band of an Optimum's N is its near-optimal range: every size that reaches the loss of the optimum with at
    most so much more of the budget. It says how much the choice matters, the dark band how well it is known.

    Examples
    --------
    >>> import isoflop as iso
    >>> epoch = iso.laws.get("chinchilla").published["epoch2024"]
    >>> iso.plot.frontier(iso.compute_optimal(epoch, C=[1e20, 1e22, 1e24]), y="D").get_ylabel()
    'training tokens D'
    """
    _words.expect("frontier", found, (Optimum, Allocation), "make it by iso.compute_optimal(model, C=[...])")
    _check(found, y, C)
    ax = _axes.new_axes(ax)
    if isinstance(found, Optimum):
        xlabel = BUDGETS[found.unit]
        _of_optimum(ax, found, y, color, label or "optimum")
    else:
        xlabel = _words.LABELS["C"]
        _of_allocation(ax, found, y, C, level, color, label)
    _axes.finish(ax, xlabel, LABELS[y])
    _axes.legend(ax, "best")
    return ax


def _check(found: Optimum | Allocation, y: str, C: Any) -> None:
    """Refuse what has no frontier, before anything is drawn."""
    if y not in LABELS:
        raise DataError(f"y is {y!r}, expected one of {listed(LABELS)}")
    if isinstance(found, Optimum):
        if np.size(found.budget) < 2:
            raise DataError(compose("the optimum is of one budget, a frontier is drawn over several", "pass C=[...]"))
    elif y not in ("N", "D"):
        raise DataError(compose(f"approaches 1 and 2 give no {y}", "draw N or D, or an Optimum"))
    elif C is None and not isinstance(found, IsoFLOP):
        raise DataError(compose("the allocation does not say for which compute", "pass C=[...]"))


def _of_optimum(ax: Axes, found: Optimum, y: Quantity, color: str, label: str) -> None:
    order = np.argsort(found.budget)
    budget, at, low, high = (np.asarray(x, float)[order] for x in (found.budget, getattr(found, y), *found.interval(y)))
    if y == "N" and found.near:
        share = min(found.near)
        words = f"reached with {percent(share)} more {'compute' if found.unit == 'FLOP' else 'budget'}"
        least, most = (np.asarray(end, float)[order] for end in found.near[share])
        ax.fill_between(budget, least, most, color=color, alpha=0.14, linewidth=0, zorder=1, label=words)
    _line(ax, budget, at, (low, high), found.level, color, label)


def _of_allocation(
    ax: Axes, found: Allocation, y: Quantity, C: Any, level: float, color: str, label: str | None
) -> None:
    profiled = isinstance(found, IsoFLOP)
    if isinstance(found, IsoFLOP):
        _minima(ax, found, y, level, color)
        ends = [p.C for p in found.profiles]
        C = np.geomspace(min(ends), REACH * max(ends), PLACES) if C is None else C
    band = found.band(C=np.sort(C), level=level)
    edges = (np.asarray(band[f"{y}_low"]), np.asarray(band[f"{y}_high"]))
    words = label or ("approach 2" if profiled else "approach 1")
    _line(ax, np.asarray(band["C"]), np.asarray(band[y]), edges, level, color, words)


def _minima(ax: Axes, found: IsoFLOP, y: Quantity, level: float, color: str) -> None:
    """Draw the lowest points of the profiles with their intervals."""
    frame = found.to_frame(level)
    C, N, low, high = (np.asarray(frame[name]) for name in ("C", "N_opt", "N_low", "N_high"))
    scale = C / np.array([p.kappa for p in found.profiles])
    at, low, high = (N, low, high) if y == "N" else (scale / N, scale / high, scale / low)
    ax.plot(C, at, "o", color=color, markersize=4, markeredgecolor="white", zorder=4)
    ax.vlines(C, low, high, color=color, linewidth=1, zorder=3)


def _line(ax: Axes, x: Floats, at: Floats, edges: tuple[Any, Any], level: float, color: str, label: str) -> None:
    low, high = (np.asarray(edge, float) for edge in edges)
    known = np.isfinite(low) & np.isfinite(high)
    if known.any():
        look: dict[str, Any] = {"color": color, "alpha": 0.35, "linewidth": 0, "zorder": 1.5}
        ax.fill_between(x, low, high, where=known, label=f"{percent(level)} band", **look)
    ax.plot(x, at, color=color, linewidth=1.4, zorder=3, label=label)
