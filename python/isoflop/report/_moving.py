"""The charts that follow the budget slider, and what each step of it puts into them.

A chart has traces that stay and traces that move; `Moving` says which, and holds their data for every step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._repr import percent
from . import _style
from ._decision import Decision, Model, predict
from ._rows import Rows
from ._words import count, loss, power

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

#: Places along each side of the contours.
GRID = 44


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
    share = percent(level)
    chart = _style.figure(
        _style.log_axis(_style.label("N")),
        _style.loss_axis(decision.loss[decision.start], _style.words(response)),
        height=400,
    )
    parts = [_valley_step(decision, i) for i in range(len(decision.C))]
    now = parts[decision.start]
    empty = {"x": now["x"], "y": now["y"]}
    looks: list[dict[str, Any]] = [
        {"mode": "lines", "fill": "toself", "fillcolor": _style.MEAN_FILL, "line": {"width": 0}, "hoverinfo": "skip",
         "name": f"{share} band, mean curve"},
        {"mode": "lines", "line": {"color": _style.CURVE, "width": 2}, "name": "loss at this budget",
         "hovertemplate": "N = %{x:.3s}<br>loss %{y:.4f}<extra></extra>"},
        {"mode": "markers", "marker": {"color": _style.SECOND, "size": 3, "opacity": 0.45}, "hoverinfo": "skip",
         "name": "optima of draws"},
        *({"mode": "lines", "line": {"color": colour, "width": width}, "hoverinfo": "skip",
           "name": f"within {percent(near)} more compute"}
          for near, (colour, width) in zip(decision.near, (("#222222", 6), ("#9a9a9a", 3)), strict=False)),
        {"mode": "markers", "marker": {"color": _style.CURVE, "size": 11, "symbol": "diamond",
                                       "line": {"color": "white", "width": 1}},
         "name": "optimum", "hovertemplate": "optimum<br>N = %{x:.3s}<br>loss %{y:.4f}<extra></extra>"},
    ]  # fmt: skip
    for look, x, y in zip(looks, empty["x"], empty["y"], strict=True):
        chart.add_scatter(x=x, y=y, **look)
    return Moving(chart, tuple(range(len(looks))), parts)


def _valley_step(decision: Decision, i: int) -> dict[str, list[list[float | None]]]:
    """Return x and y of each trace of the valley at one budget."""
    sizes, low, high = decision.sizes[i], decision.low[i], decision.high[i]
    best = decision.optimum
    at, height = float(best.N[i]), float(best.loss[i])
    floor = float(np.nanmin(np.append(low, height))) - 0.02 * float(np.nanmax(decision.loss[i]) - height)
    cloud_x = [] if decision.cloud_N is None else decision.cloud_N[i]
    cloud_y = [] if decision.cloud_loss is None else decision.cloud_loss[i]
    near = [[float(ends[i]) for ends in pair] for pair in decision.near.values()]
    xs = [np.concatenate([sizes, sizes[::-1]]), sizes, cloud_x, *near, [at]]
    ys = [np.concatenate([high, low[::-1]]), decision.loss[i], cloud_y, *([floor, floor] for _ in near), [height]]
    return {"x": [_short(x) for x in xs], "y": [_short(y) for y in ys]}


def plane(decision: Decision, model: Model, rows: Rows, held: dict[str, Any]) -> Moving:
    """Draw N against D: contours of the loss, runs, the efficient frontier with its band, the budget, its optimum."""
    best = decision.optimum
    N, D = (np.asarray(getattr(best, name), dtype=np.float64) for name in ("N", "D"))
    chart = _style.figure(_style.log_axis(_style.label("N")), _style.log_axis(_style.label("D")), height=470)
    sizes, tokens = (_grid(np.append(rows.variables[name], best)) for name, best in (("N", N), ("D", D)))
    _contours(chart, model, sizes, tokens, held)
    chart.update_layout(xaxis_range=np.log10(sizes[[0, -1]]), yaxis_range=np.log10(tokens[[0, -1]]))
    low, high = np.asarray(best.N_low), np.asarray(best.N_high)
    name = f"{percent(best.level)} band of the frontier"
    _style.outline(chart, (low, N * D / low), (high, N * D / high), _style.MEAN_FILL, name)
    told = [f"C = {power(c)}<br>N = {count(n)}<br>D = {count(d)}" for c, n, d in zip(decision.C, N, D, strict=True)]
    _style.line(chart, N, D, "efficient frontier", customdata=told, hovertemplate="%{customdata}<extra></extra>")
    chart.add_scatter(
        x=rows.variables["N"], y=rows.variables["D"], mode="markers", name="runs", customdata=rows.loss,
        marker={"color": _style.SECOND, "size": 5, "opacity": 0.7},
        hovertemplate="run<br>N = %{x:.3s}<br>D = %{y:.3s}<br>loss %{customdata:.4f}<extra></extra>",
    )  # fmt: skip
    first = len(chart.data)
    steps = [_plane_step(decision, N * D, i) for i in range(len(decision.C))]
    looks: tuple[dict[str, Any], ...] = (
        {"mode": "lines", "line": {"color": _style.INK, "width": 1.5, "dash": "2px,3px"}, "name": "this budget"},
        {"mode": "markers", "marker": {"color": _style.CURVE, "size": 11, "symbol": "diamond",
                                       "line": {"color": "white", "width": 1}}, "name": "optimum"},
    )  # fmt: skip
    for look, x, y in zip(looks, *steps[decision.start].values(), strict=True):
        chart.add_scatter(x=x, y=y, hovertemplate="N = %{x:.3s}<br>D = %{y:.3s}<extra></extra>", **look)
    return Moving(chart, (first, first + 1), steps)


def _plane_step(decision: Decision, product: Any, i: int) -> dict[str, list[list[float | None]]]:
    ends = decision.sizes[i][[0, -1]]
    N = float(decision.optimum.N[i])
    return {"x": [_short(ends), [N]], "y": [_short(product[i] / ends), _short([product[i] / N])]}


def _contours(chart: Figure, model: Model, x: Any, y: Any, held: dict[str, Any]) -> None:
    """Draw lines of equal loss, evenly spaced in the loss."""
    N, D = np.meshgrid(x, y)
    points = {"N": N.ravel(), "D": D.ravel(), **held}
    z = predict(model, points).reshape(N.shape)
    top = float(np.quantile(z, 0.85))
    chart.add_contour(
        x=x, y=y, z=np.where(z < 1.3 * top, z, np.nan), ncontours=14, autocontour=True, showscale=False,
        colorscale=[[0, _style.FAINT], [1, _style.FAINT]], line={"width": 1},
        contours={"coloring": "lines", "showlabels": True, "labelfont": {"size": 11, "color": _style.FAINT}},
        name="loss", hovertemplate="N = %{x:.3s}<br>D = %{y:.3s}<br>loss %{z:.4f}<extra></extra>",
    )  # fmt: skip


def _grid(values: Any) -> Any:
    return np.geomspace(values.min() / 1.5, values.max() * 1.5, GRID)


def scaling(decision: Decision, level: float) -> Moving:
    """Draw N and D of the optimum over compute, each with its band."""
    best, share = decision.optimum, percent(level)
    chart = _style.figure(_style.log_axis(_style.label("C")), _style.log_axis("N or D"), height=400)
    series = (
        ("N", "parameters N", _style.CURVE, _style.MEAN_FILL),
        ("D", "training tokens D", _style.SECOND, _style.SECOND_FILL),
    )
    for name, title, colour, shade in series:
        low, high = (np.asarray(getattr(best, f"{name}_{end}"), dtype=np.float64) for end in ("low", "high"))
        _style.fill(chart, decision.C, low, high, shade, f"{share} band of {name}")
        middle = np.asarray(getattr(best, name), dtype=np.float64)
        told = [
            f"C = {power(c)}<br>{name} = {count(m)}<br>{count(a)} to {count(b)} ({share})"
            for c, m, a, b in zip(decision.C, middle, low, high, strict=True)
        ]
        _style.line(
            chart, decision.C, middle, title, colour, customdata=told, hovertemplate="%{customdata}<extra></extra>"
        )
    return with_cursor(chart, decision)


def with_cursor(chart: Figure, decision: Decision) -> Moving:
    """Add the vertical line that follows the slider; as the first shape, since the page's script moves that one."""
    at = float(decision.C[decision.start])
    style = {"color": _style.INK, "width": 1.5, "dash": "2px,3px"}
    cursor = {"type": "line", "x0": at, "x1": at, "y0": 0, "y1": 1, "yref": "paper", "line": style}
    chart.layout.shapes = (cursor, *chart.layout.shapes)
    return Moving(chart, (), [], _short(decision.C))


def readings(decision: Decision) -> list[dict[str, str]]:
    """Return what the slider says at each step: words for the places of the page that carry these names."""
    best = decision.optimum
    out = []
    for i, c in enumerate(decision.C):
        words = {"C": power(float(c))}
        for name, show in (("N", count), ("D", count), ("tokens_per_param", count), ("loss", loss)):
            words[name] = show(float(getattr(best, name)[i]))
            for end in ("low", "high"):
                words[f"{name}_{end}"] = show(float(getattr(best, f"{name}_{end}")[i]))
        words |= {"new_low": loss(float(decision.new_low[i])), "new_high": loss(float(decision.new_high[i]))}
        for near, (low, high) in decision.near.items():
            words[f"near_{100 * near:g}"] = f"{count(float(low[i]))} to {count(float(high[i]))}"
        out.append(words)
    return out


def _short(values: Any) -> list[float | None]:
    """Return numbers with the digits that a chart can show; what is no number leaves a gap."""
    return [float(f"{x:.5g}") if np.isfinite(x) else None for x in np.asarray(values, dtype=np.float64)]
