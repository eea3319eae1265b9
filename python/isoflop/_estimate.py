"""Jobs → the core: seconds and bytes of many (job, layout) pairs at once, with what a configuration leaves open chosen.

The calibrated constants live in `data/calibration.json`; `_calibrate` fits them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _engine
from ._architecture import Architecture
from ._cluster import PEAKS, Accelerator, Cluster
from ._layout import Layout, States, recipe

PATH = Path(__file__).parent / "data" / "calibration.json"
COLUMNS = _engine.COST_COLUMNS
#: Bytes that `allocated` leaves out.
RESERVE = COLUMNS.index("reserve")
TIME_PARTS = COLUMNS[1 : COLUMNS.index("weights")]
MEMORY_PARTS = COLUMNS[COLUMNS.index("weights") : RESERVE + 1]


@dataclass(frozen=True)
class Calibration:
    """Constants of the step-time model, and how far off it was on rows that it had not seen.

    Attributes
    ----------
    constants : dict
        Efficiencies by name; see `data/calibration.json` for their meaning.
    matmul : dict
        Share of the peak that large matrix products reach, by family of chips and bits: `"Hopper/16"`.
    spread : dict
        Quantiles of log(measured / predicted) in cross-validation, by kind of job and level.
    scale : float
        Factor of every time, from a user's own measured steps.

    Examples
    --------
    >>> import isoflop as iso
    >>> row = {"n_layers": 32, "d_model": 4096, "n_heads": 32, "n_kv_heads": 8, "d_ff": 14336, "vocab": 128256,
    ...        "seq_len": 8192, "accelerator": "H100-SXM", "n_devices": 8, "tp": 1, "pp": 1, "zero_stage": 3,
    ...        "micro_batch": 1, "global_batch": 64, "precision": "bf16", "recompute": "none", "step_time_s": 7.0}
    >>> mine = iso.calibrate([row])
    >>> llama = iso.Architecture(layers=32, width=4096, heads=32, kv_heads=8, mlp_width=14336, vocab=128256)
    >>> cost = iso.training_cost(llama, 1e12, iso.Cluster("H100-SXM", 64), seq_len=8192, calibration=mine)
    >>> cost.low["days"] < cost.days < cost.high["days"]
    True
    """

    constants: Mapping[str, float]
    matmul: Mapping[str, float]
    spread: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    scale: float = 1.0

    @property
    def vector(self) -> NDArray[np.float64]:
        """The constants in the core's order."""
        return np.array([self.constants[name] for name in _engine.CONSTANTS])

    def share(self, device: Accelerator, bits: int) -> float:
        """Return the share of the peak that large products reach: fitted for the family, else measured, else 0.7."""
        fitted = self.matmul.get(f"{device.family}/{bits}")
        if fitted is not None:
            return fitted
        if bits >= 16 and device.measured_matmul_tflops and device.bf16_tflops:
            return min(device.measured_matmul_tflops / device.bf16_tflops, 1.0)
        return self.matmul[f"default/{min(bits, 16)}"]

    def attention(self, device: Accelerator) -> float:
        """Return the share of the 16-bit peak that fused attention reaches."""
        return self.matmul.get(f"{device.family}/attention", self.matmul["default/attention"])


@cache
def shipped() -> Calibration:
    """Return the calibration that comes with the package."""
    content = json.loads(PATH.read_text(encoding="utf-8"))
    constants = {name: one["value"] for name, one in content["constants"].items()}
    return Calibration(constants, content["matmul"], content["spread"])


def kind_of(model: Architecture) -> str:
    """Return the kind of job that shares a spread of residuals.

    Examples
    --------
    >>> import isoflop as iso
    >>> kind_of(iso.Architecture(layers=12, width=768, heads=12, vocab=50257, mlp="gelu"))
    'small'
    """
    return "moe" if model.experts else "small" if model.n_params < 1.5e9 else "dense"


@dataclass(frozen=True)
class Job:
    """What is trained on what: everything but the layout."""

    model: Architecture
    cluster: Cluster
    seq_len: int
    batch: int
    precision: str = "bf16"
    states: States = "auto"


def pair(job: Job, layout: Layout, calibration: Calibration) -> dict[str, Any]:
    """Return one (job, layout) pair as the core takes it."""
    return {
        "model": job.model.sizes,
        "seq_len": job.seq_len,
        "batch": job.batch,
        "devices": job.cluster.count,
        "recipe": recipe(job.precision, job.states, layout.zero_stage),
        "machine": machine(job, calibration),
        "layout": layout.sizes,
    }


def machine(job: Job, calibration: Calibration) -> dict[str, Any]:
    """Return the numbers of a device and its links in base units."""
    device, cluster = job.cluster.device, job.cluster
    bits = PEAKS[job.precision][1] if job.precision in PEAKS else 16
    share_16 = calibration.share(device, 16)
    return {
        "peak": device.peak(job.precision),
        "peak_16": device.peak_16,
        "matmul_fraction": share_16 if bits >= 16 else calibration.share(device, bits),
        "matmul_fraction_16": share_16,
        "attention_fraction": calibration.attention(device),
        "memory": device.memory_gb * memory_unit(device),
        "memory_rate": device.memory_gb_per_s * 1e9,
        "link_rate": max(cluster.link_gb_per_s, 1e-3) * 1e9,
        "domain": cluster.domain,
        "network_rate": max(cluster.network_gb_per_s, 1e-3) * 1e9,
    }


def memory_unit(device: Accelerator) -> float:
    """Return the bytes that the maker's "GB" stands for: vendors of HBM mean GiB up to 80, decimal gigabytes beyond."""
    return 2.0**30 if device.memory_gb <= 80 else 1e9


def evaluate(pairs: Sequence[dict[str, Any]], calibration: Calibration) -> NDArray[np.float64]:
    """Return an array (pairs, columns) of seconds and bytes."""
    return _engine.evaluate_layouts(list(pairs), calibration.vector)


def candidates(job: Job, layout: Layout, open_: Sequence[str]) -> list[Layout]:
    """Return what a configuration leaves open: micro-batches, interleavings, shares of recomputed blocks."""
    out = [layout]
    if "micro_batch" in open_:
        per_rank = max(job.batch // layout.dp, 1)
        sizes = [2**i for i in range(per_rank.bit_length()) if per_rank % 2**i == 0]
        out = [replace(one, micro_batch=size) for one in out for size in sizes]
    if "virtual_stages" in open_:
        depth = job.model.layers // layout.pp
        stages = [v for v in range(1, depth + 1) if depth % v == 0]
        out = [replace(one, virtual_stages=v) for one in out for v in stages]
    if "recompute" in open_:
        again = [replace(one, recompute="full", recompute_share=i / 8) for one in out for i in range(1, 9)]
        out = out + again
    return out


def choose(lines: NDArray[np.float64]) -> int:
    """Return the candidate to take: the fastest that fits, or the smallest where none does."""
    memory = lines[:, COLUMNS.index("weights") : RESERVE + 1].sum(axis=1)
    refusal = lines[:, -1]
    fits = refusal < 0
    if fits.any():
        return int(np.flatnonzero(fits)[np.argmin(lines[fits, 0])])
    possible = np.flatnonzero(lines[:, 0] > 0)
    return int(possible[np.argmin(memory[possible])]) if possible.size else 0
