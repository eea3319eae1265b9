"""How charts look: axes with units and ticks that can be read, colours that differ in lightness, words that are text.

The colours are those of `plot`: sizes by viridis without its palest end, the law in vermilion. Plotly is loaded when
the first chart is made.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from ..plot._words import LABELS

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from .._engine import Floats

CURVE, SECOND, INK, FAINT, GRID = "#C8380B", "#31688E", "#222222", "#8a8a8a", "#e4e4e4"
MEAN_FILL, NEW_FILL, SECOND_FILL = "rgba(200,56,11,0.34)", "rgba(200,56,11,0.13)", "rgba(49,104,142,0.25)"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
#: Viridis up to where it is too pale for white paper.
SCALE = [[0.0, "#440154"], [0.25, "#414487"], [0.5, "#2a788e"], [0.75, "#22a884"], [1.0, "#7ad151"]]
#: The optimum, and the run that is being looked at.
DIAMOND = {"color": CURVE, "size": 11, "symbol": "diamond", "line": {"color": "white", "width": 1}}
POINTER = {"color": INK, "width": 1.5, "dash": "2px,3px"}
#: What the mouse reads where nothing else is said, and where the words are ready.
READ_LOSS = "N = %{x:.3s}<br>loss %{y:.4f}<extra></extra>"
READ_TOKENS = "N = %{x:.3s}<br>D = %{y:.3s}<extra></extra>"
READ_WORDS = "%{customdata}<extra></extra>"
#: Losses that differ by more than this factor are drawn on a log axis.
WIDE_LOSS = 4.0


def label(name: str) -> str:
    """Return a variable in words for an axis or a label; a name of the user's table is text, never markup or template.

    Examples
    --------
    >>> label("C"), label("<img>%{x}")
    ('training compute C (FLOP)', '&lt;img&gt;&#37;&#123;x&#125;')
    """
    return words(LABELS.get(name, name))


def words(text: Any) -> str:
    """Return text for a chart: Plotly reads some tags and `%{...}` in its labels."""
    safe = escape(str(text))
    return safe.replace("%", "&#37;").replace("{", "&#123;").replace("}", "&#125;")


def log_axis(title: str, **more: Any) -> dict[str, Any]:
    """Return a log axis whose ticks are powers of ten, or round numbers where it is zoomed into."""
    return {**_plain(title), "type": "log", "exponentformat": "power", "tickangle": 0, **more}


def loss_axis(values: Floats, title: str) -> dict[str, Any]:
    """Return the axis of losses: linear unless they differ by much."""
    values = values[np.isfinite(values)]
    if values.min() > 0 and values.max() > WIDE_LOSS * values.min():
        return log_axis(title)
    return _plain(title)


def linear_axis(title: str, **more: Any) -> dict[str, Any]:
    """Return a linear axis."""
    return {**_plain(title), **more}


def _plain(title: str) -> dict[str, Any]:
    ticks = {"ticks": "outside", "tickcolor": FAINT, "showline": True, "linecolor": FAINT, "gridcolor": GRID}
    return {"title": {"text": title, "standoff": 8}, "zeroline": False, "automargin": True, **ticks}


def figure(xaxis: dict[str, Any], yaxis: dict[str, Any], height: int = 470, top: int = 78) -> Figure:
    """Return an empty chart."""
    from plotly.graph_objects import Figure

    chart = Figure()
    dress(chart, height, top, xaxis=xaxis, yaxis=yaxis)
    return chart


def dress(chart: Figure, height: int, top: int = 78, **layout: Any) -> None:
    """Give a chart its paper, type and margins."""
    chart.update_layout(
        template="none",
        font={"family": FONT, "size": 13, "color": INK},
        paper_bgcolor="white",
        plot_bgcolor="white",
        margin={"l": 60, "r": 20, "t": top, "b": 50},
        height=height,
        hoverlabel={"font": {"family": FONT}, "align": "left"},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        **layout,
    )


def fill(chart: Figure, x: Floats, low: Floats, high: Floats, colour: str, name: str) -> None:
    """Draw a band over x."""
    outline(chart, (x, low), (x, high), colour, name)


def outline(chart: Figure, one: tuple[Any, Any], other: tuple[Any, Any], colour: str, name: str) -> None:
    """Draw what lies between two lines, each an x and a y, as one closed shape; gaps are left out."""
    corners = np.concatenate([np.stack(one), np.stack(other)[:, ::-1]], axis=1)
    x, y = corners[:, np.isfinite(corners).all(axis=0)]
    chart.add_scatter(
        x=x, y=y, fill="toself", fillcolor=colour, mode="lines", line={"width": 0}, name=name, hoverinfo="skip"
    )


def line(chart: Figure, x: Floats, y: Floats, name: str, colour: str = CURVE, **more: Any) -> None:
    """Draw a curve."""
    dash, width = more.pop("dash", None), more.pop("width", 2)
    chart.add_scatter(x=x, y=y, mode="lines", name=name, line={"color": colour, "width": width, "dash": dash}, **more)


def size_marks(size: Floats | None, title: str = "N") -> dict[str, Any]:
    """Return markers coloured by the logarithm of a size, with a bar at powers of ten."""
    plain = {"size": 7, "line": {"color": "white", "width": 0.7}}
    if size is None or size.min() <= 0 or size.max() == size.min():
        return {**plain, "color": SECOND}
    logs = np.log10(size)
    bar = {"title": {"text": title}, "thickness": 10, "outlinewidth": 0, **_decades(logs)}
    return {**plain, "color": logs, "colorscale": SCALE, "colorbar": bar}


def _decades(logs: Floats) -> dict[str, Any]:
    """Return ticks at powers of ten, or three round values where there are fewer than two."""
    whole = np.arange(np.ceil(logs.min() - 1e-9), np.floor(logs.max() + 1e-9) + 1)
    if len(whole) >= 2:
        return {"tickvals": whole.tolist(), "ticktext": [f"10<sup>{int(k)}</sup>" for k in whole]}
    values = np.linspace(logs.min(), logs.max(), 3)
    return {"tickvals": values.tolist(), "ticktext": [f"{10**v:.2g}" for v in values]}


def shade(place: float) -> str:
    """Return a colour of the scale of sizes, from 0 to 1."""
    from plotly.colors import sample_colorscale

    return str(sample_colorscale(SCALE, [place])[0])
