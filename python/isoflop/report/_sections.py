"""The sections of a report about decisions: in short, the slider, the table of budgets, the forecast.

How sound the fit is and how it was made are in `_grounds`. A section is text, tables and places for charts; a part
that could not be computed says why.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from .._errors import counted
from .._forecast import Forecaster
from .._repr import number
from ._decision import Decision
from ._findings import Findings
from ._html import Html, bullets, element, join, table
from ._readings import reading, readings
from ._words import between, count, loss, power
from ._words import share as share_of

#: Rows of the table of budgets, about.
ROWS = 12
#: Charts that follow the slider.
CAPTIONS = {
    "valley": "The law's loss for models of every size at this budget, and the optima of its refits. Bars at the foot: "
    "sizes that reach the optimum's loss with a little more compute.",
    "plane": "Lines of equal loss over N and D, the efficient frontier, and the runs. Dotted: this budget.",
    "scaling": "The optimum over compute.",
}


def section(identity: str, title: str, *content: Any) -> Html:
    """Return a section with a heading that can be linked to."""
    return element("section", element("h2", title), *content, id=identity)


def chart(identity: str, caption: str) -> Html:
    """Return the place of a chart."""
    return element(
        "figure",
        element("div", class_="chart", id=identity, role="img", aria_label=caption),
        element("figcaption", caption),
    )


def missing(findings: Findings, part: str) -> Html:
    """Return why a part is not there."""
    return element("p", f"Not shown: {findings.gaps.get(part, 'it could not be computed')}.", class_="quiet")


def verdict(findings: Findings) -> Html:
    """Return a badge: sound, sound with notes, or not."""
    fit = findings.fit
    if not fit.success:
        return element("span", "the fit is not sound", class_="badge failed")
    if fit.at_bound or fit.unidentified or findings.warnings or (findings.checks is not None and findings.checks.notes):
        return element("span", "sound, with notes", class_="badge notes")
    return element("span", "sound", class_="badge sound")


def in_short(findings: Findings) -> Html:
    """Return what a reader with one minute should know."""
    decided = _decided(findings.decision, findings) if findings.decision is not None else []
    told = [] if decided or findings.curve is None else [_at_the_end(findings)]
    notes = [f"Note: {text}." for text in findings.far_notes]
    return section("short", "In short", bullets([_fitted(findings), *decided, *told, *notes]))


def _fitted(findings: Findings) -> Html:
    """Return what was fitted and how that ended."""
    fit = findings.fit
    omitted = f", {fit.n_omitted} left out" if fit.n_omitted else ""
    rows = f", fitted to {counted(len(findings.rows.loss), 'run')}{omitted}. "
    end = f"{fit.status.capitalize()}: {fit.n_best} of {counted(fit.n_starts, 'start')} reached this optimum."
    return join((verdict(findings), f" {fit.law.name or 'law'}: ", element("code", fit.law.formula), rows, end))


def _decided(decision: Decision, findings: Findings) -> list[str]:
    """Return the decision at the target in words."""
    said, share = reading(decision, decision.start), share_of(findings.settings.level)
    seen = findings.rows.compute
    assert seen is not None
    far = decision.C[decision.start] / float(seen.max())
    beyond = f", {number(far, 3)} times the compute of the largest run" if far > 1.001 else ", inside the runs"
    ends = {
        name: between(said[f"{first}_low"], said[f"{first}_high"])
        for name, first in (("N", "N"), ("D", "D"), ("mean", "loss"), ("new", "new"))
    }
    size = f"train {said['N']} parameters ({ends['N']}) on {said['D']} tokens ({ends['D']})"
    lines = [
        f"With {said['C']} FLOP{beyond}: {size}, {said['tokens_per_param']} tokens per parameter ({share} intervals).",
        f"Expected loss {said['loss']}: the mean curve lies at {ends['mean']}, one run scores {ends['new']} ({share}).",
    ]
    near = {key[5:]: text for key, text in said.items() if key.startswith("near_")}
    lines += [f"Any size from {text} reaches that loss with at most {k} % more compute." for k, text in near.items()]
    return lines + _second(decision)


def _second(decision: Decision) -> list[str]:
    """Return the forecaster's own optimum in words, where there is one."""
    if decision.second is None:
        return []
    size, ends = count(float(decision.second.N)), between(*(count(float(x)) for x in decision.second.interval("N")))
    said = f"Second opinion: averaged over the forecaster's error structures, the best size is {size} ({ends})."
    return [f"{said} Where the two are far apart, the runs do not settle the size."]


def _at_the_end(findings: Findings) -> str:
    """Return the forecast where the curve ends, in words."""
    curve, share = findings.curve, share_of(findings.settings.level)
    assert curve is not None
    ends = [loss(float(x[-1])) for x in (curve.mean_low, curve.mean_high, curve.low, curve.high)]
    show = power if curve.x == "C" else count
    place = (
        f"At {curve.x} = {show(float(curve.at[-1]))}, {number(float(curve.at[-1]) / curve.end, 3)} times the largest"
    )
    return (
        f"{place}, the mean curve lies at {between(*ends[:2])} and one new run scores {between(*ends[2:])} ({share})."
    )


def slider(findings: Findings, charts: Collection[str]) -> Html:
    """Return the slider with its readings and the charts that follow it."""
    title, decision = "Choose a budget", findings.decision
    if decision is None:
        return section("budget-section", title, missing(findings, "decision"))
    said, share = reading(decision, decision.start), share_of(findings.settings.level)
    most = len(decision.C) - 1
    control = element(
        "div",
        element("label", "training compute", for_="budget"),
        Html(f'<input type="range" id="budget" min="0" max="{most}" step="1" value="{decision.start}">'),
        element("output", _reading(said, "C"), " FLOP", for_="budget"),
        class_="slider",
    )
    panel = element("div", control, element("div", *_cards(said, share), class_="readings"), class_="panel")
    places = [chart(name, text) for name, text in CAPTIONS.items() if name in charts]
    return section("budget-section", title, panel, *places, bullets(decision.optimum.notes))


def _cards(said: dict[str, str], share: str) -> list[Html]:
    """Return the boxes whose words the slider changes."""
    names = {
        "N": "parameters N",
        "D": "training tokens D",
        "tokens_per_param": "tokens per parameter",
        "loss": "loss, mean curve",
    }
    run = element("b", _reading(said, "new_low"), " to ", _reading(said, "new_high"))
    return [
        *(_card(said, title, name, share) for name, title in names.items()),
        element("div", "loss, one new run", run, element("span", share)),
        *(
            element("div", f"N within {key[5:]} % more compute", element("b", _reading(said, key)))
            for key in said
            if key.startswith("near_")
        ),
    ]


def _card(said: dict[str, str], title: str, name: str, share: str) -> Html:
    ends = element("span", _reading(said, f"{name}_low"), " to ", _reading(said, f"{name}_high"), f" ({share})")
    return element("div", title, element("b", _reading(said, name)), ends)


def _reading(said: dict[str, str], name: str) -> Html:
    """Return a word that the slider changes."""
    return element("span", said[name], data_reading=name)


def budgets(findings: Findings) -> Html:
    """Return the table of compute-optimal runs."""
    title, decision = "Compute-optimal runs", findings.decision
    if decision is None:  # the slider has said why
        return Html("")
    share, all_of = share_of(findings.settings.level), readings(decision)
    picked = _picked(decision)
    headers = ["C (FLOP)", "N", "D", "D/N", "loss, mean curve", "loss, new run"]
    if decision.near:
        headers.append(f"N, {' / '.join(f'{100 * s:g} %' for s in decision.near)} more C")
    rows = [
        [
            one["C"],
            *(_with_ends(one, name) for name in ("N", "D", "tokens_per_param", "loss")),
            between(one["new_low"], one["new_high"]),
            *_near(one),
        ]
        for one in (all_of[i] for i in picked)
    ]
    text = element(
        "p",
        f"Small: {share} intervals. The mean curve is where the average of many runs would lie, a new run is one of "
        "them. The last column is the sizes that reach the optimum's loss with so much more compute: valleys are flat, "
        "so N need not be exact.",
        class_="quiet",
    )
    return section("table", title, table(headers, rows, picked.index(decision.start)), text)


def _with_ends(said: dict[str, str], name: str) -> Html:
    """Return a number with its interval below it."""
    return join((said[name], element("small", between(said[f"{name}_low"], said[f"{name}_high"]))))


def _near(said: dict[str, str]) -> list[Html]:
    """Return the near-optimal ranges in one cell, the narrow one first."""
    ranges = [text for key, text in said.items() if key.startswith("near_")]
    return [join((ranges[0], *(element("small", text) for text in ranges[1:])))] if ranges else []


def _picked(decision: Decision) -> list[int]:
    """Return steps at even distances through the target."""
    stride = max(1, round(len(decision.C) / ROWS))
    return list(range(decision.start % stride, len(decision.C), stride))


def forecast(findings: Findings, charts: Collection[str]) -> Html:
    """Return the forecast band."""
    curve = findings.curve
    if curve is None or "forecast" not in charts:
        return section("forecast-section", "Forecast", missing(findings, "forecast"))
    share = share_of(findings.settings.level)
    source = "the calibrated forecaster" if isinstance(findings.model, Forecaster) else "the bootstrap"
    caption = (
        f"Loss of {curve.along} with {share} bands of {source}. Dark: the mean curve. Light: what one new run would "
        "score. Shaded: where no run has been."
    )
    return section("forecast-section", "Forecast", chart("forecast", caption), element("p", _at_the_end(findings)))


def valleys(charts: Collection[str]) -> Html:
    """Return the valleys of budgets that were run, where there are any."""
    if "valleys" not in charts:
        return Html("")
    caption = "Runs of equal compute with the law's curves (isoFLOP profiles). Dotted: the law's optimum."
    return section("valleys-section", "Budgets that were run", chart("valleys", caption))
