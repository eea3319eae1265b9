"""Hypothesis strategies for run tables, and the kinds of frame that a table can come in."""

from __future__ import annotations

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
