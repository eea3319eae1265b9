"""A row of measured steps → a job that the cost model can predict, or why it cannot.

Columns are those of the measured tables: sizes of the model, accelerator, degrees of parallelism, step time. A blank is
never filled with a measured value: what a configuration leaves open is the framework's default or is chosen by the
model itself, and is listed in `assumed` or `open`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ._architecture import Architecture, Latent
from ._cluster import Cluster, accelerator
from ._errors import DataError
from ._layout import Layout, States

#: DeepSeek-V2 and V3 and their relatives share these ranks; the tables say only that attention is low-rank.
DEEPSEEK = {"query_rank": 1536, "kv_rank": 512, "nope_size": 128, "rope_size": 64, "value_size": 128}
#: What tables call the mixed modes of frameworks → the precision of the matrix products.
PRECISIONS = {"bf16_amp": "bf16", "bf16_pure": "bf16", "fp8_amp": "fp8", "bf16/fp16": "bf16"}
NEEDED = ("n_layers", "d_model", "n_heads", "vocab", "seq_len", "accelerator", "n_devices", "global_batch", "precision")


@dataclass(frozen=True)
class Measured:
    """One row that can be predicted."""

    source: str
    group: tuple[str, str, str]
    model: Architecture
    cluster: Cluster
    layout: Layout
    seq_len: int
    batch: int
    precision: str
    states: States
    open: tuple[str, ...]
    assumed: tuple[str, ...]
    step_time_s: float | None
    memory_gib: float | None
    memory_kind: str


class NotExpressedError(DataError):
    """A row whose configuration is not complete, or that the model has no words for."""


def read_row(row: Mapping[str, str]) -> Measured:
    """Read one row.

    Raises
    ------
    NotExpressedError
        Its text is the reason, in a few words.
    """
    for name in NEEDED:
        if not row.get(name):
            raise NotExpressedError(f"{name} not stated")
    precision = PRECISIONS.get(row["precision"], row["precision"])
    try:
        model, cluster = _model(row), _cluster(row)
        layout, open_, assumed = _layout(row, cluster)
        cluster.device.peak(precision)
        step_time_s, memory_gib = _number(row, "step_time_s"), _memory(row)
    except NotExpressedError:
        raise
    except ValueError as error:  # a DataError, or text where a number should be
        raise NotExpressedError(str(error).partition("\n")[0]) from None
    return Measured(
        source=row.get("source_id", ""),
        group=(row.get("source_id", ""), row.get("model", ""), row["n_devices"]),
        model=model,
        cluster=cluster,
        layout=layout,
        seq_len=_int(row, "seq_len"),
        batch=_int(row, "global_batch"),
        precision=precision,
        states=_states(row, precision),
        open=open_,
        assumed=assumed,
        step_time_s=step_time_s,
        memory_gib=memory_gib,
        memory_kind=row.get("mem_kind", ""),
    )


def _number(row: Mapping[str, str], name: str) -> float | None:
    return float(row[name]) if row.get(name) else None


def _int(row: Mapping[str, str], name: str, default: int = 0) -> int:
    return int(float(row[name])) if row.get(name) else default


def _memory(row: Mapping[str, str]) -> float | None:
    """Peak memory in GiB; where a source says that it printed GB, converted."""
    value = _number(row, "peak_mem_gib")
    return value * 1e9 / 2**30 if value and "GB" in row.get("mem_kind", "") else value


def _model(row: Mapping[str, str]) -> Architecture:
    gpt = row.get("arch") in ("gpt", "mpt")
    experts = _int(row, "moe_experts")
    mla = row.get("mla") == "1"
    notes = row.get("notes", "")
    deepseek_v3 = mla and "V3" in row.get("model", "") and "Megatron-Bridge" in row.get("framework", "")
    layers = _int(row, "n_layers")
    windowed = "gpt-oss" in row.get("model", "")  # every second layer; the tables have no column for it
    return Architecture(
        name=row.get("model", ""),
        layers=layers,
        width=_int(row, "d_model"),
        heads=_int(row, "n_heads"),
        kv_heads=_int(row, "n_kv_heads"),
        head_size=_int(row, "head_dim"),
        mlp_width=_int(row, "d_ff"),
        vocab=_int(row, "vocab"),
        mlp=row["ffn_type"] if row.get("ffn_type") else "swiglu",  # type: ignore[arg-type]
        norm="layer" if gpt else "rms",
        tied=row.get("tied_embeddings") == "1",
        qkv_bias=gpt,
        attention_out_bias=gpt,
        mlp_bias=gpt,
        experts=experts,
        experts_per_token=_int(row, "moe_top_k"),
        expert_width=_int(row, "moe_d_ff"),
        shared_width=_int(row, "moe_shared_d_ff"),
        dense_layers=min(_int(row, "dense_layers"), layers) if experts else 0,
        mla=Latent(**DEEPSEEK) if mla else None,
        mtp=int(deepseek_v3 and "without multi-token" not in notes),
        window=128 if windowed else 0,
        windowed_layers=layers // 2 if windowed else 0,
    )


def _cluster(row: Mapping[str, str]) -> Cluster:
    device = accelerator(row["accelerator"])
    per_node = _int(row, "devices_per_node", device.domain)
    domain = max(per_node, device.domain) if device.domain > 8 else per_node
    notes = row.get("notes", "")
    rate = device.network_gb_per_s
    if ports := re.search(r"(\d+)\s*x\s*(\d+) Gb/s", notes):
        rate = int(ports[1]) * int(ports[2]) / 8 / per_node
    elif node := re.search(r"(\d+) Gb(?:/s|ps) (?:per node|node-node)", notes):
        rate = int(node[1]) / 8 / per_node
    return Cluster(device, _int(row, "n_devices"), devices_per_node=domain, network_gb_per_s=rate)


#: Frameworks that interleave stages as a matter of course, so that silence does not mean that they did not.
INTERLEAVING = ("Megatron-Core", "Megatron-Bridge", "NeMo")
#: Frameworks that wait for their collectives.
WAITING = ("Megatron-LM", "Megatron-DeepSpeed", "DeepSpeed")


def _overlap(row: Mapping[str, str]) -> str:
    """Return which traffic is hidden: as the notes say, else as the framework does."""
    notes, framework = row.get("notes", ""), row.get("framework", "")
    if "async TP" in notes or "overlapped DP" in notes:
        return "all"
    if "vanilla TP" in notes:
        return "data"
    return "none" if "no communication overlap" in notes or framework.startswith(WAITING) else "all"


def _states(row: Mapping[str, str], precision: str) -> States:
    """Return the bytes per parameter: DeepSpeed's bf16 optimizer keeps gradients in 16 and in 32 bit."""
    both = row.get("framework", "") == "Megatron-DeepSpeed" and precision == "bf16"
    return "fp16_copies" if both else "auto"


def _layout(row: Mapping[str, str], cluster: Cluster) -> tuple[Layout, tuple[str, ...], tuple[str, ...]]:
    """Return the layout, what the model chooses itself, and what was assumed."""
    zero = _int(row, "zero_stage", 0)
    assumed: list[str] = [] if row.get("zero_stage") else ["zero_stage"]
    if not row.get("tp") and zero != 3:
        raise NotExpressedError("tp not stated")
    assumed += [name for name in ("tp", "pp") if not row.get(name)]
    open_ = [] if row.get("micro_batch") else ["micro_batch"]
    if not row.get("vpp") and _int(row, "pp", 1) > 1 and row.get("framework", "").startswith(INTERLEAVING):
        open_.append("virtual_stages")
    recompute = row.get("recompute", "")
    if recompute not in ("none", "selective", "full"):
        open_.append("recompute")
        recompute = "none"
    layout = Layout(
        tp=_int(row, "tp", 1),
        pp=_int(row, "pp", 1),
        cp=_int(row, "cp", 1),
        ep=_int(row, "ep", 1),
        dp=_int(row, "dp"),
        virtual_stages=_int(row, "vpp", 1),
        zero_stage=zero,
        micro_batch=_int(row, "micro_batch", 1),
        recompute=recompute,  # type: ignore[arg-type]
        sequence_parallel=row.get("sequence_parallel") == "1",
        flash=row.get("flash_attn") != "0",
        overlap=_overlap(row),  # type: ignore[arg-type]
        gather="tensor" if row.get("framework", "").startswith("DeepSpeed") else "block",
    )
    layout = layout.over(cluster.count)
    if _int(row, "global_batch") % layout.dp:
        raise NotExpressedError("the batch is no multiple of the data-parallel ranks")
    if layout.virtual_stages > 1 and layout.pp == 1:
        layout = replace(layout, virtual_stages=1)
    return layout, tuple(open_), tuple(assumed)
