"""`calibrate`: move the step-time model to a user's own machines with two or three measured steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from . import _calibrate
from ._errors import DataError, compose
from ._estimate import Calibration, shipped
from ._measured import Measured, NotExpressedError, read_row

#: What a few steps may move, and by how much: first the overall pace, then what differs most between machine rooms.
SPREADS = {"scale": 0.25, "network": 0.4, "link": 0.3, "launch_s": 0.3, "dp_exposed": 0.4, "tp_exposed": 0.4}


def calibrate(rows: Sequence[Mapping[str, Any]], *, start: Calibration | None = None) -> Calibration:
    """Refit the constants to measured steps of your own.

    Parameters
    ----------
    rows : sequence of dict
        Measured steps with the columns of `isoflop validate-cost` (n_layers, d_model, n_heads, ..., accelerator,
        n_devices, tp, pp, global_batch, micro_batch, precision, recompute, step_time_s). Two or three are enough.
    start : Calibration, optional
        Where to start; the package's where left out.

    Returns
    -------
    Calibration
        For `training_cost(..., calibration=...)`. Constants stay near the start's as far as the rows allow.

    Raises
    ------
    DataError
        A row has no step time, or its configuration is not complete.

    Examples
    --------
    >>> import isoflop as iso
    >>> row = {"n_layers": 32, "d_model": 4096, "n_heads": 32, "n_kv_heads": 8, "d_ff": 14336, "vocab": 128256,
    ...        "seq_len": 8192, "accelerator": "H100-SXM", "n_devices": 8, "tp": 1, "pp": 1, "zero_stage": 3,
    ...        "micro_batch": 1, "global_batch": 64, "precision": "bf16", "recompute": "none", "step_time_s": 7.0}
    >>> round(iso.calibrate([row]).scale, 1) > 0
    True
    """
    read = [_row(i, row) for i, row in enumerate(rows)]
    if not read:
        raise DataError("rows is empty, expected at least one measured step")
    begin = start or shipped()
    moved = _calibrate.fit(read, begin, SPREADS, np.ones(len(read)))
    return replace(moved, spread=_narrowed(read, moved))


def _row(i: int, row: Mapping[str, Any]) -> Measured:
    text = {name: "" if value is None else str(value) for name, value in row.items()}
    try:
        read = read_row(text)
    except NotExpressedError as error:
        raise DataError(compose(f"row {i}: {error}", "a configuration must be complete to be refitted")) from None
    if not read.step_time_s or read.step_time_s <= 0:
        raise DataError(f"row {i}: step_time_s is {row.get('step_time_s')!r}, expected a positive number")
    return read


def _narrowed(rows: Sequence[Measured], calibration: Calibration) -> Mapping[str, Mapping[str, float]]:
    """Return the spread for jobs on these machines: never wider than the package's, never below what the rows leave."""
    left = float(np.max(np.abs(_calibrate.log_ratio(_calibrate.cases(rows, calibration), calibration))))
    share = max(0.5, 1 / np.sqrt(1 + len(rows)))
    return {
        kind: {p: float(np.sign(x) * max(share * abs(x), min(left, abs(x)))) for p, x in quantiles.items()}
        for kind, quantiles in calibration.spread.items()
    }
