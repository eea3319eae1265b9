"""How axes look: colours, a bar for sizes, legends, names beside points. Ticks are in `_ticks`.

Colours: sizes by viridis without its palest end (even steps in lightness, readable without colour vision); the law in
a vermilion that is in none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ._ticks import log_scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable

    from .._engine import Floats

Place = Literal["upper left", "upper right", "lower left", "lower right", "best"]
Box = tuple[float, float, float, float]
CURVE = "#C8380B"
PLAIN = "#31688E"
GREY = "0.55"
#: Two things side by side differ in their markers too.
KINDS = ((PLAIN, "o"), (CURVE, "s"))
#: Axes wider than this, in inches, have room for larger type and points.
WIDE = 3.5
#: Shares of the axes right of which names stand left of their points, and above which they stand below.
MIDDLE, HIGH = 0.55, 0.7


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


def tidy(ax: Axes) -> None:
    """Take away what carries no information."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(which="both", direction="out")


def shades_of(values: Floats) -> ScalarMappable:
    """Return the colours of values on a log scale, such as numbers of parameters."""
    import matplotlib as mpl
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, LogNorm

    colours = ListedColormap(mpl.colormaps["viridis"](np.linspace(0, 0.92, 256)), name="sizes")
    low, high = float(values.min()), float(values.max())
    shades = ScalarMappable(LogNorm(low, high) if high > low else LogNorm(low / 2, low * 2), colours)
    shades.set_array(values)
    return shades


def scatter(ax: Axes, x: Floats, y: Floats, size: Floats | None, label: str, shades: Any = None) -> Any:
    """Draw runs as points, coloured by their number of parameters (or what `shades` is of) where there is one."""
    area = float(np.interp(len(x), [30, 300], [22, 12])) * (1.0 if inches(ax) > WIDE else 0.5)
    style: dict[str, Any] = {"s": area, "linewidths": 0.3, "edgecolors": "white", "zorder": 2, "label": label}
    if size is None:
        return ax.scatter(x, y, color=PLAIN, **style)
    shades = shades_of(size) if shades is None else shades
    return ax.scatter(x, y, c=size, cmap=shades.cmap, norm=shades.norm, **style)


def size_bar(axes: Axes | list[Axes], shades: Any, label: str = "parameters N") -> None:
    """Add the bar that says which colour is which number of parameters, where points are coloured by it."""
    if shades.get_array() is None:
        return
    figure: Any = (axes[0] if isinstance(axes, list) else axes).figure
    bar = figure.colorbar(shades, ax=axes, pad=0.015, aspect=30, fraction=0.06)
    bar.set_label(label)
    bar.outline.set_visible(False)
    log_scale(bar.ax.yaxis)


def beyond(ax: Axes, last: float, end: float) -> None:
    """Shade the region beyond the largest run; the horizontal axis ends with it."""
    if end <= last:
        return
    shade = ax.axvspan(last, end, color="0.5", alpha=0.11, linewidth=0, zorder=0, label="beyond the runs")
    shade.sticky_edges.x.append(end)


def legend(ax: Axes, place: Place, *, over_lines: bool = False) -> None:
    """Say what is what, in smaller type where the axes are narrow, on white where lines would run through it."""
    style: dict[str, Any] = {"handlelength": 1.6, "borderaxespad": 0.3, "labelspacing": 0.35}
    style |= {"framealpha": 0.9, "edgecolor": "none", "borderpad": 0.3} if over_lines else {"frameon": False}
    ax.legend(loc=place, fontsize=small(ax), **style).set_zorder(6)


def room_below(ax: Axes, lines: int) -> None:
    """Make room for a legend of so many lines below what is drawn on a log scale."""
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    share = min((1.35 * lines + 0.7) * small(ax) / (72 * inches(ax, "y")), 0.5)
    ax.set_ylim(low * (low / high) ** (share / (1 - share)), high)


def small(ax: Axes) -> float:
    """Return the size of type for what is said inside axes, in points."""
    from matplotlib import rcParams

    return float(rcParams["font.size"]) * (0.83 if inches(ax) > WIDE else 0.75)


def tint(colour: str, strength: float) -> Any:
    """Return a colour thinned with white, so that nothing shines through."""
    from matplotlib.colors import to_rgb

    return tuple(1 - strength * (1 - part) for part in to_rgb(colour))


def annotate(ax: Axes, named: Sequence[tuple[float, float, str]]) -> None:
    """Name points (x, y, text) beside them, towards the middle of the axes; call it when all is drawn.

    A name that would lie on one before it goes to the other side of its point, or is left out.
    """
    ax.autoscale_view()
    taken: list[Box] = []
    for x, y, text in named:
        across, up = ax.transLimits.transform(ax.transScale.transform((x, y)))
        sides = ("top", "bottom") if up > HIGH else ("bottom", "top")
        boxes = {side: _box(ax, float(across), float(up), text, side) for side in sides}
        inside = {side: box for side, box in boxes.items() if box[1] >= 0}
        free = [side for side, box in inside.items() if not any(_overlap(box, other) for other in taken)]
        if free:
            taken.append(boxes[free[0]])
            left = across > MIDDLE
            where = (-5 if left else 5, 3 if free[0] == "bottom" else -3)
            write(ax, text, (x, y), ha="right" if left else "left", va=free[0], xytext=where)


def _box(ax: Axes, across: float, up: float, text: str, side: str) -> Box:
    """Return where a name would stand, in points; generously, for axes shrink when bars are laid out beside them."""
    size, lines = small(ax), text.splitlines()
    width, height = 0.75 * size * max(len(line) for line in lines), 1.2 * size * len(lines)
    x, y = 72 * inches(ax) * across, 72 * inches(ax, "y") * up
    x = x - 5 - width if across > MIDDLE else x + 5
    y = y + 3 if side == "bottom" else y - 3 - height
    return x, y, x + width, y + height


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def write(ax: Axes, text: str, at: tuple[float, float], **look: Any) -> None:
    """Write beside a point, with a thin white edge so that points and lines below do not hide the letters."""
    from matplotlib.patheffects import withStroke

    style: dict[str, Any] = {"fontsize": small(ax), "zorder": 5, "textcoords": "offset points"}
    ax.annotate(text, at, path_effects=[withStroke(linewidth=2, foreground="white")], **style | look)


def inches(ax: Axes, way: Literal["x", "y"] = "x") -> float:
    """Return the width of axes, or their height."""
    figure: Any = ax.figure
    place = ax.get_position()
    return float(place.width * figure.get_figwidth() if way == "x" else place.height * figure.get_figheight())
