"""`isoflop compare-laws`: several laws on one table of runs."""

from __future__ import annotations

from typing import Any, Literal

from .._compare import compare_laws as compare
from .._errors import counted
from . import NOT_CONVERGED, UsageError, _parse
from ._fit import Criterion
from ._output import emit, emit_json, note, wants_json
from ._table import WeightedTable


def compare_laws(
    runs: str,
    /,
    *,
    laws: list[str],
    table: WeightedTable = WeightedTable(),
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
    table
        How it is read.
    laws
        Names in the catalogue, joined by commas, or formulas, each in a --laws of its own.
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
    chosen = [_parse.law(text, table.letters, None) for text in _split(laws)]
    if len(chosen) < 2:
        raise UsageError("--laws names one law, expected at least two joined by commas")
    options: dict[str, Any] = {
        "criterion": criterion,
        "delta": _parse.delta(delta),
        "scale": scale,
        "prior": _parse.priors(prior),
    }
    read = table.read(runs)
    note(f"{counted(len(read), 'row')}: {counted(len(chosen), 'law')}, each also from the smaller runs")
    found = compare(read, chosen, along=along, rng=seed, **options)
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
