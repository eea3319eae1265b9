"""What `isoflop fit` does with its options: read, fit, refit, predict, save, draw, report."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._bootstrap import bootstrap
from .._draws import Bootstrap
from .._fit import fit as fit_law
from .._fit_table import FitTable
from .._fitted import Fit
from .._law import Law
from .._repr import number, percent, table
from .._runs import Runs
from . import NOT_CONVERGED, UsageError
from ._output import emit, emit_json, is_terminal, note, wants_json
from ._report import boot_content, fit_content, predictions, speed
from ._save import check_folder, check_plot, save_plot
from ._table import Table


@dataclass(frozen=True)
class FitJob:
    """The options of `isoflop fit`, as arguments of the API."""

    path: str
    table: Table
    law: Law | str
    by: str | None
    fitting: Mapping[str, Any]
    refitting: Mapping[str, Any] | None
    level: float
    points: list[dict[str, Any]]
    save: str | None
    plot: str | None
    drawing: Mapping[str, Any]
    as_json: bool | None


@dataclass(frozen=True)
class Outcome:
    """One fit with its refits, the time they took, and what it predicts."""

    fit: Fit
    boot: Bootstrap | None
    seconds: float
    predictions: list[dict[str, Any]]

    @property
    def best(self) -> Fit | Bootstrap:
        """The bootstrap, or the fit where there is none."""
        return self.fit if self.boot is None else self.boot


def run(job: FitJob) -> int:
    """Do it; return the exit code."""
    if job.by and job.plot:
        raise UsageError("--plot draws one fit: use it without --by")
    check_plot(job.plot)
    for path in (job.save, job.plot):
        check_folder(path)
    runs = job.table.read(job.path)
    result = fit_law(runs, job.law, by=job.by, **job.fitting)
    fits = result.fits if isinstance(result, FitTable) else {None: result}
    outcomes = {label: _outcome(job, fit) for label, fit in fits.items()}
    files = _write(job, result, outcomes)
    if wants_json(job.as_json):
        emit_json("fit", _content(job, runs, outcomes, files))
    else:
        emit(_text(job, result, outcomes))
    return 0 if result.success else NOT_CONVERGED


def _outcome(job: FitJob, fit: Fit) -> Outcome:
    boot, seconds = None, 0.0
    if job.refitting is not None:
        began = time.perf_counter()
        boot = bootstrap(fit, **job.refitting, progress=is_terminal(sys.stderr))
        seconds = time.perf_counter() - began
        note(speed(boot.n_resamples, seconds))
    # Jackknife draws have no quantiles, so no bands.
    source = fit if boot is None or boot.scheme == "jackknife" else boot
    return Outcome(fit, boot, seconds, predictions(source, job.points, job.level))


def _write(job: FitJob, result: Fit | FitTable, outcomes: Mapping[Any, Outcome]) -> dict[str, str]:
    """Write the files that were asked for, and say so."""
    files: dict[str, str] = {}
    only = None if isinstance(result, FitTable) else outcomes[None]
    if job.save:
        saved = result if only is None else only.best
        saved.save(job.save)
        files["save"] = job.save
        if only is None and job.refitting is not None:
            note("--save keeps the table of fits, not the draws")
    if job.plot and only is not None:
        source = only.fit if only.boot is None or only.boot.scheme == "jackknife" else only.boot
        files["plot"] = str(save_plot(source, job.plot, level=job.level, **job.drawing))
    for path in files.values():
        note(f"wrote {path}")
    return files


def _content(job: FitJob, runs: Runs, outcomes: Mapping[Any, Outcome], files: Mapping[str, str]) -> dict[str, Any]:
    """Return the JSON: one fit's content at the top level, or a list under `fits` where `--by` was given."""
    source = job.table.source(job.path, runs)
    each = [_one_content(job, outcome) for outcome in outcomes.values()]
    if job.by is None:
        return {"runs": source, **each[0], "files": files}
    fits = [{"label": label, **content} for label, content in zip(outcomes, each, strict=True)]
    return {"runs": source, "by": job.by, "fits": fits, "files": files}


def _one_content(job: FitJob, outcome: Outcome) -> dict[str, Any]:
    content = fit_content(outcome.fit)
    if outcome.boot is not None:
        content["bootstrap"] = boot_content(outcome.boot, job.level, outcome.seconds)
    if job.points:
        content["predictions"] = outcome.predictions
    return content


def _text(job: FitJob, result: Fit | FitTable, outcomes: Mapping[Any, Outcome]) -> str:
    parts = [result.summary()]
    for label, outcome in outcomes.items():
        title = "" if job.by is None else f"{job.by} {label}: "
        if outcome.boot is not None:
            body = outcome.boot.summary(job.level).split("\n\n", 1)[1]  # the law is named above
            parts.append(f"{title}bootstrap\n\n{body}")
        if outcome.predictions:
            parts.append(f"{title}predictions\n\n{_table(outcome.predictions, job.level)}")
    return "\n\n".join(parts)


def _table(rows: list[dict[str, Any]], level: float) -> str:
    """Return predictions as a table; every band carries its kind."""
    words = {"mean_low": f"mean curve {percent(level)}", "low": f"new run {percent(level)}"}
    names = [name for name in rows[0] if not name.endswith("high")]
    cells = [
        [
            f"{row[name]:.4f} to {row[name.replace('low', 'high')]:.4f}"
            if name in words
            else f"{row[name]:.4f}"
            if name == "loss"
            else number(row[name])
            if isinstance(row[name], float)
            else str(row[name])
            for name in names
        ]
        for row in rows
    ]
    return table([words.get(name, name) for name in names], cells)
