"""Allocations, conversions and metrics of the first half of the catalogue against brute force and identities."""

from __future__ import annotations

import numpy as np
import pytest

import isoflop as iso
from isoflop import laws

BESIROGLU = {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}
HOFFMANN = {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}
SETS = pytest.mark.parametrize("law", [BESIROGLU, HOFFMANN], ids=["besiroglu", "hoffmann"])


def smallest(function, low, high, rounds=200):
    """Return the argument in a range (of logs) with the smallest value, by thirds."""
    a, b = np.log(low), np.log(high)
    for _ in range(rounds):
        left, right = a + (b - a) / 3, b - (b - a) / 3
        a, b = (a, right) if function(np.exp(left)) < function(np.exp(right)) else (left, b)
    return np.exp((a + b) / 2)


def loss(law, N, D):
    return law["E"] + law["A"] / N ** law["alpha"] + law["B"] / D ** law["beta"]


@SETS
@pytest.mark.parametrize("C", [1e18, 1e21, 1e25])
def test_the_optimum_is_the_smallest_loss_on_the_budget(law, C):
    best = laws.chinchilla_opt(C=C, **law)
    N = smallest(lambda N: loss(law, N, C / (6 * N)), 1e6, 1e14)
    assert best.N_opt == pytest.approx(N, rel=1e-6)  # the curve is flat: half of the digits
    assert best.L_opt == pytest.approx(loss(law, N, C / (6 * N)), rel=1e-13)
    assert 6 * best.N_opt * best.D_opt == pytest.approx(C, rel=1e-14)
    assert pytest.approx(C, rel=1e-10) == laws.chinchilla_cost(L=best.L_opt, **law).C
    model, data = law["A"] / best.N_opt ** law["alpha"], law["B"] / best.D_opt ** law["beta"]
    assert law["alpha"] * model == pytest.approx(law["beta"] * data, rel=1e-12)


def test_optima_broadcast_over_budgets_and_draws():
    many = laws.chinchilla_opt(C=np.array([1e20, 1e22]), **BESIROGLU)
    assert many.N_opt.shape == (2,)
    assert many.N_opt[1] == laws.chinchilla_opt(C=1e22, **BESIROGLU).N_opt
    draws = {name: np.full((3, 1), value) for name, value in BESIROGLU.items()}
    assert laws.chinchilla_opt(C=np.array([1e20, 1e22]), **draws).L_opt.shape == (3, 2)


def test_no_budget_reaches_the_floor():
    assert np.inf == laws.chinchilla_cost(L=1.8, **BESIROGLU).C


@SETS
@pytest.mark.parametrize("k", [0.1, 0.999999, 1.0, 2.0])
def test_a_wrong_size_costs_what_the_identity_says(law, k):
    C = 1e22
    best, wrong = laws.chinchilla_opt(C=C, **law), laws.chinchilla_offopt(C=C, k=k, **law)
    direct = loss(law, k * best.N_opt, best.D_opt / k)
    assert direct == pytest.approx(wrong.L, rel=1e-13)
    assert wrong.excess_L == pytest.approx(direct - best.L_opt, abs=1e-14)
    assert laws.chinchilla_cost(L=wrong.L, **law).C * wrong.C_over_Cequiv == pytest.approx(C, rel=1e-9)


def test_curvature_of_the_isoflop_curve():
    best, h = laws.chinchilla_opt(C=1e22, **BESIROGLU), 1e-3
    up, down = (laws.chinchilla_offopt(C=1e22, k=np.exp(x), **BESIROGLU).excess_L for x in (h, -h))
    known = laws.offopt_identity(k=1.0, alpha=BESIROGLU["alpha"], beta=BESIROGLU["beta"]).curvature_over_reducible
    assert (up + down) / h**2 / (best.L_opt - BESIROGLU["E"]) == pytest.approx(known, rel=1e-6)


@pytest.mark.parametrize(("u", "v", "kappa"), [(1.0, 1.0, 6.0), (1.1, 0.9, 5.0), (1.0, 2.0, 3.0)])
def test_the_general_budget(u, v, kappa):
    best = laws.twoterm_opt_general(C=1e21, u=u, v=v, kappa=kappa, **BESIROGLU)
    N = smallest(lambda N: loss(BESIROGLU, N, (1e21 / (kappa * N**u)) ** (1 / v)), 1e5, 1e14)
    assert best.N_opt == pytest.approx(N, rel=1e-6)
    assert kappa * best.N_opt**u * best.D_opt**v == pytest.approx(1e21, rel=1e-12)


def test_outer_exponents_do_not_move_the_optimum():
    coupled, C = laws.get("coupled").published["busbridge2025"], 1e21
    params = dict(coupled.params)
    q = params.pop("q")
    best = laws.chinchilla_opt(C=C, **params)
    N = smallest(lambda N: coupled.predict(N=N, D=C / (6 * N)), 1e6, 1e14)
    assert best.N_opt == pytest.approx(N, rel=1e-6)
    smooth = coupled.predict(N=best.N_opt, D=best.D_opt)
    assert smooth - params["E"] == pytest.approx((best.L_opt - params["E"]) ** q, rel=1e-12)


def test_coupled_and_pnorm_are_one_family():
    at = {"N": np.geomspace(1e8, 1e11, 5), "D": np.geomspace(1e12, 1e9, 5)}
    outer, norm = (laws.get(name).predict("busbridge2025", **at) for name in ("coupled", "pnorm"))
    np.testing.assert_allclose(outer, norm, rtol=1e-13)


def test_gadre_and_tied_chinchilla_are_one_law():
    gadre = laws.get("gadre_loss")
    params = gadre.published["gadre2024_c4"].params
    tied = {"E": params["E"], **{name: gadre.quantity(name, params) for name in ("A", "B", "alpha")}}
    N, D = np.geomspace(1e8, 1e10, 4), np.geomspace(1e11, 1e10, 4)
    same = laws.get("chinchilla_tied").predict(tied, N=N, D=D)
    np.testing.assert_allclose(gadre.predict(params, C=6 * N * D, M=D / N), same, rtol=1e-13)
    best = laws.chinchilla_opt(C=1e21, E=tied["E"], A=tied["A"], B=tied["B"], alpha=tied["alpha"], beta=tied["alpha"])
    assert laws.gadre_mstar(**params).M_star == pytest.approx(best.D_over_N, rel=1e-12)


@SETS
@pytest.mark.parametrize("D_inf", [0.0, 1e9, 1e12, 1e15])
@pytest.mark.parametrize("prices", [(6.0, 2.0), (15.0, 30.0)])
def test_serving_and_training_cost_least_together(law, D_inf, prices):
    target, (train, serve) = 2.1, prices
    best = laws.sardana(L_target=target, D_inf=D_inf, train_cost=train, inference_cost=serve, **law)

    def cost(N):
        left = target - law["E"] - law["A"] / N ** law["alpha"]
        return N * (train * (law["B"] / left) ** (1 / law["beta"]) + serve * D_inf) if left > 0 else np.inf

    smallest_model = (law["A"] / (target - law["E"])) ** (1 / law["alpha"])
    N = smallest(cost, smallest_model * (1 + 1e-9), 1e5 * smallest_model)
    assert pytest.approx(N, rel=1e-5) == best.N
    assert best.total_FLOPs == pytest.approx(cost(N), rel=1e-10)
    assert loss(law, best.N, best.D) == pytest.approx(target, rel=1e-13)
    model, data = law["A"] / best.N ** law["alpha"], law["B"] / best.D ** law["beta"]
    condition = law["alpha"] * model / (law["beta"] * data) / (1 + serve * D_inf / (train * best.D))
    assert condition == pytest.approx(1.0, rel=1e-12)


def test_serving_broadcasts_and_knows_what_cannot_be_reached():
    many = laws.sardana(L_target=np.array([[2.1], [2.4], [1.5]]), D_inf=np.array([0.0, 1e12]), **BESIROGLU)
    assert many.N.shape == (3, 2)
    assert many.N[0, 1] == laws.sardana(L_target=2.1, D_inf=1e12, **BESIROGLU).N
    assert np.isnan(many.N[2]).all()
    training_only = laws.chinchilla_cost(L=2.4, **BESIROGLU).C
    assert many.total_FLOPs[1, 0] == pytest.approx(training_only, rel=1e-12)


@pytest.mark.parametrize("given", [{}, {"L_target": 2.1, "N_ref": 1e9, "D_ref": 1e10}, {"N_ref": 1e9}])
def test_serving_needs_one_target(given):
    with pytest.raises(iso.DataError, match="L_target, or N_ref and D_ref"):
        laws.sardana(D_inf=1e12, **given, **BESIROGLU)


@SETS
@pytest.mark.parametrize(("n", "w"), [(3, 1.5), (11, 4.0), (40, 100.0)])
def test_the_parabola_is_that_of_polyfit(law, n, w):
    got = laws.isoflop_parabola(C=1e20, n=n, w=w, **law)
    x = np.linspace(np.log10(got.N_opt_true / w), np.log10(got.N_opt_true * w), n)
    bend, tilt, level = np.polyfit(x - x.mean(), loss(law, 10**x, 1e20 / (6 * 10**x)), 2)
    vertex = -tilt / (2 * bend)
    assert got.N_vertex == pytest.approx(10 ** (vertex + x.mean()), rel=1e-9)
    assert got.L_vertex == pytest.approx(level + vertex * (tilt + bend * vertex), rel=1e-12)


def test_the_parabola_is_right_where_the_exponents_agree():
    tied = laws.isoflop_parabola(C=1e20, n=9, w=8.0, E=1.87, A=521.0, B=1488.0, alpha=0.353, beta=0.353)
    assert tied.N_vertex == pytest.approx(tied.N_opt_true, rel=1e-12)


@pytest.mark.parametrize("N", [1e5, 1e8, 1e11])
def test_pearce_and_song_walk_along_optima(N):
    at = laws.pearce_song(N_nonemb=N, **BESIROGLU)
    total = N + 47491 * N ** (1 / 3)
    assert at.N_total == pytest.approx(total, rel=1e-14)

    def on_budget(small):
        return loss(BESIROGLU, small + 47491 * small ** (1 / 3), at.C_nonemb / (6 * small))

    assert smallest(on_budget, N / 100, N * 100) == pytest.approx(N, rel=1e-5)
    assert pytest.approx(on_budget(N), rel=1e-13) == at.L
    law = laws.get("pearce_song_nd")
    assert law.predict("epoch2024", N_nonemb=N, D=at.D) == pytest.approx(at.L, rel=1e-13)
    near = laws.pearce_song(N_nonemb=N * np.exp([-1e-4, 1e-4]), **BESIROGLU)
    slope = 2e-4 / np.diff(np.log(near.C_nonemb))[0]
    assert at.local_exponent == pytest.approx(slope, rel=1e-6)


def test_exponents_of_pearce_and_song_end_where_they_should():
    ends = laws.pearce_song(N_nonemb=np.array([1e-6, 1e25]), **BESIROGLU).local_exponent
    alpha, beta = BESIROGLU["alpha"], BESIROGLU["beta"]
    np.testing.assert_allclose(ends, [beta / (alpha / 3 + beta), beta / (alpha + beta)], rtol=1e-6)


def test_straight_lines_over_kaplans_sizes_have_the_slopes_in_print():
    # Section 3.8 of our reference: 0.787 and 0.750 with points even in log C, 0.794 and 0.758 in log N.
    law = laws.get("pearce_song_nd")
    for key, even_in_C, even_in_N in (("epoch2024", 0.787, 0.794), ("hoffmann2022", 0.750, 0.758)):
        N = np.geomspace(768, 1.5e9, 400)
        C = np.log(laws.pearce_song(N_nonemb=N, **law.published[key].params).C_nonemb)
        assert np.polyfit(C, np.log(N), 1)[0] == pytest.approx(even_in_N, abs=7e-4)
        even = np.linspace(C[0], C[-1], 400)
        assert np.polyfit(even, np.interp(even, C, np.log(N)), 1)[0] == pytest.approx(even_in_C, abs=6e-4)


def test_kaplans_frontier_is_the_best_use_of_compute():
    law, C = {"alphaN": 0.077, "alphaS": 0.76, "Nc": 6.5e13, "Sc": 2.1e3}, 10.0
    best = laws.kaplan_frontier(C_PFdays=C, alphaB=0.21, Bstar=2.1e8, **law)
    assert 6 * best.N * best.B_tokens * best.S == pytest.approx(C * 8.64e19, rel=1e-12)
    steps = laws.get("kaplan_ns")
    assert steps.predict(law, N=best.N, Smin=best.S) == pytest.approx(best.L, rel=1e-12)

    def compute(N):
        left = best.L - (6.5e13 / N) ** 0.077
        return 6 * N * best.B_tokens * 2.1e3 / left ** (1 / 0.76) if left > 0 else np.inf

    smallest_model = 6.5e13 * best.L ** (-1 / 0.077)
    assert smallest(compute, smallest_model * 1.000001, smallest_model * 1e4) == pytest.approx(best.N, rel=1e-5)
    k = 2.2
    ratio = compute(k * best.N) / compute(best.N)
    assert laws.kaplan_suboptimal(N_over_Neff=k, alphaN=0.077).C_ratio == pytest.approx(ratio, rel=1e-9)


def test_models_too_small_for_a_loss_have_no_cost():
    assert np.isnan(laws.kaplan_suboptimal(N_over_Neff=0.1).C_ratio)


def test_overfitting_is_the_excess_over_endless_data():
    law = laws.get("kaplan_nd")
    params = law.published["kaplan2020"].params
    ratio = law.predict("kaplan2020", N=1e9, D=2.2e10) / law.predict("kaplan2020", N=1e9, D=1e40)
    assert laws.kaplan_overfit(N=1e9, D=2.2e10, **params).dL == pytest.approx(ratio - 1, rel=1e-9)
    assert law.quantity("dL", params, N=1e9, D=2.2e10) == pytest.approx(ratio - 1, rel=1e-9)


def test_batches_trade_steps_for_tokens():
    law, B = laws.get("mccandlish"), np.geomspace(1e4, 1e8, 7)
    params = {"Smin": 2e4, "Emin": 3e10}
    S, tokens = law.quantity("S", params, B=B), law.predict(params, B=B)
    np.testing.assert_allclose((S / 2e4 - 1) * (tokens / 3e10 - 1), 1.0, rtol=1e-8)
    np.testing.assert_allclose(S * B, tokens, rtol=1e-14)
    run = laws.batch_adjust(L=3.0, S=1e5, B=524288)
    assert run.Smin * (1 + run.Bcrit_tokens / 524288) == pytest.approx(1e5, rel=1e-14)


def test_repeated_tokens_lose_their_worth():
    law = laws.get("muennighoff")
    params, U = law.published["muennighoff2023"].params, 1e10
    worth = law.quantity("D_eff", params, D=U * np.array([0.5, 1.0, 4.0, 1e4]), U=U)
    np.testing.assert_allclose(worth[:2], [0.5 * U, U], rtol=1e-14)  # one pass is a pass
    assert 3.6 * U < worth[2] < 4 * U  # four epochs: nearly new
    assert worth[3] == pytest.approx((1 + params["RD_star"]) * U, rel=1e-12)
    small = {"N": 1e8, "D": 5e9, "U": 5e9}
    tied = laws.get("chinchilla").predict("muennighoff2023_c4", N=small["N"], D=small["D"])
    assert law.predict("muennighoff2023", **small) == pytest.approx(tied, rel=1e-13)


def test_rectified_is_a_logistic_in_log_samples():
    law, D = laws.get("rectified"), np.geomspace(1.0, 1e8, 9)
    params = {"E": 1.2, "B": 900.0, "Dl": 280.0, "beta": 0.55}
    start, half = (law.quantity(name, params) for name in ("A0", "log_D_half"))
    logistic = 1.2 + (start - 1.2) / (1 + (D / np.exp(half)) ** 0.55)
    np.testing.assert_allclose(law.predict(params, D=D), logistic, rtol=1e-13)


def test_bnsl_is_the_product_that_the_paper_prints():
    law, X = laws.get("bnsl", breaks=3), np.geomspace(1e2, 1e22, 50)
    p = law.published["caballero2022_example"].params
    product = p["b"] * X ** -p["c0"]
    for i in (1, 2, 3):
        c, d, f = p[f"c{i}"], p[f"d{i}"], p[f"f{i}"]
        product *= (1 + (X / d) ** (1 / f)) ** (-c * f)
    np.testing.assert_allclose(law.predict(p, X=X), p["a"] + product, rtol=1e-11)


@pytest.mark.parametrize("T", [1, 5, 100])
def test_long_answers_make_sharp_scores(T):
    assert laws.seq_accuracy(L=np.log(10) / T, T=T).exact_match == pytest.approx(0.1, rel=1e-12)
    assert laws.seq_accuracy(L=-np.log(0.9) / T, T=T).exact_match == pytest.approx(0.9, rel=1e-12)
    law, params = laws.get("exact_match"), {"Nc": 1e9, "alpha": 0.3}
    token_loss = law.quantity("loss_per_token", params, N=1e10)
    expected = laws.seq_accuracy(L=token_loss, T=T)
    assert law.predict(params, N=1e10, T=T) == pytest.approx(expected.exact_match, rel=1e-12)
    assert law.quantity("edit_expect", params, N=1e10, T=T) == pytest.approx(expected.edit_expect, rel=1e-12)


def test_width_of_a_sigmoid_in_log_compute():
    law, params = laws.get("scalerl"), {"R0": 0.0, "A": 1.0, "B": 1.92, "C_mid": 2542.0}
    width = laws.logistic_width(B=1.92).C_ratio
    low, high = law.predict(params, C=2542.0 * width ** np.array([-0.5, 0.5]))
    assert (low, high) == (pytest.approx(0.1, rel=1e-12), pytest.approx(0.9, rel=1e-12))


def test_equivalent_compute_inverts_a_capability():
    C = laws.equivalent_compute(S=2.0, theta=0.5, nu=-20.0).C
    line = laws.get("capability").predict({"theta[llama]": 0.5, "nu[llama]": -20.0}, C=C, family="llama")
    assert line == pytest.approx(2.0, rel=1e-12)


@pytest.mark.parametrize("r", [0.0, 1e-9, 5e-4, -1e-3, 0.02])
def test_robust_losses(r):
    got = laws.huber(r=r, delta=1e-3)
    inside = abs(r) <= 1e-3
    assert got.rho == pytest.approx(r * r / 2 if inside else 1e-3 * (abs(r) - 5e-4), rel=1e-14)
    assert got.pseudo_huber == pytest.approx(1e-6 * (np.hypot(1, r / 1e-3) - 1), rel=1e-6, abs=1e-21)
    assert got.pseudo_huber <= got.rho <= r * r / 2 * (1 + 1e-14)


def test_sizes_outside_the_table_are_refused():
    with pytest.raises(iso.DataError, match=r"4e8 to 1e13.*\n\nHint: "):
        laws.hoffmann_optimum(N=1e8)
