"""`isoflop plan`: from a file of runs to the model to train, its layout, its loss and its bill."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from .._architecture import Architecture
from .._load import load
from .._plan import plan as make_plan
from .._templates import FAMILIES
from . import UsageError, _parse
from ._machine import Machine
from ._output import emit, emit_json, note, wants_json
from ._table import RunTable

Counts = Literal["total", "non_embedding", "active"]
#: Budgets of the shell by keyword of the API.
BUDGETS = {"days": "days", "usd": "usd", "flops": "C", "kwh": "kwh", "target_loss": "loss"}


def plan(
    runs: str,
    /,
    *,
    machine: Machine,
    days: float | None = None,
    usd: float | None = None,
    flops: float | None = None,
    kwh: float | None = None,
    target_loss: float | None = None,
    max_days: float | None = None,
    lifetime_tokens: float = 0.0,
    family: str = "llama",
    counts: Counts = "total",
    table: RunTable = RunTable(),
    law: list[str] | None = None,
    hold: list[str] | None = None,
    resamples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    threads: int | None = None,
    json: bool | None = None,
) -> int:
    """Plan a training run: how large a model, how many tokens, which layout, what loss, what bill.

    For example:

        isoflop plan runs.csv --gpu H100-SXM --count 1024 --days 30

    Exactly one of --days, --usd, --flops, --kwh and --target-loss says what may be spent.

    Parameters
    ----------
    runs
        CSV, TSV or NDJSON (each also .gz), or Parquet; or a .json that `isoflop fit --save` wrote.
    machine
        What it runs on.
    days
        Days of the cluster.
    usd
        Dollars.
    flops
        Training compute, 6 N D.
    kwh
        Kilowatt-hours of the building.
    target_loss
        A loss to be reached for the least money.
    max_days
        The longest that the run may take, under any other budget.
    lifetime_tokens
        Tokens that the model will generate once trained; their price is part of the budget.
    family
        Whose shape the model has: llama, llama2, qwen, gpt, mixtral, deepseek, or a config.json of your own.
    counts
        What N counts in the runs.
    table
        How the runs are read.
    law
        Name in the catalogue, or a formula; several are averaged. The recommended one where left out.
    hold
        Value of another variable of the law, U=1e11.
    resamples
        Draws of the law's parameters.
    seed
        Of the draws.
    level
        Nominal coverage of the intervals: 0.5, 0.8, 0.9, 0.95.
    threads
        All CPUs that this process may use where left out.
    json
        Print JSON, or never; by default JSON where stdout is not a terminal.
    """
    given = {"days": days, "usd": usd, "flops": flops, "kwh": kwh, "target_loss": target_loss}
    budget: dict[str, Any] = {BUDGETS[name]: amount for name, amount in given.items() if amount is not None}
    if len(budget) != 1:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in BUDGETS)
        raise UsageError(f"{len(budget)} budgets were given, expected exactly one of {options}")
    model, source, words = _model(runs, table, law)
    found = make_plan(
        model, cluster=machine.cluster(), **budget, **words, **machine.job, max_days=max_days,
        lifetime_tokens=lifetime_tokens, family=_family(family), count=counts,
        held=_parse.values(hold, "--hold") or None, level=_parse.level(level), n_resamples=resamples, rng=seed,
        n_threads=_parse.threads(threads), progress=note,
    )  # fmt: skip
    if wants_json(json):
        emit_json("plan", {"runs": source, **found.to_dict()})
    else:
        emit(found.summary())
    return 0


def _family(text: str) -> str | Architecture:
    """Return the name of a family, or the model of a file."""
    return Architecture.from_hf(text) if text not in FAMILIES and Path(text).exists() else text


def _model(path: str, table: RunTable, law: list[str] | None) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Return runs or a saved model, what JSON says about it, and the law to fit."""
    if path.lower().endswith(".json"):
        if law or table != RunTable():
            raise UsageError(f"{path} is a saved model: options about columns and --law are for tables of runs")
        return load(path), {"file": path}, {}
    runs = table.read(path)
    laws = [_parse.law(text, table.letters, None) for text in law or ()]
    return runs, table.source(path, runs), {"law": None if not laws else laws[0] if len(laws) == 1 else laws}
