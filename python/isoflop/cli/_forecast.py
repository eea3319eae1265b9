"""`isoflop forecast`: from a file of runs to the loss of larger ones, with bands that hold."""

from __future__ import annotations

from typing import Any

from .._errors import counted
from .._forecast import forecast as forecast_points
from .._forecast import forecaster
from . import UsageError, _parse
from ._output import emit, emit_json, note, wants_json
from ._table import RunTable


def forecast(
    runs: str,
    /,
    *,
    at: list[str],
    table: RunTable = RunTable(),
    law: list[str] | None = None,
    prior: list[str] | None = None,
    discrepancy: float = 0.2,
    sensitivity: bool = False,
    level: float = 0.95,
    threads: int | None = None,
    json: bool | None = None,
) -> int:
    r"""Forecast runs that have not been made, with a band for the mean curve and one for a new run.

    For example:

        isoflop forecast runs.csv --groups run_id --at N=70e9,D=1.4e12

    Parameters
    ----------
    runs
        CSV, TSV or NDJSON (each also .gz), or Parquet.
    table
        How it is read.
    at
        Point to forecast at, N=70e9,D=1.4e12; may be repeated.
    law
        Name in the catalogue, or a formula; several are averaged. The recommended one where left out.
    prior
        weak, or alpha=lognormal:0.35:0.35 in place of a weak one.
    discrepancy
        Prior probability that the law's form is off by a smooth function.
    sensitivity
        Repeat the forecast under other priors.
    level
        Nominal coverage of both bands.
    threads
        All CPUs that this process may use where left out.
    json
        Print JSON, or never; by default JSON where stdout is not a terminal.
    """
    _parse.level(level)
    found = table.read(runs)
    laws = [_parse.law(text, table.letters, None) for text in law or ()]
    options: dict[str, Any] = {
        "law": None if not laws else laws[0] if len(laws) == 1 else laws,
        "prior": _parse.priors(prior) or "weak",
        "discrepancy": discrepancy,
        "n_threads": _parse.threads(threads),
    }
    points: dict[str, Any] = _columns(_parse.points(at))
    note(f"{counted(len(found), 'row')}: the forecaster")
    if sensitivity:
        result = forecast_points(found, **options, level=level, sensitivity=True, **points)
    else:
        result = forecaster(found, **options).forecast(level=level, **points)
    if wants_json(json):
        emit_json("forecast", {"runs": table.source(runs, found), **result.to_dict()})
    else:
        emit(result.summary())
        if result.sensitivity is not None:
            emit(f"\n{result.sensitivity}")
    return 0


def _columns(points: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return points as one list per variable."""
    names = list(points[0])
    for point in points:
        if list(point) != names:
            raise UsageError(f"--at names {', '.join(point)} once and {', '.join(names)} before, expected the same")
    return {name: [point[name] for point in points] for name in names}
