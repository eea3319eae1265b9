"""`inference_cost`: prefill and decoding on a tensor-parallel group of devices, what inference-aware planning needs."""

from __future__ import annotations

from dataclasses import dataclass

from . import _engine
from ._architecture import Architecture, whole
from ._cluster import PEAKS, Cluster
from ._errors import DataError, compose
from ._estimate import Calibration, Job, machine, shipped
from ._repr import facts, number

GIB = 2.0**30


@dataclass(frozen=True)
class InferenceCost:
    """What serving costs.

    Attributes
    ----------
    prefill_s, decode_s : float
        Seconds for the prompts of one batch, and for one token of each of its sequences.
    decode_floor_s : float
        Bytes that a decoding step touches over the peak bandwidth: no implementation is faster.
    tokens_per_s, prompt_tokens_per_s : float
        Generated, and read, by the group of devices.
    usd_per_million_tokens, usd_per_million_prompt_tokens : float
        At the cluster's price per device-hour.
    kv_bytes_per_token, weight_bytes, cache_bytes : float
        Cache of one token; weights and cache of one device.

    Examples
    --------
    >>> import isoflop as iso
    >>> llama = iso.Architecture(layers=32, width=4096, heads=32, kv_heads=8, mlp_width=14336, vocab=128256)
    >>> cost = iso.inference_cost(llama, iso.Cluster("H100-SXM", 1), prompt_tokens=1000, batch=16)
    >>> cost.decode_s > cost.decode_floor_s, cost.kv_bytes_per_token
    (True, 131072.0)
    """

    prefill_s: float
    decode_s: float
    decode_floor_s: float
    tokens_per_s: float
    prompt_tokens_per_s: float
    usd_per_million_tokens: float
    usd_per_million_prompt_tokens: float
    kv_bytes_per_token: float
    weight_bytes: float
    cache_bytes: float
    memory_limit: float

    def fits(self) -> bool:
        """Return whether weights and cache leave a tenth of the memory free."""
        return self.weight_bytes + self.cache_bytes <= 0.9 * self.memory_limit

    def summary(self) -> str:
        """Return the costs as text."""
        decode = f"{number(1e3 * self.decode_s, 4)} ms a token, at least {number(1e3 * self.decode_floor_s, 4)}"
        cache = f"{number(self.kv_bytes_per_token, 7)} bytes a token, {self.cache_bytes / GIB:.2f} GiB a device"
        lines = [
            ("prefill", f"{number(1e3 * self.prefill_s, 4)} ms"),
            ("decode", decode),
            ("generated", f"{number(self.tokens_per_s, 4)} tokens/s"),
            ("USD per million tokens", number(self.usd_per_million_tokens, 3)),
            ("USD per million read", number(self.usd_per_million_prompt_tokens, 3)),
            ("cache", cache),
            ("weights", f"{self.weight_bytes / GIB:.2f} GiB a device"),
            ("fits", "yes" if self.fits() else "no"),
        ]
        return facts(lines)


def inference_cost(
    arch: Architecture,
    cluster: Cluster,
    *,
    batch: int = 1,
    prompt_tokens: int = 1024,
    context_tokens: int | None = None,
    precision: str = "bf16",
    weight_bytes: float | None = None,
    cache_bytes: float = 2.0,
    calibration: Calibration | None = None,
) -> InferenceCost:
    """Predict time and cost of prefill and decoding.

    Parameters
    ----------
    arch : Architecture
        The model.
    cluster : Cluster
        Its devices are one tensor-parallel group.
    batch : int
        Sequences that are decoded together.
    prompt_tokens, context_tokens : int
        Tokens of a prompt, and in the cache while a token is generated (the prompt's where left out).
    precision : str
        Of the matrix products.
    weight_bytes, cache_bytes : float
        Bytes of a stored weight (those of the precision where left out) and of a number in the cache.
    calibration : Calibration, optional
        Constants; those of the package where left out.

    Returns
    -------
    InferenceCost

    Notes
    -----
    A decoding step takes the larger of compute and of memory traffic (weights that are touched, and the cache), plus
    two all-reduces a layer. In a mixture, `batch` tokens touch E (1 - (1 - K/E)^batch) experts of a layer on average.
    The model is not calibrated on serving measurements, so there is no interval: `decode_floor_s` is a bound.

    References
    ----------
    Pope et al. 2022, arXiv:2211.05102.

    Examples
    --------
    >>> import isoflop as iso
    >>> llama = iso.Architecture(layers=32, width=4096, heads=32, kv_heads=8, mlp_width=14336, vocab=128256)
    >>> cost = iso.inference_cost(llama, iso.Cluster("H100-SXM", 1), prompt_tokens=1)
    >>> cost.decode_s > cost.decode_floor_s
    True
    """
    tp = cluster.count
    if arch.heads % tp:
        text = f"{tp} devices do not divide {arch.heads} heads"
        raise DataError(compose(text, "serve on a number of devices that does, and add copies"))
    used = calibration or shipped()
    prompt = whole("prompt_tokens", prompt_tokens)
    context = prompt if context_tokens is None else whole("context_tokens", context_tokens)
    job = Job(arch, cluster, prompt, whole("batch", batch), precision)
    stored = PEAKS[precision][1] / 8 if weight_bytes is None and precision in PEAKS else weight_bytes or 2.0
    device = machine(job, used)
    content = {
        "model": arch.sizes, "machine": device, "tp": tp, "batch": batch, "weight_bytes": float(stored),
        "cache_bytes": float(cache_bytes),
    }  # fmt: skip
    found = _engine.serve(content, used.vector, float(prompt), float(context))
    per_second = tp * cluster.price_usd_per_hour / 3600
    rate, read = batch / found["decode"], batch * prompt / found["prefill"]
    return InferenceCost(
        prefill_s=found["prefill"],
        decode_s=found["decode"],
        decode_floor_s=found["decode_floor"],
        tokens_per_s=rate,
        prompt_tokens_per_s=read,
        usd_per_million_tokens=1e6 * per_second / rate,
        usd_per_million_prompt_tokens=1e6 * per_second / read,
        kv_bytes_per_token=arch.kv_bytes_per_token(cache_bytes),
        weight_bytes=found["weights"],
        cache_bytes=found["cache"],
        memory_limit=device["memory"],
    )
