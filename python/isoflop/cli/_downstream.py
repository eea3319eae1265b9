"""`isoflop downstream`: from runs with scores to the scores of larger ones."""

from __future__ import annotations

import warnings
from typing import Any, Literal

from .._downstream import downstream as fit_downstream
from .._errors import ExtrapolationWarning, counted
from .._forecast import forecaster
from . import _parse
from ._forecast import _columns as by_variable
from ._output import emit, emit_json, note, wants_json
from ._table import RunTable


def downstream(
    runs: str,
    /,
    *,
    metrics: list[str],
    at: list[str],
    table: RunTable = RunTable(),
    task: str | None = None,
    law: str = "chinchilla",
    link: str = "sigmoid",
    chance: list[str] | None = None,
    ceiling: float = 1.0,
    error: bool = False,
    at_chance: Literal["raise", "drop", "keep"] = "raise",
    bootstrap: int = 2_000,
    seed: int = 0,
    level: float = 0.95,
    threads: int | None = None,
    json: bool | None = None,
) -> int:
    r"""Forecast scores on tasks in two steps, the loss from resources and each score from the loss.

    For example:

        isoflop downstream runs.csv --metrics hellaswag,piqa \
            --chance hellaswag=0.25,piqa=0.5 --at N=7e9,D=2e12

    Parameters
    ----------
    runs
        CSV, TSV or NDJSON (each also .gz), or Parquet.
    metrics
        Columns of scores from 0 to 1, joined by commas; with --task the one column that holds all of them.
    at
        Point to forecast at, N=70e9,D=1.4e12; may be repeated.
    table
        How it is read.
    task
        Column that says which task a row is of.
    law
        Law of the loss, or forecaster for the recommended one with its wider bands.
    link
        sigmoid, exponential, or a law of one variable in the catalogue.
    chance
        Score of guessing: 0.25, task=0.25, or a column; fitted where left out.
    ceiling
        Score of mastery.
    error
        Metrics are errors, one minus a score.
    at_chance
        What to do with tasks of which no run has learnt anything.
    bootstrap
        Resamples of whole runs, the same for all tasks and both steps.
    seed
        Of resamples.
    level
        Nominal coverage.
    threads
        All CPUs that this process may use where left out.
    json
        Print JSON, or never; by default JSON where stdout is not a terminal.
    """
    _parse.level(level)
    read = table.read(runs)
    names = [part.strip() for word in metrics for part in word.split(",") if part.strip()]
    note(f"{counted(len(read), 'row')}: both steps, {bootstrap:,} resamples")
    loss: Any = forecaster(read) if law == "forecaster" else _parse.law(law, table.letters, None)
    found = fit_downstream(
        read,
        metric=names[0] if len(names) == 1 else names,
        task=task,
        law=loss,
        link=link,
        chance=_level(chance),
        ceiling=ceiling,
        error=error,
        at_chance_level=at_chance,
        n_resamples=bootstrap,
        rng=seed,
        n_threads=_parse.threads(threads),
    )
    points: dict[str, Any] = by_variable(_parse.points(at))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExtrapolationWarning)  # the table says it, row by row
        forecast = found.forecast(level=level, **points)
    if wants_json(json):
        link_rows = {name: vars(x) for name, x in found.looseness.items()}
        emit_json("downstream", {"runs": table.source(runs, read), "link": link_rows, **forecast.to_dict()})
    else:
        emit(found.summary())
        emit("\n" + forecast.summary().partition("\n\n- ")[0])
    return 0


def _level(words: list[str] | None) -> Any:
    """Return a number, numbers by task, or a column."""
    if not words:
        return None
    if any("=" in word for word in words):
        shape = "hellaswag=0.25"
        return {k: _parse.number(v, "--chance", shape) for k, v in _parse.pairs(words, "--chance", shape).items()}
    try:
        return float(words[0])
    except ValueError:
        return words[0]
