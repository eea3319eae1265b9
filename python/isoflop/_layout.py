"""`Layout` and precision recipes: how a job is cut, and the bytes of each kind of state."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from ._architecture import Recompute, whole
from ._errors import DataError, listed

States = Literal["auto", "mixed", "zero", "fp16_copies", "sharded", "fp32", "adam8", "deepseek_fp8"]
#: Bytes per parameter: (weights, gradients, optimizer); a second copy of the weights is with the optimizer.
STATES = {
    "mixed": (2.0, 4.0, 12.0),  # 16-bit weights, fp32 gradients (Megatron bf16): 18
    "zero": (2.0, 2.0, 12.0),  # 16-bit gradients (Rajbhandari et al. 2020, section 3.1): 16
    "fp16_copies": (2.0, 6.0, 12.0),  # gradients in 16 and 32 bit (Megatron fp16, DeepSpeed bf16): 20
    "sharded": (4.0, 4.0, 8.0),  # fp32 everything but the gathered copy (FSDP): 16
    "fp32": (4.0, 4.0, 8.0),
    "adam8": (2.0, 4.0, 6.0),  # moments in 8 bit: 12
    "deepseek_fp8": (3.0, 4.0, 8.0),  # fp8 and bf16 weights, bf16 moments: 15
}


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Degrees of parallelism and what goes with them.

    Parameters
    ----------
    tp, pp, cp, ep : int
        Tensor, pipeline, context and expert parallel degrees.
    dp : int, optional
        Data-parallel degree; what the devices leave where left out.
    virtual_stages : int
        Stages of a device (interleaved 1F1B).
    zero_stage : {0, 1, 2, 3}
        States that are sharded over data-parallel ranks: none, optimizer, gradients too, weights too (FSDP).
    shards : int, optional
        Ranks that a shard is spread over; fewer than `dp` is HSDP.
    micro_batch : int
        Sequences of a micro-batch.
    recompute : {"none", "selective", "full"}
        What the backward pass computes again.
    recompute_share : float
        Share of the blocks that `recompute` applies to, above 0 and up to 1.
    sequence_parallel : bool, optional
        Whether norms are cut along the sequence inside a tensor-parallel group; yes where `tp` exceeds 1.
    flash : bool
        Whether attention is fused.
    dropout : bool
        Whether dropout's masks are kept for the backward pass.
    overlap : {"all", "data", "none"}
        Which traffic runs beside the work: all, all but tensor-parallel collectives, or none.
    gather : {"block", "tensor"}
        What ZeRO-3 gathers at once: a block's weights (FSDP), or each tensor by itself, which many ranks make slow.

    Examples
    --------
    >>> import isoflop as iso
    >>> iso.Layout(tp=8, pp=4, micro_batch=2).over(256)
    Layout(tp=8, pp=4, cp=1, ep=1, dp=8, virtual_stages=1, zero_stage=1, shards=8, micro_batch=2, recompute='none',
           recompute_share=1.0, sequence_parallel=True, flash=True, dropout=False, overlap='all', gather='block')
    """

    tp: int = 1
    pp: int = 1
    cp: int = 1
    ep: int = 1
    dp: int = 0
    virtual_stages: int = 1
    zero_stage: int = 1
    shards: int = 0
    micro_batch: int = 1
    recompute: Recompute = "none"
    recompute_share: float = 1.0
    sequence_parallel: bool | None = None
    flash: bool = True
    dropout: bool = False
    overlap: Literal["all", "data", "none"] = "all"
    gather: Literal["block", "tensor"] = "block"

    def __post_init__(self) -> None:
        for name in ("tp", "pp", "cp", "ep", "virtual_stages", "micro_batch"):
            whole(name, getattr(self, name))
        whole("dp", self.dp, least=0)
        whole("shards", self.shards, least=0)
        if self.zero_stage not in (0, 1, 2, 3):
            raise DataError(f"zero_stage is {self.zero_stage!r}, expected 0, 1, 2 or 3")
        if not 0 < self.recompute_share <= 1:
            raise DataError(f"recompute_share is {self.recompute_share!r}, expected a number above 0 and up to 1")
        if self.overlap not in ("all", "data", "none"):
            raise DataError(f"overlap is {self.overlap!r}, expected 'all', 'data' or 'none'")
        if self.gather not in ("block", "tensor"):
            raise DataError(f"gather is {self.gather!r}, expected 'block' or 'tensor'")
        if self.recompute not in ("none", "selective", "full"):
            raise DataError(f"recompute is {self.recompute!r}, expected 'none', 'selective' or 'full'")

    def over(self, devices: int) -> Layout:
        """Return the layout on this many devices, with everything filled in.

        Raises
        ------
        DataError
            The degrees do not multiply to the devices.
        """
        inner = self.tp * self.pp * self.cp
        dp = self.dp or max(devices // inner, 1)
        if inner * dp != devices:
            raise DataError(f"tp x pp x cp x dp is {inner * dp}, expected the {devices} devices")
        shards = self.shards or dp
        if dp % shards:
            raise DataError(f"shards is {shards}, expected a divisor of dp ({dp})")
        parallel = self.tp > 1 if self.sequence_parallel is None else self.sequence_parallel
        return replace(self, dp=dp, shards=shards, sequence_parallel=parallel and self.tp > 1)

    @property
    def sizes(self) -> dict[str, Any]:
        """The numbers that the core works with."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


def recipe(precision: str, states: States, zero_stage: int) -> dict[str, Any]:
    """Return the bytes per parameter of each kind of state, and of what travels.

    Examples
    --------
    >>> recipe("bf16", "auto", 1)["optimizer"]
    12.0
    """
    wide = precision in ("fp32", "tf32")
    kind = ("fp32" if wide else "sharded" if zero_stage == 3 else "mixed") if states == "auto" else states
    if kind not in STATES:
        raise DataError(f"states is {states!r}, expected 'auto' or one of {listed(STATES)}")
    weight, gradient, optimizer = STATES[kind]
    element = 4.0 if wide else 2.0
    # Gradients of fp16 travel as they are computed; those of bf16 are added up, and travel, in 32 bit.
    narrow = kind in ("sharded", "fp16_copies") or (kind == "mixed" and precision == "fp16")
    return {
        "weight": weight,
        "gradient": gradient,
        "optimizer": optimizer,
        "activation": element,
        "gathered": element,
        "reduced": element if narrow else gradient,
        "low": precision in ("fp8", "mxfp8", "nvfp4", "int8"),
    }
