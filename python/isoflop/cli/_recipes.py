"""`isoflop compare-recipes`: two tables of runs, and with how much less compute the second reaches the first's loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from .._errors import DataError, compose, counted
from .._recipes import compare_recipes as compare
from . import NOT_CONVERGED, UsageError, _parse
from ._output import emit, emit_json, note, wants_json
from ._table import RunTable


def compare_recipes(
    runs_a: str,
    runs_b: str | None = None,
    /,
    *,
    table: RunTable = RunTable(),
    by: str | None = None,
    a: str | None = None,
    b: str | None = None,
    law: str | None = None,
    shared: list[str] | None = None,
    asymptote: list[str] | None = None,
    target: float | None = None,
    target_loss: float | None = None,
    pair: str = "auto",
    overlap: bool = True,
    criterion: Literal["squared", "huber"] | None = None,
    level: float = 0.95,
    bootstrap: int = 2_000,
    seed: int = 0,
    threads: int | None = None,
    json: bool | None = None,
) -> int:
    r"""Say with how many times less compute recipe B reaches recipe A's loss, at each scale, with intervals.

    For example:

        isoflop compare-recipes base.csv new.csv --C flops --target 1e23
        isoflop compare-recipes runs.csv --by recipe --a base --b new \
            --asymptote 1.69

    Parameters
    ----------
    runs_a
        CSV, TSV or NDJSON (each also .gz), or Parquet: the first recipe, or both with --by.
    runs_b
        The second recipe.
    table
        How they are read.
    by
        Column that tells the recipes apart, where one file holds both.
    a
        The first recipe in that column, or what to call it.
    b
        The second.
    law
        Name in the catalogue, or a formula over C, or over N and D. Where left out power_floor along C for ladders,
        chinchilla where tokens per parameter vary.
    shared
        Parameters that both recipes have in common, joined by commas; exponents means all of them.
    asymptote
        Loss at infinite compute, held: 1.69, or base=1.69,new=1.65.
    target
        Compute at which recipes are compared in the end; the largest of the runs where left out.
    target_loss
        In its place: where A reaches this loss.
    pair
        Column of units whose noise both recipes share, such as seed; auto looks for one, none takes no pairs.
    overlap
        Whether recipes must have runs at common compute; --no-overlap compares by extrapolation alone.
    criterion
        What is summed over rows; squared where a recipe has fewer than 20 runs, else huber.
    level
        Nominal coverage.
    bootstrap
        Common resamples, for the share of draws that cross; 0 for none.
    seed
        Of resamples.
    threads
        All CPUs that this process may use where left out.
    json
        Print JSON, or never; by default JSON where stdout is not a terminal.
    """
    if (by is None) == (runs_b is None):
        raise UsageError("expected two files, or one and --by COLUMN")
    _parse.level(level)
    first = table.read(runs_a)
    second = None if runs_b is None else table.read(runs_b)
    rows = len(first) + (0 if second is None else len(second))
    note(f"{counted(rows, 'row')}: both recipes, {bootstrap:,} resamples")
    names = {"a": a, "b": b} if by else {"a": a or _stem(runs_a, runs_b, 0), "b": b or _stem(runs_a, runs_b, 1)}
    found = compare(
        first,
        second,
        by=by,
        **names,
        law=None if law is None else _parse.law(law, table.letters, None),
        shared=_names(shared),
        asymptote=_asymptote(asymptote),
        target=target,
        target_loss=target_loss,
        pair=pair,
        overlap=overlap,
        criterion=criterion,
        level=level,
        n_resamples=bootstrap,
        rng=seed,
        n_threads=_parse.threads(threads),
    )
    if wants_json(json):
        files = [Path(path).name for path in (runs_a, runs_b) if path is not None]
        emit_json("compare-recipes", {"files": files, "where": table.where, **found.to_dict()})
    else:
        emit(found.summary())
    return 0 if found.fit.success else NOT_CONVERGED


def _stem(one: str, other: str | None, which: int) -> str:
    """Return what a recipe is called: its file's name, or A and B where both are the same."""
    stems = [Path(path).name.partition(".")[0] for path in (one, other or "")]
    return stems[which] if stems[0] != stems[1] else "AB"[which]


def _names(words: list[str] | None) -> list[str] | None:
    return [part.strip() for word in words for part in word.split(",") if part.strip()] if words else None


def _asymptote(words: list[str] | None) -> Any:
    if not words:
        return None
    try:
        if "=" not in words[0]:
            return float(words[0])
        return {name: float(value) for name, value in _parse.pairs(words, "--asymptote", "base=1.69").items()}
    except ValueError:
        raise DataError(compose(f"--asymptote is {' '.join(words)!r}", "give 1.69, or base=1.69,new=1.65")) from None
