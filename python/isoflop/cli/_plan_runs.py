"""`isoflop plan-runs`: which runs to make next, from a file of those already made."""

from __future__ import annotations

from typing import Any

from .._design import plan_runs as plan
from .._errors import counted
from . import UsageError, _parse
from ._output import emit, emit_json, note, wants_json
from ._table import RunTable


def plan_runs(
    runs: str,
    /,
    *,
    budget: float,
    target: float,
    k: int,
    table: RunTable = RunTable(),
    law: str | None = None,
    prior: list[str] | None = None,
    discrepancy: float = 0.2,
    cost: str | None = None,
    unit: str | None = None,
    sizes: str | None = None,
    window: str | None = None,
    cap: float = 0.25,
    floor: float | None = None,
    slots: int | None = None,
    longest: float | None = None,
    sigma: float | None = None,
    level: float = 0.95,
    seed: int = 0,
    json: bool | None = None,
) -> int:
    r"""Choose the runs that make the forecast of a large one tightest, and show what they should tell.

    For example:

        isoflop plan-runs runs.csv --budget 1e22 --target 1e24 --k 12 --slots 4

    Parameters
    ----------
    runs
        CSV, TSV or NDJSON (each also .gz), or Parquet.
    budget
        What all new runs may cost together: FLOP, or the unit of --cost.
    target
        Training compute of the run to forecast, FLOP.
    k
        How many runs to make.
    table
        How it is read.
    law
        Name in the catalogue, or a formula over N and D. The p-norm law where left out.
    prior
        weak, or alpha=lognormal:0.35:0.35 in place of a weak one.
    discrepancy
        Prior probability that the law's form is off by a smooth function.
    cost
        What a run costs, a formula over N and D such as "2e-18 * 6*N*D"; 6*N*D where left out.
    unit
        Unit of --cost.
    sizes
        Smallest and largest size, 1e7:3e10.
    window
        Fewest and most tokens per parameter, 2:500.
    cap
        What one run may cost at most, as a share of the budget.
    floor
        What one run costs at least, as a share of the budget.
    slots
        How many runs can go on at once.
    longest
        What the busiest slot may cost at most.
    sigma
        Noise of ln loss of one run; that of the residuals where left out.
    level
        Nominal coverage of the bands.
    seed
        Of the random designs that the search starts from.
    json
        Print JSON, or never; by default JSON where stdout is not a terminal.
    """
    _parse.level(level)
    limits: dict[str, Any] = {"N": _ends(sizes, "--sizes", "1e7:3e10")}
    limits["tokens_per_param"] = _ends(window, "--window", "2:500")
    found = table.read(runs)
    note(f"{counted(len(found), 'row')}: what is known, then {counted(k, 'run')} to choose")
    result = plan(
        found,
        budget=budget,
        target_C=target,
        k=k,
        law=None if law is None else _parse.law(law, table.letters, None),
        prior=_parse.priors(prior) or "weak",
        discrepancy=discrepancy,
        cost=cost,
        unit=unit,
        cap=cap,
        floor=floor,
        slots=slots,
        longest=longest,
        sigma=sigma,
        level=level,
        rng=seed,
        **{name: ends for name, ends in limits.items() if ends is not None},
    )
    if wants_json(json):
        emit_json("plan-runs", {"table": table.source(runs, found), **result.to_dict()})
    else:
        emit(result.summary())
    return 0


def _ends(text: str | None, option: str, shape: str) -> tuple[float, float] | None:
    """Return `low:high` as numbers.

    Examples
    --------
    >>> _ends("1e7:3e10", "--sizes", "1e7:3e10")
    (10000000.0, 30000000000.0)
    """
    if text is None:
        return None
    try:
        low, high = (float(part) for part in text.split(":"))
    except ValueError:
        raise UsageError(f"{option} is {text!r}, expected a smallest and a largest value such as {shape}") from None
    return low, high
