"""`search_clusters`: layouts of a job on several clusters, and those that no other beats in days, dollars and memory.

One cluster at a time is searched by `_search`; here the fronts meet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._architecture import Architecture
from ._cluster import Cluster
from ._errors import DataError
from ._repr import number, table
from ._search import Candidate, LayoutSearch, search_layouts, zero


@dataclass(frozen=True)
class Choice:
    """A cluster and a layout on it.

    Attributes
    ----------
    cluster, candidate
        Where, and the layout with its step time and memory.
    days, usd : float
        What the tokens take and cost there; restarts and evaluation are not in it.
    """

    cluster: Cluster
    candidate: Candidate
    days: float
    usd: float


@dataclass(frozen=True)
class ClusterSearch:
    """What a search over clusters found.

    Attributes
    ----------
    front : tuple of Choice
        Those that no other beats in days, dollars and free memory at once, fastest first.
    searches : tuple of LayoutSearch
        The search of each cluster, in the order given.
    """

    front: tuple[Choice, ...]
    searches: tuple[LayoutSearch, ...]

    def summary(self, n: int = 20) -> str:
        """Return the front as a table, and the clusters on which nothing fits."""
        heads = ["cluster", "days", "USD", "free %", "tp", "pp", "v", "cp", "ep", "dp", "zero", "micro", "recompute"]
        clusters = [search.job.cluster for search in self.searches if not search.n_fit]
        none = [f"nothing fits on {cluster.count:,} × {cluster.device.name}" for cluster in clusters]
        return "\n".join([table(heads, [_line(one) for one in self.front[:n]]), *none])

    def __repr__(self) -> str:
        return f"<ClusterSearch: {len(self.front)} choices on {len(self.searches)} clusters>"


def _line(one: Choice) -> list[str]:
    cut, cluster = one.candidate.layout, one.cluster
    degrees = (cut.tp, cut.pp, cut.virtual_stages, cut.cp, cut.ep, cut.dp, zero(cut), cut.micro_batch)
    free = f"{100 * one.candidate.memory_slack:.0f}"
    name = f"{cluster.count:,} × {cluster.device.name}"
    return [name, number(one.days, 3), number(one.usd, 3), free, *map(str, degrees), cut.recompute]


def search_clusters(
    arch: Architecture, clusters: Sequence[Cluster], *, tokens: float, batch: int, seq_len: int, **options: Any
) -> ClusterSearch:
    """Search the layouts of a training run on several clusters, and return one Pareto front.

    Parameters
    ----------
    arch : Architecture
        The model.
    clusters : sequence of Cluster
        Devices, links and prices; one without a price costs nothing.
    tokens : float
        Training tokens.
    batch, seq_len : int
        Sequences of a step and tokens of a sequence.
    **options
        As in `search_layouts`.

    Returns
    -------
    ClusterSearch

    Raises
    ------
    DataError
        There are no clusters, no tokens, or an option is wrong.

    Examples
    --------
    >>> import isoflop as iso
    >>> llama = iso.Architecture(layers=32, width=4096, heads=32, kv_heads=8, mlp_width=14336, vocab=128256)
    >>> clusters = [iso.Cluster("A100", 64, price_usd_per_hour=1.2), iso.Cluster("H100", 64, price_usd_per_hour=2.5)]
    >>> found = iso.search_clusters(llama, clusters, tokens=1e11, batch=256, seq_len=4096)
    >>> found.front[0].cluster.device.name
    'H100-SXM-80GB'
    """
    if not clusters:
        raise DataError("there are no clusters, expected at least one")
    if not tokens > 0:
        raise DataError(f"tokens is {tokens!r}, expected a positive number")
    searches = tuple(search_layouts(arch, one, batch=batch, seq_len=seq_len, **options) for one in clusters)
    steps = tokens / (float(batch) * seq_len)
    choices = [_choice(search.job.cluster, one, steps) for search in searches for one in search.front]
    return ClusterSearch(tuple(sorted(_unbeaten(choices), key=lambda one: (one.days, one.usd))), searches)


def _choice(cluster: Cluster, candidate: Candidate, steps: float) -> Choice:
    seconds = steps * candidate.step_time_s
    return Choice(cluster, candidate, seconds / 86400, seconds / 3600 * cluster.count * cluster.price_usd_per_hour)


def _unbeaten(choices: Sequence[Choice]) -> list[Choice]:
    """Return those for which no other is at least as good in everything and better in something."""
    marks = np.array([(one.days, one.usd, -one.candidate.memory_slack) for one in choices])
    return [
        one
        for one, mark in zip(choices, marks, strict=True)
        if not ((marks <= mark).all(axis=1) & (marks < mark).any(axis=1)).any()
    ]
