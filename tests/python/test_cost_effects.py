"""What a change of configuration does to a step: gathering by ring, copies of shards, waiting transfers, odd heads."""

from __future__ import annotations

import dataclasses

import pytest

import isoflop as iso
from isoflop import _estimate
from isoflop._layout import recipe

from .jobs import GPT175, LLAMA8, LLAMA70, line

NODES = iso.Cluster("A100", 1024)


def memory_of(found):
    return sum(found[name] for name in _estimate.MEMORY_PARTS)


def test_tensors_gathered_one_by_one_wait_for_each_rank():
    """Twelve rings a block instead of one, each as many hops long as there are ranks."""
    cut = iso.Layout(zero_stage=3, overlap="none", recompute="full")
    latency = _estimate.shipped().constants["network_latency_s"]
    for devices in (64, 256):
        cluster = iso.Cluster("A100", devices)
        by_block = line(GPT175, cluster, cut, batch=devices)
        by_tensor = line(GPT175, cluster, dataclasses.replace(cut, gather="tensor"), batch=devices)
        more = by_tensor["data"] - by_block["data"]
        # Two gatherings and a reduction of 96 blocks.
        assert more == pytest.approx(3 * 96 * 11 * (devices - 1) * latency, rel=1e-9)


def test_shards_of_a_node_trade_memory_for_traffic():
    whole = line(LLAMA8, NODES, iso.Layout(zero_stage=3, recompute="full", overlap="none"), batch=8192)
    node = line(LLAMA8, NODES, iso.Layout(zero_stage=3, shards=8, recompute="full", overlap="none"), batch=8192)
    assert node["data"] < whole["data"]
    assert node["weights"] == pytest.approx(whole["weights"] * 1024 / 8)
    assert memory_of(node) > memory_of(whole)


def test_the_search_tries_shards_of_a_node():
    found = iso.search_layouts(LLAMA8, NODES, batch=1024, seq_len=8192, zero_stage=[3], tp=[1], pp=[1], keep=10_000)
    shards = {one.layout.shards for one in found.best}
    assert shards >= {8, 1024}
    assert "3 over 8" in found.summary(n=10_000)


def test_transfers_wait_where_nothing_is_hidden():
    cut = iso.Layout(tp=8, pp=16)
    hidden = line(GPT175, NODES, cut)
    waiting = line(GPT175, NODES, dataclasses.replace(cut, overlap="none"))
    assert waiting["pipeline"] > hidden["pipeline"]
    # Each tensor-parallel rank sends its part of the activations.
    halved = line(GPT175, NODES, dataclasses.replace(cut, tp=4, overlap="none"), batch=8 * 16)
    assert halved["pipeline"] / 8 > waiting["pipeline"] / 8


def test_a_virtual_stage_is_not_free():
    cut = iso.Layout(tp=8, pp=16)
    pipeline = [line(GPT175, NODES, dataclasses.replace(cut, virtual_stages=v))["pipeline"] for v in (1, 2, 6)]
    assert pipeline[1] == pytest.approx(2 * pipeline[0])
    assert pipeline[2] == pytest.approx(6 * pipeline[0])


def test_heads_that_tensor_cores_cannot_load():
    """BLOOM's trials (chronicles, 2022-02): 128 heads of 108 took 156.8 s a step where 96 of 144 took 118.1."""
    sizes = {"layers": 78, "width": 13824, "vocab": 250_880, "mlp": "gelu", "tied": True}
    cut = iso.Layout(tp=8, pp=6, micro_batch=4, flash=False, recompute="full", overlap="none")
    cluster = iso.Cluster("A100", 384)
    odd, even = (
        line(iso.Architecture(heads=heads, kv_heads=heads, head_size=13824 // heads, **sizes), cluster, cut)["total"]
        for heads in (128, 96)
    )
    assert 1.1 < odd / even < 1.6


def test_gradients_of_fp16_travel_in_16_bit():
    assert recipe("fp16", "auto", 1)["reduced"] == 2
    assert recipe("bf16", "auto", 1)["reduced"] == 4
    assert recipe("fp16", "fp16_copies", 1)["reduced"] == 2


def test_fsdp_keeps_three_logits_in_32_bit():
    found = line(LLAMA8, iso.Cluster("H100", 8), iso.Layout(zero_stage=3, recompute="full"), seq_len=8192)
    assert found["logits"] == 12 * 8192 * LLAMA8.vocab


def test_a_stage_keeps_what_it_received_and_sends():
    cluster = iso.Cluster("A100", 64)
    kept = [
        line(LLAMA70, cluster, iso.Layout(tp=8, pp=8, micro_batch=size, recompute="full"), batch=64)["buffers"]
        for size in (1, 2)
    ]
    # Eight micro-batches in flight, two tensors of 2048 tokens in 16 bit each, over 8 ranks.
    assert kept[1] - kept[0] >= 8 * 2 * 2 * 2048 * 8192 / 8
