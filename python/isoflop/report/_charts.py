"""The charts that do not move: the forecast, valleys of budgets that were run, residuals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._engine import floats
from .._repr import number, percent
from ..estimators._budgets import Profile
from . import _style
from ._curve import Curve
from ._decision import Decision, Model, law_at
from ._rows import Rows
from ._words import count, loss, power

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

#: Budgets drawn as valleys, and places along each.
MOST_VALLEYS, ALONG = 12, 60
#: Variables that residuals are shown against, C first.
MOST_PANELS = 3


def forecast(curve: Curve, rows: Rows, level: float) -> Figure:
    """Draw the runs, the law and both bands along the axis of a curve; dashed and shaded where no run has been."""
    runs = rows.variables[curve.x]
    seen, log = curve.at <= curve.end, bool(runs.min() > 0)
    axis = _style.log_axis if log else _style.linear_axis
    everything = np.concatenate([rows.loss, curve.low, curve.high])
    chart = _style.figure(axis(_style.words(curve.label)), _style.loss_axis(everything, _style.words(rows.response)))
    share = percent(level)
    _style.fill(chart, curve.at, curve.low, curve.high, _style.NEW_FILL, f"{share} band, new run")
    _style.fill(chart, curve.at, curve.mean_low, curve.mean_high, _style.MEAN_FILL, f"{share} band, mean curve")
    size = rows.variables.get("N") if curve.x != "N" else None
    mark = {**_style.size_marks(size), "opacity": 0.85}
    where = {"x": runs, "y": rows.loss, "mode": "markers", "name": rows.counted, "marker": mark}
    chart.add_scatter(**where, customdata=_described(rows), hovertemplate=_style.READ_WORDS)
    name, told = _style.words(curve.along), np.array(_told(curve, share))
    parts = ((seen, name, None), (~seen, f"{name}, beyond the runs", "6px,4px"))
    for part, words, dash in parts:
        style: dict[str, Any] = {"dash": dash, "customdata": told[part], "hovertemplate": _style.READ_WORDS}
        _style.line(chart, curve.at[part], curve.loss[part], words, **style)
    chart.add_vrect(x0=curve.end, x1=float(curve.at[-1]), fillcolor=_style.FAINT, opacity=0.07, line_width=0)
    return chart


def _told(curve: Curve, share: str) -> list[str]:
    """Return what the mouse reads at each place of a curve."""
    show = power if curve.x == "C" else count
    columns = (curve.at, curve.loss, curve.mean_low, curve.mean_high, curve.low, curve.high)
    return [
        f"{_style.words(curve.x)} = {show(x)}<br>loss {loss(y)}"
        f"<br>mean curve {loss(a)} to {loss(b)} ({share})<br>new run {loss(c)} to {loss(d)}"
        for x, y, a, b, c, d in zip(*columns, strict=True)
    ]


def _described(rows: Rows) -> list[str]:
    """Return what the mouse reads at each run."""
    shown = {"C": power}
    return [
        "<br>".join(
            [
                _style.words(label),
                *(f"{_style.words(k)} = {shown.get(k, count)(float(v[i]))}" for k, v in rows.variables.items()),
                f"loss {loss(rows.loss[i])}, law {loss(rows.fitted[i])} ({100 * rows.deviation[i]:+.2f} &#37;)",
            ]
        )
        for i, label in enumerate(rows.labels)
    ]


def valleys(
    profiles: Sequence[Profile], model: Model, decision: Decision, held: dict[str, Any], response: str
) -> Figure:
    """Draw the loss over N of each budget that was run, with the law's curve and its optimum."""
    if len(profiles) > MOST_VALLEYS:
        picked = np.unique(np.linspace(0, len(profiles) - 1, MOST_VALLEYS).round().astype(int))
        profiles = [profiles[i] for i in picked]
    everything = np.concatenate([p.loss for p in profiles])
    axes = _style.log_axis(_style.label("N")), _style.loss_axis(everything, _style.words(response))
    chart = _style.figure(*axes, top=40)
    chart.update_layout(legend={"orientation": "v", "x": 1.02, "y": 1, "yanchor": "top", "title": {"text": "C (FLOP)"}})
    for i, profile in enumerate(profiles):
        _valley(chart, profile, model, held, _style.shade(i / max(len(profiles) - 1, 1)))
    inside = np.less_equal(decision.C, 3 * max(p.C for p in profiles))
    heights, told = floats(decision.optimum.loss)[inside], {"hovertemplate": f"optimum<br>{_style.READ_LOSS}"}
    _style.line(chart, decision.N[inside], heights, "optimum", dash="2px,3px", **told)
    chart.update_yaxes(range=_loss_range(everything, chart.layout.yaxis.type == "log"))
    return chart


def _valley(chart: Figure, profile: Profile, model: Model, held: dict[str, Any], colour: str) -> None:
    """Draw the runs of one budget and the law's curve, which the legend shows and hides together."""
    N, name = np.exp(profile.x), power(profile.C)
    places = np.geomspace(N.min() / 1.5, N.max() * 1.5, ALONG)
    curve = law_at(model, {"N": places, "D": profile.C / (profile.kappa * places), **held})
    both = {"legendgroup": name, "hovertemplate": f"C = {name}<br>{_style.READ_LOSS}"}
    _style.line(chart, places, curve, name, colour, width=1.5, **both)
    mark = {"color": colour, "size": 6, "line": {"color": "white", "width": 0.5}}
    chart.add_scatter(x=N, y=profile.loss, mode="markers", marker=mark, showlegend=False, **both)


def _loss_range(values: Any, log: bool) -> list[float]:
    """Return the range of an axis around values: curves that leave it are cut."""
    low, high = float(np.min(values)), float(np.quantile(values, 0.98))
    low, high = (np.log10(low), np.log10(high)) if log else (low, high)
    room = 0.06 * (high - low)
    return [low - 2 * room, high + 2 * room]


def residuals(rows: Rows) -> Figure:
    """Draw how far each run lies from the law against each variable."""
    from plotly.subplots import make_subplots

    names = list(rows.variables)[:MOST_PANELS]
    chart = make_subplots(cols=len(names), shared_yaxes=True, horizontal_spacing=0.03)
    _style.dress(chart, height=320, top=40, showlegend=False)
    mark = {"color": _style.SECOND, "size": 6, "opacity": 0.75}
    labels, away = [_style.words(label) for label in rows.labels], 100 * rows.deviation
    for column, name in enumerate(names, start=1):
        x, place = rows.variables[name], {"row": 1, "col": column}
        axis = _style.log_axis if x.min() > 0 else _style.linear_axis
        told = f"%{{text}}<br>{_style.words(name)} = %{{x:.4s}}<br>%{{y:+.2f}} &#37;<extra></extra>"
        chart.add_scatter(x=x, y=away, mode="markers", marker=mark, text=labels, hovertemplate=told, **place)
        chart.update_xaxes(**axis(_style.words(rows.titles[name])), **place)
        chart.update_yaxes(**_style.linear_axis("observed over law − 1 (%)" if column == 1 else ""), **place)
    chart.add_hline(y=0, line={"color": _style.CURVE, "width": 1.5})
    return chart


def note_on(rows: Rows) -> str:
    """Return how far the runs lie from the law, in words."""
    away = 100 * np.abs(rows.deviation)
    return (
        f"half of the runs lie within {number(float(np.median(away)), 2)} % of the law, "
        f"95 % within {number(float(np.quantile(away, 0.95)), 2)} %, the farthest {number(float(away.max()), 2)} % away"
    )
