"""`recipes`: two recipes by their compute, and how much less of it the second one takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .._engine import Floats
from .._errors import DataError
from .._recipes import RecipeComparison
from .._repr import number, percent
from . import _axes, _ticks, _words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Places along a curve, and how far open ends of an interval are drawn beyond the estimates.
PLACES, FAR = 80, 3.0


def recipes(
    found: RecipeComparison,
    *,
    show: Literal["multiplier", "loss"] = "multiplier",
    until: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the compute multiplier of the second recipe with its band, or the loss of both.

    Parameters
    ----------
    found : RecipeComparison
        What `iso.compare_recipes` gave.
    show : {"multiplier", "loss"}
        With how many times less compute the second recipe reaches the first's loss; or both recipes' runs and curves.
    until : float, optional
        Compute in FLOP at which curves end; that of the largest run or the target where None.
    ax : Axes, optional

    Returns
    -------
    Axes

    Raises
    ------
    DataError
        If `show` or `until` is not one of what they can be.

    Notes
    -----
    Where the runs cannot exclude any multiplier, the band runs out of the picture. What lies beyond the runs is shaded;
    a line marks where the curves cross, with the interval of that compute at the foot.

    Examples
    --------
    >>> import isoflop as iso
    >>> C = [1e18, 1e19, 1e20, 1e21]
    >>> base, new = {"C": C, "loss": [3.270, 2.802, 2.468, 2.239]}, {"C": C, "loss": [3.204, 2.753, 2.439, 2.214]}
    >>> found = iso.compare_recipes(base, new, shared="exponents", asymptote=1.7, n_resamples=0)
    >>> iso.plot.recipes(found).get_ylabel()
    'compute multiplier'
    """
    _words.expect("recipes", found, RecipeComparison, "make it by iso.compare_recipes(runs_a, runs_b)")
    if show not in ("multiplier", "loss"):
        raise DataError(f"show is {show!r}, expected 'multiplier' or 'loss'")
    points = {name: np.asarray(found.points[name]) for name in ("recipe", "C", "loss")}
    last = float(points["C"].max())
    end = max(last, found.target) if until is None else until
    if not points["C"].min() < end < np.inf:
        raise DataError(f"until is {until}, expected FLOP beyond the smallest run, {points['C'].min():.3g}")
    C = np.geomspace(points["C"].min(), end, PLACES)
    ax = _axes.new_axes(ax)
    label = _multiplier(ax, found, C) if show == "multiplier" else _losses(ax, found, points, C)
    _crossing(ax, found, C)
    _axes.beyond(ax, last, end)
    _axes.finish(ax, _words.LABELS["C"], label)
    _axes.legend(ax, "best" if show == "multiplier" else "upper right", over_lines=True)
    return ax


def _multiplier(ax: Axes, found: RecipeComparison, C: Floats) -> str:
    """Draw the multiplier along compute, and its intervals at the scales of the runs."""
    estimate, low, high = found.multiplier_at(C)
    bottom, top = _view(estimate, low, high)
    ax.axhline(1, color=_axes.GREY, linewidth=0.9, zorder=1)
    name, words = "{1} over {0}".format(*found.names), f"{percent(found.level)} band"
    edges = (np.clip(edge, bottom / 2, top * 2) for edge in (low, high))
    ax.fill_between(C, *edges, color=_axes.CURVE, alpha=0.25, linewidth=0, zorder=1.5, label=words)
    ax.plot(C, np.where(estimate > 0, estimate, np.nan), color=_axes.CURVE, linewidth=1.4, zorder=3, label=name)
    seen = found.inside & (found.estimate > 0)
    ax.plot(found.scales[seen], found.estimate[seen], "o", color=_axes.CURVE, markersize=4, zorder=3)
    ax.set_ylim(bottom, top)
    return "compute multiplier"


def _view(estimate: Floats, low: Floats, high: Floats) -> tuple[float, float]:
    """Return the limits of the vertical axis: closed intervals wholly, open ones a little way, and equality."""
    sound = estimate[estimate > 0]
    bottom, top = float(sound.min(initial=1.0)), float(sound.max(initial=1.0))
    ends = np.concatenate([low, high])
    ends = ends[(ends > bottom / FAR) & (ends < top * FAR)]
    return float(min(ends.min(initial=bottom), bottom)) / 1.05, float(max(ends.max(initial=top), top)) * 1.05


def _losses(ax: Axes, found: RecipeComparison, points: dict[str, Any], C: Floats) -> str:
    """Draw runs, curves and bands of both recipes."""
    frame = found.curves(C)
    for letter, name, (color, marker) in zip("ab", found.names, _axes.KINDS, strict=False):
        own = points["recipe"] == name
        middle, low, high = (np.asarray(frame[f"loss_{letter}{end}"]) for end in ("", "_low", "_high"))
        look: dict[str, Any] = {"marker": marker, "markeredgecolor": "white", "markeredgewidth": 0.3, "markersize": 5}
        ax.fill_between(C, low, high, color=color, alpha=0.2, linewidth=0, zorder=1.5)
        ax.plot(C, middle, color=color, linewidth=1.2, zorder=2)
        ax.plot(points["C"][own], points["loss"][own], linestyle="", color=color, zorder=3, label=name, **look)
    ax.fill_between([], [], [], color="0.5", alpha=0.3, linewidth=0, label=f"{percent(found.level)} bands, mean curves")
    return _words.LOSS


def _crossing(ax: Axes, found: RecipeComparison, C: Floats) -> None:
    """Mark where the curves cross, if that is in view."""
    one = found.crossing
    if one is None or not C[0] <= one.C <= C[-1]:
        return
    label = f"crossing, {_ticks.plain(float(number(one.C, 2)))} FLOP"
    ax.axvline(one.C, color="0.25", linewidth=0.9, linestyle=(0, (3, 1.5)), zorder=2, label=label)
    ends = np.clip([one.low, one.high], C[0], C[-1])
    ax.hlines(0.02, *ends, color="0.25", linewidth=2.5, zorder=2, transform=ax.get_xaxis_transform())
