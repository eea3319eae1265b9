"""Hypothesis strategies for run tables and formulas, and the kinds of frame that a table can come in."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

FAMILIES = ("dense", "moe", "rnn é")


def counts(low: float = 1e6, high: float = 1e13) -> st.SearchStrategy[float]:
    """Positive counts, spread evenly over their logarithm."""
    return st.floats(np.log(low), np.log(high)).map(lambda x: float(np.round(np.exp(x))))


def losses() -> st.SearchStrategy[float]:
    """Losses in nats per token."""
    return st.floats(0.5, 12.0)


@st.composite
def run_tables(draw: Any, min_rows: int = 1, max_rows: int = 30) -> dict[str, np.ndarray]:
    """Tables of runs as a dict of arrays: params, tokens, val_loss, run_id, family, epoch."""
    n = draw(st.integers(min_rows, max_rows))

    def column(values: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(values, min_size=n, max_size=n))

    return {
        "params": np.array(column(counts(1e6, 1e12))),
        "tokens": np.array(column(counts(1e6, 1e14))),
        "val_loss": np.array(column(losses())),
        "run_id": np.array(column(st.integers(0, 5))),
        "family": np.array(column(st.sampled_from(FAMILIES)), dtype=object),
        "epoch": np.array(column(st.integers(-3, 3))),
    }


def _pandas(table: dict[str, np.ndarray], **keywords: Any) -> pd.DataFrame:
    frame = pd.DataFrame({name: values.tolist() for name, values in table.items()})
    return frame.convert_dtypes(**keywords) if keywords else frame


def _polars(table: dict[str, np.ndarray]) -> pl.DataFrame:
    return pl.DataFrame({name: values.tolist() for name, values in table.items()})


#: Every kind of frame that a table can come in, as a function that makes one from a dict of arrays.
BACKENDS: dict[str, Callable[[dict[str, np.ndarray]], Any]] = {
    "dict": dict,
    "polars": _polars,
    "polars-lazy": lambda table: _polars(table).lazy(),
    "pandas": _pandas,
    "pandas-nullable": lambda table: _pandas(table, dtype_backend="numpy_nullable"),
    "pandas-arrow": lambda table: _pandas(table, dtype_backend="pyarrow"),
    "pyarrow": lambda table: pa.table({name: values.tolist() for name, values in table.items()}),
}


# -- formulas: trees printed with no more brackets than Python needs, so that precedence is tried too

#: How tightly an operator binds, as in Python.
_SUM, _PRODUCT, _UNARY, _POWER, _ATOM = range(5)
#: Parameters by domain, and the variables, of random formulas.
POSITIVE, REAL, UNIT, VARIABLES = ("a", "b"), ("r",), ("u",), ("X", "Y")


def _wrap(part: tuple[str, int], level: int) -> str:
    text, own = part
    return text if own >= level else f"({text})"


def _binary(op: str, left: tuple[str, int], right: tuple[str, int]) -> tuple[str, int]:
    """Join two parts; only what Python would read otherwise gets brackets."""
    if op == "**":
        return f"{_wrap(left, _ATOM)}**{_wrap(right, _UNARY)}", _POWER
    level = _SUM if op in "+-" else _PRODUCT
    strict = level + (op in "-/")
    return f"{_wrap(left, level)} {op} {_wrap(right, strict)}", level


def _call(name: str, *parts: tuple[str, int]) -> tuple[str, int]:
    return f"{name}({', '.join(text for text, _ in parts)})", _ATOM


def _numbers() -> st.SearchStrategy[tuple[str, int]]:
    return st.sampled_from(["0.5", "1", "2", "3", "1.7", ".25", "1e-1", "2.5E+0", "pi", "1_0"]).map(
        lambda x: (x, _ATOM)
    )


def _names(names: tuple[str, ...]) -> st.SearchStrategy[tuple[str, int]]:
    return st.sampled_from(names).map(lambda x: (x, _ATOM))


@st.composite
def _positive(draw: Any, depth: int) -> tuple[str, int]:
    """A part that is above 0 for every value of its names."""
    if depth <= 0 or draw(st.integers(0, 5)) == 0:
        return draw(st.one_of(_names(POSITIVE + UNIT), _names(VARIABLES), _numbers()))
    kind = draw(st.sampled_from(["+", "*", "/", "**", "exp", "two", "one", "bounded"]))
    inner, other = _positive(depth - 1), _anything(depth - 1)
    if kind in "+*/":
        return _binary(kind, draw(inner), draw(inner))
    if kind == "**":
        exponent = st.one_of(
            _names(POSITIVE + UNIT + REAL), _numbers(), _names(POSITIVE).map(lambda p: (f"-{p[0]}", _UNARY))
        )
        return _binary("**", draw(inner), draw(exponent))
    if kind == "exp":
        return _call("exp", _call("sin", draw(other)))
    if kind == "two":
        return _call(draw(st.sampled_from(["min", "max"])), draw(inner), draw(inner))
    if kind == "one":
        return _call(draw(st.sampled_from(["sqrt", "log1p"])), draw(inner))
    return _call(draw(st.sampled_from(["logistic", "softplus"])), _call("atan", draw(other)))


@st.composite
def _anything(draw: Any, depth: int) -> tuple[str, int]:
    """A part of any sign."""
    if depth <= 0 or draw(st.integers(0, 4)) == 0:
        return draw(st.one_of(_names(REAL), _names(VARIABLES), _positive(0)))
    inner, positive = _anything(depth - 1), _positive(depth - 1)
    kind = draw(st.sampled_from(["+", "-", "*", "/", "neg", "power", "of positive", "of any", "two", "positive"]))
    if kind in "+-*":
        return _binary(kind, draw(inner), draw(inner))
    if kind == "/":
        return _binary("/", draw(inner), draw(positive))
    if kind == "neg":
        return f"-{_wrap(draw(inner), _UNARY)}", _UNARY
    if kind == "power":
        return _binary("**", draw(inner), (draw(st.sampled_from(["2", "3"])), _ATOM))
    if kind == "of positive":
        return _call(draw(st.sampled_from(["log", "log10"])), draw(positive))
    if kind == "of any":
        names = ["sin", "cos", "atan", "logistic", "softplus", "abs", "expm1"]
        name = draw(st.sampled_from(names))
        return _call(name, _call("sin", draw(inner)) if name == "expm1" else draw(inner))
    if kind == "two":
        return _call(draw(st.sampled_from(["min", "max", "logsumexp"])), *draw(st.lists(inner, min_size=2, max_size=3)))
    return draw(positive)


def formulas(positive: bool = False, depth: int = 4) -> st.SearchStrategy[str]:
    """Formulas over X, Y (variables above 0), a, b (positive), r (real) and u (between 0 and 1).

    With `positive` those whose value is above 0 everywhere, fit for residuals on the log scale.
    """
    part = _positive(depth) if positive else _anything(depth)
    return part.map(lambda p: p[0]).filter(lambda text: any(v in text for v in VARIABLES))


def python_functions() -> dict[str, Any]:
    """Return the functions of the formula language as numpy has them: an oracle that shares nothing with the core."""

    def pairwise(f: Any) -> Any:
        return lambda *parts: reduce(f, parts)

    return {
        "exp": np.exp, "log": np.log, "log10": np.log10, "log1p": np.log1p, "expm1": np.expm1, "sqrt": np.sqrt,
        "abs": np.abs, "min": pairwise(np.minimum), "max": pairwise(np.maximum), "sin": np.sin, "cos": np.cos,
        "atan": np.arctan, "logistic": lambda x: 1 / (1 + np.exp(-x)), "softplus": lambda x: np.logaddexp(0, x),
        "logsumexp": pairwise(np.logaddexp), "pi": np.longdouble("3.14159265358979323846"),
    }  # fmt: skip
