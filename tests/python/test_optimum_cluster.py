"""`compute_optimal` on a cluster: the same as with the cluster's own table, and what it refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest

import isoflop as iso
from isoflop import laws

EPOCH = laws.get("chinchilla").published["epoch2024"]
CLUSTER = iso.Cluster("H100-SXM", 256, price_usd_per_hour=2.5)


@pytest.fixture(scope="module")
def boot():
    points = {"N": np.tile(np.geomspace(5e7, 5e9, 8), 8), "D": np.repeat(np.geomspace(1e9, 3e11, 8), 8)}
    runs = iso.simulate("chinchilla", points, params="epoch2024", noise=0.005, rng=0)
    return iso.fit(runs, "chinchilla").bootstrap(300, rng=0)


@pytest.mark.parametrize(
    ("keyword", "amount", "unit"),
    [("usd", 1e6, "USD"), ("days", 30.0, "days"), ("kwh", 1e6, "kWh"), ("C", 1e23, "FLOP")],
)
def test_the_cost_is_the_clusters_table_in_the_unit_of_the_budget(boot, keyword, amount, unit):
    best = iso.compute_optimal(boot, **{keyword: amount}, cluster=CLUSTER)
    curve = iso.cost_curve(CLUSTER, unit=unit)
    same = iso.compute_optimal(boot, **{keyword: amount}, cost=curve)
    assert (best.unit, best.cost_unit) == (unit, unit)
    assert (same.N, same.D, same.loss) == (best.N, best.D, best.loss)
    assert curve(best.N, best.D) == pytest.approx(amount, rel=1e-9)  # what is found costs what was asked for
    assert best.N_low < best.N < best.N_high
    assert "256 × H100-SXM-80GB" in best.notes[0]
    json.dumps(best.to_dict())


def test_twice_the_price_buys_half_the_run():
    dear = iso.Cluster("H100-SXM", 256, price_usd_per_hour=5.0)
    best, half = (iso.compute_optimal(EPOCH, usd=1e6, cluster=one) for one in (dear, CLUSTER))
    twice = iso.compute_optimal(EPOCH, usd=2e6, cluster=dear)
    assert pytest.approx(twice.N, rel=1e-9) == half.N
    assert best.loss > half.loss


def test_a_loss_is_reached_for_the_least_money_or_time():
    paid = iso.compute_optimal(EPOCH, loss=2.1, cluster=CLUSTER)
    assert paid.cost_unit == "USD"
    assert iso.compute_optimal(EPOCH, usd=paid.cost, cluster=CLUSTER).loss == pytest.approx(2.1, abs=1e-9)
    free = iso.Cluster("H100-SXM", 256, price_usd_per_hour=0.0)
    timed = iso.compute_optimal(EPOCH, loss=2.1, cluster=free)
    assert timed.cost_unit == "days"
    assert timed.cost == pytest.approx(paid.cost / (256 * 2.5 * 24), rel=1e-6)  # a day of 256 devices


def test_served_tokens_are_paid_at_the_clusters_price():
    once, served = (iso.compute_optimal(EPOCH, usd=1e6, cluster=CLUSTER, lifetime_tokens=x) for x in (None, 1e13))
    assert served.N < once.N
    curve = iso.cost_curve(CLUSTER, lifetime_tokens=1e13)
    assert curve(served.N, served.D) == pytest.approx(1e6, rel=1e-9)


def test_sizes_are_those_of_the_family_that_fit():
    best = iso.compute_optimal(EPOCH, usd=1e6, cluster=CLUSTER, sizes=[7e9, 70e9])
    assert pytest.approx(70e9, rel=1e-12) == best.N
    with pytest.raises(iso.DataError, match="no size is allowed and can be run"):
        iso.compute_optimal(EPOCH, usd=1e6, cluster=CLUSTER, sizes=[1e15])


@pytest.mark.parametrize(
    ("words", "match"),
    [
        ({"usd": 1e6, "cluster": "H100-SXM"}, "cluster is a str, expected a Cluster"),
        ({"usd": 1e6, "cluster": CLUSTER, "cost": "6*N*D"}, "cost and cluster are both given"),
        ({"cluster": CLUSTER}, "no budget is given"),
        ({"usd": -1.0, "cluster": CLUSTER}, "usd is -1, expected a positive finite number"),
        ({"usd": 1e6, "family": "llama"}, "family is given without a cluster"),
        ({"days": 3.0, "cluster": CLUSTER, "lifetime_tokens": 1e12}, "lifetime_tokens cost no days"),
        ({"usd": 1e6}, "what a run costs in USD is not known"),
    ],
)
def test_refusals(words, match):
    with pytest.raises(iso.DataError, match=match):
        iso.compute_optimal(EPOCH, **words)
