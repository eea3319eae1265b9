"""How axes look: ticks that a reader can use on log scales of less than a decade, colours, a bar for sizes.

Colours: sizes by viridis without its palest end (even steps in lightness, readable without colour vision); the law in
a vermilion that is in none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.colors import LogNorm

    from .._engine import Floats

CURVE = "#C8380B"
PLAIN = "#31688E"
GREY = "0.55"
#: For things of several kinds, with a marker each: apart in lightness too (Okabe and Ito 2008, reordered).
KINDS = (("#31688E", "o"), ("#C8380B", "s"), ("#2A9D6F", "^"), ("#B8559A", "D"), ("#D99A00", "v"))
#: Axes wider than this, in inches, have room for larger type and points.
WIDE = 3.5
#: A log scale of less than this ratio gets round numbers, one with no more decades than that 1, 2 and 5 of each.
WITHIN, FEW = 12.0, 1
#: Shares of the axes right of which names stand left of their points, and above which they stand below.
MIDDLE, HIGH = 0.55, 0.9


def new_axes(ax: Axes | None) -> Axes:
    """Return `ax`, or the axes of a new figure."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    _, made = plt.subplots(layout="constrained")
    return made


def finish(ax: Axes, xlabel: str, ylabel: str, *, x_log: bool = True, y_log: bool = True) -> None:
    """Name the axes, make log scales and take away what carries no information; call it when all is drawn."""
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.margins(x=0.02)
    if x_log:
        log_scale(ax.xaxis)
    if y_log:
        log_scale(ax.yaxis)
    tidy(ax)


def log_scale(axis: Any) -> None:
    """Make a log scale: ticks at decades, at 1, 2, 5 where these are few, at round numbers within a decade.

    Call it when everything is drawn.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator, ScalarFormatter

    axes, name = axis.axes, axis.axis_name
    getattr(axes, f"set_{name}scale")("log")
    low, high = axis.get_view_interval()
    axis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
    if high / low < WITHIN:
        axis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
        if high < 1e4:
            axis.set_major_formatter(ScalarFormatter(useOffset=False))  # 2.0, 2.5: as many digits everywhere
        axis.set_minor_locator(NullLocator())
    else:
        decades = np.floor(np.log10(high)) - np.ceil(np.log10(low)) + 1
        axis.set_major_locator(LogLocator(subs=[1.0] if decades > FEW else [1.0, 2.0, 5.0], numticks=12))
        axis.set_minor_locator(LogLocator(subs=list(range(2, 10)), numticks=200))
        axis.set_minor_formatter(NullFormatter())


def plain(value: float) -> str:
    r"""Return a number as a label: as it is from 0.001 to 9999, else with a power of ten.

    Examples
    --------
    >>> plain(2.5), plain(20.0), plain(2e9), plain(1e21)
    ('2.5', '20', '$2{\\times}10^{9}$', '$10^{21}$')
    """
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.10g}"
    mantissa, power = f"{value:.9e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".")
    times = "" if mantissa == "1" else f"{mantissa}{{\\times}}"
    return f"${times}10^{{{int(power)}}}$"


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
    """Add the bar that says which colour is which number of parameters, where points are coloured by it."""
    if points.get_array() is None:
        return
    figure: Any = (axes[0] if isinstance(axes, list) else axes).figure
    bar = figure.colorbar(points, ax=axes, pad=0.015, aspect=30, fraction=0.06)
    bar.set_label("parameters N")
    bar.outline.set_visible(False)
    low, high = points.norm.vmin, points.norm.vmax
    if high / low < WITHIN:
        log_scale(bar.ax.yaxis)


def beyond(ax: Axes, last: float, end: float) -> None:
    """Shade the region beyond the largest run; the horizontal axis ends with it."""
    if end <= last:
        return
    shade = ax.axvspan(last, end, color="0.5", alpha=0.11, linewidth=0, zorder=0, label="beyond the runs")
    shade.sticky_edges.x.append(end)


def legend(ax: Axes, place: Literal["upper right", "best"]) -> None:
    """Say what is what, in smaller type where the axes are narrow."""
    ax.legend(frameon=False, fontsize=small(ax), loc=place, handlelength=1.6, borderaxespad=0.3, labelspacing=0.35)


def small(ax: Axes) -> str:
    """Return the size of type for what is said inside axes."""
    return "small" if inches(ax) > WIDE else "x-small"


def tint(colour: str, strength: float) -> Any:
    """Return a colour thinned with white, so that nothing shines through."""
    from matplotlib.colors import to_rgb

    return tuple(1 - strength * (1 - part) for part in to_rgb(colour))


def annotate(ax: Axes, named: Sequence[tuple[float, float, str]]) -> None:
    """Name points (x, y, text) beside them, towards the middle of the axes; call it when all is drawn."""
    ax.autoscale_view()
    for x, y, text in named:
        across, up = ax.transLimits.transform(ax.transScale.transform((x, y)))
        where: dict[str, Any] = {"ha": "right" if across > MIDDLE else "left", "va": "top" if up > HIGH else "bottom"}
        where["xytext"] = (-5 if across > MIDDLE else 5, -3 if up > HIGH else 3)
        ax.annotate(text, (x, y), textcoords="offset points", fontsize=small(ax), zorder=5, **where)


def inches(ax: Axes) -> float:
    """Return the width of axes."""
    return float(ax.get_position().width * ax.figure.get_figwidth())  # type: ignore[union-attr]
