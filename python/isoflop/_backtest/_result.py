"""`Backtest`: the scores of several methods, and how they are read and printed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._errors import DataError, compose, listed
from .._points import make_frame
from .._repr import html_table, number, percent, table
from ._scores import NAMES, by_family

_HEADERS = ("method", "rmse", "covers 95 %", "covers 90 %", "width 95 %", "interval score", "crps", "scored", "cells")
#: What a held-out row is of, and its numbers.
PLACE = ("method", "family", "table", "ratio")
NUMBERS = ("N", "D", "C", "reach", "loss", "forecast", "low", "high")


@dataclass(frozen=True, eq=False, repr=False)
class Backtest:
    """How methods would have forecast the later rows of the tables from the earlier ones.

    Attributes
    ----------
    cells : tuple of dict
        One per method, family, table and ratio: counts and scores, or the reason why there are none.
    ratios : tuple of float
    rows : tuple of dict
        One per cell that was answered: what it is of, and per row that was scored its N, D, C, the loss, its forecast
        and the ends of its 95 % interval; see `forecasts`.

    Examples
    --------
    >>> import isoflop as iso
    >>> grid = {"N": [1e8 * 2**i for i in range(6)] * 6, "D": [2e9 * 3 ** (i // 6) for i in range(36)]}
    >>> runs = iso.simulate("chinchilla", grid, noise=0.003, rng=2)
    >>> tested = iso.backtest(runs, methods=["recommended"], ratios=[10])
    >>> tested.methods["recommended"]["n"]
    7
    """

    cells: tuple[dict[str, Any], ...]
    ratios: tuple[float, ...]
    rows: tuple[dict[str, Any], ...] = ()

    @property
    def methods(self) -> dict[str, dict[str, Any]]:
        """Scores by method, families equally weighted, with those of each family under ``families``."""
        names = dict.fromkeys(cell["method"] for cell in self.cells)
        sound = [cell for cell in self.cells if not cell["failed"]]
        return {
            name: {
                **by_family([cell for cell in sound if cell["method"] == name]),
                "failed": sum(1 for cell in self.cells if cell["method"] == name and cell["failed"]),
            }
            for name in names
        }

    @property
    def failures(self) -> tuple[str, ...]:
        """Cells that a method could not answer, in words."""
        return tuple(
            f"{c['method']} on {c['table']} at 1/{c['ratio']:g}: {c['failed']}" for c in self.cells if c["failed"]
        )

    def to_frame(self) -> Any:
        """Return one row per method, table and ratio; `distance` is the mean log10 of C over the largest fitted C.

        Examples
        --------
        >>> Backtest((), (3.0,)).to_frame().shape[0]
        0
        """
        names = ("method", "family", "table", "ratio", "distance", "n_fit", "n", *NAMES, "failed")
        return make_frame({name: [cell.get(name) for cell in self.cells] for name in names}, "polars")

    def forecasts(self, method: str | None = None) -> Any:
        """Return what was forecast against what came, one row per held-out run, method and ratio.

        Parameters
        ----------
        method : str, optional
            One of the methods; all of them where None.

        Returns
        -------
        frame
            method, family, table, ratio, N, D, C, ``reach`` (C over the largest fitted C), loss, forecast, low, high
            (95 %, of a new run).

        Raises
        ------
        DataError
            If the method was not tested.

        Examples
        --------
        >>> Backtest((), (3.0,)).forecasts().columns[-4:]
        ['loss', 'forecast', 'low', 'high']
        """
        names = dict.fromkeys(cell["method"] for cell in self.cells)
        if method is not None and method not in names:
            raise DataError(compose(f"no method {method!r} was tested", f"choose one of {listed(names)}"))
        rows = [one for one in self.rows if method in (None, one["method"])]
        sizes = [len(one["loss"]) for one in rows]
        places = {k: [one[k] for one, n in zip(rows, sizes, strict=True) for _ in range(n)] for k in PLACE}
        numbers = {k: np.concatenate([np.empty(0), *(one[k] for one in rows)]) for k in NUMBERS}
        return make_frame({**places, **numbers}, "polars")

    def to_dict(self) -> dict[str, Any]:
        """Return the scores by method, in JSON's types."""
        return {"methods": self.methods, "ratios": list(self.ratios), "failures": list(self.failures)}

    def summary(self) -> str:
        """Return the scores as a table, the best root mean squared error first, and what failed."""
        parts = [table(_HEADERS, self._rows())]
        parts += [f"no answer: {text}" for text in self.failures]
        return "\n".join(parts)

    def _rows(self) -> list[list[str]]:
        scored = sorted(self.methods.items(), key=lambda item: item[1]["rmse"])
        return [
            [
                name,
                number(s["rmse"], 3),
                percent(s["coverage_95"]) if s["n"] else "–",
                percent(s["coverage_90"]) if s["n"] else "–",
                number(s["width_95"], 3),
                number(s["interval_score_95"], 3),
                number(s["crps"], 3),
                f"{s['n']:,}",
                str(sum(f["cells"] for f in s["families"].values())),
            ]
            for name, s in scored
        ]

    def __repr__(self) -> str:
        """Show the table of scores."""
        return table(_HEADERS, self._rows())

    def _repr_html_(self) -> str:
        return html_table(_HEADERS, self._rows())
