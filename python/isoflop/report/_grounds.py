"""The sections that say what the numbers rest on: the fit, its parameters, residuals, back-test, method, origin."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import narwhals.stable.v2 as nw

from .._draws import Bootstrap
from .._engine import info
from .._forecast import Forecaster
from .._forecast._beliefs import in_words, prior_text
from .._repr import pair, percent
from ._charts import note_on
from ._findings import Findings
from ._html import Html, bullets, element, facts, join, table
from ._sections import chart, missing, section, verdict


def soundness(findings: Findings) -> Html:
    """Return how the fit ended, what was left out, and every note on it."""
    fit, runs, checks = findings.fit, findings.runs, findings.checks
    left = f"{fit.n_omitted} left out" if fit.n_omitted else "none left out"
    pairs = [
        ("verdict", verdict(findings)),
        ("law", element("code", fit.law.formula)),
        ("rows", f"{fit.n_rows:,} fitted, {left}"),
        ("status", f"{fit.status}: {fit.message}"),
        ("search", f"{fit.n_best} of {fit.n_starts} starts reached the optimum, {fit.n_optima} different found"),
        ("refits left out", _failed(findings.boot)),
        ("at a bound", ", ".join(fit.at_bound)),
        ("not identified", ", ".join(fit.unidentified)),
    ]
    remarks = findings.model.remarks if isinstance(findings.model, Forecaster) else ()
    notes: list[Any] = [*(runs.notes if runs is not None else ()), *findings.warnings]
    notes += [text for text in remarks if text != prior_text(fit)]  # priors are under "Method"
    notes += [_hinted(note.text, note.remedy) for note in (checks.notes if checks is not None else ())]
    shown = join((element("p", "To be known:"), bullets(list(dict.fromkeys(notes))))) if notes else Html("")
    influence = Html("") if checks is None else _influence(findings)
    return section("fit", "What was fitted, and how sound it is", facts(pairs), shown, influence)


def _hinted(text: str, remedy: str) -> Html:
    return join((text, element("span", f" Hint: {remedy}.", class_="quiet") if remedy else ""))


def _failed(boot: Bootstrap | None) -> str:
    if boot is None or not boot.n_failed:
        return ""
    return f"{boot.n_failed:,} of {boot.n_resamples:,}: {boot.failures()}"


def _influence(findings: Findings) -> Html:
    """Return the runs that the fit rests on most."""
    checks = findings.checks
    assert checks is not None
    text = f"The {checks.unit}s that move {checks.quantity} most when they are left out:"
    return join((element("p", text, class_="quiet"), table(checks._headers, checks._rows())))


def parameters(findings: Findings) -> Html:
    """Return each parameter with its interval and prior."""
    fit, boot, level = findings.fit, findings.boot, findings.settings.level
    if boot is None or findings.intervals is None:
        rows = [[name, *pair(value, fit.standard_error[name]), fit._mark(name)] for name, value in fit.params.items()]
        return section(
            "parameters", "Parameters", missing(findings, "parameters"),
            table(["parameter", "value", "standard error", ""], rows),
        )  # fmt: skip
    frame = nw.from_native(findings.intervals, eager_only=True)
    rows = [
        [name, *_rounded(value, low, high), _prior(findings, name), _remark(findings, name)]
        for name, value, low, high in frame.iter_rows()
    ]
    share = percent(level)
    text = (
        f"Intervals are {share} percentiles of {boot.n_resamples:,} refits to resampled data; scheme {boot.scheme}"
        f"{f' ({boot.reason})' if boot.reason else ''}."
    )
    headers = ["parameter", "estimate", f"low {share}", "high", "prior", ""]
    return section("parameters", "Parameters", table(headers, rows), element("p", text, class_="quiet"))


def _rounded(value: float, low: float, high: float) -> list[str]:
    return [pair(x, (high - low) / 4)[0] for x in (value, low, high)]


def _prior(findings: Findings, name: str) -> str:
    prior = findings.fit.priors.get(name)
    return "" if prior is None else in_words(prior)


def _remark(findings: Findings, name: str) -> str:
    fit = findings.fit
    return f"= {fit.law.derived[name]}" if name in fit.law.derived else fit._mark(name)


def residuals(findings: Findings, charts: Collection[str]) -> Html:
    """Return how far the runs lie from the law."""
    if "residuals" not in charts:
        return Html("")
    caption = "Observed loss over the law's, minus 1, against each variable. A trend here is what the law misses."
    return section(
        "residuals-section",
        "Residuals",
        element("p", f"In numbers: {note_on(findings.rows)}."),
        chart("residuals", caption),
    )


def tested(findings: Findings) -> Html:
    """Return how the same kind of model would have forecast the larger runs of this table from the smaller."""
    title, found = "Back-test", findings.tested
    if found is None:
        return section("back-test", title, missing(findings, "back-test"))
    rows = [
        [cell["method"], f"1/{cell['ratio']:g}", f"{cell['n_fit']:,}", f"{cell['n']:,}", *_scores(cell)]
        for cell in found.cells
    ]
    text = (
        "Runs with compute up to the largest over 3, 10, 30, 100 are fitted, and every larger run is forecast. A 95 % "
        "band should cover about 95 % of them: fewer means that bands here are too narrow for this table."
    )
    headers = [
        "method",
        "fitted up to",
        "fitted",
        "forecast",
        "error of loss",
        "95 % covers",
        "90 % covers",
        "95 % width",
    ]
    return section("back-test", title, element("p", text), table(headers, rows))


def _scores(cell: dict[str, Any]) -> list[str]:
    if cell["failed"]:
        return [cell["failed"], "", "", ""]
    return [percent(cell[name]) for name in ("rmse", "coverage_95", "coverage_90", "width_95")]


def method(findings: Findings) -> Html:
    """Return how the numbers came about, in words."""
    fit, model = findings.fit, findings.model
    items: list[Any] = [f"Recipe of the fit: {fit.recipe.text(fit.delta)}, residuals on {fit.law.scale} loss."]
    if isinstance(model, Forecaster):
        items.append(
            "Forecasts: generalised least squares with the priors above, averaged over error structures (noise of one "
            "run, an effect shared by rows of a group, a smooth deviation of the truth from the law) by how well each "
            "explains the runs."
        )
        priors = prior_text(fit)
        items.append(f"{priors[:1].upper()}{priors[1:]}.")
    else:
        items.append(
            f"Forecasts: {model.n_resamples:,} bootstrap refits, scheme {model.scheme}, seed {model.seed}. They "
            "take the form of the law for granted."
        )
    if findings.decision is not None:
        items.append(
            "Compute-optimal N and D: the lowest loss of the law under C = 6 N D; their intervals are percentiles over "
            "the refits' own optima. The loss given for such a run is a forecast."
        )
    if fit.law.citation:
        items.append(f"Law: {fit.law.citation}.")
    items += [f"Known trap: {trap}" for trap in fit.law.traps]
    return section("method", "Method and priors", bullets(items))


def origin(findings: Findings, reproduce: str) -> Html:
    """Return what is needed to make the same report again."""
    runs, fit = findings.runs, findings.fit
    pairs: list[tuple[str, Any]] = [
        ("isoflop", f"{info()['version']}"),
        ("data", join((element("code", fit.fingerprint), " (SHA-256 of the columns used)"))),
        ("columns", _roles({} if runs is None else {**runs.roles, **runs.derived})),
        ("loss unit", "" if runs is None or runs.loss_unit == "nats" else f"{runs.loss_unit}, shown in nats per token"),
        ("seed", str(findings.settings.rng)),
    ]
    code = element("pre", reproduce) if reproduce else Html("")
    return section("origin", "How to make this report again", facts(pairs), code)


def _roles(roles: Mapping[str, str]) -> str:
    return ", ".join(f"{role} from {column}" for role, column in roles.items())


def key_numbers(findings: Findings) -> dict[str, Any]:
    """Return the numbers of a report that a script wants, in JSON's types."""
    fit, decision = findings.fit, findings.decision
    out: dict[str, Any] = {
        "law": {"name": fit.law.name, "formula": fit.law.formula},
        "n_rows": fit.n_rows,
        "n_omitted": fit.n_omitted,
        "success": fit.success,
        "status": fit.status,
        "params": dict(fit.params),
        "level": findings.settings.level,
        "target": None if decision is None else _at(decision, decision.start),
        "not_shown": dict(findings.gaps),
        "fingerprint": fit.fingerprint,
    }
    return out


def _at(decision: Any, i: int) -> dict[str, Any]:
    """Return the decision at one budget."""
    best = decision.optimum
    numbers = {"C": float(decision.C[i])}
    for name in ("N", "D", "tokens_per_param"):
        low, high = best.interval(name)
        numbers |= {name: getattr(best, name)[i], f"{name}_low": low[i], f"{name}_high": high[i]}
    bands = {"loss": decision.loss, "loss_low": decision.mean_low, "loss_high": decision.mean_high}
    bands |= {"new_low": decision.new_low, "new_high": decision.new_high}
    numbers |= {name: x[i] for name, x in bands.items()}
    near = {f"{share:g}": [float(end[i]) for end in pair] for share, pair in decision.near.items()}
    second: dict[str, float] | None = None
    if decision.second is not None:
        low, high = decision.second.interval("N")
        second = {"N": float(decision.second.N), "N_low": float(low), "N_high": float(high)}
    return {**{name: float(x) for name, x in numbers.items()}, "near": near, "second_opinion": second}
