"""`isoflop compare-laws`: several laws on one table of runs."""

from __future__ import annotations

from typing import Any, Literal

from .._compare import compare_laws as compare
from .._read import read_runs
from . import NOT_CONVERGED, UsageError, _parse
from ._fit import Criterion
from ._output import emit, emit_json, wants_json


def compare_laws(
    runs: str,
    /,
    *,
    laws: list[str],
    loss: str | None = None,
    N: str | None = None,
    D: str | None = None,
    C: str | None = None,
    var: list[str] | None = None,
    groups: str | None = None,
    weights: str | None = None,
    loss_unit: Literal["nats", "bits", "bits_per_byte"] = "nats",
    bytes_per_token: str | None = None,
    nan_policy: Literal["raise", "omit"] = "raise",
    where: str | None = None,
    final: bool = False,
    criterion: Criterion | None = None,
    delta: str | None = None,
    scale: Literal["log", "linear"] | None = None,
    prior: list[str] | None = None,
    along: str | None = None,
    seed: int = 0,
    json: bool | None = None,
) -> int:
    r"""Fit several laws to the same rows by the same recipe, and say what the rows can tell apart.

    For example:

        isoflop compare-laws runs.csv --laws chinchilla,pnorm,kaplan_nd

    Parameters
    ----------
    runs
        CSV, TSV or NDJSON (each also .gz), or Parquet.
    laws
        Names in the catalogue, joined by commas, or formulas, each in a --laws of its own.
    loss
        Column of the loss; usual names are understood, as for N, D and C.
    N
        Column of parameters.
    D
        Column of training tokens.
    C
        Column of training compute.
    var
        Column of another letter of the laws, X=flops; may be repeated.
    groups
        Column that says which rows are one run.
    weights
        Column of row weights.
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
    criterion
        What is summed over rows, for all laws; the choice of the first law's paper where left out.
    delta
        Width of the quadratic middle on the response scale, or auto.
    scale
        Scale of residuals, for all laws; the first law's where left out.
    prior
        weak, or alpha=lognormal:0.35:0.35.
    along
        Variable that held-back runs are the largest in; C where left out.
    seed
        Of starts.
    json
        Print JSON, or never; by default JSON where stdout is not a terminal.
    """
    letters = _parse.variables(var)
    chosen = [_parse.law(text, letters, None) for text in _split(laws)]
    if len(chosen) < 2:
        raise UsageError("--laws names one law, expected at least two joined by commas")
    roles = {"loss": loss, "N": N, "D": D, "C": C, "groups": groups, "weights": weights, **letters}
    settings = {"loss_unit": loss_unit, "bytes_per_token": _parse.scale(bytes_per_token), "nan_policy": nan_policy}
    reading = {**{name: column for name, column in roles.items() if column is not None}, **settings}
    table = read_runs(runs, where=where, **reading)
    options: dict[str, Any] = {
        "criterion": criterion,
        "delta": _parse.delta(delta),
        "scale": scale,
        "prior": _parse.priors(prior),
    }
    found = compare(table.final() if final else table, chosen, along=along, rng=seed, **options)
    if wants_json(json):
        emit_json("compare-laws", found.to_dict())
    else:
        emit(found.summary())
    return 0 if all(fit.success for fit in found.fits.values()) else NOT_CONVERGED


def _split(words: list[str]) -> list[str]:
    """Return names joined by commas as single ones; a formula keeps its commas.

    Examples
    --------
    >>> _split(["chinchilla,pnorm", "E + A / max(N, D)**alpha"])
    ['chinchilla', 'pnorm', 'E + A / max(N, D)**alpha']
    """
    plain = [word for word in words if not any(c in word for c in "+*/(")]
    return [part.strip() for word in words for part in (word.split(",") if word in plain else [word]) if part.strip()]
