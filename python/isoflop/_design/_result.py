"""`RunPlan`: which runs to make, what they should tell, and how both are read and printed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .._points import make_frame
from .._repr import bullets, facts, html_table, number, percent, table
from ._worth import OPEN, Expected

_RUN_HEADERS = ("run", "N", "D", "tokens per param", "C")


@dataclass(frozen=True, eq=False, repr=False)
class RunPlan:
    """Runs to make next, and the forecast at the target before and after them.

    Attributes
    ----------
    columns : dict of str to ndarray
        The runs: `N`, `D`, `C` (FLOP), `cost`, `seed`, and `slot` where slots were given.
    designs : tuple of Expected
        What is known now, what these runs should lead to, and what usual designs of the same cost would.
    target_C : float
        Training compute of the run that is to be forecast, FLOP.
    budget : float
        What all runs may cost; NaN where a given design was evaluated.
    unit : str
        Of costs.
    level : float
        Of the bands.
    sigma : float
        Standard deviation of ln loss of one run.
    made : dict of str to ndarray
        `N` and `D` of the runs already made.
    makespan : float
        What the busiest slot costs; all runs one after the other where no slots were given.
    law : str
        The law that the runs are to tell.
    notes : tuple of str
    backend : str
        Kind of frame.

    Examples
    --------
    >>> import isoflop as iso
    >>> known = iso.laws.get("chinchilla").published["epoch2024"]
    >>> plan = iso.plan_runs(known, sigma=0.005, budget=1e22, target_C=1e24, k=12)
    >>> len(plan.runs), plan.expected["design"].to_list()
    (12, ['now', 'optimised', 'isoFLOP', 'ladder'])
    """

    columns: dict[str, Any]
    designs: tuple[Expected, ...]
    target_C: float
    budget: float
    unit: str
    level: float
    sigma: float
    made: dict[str, Any]
    makespan: float
    law: str
    notes: tuple[str, ...]
    backend: str = "polars"

    @property
    def runs(self) -> Any:
        """The runs as a frame; a repeated point is another seed."""
        return make_frame(self.columns, self.backend)

    @property
    def expected(self) -> Any:
        """One row per design: its cost, errors and bands of the loss and of N_opt at the target, as a frame."""
        rows = [asdict(one) for one in self.designs]
        return make_frame({name: [row[name] for row in rows] for name in rows[0]}, self.backend)

    @property
    def before(self) -> Expected:
        """What is known now."""
        return self.designs[0]

    @property
    def after(self) -> Expected:
        """What should be known once the runs are made."""
        return self.designs[1]

    @property
    def cost(self) -> float:
        """What the runs cost."""
        return float(np.sum(self.columns["cost"]))

    def to_frame(self) -> Any:
        """Return the runs as a frame.

        Examples
        --------
        >>> import isoflop as iso
        >>> known = iso.laws.get("chinchilla").published["epoch2024"]
        >>> plan = iso.plan_runs(known, sigma=0.005, budget=1e21, target_C=1e23, k=6)
        >>> plan.to_frame().columns
        ['N', 'D', 'C', 'cost', 'seed']
        """
        return self.runs

    def to_dict(self) -> dict[str, Any]:
        """Return the plan in JSON's types, numbers that JSON lacks as None."""
        names = ("target_C", "budget", "unit", "cost", "makespan", "level", "sigma", "law", "notes")
        plain = {
            **{name: getattr(self, name) for name in names},
            "runs": _rows(self.columns),
            "expected": [asdict(one) for one in self.designs],
            "before": asdict(self.before),
            "after": asdict(self.after),
        }
        return {name: _plain(value) for name, value in plain.items()}

    def summary(self) -> str:
        """Return the plan as text: the runs, the bands before and after, usual designs of the same cost, the notes."""
        parts = [facts(self._facts()), table(*self._run_cells()), table(*self._cells())]
        parts.append(bullets(self.notes))
        return "\n\n".join(part for part in parts if part)

    def _facts(self) -> list[tuple[str, str]]:
        of = f" of {number(self.budget, 4)}" if np.isfinite(self.budget) else ""
        slots = len(set(self.columns["slot"].tolist())) if "slot" in self.columns else 0
        return [
            ("target", f"{number(self.target_C, 4)} FLOP"),
            ("runs", f"{len(self.columns['N'])} for {number(self.cost, 4)}{of} {self.unit}"),
            ("slots", f"{slots}, the busiest {number(self.makespan, 4)} {self.unit}" if slots else ""),
            ("law", self.law),
            ("noise", f"{number(self.sigma, 3)} (sd of ln loss of one run)"),
        ]

    def _run_cells(self) -> tuple[list[str], list[list[str]]]:
        seeded = any(self.columns["seed"])
        own = self.unit != "FLOP"
        headers = [*_RUN_HEADERS, *([self.unit] if own else []), *(["seed"] if seeded else [])]
        headers += ["slot"] if "slot" in self.columns else []
        rows = []
        for i, row in enumerate(_rows(self.columns)):
            cells = [f"{row['N']:.3g}", f"{row['D']:.3g}", number(row["D"] / row["N"], 3), f"{row['C']:.3g}"]
            cells += [number(row["cost"], 3)] if own else []
            cells += [str(row["seed"])] if seeded else []
            rows.append([str(i + 1), *cells, *([str(row["slot"])] if "slot" in row else [])])
        return headers, rows

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        level = percent(self.level)
        headers = ["design", self.unit, "error ln loss", f"mean loss {level}", "error ln N_opt", f"N_opt {level}"]
        rows = [
            [
                one.design,
                number(one.cost, 3),
                _error(one.loss_error, 4),
                _band(one.loss_error, f"{one.loss_low:.4f} to {one.loss_high:.4f}"),
                _error(one.N_opt_error, 3),
                _band(one.N_opt_error, f"{one.N_opt_low:.3g} to {one.N_opt_high:.3g}"),
            ]
            for one in self.designs
        ]
        return headers, rows

    def __repr__(self) -> str:
        """Show the runs, and both bands."""
        return f"{table(*self._run_cells())}\n\n{table(*self._cells())}"

    def _repr_html_(self) -> str:
        return html_table(*self._run_cells()) + html_table(*self._cells())


def _error(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if value < OPEN else "open"


def _band(error: float, text: str) -> str:
    return text if error < OPEN else "–"


def _rows(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = list(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*(columns[n].tolist() for n in names), strict=True)]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
