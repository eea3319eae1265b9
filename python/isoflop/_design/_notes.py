"""What a plan of runs says about itself in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .._errors import counted
from .._forecast._beliefs import in_words
from .._repr import number, percent
from ._costs import Candidates, Limits
from ._worth import OPEN, Expected, Judge, Usual

#: Farther than so many times the largest run, a note says so.
FAR = 10.0


def notes_on(judge: Judge, columns: Mapping[str, Any], now: Expected, after: Expected) -> tuple[str, ...]:
    """Return notes: gains, priors, versions that were averaged, distance, repeated points."""
    known = judge.known
    notes = [*_gains(now, after), *known.notes]
    priors = {name: prior for name, prior in known.priors.items() if name in known.best.free}
    told = ", ".join(f"{name} {in_words(prior)}" for name, prior in priors.items())
    notes.append(f"priors: {told}" if told else "no priors: the runs alone decide")
    notes.append(_averaged(judge))
    seeds = int(np.sum(columns["seed"] > 0))
    if seeds:
        repeat = "run repeats" if seeds == 1 else "runs repeat"
        notes.append(f"{seeds} {repeat} a point with another seed")
    largest = float(np.max(columns["C"]))
    if known.made is not None:
        largest = max(largest, float(np.max(6 * known.made.columns["N"] * known.made.columns["D"])))
    if judge.centre.C / largest > FAR:
        notes.append(
            f"the target is {number(judge.centre.C / largest, 3)} times beyond the largest run: {_form(judge)}"
        )
    if known.made is None:
        notes.append("no run was made yet: errors rest on the given values and sigma")
    return tuple(notes)


def notes_on_limits(among: Candidates, limits: Limits, unit: str) -> list[str]:
    """Say it where sizes and tokens per parameter allow no run as large as the cap does."""
    largest = float(among.cost.max())
    if largest > 0.7 * limits.cap:  # the grid of costs is no finer
        return []
    ends = f"N up to {number(limits.N[1], 3)} and {limits.tokens_per_param[1]:g} tokens per parameter"
    return [f"{ends} allow runs of {number(largest, 3)} {unit} at most, less than the cap of {number(limits.cap, 3)}"]


def notes_on_usual(usual: Mapping[str, Usual], limits: Limits) -> list[str]:
    """Say which usual designs hold runs that the plan may not make."""
    notes = []
    for name, one in usual.items():
        ratio, N, cost = one.runs.D / one.runs.N, one.runs.N, one.runs.cost
        low, high = limits.tokens_per_param
        broken = {
            f"{number(ratio.min(), 2)} to {number(ratio.max(), 3)} tokens per parameter": ratio.min() < low
            or ratio.max() > high,
            f"N from {number(N.min(), 3)} to {number(N.max(), 3)}": N.min() < limits.N[0] or N.max() > limits.N[1],
            f"a run of {percent(cost.max() / limits.budget)} of the budget": cost.max() > 1.001 * limits.cap,
        }
        said = [text for text, is_broken in broken.items() if is_broken]
        if said:
            notes.append(f"{name} is not held to the limits: it has {', '.join(said)}")
    return notes


def _gains(now: Expected, after: Expected) -> list[str]:
    if not now.loss_error < OPEN:
        return []
    loss, size = 1 - after.loss_error / now.loss_error, 1 - after.N_opt_error / now.N_opt_error
    return [f"errors shrink: that of ln loss by {percent(loss)}, that of ln N_opt by {percent(size)}"]


def _form(judge: Judge) -> str:
    if judge.mixture is None or judge.mixture.smooth == 0:
        return "the band takes the law's form as right"
    return "so far out the band is the forecaster's, no run has checked the law"


def _averaged(judge: Judge) -> str:
    if judge.mixture is not None:
        n = len(judge.mixture.structures)
        smooth = percent(judge.mixture.smooth)
        return f"errors are the forecaster's: {counted(n, 'error structure')}, a smooth discrepancy has weight {smooth}"
    versions = judge.known.versions
    if len(versions) == 1:
        return "the design rests on one vector of parameters: that of the fit"
    p = [version.params.get("p") for version in versions]
    if all(isinstance(x, float) for x in p) and len(versions) == 2:
        return f"errors are averaged over p = {number(p[0], 3)} and p = {number(p[1], 3)}"  # type: ignore[arg-type]
    return f"errors are averaged over {len(versions)} draws"
