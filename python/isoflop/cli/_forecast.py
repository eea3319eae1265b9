"""`isoflop forecast`: from a file of runs to the loss of larger ones, with bands that hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from .._forecast import forecast as forecast_points
from .._forecast import forecaster
from .._read import read_runs
from . import UsageError, _parse
from ._output import emit, emit_json, wants_json


def forecast(
    runs: str,
    /,
    *,
    at: list[str],
    loss: str | None = None,
    N: str | None = None,
    D: str | None = None,
    C: str | None = None,
    var: list[str] | None = None,
    groups: str | None = None,
    loss_unit: Literal["nats", "bits", "bits_per_byte"] = "nats",
    bytes_per_token: str | None = None,
    nan_policy: Literal["raise", "omit"] = "raise",
    where: str | None = None,
    final: bool = False,
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
    at
        Point to forecast at, N=70e9,D=1.4e12; may be repeated.
    loss
        Column of the loss; usual names are understood, as for N, D and C.
    N
        Column of parameters.
    D
        Column of training tokens.
    C
        Column of training compute.
    var
        Column of another letter of the law, X=flops; may be repeated.
    groups
        Column that says which rows are one run: rows of a run share noise.
    loss_unit
        What the loss column is in; it is converted to nats per token.
    bytes_per_token
        Number or column, for bits per byte.
    nan_policy
        Whether unusable rows are an error or are left out and counted.
    where
        Rows to keep, such as "N > 1e8 and family == 'a'".
    final
        Keep the last checkpoint of each run only.
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
    if not 0 < level < 1:
        raise UsageError(f"--level is {level:g}, expected a number between 0 and 1")
    letters = _parse.variables(var)
    roles = {"loss": loss, "N": N, "D": D, "C": C, "groups": groups, **letters}
    settings = {"loss_unit": loss_unit, "bytes_per_token": _parse.scale(bytes_per_token), "nan_policy": nan_policy}
    table = read_runs(runs, where=where, **{k: v for k, v in roles.items() if v is not None}, **settings)
    if final:
        table = table.final()
    laws = [_parse.law(text, letters, None) for text in law or ()]
    options: dict[str, Any] = {
        "law": None if not laws else laws[0] if len(laws) == 1 else laws,
        "prior": _parse.priors(prior) or "weak",
        "discrepancy": discrepancy,
        "n_threads": _parse.threads(threads),
    }
    points: dict[str, Any] = _columns(_parse.points(at))
    if sensitivity:
        result = forecast_points(table, **options, level=level, sensitivity=True, **points)
    else:
        result = forecaster(table, **options).forecast(level=level, **points)
    if wants_json(json):
        source = {"file": Path(runs).name, "where": where, "n_rows": len(table), "roles": table.roles}
        emit_json("forecast", {"runs": source, **result.to_dict()})
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
