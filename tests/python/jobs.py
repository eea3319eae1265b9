"""Models of the literature and one layout by name: what the tests of the cost model share."""

from __future__ import annotations

import isoflop as iso
from isoflop import _estimate
from isoflop._estimate import Job, evaluate, pair, shipped

LLAMA7 = iso.Architecture(layers=32, width=4096, heads=32, mlp_width=11008, vocab=32000)
LLAMA8 = iso.Architecture(layers=32, width=4096, heads=32, kv_heads=8, mlp_width=14336, vocab=128256)
LLAMA70 = iso.Architecture(layers=80, width=8192, heads=64, kv_heads=8, mlp_width=28672, vocab=128256)
GPT175 = iso.Architecture(layers=96, width=12288, heads=96, vocab=51200, mlp="gelu", tied=True)
MIXTRAL = iso.Architecture(
    layers=32, width=4096, heads=32, kv_heads=8, vocab=32000, experts=8, experts_per_token=2, expert_width=14336
)  # fmt: skip


def line(model, cluster, layout, *, seq_len=2048, batch=None, precision="bf16"):
    """Return seconds and bytes of one layout by name."""
    layout = layout.over(cluster.count)
    job = Job(model, cluster, seq_len, batch or layout.dp * layout.micro_batch * 8, precision)
    values = evaluate([pair(job, layout, shipped())], shipped())[0]
    return dict(zip(_estimate.COLUMNS, values.tolist(), strict=True))
