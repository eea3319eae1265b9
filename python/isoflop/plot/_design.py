"""`design`: which runs to make next, and what is known of the target before and after them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .._design import RunPlan
from .._design._worth import OPEN, Expected
from .._errors import DataError, counted
from .._repr import percent
from . import _axes, _ticks, _words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: How far the target's line goes either way of the best size.
WAY = 8.0
#: The colour and the width of the bands before and after.
LOOKS = {"now": ("0.55", 7.0), "after": (_axes.CURVE, 3.5)}


def design(plan: RunPlan, *, show: Literal["runs", "loss", "N_opt"] = "runs", ax: Axes | None = None) -> Axes:
    """Draw a plan of runs: where they lie and what they tell of the target, before and after.

    Parameters
    ----------
    plan : RunPlan
        What `iso.plan_runs` gave.
    show : {"runs", "loss", "N_opt"}
        ``runs``: the runs made and planned over N and D, and on the line of the target's compute the band of the best
        size before and after. ``loss`` and ``N_opt``: the band at the target now, after the plan, and after usual
        designs of the same cost.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    DataError
        If `show` is none of these.

    Notes
    -----
    A design that leaves the best size open (a standard error of ln N_opt above ln 10) has no band, and says so.

    Examples
    --------
    >>> import isoflop as iso
    >>> known = iso.laws.get("chinchilla").published["epoch2024"]
    >>> plan = iso.plan_runs(known, sigma=0.005, budget=1e21, target_C=1e23, k=6)
    >>> iso.plot.design(plan).get_xlabel()
    'parameters N'
    """
    _words.expect("design", plan, RunPlan, "make it by iso.plan_runs(runs, budget=..., target_C=..., k=...)")
    if show not in ("runs", "loss", "N_opt"):
        raise DataError(f"show is {show!r}, expected 'runs', 'loss' or 'N_opt'")
    ax = _axes.new_axes(ax)
    if show == "runs":
        _runs(ax, plan)
        _target(ax, plan)
        _axes.finish(ax, _words.LABELS["N"], _words.LABELS["D"])
        _axes.legend(ax, "best")
    else:
        _bands(ax, plan, show)
    return ax


def _runs(ax: Axes, plan: RunPlan) -> None:
    """Draw the runs made, and those planned: larger where a point is run with several seeds."""
    if len(plan.made.get("N", ())):
        label = counted(len(plan.made["N"]), "run made", "runs made")
        ax.scatter(plan.made["N"], plan.made["D"], s=9, color="0.55", linewidths=0, zorder=2, label=label)
    places, seeds = np.unique(np.column_stack([plan.columns["N"], plan.columns["D"]]), axis=0, return_counts=True)
    label = counted(len(plan.columns["N"]), "run planned", "runs planned")
    style: dict[str, Any] = {"marker": "D", "color": _axes.PLAIN, "edgecolors": "white", "linewidths": 0.5}
    ax.scatter(places[:, 0], places[:, 1], s=26 * seeds, zorder=3, **style)
    ax.scatter([], [], s=26, label=label, **style)
    several = [(float(N), float(D), f"{n} seeds") for (N, D), n in zip(places, seeds, strict=True) if n > 1]
    _axes.annotate(ax, several)


def _target(ax: Axes, plan: RunPlan) -> None:
    """Draw the target's compute as a line, and along it where the best size lies before and after."""
    middle = plan.after.N_opt
    sizes = middle * np.geomspace(1 / WAY, WAY, 50)
    text = f"{_ticks.plain(plan.target_C)} FLOP"
    ax.plot(sizes, plan.target_C / (6 * sizes), color="0.4", linewidth=0.8, linestyle=":", zorder=1, label=text)
    for one, (name, (color, width)) in zip((plan.before, plan.after), LOOKS.items(), strict=True):
        if one.N_opt_error >= OPEN:
            ax.plot([], [], color=color, linewidth=width, label=f"best size {name}: open")
            continue
        N = np.geomspace(one.N_opt_low, one.N_opt_high, 50)
        label = f"best size {name}, {percent(plan.level)}"
        ax.plot(N, plan.target_C / (6 * N), color=color, linewidth=width, solid_capstyle="butt", zorder=2, label=label)


def _bands(ax: Axes, plan: RunPlan, show: Literal["loss", "N_opt"]) -> None:
    """Draw the band of each design as a bar, the plan's own in colour, from now at the top."""
    for place, one in enumerate(plan.designs):
        color = _axes.CURVE if one is plan.after else "0.55" if one is plan.before else _axes.PLAIN
        if _error(one, show) >= OPEN:
            middle = getattr(plan.after, show)
            ax.text(middle, place, "open", color=color, ha="center", va="center", fontsize=_axes.small(ax))
            continue
        ends = (getattr(one, f"{show}_low"), getattr(one, f"{show}_high"))
        ax.plot(ends, (place, place), color=color, linewidth=5, solid_capstyle="butt")
        ax.plot(getattr(one, show), place, "|", color="white", markersize=6, markeredgewidth=1.5)
    ax.set_yticks(range(len(plan.designs)), [one.design for one in plan.designs])
    ax.set_ylim(len(plan.designs) - 0.5, -0.5)
    what, unit = ("loss", " (nats)") if show == "loss" else ("best N", "")
    where = f"{what} at {_ticks.plain(plan.target_C)} FLOP{unit}, {percent(plan.level)}"
    _axes.finish(ax, where, "", x_log=show == "N_opt", y_log=False)
    ax.tick_params(axis="y", length=0)


def _error(one: Expected, show: str) -> float:
    return float(one.loss_error if show == "loss" else one.N_opt_error)
