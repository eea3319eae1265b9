"""Plans of runs: against independent linear algebra, what they promise, and what they refuse."""

from __future__ import annotations

import itertools
import json
import pickle
import re
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student

import isoflop as iso
from isoflop import _demo, _engine
from isoflop._design._known import Made
from isoflop._design._target import Version, target_of

from .benches import bench_module

designs = bench_module("designs", importable=True)
bench = bench_module("plan_designs")

E, A, B, ALPHA, BETA = (designs.TRUTH[name] for name in ("E", "A", "B", "alpha", "beta"))
PNORM = iso.laws.get("pnorm")
NAMES = ("A", "B", "E", "alpha", "beta", "p")
#: Standard deviations of the weak priors on logarithms, in the order of NAMES.
PRIOR = np.diag([0, 0, 0.25**-2, 0.35**-2, 0.35**-2, 1.0])
SIGMA, TARGET = 0.005, 1e24
KNOWN = (PNORM, {**designs.TRUTH, "p": 1.0})


def gradient(n, d, p, params=designs.TRUTH):
    """Return d ln L by the logarithms of NAMES, as statistics say it."""
    u = np.log(params["A"]) - params["alpha"] * np.log(n)
    v = np.log(params["B"]) - params["beta"] * np.log(d)
    t = np.logaddexp(p * u, p * v) / p
    first = np.exp(p * (u - t))
    second = 1 - first
    w = np.exp(t) / (params["E"] + np.exp(t))
    by_alpha, by_beta = params["alpha"] * np.log(n), params["beta"] * np.log(d)
    columns = w * first, w * second, 1 - w, -w * first * by_alpha, -w * second * by_beta
    return np.stack([*columns, w * (first * u + second * v - t)], axis=-1)


def log_size(theta, c=TARGET):
    """Return ln N_opt of the logarithms of NAMES."""
    a, b, _, alpha, beta, p = theta
    level = a - b + (alpha - beta) / np.exp(p)
    return (level + np.exp(beta) * np.log(c / 6)) / (np.exp(alpha) + np.exp(beta))


def size_gradient(p, params=designs.TRUTH):
    """Return d ln N_opt by the logarithms of NAMES, by differences of the closed form."""
    theta = np.log([params[name] for name in NAMES[:5]] + [p])
    step = 1e-6 * np.eye(6)
    return np.array([(log_size(theta + h) - log_size(theta - h)) / 2e-6 for h in step])


def numpy_errors(n, d, information=PRIOR, shapes=(1.0, 2.0), c=TARGET):
    """Return the errors of ln loss and ln N_opt, geometric means over p."""
    logs = []
    for p in shapes:
        slopes = gradient(n, d, p) / SIGMA
        inverse = np.linalg.inv(information + slopes.T @ slopes)
        theta = np.log([designs.TRUTH[name] for name in NAMES[:5]] + [p])
        best = np.exp(log_size(theta, c))
        targets = gradient(best, c / 6 / best, p), size_gradient(p)
        logs.append([np.log(g @ inverse @ g) for g in targets])
    return np.exp(0.5 * np.mean(logs, axis=0))


@pytest.fixture(scope="module")
def plan():
    return iso.plan_runs(KNOWN, sigma=SIGMA, budget=1e22, target_C=TARGET, k=12)


@pytest.fixture(scope="module")
def demo():
    return iso.read_runs(_demo.PATH, loss="loss", N="params", D="tokens")


# ---- the numbers


@pytest.mark.parametrize("p", [0.85, 1.0, 2.0])
def test_gradients_are_those_of_the_closed_form(p):
    version = Version(PNORM, {**designs.TRUTH, "p": p}, NAMES, {})
    n, d = np.array([2e7, 1e9, 3e10]), np.array([1e10, 2e9, 6e11])
    np.testing.assert_allclose(version.at(n, d), gradient(n, d, p), rtol=1e-9, atol=1e-12)
    target = target_of(version, TARGET)
    theta = np.log([designs.TRUTH[name] for name in NAMES[:5]] + [p])
    assert pytest.approx(np.exp(log_size(theta)), rel=1e-6) == target.N
    np.testing.assert_allclose(target.gradients[1], size_gradient(p), rtol=2e-5, atol=1e-6)


def test_errors_are_those_of_plain_linear_algebra(plan):
    n, d = plan.columns["N"], plan.columns["D"]
    loss, size = numpy_errors(n, d)
    assert plan.after.loss_error == pytest.approx(loss, rel=1e-4)
    assert plan.after.N_opt_error == pytest.approx(size, rel=1e-4)
    z = 1.959964
    assert plan.after.loss_high == pytest.approx(plan.after.loss * np.exp(z * loss), rel=1e-4)
    assert plan.after.N_opt_low == pytest.approx(plan.after.N_opt * np.exp(-z * size), rel=1e-4)


def test_no_exchange_of_a_run_for_another_candidate_improves_the_plan(plan):
    """Brute force over a grid of its own, so that the search cannot hide behind its candidates."""
    n, d = plan.columns["N"], plan.columns["D"]
    best = np.log(numpy_errors(n, d)).sum()
    for i in range(0, 12, 3):
        room = min(1e22 - plan.columns["cost"].sum() + plan.columns["cost"][i], 2.5e21)
        for c, ratio in itertools.product(np.geomspace(1e18, room, 7), np.geomspace(2.1, 480, 7)):
            other_n, other_d = n.copy(), d.copy()
            other_n[i] = np.sqrt(c / 6 / ratio)
            other_d[i] = ratio * other_n[i]
            assert np.log(numpy_errors(other_n, other_d)).sum() > best - 0.01


def test_runs_already_made_count_with_the_noise_that_their_groups_share():
    n = np.repeat(np.geomspace(1e8, 4e9, 8), 4)
    d = n * np.tile([5.0, 20.0, 60.0, 160.0], 8)
    runs = Made({"N": n, "D": d}, np.ones(32), np.repeat(np.arange(8), 4), 0.6)
    slopes = gradient(n, d, 1.0)
    together = np.repeat(np.arange(8), 4)[:, None] == np.repeat(np.arange(8), 4)
    wanted = slopes.T @ np.linalg.solve(0.4 * np.eye(32) + 0.6 * together, slopes)
    np.testing.assert_allclose(runs.information(slopes), wanted, rtol=1e-9)
    assert runs.units == 8


def forecast_errors(model, n, d):
    """Return errors of ln loss and ln N_opt by a forecaster's error structures once n, d are run, in dense matrices."""
    part, columns = model.components[0], model.components[0].problem.table["columns"]
    keep = np.flatnonzero(part.weight > 1e-3)
    weights = part.weight[keep] / part.weight[keep].sum()
    here = dict(model.params)
    best = np.exp(log_size(np.log([here[name] for name in NAMES])))
    whole_n, whole_d = np.concatenate([columns["N"], n, [best]]), np.concatenate([columns["D"], d, [TARGET / 6 / best]])
    x, z = np.log(whole_n), np.log(whole_d)
    square = (x[:, None] - x) ** 2 + (z[:, None] - z) ** 2
    groups = np.arange(len(x)) if part.field["groups"] is None else part.field["groups"]
    groups = np.concatenate([groups[: len(columns["N"])], 10_000 + np.arange(len(n) + 1)])
    found, sizes = [], []
    for i in keep:
        share, length, group, lasting = part.cells[i][:4]
        theta, s2 = dict(zip(part.fit.names, part.theta[i], strict=True)), part.variance[i]
        shared = share * np.exp(-0.5 * square / length**2)
        alike = (groups[:, None] == groups) * (lasting + (1 - lasting) * np.exp(-0.5 * np.abs(z[:, None] - z)))
        k = shared + (1 - share) * (group * alike + (1 - group) * np.eye(len(x)))
        slopes = gradient(whole_n, whole_d, theta["p"], theta)
        near = np.linalg.solve(k[:-1, :-1], shared[:-1, -1])
        inverse = np.linalg.inv(slopes[:-1].T @ np.linalg.solve(k[:-1, :-1], slopes[:-1]) / s2 + PRIOR)
        left, by_size = slopes[-1] - near @ slopes[:-1], size_gradient(theta["p"], theta)
        discrepancy = s2 * (share - near @ shared[:-1, -1])
        found.append([discrepancy + left @ inverse @ left, by_size @ inverse @ by_size])
        sizes.append(log_size(np.log([theta[name] for name in NAMES])))
    now = model.forecast(N=best, D=TARGET / 6 / best)
    between = [now.shares["form"] * now.sd**2, weights @ (sizes - weights @ sizes) ** 2]
    return np.sqrt(weights @ np.array(found) + between)


@pytest.mark.parametrize("grouped", [False, True])
def test_plans_upon_runs_have_the_errors_of_the_forecaster(grouped, demo):
    runs = demo
    if grouped:
        n = np.repeat(np.geomspace(7e7, 2e9, 9), 4)
        table = {"N": n, "D": n * np.tile([5.0, 16.0, 50.0, 160.0], 9), "run": np.repeat(np.arange(9), 4)}
        runs = iso.simulate(PNORM, table, params=KNOWN[1] | {"p": 1.4}, noise=0.002, groups="run", group_noise=0.004)
    plan = iso.plan_runs(runs, budget=1e22, target_C=TARGET, k=6)
    model = iso.forecaster(runs)
    wanted = forecast_errors(model, plan.columns["N"], plan.columns["D"])
    assert [plan.after.loss_error, plan.after.N_opt_error] == pytest.approx(wanted, rel=1e-3)
    now = model.forecast(N=plan.before.N_opt, D=TARGET / 6 / plan.before.N_opt)
    assert plan.before.loss == pytest.approx(now.loss, rel=1e-4)
    assert plan.before.loss_low == pytest.approx(now.mean_low, rel=1e-4)
    assert plan.before.loss_high == pytest.approx(now.mean_high, rel=1e-4)
    assert plan.after.loss_error < plan.before.loss_error
    assert plan.after.N_opt_error < plan.before.N_opt_error
    df = model.components[0].df
    half = student.ppf(0.975, df + 6) * plan.after.loss_error
    assert plan.after.loss_high == pytest.approx(plan.after.loss * np.exp(half), rel=1e-4)


def test_a_discrepancy_makes_repetition_poor():
    """The truth bends away from the law: a plan that knows repeats less, and is better than isoFLOP curves."""
    n = np.repeat(np.geomspace(1e8, 4e9, 8), 8)
    d = n * np.tile(np.geomspace(3, 200, 8), 8)
    x = np.log(n / 6e8) + 0.5 * np.log(d / 1e10)
    rng = np.random.default_rng(5)
    mean = designs.loss(n, d, 1.2) * np.exp(0.01 * np.sin(1.3 * x) + 0.001 * rng.standard_normal(len(n)))
    runs = {"N": n, "D": d, "loss": mean}
    given = {"budget": 1e23, "target_C": 1e25, "k": 8, "N": (1e7, 3e11)}
    plan, trusting = iso.plan_runs(runs, **given), iso.plan_runs(runs, discrepancy=0, **given)
    assert any("smooth discrepancy has weight" in note for note in plan.notes)
    assert plan.columns["seed"].sum() < trusting.columns["seed"].sum()
    isoflop = plan.designs[2]
    assert plan.after.loss_error * plan.after.N_opt_error < isoflop.loss_error * isoflop.N_opt_error
    judged = iso.evaluate_design(runs, N=trusting.columns["N"], D=trusting.columns["D"], target_C=1e25).after
    assert plan.after.loss_error * plan.after.N_opt_error <= judged.loss_error * judged.N_opt_error


def test_draws_are_versions_of_the_law(demo):
    boot = iso.fit(demo, "pnorm", prior="weak").bootstrap(40, rng=2)
    plan = iso.plan_runs(boot, budget=1e22, target_C=TARGET, k=6, sigma=SIGMA)
    rows = np.unique(np.linspace(0, 39, 16).round().astype(int))
    logs = []
    for i in rows:
        at = dict(zip(boot.names, boot.draws[i], strict=True))
        both = (
            np.concatenate([demo.variable("N"), plan.columns["N"]]),
            np.concatenate([demo.variable("D"), plan.columns["D"]]),
        )
        slopes = gradient(*both, at["p"], at) / SIGMA
        inverse = np.linalg.inv(PRIOR + slopes.T @ slopes)
        best = np.exp(log_size(np.log([at[name] for name in NAMES])))
        targets = gradient(best, TARGET / 6 / best, at["p"], at), size_gradient(at["p"], at)
        logs.append([np.log(g @ inverse @ g) for g in targets])
    assert boot.ok.all()
    assert [plan.after.loss_error, plan.after.N_opt_error] == pytest.approx(
        np.exp(0.5 * np.mean(logs, axis=0)), rel=1e-3
    )


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.integers(1, 4))
def test_the_exchange_finds_what_all_designs_together_have(seed, runs):
    """Nine candidates, up to 495 designs: from many starts the best one is found."""
    rng = np.random.default_rng(seed)
    slopes, targets = rng.standard_normal((9, 3)), rng.standard_normal((2, 3))
    cost = rng.uniform(1, 3, 9)
    before = np.diag(rng.uniform(0.1, 1, 3))
    version = {"before": before, "slopes": slopes, "targets": targets, "weight": 1.0, "field": None}
    belief = {"versions": [version], "apart": np.zeros(2), "weight": 1.0}
    limits = {"budget": 2.2 * runs, "cap": 2.9, "runs": runs, "slots": 0, "longest": np.inf}

    def value(design):
        inverse = np.linalg.inv(before + slopes[list(design)].T @ slopes[list(design)])
        return np.mean([np.log(g @ inverse @ g) for g in targets])

    def allowed(design):
        return cost[list(design)].sum() <= 2.2 * runs and cost[list(design)].max() <= 2.9

    found = _engine.exchange_design([belief], cost, limits, 40, 0)
    every = [d for d in itertools.combinations_with_replacement(range(9), runs) if allowed(d)]
    assert allowed(found["chosen"])
    assert found["value"] == pytest.approx(value(found["chosen"]), abs=1e-9)
    # Single exchanges stop at designs that only exchanges of two runs at once would improve.
    assert found["value"] <= np.quantile([value(d) for d in every], 0.02) + 1e-9
    for i, other in itertools.product(range(runs), range(9)):
        changed = [*found["chosen"][:i], other, *found["chosen"][i + 1 :]]
        assert not allowed(changed) or value(changed) >= found["value"] - 1e-8
    assert found["value"] == found["ends"].min()


# ---- what a plan keeps to


@settings(deadline=None, max_examples=20)
@given(
    budget=st.floats(19, 24).map(lambda x: 10**x),
    k=st.integers(5, 14),
    cap=st.floats(0.2, 1.0),
    ratios=st.tuples(st.floats(1, 10), st.floats(60, 1000)),
    slots=st.integers(1, 5),
    share=st.floats(0.4, 1.0),
)
def test_limits_hold(budget, k, cap, ratios, slots, share):
    given = {"tokens_per_param": ratios, "cap": cap, "slots": slots, "longest": share * budget, "N": (2e6, 5e10)}
    plan = iso.plan_runs(KNOWN, sigma=SIGMA, budget=budget, target_C=100 * budget, k=k, **given)
    n, d, cost = (plan.columns[name] for name in ("N", "D", "cost"))
    assert len(n) == k
    np.testing.assert_allclose(cost, 6 * n * d, rtol=1e-9)
    assert cost.sum() <= budget * (1 + 1e-9)
    assert cost.max() <= cap * budget * (1 + 1e-9)
    assert cost.min() >= 1e-4 * budget * (1 - 1e-9)
    assert n.min() >= 2e6
    assert n.max() <= 5e10
    assert (d / n).min() >= ratios[0] * (1 - 1e-9)
    assert (d / n).max() <= ratios[1] * (1 + 1e-9)
    by_slot = np.bincount(plan.columns["slot"], cost, minlength=slots)
    assert by_slot.max() == pytest.approx(plan.makespan)
    assert plan.makespan <= share * budget * (1 + 1e-9)
    assert plan.after.loss_error > 0


def test_repeated_points_are_seeds(plan):
    points = list(zip(plan.columns["N"], plan.columns["D"], plan.columns["seed"], strict=True))
    assert len(set(points)) == 12
    for n, d, seed in points:
        assert seed == 0 or (n, d, seed - 1) in points


def test_money_is_a_scale_and_prices_by_size_change_the_plan(plan):
    given = {"sigma": SIGMA, "budget": 2e4, "target_C": TARGET, "k": 12, "unit": "USD"}
    dollars = iso.plan_runs(KNOWN, cost="price * 6*N*D", held={"price": 2e-18}, **given)
    np.testing.assert_allclose(dollars.columns["N"], plan.columns["N"], rtol=1e-6)
    assert dollars.unit == "USD"
    assert dollars.cost == pytest.approx(2e-18 * plan.columns["C"].sum(), rel=1e-6)
    dear = iso.plan_runs(KNOWN, cost="2e-18 * 6*N*D + 1e-7*N", **given)
    assert dear.columns["N"].max() < plan.columns["N"].max()
    assert dear.cost <= 2e4


def test_a_table_over_sizes_is_a_cost():
    sizes = np.geomspace(1e8, 1e10, 20)
    price = 12e-18 * sizes
    given = {"sigma": SIGMA, "budget": 2e4, "target_C": TARGET, "k": 9}
    plan = iso.plan_runs(KNOWN, cost=iso.CostCurve(N=sizes, per_token=price), **given)
    assert plan.unit == "USD"
    assert plan.columns["N"].min() >= 1e8
    assert plan.columns["N"].max() <= 1e10
    np.testing.assert_allclose(plan.columns["cost"], 2e-18 * plan.columns["C"], rtol=1e-6)
    assert [one.design for one in plan.designs] == ["now", "optimised", "isoFLOP", "ladder"]
    price[8:14] = np.nan
    gap = iso.plan_runs(KNOWN, cost=iso.CostCurve(N=sizes, per_token=price), **given).columns["N"]
    assert ((gap <= sizes[7]) | (gap >= sizes[14])).all()


def test_usual_designs_cost_the_budget_and_are_those_of_the_benchmark(plan):
    now, _, isoflop, ladder = plan.designs
    assert now.cost == 0
    assert [isoflop.cost, ladder.cost] == pytest.approx([1e22, 1e22], rel=1e-6)
    loss, size = numpy_errors(*bench.isoflop())
    assert isoflop.loss_error == pytest.approx(loss, rel=1e-4)
    assert isoflop.N_opt_error == pytest.approx(size, rel=1e-4)
    assert plan.after.loss_error < 0.7 * isoflop.loss_error
    assert plan.after.N_opt_error < 0.8 * ladder.N_opt_error


def test_usual_designs_outside_the_limits_are_named():
    given = {"sigma": SIGMA, "budget": 1e22, "target_C": TARGET, "k": 12}
    narrow = iso.plan_runs(KNOWN, tokens_per_param=(10, 60), cap=0.15, **given)
    named = [note for note in narrow.notes if "not held to the limits" in note]
    assert re.search("isoFLOP .* tokens per parameter, a run of 22.5 % of the budget", named[0])
    assert named[1].startswith("ladder")


def test_the_same_plan_every_time_in_a_second(plan):
    began = time.process_time()  # of this process: others may keep the machine busy
    again = iso.plan_runs(KNOWN, sigma=SIGMA, budget=1e22, target_C=TARGET, k=12)
    assert time.process_time() - began < 1
    assert again.columns["N"].tobytes() == plan.columns["N"].tobytes()
    assert again.columns["D"].tobytes() == plan.columns["D"].tobytes()


def test_no_new_run_is_cheaper_than_those_made(demo):
    plan = iso.plan_runs(demo, budget=1e22, target_C=TARGET, k=8)
    assert plan.columns["cost"].min() >= demo.variable("C").min() * (1 - 1e-9)
    lower = iso.plan_runs(demo, budget=1e22, target_C=TARGET, k=8, floor=1e-5)
    assert lower.columns["cost"].min() < demo.variable("C").min()


# ---- what it is made from


def test_fits_forecasters_and_draws_are_understood(demo):
    given = {"budget": 1e22, "target_C": TARGET, "k": 6}
    from_runs = iso.plan_runs(demo, **given)
    for model in (iso.fit(demo), iso.forecaster(demo)):
        plan = iso.plan_runs(model, **given)
        assert plan.law == "pnorm"
        np.testing.assert_allclose(plan.columns["N"], from_runs.columns["N"], rtol=1e-6)
    draws = iso.plan_runs(iso.fit(demo, "pnorm", prior="weak").bootstrap(64, rng=1), **given)
    assert any("averaged over 16 draws" in note for note in draws.notes)
    own = iso.plan_runs(iso.fit(demo, iso.Law("E + A / N**a + B / D**b + G / (N * D)**0.1", name="mine")), **given)
    assert own.law == "mine"
    assert own.after.loss_error < own.before.loss_error
    assert len(from_runs.made["N"]) == len(demo)
    chinchilla = iso.plan_runs(iso.fit(demo).bootstrap(16, rng=1), **given)
    assert any("of which chinchilla is p = 1" in note for note in chinchilla.notes)


def test_sizes_that_keep_runs_below_the_cap_are_named():
    plan = iso.plan_runs(KNOWN, sigma=SIGMA, budget=1e26, target_C=1e28, k=9)
    assert any("allow runs of" in note and "less than the cap" in note for note in plan.notes)


def test_groups_share_noise_and_count_as_one():
    n = np.repeat(np.geomspace(1e8, 2e9, 8), 4)
    d = n * np.tile([5.0, 20.0, 60.0, 160.0], 8)
    table = {"N": n, "D": d, "run": np.repeat(np.arange(8), 4)}
    runs = iso.simulate("chinchilla", table, noise=0.002, groups="run", group_noise=0.006, rng=3)
    plan = iso.plan_runs(runs, budget=1e22, target_C=TARGET, k=6)
    assert any("share" in note and "8 groups count" in note for note in plan.notes)


def test_notes_name_the_priors(plan):
    assert any(re.search(r"priors: alpha 0.35 .*beta.*E.*p 1", note) for note in plan.notes)
    bare = iso.plan_runs(KNOWN, sigma=SIGMA, budget=1e22, target_C=TARGET, k=12, prior=None)
    assert any("no priors" in note for note in bare.notes)
    assert bare.designs[-1].loss_error > 1.5 * plan.designs[-1].loss_error  # the same ladder


# ---- what it gives back


def test_a_plan_can_be_read_sent_and_kept(plan):
    assert plan.runs.columns == ["N", "D", "C", "cost", "seed"]
    assert plan.expected["design"].to_list() == ["now", "optimised", "isoFLOP", "ladder"]
    assert plan.expected["loss_error"].to_list()[1] == plan.after.loss_error
    content = json.loads(json.dumps(plan.to_dict(), allow_nan=False))
    assert content["after"]["loss_error"] == plan.after.loss_error
    assert content["before"]["loss_error"] is None  # nothing is known yet
    assert len(content["runs"]) == 12
    assert pickle.loads(pickle.dumps(plan)).to_dict() == plan.to_dict()
    assert "open" in plan.summary()
    assert max(len(line) for line in plan.summary().splitlines()) < 140
    assert plan._repr_html_().count("<table>") == 2


def test_your_own_design_is_judged_by_the_same_rule(plan):
    given = {"N": plan.columns["N"], "D": plan.columns["D"], "target_C": TARGET, "sigma": SIGMA}
    mine = iso.evaluate_design(KNOWN, **given, slots=2)
    assert [one.design for one in mine.designs] == ["now", "given", "isoFLOP", "ladder"]
    assert mine.after.loss_error == pytest.approx(plan.after.loss_error, rel=1e-9)
    assert mine.cost == pytest.approx(plan.cost)
    assert mine.makespan < mine.cost


def test_small_simulations_agree_with_the_benchmark():
    """A small part of benches/python/plan_designs.py; its 1,000 simulations are within 3 % of these errors."""
    found = {(row["design"], row["p"]): row for row in bench.study(100, seed=1)}
    for p in bench.SHAPES:
        optimised, usual = found["optimised", p], found["isoFLOP", p]
        assert optimised["loss"] <= 0.0100 * 1.2
        assert optimised["size"] <= 0.155 * 1.2
        assert optimised["loss"] < 0.8 * usual["loss"]
        assert optimised["size"] < 0.85 * usual["size"]
        assert usual["loss"] == pytest.approx(bench.PRINTED[p][0], rel=0.25)
        assert usual["size"] == pytest.approx(bench.PRINTED[p][1], rel=0.25)


# ---- what it refuses
