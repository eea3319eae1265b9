"""Fits the constants of the step-time model to measured steps: one damped Gauss-Newton with priors for all uses.

`benches/python/calibrate.py` runs it over a table of published steps and writes `data/calibration.json`;
`iso.calibrate` runs it over a user's own few. Residuals are log(predicted / measured), capped by Huber's rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _engine
from ._cluster import PEAKS
from ._estimate import Calibration, Job, candidates, choose, evaluate, pair
from ._measured import Measured

Floats = NDArray[np.float64]
#: Constants that are shares: fitted on the logit scale, the others on the log scale.
SHARES = {"memory", "recompute", "link", "network", "tp_exposed", "dp_exposed", "pp_exposed", "ep_exposed", "imbalance"}
#: What the constants are before any step is measured: value and standard deviation on the scale of the fit.
PRIOR = {
    "gemm_half_rows": (200.0, 1.0),
    "gemm_half_sides": (300.0, 1.0),
    "square_passes": (6.0, 0.7),
    "unaligned": (4.0, 0.5),  # what tensor cores add to 16-bit units: 312 against 78 TFLOP/s on an A100
    "pointwise_passes": (12.0, 0.7),
    "unfused_passes": (20.0, 0.7),
    "cast_passes": (4.0, 0.7),
    "expert_passes": (8.0, 0.7),
    "memory": (0.8, 0.5),
    "recompute": (0.8, 0.5),
    "launch_s": (5e-6, 0.5),
    "link": (0.75, 0.7),
    "network": (0.7, 0.7),
    "link_latency_s": (1e-5, 0.7),
    "network_latency_s": (2e-5, 0.7),
    "tp_exposed": (0.8, 0.8),
    "dp_exposed": (0.3, 0.8),
    "pp_exposed": (0.5, 0.8),
    "ep_exposed": (0.5, 0.8),
    "micro_batch_s": (1e-3, 1.0),
    "step_s": (5e-3, 1.0),
    "imbalance": (0.5, 1.0),
}
#: Shares of the peak of large products: the best that anybody measured where there is such a figure.
MATMUL_PRIOR = {
    "V100/16": 0.75,
    "A100/16": 0.87,
    "Hopper/16": 0.80,
    "Blackwell/16": 0.76,
    "default/16": 0.70,
    "default/attention": 0.35,
    "default/8": 0.60,
    "default/4": 0.45,
}
MATMUL_SD = 0.3
#: Spread of a residual that the model is expected to leave, and where a larger one starts to count linearly: soon, as
#: the figure of merit is a mean absolute error and published steps have outliers that no configuration explains.
NOISE, DELTA = 0.08, 0.05


@dataclass(frozen=True)
class Cases:
    """Measured steps as pairs for the core."""

    pairs: list[dict[str, Any]]
    bits: list[str]
    seconds: Floats
    weights: Floats


def prior(keys: Sequence[str]) -> Calibration:
    """Return the calibration before any step is measured, for these families and bits."""
    shares = {key: MATMUL_PRIOR.get(key, MATMUL_PRIOR[f"default/{key.rpartition('/')[2]}"]) for key in keys}
    defaults = {key: value for key, value in MATMUL_PRIOR.items() if key.startswith("default")}
    return Calibration({name: value for name, (value, _) in PRIOR.items()}, shares | defaults)


def job_of(row: Measured) -> Job:
    """Return the job of a measured row."""
    return Job(row.model, row.cluster, row.seq_len, row.batch, row.precision, row.states)


def resolve(row: Measured, calibration: Calibration) -> Measured:
    """Fill in what a configuration leaves open: the fastest that fits."""
    if not row.open:
        return row
    options = candidates(job_of(row), row.layout, row.open)
    lines = evaluate([pair(job_of(row), layout, calibration) for layout in options], calibration)
    return replace(row, layout=options[choose(lines)], open=())


def key_of(row: Measured) -> str:
    """Return family and bits of a row, the key of its share of the peak."""
    return f"{row.cluster.device.family}/{min(PEAKS[row.precision][1], 16)}"


def cases(rows: Sequence[Measured], calibration: Calibration, weights: Floats | None = None) -> Cases:
    """Return measured rows as cases."""
    full = [resolve(row, calibration) for row in rows]
    return Cases(
        pairs=[pair(job_of(row), row.layout, calibration) for row in full],
        bits=[key_of(row) for row in full],
        seconds=np.array([row.step_time_s or np.nan for row in rows]),
        weights=np.ones(len(rows)) if weights is None else weights,
    )


def fit(rows: Sequence[Measured], start: Calibration, spreads: dict[str, float], weights: Floats) -> Calibration:
    """Return the calibration that fits the rows, held by a prior around `start`.

    `spreads` holds the prior's standard deviation for each name that may move: constants, and keys of `matmul`.
    """
    names = list(spreads)
    centre = np.array([_inward(name, _value(start, name)) for name in names])
    sd = np.array([spreads[name] for name in names])
    known = cases(rows, start, weights)

    def residuals(theta: Floats) -> Floats:
        moved = _moved(start, names, theta)
        return log_ratio(known, moved)

    theta = _descend(residuals, centre, sd, np.sqrt(known.weights) / NOISE)
    return _moved(start, names, theta)


def log_ratio(known: Cases, calibration: Calibration) -> Floats:
    """Return log(predicted / measured)."""
    for one, key in zip(known.pairs, known.bits, strict=True):
        family = key.rpartition("/")[0]
        one["machine"]["matmul_fraction"] = _share(calibration, key, one)
        attention = calibration.matmul.get(f"{family}/attention", calibration.matmul["default/attention"])
        one["machine"]["attention_fraction"] = attention
        one["machine"]["matmul_fraction_16"] = _share(calibration, f"{family}/16", one)
    return np.log(evaluate(known.pairs, calibration)[:, 0] * calibration.scale / known.seconds)


def _share(calibration: Calibration, key: str, one: dict[str, Any]) -> float:
    which = "matmul_fraction_16" if key.endswith("/16") else "matmul_fraction"
    return calibration.matmul.get(key, one["machine"][which])


def _value(calibration: Calibration, name: str) -> float:
    if name == "scale":
        return calibration.scale
    return calibration.matmul[name] if "/" in name else calibration.constants[name]


def _inward(name: str, value: float) -> float:
    return float(np.log(value / (1 - value)) if name in SHARES or "/" in name else np.log(value))


def _outward(name: str, value: float) -> float:
    return float(1 / (1 + np.exp(-value)) if name in SHARES or "/" in name else np.exp(value))


def _moved(start: Calibration, names: Sequence[str], theta: Floats) -> Calibration:
    new = {name: _outward(name, x) for name, x in zip(names, theta, strict=True)}
    return replace(
        start,
        constants={name: new.get(name, old) for name, old in start.constants.items()},
        matmul={**start.matmul, **{name: x for name, x in new.items() if "/" in name}},
        scale=new.get("scale", start.scale),
    )


def _descend(residuals: Callable[[Floats], Floats], centre: Floats, sd: Floats, weight: Floats) -> Floats:
    """Minimise Huber's sum of weighted residuals plus the prior, a wide corner first and then the narrow one."""
    theta = centre
    for delta in (4 * DELTA, DELTA):
        theta = _descend_at(delta, residuals, theta, (centre, sd), weight)
    return theta


def _descend_at(
    delta: float, residuals: Callable[[Floats], Floats], theta: Floats, prior: tuple[Floats, Floats], weight: Floats
) -> Floats:
    """Take damped Gauss-Newton steps until they gain nothing."""
    (centre, sd), damping = prior, 1.0

    def objective(theta: Floats, r: Floats) -> float:
        size = np.abs(r)
        rho = np.where(size < delta, 0.5 * r**2, delta * (size - 0.5 * delta))
        return float(np.sum(weight**2 * rho) + 0.5 * np.sum(((theta - centre) / sd) ** 2))

    r = residuals(theta)
    value = objective(theta, r)
    for _ in range(60):
        jacobian = np.column_stack([(residuals(theta + step) - r) / 1e-4 for step in 1e-4 * np.eye(len(theta))])
        row_weight = weight**2 * np.minimum(1, delta / np.maximum(np.abs(r), 1e-12))
        gradient = jacobian.T @ (row_weight * r) + (theta - centre) / sd**2
        hessian = (jacobian.T * row_weight) @ jacobian + np.diag(1 / sd**2)
        before = value
        for _ in range(12):
            step = np.linalg.solve(hessian + damping * np.diag(np.diag(hessian)), -gradient)
            trial = theta + np.clip(step, -1, 1)
            r_trial = residuals(trial)
            value_trial = objective(trial, r_trial)
            if value_trial < value:
                theta, r, value, damping = trial, r_trial, value_trial, damping / 5
                break
            damping *= 4
        if before - value < 1e-5 * before:
            break
    return theta


def free_constants(keys: Sequence[str]) -> dict[str, float]:
    """Return the prior's standard deviations of all constants and of the shares of these families."""
    return {name: sd for name, (_, sd) in PRIOR.items()} | dict.fromkeys(keys, MATMUL_SD)


assert set(PRIOR) == set(_engine.CONSTANTS)  # the core and this table name the same constants
