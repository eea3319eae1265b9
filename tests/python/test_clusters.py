"""One front over several clusters: nothing on it is beaten, nothing off it is missing."""

from __future__ import annotations

import itertools

import pytest

import isoflop as iso

from .jobs import LLAMA8

JOB = {"tokens": 1e11, "batch": 256, "seq_len": 4096}


def clusters():
    return [
        iso.Cluster("A100", 64, price_usd_per_hour=1.0),
        iso.Cluster("H100", 64, price_usd_per_hour=3.5),
        iso.Cluster("H100", 256, price_usd_per_hour=3.5),
        iso.Cluster("H100", 64, price_usd_per_hour=9.0),  # as the second, for more money
    ]


def marks(one):
    return one.days, one.usd, -one.candidate.memory_slack


def test_nothing_on_the_front_is_beaten_and_nothing_is_missing():
    found = iso.search_clusters(LLAMA8, clusters(), **JOB)
    for a, b in itertools.permutations(found.front, 2):
        assert any(x < y for x, y in zip(marks(a), marks(b), strict=True)) or marks(a) == marks(b)
    on = {marks(one) for one in found.front}
    for search, cluster in zip(found.searches, clusters(), strict=True):
        alone = iso.search_layouts(LLAMA8, cluster, batch=256, seq_len=4096)
        assert search.best == alone.best
        for candidate in alone.front:
            days = JOB["tokens"] / (256 * 4096) * candidate.step_time_s / 86400
            usd = 24 * days * cluster.count * cluster.price_usd_per_hour
            mine = (days, usd, -candidate.memory_slack)
            reached = (all(x <= y + 1e-9 * abs(y) for x, y in zip(other, mine, strict=True)) for other in on)
            assert any(reached)


def test_a_dearer_twin_is_never_chosen():
    found = iso.search_clusters(LLAMA8, clusters(), **JOB)
    prices = {one.cluster.price_usd_per_hour for one in found.front}
    assert 9.0 not in prices
    assert {1.0, 3.5} <= prices
    cost = iso.training_cost(LLAMA8, 1e11, found.front[0].cluster, batch=256, seq_len=4096)
    assert found.front[0].days == pytest.approx(cost.days)
    assert found.front[0].usd == pytest.approx(cost.usd)


def test_says_where_nothing_fits():
    found = iso.search_clusters(LLAMA8, [iso.Cluster("A100", 64), iso.Cluster("L4", 2)], **JOB)
    assert "nothing fits on 2 × L4" in found.summary()
    assert all(one.cluster.count == 64 for one in found.front)


def test_refuses_nothing_to_do():
    with pytest.raises(iso.DataError, match="there are no clusters"):
        iso.search_clusters(LLAMA8, [], **JOB)
    with pytest.raises(iso.DataError, match="tokens is 0"):
        iso.search_clusters(LLAMA8, clusters(), **{**JOB, "tokens": 0})
