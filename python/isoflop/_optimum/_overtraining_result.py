"""`Overtraining`: what sizes other than the best one cost, and how it is read and printed."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from .. import _store
from .._engine import Floats
from .._errors import DataError, compose
from .._points import make_frame
from .._repr import bullets, html_table, number, percent, table

#: What has an interval.
QUANTITIES = ("loss", "D", "cost", "extra_compute", "break_even_tokens")


@dataclass(frozen=True, eq=False, repr=False)
class Overtraining:
    """What it takes to train a given size to a loss, against the best size for that loss.

    Numbers are floats for one size and arrays for several.

    Attributes
    ----------
    N, D, tokens_per_param : float or ndarray
        The size, the tokens that it needs, and their ratio.
    loss : float or ndarray
        What it reaches.
    cost : float or ndarray
        Of training it, in `cost_unit`.
    N_opt, D_opt, cost_opt : float or ndarray
        The cheapest model of the same loss.
    extra_compute : float or ndarray
        cost / cost_opt: 1 at the best size.
    break_even_tokens : float or ndarray
        Served tokens from which the smaller model is cheaper in all, training and inference together; NaN for models
        larger than the best one, 0 at it.
    ends : dict of str to (low, high)
        Intervals at `level` of loss, D, cost, extra_compute and break_even_tokens; those of all but the loss are at the
        estimate of the loss.

    Examples
    --------
    >>> import isoflop as iso
    >>> small = iso.overtraining(iso.laws.get("chinchilla").published["epoch2024"], N=8e9, loss=2.1)
    >>> round(small.extra_compute, 2), f"{small.break_even_tokens:.2g}"
    (1.12, '2.4e+11')
    """

    N: Any
    D: Any
    tokens_per_param: Any
    loss: Any
    cost: Any
    N_opt: Any
    D_opt: Any
    cost_opt: Any
    extra_compute: Any
    break_even_tokens: Any
    cost_unit: str
    level: float
    ends: dict[str, tuple[Any, Any]]
    notes: tuple[str, ...] = ()
    law: str = ""
    backend: str = "polars"

    def interval(self, name: str) -> tuple[Any, Any]:
        """Return (low, high) of a quantity at `level`."""
        if name not in self.ends:
            raise DataError(compose(f"there is no interval of {name!r}", f"there are those of {', '.join(QUANTITIES)}"))
        return self.ends[name]

    def _columns(self) -> dict[str, Floats]:
        names = [f.name for f in fields(self)[:10]]
        columns = {name: getattr(self, name) for name in names}
        for name, (low, high) in self.ends.items():
            columns |= {f"{name}_low": low, f"{name}_high": high}
        return {name: np.atleast_1d(np.asarray(x, dtype=np.float64)) for name, x in columns.items()}

    def to_frame(self) -> Any:
        """Return one row per size."""
        return make_frame(self._columns(), self.backend)

    def to_dict(self) -> dict[str, Any]:
        """Return everything in JSON's types."""
        names = [f.name for f in fields(self) if f.name not in ("backend", "ends")]
        content = {name: getattr(self, name) for name in names}
        saved: dict[str, Any] = _store.finite({**content, "ends": {k: list(v) for k, v in self.ends.items()}})
        return saved

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        columns = self._columns()
        headers = ["N", "D/N", "loss", self.cost_unit, "extra compute", percent(self.level), "pays from", "best N"]
        rows = []
        for i in range(min(len(columns["N"]), 20)):
            ends = (columns[f"extra_compute_{side}"][i] for side in ("low", "high"))
            shown = [number(x, 3) for x in ends if np.isfinite(x)]
            rows.append(
                [
                    number(columns["N"][i], 4),
                    number(columns["tokens_per_param"][i], 4),
                    number(columns["loss"][i], 5),
                    number(columns["cost"][i], 4),
                    f"{number(columns['extra_compute'][i], 4)} x",
                    " to ".join(shown) or "–",
                    number(columns["break_even_tokens"][i], 3),
                    number(columns["N_opt"][i], 4),
                ]
            )
        return headers, rows

    def summary(self) -> str:
        """Return a row per size as text, and the notes."""
        head = f"{self.law}: other sizes than the best one; they pay from so many served tokens"
        notes = bullets(self.notes)
        return "\n\n".join(x for x in (head, table(*self._cells()), notes) if x)

    def __repr__(self) -> str:
        """Show a row per size, at most twenty."""
        return table(*self._cells())

    def _repr_html_(self) -> str:
        return html_table(*self._cells(), "; ".join(self.notes))
