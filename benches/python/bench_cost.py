"""Time the cost model: counts of ten million architectures, and an exhaustive search of layouts.

python benches/python/bench_cost.py     # needs the release build (make bench)
"""

from __future__ import annotations

import time

import numpy as np

import isoflop as iso

N = 10_000_000


def best(job, repeats=3):
    """Return the shortest of some runs, seconds, and the last result."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = job()
        times.append(time.perf_counter() - start)
    return min(times), result


def columns():
    """Return ten million architectures."""
    rng = np.random.default_rng(0)
    heads = rng.integers(1, 128, N)
    return {
        "layers": rng.integers(1, 128, N), "heads": heads, "width": 128 * heads, "kv_heads": heads,
        "mlp_width": 512 * heads, "vocab": rng.integers(1_000, 256_000, N),
    }  # fmt: skip


def main():
    """Print the figures."""
    sizes = columns()
    jobs = {
        "parameters": lambda: iso.transformer_params(**sizes, head_size=128),
        "FLOPs": lambda: iso.transformer_flops(**sizes, head_size=128, seq_len=4096),
        "both in one pass": lambda: iso.transformer_counts(**sizes, head_size=128, seq_len=4096),
    }
    for what, job in jobs.items():
        seconds, _ = best(job)
        print(f"{what:18s} of {N:,} architectures, one core   {seconds:.2f} s")
    gpt3 = iso.Architecture(layers=96, width=12288, heads=96, vocab=51200, mlp="gelu", tied=True)
    cluster = iso.Cluster("A100", 4096)
    for threads in (1, 2):
        seconds, found = best(
            lambda n=threads: iso.search_layouts(gpt3, cluster, batch=3072, seq_len=2048, n_threads=n)
        )
        rate = found.n_tried / seconds
        print(f"GPT-3 on 4,096 A100, {threads} threads: {found.n_tried:,} layouts in {seconds:.3f} s, {rate:,.0f}/s")


if __name__ == "__main__":
    main()
