"""`backtest`: fit the small runs of a table, score the large ones, and see whether the forecast would have held."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .._engine import Floats
from .._errors import DataError, FitError, IsoflopWarning, LawError, compose
from .._runs import Runs, as_runs
from ._methods import METHODS, Method, methods_of
from ._protocol import RATIOS, Cell, cells, check_ratios, no_cells, table_of
from ._result import Backtest
from ._scores import HIGH_95, LOW_95, NAMES, PROBABILITIES, score_cell, score_rows

__all__ = ["METHODS", "Backtest", "backtest"]


def backtest(
    runs: Any,
    *,
    methods: Sequence[str] | Mapping[str, str | Method] | None = None,
    ratios: Sequence[float] = RATIOS,
    progress: Callable[[str], None] | None = None,
    **variables: str,
) -> Backtest:
    """Score forecasting methods on the larger runs of a table, from its smaller ones.

    Parameters
    ----------
    runs : Runs, frame, or mapping of str to (Runs, frame, or list of them)
        Training runs; several tables as families by name, which weigh equally however many tables each has.
    methods : sequence of str, or mapping of str to function, optional
        Among ``recommended``, ``chinchilla-huber-groups``, ``chinchilla-huber-rows`` and ``mixture``, all where None.
        A function takes the earlier and the later rows (arrays ``N``, ``D``, ``C``, ``loss``, ``groups``; it must not
        look at the later losses) and returns centres and quantiles of log loss at `isoflop._backtest.PROBABILITIES`.
    ratios : sequence of float
        Rows with C up to C_max over each of these are fitted, all others scored.
    progress : callable, optional
        Called with a line of text before each table.
    **variables : str
        Columns and roles, as in `Runs`, where frames are passed.

    Returns
    -------
    Backtest

    Raises
    ------
    DataError
        If a table has no loss, N or D, or no cut leaves enough rows.

    Notes
    -----
    Rows with a loss below 7 nats and C of at least 1e16 count. A cut needs 9 rows and 3 sizes below it. Groups are the
    declared ones or the run ids, else sizes; where over 60 % of the rows would be a group of their own, sizes are
    binned by 0.15 in ln N. Scores are of log loss: root mean squared error, coverage and width of the central
    intervals, interval score (width plus 40 times the miss), CRPS. They are means over the rows of a cut, then over
    the cuts of a family, then over families. A cut that a method cannot answer is listed under `failures`.

    Examples
    --------
    >>> import isoflop as iso
    >>> grid = {"N": [1e8 * 2**i for i in range(6)] * 6, "D": [2e9 * 3 ** (i // 6) for i in range(36)]}
    >>> runs = iso.simulate("chinchilla", grid, noise=0.003, rng=2)
    >>> result = iso.backtest(runs, methods=["recommended"], ratios=[10])
    >>> result.methods["recommended"]["rmse"] < 0.02
    True
    """
    chosen, wanted = methods_of(methods), check_ratios(ratios)
    out: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    for family, name, one in _tables(runs, variables):
        if progress is not None:
            progress(f"{name}: {len(one)} rows")
        table = table_of(one)
        found = cells(table, wanted)
        if not found:
            raise no_cells(name, len(table), wanted)
        place = {"family": family, "table": name}
        for cell in found:
            for label, method in chosen.items():
                scores, forecasts = _score(method, cell)
                out.append({"method": label, **place, **scores})
                rows += [{"method": label, **place, **forecasts}] if forecasts else []
    return Backtest(tuple(out), wanted, tuple(rows))


def _tables(runs: Any, variables: Mapping[str, str]) -> Iterator[tuple[str, str, Runs]]:
    """Yield (family, name, runs); a mapping of arrays is one table, one of tables is families."""
    if not _is_families(runs):
        yield "runs", "runs", as_runs(runs, **variables)
        return
    for family, given in runs.items():
        several = list(given) if isinstance(given, list | tuple) else [given]
        if not several:
            raise DataError(compose(f"family {family!r} has no table", "leave it out"))
        for i, one in enumerate(several):
            yield str(family), f"{family}[{i}]" if len(several) > 1 else str(family), as_runs(one, **variables)


def _is_families(runs: Any) -> bool:
    """Whether a mapping holds tables rather than columns."""
    if not isinstance(runs, Mapping) or not runs:
        return False
    first = next(iter(runs.values()))
    if isinstance(first, list | tuple):
        first = first[0] if first else None
    return isinstance(first, Runs | Mapping) or hasattr(first, "columns")


def _score(method: Method, cell: Cell) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return counts and scores of a cell, and the forecast of every row; none where there was no answer."""
    distance = float(np.mean(np.log10(cell.later.C / cell.fit.C.max())))
    counts: dict[str, Any] = {"ratio": cell.ratio, "distance": distance}
    counts |= {"n_fit": len(cell.fit), "n": len(cell.later), "failed": ""}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", IsoflopWarning)
            centre, quantiles = (np.asarray(found) for found in method(cell.fit, cell.later))
    except (DataError, FitError, LawError) as error:
        return {**counts, **dict.fromkeys(NAMES, float("nan")), "failed": str(error).partition("\n")[0]}, {}
    if quantiles.shape != (len(cell.later), len(PROBABILITIES)):
        expected = (len(cell.later), len(PROBABILITIES))
        raise DataError(f"a method gave quantiles of shape {quantiles.shape}, expected {expected}")
    scores = score_cell(score_rows(quantiles, centre, np.log(cell.later.loss)))
    return {**counts, **scores}, _rows(cell, centre, quantiles)


def _rows(cell: Cell, centre: Floats, quantiles: Floats) -> dict[str, Any]:
    later = cell.later
    ends = {"low": np.exp(quantiles[:, LOW_95]), "high": np.exp(quantiles[:, HIGH_95])}
    seen: dict[str, Any] = {"ratio": cell.ratio, "N": later.N, "D": later.D, "C": later.C, "loss": later.loss}
    return {**seen, "reach": later.C / cell.fit.C.max(), "forecast": np.exp(centre), **ends}
