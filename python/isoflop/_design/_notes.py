"""What a plan of runs says about itself in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .._forecast._beliefs import in_words
from .._repr import number, percent
from ._worth import Expected, Judge

#: Farther than so many times the largest run, a note says so.
FAR = 10.0


def notes_on(
    judge: Judge, columns: Mapping[str, Any], now: Expected, after: Expected, usual: Sequence[Expected]
) -> tuple[str, ...]:
    """Return notes: gains, priors, versions that were averaged, distance, repeated points."""
    known = judge.known
    notes = [*_gains(now, after, usual), *known.notes]
    priors = {name: prior for name, prior in known.priors.items() if name in known.best.free}
    told = ", ".join(f"{name} {in_words(prior)}" for name, prior in priors.items())
    notes.append(f"priors: {told}" if told else "no priors: the runs alone decide")
    notes.append(_averaged(judge))
    seeds = int(np.sum(columns["seed"] > 0))
    if seeds:
        notes.append(f"{seeds} of the runs repeat a point with another seed")
    largest = float(np.max(columns["C"]))
    if known.made is not None:
        largest = max(largest, float(np.max(6 * known.made.columns["N"] * known.made.columns["D"])))
    if judge.centre.C / largest > FAR:
        notes.append(
            f"the target is {number(judge.centre.C / largest, 3)} times beyond the largest run: the band takes the "
            "law's form as right"
        )
    if known.made is None:
        notes.append("no run was made yet: errors rest on the given values and sigma")
    return tuple(notes)


def _gains(now: Expected, after: Expected, usual: Sequence[Expected]) -> list[str]:
    notes = []
    if now.loss_error < 3:
        cut = 1 - after.loss_error / now.loss_error
        notes.append(f"the band of the loss shrinks by {percent(cut)}, that of ln N_opt by "
                     f"{percent(1 - after.N_opt_error / now.N_opt_error)}")
    return notes


def _averaged(judge: Judge) -> str:
    versions = judge.known.versions
    if len(versions) == 1:
        return "the design rests on one vector of parameters: that of the fit"
    p = [version.params.get("p") for version in versions]
    if all(isinstance(x, float) for x in p) and len(versions) == 2:
        return f"errors are averaged over p = {number(p[0], 3)} and p = {number(p[1], 3)}"  # type: ignore[arg-type]
    return f"errors are averaged over {len(versions)} draws"
