"""The charts that follow the budget slider, and what each step of it puts into them.

A chart has traces that stay and traces that move; `Moving` says which, and holds their data for every step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._engine import floats
from .._repr import percent
from . import _style
from ._decision import Decision, Model, law_at
from ._rows import Rows
from ._words import count, power

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

#: Places along each side of the contours.
GRID = 44
#: Bars of near-optimal sizes, the narrow one thick.
BARS = ({"color": _style.INK, "width": 6}, {"color": "#9a9a9a", "width": 3})


@dataclass(frozen=True, eq=False)
class Moving:
    """A chart with the traces that move (by number) and, per step, their x and y; `cursor` moves a vertical line."""

    chart: Figure
    traces: tuple[int, ...]
    steps: list[dict[str, list[list[float | None]]]]
    cursor: list[float | None] | None = None

    def content(self) -> dict[str, Any]:
        """Return what the page's script needs."""
        return {"traces": list(self.traces), "steps": self.steps, "cursor": self.cursor}


def valley(decision: Decision, level: float, response: str) -> Moving:
    """Draw the loss over N at the budget of the slider: curve with band, optima of draws, optimum, near ranges."""
    now = decision.valley[decision.start]
    chart = _style.figure(_style.log_axis(_style.label("N")), _style.loss_axis(now, _style.words(response)), height=440)
    steps = [_valley_step(decision, i) for i in range(len(decision.C))]
    looks = _valley_looks(decision, percent(level))
    for look, x, y in zip(looks, *steps[decision.start].values(), strict=True):
        chart.add_scatter(x=x, y=y, **look)
    return Moving(chart, tuple(range(len(looks))), steps)


def _valley_looks(decision: Decision, share: str) -> list[dict[str, Any]]:
    """Return how each trace of `_valley_step` looks."""
    band = {"mode": "lines", "fill": "toself", "fillcolor": _style.MEAN_FILL, "line": {"width": 0}}
    curve = {"mode": "lines", "line": {"color": _style.CURVE, "width": 2}, "hovertemplate": _style.READ_LOSS}
    cloud = {"mode": "markers", "marker": {"color": _style.SECOND, "size": 3, "opacity": 0.45}}
    best = {"mode": "markers", "marker": _style.DIAMOND, "hovertemplate": f"optimum<br>{_style.READ_LOSS}"}
    bars = [
        {"mode": "lines", "line": line, "name": f"within {percent(near)} more compute", "hoverinfo": "skip"}
        for near, line in zip(decision.near, BARS, strict=False)
    ]
    return [
        {**band, "name": f"{share} band of refits", "hoverinfo": "skip"},
        {**curve, "name": "law at this budget"},
        {**cloud, "name": "optima of refits", "hoverinfo": "skip"},
        *bars,
        {**best, "name": "optimum"},
    ]


def _valley_step(decision: Decision, i: int) -> dict[str, list[list[float | None]]]:
    """Return x and y of each trace of the valley at one budget."""
    sizes, low, high = decision.sizes[i], decision.low[i], decision.high[i]
    at, height = float(decision.N[i]), float(decision.optimum.loss[i])
    floor = float(np.nanmin(np.append(low, height))) - 0.02 * float(np.nanmax(decision.valley[i]) - height)
    cloud_x = [] if decision.cloud_N is None else decision.cloud_N[i]
    cloud_y = [] if decision.cloud_loss is None else decision.cloud_loss[i]
    near = [[float(ends[i]) for ends in pair] for pair in decision.near.values()]
    xs = [np.concatenate([sizes, sizes[::-1]]), sizes, cloud_x, *near, [at]]
    ys = [np.concatenate([high, low[::-1]]), decision.valley[i], cloud_y, *([floor, floor] for _ in near), [height]]
    return {"x": [_short(x) for x in xs], "y": [_short(y) for y in ys]}


def plane(decision: Decision, model: Model, rows: Rows, held: dict[str, Any]) -> Moving:
    """Draw N against D: contours of the loss, runs, the efficient frontier with its band, the budget, its optimum."""
    N, D = decision.N, decision.D
    chart = _style.figure(_style.log_axis(_style.label("N")), _style.log_axis(_style.label("D")), height=500)
    sizes, tokens = (_grid(np.append(rows.variables[name], best)) for name, best in (("N", N), ("D", D)))
    _contours(chart, model, sizes, tokens, held)
    chart.update_layout(xaxis_range=np.log10(sizes[[0, -1]]), yaxis_range=np.log10(tokens[[0, -1]]))
    _frontier(chart, decision)
    mark = {"color": _style.SECOND, "size": 5, "opacity": 0.7}
    where = {"x": rows.variables["N"], "y": rows.variables["D"]}
    chart.add_scatter(**where, mode="markers", name=rows.counted, marker=mark, hovertemplate=_style.READ_TOKENS)
    first = len(chart.data)
    steps = [_plane_step(decision, N * D, i) for i in range(len(decision.C))]
    looks: tuple[dict[str, Any], ...] = (
        {"mode": "lines", "line": _style.POINTER, "name": "this budget"},
        {"mode": "markers", "marker": _style.DIAMOND, "name": "optimum"},
    )
    for look, x, y in zip(looks, *steps[decision.start].values(), strict=True):
        chart.add_scatter(x=x, y=y, hovertemplate=_style.READ_TOKENS, **look)
    return Moving(chart, (first, first + 1), steps)


def _frontier(chart: Figure, decision: Decision) -> None:
    """Draw the optima over all budgets with their band, each end at its own budget."""
    N, D = decision.N, decision.D
    low, high = (floats(end) for end in decision.optimum.interval("N"))
    name = f"{percent(decision.optimum.level)} band of the frontier"
    _style.outline(chart, (low, N * D / low), (high, N * D / high), _style.MEAN_FILL, name)
    told = [f"C = {power(c)}<br>N = {count(n)}<br>D = {count(d)}" for c, n, d in zip(decision.C, N, D, strict=True)]
    _style.line(chart, N, D, "efficient frontier", customdata=told, hovertemplate=_style.READ_WORDS)


def _plane_step(decision: Decision, product: Any, i: int) -> dict[str, list[list[float | None]]]:
    ends = decision.sizes[i][[0, -1]]
    N = float(decision.N[i])
    return {"x": [_short(ends), [N]], "y": [_short(product[i] / ends), _short([product[i] / N])]}


def _contours(chart: Figure, model: Model, x: Any, y: Any, held: dict[str, Any]) -> None:
    """Draw lines of equal loss, evenly spaced in the loss."""
    N, D = np.meshgrid(x, y)
    points = {"N": N.ravel(), "D": D.ravel(), **held}
    z = law_at(model, points).reshape(N.shape)
    top = float(np.quantile(z, 0.85))
    chart.add_contour(
        x=x, y=y, z=np.where(z < 1.3 * top, z, np.nan), ncontours=14, autocontour=True, showscale=False,
        colorscale=[[0, _style.FAINT], [1, _style.FAINT]], line={"width": 1},
        contours={"coloring": "lines", "showlabels": True, "labelfont": {"size": 11, "color": _style.FAINT}},
        name="loss", hoverinfo="skip",
    )  # fmt: skip


def _grid(values: Any) -> Any:
    return np.geomspace(values.min() / 1.5, values.max() * 1.5, GRID)


def scaling(decision: Decision, level: float) -> Moving:
    """Draw N and D of the optimum over compute, each with its band."""
    share = percent(level)
    chart = _style.figure(_style.log_axis(_style.label("C")), _style.log_axis("N or D"), height=440)
    series = (
        ("N", decision.N, _style.CURVE, _style.MEAN_FILL),
        ("D", decision.D, _style.SECOND, _style.SECOND_FILL),
    )
    for name, middle, colour, shade in series:
        low, high = (floats(end) for end in decision.optimum.interval(name))
        _style.fill(chart, decision.C, low, high, shade, f"{share} band of {name}")
        told = [
            f"C = {power(c)}<br>{name} = {count(m)}<br>{count(a)} to {count(b)} ({share})"
            for c, m, a, b in zip(decision.C, middle, low, high, strict=True)
        ]
        words = {"customdata": told, "hovertemplate": _style.READ_WORDS}
        _style.line(chart, decision.C, middle, _style.label(name), colour, **words)
    return with_cursor(chart, decision)


def with_cursor(chart: Figure, decision: Decision) -> Moving:
    """Add the vertical line that follows the slider; as the first shape, since the page's script moves that one."""
    at = float(decision.C[decision.start])
    cursor = {"type": "line", "x0": at, "x1": at, "y0": 0, "y1": 1, "yref": "paper", "line": _style.POINTER}
    chart.layout.shapes = (cursor, *chart.layout.shapes)
    return Moving(chart, (), [], _short(decision.C))


def _short(values: Any) -> list[float | None]:
    """Return numbers with the digits that a chart can show; what is no number leaves a gap."""
    return [float(f"{x:.5g}") if np.isfinite(x) else None for x in np.asarray(values, dtype=np.float64)]
