"""What limits an optimum, what its costs come from, and what `compute_optimal` refuses."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import isoflop as iso
from isoflop import laws

SWEEP = {"N": np.tile(np.geomspace(5e7, 5e9, 8), 8), "D": np.repeat(np.geomspace(1e9, 3e11, 8), 8)}
BESIROGLU = {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}
EPOCH = laws.get("chinchilla").published["epoch2024"]
MUENNIGHOFF = laws.get("muennighoff").published["muennighoff2023"]
MOE = laws.get("ludziejewski").published["ludziejewski2025"]


# ---- limits


def test_limits_bind_and_say_so():
    free = iso.compute_optimal(EPOCH, C=1e24)
    for options, name, at, words in (
        ({"tokens_per_param": (40, 200)}, "tokens_per_param", 40, "tokens per parameter"),
        ({"tokens_per_param": (1, 10)}, "tokens_per_param", 10, "tokens per parameter"),
        ({"D": (1e9, 1e12)}, "D", 1e12, "limit of D"),
        ({"D": (3e12, 1e14)}, "D", 3e12, "limit of D"),
        ({"N": (1e8, 2e10)}, "N", 2e10, "largest N"),
        ({"N": (2e11, 1e12)}, "N", 2e11, "smallest N"),
    ):
        best = iso.compute_optimal(EPOCH, C=1e24, **options)
        assert getattr(best, name) == pytest.approx(at, rel=1e-9)
        assert pytest.approx(1e24, rel=1e-9) == 6 * best.N * best.D
        assert best.loss > free.loss
        assert any(words in note for note in best.notes)
        low, high = best.near[0.1]
        assert low <= best.N * (1 + 1e-9)
        assert high >= best.N * (1 - 1e-9)
        first, last = next(iter(options.values()))
        for N in (low, high):
            tokens = np.linspace(1e24, 1.1e24, 101) / (6 * N)
            of = {"N": N + 0 * tokens, "D": tokens, "tokens_per_param": tokens / N}[next(iter(options))]
            assert ((first * (1 - 1e-9) <= of) & (of <= last * (1 + 1e-9))).any()
    inside = iso.compute_optimal(EPOCH, C=1e24, tokens_per_param=(5, 100), N=(1e9, 1e12))
    assert pytest.approx(free.N, rel=1e-12) == inside.N
    assert not any("binds" in note for note in inside.notes)


def test_only_given_sizes():
    sizes = [7e9, 13e9, 34e9, 70e9, 180e9]
    best = iso.compute_optimal(EPOCH, C=[1e22, 1e24], sizes=sizes, near=(0.1, 0.5))
    for i, C in enumerate((1e22, 1e24)):
        loss = [EPOCH.predict(N=n, D=C / (6 * n)) for n in sizes]
        assert best.N[i] == pytest.approx(sizes[int(np.argmin(loss))], rel=1e-12)
        good = [n for n in sizes if EPOCH.predict(N=n, D=1.5 * C / (6 * n)) <= min(loss)]
        assert (best.near[0.5][0][i], best.near[0.5][1][i]) == pytest.approx((good[0], good[-1]))
    assert any("smallest size given" in n for n in iso.compute_optimal(EPOCH, C=1e20, sizes=sizes).notes)


def test_the_data_wall():
    best = iso.compute_optimal(MUENNIGHOFF, C=1e22, unique_tokens=25e9)
    for name, passes in (("one_pass", 1), ("four_passes", 4)):
        just = iso.compute_optimal(MUENNIGHOFF, C=best.wall[name] * np.array([0.999, 1.001]), unique_tokens=25e9)
        assert just.D[0] <= 25e9 * passes * (1 + 1e-6) < just.D[1] * (1 + 2e-3)
    assert any("more than four passes" in note for note in best.notes)


# ---- cost curves


def test_a_table_of_a_formula_gives_the_formula():
    N = np.geomspace(1e8, 1e12, 41)
    curve = iso.CostCurve(N, 6 * N, unit="FLOP")
    C = np.geomspace(1e20, 1e24, 5)
    table, formula = iso.compute_optimal(EPOCH, C=C, cost=curve), iso.compute_optimal(EPOCH, C=C)
    np.testing.assert_allclose(table.N, formula.N, rtol=1e-9)
    np.testing.assert_allclose(table.near[0.1][1], formula.near[0.1][1], rtol=1e-9)
    served = iso.compute_optimal(EPOCH, C=10 * C, cost=curve, lifetime_tokens=1e12)
    exact = iso.compute_optimal(EPOCH, C=10 * C, lifetime_tokens=1e12)
    np.testing.assert_allclose(served.N, exact.N, rtol=1e-3)
    np.testing.assert_allclose(served.loss, exact.loss, rtol=1e-6)


def test_dollars_and_flop_of_a_curve():
    N = np.geomspace(1e8, 1e12, 30)
    utilisation = 0.45 - 0.05 * np.abs(np.log10(N) - 10.5)
    flops = 6 * N * (1 + 0.1 * (1e10 / N) ** 0.3)
    curve = iso.CostCurve(
        N, flops / (utilisation * 1e15) * 2 / 3600, unit="USD", flops_per_token=flops, label="1,024 H"
    )
    best = iso.compute_optimal(EPOCH, usd=1e6, cost=curve)
    assert best.cost == pytest.approx(curve(best.N, best.D), rel=1e-9)
    assert pytest.approx(float(curve.flops(best.N, best.D)), rel=1e-12) == best.C
    low, high = (best.N * k for k in (0.99, 1.01))
    assert best.loss < min(EPOCH.predict(N=n, D=1e6 / curve.price(n)) for n in (low, high))
    inverse = iso.compute_optimal(EPOCH, loss=best.loss, cost=curve)
    assert (inverse.cost, inverse.cost_unit) == (pytest.approx(1e6, rel=1e-9), "USD")
    formula = iso.compute_optimal(EPOCH, usd=1e6, cost="6*N*D / 4e14 * price / 3600", held={"price": 2.0})
    assert formula.budget == 1e6
    assert pytest.approx(6 * formula.N * formula.D, rel=1e-12) == formula.C


def test_sizes_that_cannot_be_run_are_left_out():
    N = np.geomspace(1e9, 1e12, 13)
    price = 6 * N
    price[4:7] = np.nan  # 1e10 to 3.2e10
    curve = iso.CostCurve(N, price, unit="FLOP", reasons={4: "does not fit in memory"})
    assert len(curve.sizes) == 2
    best = iso.compute_optimal(EPOCH, C=np.geomspace(1e21, 1e25, 9), cost=curve)
    inside = np.zeros(9, bool)
    for low, high in curve.sizes:
        inside |= (low * (1 - 1e-9) <= best.N) & (high * (1 + 1e-9) >= best.N)
    assert inside.all()
    free = iso.compute_optimal(EPOCH, C=np.geomspace(1e21, 1e25, 9), N=(1e9, 1e12))
    ends = np.array([x for pair in curve.sizes for x in pair])
    at_end = np.isclose(best.N[:, None], ends, rtol=1e-9).any(axis=1)
    np.testing.assert_allclose(best.N[~at_end], free.N[~at_end], rtol=1e-9)
    with pytest.raises(iso.DataError, match="does not hold"):
        curve(2e10, 1e12)


def test_a_curve_between_its_sizes_is_monotone_and_exact_at_them():
    N = np.array([1e9, 3e9, 1e10, 1e11])
    price = np.array([1.0, 2.0, 2.0, 30.0])
    curve = iso.CostCurve(N, price, fixed=[0.0, 1.0, 5.0, 5.0])
    assert curve.price(N) == pytest.approx(price, rel=1e-14)
    assert curve(3e9, 2.0) == pytest.approx(5.0)
    fine = curve.price(np.geomspace(1e9, 1e11, 1001))
    assert (np.diff(fine) >= -1e-12).all()


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"N": [1e9, 1e8], "per_token": [1, 2]}, "rising order"),
        ({"N": [1e9, 2e9], "per_token": [1, -2]}, "per_token is -2 in row 1"),
        ({"N": [1e9, 2e9], "per_token": [1, 2, 3]}, "3 values, expected 2"),
        ({"N": [1e9], "per_token": [np.nan], "reasons": {0: "memory"}}, "can be run"),
        ({"N": [1e9], "per_token": [1.0], "unit": "EUR"}, "unit is 'EUR'"),
        ({"N": [1e9], "per_token": ["x"]}, "expected numbers"),
    ],
)
def test_bad_curves(columns, words):
    with pytest.raises(iso.DataError, match=words):
        iso.CostCurve(**columns)


# ---- bad input


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({}, iso.DataError, "no budget is given"),
        ({"C": 1e21, "loss": 2.0}, iso.DataError, "2 budgets are given"),
        ({"C": -1e21}, iso.DataError, "C is -1e\\+21, expected a positive"),
        ({"C": [1e21, np.nan]}, iso.DataError, "expected a positive finite number"),
        ({"C": "much"}, iso.DataError, "C is 'much'"),
        ({"C": [[1e21]]}, iso.DataError, "shape"),
        ({"usd": 1e6}, iso.DataError, "what a run costs in USD is not known"),
        ({"loss": 1.8}, iso.DataError, "the law goes down to 1.817"),
        ({"loss": 1.9, "N": (1e6, 1e9)}, iso.DataError, "the law goes down to 2.1"),
        ({"C": 1e10, "N": (7e9, 7e10)}, iso.DataError, "smallest, N = 7e\\+09, costs 4.2e\\+10 FLOP with 1 token"),
        ({"C": 1e21, "N": (7e9, 7e10), "D": (1e12, 1e13)}, iso.DataError, "costs 4.2e\\+22 FLOP with 1e\\+12 tokens"),
        ({"C": 1e21, "lifetime_tokens": 1e15, "N": (1e9, 1e10)}, iso.DataError, "pays for none"),
        ({"C": 1e21, "N": (1e10, 1e9)}, iso.DataError, "N is \\(1e\\+10, 1e\\+09\\)"),
        ({"C": 1e21, "tokens_per_param": 20}, iso.DataError, "expected \\(low, high\\)"),
        ({"C": 1e21, "sizes": []}, iso.DataError, "sizes is"),
        ({"C": 1e21, "sizes": [1e9], "N": (1e10, 1e11)}, iso.DataError, "exclude each other"),
        ({"C": 1e21, "unique_tokens": 1e9}, iso.LawError, "muennighoff"),
        ({"C": 1e21, "held": {"U": 1e9}, "cost": "6*N*D + X"}, iso.LawError, "the cost uses 'X'"),
        ({"C": 1e21, "cost": "6*N"}, iso.LawError, "does not depend on D"),
        ({"C": 1e21, "cost": "6*N*D + D**2"}, iso.LawError, "neither as a \\+ b\\*D nor as b\\*D\\*\\*q"),
        ({"C": 1e21, "cost": "6*N*("}, iso.LawError, "cost"),
        ({"C": 1e21, "cost": 6}, iso.DataError, "expected a formula or an iso.CostCurve"),
        ({"C": 1e21, "held": {"alpha": 0.3}}, iso.DataError, "a parameter of the law"),
        ({"C": 1e21, "held": {"D": 1e9}}, iso.DataError, "held and free at once"),
        ({"C": 1e21, "inference": "2*N"}, iso.DataError, "no tokens"),
        ({"C": 1e21, "letters": ("N", "T")}, iso.DataError, "letters name 'T'"),
        ({"C": 1e21, "near": 0}, iso.DataError, "shares above 0"),
        ({"C": 1e21, "near": "a"}, iso.DataError, "near is 'a'"),
        ({"C": "1e21"}, iso.DataError, "C is '1e21', expected a positive number"),
        ({"C": True}, iso.DataError, "C is True"),
        ({"C": 1e21, "sizes": ["7b"]}, iso.DataError, "sizes is \\['7b'\\]"),
        ({"C": 1e21, "level": 95}, iso.DataError, "level is 95"),
        ({"C": 1e21, "level": "a"}, iso.DataError, "level is 'a', expected a number between 0 and 1"),
    ],
)
def test_bad_questions(options, kind, words):
    with pytest.raises(kind, match=words):
        iso.compute_optimal(EPOCH, **options)


def test_units_of_a_curve():
    curve = iso.CostCurve([1e9, 1e11], [1e-9, 1e-7], unit="USD")
    with pytest.raises(iso.DataError, match="the budget is in FLOP and the cost curve in USD"):
        iso.compute_optimal(EPOCH, C=1e21, cost=curve)
    with pytest.raises(iso.DataError, match="price of an inference token in USD is not known"):
        iso.compute_optimal(EPOCH, usd=1e6, cost=curve, lifetime_tokens=1e12)
    with pytest.raises(iso.DataError, match="no size is allowed"):
        iso.compute_optimal(EPOCH, usd=1e6, cost=curve, N=(1e12, 1e13))


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        (("power_floor", {"E": 1.0, "A": 1.0, "alpha": 0.3}), {}, "has no model size N"),
        (iso.Law("E + A / N**alpha"), {}, "a law without parameters"),
        ((iso.Law("E + A / N**alpha"), {"E": 1.0, "A": 1.0, "alpha": 0.3}), {}, "has no training tokens D"),
        ((iso.Law("E + A / N**alpha + B / D**beta"), {"E": 1.0}), {}, "no value for"),
        ((iso.Law("E + A * N**alpha + B / D**beta"), BESIROGLU), {}, "rises with N all the way"),
        ((iso.Law("E + A / N**alpha + B / log(D * N)"), {**BESIROGLU}), {}, "falls with N all the way"),
    ],
)
def test_laws_without_an_optimum(model, options, words):
    with pytest.raises(iso.LawError, match=words):
        iso.compute_optimal(model, C=1e21, **options)


def test_variables_that_are_neither_free_nor_held():
    with pytest.raises(iso.DataError, match="needs 'U', which is neither free nor held"):
        iso.compute_optimal(MUENNIGHOFF, C=1e21)
    with pytest.raises(iso.DataError, match="needs 'experts'"):
        iso.compute_optimal(MOE, C=1e21)


def test_models_that_are_none():
    with pytest.raises(iso.DataError, match="model is a dict"):
        iso.compute_optimal({}, C=1e21)


@pytest.fixture(scope="module")
def boot():
    return iso.fit(iso.simulate("chinchilla", SWEEP, noise=0.005, rng=0), "chinchilla").bootstrap(300, rng=0)


def test_budgets_below_the_smallest_run_are_told(boot):
    below, inside = (iso.compute_optimal(boot, C=C) for C in (1e12, 1e22))
    assert any("times below the smallest run" in note for note in below.notes)
    assert not any("below" in note for note in inside.notes)


def test_no_draws_are_no_intervals(boot):
    best = iso.compute_optimal(boot, C=1e22, n_draws=0)
    assert best.draws is None
    assert np.isnan(best.N_low)
    assert best.N == iso.compute_optimal(boot, C=1e22).N


def test_parameters_that_are_no_numbers_are_named():
    with pytest.raises(iso.DataError, match="parameter 'A' is nan, expected a finite number"):
        iso.compute_optimal(("chinchilla", {**BESIROGLU, "A": float("nan")}), C=1e22)


def test_data_run_out_at_the_same_run_whatever_pays_for_it():
    limited = laws.get("muennighoff").published["muennighoff2023"]
    free = iso.compute_optimal(limited, C=1e22, unique_tokens=5e10)
    paid = iso.compute_optimal(limited, usd=1e4, cost="6*N*D * 1e-18", unique_tokens=5e10)
    assert set(paid.wall) == {"one_pass", "four_passes"}
    for name, flops in free.wall.items():
        assert paid.wall[name] == pytest.approx(1e-18 * flops, rel=1e-4)
    assert any("USD on" in note for note in paid.notes)


@pytest.mark.parametrize("N", ["a", [], [[1e9]], -1.0, True])
def test_sizes_to_overtrain_that_are_none(N):
    with pytest.raises(iso.DataError, match=r"N is .*, expected positive numbers of parameters"):
        iso.overtraining(("chinchilla", BESIROGLU), N=N, loss=2.3)


# ---- other letters, other sizes, other readers


@pytest.mark.parametrize(("size", "tokens"), [("N_D", "T"), ("DN", "ND"), ("n", "t")])
def test_letters_may_hold_each_other(size, tokens):
    law = iso.Law(f"E + A / {size}**alpha + B / {tokens}**beta", variables=(size, tokens))
    mine = iso.compute_optimal((law, BESIROGLU), C=1e22, letters=(size, tokens))
    usual = iso.compute_optimal(EPOCH, C=1e22)
    assert pytest.approx(usual.N, rel=1e-3) == mine.N
    assert pytest.approx(1e22, rel=1e-9) == mine.D * mine.N * 6


@pytest.mark.parametrize("letters", ["N", "ND", ("N",), ("N", "N"), ("N", "D", "C")])
def test_letters_are_two(letters):
    with pytest.raises(iso.DataError, match=r"letters is .*, expected the variables for size and tokens"):
        iso.compute_optimal(EPOCH, C=1e22, letters=letters)


def test_every_size_that_never_pays_is_named():
    notes = iso.overtraining(EPOCH, N=[8e9, 1e12, 2e12], C=1e24).notes
    assert "1e+12, 2e+12 are larger than the best size: they never pay" in notes


def test_an_interval_without_an_upper_end_keeps_both_ends_in_print():
    found = iso.overtraining(EPOCH, N=[8e9], C=1e24)
    ends = {**found.ends, "extra_compute": (np.array([1.0]), np.array([np.inf]))}
    assert "1 to inf" in repr(replace(found, ends=ends))


def test_what_is_not_known_is_null_in_json():
    for found in (iso.compute_optimal(EPOCH, C=[1e22, 1e24]), iso.overtraining(EPOCH, N=[8e9, 1e12], C=1e24)):
        text = json.dumps(found.to_dict(), allow_nan=False)
        assert json.loads(text) == found.to_dict()
        assert "null" in text
        assert '"nan"' not in text


def test_sizes_that_are_not_shown_are_counted():
    found = iso.overtraining(EPOCH, N=np.geomspace(1e9, 1e10, 23), C=1e24)
    for text in (repr(found), found.summary(), found._repr_html_()):
        assert "and 3 more sizes, see to_frame()" in text


def test_the_size_that_is_asked_about_is_not_held():
    with pytest.raises(iso.DataError, match="held names 'N', the size that is asked about"):
        iso.overtraining(EPOCH, N=8e9, C=1e24, held={"N": 1e9})
