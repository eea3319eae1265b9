"""`compute_optimal` against closed forms, published vectors, brute force and its own other roads."""

from __future__ import annotations

import csv
import json
import pickle

import numpy as np
import pytest

import isoflop as iso
from isoflop import laws

from .catalogue import DATA

BESIROGLU = {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}
EPOCH = laws.get("chinchilla").published["epoch2024"]
MUENNIGHOFF = laws.get("muennighoff").published["muennighoff2023"]
MOE = laws.get("ludziejewski").published["ludziejewski2025"]


def vectors(law):
    """Return (id, params, inputs, outputs) per case of law_vectors.csv."""
    cases = {}
    with (DATA / "law_vectors.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["law"] == law:
                case = cases.setdefault(row["id"], (values(row["params"]), values(row["inputs"]), {}))
                case[2][row["output"]] = float(row["value"])
    return [pytest.param(*case, id=name) for name, case in cases.items()]


def values(text):
    return {k: float(v) for k, v in (pair.split("=") for pair in text.split(";") if pair)}


def optimum(law, params, **options):
    return iso.compute_optimal((law, params), **options)


# ---- published vectors and closed forms


@pytest.mark.parametrize(("params", "inputs", "out"), vectors("chinchilla_opt"))
def test_chinchilla_vectors(params, inputs, out):
    best = optimum("chinchilla", params, C=inputs["C"])
    assert pytest.approx(out["N_opt"], rel=1e-12) == best.N
    assert pytest.approx(out["D_opt"], rel=1e-12) == best.D
    assert best.tokens_per_param == pytest.approx(out["D_over_N"], rel=1e-12)
    assert best.loss == pytest.approx(out["L_opt"], rel=1e-14)
    assert pytest.approx(inputs["C"], rel=1e-12) == best.C


@pytest.mark.parametrize(("params", "inputs", "out"), vectors("chinchilla_cost"))
def test_smallest_budget_vectors(params, inputs, out):
    best = optimum("chinchilla", params, loss=inputs["L"])
    assert best.cost == pytest.approx(out["C"], rel=1e-11)
    assert best.loss == pytest.approx(inputs["L"], rel=1e-13)
    assert (best.unit, best.cost_unit) == ("loss", "FLOP")


@pytest.mark.parametrize(("params", "inputs", "out"), vectors("twoterm_opt_general"))
def test_a_budget_of_powers(params, inputs, out):
    of = {k: params[k] for k in ("kappa", "u", "v")}
    law = {k: v for k, v in params.items() if k not in of}
    best = optimum("chinchilla", law, C=inputs["C"], cost=f"{of['kappa']} * N**{of['u']} * D**{of['v']}")
    assert (best.N, best.D, best.loss) == pytest.approx((out["N_opt"], out["D_opt"], out["L_opt"]), rel=1e-12)


@pytest.mark.parametrize(("params", "inputs", "out"), vectors("sardana"))
def test_served_models(params, inputs, out):
    best = optimum("chinchilla", params, loss=out["L_target"], lifetime_tokens=inputs["D_inf"])
    assert pytest.approx(out["N"], rel=1e-9) == best.N
    assert pytest.approx(out["D"], rel=1e-9) == best.D
    assert best.cost == pytest.approx(out["total_FLOPs"], rel=1e-9)
    assert pytest.approx(6 * out["N"] * out["D"], rel=1e-9) == best.C


@pytest.mark.parametrize(("params", "inputs", "out"), vectors("ludziejewski_opt"))
def test_joint_law_of_experts(params, inputs, out):
    best = optimum("ludziejewski", params, C=inputs["C"], held={"experts": inputs["experts"]})
    assert (best.N, best.D, best.loss) == pytest.approx((out["N_act_opt"], out["D_opt"], out["L_opt"]), rel=1e-12)


@pytest.mark.parametrize(("params", "inputs", "out"), vectors("muennighoff"))
def test_tokens_that_a_repeated_run_needs(params, inputs, out):
    """The law's own loss at (N, D, U), asked the other way round, gives back D."""
    of = {k: v for k, v in params.items() if k in laws.get("muennighoff").parameters}
    at = iso.overtraining(("muennighoff", of), N=inputs["N"], loss=out["L"], unique_tokens=inputs["U"])
    point = {name: inputs[name] for name in ("N", "U")}
    assert laws.get("muennighoff").predict(of, D=at.D, **point) == pytest.approx(out["L"], rel=1e-12)
    if inputs["D"] < 100 * inputs["U"]:  # 999 repeats have used the data up: the loss is flat in D
        assert pytest.approx(inputs["D"], rel=1e-9) == at.D


def test_the_planning_example_of_repeated_data():
    """Muennighoff et al.: 1e22 FLOP and 25e9 tokens, 9.49 epochs of a model of 7.02e9 on their grid."""
    best = iso.compute_optimal(MUENNIGHOFF, C=1e22, unique_tokens=25e9)
    assert pytest.approx(2.37337e11, rel=2e-3) == best.D
    assert pytest.approx(7.0224e9, rel=2e-3) == best.N
    grid = np.geomspace(best.N / 30, best.N * 30, 200_001)
    loss = MUENNIGHOFF.predict(N=grid, D=1e22 / (6 * grid), U=25e9)
    assert best.loss <= loss.min()
    assert pytest.approx(grid[loss.argmin()], rel=1e-3) == best.N


@pytest.mark.parametrize("p", [0.85, 1.0, 2.0, 4.0])
def test_pnorm_closed_form(p):
    """ln N_opt = [ln A - ln B + (ln alpha - ln beta)/p]/(alpha + beta) + a ln(C/6)."""
    params = {**BESIROGLU, "p": p}
    A, B, alpha, beta = (BESIROGLU[k] for k in ("A", "B", "alpha", "beta"))
    C = np.array([1e19, 1e22, 1e25])
    best = optimum("pnorm", params, C=C)
    share = beta / (alpha + beta)
    log_N = (np.log(A / B) + np.log(alpha / beta) / p) / (alpha + beta) + share * np.log(C / 6)
    assert pytest.approx(np.exp(log_N), rel=1e-11) == best.N


def test_kaplan_closed_form():
    """((Nc/N)^(aN/aD) + Dc/D)^aD has the optimum of the two terms inside."""
    params = {"Nc": 8.8e13, "Dc": 5.4e13, "alphaN": 0.076, "alphaD": 0.095}
    r = params["alphaN"] / params["alphaD"]
    inner = laws.chinchilla_opt(C=1e23, E=0.0, A=params["Nc"] ** r, alpha=r, B=params["Dc"], beta=1.0)
    best = optimum("kaplan_nd", params, C=1e23)
    assert pytest.approx(inner.N_opt, rel=1e-11) == best.N
    assert best.loss == pytest.approx(inner.L_opt ** params["alphaD"], rel=1e-12)


# ---- brute force


def brute(law, params, C, cost_of, held=None, N=(1e5, 1e14)):
    """Return the best of a fine grid of sizes, refined twice; cost_of(N) = (fixed, per token)."""
    low, high = N
    for _ in range(3):
        grid = np.geomspace(low, high, 20_001)
        fixed, price = cost_of(grid)
        D = (C - fixed) / price
        loss = np.full(len(grid), np.inf)
        ok = D > 1
        loss[ok] = law.predict(params, N=grid[ok], D=D[ok], **(held or {}))
        k = int(loss.argmin())
        low, high = grid[max(k - 2, 0)], grid[min(k + 2, len(grid) - 1)]
    return grid[k], loss[k]


@pytest.mark.parametrize("seed", range(6))
def test_random_laws_against_a_grid(seed):
    rng = np.random.default_rng(seed)
    alpha, beta, p = rng.uniform(0.15, 0.8), rng.uniform(0.15, 0.8), rng.uniform(0.5, 4)
    params = {"E": rng.uniform(0, 3), "A": 0.4 * 1e9**alpha, "B": 0.4 * 3e10**beta, "alpha": alpha, "beta": beta}
    C, lifetime = 10.0 ** rng.uniform(19, 25), 10.0 ** rng.uniform(9, 12)
    law, params = (("pnorm", {**params, "p": p}), ("chinchilla", params))[seed % 2]
    N, loss = brute(laws.get(law), params, C, lambda n: (2 * n * lifetime, 6 * n + 3e4 * n**0.5))
    best = optimum(law, params, C=C, cost="(6*N + 3e4*N**0.5)*D", lifetime_tokens=lifetime)
    assert best.loss <= loss * (1 + 1e-12)
    assert pytest.approx(N, rel=1e-3) == best.N
    assert best.cost == pytest.approx(C, rel=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_repeated_data_against_a_grid(seed):
    rng = np.random.default_rng(seed)
    params = {**MUENNIGHOFF.params, "RD_star": rng.uniform(2, 40), "RN_star": rng.uniform(1, 20)}
    C, U = 10.0 ** rng.uniform(19, 24), 10.0 ** rng.uniform(8.5, 11.5)
    N, loss = brute(laws.get("muennighoff"), params, C, lambda n: (0, 6 * n), {"U": U})
    best = optimum("muennighoff", params, C=C, unique_tokens=U)
    assert best.loss <= loss * (1 + 1e-12)
    beside = laws.get("muennighoff").predict(params, N=1.05 * N, D=C / (6.3 * N), U=U)
    if beside > loss * (1 + 1e-9):  # or the data are used up, and many sizes are as good to the last digit
        assert pytest.approx(N, rel=1e-3) == best.N


def test_of_two_hollows_the_deeper_one_is_found():
    """A law with a bump in N has two minima on the budget; which is deeper turns with the bump's place."""
    law = iso.Law("E + A / N**alpha + B / D**beta + h * exp(-(log(N) - m)**2)", real=("m",))
    found = []
    for m in (24.5, 25.5):
        params = {**BESIROGLU, "h": 0.4, "m": m}
        N, loss = brute(law, params, 5.76e23, lambda n: (0, 6 * n))
        best = iso.compute_optimal((law, params), C=5.76e23)
        assert best.loss == pytest.approx(loss, rel=1e-9)
        assert pytest.approx(N, rel=1e-3) == best.N
        found.append(best.N)
    assert found[0] > np.exp(25) > found[1]


def test_experts_against_a_grid_of_sizes_and_experts():
    experts = np.geomspace(1, 24, 400)
    N = np.geomspace(1e9, 4e10, 400)[:, None]
    total = 1 / 3 + 2 / 3 * experts
    best = iso.compute_optimal(
        MOE, C=1e22, over={"experts": (1, 24)}, cost="6*N_act*D + 1e11*N_act*(1/3 + 2/3*experts)"
    )
    D = (1e22 - 1e11 * N * total) / (6 * N)
    loss = np.where(D > 0, MOE.predict(N_act=N, D=np.maximum(D, 1), experts=experts), np.inf)
    i, j = np.unravel_index(loss.argmin(), loss.shape)
    assert best.loss <= loss.min()
    assert best.loss == pytest.approx(loss.min(), rel=1e-5)
    assert pytest.approx(float(N[i, 0]), rel=0.03) == best.N
    assert best.over["experts"] == pytest.approx(experts[j], rel=0.03)


def test_experts_at_equal_memory():
    """The size follows from memory and experts, so only the experts are free."""
    best = iso.compute_optimal(
        MOE, C=1e22, over={"experts": (1, 32)}, held={"N_act": "memory / (1/3 + 2/3*experts)", "memory": 1e10}
    )
    experts = np.linspace(1, 32, 100_001)
    N = 1e10 / (1 / 3 + 2 / 3 * experts)
    loss = MOE.predict(N_act=N, D=1e22 / (6 * N), experts=experts)
    assert best.over["experts"] == pytest.approx(experts[loss.argmin()], abs=1e-3)
    assert best.loss == pytest.approx(loss.min(), rel=1e-10)
    assert pytest.approx(1e10 / (1 / 3 + 2 / 3 * best.over["experts"]), rel=1e-12) == best.N
    low, high = best.near[0.02]
    edge = MOE.predict(N_act=low, D=1.02e22 / (6 * low), experts=(1e10 / low - 1 / 3) * 1.5)
    assert low < best.N < high
    assert edge == pytest.approx(best.loss, rel=1e-9)


def test_sparsity_is_free_within_its_range():
    abnar = laws.get("abnar").published["abnar2025"]
    best = iso.compute_optimal(abnar, C=1e21, over={"S": (0.0, 0.95)}, cost="6*N*(1 - S)*D")
    S, N = np.linspace(0, 0.95, 96), np.geomspace(1e8, 1e12, 2_000)[:, None]
    loss = abnar.predict(N=N, D=1e21 / (6 * N * (1 - S)), S=S)
    i, j = np.unravel_index(loss.argmin(), loss.shape)
    assert best.loss <= loss.min() + 1e-12
    assert best.over["S"] == pytest.approx(S[j], abs=0.011)
    assert any("S is at the highest" in note for note in best.notes)
    assert pytest.approx(float(N[i, 0]), rel=0.05) == best.N


# ---- draws


@pytest.fixture(scope="module")
def runs():
    grid = {"N": np.repeat(np.geomspace(5e7, 5e9, 8), 6), "D": np.tile(np.geomspace(1e9, 3e11, 6), 8)}
    return iso.simulate("chinchilla", grid, noise=0.004, rng=3)


@pytest.fixture(scope="module")
def fit(runs):
    return iso.fit(runs)


@pytest.fixture(scope="module")
def boot(fit):
    return fit.bootstrap(2_000, rng=0)


def test_every_draw_is_solved_as_if_alone(boot):
    C = np.array([1e21, 1e24])
    best = iso.compute_optimal(boot, C=C)
    assert best.draws["N"].shape == (2, boot.ok.sum())
    for i in (0, 7, 300, 1999):
        alone = optimum("chinchilla", dict(zip(boot.names, boot.draws[boot.ok][i], strict=True)), C=C)
        np.testing.assert_allclose(best.draws["N"][:, i], alone.N, rtol=1e-13)
        np.testing.assert_allclose(best.draws["loss"][:, i], alone.loss, rtol=1e-14)


def test_draws_are_those_of_the_closed_form(boot):
    C = np.geomspace(1e20, 1e26, 4)
    best = iso.compute_optimal(boot, C=C)
    draws = dict(zip(boot.names, boot.draws[boot.ok].T, strict=True))
    exact = laws.chinchilla_opt(C=C[:, None], **draws)
    np.testing.assert_allclose(best.draws["N"], exact.N_opt, rtol=1e-11)
    np.testing.assert_allclose(best.draws["loss"], exact.L_opt, rtol=1e-13)
    low, high = np.quantile(exact.N_opt, [0.025, 0.975], axis=1, method="weibull")
    np.testing.assert_allclose(best.N_low, low, rtol=1e-9)
    np.testing.assert_allclose(best.interval("N")[1], high, rtol=1e-9)


@pytest.mark.parametrize("options", [{"C": [1e21, 1e24]}, {"loss": [2.3, 2.0]}, {"C": 1e23, "lifetime_tokens": 1e12}])
def test_same_bits_for_any_number_of_threads(boot, options):
    one, three = (iso.compute_optimal(boot, n_threads=n, **options) for n in (1, 3))
    for name in ("N", "D", "loss", "cost"):
        assert np.array_equal(one.draws[name], three.draws[name])
    assert np.array_equal(one.N, three.N)


def test_smallest_budgets_of_draws(boot):
    best = iso.compute_optimal(boot, loss=2.2)
    draws = dict(zip(boot.names, boot.draws[boot.ok].T, strict=True))
    exact = laws.chinchilla_cost(L=2.2, **draws).C
    np.testing.assert_allclose(best.draws["cost"][0], exact, rtol=1e-9)
    assert best.cost_low < best.cost < best.cost_high


def test_draws_that_never_reach_a_loss_cost_infinitely_much(boot):
    floors = boot.draws[boot.ok][:, boot.names.index("E")]
    target = float(np.quantile(floors, 0.3))
    with pytest.raises(iso.DataError, match="no budget reaches"):
        iso.compute_optimal(boot, loss=target)
    shifted = float(max(boot.fit.params["E"] * 1.002, np.quantile(floors, 0.6)))
    best = iso.compute_optimal(boot, loss=shifted)
    never = (floors >= shifted).mean()
    assert np.isinf(best.draws["cost"]).mean() == pytest.approx(never, abs=0.02)
    assert best.cost_high == np.inf
    assert any("have no optimum" in note for note in best.notes)


def test_a_fit_is_refitted_on_the_spot(fit):
    best = iso.compute_optimal(fit, C=1e23, n_draws=300, rng=5)
    same = iso.compute_optimal(fit.bootstrap(300, rng=5), C=1e23)
    assert np.array_equal(best.draws["N"], same.draws["N"])
    assert best.interval("N") == same.interval("N")
    assert any("300 refits by" in note for note in best.notes)
    assert iso.compute_optimal(fit, C=1e23, n_draws=0).draws is None


def test_draws_around_a_cell_have_its_covariance(fit):
    from isoflop._optimum._sample_draws import gaussian

    draws = np.log(gaussian(fit.law, fit.names, fit.theta, fit.covariance, 40.0, 40_000, 1))
    white = np.linalg.solve(np.linalg.cholesky(fit.covariance), (draws - np.log(fit.theta)).T)
    np.testing.assert_allclose(white.mean(axis=1), 0, atol=0.03)
    np.testing.assert_allclose(np.cov(white), np.eye(5) * 40 / 38, atol=0.05)


def test_a_forecaster_averages_its_covariances(runs):
    model = iso.forecaster(runs)
    best = iso.compute_optimal(model, C=[1e22, 1e24])
    truth = laws.chinchilla_opt(C=np.array([1e22, 1e24]), **EPOCH.params)
    assert ((best.N_low < truth.N_opt) & (truth.N_opt < best.N_high)).all()
    band = model.band(N=best.N, D=best.D, kind="mean")
    np.testing.assert_allclose(best.loss, band["estimate"].to_numpy(), rtol=1e-12)
    np.testing.assert_allclose(best.loss_low, band["low"].to_numpy(), rtol=1e-12)
    np.testing.assert_allclose(6 * best.N * best.D, best.budget, rtol=1e-9)
    log_N = np.log(best.draws["N"])
    np.testing.assert_allclose(np.log(best.N), np.median(log_N, axis=1), atol=0.25 * log_N.std(axis=1).min())


def test_several_laws_of_a_forecaster_are_averaged(runs):
    model = iso.forecaster(runs, law=["chinchilla", "pnorm"], law_weights=[0.75, 0.25])
    best = iso.compute_optimal(model, C=1e23, n_draws=1_000)
    assert best.draws["N"].shape == (1, 1_000)
    assert best.N_low < best.N < best.N_high


def test_a_level_is_held():
    grid = {"N": np.geomspace(1e8, 1e10, 12).repeat(2), "D": np.tile(np.geomspace(2e9, 2e11, 8), 3)}
    loss = laws.get("chinchilla").predict(BESIROGLU, **grid) + np.where(np.arange(24) % 2, 0.3, 0.0)
    table = {**grid, "family": np.array(["a", "b"])[np.arange(24) % 2], "loss": loss}
    fit = iso.fit(table, iso.Law("E[family] + A / N**alpha + B / D**beta"))
    a, b = (iso.compute_optimal(fit, C=1e22, held={"family": f}, n_draws=0) for f in "ab")
    assert b.loss - a.loss == pytest.approx(0.3, abs=1e-4)
    assert pytest.approx(b.N, rel=1e-6) == a.N
    with pytest.raises(iso.DataError, match="say which"):
        iso.compute_optimal(fit, C=1e22)


# ---- properties


def test_more_budget_is_never_worse():
    C = np.geomspace(1e18, 1e27, 40)
    for options in ({}, {"N": (1e8, 1e11)}, {"tokens_per_param": (10, 40)}, {"sizes": [1e9, 7e9, 7e10]}):
        best = iso.compute_optimal(EPOCH, C=C, **options)
        assert (np.diff(best.loss) < 0).all()
        assert (np.diff(best.N) >= 0).all()


def test_near_optimal_ranges():
    C = np.geomspace(1e20, 1e25, 5)
    best = iso.compute_optimal(EPOCH, C=C, near=(0.01, 0.02, 0.1))
    before = (best.N, best.N)
    for share, (low, high) in best.near.items():
        assert (low < before[0]).all()
        assert (high > before[1]).all()
        for N in (low, high):
            np.testing.assert_allclose(EPOCH.predict(N=N, D=(1 + share) * C / (6 * N)), best.loss, rtol=1e-12)
        before = (low, high)


def test_near_optimal_range_is_that_of_the_offopt_identity():
    """A model of k times the best size wastes C_over_Cequiv - 1 of the compute."""
    best = iso.compute_optimal(EPOCH, C=1e23)
    for share, ends in best.near.items():
        for N in ends:
            D = (1 + share) * 1e23 / (6 * N)
            own = laws.chinchilla_opt(C=6 * N * D, **EPOCH.params).N_opt
            waste = laws.offopt_identity(k=N / own, alpha=EPOCH.params["alpha"], beta=EPOCH.params["beta"])
            assert waste.C_over_Cequiv == pytest.approx(1 + share, rel=1e-9)


def test_loss_is_the_inverse_of_budget():
    there = iso.compute_optimal(EPOCH, C=np.geomspace(1e20, 1e25, 7), lifetime_tokens=1e12, D=(1e9, 1e12))
    back = iso.compute_optimal(EPOCH, loss=there.loss, lifetime_tokens=1e12, D=(1e9, 1e12))
    np.testing.assert_allclose(back.cost, there.budget, rtol=1e-8)
    np.testing.assert_allclose(back.N, there.N, rtol=1e-6)


# ---- other sizes than the best one


@pytest.mark.parametrize(("params", "inputs", "out"), vectors("chinchilla_offopt"))
def test_extra_compute_is_that_of_the_vectors(params, inputs, out):
    own = {k: params[k] for k in BESIROGLU}
    best = optimum("chinchilla", own, C=inputs["C"])
    at = iso.overtraining(("chinchilla", own), N=inputs["k"] * best.N, C=inputs["C"])
    assert at.loss == pytest.approx(out["L"], rel=1e-12)
    assert at.extra_compute == pytest.approx(out["C_over_Cequiv"], rel=1e-9)


def test_break_even_is_where_both_cost_the_same(boot):
    at = iso.overtraining(boot, N=[8e9, 2e10, 3e11], C=1e24)
    small = slice(0, 2)
    served = at.break_even_tokens[small]
    ours = at.cost[small] + 2 * at.N[small] * served
    best = at.cost_opt[small] + 2 * at.N_opt[small] * served
    np.testing.assert_allclose(ours, best, rtol=1e-12)
    assert np.isnan(at.break_even_tokens[2])
    assert any("never pays" in note for note in at.notes)
    low, high = at.interval("extra_compute")
    assert ((low <= at.extra_compute) & (at.extra_compute <= high)).all()
    assert at.to_frame().shape == (3, 20)
    json.dumps(at.to_dict())
    assert "pays from" in at.summary()


def test_a_size_that_never_reaches_the_loss():
    with pytest.raises(iso.DataError, match=r"reaches no loss of 1\.9"):
        iso.overtraining(EPOCH, N=1e9, loss=1.9)
    with pytest.raises(iso.DataError, match="does not pay for"):
        iso.overtraining(EPOCH, N=1e12, C=1e10)


# ---- how it is read


def test_shapes_frames_and_texts(boot):
    one, many = iso.compute_optimal(boot, C=1e23), iso.compute_optimal(boot, C=[1e22, 1e23, 1e24])
    assert isinstance(one.N, float)
    assert isinstance(one.near[0.02][0], float)
    assert many.N.shape == many.N_low.shape == many.near[0.1][1].shape == (3,)
    assert many.N[1] == one.N
    names = ["budget", "C", *(f"{q}{e}" for q in ("N", "D", "tokens_per_param", "loss") for e in ("", "_low", "_high"))]
    assert many.to_frame().columns == [*names, "near_2_low", "near_2_high", "near_10_low", "near_10_high"]
    assert json.loads(json.dumps(many.to_dict()))["unit"] == "FLOP"
    assert "95 %" in many.summary()
    assert len(repr(many).splitlines()) == 4
    assert "<table" in many._repr_html_()
    back = pickle.loads(pickle.dumps(many))
    assert np.array_equal(back.N_high, many.N_high)
    assert "N_low" in dir(one)
    with pytest.raises(iso.DataError, match="no interval of 'alpha'"):
        one.interval("alpha")


# ---- measured runs


def test_chinchilla_points_give_ten_to_thirty_tokens_per_parameter(epoch):
    boot = iso.fit(epoch, "chinchilla").bootstrap(4_000, rng=0)
    best = iso.compute_optimal(boot, C=5.76e23, level=0.8)
    assert pytest.approx(laws.chinchilla_opt(C=5.76e23, **boot.fit.params).N_opt, rel=1e-11) == best.N
    assert 8 < best.tokens_per_param_low < 15
    assert 22 < best.tokens_per_param_high < 36
    assert best.tokens_per_param == pytest.approx(18.4, abs=1.5)


def test_sizes_beyond_what_is_looked_at_are_refused():
    with pytest.raises(iso.DataError, match=r"(?s)no size is allowed.*sizes from 1 to 1e\+18"):
        iso.compute_optimal(EPOCH, C=1e21, N=(2e18, 1e20))
    with pytest.raises(iso.DataError, match="sizes from 1 to"):
        iso.compute_optimal(EPOCH, loss=2.2, N=(0.01, 0.5))
