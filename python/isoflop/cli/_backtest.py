"""`isoflop backtest`: whether forecasts would have held on these tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .._backtest import METHODS
from .._backtest import backtest as run_backtest
from . import UsageError
from ._output import emit, emit_json, note, wants_json
from ._table import LenientTable


def backtest(
    *files: str,
    methods: list[str] | None = None,
    ratios: list[str] | None = None,
    table: LenientTable = LenientTable(),
    by: str | None = None,
    json: bool | None = None,
) -> int:
    r"""Fit the small runs of each table, forecast the large ones, and score several methods side by side.

    For example:

        isoflop backtest runs.csv --methods recommended,mixture --ratios 3,10

    Rows with a loss below 7 nats and C of at least 1e16 count. Files weigh equally.

    Parameters
    ----------
    files
        Tables of runs: CSV, TSV or NDJSON (each also .gz), or Parquet.
    table
        How each is read.
    methods
        recommended, chinchilla-huber-groups, chinchilla-huber-rows, mixture; all where left out.
    ratios
        Rows with C up to the largest over each of these are fitted; 3,10,30,100 where left out.
    by
        Column whose values are tables of their own (sweeps of one project); they make one family.
    json
        Print JSON, or never; by default JSON where stdout is not a terminal.
    """
    chosen, strays = _words(methods, lambda word: word in METHODS)
    cuts, more = _words(ratios, _is_number)
    files = (*files, *strays, *more)
    if not files:
        raise UsageError("no file was named: isoflop backtest runs.csv")
    tables = {path: table.read(path) for path in files}
    families = {path: list(runs.split(by).values()) if by else runs for path, runs in tables.items()}
    wanted: dict[str, Any] = {"ratios": [_ratio(word) for word in cuts]} if cuts else {}
    result = run_backtest(families, methods=chosen or None, progress=note, **wanted)
    for text in result.failures:
        note(f"no answer: {text}")
    if wants_json(json):
        emit_json("backtest", result.to_dict())
    else:
        emit(result.summary())
    return 0


def _words(given: list[str] | None, known: Callable[[str], bool]) -> tuple[list[str], list[str]]:
    """Return words, which may be joined by commas, and the files that were written after them.

    Examples
    --------
    >>> _words(["3,10", "30"], _is_number)
    (['3', '10', '30'], [])
    """
    words = [word.strip() for text in given or () for word in text.split(",") if word.strip()]
    strays = [word for word in words if not known(word) and Path(word).is_file()]
    return [word for word in words if word not in strays], strays


def _is_number(word: str) -> bool:
    return word.replace(".", "", 1).isdigit()


def _ratio(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise UsageError(f"--ratios: {word!r} is no number, expected 3,10,30,100") from None
