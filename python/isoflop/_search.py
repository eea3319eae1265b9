"""`search_layouts`: every way to cut a job over a cluster, ranked, and why the others fell out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from . import _engine
from ._architecture import Architecture
from ._cluster import Cluster
from ._errors import DataError
from ._estimate import Calibration, Job, machine, shipped
from ._layout import Layout, States, recipe
from ._repr import table

#: Recomputation by the core's code.
RECOMPUTE = ("none", "selective", "full")
CUT = ("tp", "pp", "virtual_stages", "cp", "ep", "zero_stage", "shards", "micro_batch")


@dataclass(frozen=True)
class Candidate:
    """A layout that fits: seconds of a step, bytes of the fullest device, and the share of memory that stays free."""

    layout: Layout
    step_time_s: float
    memory_bytes: float
    memory_slack: float


@dataclass(frozen=True)
class LayoutSearch:
    """What a search over layouts found.

    Attributes
    ----------
    best : tuple of Candidate
        The fastest, best first.
    front : tuple of Candidate
        Those that no other beats in both time and memory (days and dollars of one cluster are proportional to time).
    n_tried, n_fit : int
        Layouts whose time and memory were computed, and those that fit.
    refused : dict
        How many cuts fell out for which reason.
    smallest : Candidate or None
        The one that needs the least memory, where none fits.
    """

    job: Job = field(repr=False)
    best: tuple[Candidate, ...]
    front: tuple[Candidate, ...]
    n_tried: int
    n_fit: int
    refused: dict[str, int]
    smallest: Candidate | None = None

    def summary(self, n: int = 10) -> str:
        """Return the ranked table as text, and why the others fell out."""
        rows = [_line(one) for one in self.best[:n]]
        heads = ["step s", "free %", "tp", "pp", "v", "cp", "ep", "dp", "zero", "micro", "recompute"]
        rules = dict(_engine.REFUSALS)
        why = [f"{count:,} {rules[name]}" for name, count in self.refused.items() if count]
        counts = f"{self.n_fit:,} of {self.n_tried:,} layouts fit"
        return "\n".join([table(heads, rows), "", counts, *(f"  refused {line}" for line in why)])

    def __repr__(self) -> str:
        return f"<LayoutSearch: {self.n_fit:,} of {self.n_tried:,} layouts fit>"


def _line(one: Candidate) -> list[str]:
    cut = one.layout
    degrees = (cut.tp, cut.pp, cut.virtual_stages, cut.cp, cut.ep, cut.dp, zero(cut), cut.micro_batch)
    return [f"{one.step_time_s:.4g}", f"{100 * one.memory_slack:.0f}", *map(str, degrees), cut.recompute]


def zero(cut: Layout) -> str:
    """Return the ZeRO stage, and how many ranks a shard is spread over where those are not all.

    Examples
    --------
    >>> zero(Layout(dp=16, shards=8, zero_stage=3)), zero(Layout(dp=16, shards=16, zero_stage=1))
    ('3 over 8', '1')
    """
    return f"{cut.zero_stage} over {cut.shards}" if cut.zero_stage and cut.shards < cut.dp else str(cut.zero_stage)


def search_layouts(
    arch: Architecture,
    cluster: Cluster,
    *,
    batch: int,
    seq_len: int,
    precision: str = "bf16",
    states: States = "auto",
    keep: int = 20,
    n_threads: int | None = None,
    calibration: Calibration | None = None,
    **axes: Sequence[Any],
) -> LayoutSearch:
    """Try every layout of a training job.

    Parameters
    ----------
    arch, cluster
        The model, and what it runs on.
    batch, seq_len : int
        Sequences of a step and tokens of a sequence.
    precision : str
        bf16, fp16, fp8, mxfp8, nvfp4, fp32, tf32, int8.
    states : str
        Bytes of weights, gradients and optimizer; see `training_cost`.
    keep : int
        Layouts of the ranked table.
    n_threads : int, optional
        All CPUs that this process may use where left out.
    calibration : Calibration, optional
        Constants; those of the package where left out.
    **axes
        Values to try: tp, pp, cp, ep, virtual_stages, zero_stage, shards, micro_batch, recompute; all that divide
        where left out. Of `shards` these are 0, all data-parallel ranks, and a scale-up domain (HSDP).

    Returns
    -------
    LayoutSearch

    Examples
    --------
    >>> import isoflop as iso
    >>> gpt3 = iso.Architecture(layers=96, width=12288, heads=96, vocab=51200, mlp="gelu", tied=True)
    >>> found = iso.search_layouts(gpt3, iso.Cluster("A100", 1024), batch=1536, seq_len=2048)
    >>> found.n_fit > 100 and found.best[0].layout.tp > 1
    True
    """
    job = Job(arch, cluster, seq_len, batch, precision, states)
    used = calibration or shipped()
    grid = _axes(job)
    unknown = [name for name in axes if name not in grid or name == "base"]
    if unknown:
        raise DataError(f"unknown axis {unknown[0]!r}, expected one of {', '.join(n for n in grid if n != 'base')}")
    grid |= {name: list(values) for name, values in axes.items()}
    parts: list[dict[str, Any]] = []
    # ZeRO-3 keeps other bytes than the lower stages, so it is a search of its own.
    for stages in ([z for z in grid["zero_stage"] if z < 3], [z for z in grid["zero_stage"] if z == 3]):
        if stages:
            content = _content(job, used, stages[0])
            threads = _engine.thread_count(n_threads)
            parts.append(_engine.search_layouts(content, used.vector, {**grid, "zero_stage": stages}, keep, threads))
    return _merged(job, parts, keep, used.scale)


def _content(job: Job, calibration: Calibration, zero_stage: int) -> dict[str, Any]:
    return {
        "model": job.model.sizes,
        "seq_len": job.seq_len,
        "batch": job.batch,
        "devices": job.cluster.count,
        "recipe": recipe(job.precision, job.states, zero_stage),
        "machine": machine(job, calibration),
    }


def _axes(job: Job) -> dict[str, Any]:
    """Return every value worth a try."""
    n, model = job.cluster.count, job.model
    base = Layout(dp=1, shards=1, sequence_parallel=True).sizes
    return {
        "tp": [d for d in _divisors(n) if d <= 64],
        "pp": [d for d in _divisors(n) if d <= model.layers],
        "cp": [d for d in _divisors(n) if d <= 64],
        "ep": _divisors(model.experts) if model.experts else [1],
        "virtual_stages": _divisors(model.layers),
        "zero_stage": [0, 1, 2, 3],
        "shards": [0, job.cluster.domain] if n > job.cluster.domain > 1 else [0],
        "micro_batch": [d for d in _divisors(job.batch) if d <= 64],
        "recompute": list(RECOMPUTE),
        "base": base,
    }


def _divisors(n: int) -> list[int]:
    small = [d for d in range(1, int(n**0.5) + 1) if n % d == 0]
    return sorted({*small, *(n // d for d in small)})


def _merged(job: Job, parts: list[dict[str, Any]], keep: int, scale: float) -> LayoutSearch:
    def found(cut: Sequence[int], numbers: Sequence[float]) -> Candidate:
        sizes = dict(zip(CUT, cut, strict=False))
        layout = replace(Layout(**sizes), recompute=RECOMPUTE[cut[len(CUT)]]).over(job.cluster.count)  # type: ignore[arg-type]
        limit = machine(job, shipped())["memory"]
        return Candidate(layout, numbers[0] * scale, numbers[1], 1 - numbers[1] / limit)

    best = sorted((found(*one) for part in parts for one in part["best"]), key=_speed)[:keep]
    front: list[Candidate] = []
    for one in sorted((found(*one) for part in parts for one in part["front"]), key=_speed):
        if not front or one.memory_bytes < front[-1].memory_bytes:
            front.append(one)
    small = [found(*part["smallest"]) for part in parts if part["smallest"]]
    n_fit = sum(part["fit"] for part in parts)
    refused: dict[str, int] = {}
    for part in parts:
        for name, count in part["refused"]:
            refused[name] = refused.get(name, 0) + count
    smallest = min(small, key=lambda one: one.memory_bytes, default=None) if not n_fit else None
    return LayoutSearch(job, tuple(best), tuple(front), sum(p["tried"] for p in parts), n_fit, refused, smallest)


def _speed(one: Candidate) -> tuple[float, float]:
    return one.step_time_s, one.memory_bytes
