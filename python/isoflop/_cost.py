"""`training_cost` and `training_memory`: from a model, tokens and a cluster to time, money, energy and bytes.

Every time comes with an interval: quantiles of what the model got wrong on published steps that it had not seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from . import _engine
from ._architecture import Architecture, whole
from ._cluster import Cluster
from ._errors import DataError, compose
from ._estimate import COLUMNS, MEMORY_PARTS, TIME_PARTS, Calibration, Job, evaluate, kind_of, machine, pair, shipped
from ._layout import Layout, States
from ._repr import between, facts, number
from ._search import search_layouts, zero

GIB = 2.0**30
#: Tokens of a step where the caller does not say.
BATCH_TOKENS = 4 << 20


@dataclass(frozen=True)
class Memory:
    """Bytes of the fullest device.

    Attributes
    ----------
    weights, gradients, optimizer, activations, logits, buffers, reserve : float
        Bytes by kind; `reserve` is the allocator's slack, the runtime and communication libraries.
    limit : float
        Bytes of the device.
    nearest : Layout or None
        Where the layout does not fit: the most similar one that does.
    """

    weights: float
    gradients: float
    optimizer: float
    activations: float
    logits: float
    buffers: float
    reserve: float
    limit: float
    nearest: Layout | None = None

    @property
    def allocated(self) -> float:
        """What the framework's allocator hands out, bytes."""
        return self.total - self.reserve

    @property
    def total(self) -> float:
        """All that the device must have, bytes."""
        return float(sum(getattr(self, name) for name in MEMORY_PARTS))

    def fits(self) -> bool:
        """Return whether the device has that much."""
        return self.total <= self.limit

    @property
    def reason(self) -> str:
        """Why it does not fit, and what would; empty where it does."""
        if self.fits():
            return ""
        largest = max(MEMORY_PARTS, key=lambda name: getattr(self, name))
        text = f"{self.total / GIB:.1f} GiB are needed and the device has {self.limit / GIB:.1f}"
        hint = f"; nearest that fits: {short(self.nearest)}" if self.nearest else "; no layout fits"
        return f"{text}; most are {largest} ({getattr(self, largest) / GIB:.1f} GiB){hint}"

    def summary(self) -> str:
        """Return the breakdown as text."""
        parts = [(name, f"{getattr(self, name) / GIB:8.2f} GiB") for name in MEMORY_PARTS]
        free = (self.limit - self.total) / GIB
        return facts([*parts, ("total", f"{self.total / GIB:8.2f} GiB"), ("free", f"{free:8.2f} GiB")])


def short(layout: Layout | None) -> str:
    """Return a layout on one line."""
    if layout is None:
        return "none"
    cut = f"tp {layout.tp}, pp {layout.pp}, cp {layout.cp}, ep {layout.ep}, dp {layout.dp}, ZeRO {zero(layout)}"
    virtual = f", {layout.virtual_stages} virtual stages" if layout.virtual_stages > 1 else ""
    return f"{cut}{virtual}, micro-batch {layout.micro_batch}, recompute {layout.recompute}"


@dataclass(frozen=True)
class TrainingCost:
    """What a training run costs.

    Attributes
    ----------
    step_time_s, tokens_per_s, days, device_hours, usd, energy_kwh, co2_kg : float
        Median predictions; `tokens_per_s` is that of the whole cluster.
    mfu, convention : float, str
        Model FLOPs over the dense peak in the job's precision, and how FLOPs were counted.
    low, high : dict
        Interval of each of these and of `memory_bytes`, at `level`.
    parts : dict
        Seconds of a step by cause.
    memory : Memory
        Bytes of the fullest device.
    layout : Layout
        How the job is cut.

    Examples
    --------
    >>> import isoflop as iso
    >>> llama = iso.Architecture(layers=32, width=4096, heads=32, kv_heads=8, mlp_width=14336, vocab=128256)
    >>> cost = iso.training_cost(llama, 1e12, iso.Cluster("H100-SXM", 64), seq_len=8192)
    >>> cost.low["days"] < cost.days < cost.high["days"]
    True
    """

    job: Job
    layout: Layout
    tokens: float
    step_time_s: float
    tokens_per_s: float
    mfu: float
    convention: str
    days: float
    device_hours: float
    usd: float
    energy_kwh: float
    co2_kg: float
    level: float
    low: Mapping[str, float]
    high: Mapping[str, float]
    parts: Mapping[str, float]
    memory: Memory

    @property
    def memory_bytes(self) -> float:
        """Bytes that the fullest device must have."""
        return self.memory.total

    def interval(self, name: str) -> tuple[float, float]:
        """Return (low, high) of a quantity, at `level`."""
        if name not in self.low:
            raise DataError(f"no interval for {name!r}, expected one of {', '.join(self.low)}")
        return self.low[name], self.high[name]

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers."""
        memory = {name: getattr(self.memory, name) for name in (*MEMORY_PARTS, "allocated", "total", "limit")}
        return {
            "model": {"name": self.job.model.name, "n_params": self.job.model.n_params},
            "cluster": {"accelerator": self.job.cluster.device.name, "count": self.job.cluster.count},
            "precision": self.job.precision,
            "seq_len": self.job.seq_len,
            "batch": self.job.batch,
            "tokens": self.tokens,
            "layout": self.layout.sizes,
            "convention": self.convention,
            "level": self.level,
            **{name: getattr(self, name) for name in self.low},
            "low": dict(self.low),
            "high": dict(self.high),
            "step_parts_s": dict(self.parts),
            "memory_bytes": memory,
        }

    def summary(self) -> str:
        """Return the costs as text."""

        def both(name: str, scale: float = 1.0) -> str:
            return between(*(scale * x for x in (getattr(self, name), self.low[name], self.high[name])))

        job = self.job
        device = job.cluster.device
        price = f" at {job.cluster.price_usd_per_hour:g} USD per device-hour" if self.usd else " (no price given)"
        middle = (device.price_low_usd_per_hour + device.price_high_usd_per_hour) / 2
        tabled = self.usd and job.cluster.price_usd_per_hour == middle
        dated = f", middle of {device.price_date} prices" if tabled else ""
        lines = [
            ("model", f"{job.model.name or 'model'}, {job.model.n_params:,} parameters"),
            ("cluster", f"{job.cluster.count:,} × {device.name}, {job.precision}"),
            ("step", f"{job.batch:,} sequences of {job.seq_len:,} tokens"),
            ("layout", short(self.layout)),
            ("step time", f"{both('step_time_s')} s"),
            ("tokens per second", both("tokens_per_s")),
            ("MFU", f"{both('mfu', 100)} %, {self.convention}"),
            ("days", both("days")),
            ("device-hours", both("device_hours")),
            ("USD", f"{both('usd')}{price}{dated}"),
            ("kWh", both("energy_kwh")),
            ("CO2e", f"{both('co2_kg')} kg" if self.co2_kg else ""),
            ("memory", f"{both('memory_bytes', 1 / GIB)} of {self.memory.limit / GIB:.1f} GiB"),
            ("intervals", f"{100 * self.level:g} %, from published steps that the model had not seen"),
        ]
        return facts(lines)

    def __repr__(self) -> str:
        return f"<TrainingCost: {number(self.days, 3)} days, {number(self.usd, 3)} USD, MFU {100 * self.mfu:.1f} %>"


def training_cost(
    arch: Architecture,
    tokens: float,
    cluster: Cluster,
    layout: Layout | Literal["best"] = "best",
    *,
    seq_len: int | None = None,
    batch: int | None = None,
    precision: str = "bf16",
    states: States = "auto",
    convention: str = "exact",
    level: float = 0.8,
    calibration: Calibration | None = None,
    n_threads: int | None = None,
) -> TrainingCost:
    """Predict time, money, energy and memory of a training run.

    Parameters
    ----------
    arch : Architecture
        The model.
    tokens : float
        Training tokens.
    cluster : Cluster
        Devices, links, prices.
    layout : Layout or "best"
        How the job is cut; "best" is the fastest that fits, of all.
    seq_len : int, optional
        Tokens of a sequence; the model's own, at most 8192, or 4096 where that is not known.
    batch : int, optional
        Sequences of a step; about four million tokens where left out, more on many devices.
    precision : str
        bf16, fp16, fp8, mxfp8, nvfp4, fp32, tf32, int8: of the matrix products.
    states : {"auto", "mixed", "zero", "fp16_copies", "sharded", "fp32", "adam8", "deepseek_fp8"}
        Bytes per parameter of weights, gradients, optimizer: mixed 2 + 4 + 12, zero 2 + 2 + 12, fp16_copies 2 + 6 + 12,
        sharded and fp32 4 + 4 + 8, adam8 2 + 4 + 6, deepseek_fp8 3 + 4 + 8. Auto is sharded for ZeRO-3, fp32 for fp32
        and tf32, else mixed.
    convention : str
        How FLOPs are counted for the MFU.
    level : {0.5, 0.8, 0.9, 0.95}
        Nominal coverage of the intervals.
    calibration : Calibration, optional
        Constants, from `calibrate`; those of the package where left out.
    n_threads : int, optional
        Threads of the search.

    Returns
    -------
    TrainingCost

    Raises
    ------
    DataError
        The layout does not divide the job, the chip lacks the precision, or nothing fits.

    Notes
    -----
    A step is what the devices compute, wait for launches and for traffic that is not hidden, idle in the pipeline, and
    update. Constants and intervals are fitted to published steps (`benches/python/calibrate.py`). Restarts and
    evaluation are not in it.

    Examples
    --------
    >>> import isoflop as iso
    >>> llama = iso.Architecture(layers=32, width=4096, heads=32, kv_heads=8, mlp_width=14336, vocab=128256)
    >>> job = iso.training_cost(llama, 1e12, iso.Cluster("H100-SXM", 256, price_usd_per_hour=2.5))
    >>> job.low["days"] < job.days < job.high["days"]
    True
    """
    used = calibration or shipped()
    job = job_for(arch, cluster, seq_len, batch, precision, states)
    if not tokens > 0:
        raise DataError(f"tokens is {tokens!r}, expected a positive number")
    if isinstance(layout, str):
        layout = _best(job, used, n_threads)
    layout = layout.over(cluster.count)
    line = _line(job, layout, used)
    memory = _memory(job, layout, used, line)
    if not memory.fits():
        raise DataError(compose(f"the layout does not fit: {memory.reason}", "pass layout='best', or another one"))
    return _assemble(job, layout, float(tokens), line, memory, used, (convention, level))


def job_for(
    arch: Architecture, cluster: Cluster, seq_len: int | None, batch: int | None, precision: str, states: States
) -> Job:
    """Fill in sequence length and batch."""
    s = min(arch.max_seq_len or 4096, 8192) if seq_len is None else whole("seq_len", seq_len)
    if batch is None:
        sequences = max(BATCH_TOKENS // s, cluster.count // 16, 1)
        batch = 1 << (sequences - 1).bit_length()
        while cluster.count % 3 == 0 and batch % 3:  # so that three racks divide it, too
            batch *= 3
    cluster.device.peak(precision)  # raises where the chip lacks it
    return Job(arch, cluster, s, whole("batch", batch), precision, states)


def _best(job: Job, calibration: Calibration, n_threads: int | None) -> Layout:
    found = search_layouts(
        job.model, job.cluster, batch=job.batch, seq_len=job.seq_len, precision=job.precision, states=job.states,
        keep=1, n_threads=n_threads, calibration=calibration,
    )  # fmt: skip
    if found.best:
        return found.best[0].layout
    what = f"no layout of {job.model!r} fits {job.cluster.count:,} × {job.cluster.device.name}"
    if found.smallest is None:
        raise DataError(compose(what, "no cut divides the batch, heads and layers; try another batch or count"))
    need, have = found.smallest.memory_bytes / GIB, machine(job, calibration)["memory"] / GIB
    hint = f"the smallest needs {need:.1f} GiB a device of {have:.1f}; use more devices or a shorter sequence"
    raise DataError(compose(what, hint))


def _line(job: Job, layout: Layout, calibration: Calibration) -> dict[str, float]:
    values = evaluate([pair(job, layout, calibration)], calibration)[0]
    line = dict(zip(COLUMNS, values.tolist(), strict=True))
    code = int(line["refusal"])
    name, rule = _engine.REFUSALS[code] if code >= 0 else ("", "")
    if code >= 0 and name != "memory":
        text = f"the layout does not divide the job: {rule}"
        raise DataError(compose(text, f"it is {short(layout)}, batch {job.batch}, sequences of {job.seq_len}"))
    return line


def _memory(job: Job, layout: Layout, calibration: Calibration, line: Mapping[str, float]) -> Memory:
    limit = machine(job, calibration)["memory"]
    memory = Memory(
        line["weights"], line["gradients"], line["optimizer"], line["activations"], line["logits"], line["buffers"],
        line["reserve"], limit,
    )  # fmt: skip
    if memory.fits():
        return memory
    found = search_layouts(
        job.model, job.cluster, batch=job.batch, seq_len=job.seq_len, precision=job.precision, states=job.states,
        keep=2000, calibration=calibration,
    )  # fmt: skip
    near = min(found.best, key=lambda one: _distance(one.layout, layout), default=None)
    return replace(memory, nearest=near.layout if near else None)


def _distance(a: Layout, b: Layout) -> float:
    """Return how many doublings two layouts are apart."""
    names = ("tp", "pp", "cp", "ep", "virtual_stages", "micro_batch")
    steps = sum(abs(np.log2(getattr(a, n) / getattr(b, n))) for n in names)
    return float(steps + abs(a.zero_stage - b.zero_stage) + (a.recompute != b.recompute))


def training_memory(
    arch: Architecture,
    cluster: Cluster,
    layout: Layout,
    *,
    seq_len: int | None = None,
    batch: int | None = None,
    precision: str = "bf16",
    states: States = "auto",
) -> Memory:
    """Return the bytes of the fullest device, by kind.

    Parameters
    ----------
    arch, cluster, layout, seq_len, batch, precision, states
        As in `training_cost`.

    Returns
    -------
    Memory
        `fits()` says whether the device has that much; `reason` why not, with the nearest layout that does.

    Examples
    --------
    >>> import isoflop as iso
    >>> llama = iso.Architecture(layers=32, width=4096, heads=32, kv_heads=32, mlp_width=11008, vocab=32000)
    >>> memory = iso.training_memory(llama, iso.Cluster("A100", 1), iso.Layout(), seq_len=2048, batch=1)
    >>> memory.fits(), round(memory.weights + memory.gradients + memory.optimizer) == 18 * llama.n_params
    (False, True)
    """
    job = job_for(arch, cluster, seq_len, batch, precision, states)
    layout = layout.over(cluster.count)
    return _memory(job, layout, shipped(), _line(job, layout, shipped()))


def _assemble(
    job: Job,
    layout: Layout,
    tokens: float,
    line: Mapping[str, float],
    memory: Memory,
    calibration: Calibration,
    how: tuple[str, float],
) -> TrainingCost:
    convention, level = how
    low, high = spread(job.model, calibration, level)
    bytes_low, bytes_high = (memory.total * np.exp(x) for x in _ends(calibration.spread["memory"], level))
    step = line["total"] * calibration.scale
    values = _quantities(job, tokens, step, convention)
    ends = [_quantities(job, tokens, step * np.exp(x), convention) for x in (low, high)]
    return TrainingCost(
        job=job,
        layout=layout,
        tokens=tokens,
        convention=convention,
        level=level,
        low={name: min(end[name] for end in ends) for name in values} | {"memory_bytes": float(bytes_low)},
        high={name: max(end[name] for end in ends) for name in values} | {"memory_bytes": float(bytes_high)},
        parts={name: line[name] * calibration.scale for name in TIME_PARTS},
        memory=memory,
        **values,
    )


def spread(model: Architecture, calibration: Calibration, level: float) -> tuple[float, float]:
    """Return the quantiles of log(measured / predicted) that bound an interval.

    Raises
    ------
    DataError
        There are no quantiles for this level.
    """
    return _ends(calibration.spread[kind_of(model)], level)


def _ends(quantiles: Mapping[str, float], level: float) -> tuple[float, float]:
    keys = f"{(1 - level) / 2:g}", f"{(1 + level) / 2:g}"
    if keys[0] not in quantiles:
        raise DataError(f"level is {level!r}, expected 0.5, 0.8, 0.9 or 0.95")
    return quantiles[keys[0]], quantiles[keys[1]]


def _quantities(job: Job, tokens: float, step_s: float, convention: str) -> dict[str, float]:
    cluster = job.cluster
    per_step = float(job.batch) * job.seq_len
    rate = per_step / step_s
    seconds = tokens / rate
    hours = cluster.count * seconds / 3600
    watts = cluster.device.tdp_w * cluster.power_share + cluster.host_w
    energy = hours * watts / 1000 * cluster.pue if cluster.device.tdp_w else float("nan")
    flops = job.model.flops_per_token(job.seq_len, convention=convention)
    return {
        "step_time_s": float(step_s),
        "tokens_per_s": float(rate),
        "mfu": float(flops * rate / (cluster.count * cluster.device.peak(job.precision))),
        "days": float(seconds / 86400),
        "device_hours": float(hours),
        "usd": float(hours * cluster.price_usd_per_hour),
        "energy_kwh": float(energy),
        "co2_kg": float(energy * cluster.grid_kg_per_kwh),
    }
