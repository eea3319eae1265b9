"""How an `Optimum` is printed: a list of facts for one budget, tables that fit a terminal for several."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .._errors import counted
from .._repr import bullets, count, facts, html_table, number, percent, table

if TYPE_CHECKING:
    from ._result import Optimum

#: Rows that are shown of many budgets.
MOST = 20
#: What each quantity is called, in a table and in a list.
SHORT = {"tokens_per_param": "D/N", "C": "training FLOP"}
LONG = {
    "N": "model size N",
    "D": "training tokens D",
    "tokens_per_param": "tokens per parameter",
    "loss": "loss",
    "C": "training FLOP",
    "cost": "smallest budget",
}
Cells = tuple[list[str], list[list[str]]]


def text_of(best: Optimum) -> str:
    """Return the whole answer: what it is, the numbers, the notes."""
    head = f"{best.law}: the best size and data for {'a loss' if best.unit == 'loss' else 'a budget'}"
    body = [facts(_facts(best))] if _is_one(best) else [table(*cells) for cells in (_optima(best), _ranges(best))]
    body += _rest(best)
    return "\n\n".join(part for part in (head.removeprefix(": "), *body, bullets(best.notes)) if part)


def short(best: Optimum) -> str:
    """Return one line for one budget, a row per budget for several."""
    if not _is_one(best):
        return "\n".join([table(*_optima(best)), *_rest(best)])
    ratio = shown("tokens_per_param", best.tokens_per_param)
    what = f"{shown('N', best.N)} parameters on {shown('D', best.D)} tokens ({ratio} each)"
    spent = f"for {_budget(best.cost, best.cost_unit)}"
    return f"<Optimum: {what}, loss {shown('loss', best.loss)}, {spent}>"


def html_of(best: Optimum) -> str:
    """Return the same for notebooks."""
    caption = "; ".join([*_rest(best), *best.notes])
    if _is_one(best):
        return html_table(["", ""], [list(pair) for pair in _facts(best) if pair[1]], caption)
    (first, rows), (second, more) = _optima(best), _ranges(best)
    return html_table(first + second[1:], [a + b[1:] for a, b in zip(rows, more, strict=True)], caption)


def rest(n: int, what: str) -> list[str]:
    """Say how many of so many rows are not shown.

    Examples
    --------
    >>> rest(22, "budget"), rest(20, "budget")
    (['and 2 more budgets, see to_frame()'], [])
    """
    return [f"and {counted(n - MOST, f'more {what}')}, see to_frame()"] if n > MOST else []


def _rest(best: Optimum) -> list[str]:
    return rest(np.size(best.N), "budget")


def _is_one(best: Optimum) -> bool:
    return np.ndim(best.N) == 0


def _names(best: Optimum) -> list[str]:
    """Return the quantities of an answer: the loss where a budget was given, the budget where a loss was."""
    return ["N", "D", "tokens_per_param", "cost" if best.unit == "loss" else "loss"]


def _facts(best: Optimum) -> Iterator[tuple[str, str]]:
    yield (
        ("target", f"loss {number(best.budget, 5)}")
        if best.unit == "loss"
        else (
            "budget",
            _budget(best.budget, best.unit),
        )
    )
    flops = ["C"] if best.cost_unit != "FLOP" or best.cost > best.C * (1 + 1e-9) else []
    for name in [*_names(best), *best.over, *flops]:
        value = best.over[name] if name in best.over else getattr(best, name)
        unit = {"N": " parameters", "cost": f" {best.cost_unit}"}.get(name, "")
        yield LONG.get(name, name), f"{shown(name, value)}{unit}{_span(best, name)}"
    for share, (low, high) in best.near.items():
        yield f"N within {percent(share)} more budget", ends(low, high, "N")
    if best.draws is not None:
        yield "intervals", f"{percent(best.level)}, over {best.draws['N'].shape[1]:,} draws"


def _span(best: Optimum, name: str) -> str:
    low, high = best.ends[name]
    return f"  ({ends(low, high, name)})" if low < high else ""


def _optima(best: Optimum) -> Cells:
    """Return a row per budget: the optimum, with intervals where they have a width."""
    headers, columns = [_head(best)], [_budgets(best)]
    for name in _names(best):
        low, high = best.ends[name]
        headers.append(best.cost_unit if name == "cost" else SHORT.get(name, name))
        columns.append([shown(name, x) for x in getattr(best, name)[:MOST]])
        if (low < high).any():
            headers.append(percent(best.level))
            columns.append(_pairs(low, high, name))
    return headers, [list(row) for row in zip(*columns, strict=True)]


def _ranges(best: Optimum) -> Cells:
    """Return a row per budget: training FLOP, further free variables, near-optimal sizes."""
    headers, columns = [_head(best)], [_budgets(best)]
    if best.cost_unit != "FLOP":
        headers.append(SHORT["C"])
        columns.append([shown("C", x) for x in best.C[:MOST]])
    for name, values in best.over.items():
        headers.append(name)
        columns.append([shown(name, x) for x in values[:MOST]])
    for share, (low, high) in best.near.items():
        headers.append(f"N within {percent(share)} more budget")
        columns.append(_pairs(low, high, "N"))
    return headers, [list(row) for row in zip(*columns, strict=True)]


def _head(best: Optimum) -> str:
    return "target" if best.unit == "loss" else best.unit


def _budgets(best: Optimum) -> list[str]:
    return [shown("loss" if best.unit == "loss" else "cost", x) for x in best.budget[:MOST]]


def _pairs(low: Any, high: Any, name: str) -> list[str]:
    return [ends(a, b, name) for a, b in zip(low[:MOST], high[:MOST], strict=True)]


def _budget(value: float, unit: str) -> str:
    return f"{shown('cost', value)} {unit}"


def ends(low: float, high: float, name: str) -> str:
    """Return a range of a quantity; a dash where it has no ends."""
    known = np.isfinite(low) or np.isfinite(high)
    return f"{shown(name, low)} to {shown(name, high)}" if known else "–"


def shown(name: str, value: float) -> str:
    """Return a quantity to the digits it is printed with.

    Examples
    --------
    >>> shown("N", 72248702500.0), shown("N", 3.2e20), shown("loss", 1.974441), shown("cost", 1234567.0)
    ('72.2B', '3.2e+20', '1.9744', '1,235,000')
    """
    if name == "cost" and 1e4 <= value < 1e12:
        return f"{float(f'{value:.4g}'):,.0f}"
    if name in ("N", "D") and 1e6 <= value < 1e16:
        return count(value)
    return number(value, {"loss": 5, "cost": 4}.get(name, 3))
