"""`pairs`: the draws of parameters, each on the diagonal and each two below it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._draws import Bootstrap
from .._engine import Floats
from .._errors import DataError, FitError, compose, listed
from .._repr import percent
from . import _axes, _ticks, _words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Cells of a histogram along each side; the width of the kernel that smooths it, in cells, for so many draws.
CELLS, WIDTH, DRAWS = 48, 1.5, 50_000
#: Tails that are left out of view, and shares of the draws that regions hold.
TAIL, SHARES = 0.002, (0.95, 0.5)
#: Room between panels, of a panel's side.
GAP = 0.12


def pairs(boot: Bootstrap, *, names: Sequence[str] | None = None, ax: Axes | None = None) -> Axes:
    """Draw the draws of parameters in pairs: regions that hold 50 and 95 % of them, and the fit.

    Parameters
    ----------
    boot : Bootstrap
    names : sequence of str, optional
        Parameters and derived quantities of the law; all free parameters where None.
    ax : Axes, optional

    Returns
    -------
    Axes
        The axes given; its panels, row by row, are its ``child_axes``.

    Raises
    ------
    DataError
        If there are fewer than two, or one that the law does not have.

    Notes
    -----
    Regions are those of highest density of a smoothed histogram. Unsound draws are left out, and so, of the view
    alone, is 0.2 % of the draws at either end of each. Positive quantities that span a factor of 12 are on log scales.

    Examples
    --------
    >>> import isoflop as iso
    >>> runs = iso.simulate("power_floor", {"X": [1, 3, 10, 30, 100, 300, 1000, 3000] * 5}, noise=0.01)
    >>> ax = iso.plot.pairs(iso.fit(runs, "power_floor").bootstrap(500))
    >>> len(ax.child_axes)
    6
    """
    _words.expect("pairs", boot, Bootstrap, "draw resamples by fit.bootstrap(10_000)")
    columns = _columns(boot, names)
    ax = _axes.new_axes(ax)
    ax.set_axis_off()
    side = 1 / (len(columns) + GAP * (len(columns) - 1))
    listed_columns = list(columns.items())
    for i, (yname, y) in enumerate(listed_columns):
        for j, (xname, x) in enumerate(listed_columns[: i + 1]):
            place = (j * side * (1 + GAP), 1 - (i + 1) * side - i * side * GAP, side, side)
            panel = ax.inset_axes(place)
            if i == j:
                _alone(panel, x)
            else:
                _together(panel, x, y)
            _dress(panel, xname if i == len(columns) - 1 else "", yname if j == 0 and i else "", len(columns))
    ax.text(1, 1, _legend(boot), transform=ax.transAxes, ha="right", va="top", fontsize=_axes.small(ax))
    return ax


class _Column:
    """The sound draws of a quantity on the scale they are shown on, the fit's value, and the limits of the view."""

    def __init__(self, draws: Floats, value: float) -> None:
        ends = np.quantile(draws, [TAIL, 1 - TAIL])
        self.log = bool(ends[0] > 0 and ends[1] / ends[0] > _ticks.WITHIN)
        self.draws, self.value = draws, value
        low, high = np.log(ends) if self.log else ends
        room = 0.05 * (high - low) or 0.5 * abs(high) or 0.5
        self.edges = np.linspace(low - room, high + room, CELLS + 1)
        self.shown = np.log(draws) if self.log else draws

    def places(self, at: Floats) -> Floats:
        return np.exp(at) if self.log else at

    @property
    def middles(self) -> Floats:
        return self.places(0.5 * (self.edges[1:] + self.edges[:-1]))

    @property
    def limits(self) -> tuple[float, float]:
        low, high = self.places(self.edges[[0, -1]])
        return float(low), float(high)


def _columns(boot: Bootstrap, names: Sequence[str] | None) -> dict[str, _Column]:
    known = [*boot.names, *boot.fit.law.tied, *boot.fit.law.derived]
    chosen = list(boot.fit.free if names is None else names)
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise DataError(compose(f"the draws hold no {unknown[0]!r}", f"choose among {listed(known)}"))
    if len(chosen) < 2:
        raise DataError(f"names are {listed(chosen)}, expected two or more of {listed(known)}")
    if not boot.ok.any():
        raise FitError(compose(f"no refit is sound: {boot.failures()}", "fix or tie parameters, or add a prior"))
    draws = {name: boot.draws[:, i] for i, name in enumerate(boot.names)} | boot.tied_columns(boot.draws)
    draws |= boot.derived()
    values = {**boot.fit.params, **boot.fit.derived()}
    return {name: _Column(draws[name][boot.ok], values[name]) for name in chosen}


def _alone(panel: Any, x: _Column) -> None:
    height = _smooth(np.histogram(x.shown, x.edges)[0].astype(float))
    panel.fill_between(x.middles, 0, height, color=_axes.PLAIN, alpha=0.35, linewidth=0)
    panel.plot(x.middles, height, color=_axes.PLAIN, linewidth=1)
    panel.axvline(x.value, color=_axes.CURVE, linewidth=1)
    panel.set_ylim(0, 1.1 * height.max())
    panel.set_yticks([])
    _scale(panel.xaxis, x)


def _together(panel: Any, x: _Column, y: _Column) -> None:
    counts = np.histogram2d(x.shown, y.shown, [x.edges, y.edges])[0]
    density = _smooth(_smooth(counts).T).T
    levels = [_height_holding(density, counts, share) for share in SHARES]
    style = {"colors": [_axes.tint(_axes.PLAIN, 0.35), _axes.tint(_axes.PLAIN, 0.75)], "zorder": 1}
    panel.contourf(x.middles, y.middles, density.T, [*levels, max(density.max(), levels[-1]) * 1.001], **style)
    panel.plot(x.value, y.value, "+", color=_axes.CURVE, markersize=6, markeredgewidth=1.3, zorder=3)
    _scale(panel.xaxis, x)
    _scale(panel.yaxis, y)


def _smooth(counts: Floats) -> Floats:
    """Return counts smoothed along their first axis, the more the fewer there are; ends are not pulled down."""
    width = WIDTH * float(np.clip((DRAWS / max(counts.sum(), 1)) ** (1 / 6), 1, 3))
    steps = np.arange(-int(3 * width), int(3 * width) + 1)
    kernel = np.exp(-0.5 * (steps / width) ** 2)
    kernel /= kernel.sum()
    full = np.apply_along_axis(np.convolve, 0, counts, kernel, mode="same")
    room = np.convolve(np.ones(len(counts)), kernel, mode="same")
    return np.asarray(full / (room if counts.ndim == 1 else room[:, None]))


def _height_holding(density: Floats, counts: Floats, share: float) -> float:
    """Return the density above which a share of the draws lies: of these themselves, whatever was smoothed."""
    order = np.argsort(-density, axis=None, kind="stable")
    held = np.cumsum(counts.ravel()[order])
    return float(density.ravel()[order][int(np.searchsorted(held, share * held[-1]))])


def _scale(axis: Any, column: _Column) -> None:
    from matplotlib.ticker import MaxNLocator

    getattr(axis.axes, f"set_{axis.axis_name}lim")(*column.limits)
    if column.log:
        _ticks.log_scale(axis)
    else:
        axis.set_major_locator(MaxNLocator(nbins=3, prune="both"))


def _dress(panel: Any, xlabel: str, ylabel: str, n: int) -> None:
    """Name the outer panels; give all small ticks."""
    _axes.tidy(panel)
    size = _axes.small(panel)
    panel.tick_params(which="both", labelsize=size, length=2, pad=1.5)
    panel.tick_params(axis="x", labelbottom=bool(xlabel), rotation=45 if n > 3 else 0)
    panel.tick_params(axis="y", labelleft=bool(ylabel))
    panel.set_xlabel(xlabel)
    panel.set_ylabel(ylabel)


def _legend(boot: Bootstrap) -> str:
    shares = " and ".join(percent(share) for share in sorted(SHARES))
    return f"{int(boot.ok.sum()):,} draws\nregions of {shares}\n+ the fit"
