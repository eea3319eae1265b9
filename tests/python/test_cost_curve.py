"""The price of a token over sizes: what training costs there, in every unit, and why some sizes cost nothing at all."""

from __future__ import annotations

import json

import numpy as np
import pytest

import isoflop as iso
from isoflop._cluster_curve import cost_on

CLUSTER = iso.Cluster("H100-SXM", 64, price_usd_per_hour=2.5)
RANGE = (1e9, 1e11)


@pytest.fixture(scope="module")
def days():
    return iso.cost_curve(CLUSTER, N=RANGE, unit="days")


def test_it_follows_training_cost_of_the_family(days):
    exact = [iso.training_cost(iso.template(N), 1.0, CLUSTER).days for N in days.N]
    off = np.log(days.per_token / exact)
    assert abs(off.mean()) < 0.01
    assert np.abs(off).max() < 0.2


def test_it_is_smoother_than_the_shapes(days):
    def teeth(values):
        return np.abs(np.diff(np.log(values / days.N), 2)).max()

    exact = np.array([iso.training_cost(iso.template(N), 1.0, CLUSTER).days for N in days.N])
    assert teeth(days.per_token) < 0.4 * teeth(exact)


def test_units_are_one_price(days):
    usd = iso.cost_curve(CLUSTER, N=RANGE, unit="USD")
    kwh = iso.cost_curve(CLUSTER, N=RANGE, unit="kWh")
    assert usd.per_token == pytest.approx(days.per_token * 24 * 64 * 2.5, rel=1e-9)
    watts = 700 * 0.8 + 100  # the limit of the card, the share of it that training draws, the host's part
    assert kwh.per_token == pytest.approx(days.per_token * 24 * 64 * watts / 1000 * 1.2, rel=1e-9)


def test_flops_are_those_of_the_architectures(days):
    flops = iso.cost_curve(CLUSTER, N=RANGE, unit="FLOP")
    exact = [iso.template(N).flops_per_token(8192) for N in flops.N]
    assert days.flops_per_token == pytest.approx(exact)
    assert flops.per_token == pytest.approx(exact, rel=0.05)
    assert np.all(flops.per_token > 5.9 * flops.N)


def test_sizes_that_do_not_fit_say_why():
    curve = iso.cost_curve(iso.Cluster("A100", 8, price_usd_per_hour=1.0), N=(1e9, 1e12))
    ((low, high),) = curve.sizes
    assert low == pytest.approx(1e9)
    # 18 bytes a parameter on 8 devices of 40 or 80 GB: some 30 B parameters are the end
    assert 1e10 < high < 1e11
    row = int(np.flatnonzero(high < curve.N)[0])
    assert "GiB a device" in curve.reasons[row]
    with pytest.raises(iso.DataError, match="no size from 2e"):
        iso.cost_curve(iso.Cluster("A100", 8, price_usd_per_hour=1.0), N=(2e11, 1e12))


def test_lifetime_tokens_are_a_fixed_cost():
    plain = iso.cost_curve(CLUSTER, N=RANGE, unit="USD")
    served = iso.cost_curve(CLUSTER, N=RANGE, unit="USD", lifetime_tokens=1e13)
    twice = iso.cost_curve(CLUSTER, N=RANGE, unit="USD", lifetime_tokens=2e13)
    assert served.per_token == pytest.approx(plain.per_token)
    assert twice.fixed == pytest.approx(2 * served.fixed)
    arch = iso.template(8.03e9)
    one = iso.inference_cost(arch, iso.Cluster("H100-SXM", 1, price_usd_per_hour=2.5), batch=32, prompt_tokens=1024)
    assert one.fits()
    assert served.fixed_at(8.03e9) == pytest.approx(1e7 * one.usd_per_million_tokens, rel=0.2)
    flops = iso.cost_curve(CLUSTER, N=RANGE, unit="FLOP", lifetime_tokens=1e13)
    assert flops.fixed == pytest.approx(2 * flops.N * 1e13, rel=0.02)


def test_mixtures_are_priced_by_what_a_token_uses():
    cluster = iso.Cluster("H100-SXM", 512, price_usd_per_hour=2.5)
    dense = iso.cost_curve(cluster, N=(2e10, 1e11))
    moe = iso.cost_curve(cluster, N=(2e10, 1e11), family="mixtral")
    assert np.all(moe.per_token < 0.7 * dense.per_token)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ({"unit": "EUR"}, "unit is 'EUR', expected one of 'USD', 'days', 'kWh', 'FLOP'"),
        ({"N": (1e11, 1e9)}, "expected a smallest and a larger largest size"),
        ({"unit": "days", "lifetime_tokens": 1e12}, "lifetime_tokens cost no days"),
        ({"n_sizes": -1}, "n_sizes is -1, expected a whole number of at least 2"),
        ({"n_sizes": "a"}, "n_sizes is 'a'"),
        ({"count": "all"}, "count is 'all'"),
        ({"lifetime_tokens": -1.0}, "lifetime_tokens is -1.0"),
        ({"precision": "fp8", "cluster": iso.Cluster("A100", 8)}, "has no fp8"),
        ({"family": "lama"}, "unknown family 'lama'"),
        ({"N": (1e5, 1e9)}, "no model of 1e+05 parameters"),
    ],
)
def test_bad_input(words, text):
    words = {"cluster": CLUSTER, "N": RANGE, **words}
    with pytest.raises(iso.DataError, match=text.replace("+", r"\+")):
        iso.cost_curve(words.pop("cluster"), **words)


def test_budgets_of_an_optimum_find_their_price():
    curve = cost_on(CLUSTER, None, {"C": None, "usd": 1e6, "loss": None}, N=RANGE)
    assert np.array_equal(curve.per_token, iso.cost_curve(CLUSTER, N=RANGE, unit="USD").per_token)
    epoch = iso.laws.get("chinchilla").published["epoch2024"]
    dear, cheap = (iso.compute_optimal(epoch, usd=usd, cost=curve) for usd in (1e6, 1e5))
    assert dear.N > cheap.N
    assert dear.cost == pytest.approx(1e6)
    assert cost_on(CLUSTER, None, {"loss": 2.0}, N=RANGE).unit == "USD"
    with pytest.raises(iso.DataError, match="cost and cluster are both given"):
        cost_on(CLUSTER, curve, {"usd": 1e6})


def test_a_device_without_price_or_power_is_named():
    own = iso.Accelerator(name="own", bf16_tflops=300, memory_gb=80, memory_gb_per_s=2000, link_gb_per_s=300)
    cluster = iso.Cluster(own, 8)
    with pytest.raises(iso.DataError, match="own has no price"):
        iso.cost_curve(cluster, N=RANGE, unit="USD")
    with pytest.raises(iso.DataError, match="own has no power limit"):
        iso.cost_curve(cluster, N=RANGE, unit="kWh")
    assert iso.cost_curve(cluster, N=(1e9, 1e10), unit="days").per_token[0] > 0


def test_a_size_that_can_be_run_has_its_flops():
    rows = {"N": [1e8, 1e9, 1e10], "per_token": [1.0, np.nan, 3.0], "reasons": {1: "too wide"}}
    curve = iso.CostCurve(**rows, flops_per_token=[6e8, np.nan, 6e10])
    assert json.loads(json.dumps(curve.to_dict(), allow_nan=False))["flops_per_token"] == [6e8, None, 6e10]
    with pytest.raises(iso.DataError, match="flops_per_token is nan in row 2, expected positive numbers"):
        iso.CostCurve(**rows, flops_per_token=[6e8, 6e9, np.nan])
