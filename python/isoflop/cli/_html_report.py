"""`isoflop report`: from a file of runs to one HTML file that a decision can be made from."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from .. import report as pages
from . import NOT_CONVERGED, _parse
from ._output import emit, emit_json, note, wants_json
from ._table import RunTable, Table


def report(
    runs: str,
    /,
    *,
    output: str,
    table: RunTable = RunTable(),
    law: list[str] | None = None,
    target: float | None = None,
    hold: list[str] | None = None,
    bootstrap: int = 4_000,
    seed: int = 0,
    level: float = 0.95,
    backtest: bool = True,
    title: str | None = None,
    json: bool | None = None,
) -> int:
    r"""Write a report with a budget slider into one HTML file that opens offline.

    For example:

        isoflop report runs.csv -o report.html --groups run_id --target 1e24

    Parameters
    ----------
    runs
        CSV, TSV or NDJSON (each also .gz), or Parquet.
    output
        The file, ending in .html; one that exists is replaced.
    table
        How it is read.
    law
        Name in the catalogue, or a formula; several are averaged. The recommended one where left out.
    target
        Training budget in FLOP that the decision is about; ten times the compute of the largest run where left out.
    hold
        Another variable or level of the law at a value, U=1e11 or family=a.
    bootstrap
        Resamples to refit for the intervals of parameters.
    seed
        Of refits and draws: same seed, same file.
    level
        Nominal coverage of intervals and bands.
    backtest
        Forecast the larger runs from the smaller ones, too.
    title
        In place of the law and the number of runs.
    json
        Print JSON, or never; by default JSON where stdout is not a terminal.
    """
    _parse.level(level)
    laws = [_parse.law(text, table.letters, None) for text in law or ()]
    given = {"law": law, "target": target, "hold": hold, "bootstrap": bootstrap, "seed": seed, "level": level}
    usual = {"bootstrap": 4_000, "seed": 0, "level": 0.95}
    words = _words(runs, table, {k: v for k, v in given.items() if v != usual.get(k)})
    pages.check(output, level)  # before a large table is read
    made = pages.write(
        table.read(runs),
        output,
        law=None if not laws else laws[0] if len(laws) == 1 else laws,
        target=target,
        level=level,
        held=_parse.values(hold, "--hold"),
        n_resamples=bootstrap,
        backtest=backtest,
        title=title,
        reproduce=shlex.join([*words, *([] if backtest else ["--no-backtest"]), "-o", Path(output).name]),
        rng=seed,
        progress=note,
    )
    if wants_json(json):
        emit_json("report", made.to_dict())
    else:
        emit(made.summary())
    return 0 if made.findings.fit.success else NOT_CONVERGED


def _words(path: str, table: Table, options: Mapping[str, Any]) -> Iterator[str]:
    """Yield the words of the command that say something: what is as usual is left out."""
    yield from ("isoflop", "report", Path(path).name)
    chosen = {f.name: getattr(table, f.name) for f in fields(table) if getattr(table, f.name) != f.default}
    for name, value in {**chosen, **options}.items():
        yield from _option(f"--{name.replace('_', '-')}", value)


def _option(name: str, value: Any) -> Iterable[str]:
    """Return the words of one option.

    Examples
    --------
    >>> _option("--var", ["X=flops"]), _option("--final", True), _option("--target", 1e24)
    (['--var', 'X=flops'], ['--final'], ['--target', '1e+24'])
    """
    if value is True:
        return [name]
    several = value if isinstance(value, list) else [value]
    return [word for one in several for word in (name, f"{one:g}" if isinstance(one, float) else str(one))]
