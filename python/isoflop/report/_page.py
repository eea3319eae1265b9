"""The page: sections in their order, charts as data, the library, the glue, and a policy that forbids the network."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

import numpy as np

from .._engine import version
from .._errors import IsoflopError
from ..estimators._budgets import Profile, read_profiles
from . import _charts, _grounds, _moving, _sections
from ._findings import Findings
from ._html import Html, data, element, join, safe
from ._moving import Moving
from ._readings import readings

#: Sizes and budgets that make isoFLOP profiles worth a chart.
FEWEST_SIZES, FEWEST_BUDGETS = 4, 2


def page(findings: Findings, title: str, reproduce: str) -> str:
    """Return the whole report as one HTML document."""
    charts = draw(findings)
    body = join(
        (
            element("h1", title),
            element("p", f"Scaling-law report by isoflop {version()}.", class_="quiet"),
            Html("<noscript><p>The charts and the slider need JavaScript; texts and tables do not.</p></noscript>"),
            _sections.in_short(findings),
            _sections.slider(findings, charts),
            _sections.budgets(findings),
            _sections.forecast(findings, charts),
            _sections.valleys(charts),
            _grounds.soundness(findings),
            _grounds.parameters(findings),
            _grounds.residuals(findings, charts),
            _grounds.tested(findings),
            _grounds.method(findings),
            _grounds.origin(findings, reproduce),
            *(data(f"{name}-data", one.chart.to_json(validate=False)) for name, one in charts.items()),
            _steps(findings, charts),
        )
    )
    return _document(title, body)


def draw(findings: Findings) -> dict[str, Moving]:
    """Return the charts by the name of their place; those that nothing was computed for are left out."""
    level, held = findings.settings.level, dict(findings.settings.held)
    decision, rows, model = findings.decision, findings.rows.thinned(), findings.model
    charts: dict[str, Moving] = {}
    if decision is not None:
        charts["valley"] = _moving.valley(decision, level, rows.response)
        charts["plane"] = _moving.plane(decision, model, rows, held)
        charts["scaling"] = _moving.scaling(decision, level)
        profiles = _profiles(findings)
        if profiles:
            charts["valleys"] = Moving(_charts.valleys(profiles, model, decision, held, rows.response), (), [])
    if findings.curve is not None:
        still = _charts.forecast(findings.curve, rows, level)
        charts["forecast"] = Moving(still, (), []) if decision is None else _moving.with_cursor(still, decision)
    if rows.variables:
        charts["residuals"] = Moving(_charts.residuals(rows), (), [])
    return charts


def _profiles(findings: Findings) -> list[Profile]:
    """Return the budgets that were run with several sizes each, if there are enough of them."""
    if findings.runs is None or findings.fit.law.levels:
        return []
    try:
        used, _ = findings.runs.for_variables(["N", "D", "C"], positive=["N", "D", "C", "loss"])
        found = read_profiles(used, None, None, "parabola")
    except IsoflopError:
        return []
    found = [p for p in found if len(np.unique(p.x)) >= FEWEST_SIZES]
    return found if len(found) >= FEWEST_BUDGETS else []


def _steps(findings: Findings, charts: dict[str, Moving]) -> Html:
    """Return what the slider picks from."""
    if findings.decision is None:
        return Html("")
    words = readings(findings.decision)
    moving = {name: one.content() for name, one in charts.items() if one.traces or one.cursor}
    return data("steps", {"readings": words, "moving": moving})


def _document(title: str, body: Html) -> str:
    from plotly.offline import get_plotlyjs

    style, glue = (files(__package__).joinpath(name).read_text(encoding="utf-8") for name in ("_page.css", "_page.js"))
    scripts = (get_plotlyjs(), glue)
    allowed = " ".join(_digest(script) for script in scripts)
    # Nothing may be fetched, and no script runs but these two, whatever a table holds.
    closed = ("default-src", "form-action", "base-uri")
    open_to = (f"script-src {allowed}", "style-src 'unsafe-inline'", "img-src data: blob:")
    policy = "; ".join([*(f"{name} 'none'" for name in closed), *open_to])
    head = join(
        (
            Html('<meta charset="utf-8">'),
            Html(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
            Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
            Html('<link rel="icon" href="data:,">'),
            Html(f"<title>{safe(title)}</title>"),
            Html(f"<style>{style}</style>"),
        )
    )
    ends = "".join(f"<script>{script}</script>\n" for script in scripts)
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>{head}</head>\n<body>\n{body}\n{ends}</body>\n</html>\n'


def _digest(script: str) -> str:
    """Return the hash by which the policy knows a script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
