"""Predicts every row of a table of measured steps from its configuration, and says how far off the model is."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._calibrate import job_of, resolve
from ._cost import GIB, spread
from ._errors import DataError
from ._estimate import COLUMNS, MEMORY_PARTS, Calibration, evaluate, pair, shipped
from ._measured import NEEDED, Measured, NotExpressedError, read_row

RESERVE = COLUMNS.index("reserve")
PARTS = slice(COLUMNS.index(MEMORY_PARTS[0]), RESERVE + 1)


@dataclass(frozen=True)
class Validation:
    """Measured rows and what was predicted for them, in order.

    Attributes
    ----------
    rows : tuple
        The rows that could be expressed.
    step_time_s, memory_gib : array
        Predictions.
    low, high : array
        80 % interval of the step time.
    not_expressed : dict
        Reasons, and how many rows fell out for each.
    """

    rows: tuple[Measured, ...]
    step_time_s: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    memory_gib: NDArray[np.float64]
    not_expressed: Mapping[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Return the figures of the whole table and of each source."""
        sources: dict[str, list[int]] = defaultdict(list)
        for i, row in enumerate(self.rows):
            sources[row.source].append(i)
        return {
            **self._figures(range(len(self.rows))),
            "sources": {source: self._figures(index) for source, index in sources.items()},
            "not_expressed": dict(self.not_expressed),
        }

    def _figures(self, index: Iterable[int]) -> dict[str, Any]:
        chosen = list(index)
        timed = [i for i in chosen if self.rows[i].step_time_s]
        weighed = [i for i in chosen if self.rows[i].memory_gib]
        measured = np.array([self.rows[i].step_time_s for i in timed], dtype=float)
        inside = (self.low[timed] <= measured) & (measured <= self.high[timed])
        memory = np.array([self.rows[i].memory_gib for i in weighed], dtype=float)
        step = _errors(self.step_time_s[timed], measured)
        step["coverage_80"] = float(inside.mean()) if timed else None
        return {"step_time": step, "memory": _errors(self.memory_gib[weighed], memory)}


def _errors(predicted: NDArray[np.float64], measured: NDArray[np.float64]) -> dict[str, Any]:
    if not len(measured):
        return {"n": 0, "mape": None, "median_ape": None}
    error = 100 * np.abs(predicted / measured - 1)
    return {"n": len(measured), "mape": float(error.mean()), "median_ape": float(np.median(error))}


def validate_cost(path: str | PathLike[str], *, calibration: Calibration | None = None) -> Validation:
    """Predict every row of a table of measured steps from its configuration alone.

    Parameters
    ----------
    path : path
        CSV with the columns of the measured tables.
    calibration : Calibration, optional
        Constants; those of the package where left out.

    Returns
    -------
    Validation

    Raises
    ------
    DataError
        A column that every configuration needs is missing, or no row can be expressed.

    Examples
    --------
    >>> import csv, tempfile
    >>> import isoflop as iso
    >>> row = {"n_layers": 32, "d_model": 4096, "n_heads": 32, "n_kv_heads": 8, "d_ff": 14336, "vocab": 128256,
    ...        "seq_len": 8192, "accelerator": "H100-SXM", "n_devices": 8, "tp": 1, "pp": 1, "zero_stage": 3,
    ...        "micro_batch": 1, "global_batch": 64, "precision": "bf16", "recompute": "none", "step_time_s": 7.0}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with open(f"{folder}/steps.csv", "w", newline="") as file:
    ...         writer = csv.DictWriter(file, row)
    ...         _ = writer.writeheader()
    ...         _ = writer.writerow(row)
    ...     checked = iso.validate_cost(f"{folder}/steps.csv")
    >>> len(checked.rows)
    1
    """
    with Path(path).open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
        if missing:
            raise DataError(f"{str(path)!r} has no column {missing[0]!r}, expected {', '.join(NEEDED)}")
        return predict_rows(list(reader), calibration or shipped())


def predict_rows(table: Sequence[Mapping[str, str]], calibration: Calibration) -> Validation:
    """Predict rows that are already read."""
    rows, reasons = [], Counter[str]()
    for row in table:
        try:
            read = resolve(read_row(row), calibration)
        except NotExpressedError as error:
            reasons[str(error)] += 1
            continue
        rows.append(read)
    if not rows:
        raise DataError("no row can be expressed: " + ", ".join(reasons))
    lines = evaluate([pair(job_of(row), row.layout, calibration) for row in rows], calibration)
    keep = lines[:, 0] > 0
    reasons["the layout does not divide the job"] += int((~keep).sum())
    rows, lines = [row for row, k in zip(rows, keep, strict=True) if k], lines[keep]
    ends = np.array([spread(row.model, calibration, 0.8) for row in rows])
    step = lines[:, 0] * calibration.scale
    return Validation(
        rows=tuple(rows),
        step_time_s=step,
        low=step * np.exp(ends[:, 0]),
        high=step * np.exp(ends[:, 1]),
        memory_gib=np.array([_memory(row, line) for row, line in zip(rows, lines, strict=True)]),
        not_expressed={reason: n for reason, n in reasons.items() if n},
    )


def _memory(row: Measured, line: NDArray[np.float64]) -> float:
    """Return what a tool of this kind shows: allocated, reserved by the allocator, or all of the device."""
    total, reserve = float(line[PARTS].sum()), float(line[RESERVE])
    allocated = total - reserve
    if "allocated" in row.memory_kind:
        return allocated / GIB
    return (1.05 * allocated if "reserved" in row.memory_kind else total) / GIB
