"""How axes look: ticks that a reader can use on log scales of less than a decade, colours, a bar for sizes.

Colours: sizes by viridis without its palest end (even steps in lightness, readable without colour vision); the law in
a vermilion that is in none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import LogNorm

    from .._engine import Floats

CURVE = "#C8380B"
PLAIN = "#31688E"
#: Axes wider than this, in inches, have room for larger type and points.
WIDE = 3.5


def new_axes(ax: Axes | None) -> Axes:
    """Return `ax`, or the axes of a new figure."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    _, made = plt.subplots(layout="constrained")
    return made


def log_scale(axis: Any) -> None:
    """Make a log scale; with ticks at round numbers where it spans less than a decade or so.

    Call it when everything is drawn.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator, ScalarFormatter

    axes, name = axis.axes, axis.axis_name
    getattr(axes, f"set_{name}scale")("log")
    low, high = axis.get_view_interval()
    if high / low < 12:
        axis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
        plain = ScalarFormatter(useOffset=False)
        axis.set_major_formatter(plain if high < 1e4 else FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_locator(NullLocator())
    else:
        axis.set_major_locator(LogLocator(numticks=12))
        axis.set_minor_locator(LogLocator(subs=list(range(2, 10)), numticks=200))
        axis.set_minor_formatter(NullFormatter())


def tidy(ax: Axes) -> None:
    """Take away what carries no information."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(which="both", direction="out")


def size_colours(size: Floats) -> tuple[Any, LogNorm]:
    """Return colour map and scale for numbers of parameters."""
    import matplotlib as mpl
    from matplotlib.colors import ListedColormap, LogNorm

    colours = ListedColormap(mpl.colormaps["viridis"](np.linspace(0, 0.92, 256)), name="sizes")
    low, high = float(size.min()), float(size.max())
    return colours, LogNorm(low, high) if high > low else LogNorm(low / 2, low * 2)


def scatter(ax: Axes, x: Floats, y: Floats, size: Floats | None, label: str) -> Any:
    """Draw runs as points, coloured by their number of parameters where there is one."""
    area = float(np.interp(len(x), [30, 300], [22, 12])) * (1.0 if inches(ax) > WIDE else 0.5)
    style: dict[str, Any] = {"s": area, "linewidths": 0.3, "edgecolors": "white", "zorder": 2, "label": label}
    if size is None:
        return ax.scatter(x, y, color=PLAIN, **style)
    cmap, norm = size_colours(size)
    return ax.scatter(x, y, c=size, cmap=cmap, norm=norm, **style)


def size_bar(axes: Axes | list[Axes], points: Any) -> None:
    """Add the bar that says which colour is which number of parameters."""
    from matplotlib.figure import Figure

    first = axes[0] if isinstance(axes, list) else axes
    figure = first.figure
    assert isinstance(figure, Figure) or hasattr(figure, "colorbar")
    bar = figure.colorbar(points, ax=axes, pad=0.015, aspect=30, fraction=0.06)
    bar.set_label("parameters N")
    bar.outline.set_visible(False)
    low, high = points.norm.vmin, points.norm.vmax
    if high / low < 12:
        log_scale(bar.ax.yaxis)


def beyond(ax: Axes, last: float, end: float) -> None:
    """Shade the region beyond the largest run; the horizontal axis ends with it."""
    if end <= last:
        return
    shade = ax.axvspan(last, end, color="0.5", alpha=0.11, linewidth=0, zorder=0, label="beyond the runs")
    shade.sticky_edges.x.append(end)


def legend(ax: Axes, place: Literal["upper right", "best"]) -> None:
    """Say what is what, in smaller type where the axes are narrow."""
    size = "small" if inches(ax) > WIDE else "x-small"
    ax.legend(frameon=False, fontsize=size, loc=place, handlelength=1.6, borderaxespad=0.3, labelspacing=0.35)


def inches(ax: Axes) -> float:
    """Return the width of axes."""
    return float(ax.get_position().width * ax.figure.get_figwidth())  # type: ignore[union-attr]
