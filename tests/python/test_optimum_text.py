"""How an `Optimum` is printed: facts for one budget, tables that fit a terminal for several."""

from __future__ import annotations

import numpy as np
import pytest

import isoflop as iso
from isoflop import laws

EPOCH = laws.get("chinchilla").published["epoch2024"]
CLUSTER_COST = iso.CostCurve(N=[1e7, 1e12], per_token=[1e-10, 1e-5], unit="USD")
#: Columns that a printed answer may take.
WIDEST = 120


@pytest.fixture(scope="module")
def boot():
    points = {"N": np.tile(np.geomspace(5e7, 5e9, 8), 8), "D": np.repeat(np.geomspace(1e9, 3e11, 8), 8)}
    runs = iso.simulate("chinchilla", points, params="epoch2024", noise=0.005, rng=0)
    return iso.fit(runs, "chinchilla").bootstrap(300, rng=0)


def facts_of(text):
    pairs = (line.split("  ", 1) for line in text.splitlines() if "  " in line)
    return {name: value.strip() for name, value in pairs}


def test_one_budget_is_a_list_of_facts_with_units_and_a_level(boot):
    best = iso.compute_optimal(boot, C=5.76e23, level=0.8)
    facts = facts_of(best.summary())
    assert facts["budget"] == "5.76e+23 FLOP"
    assert facts["model size N"].startswith(f"{best.N / 1e9:.3g}B parameters  (")
    assert facts["training tokens D"].startswith(f"{best.D / 1e12:.3g}T")
    assert facts["loss"].endswith(f"({best.loss_low:.4f} to {best.loss_high:.4f})")
    assert facts["intervals"] == "80 %, over 300 draws"
    low, high = best.near[0.02]
    assert facts["N within 2 % more budget"] == f"{low / 1e9:.3g}B to {high / 1e9:.3g}B"
    assert repr(best).startswith("<Optimum: ")
    assert "\n" not in repr(best)


def test_a_loss_is_answered_by_a_budget(boot):
    best = iso.compute_optimal(boot, loss=2.1)
    facts = facts_of(best.summary())
    assert facts["target"] == "loss 2.1"
    assert facts["smallest budget"].startswith(f"{best.cost:.3e}"[:4])
    assert "FLOP" in facts["smallest budget"]
    assert "loss" not in facts


def test_dollars_have_commas_and_the_compute_that_they_buy():
    best = iso.compute_optimal(EPOCH, usd=1e6, cost=CLUSTER_COST)
    facts = facts_of(best.summary())
    assert facts["budget"] == "1,000,000 USD"
    assert float(facts["training FLOP"]) == pytest.approx(6 * best.N * best.D, rel=5e-3)


@pytest.mark.parametrize(
    "words",
    [
        {"C": [1e21, 1e23, 5.76e25]},
        {"loss": [2.5, 2.1, 1.95]},
        {"usd": [1e5, 1.234e6, 1e7], "cost": CLUSTER_COST},
        {"usd": [1e5, 1.234e6, 1e7], "cost": CLUSTER_COST, "lifetime_tokens": 1e12, "inference": "1e-17 * N"},
    ],
)
def test_several_budgets_fit_a_terminal(boot, words):
    best = iso.compute_optimal(boot, **words)
    for text in (best.summary(), repr(best)):
        assert max(map(len, text.splitlines())) <= WIDEST
    assert best.summary().count("\n\n") >= 2
    assert len(repr(best).splitlines()) == 4


def test_many_budgets_are_cut_and_counted():
    best = iso.compute_optimal(EPOCH, C=np.geomspace(1e20, 1e24, 25))
    assert "and 5 more budgets" in best.summary()
    assert len(repr(best).splitlines()) == 21
