"""Recipes compared by compute: multipliers against closed forms and textbook t tests, pairing, crossings, bad input."""

from __future__ import annotations

import csv
import json
import pickle
import warnings

import numpy as np
import pytest
from scipy import optimize, stats

import isoflop as iso
from isoflop._recipes._frontier import Frontier
from isoflop._recipes._tables import read_tables

C = np.geomspace(1e18, 1e21, 6)
EPOCH = dict(iso.laws.get("chinchilla").published["epoch2024"].params)


def curve(at, E=1.7, A=1000.0, alpha=0.155):
    return E + A * np.asarray(at) ** -alpha


def ladder(at=C, noise=0.003, seed=0, **params):
    return {"C": at, "loss": curve(at, **params) * np.exp(noise * np.random.default_rng(seed).standard_normal(len(at)))}


def pair(n=6, noise=0.003, common=0.0, seed=0, factor=1.3):
    """Return ladders of the same scales whose noise is shared in part, the second with `factor` times the compute."""
    rng, at = np.random.default_rng(seed), np.geomspace(1e18, 1e21, n)
    both = np.sqrt(common) * rng.standard_normal(n)
    tables = []
    for A in (1000.0, 1000.0 * factor**-0.155):
        e = noise * (both + np.sqrt(1 - common) * rng.standard_normal(n))
        tables.append({"C": at, "loss": curve(at, A=A) * np.exp(e)})
    return tables


# -- multipliers ------------------------------------------------------------------------------


def test_noiseless_ladders_give_the_closed_form():
    old, new = ladder(noise=1e-9), ladder(noise=1e-9, seed=1, E=1.6, A=620.0, alpha=0.143)
    found = iso.compare_recipes(old, new, n_resamples=0)
    expected = found.scales / (620.0 / (curve(found.scales) - 1.6)) ** (1 / 0.143)
    np.testing.assert_allclose(found.estimate, expected, rtol=1e-4)
    np.testing.assert_allclose([found.low, found.high], [expected, expected], rtol=1e-3)


@pytest.mark.parametrize("options", [{}, {"asymptote": 1.7}, {"shared": ["E", "exponents"]}])
def test_ends_are_where_a_t_test_on_the_curves_rejects(options):
    old, new = ladder(seed=3), ladder(seed=4, A=960.0)
    found = iso.compare_recipes(old, new, scales=[1e20], pair="none", n_resamples=0, **options)

    def residuals(p, at=(C, C)):
        E = (
            np.array([1.7, 1.7])
            if "asymptote" in options
            else np.exp(p[:2])
            if "shared" not in options
            else np.exp(p[[0, 0]])
        )
        rest = p if "asymptote" in options else p[1:] if "shared" in options else p[2:]
        alpha = np.exp(rest[[2, 2]]) if "shared" in options else np.exp(rest[2:4])
        return [np.log(E[i] + np.exp(rest[i]) * at[i] ** -alpha[i]) for i in (0, 1)]

    y = [np.log(old["loss"]), np.log(new["loss"])]
    start = {0: [0.5, 0.5, 6.9, 6.9, -1.86, -1.86], 1: [6.9, 6.9, -1.86, -1.86], 2: [0.5, 6.9, 6.9, -1.86]}
    which = 1 if "asymptote" in options else 2 if "shared" in options else 0
    fit = optimize.least_squares(
        lambda p: np.concatenate(residuals(p)) - np.concatenate(y),
        start[which],
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-15,
        x_scale="jac",
    )
    df = 12 - len(fit.x)
    s2 = 2 * fit.cost / df
    cov = s2 * np.linalg.inv(fit.jac.T @ fit.jac)
    for end in (found.low[0], found.high[0]):

        def gap(p, end=end):
            one, other = residuals(p, (np.array([1e20]), np.array([1e20 / end])))
            return float(one[0] - other[0])

        slope = optimize.approx_fprime(fit.x, gap, 1e-7)
        assert abs(gap(fit.x)) / np.sqrt(slope @ cov @ slope) == pytest.approx(stats.t.ppf(0.975, df), rel=2e-3)
    assert found.df == pytest.approx(df)


def test_paired_errors_are_those_of_the_paired_t_test():
    """With a law that is linear in its parameters, the difference is a regression of paired differences."""
    rng, x = np.random.default_rng(2), np.log(C) - np.log(C).mean()
    shared = 0.02 * rng.standard_normal(6)
    y = [
        1.2 - 0.1 * x + shared + 0.003 * rng.standard_normal(6),
        1.17 - 0.098 * x + shared + 0.003 * rng.standard_normal(6),
    ]
    law = iso.Law("exp(a) * (X / 3.1622776601683795e19)**-b", variables=("X",), real=("a", "b"))
    found = iso.compare_recipes(*({"C": C, "loss": np.exp(v)} for v in y), law=law, target=1e22, n_resamples=0)
    d, at = y[0] - y[1], np.log(1e22) - np.log(C).mean()
    line = stats.linregress(x, d)
    s = np.sqrt(np.sum((d - line.intercept - line.slope * x) ** 2) / 4)
    error = s * np.sqrt(1 / 6 + at**2 / np.sum(x**2))
    value, se, df = found.contrasts.difference(np.array([1e22]), np.array([1e22]))
    assert value[0] == pytest.approx(line.intercept + line.slope * at, rel=1e-8)
    assert se[0] == pytest.approx(error, rel=1e-6)
    assert df[0] == pytest.approx(4.0, rel=1e-6)
    assert found.probability_better == pytest.approx(stats.t.cdf(value[0] / error, 4), rel=1e-6)
    assert found.correlation > 0.9
    assert found.paired_by == "scale"


def test_pairing_narrows_intervals_where_noise_is_shared():
    old, new = pair(n=8, noise=0.01, common=0.95, seed=5)
    paired, apart = (iso.compare_recipes(old, new, pair=how, scales=[1e20], n_resamples=0) for how in ("auto", "none"))
    assert (paired.high / paired.low)[0] < 0.6 * (apart.high / apart.low)[0] + 0.4
    assert apart.correlation == 0.0
    assert any("share no units" in note for note in apart.notes)


def test_t_intervals_hold_on_four_point_ladders():
    held, n = np.zeros(3), 60
    for seed in range(n):
        old, new = pair(n=4, noise=0.005, seed=seed)
        found = iso.compare_recipes(old, new, scales=[3e19, 1e21, 1e23], n_resamples=0)
        held += (found.low <= 1.3) & (found.high >= 1.3)
    assert (held / n >= 0.85).all(), held / n


def test_an_interval_is_open_where_the_runs_cannot_say():
    old, new = pair(n=4, noise=0.02, seed=1)
    found = iso.compare_recipes(old, new, target=1e24, n_resamples=0)
    assert np.isinf(found.high[-1]) or found.low[-1] == 0
    assert "cannot tell which recipe is better" in found.verdict
    assert any("interval is open" in note for note in found.notes)
    assert any("2 degrees of freedom" in note for note in found.notes)
    assert json.loads(json.dumps(found.to_dict()))["multiplier"][-1]["high"] in (None, found.high[-1])


def test_a_recipe_that_never_gets_there_has_multiplier_zero():
    found = iso.compare_recipes(ladder(), ladder(seed=1, E=2.4), n_resamples=0)
    assert found.estimate[-1] == 0.0
    assert found.low[-1] == 0.0
    assert "no compute is enough" in found.verdict
    assert found.probability_better < 0.01


# -- compute split between N and D --------------------------------------------------------------


def test_the_frontier_is_chinchillas_optimum():
    budgets = np.geomspace(1e17, 1e26, 10)
    frontier = Frontier(iso.laws.get("chinchilla"))
    best = iso.laws.chinchilla_opt(C=budgets, **EPOCH)
    at = frontier.columns(EPOCH, budgets)
    np.testing.assert_allclose(at["N"], best.N_opt, rtol=1e-3)
    np.testing.assert_allclose(frontier.loss(EPOCH, budgets), best.L_opt, rtol=1e-9)
    tracked = frontier.columns(EPOCH, budgets, frontier.follow(EPOCH, 1e17, 1e26))
    np.testing.assert_allclose(tracked["N"], best.N_opt, rtol=1e-3)


def test_sweeps_are_compared_along_the_frontier():
    """Both amplitudes times 0.9 is compute times 0.9^(-1/gamma) on the frontier, at every scale."""
    N, D = np.repeat(np.geomspace(1e8, 3e9, 6), 5), np.tile(np.geomspace(2e9, 1e11, 5), 6)
    better = {**EPOCH, "A": 0.9 * EPOCH["A"], "B": 0.9 * EPOCH["B"]}
    tables = [
        iso.simulate("chinchilla", {"N": N, "D": D}, params=p, noise=0.002, rng=i)
        for i, p in enumerate((EPOCH, better))
    ]
    found = iso.compare_recipes(*tables, n_resamples=100)
    truth = 0.9 ** (-(EPOCH["alpha"] + EPOCH["beta"]) / (EPOCH["alpha"] * EPOCH["beta"]))
    assert ((found.low < truth) & (truth < found.high)).all()
    assert (found.high / found.low).max() < 1.5
    assert found.draws().shape == (found.boot.ok.sum(), len(found.scales))
    assert np.median(found.draws(), axis=0) == pytest.approx(found.estimate, rel=0.05)
    assert {"C", "recipe", "loss"} == set(found.points.columns)


def test_checkpoints_of_a_run_widen_intervals():
    N, D = np.repeat(np.geomspace(1e8, 3e9, 8), 4), np.tile([5.0, 10.0, 20.0, 40.0], 8)
    points = {"N": N, "D": D * N, "run": [f"r{i // 4}" for i in range(32)]}
    tables = [
        iso.simulate("chinchilla", points, noise=0.001, groups="run", group_noise=0.01, rng=seed, params=EPOCH)
        for seed in (1, 2)
    ]
    plain = [iso.Runs({"N": N, "D": D * N, "loss": t.loss}) for t in tables]
    grouped, alone = (iso.compare_recipes(*t, pair="none", scales=[3e20], n_resamples=0) for t in (tables, plain))
    assert (np.log(grouped.high) - np.log(grouped.low))[0] > 1.3 * (np.log(alone.high) - np.log(alone.low))[0]


# -- pairs, draws, crossings --------------------------------------------------------------------


def test_resamples_are_common_to_a_unit():
    found = iso.compare_recipes(*pair(common=0.5), n_resamples=50)
    fit = found.boot.fit
    for i in range(0, 50, 9):
        drawn = np.log(found.boot.response(i)) - np.log(fit.fitted)
        assert (np.sign(drawn[:6] / fit.residuals[:6]) == np.sign(drawn[6:] / fit.residuals[6:])).all()
    apart = iso.compare_recipes(*pair(common=0.5), pair="none", n_resamples=50).boot
    assert apart.scheme == "wild"
    again = iso.compare_recipes(*pair(common=0.5), n_resamples=50, n_threads=1)
    np.testing.assert_array_equal(found.boot.draws, again.boot.draws)


def test_units_are_groups_seeds_or_scales():
    old, new = pair()
    label = [f"run{i}" for i in range(6)]
    both = [iso.Runs({**t, "run": label}, groups="run") for t in (old, new)]
    assert read_tables(both, ["C"], ("A", "B"), "auto").paired_by == "group and scale"
    seeds = [iso.Runs({"C": np.repeat(C[:3], 2), "loss": t["loss"], "seed": [0, 1] * 3}) for t in (old, new)]
    found = read_tables(seeds, ["C"], ("A", "B"), "auto")
    assert found.paired_by == "seed and scale"
    np.testing.assert_array_equal(found.unit[:6], found.unit[6:])
    other = [iso.Runs(old), iso.Runs({"C": 1.5 * C, "loss": new["loss"]})]
    assert read_tables(other, ["C"], ("A", "B"), "auto").paired_by == ""
    half = [iso.Runs(old), iso.Runs({"C": np.append(C[:4], 3 * C[4:]), "loss": new["loss"]})]
    assert read_tables(half, ["C"], ("A", "B"), "auto").n_twins == 4


def test_curves_that_cross_do_so_within_the_interval():
    truth = optimize.brentq(lambda x: curve(np.exp(x)) - curve(np.exp(x), E=1.55, A=684.0, alpha=0.143), 43, 49)
    old, new = ladder(noise=0.0005), ladder(noise=0.0005, seed=1, E=1.55, A=684.0, alpha=0.143)
    found = iso.compare_recipes(old, new, n_resamples=200)
    assert found.crossing.low <= np.exp(truth) <= found.crossing.high
    assert found.crossing.better_beyond == "B"
    assert found.crossing.share > 0.9
    loss = [found.contrasts.loss(level, found.crossing.C) for level in "ab"]
    assert loss[0] == pytest.approx(loss[1], rel=1e-9)


def test_one_table_is_the_same_as_two():
    old, new = pair()
    table = {
        "C": np.concatenate([new["C"], old["C"]]),
        "loss": np.concatenate([new["loss"], old["loss"]]),
        "recipe": ["new"] * 6 + ["base"] * 6,
    }
    one = iso.compare_recipes(table, by="recipe", a="base", b="new", n_resamples=0)
    two = iso.compare_recipes(old, new, n_resamples=0)
    assert one.names == ("base", "new")
    np.testing.assert_allclose(one.low, two.low, rtol=1e-8)
    assert "base" in one.verdict


def test_results_print_pickle_and_come_back_as_frames():
    pandas = pytest.importorskip("pandas")
    found = iso.compare_recipes(*(pandas.DataFrame(t) for t in pair()), target=1e22, n_resamples=50)
    assert isinstance(found.multiplier, pandas.DataFrame)
    assert list(found.multiplier.columns) == ["C", "estimate", "low", "high", "inside"]
    assert list(found.curves([1e19, 1e20]).columns) == [
        "C", *(f"loss_{r}{end}" for r in "ab" for end in ("", "_low", "_high"))
    ]  # fmt: skip
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(again.estimate, found.estimate)
    assert "beyond the runs" in found.summary()
    assert "<table>" in found._repr_html_()
    assert json.loads(json.dumps(found.to_dict()))["target"] == 1e22
    estimate, low, high = found.multiplier_at(1e20)
    assert low < estimate < high


def test_the_verdict_is_of_the_target_whatever_the_scales():
    tables = pair(factor=1.3, seed=3)
    tables[1]["loss"] = tables[1]["loss"] * np.linspace(1.0, 0.97, 6)  # the gain grows with scale
    usual = iso.compare_recipes(*tables, n_resamples=0, target=1e21)
    few = iso.compare_recipes(*tables, n_resamples=0, target=1e21, scales=[1e18, 1e19])
    assert few.verdict == usual.verdict
    assert few.multiplier_at(1e21)[0] > 1.3 * few.estimate[-1]
    with pytest.raises(iso.DataError, match="C is 'much', expected compute above 0"):
        few.curves("much")


def test_a_target_loss_is_a_number():
    with pytest.raises(iso.DataError, match="target_loss is 'low', expected a loss"):
        iso.compare_recipes(*pair(), target_loss="low", n_resamples=0)


def test_rows_that_cannot_be_used_are_told():
    first, second = pair(n=7)
    second = {**second, "loss": np.where(np.arange(7) == 3, np.nan, second["loss"])}
    found = iso.compare_recipes(first, iso.Runs(second, nan_policy="omit"), b="new", n_resamples=0, a="old")
    assert any(note.startswith("new: 1 of 7 rows left out") for note in found.notes)
    assert not any(note.startswith("old:") for note in found.notes)
    assert found.fit.n_rows == 13


def test_ladders_of_sizes_and_tokens_are_compared_along_compute():
    old, new = pair()
    tables = [{"N": np.sqrt(C / 120), "D": 20 * np.sqrt(C / 120), "loss": t["loss"]} for t in (old, new)]
    found = iso.compare_recipes(*tables, n_resamples=0)
    assert found.contrasts.frontier.law.variables == ("C",)
    assert found.notes[0].startswith("ladders")
    np.testing.assert_allclose(found.low, iso.compare_recipes(old, new, n_resamples=0).low, rtol=1e-6)


def test_a_shared_exponent_that_the_runs_contradict_is_said():
    old, new = ladder(noise=0.0005), ladder(noise=0.0005, seed=1, E=1.55, A=655.0, alpha=0.143)
    forced = iso.compare_recipes(old, new, asymptote=1.7, shared="exponents", n_resamples=0)
    assert any("at odds with the runs" in note for note in forced.notes)
    free = iso.compare_recipes(*pair(seed=2), n_resamples=0)
    assert any("shared='exponents' narrows" in note for note in free.notes)


# -- bad input --------------------------------------------------------------------------------


def bad(match, *tables, error=iso.DataError, **options):
    with pytest.raises(error, match=match) as caught:
        iso.compare_recipes(*tables, n_resamples=0, **options)
    assert not str(caught.value).splitlines()[0].endswith(".")


def test_bad_input_is_named():
    old, new = pair()
    far = {"C": 1e5 * C, "loss": new["loss"]}
    bad("no runs at common compute: A 1e\\+18 to 1e\\+21, B 1e\\+23", old, far)
    assert any("rests on extrapolation" in n for n in iso.compare_recipes(old, far, overlap=False, n_resamples=0).notes)
    bad("B has runs at 2 points", old, {"C": C[:2], "loss": new["loss"][:2]})
    bad("6 runs for 6 parameters", *({k: v[:3] for k, v in t.items()} for t in (old, new)))
    bad("no column for 'C'", old, {"width": C, "loss": new["loss"]})
    bad("target_loss is 1.2, at or below the asymptote 1.763 of A", old, new, target_loss=1.2)
    bad("target_loss is 30, above every loss", old, new, target_loss=30.0)
    bad("both given", old, new, target_loss=2.0, target=1e20)
    bad("asymptote is 2.4, at or above the smallest loss", old, new, asymptote=2.4)
    bad("asymptote is -1", old, new, asymptote=-1)
    bad("asymptote is for 'A'", old, new, asymptote={"A": 1.7})
    bad("E is shared and has a value for each", old, new, asymptote={"A": 1.7, "B": 1.6}, shared="E")
    bad("no asymptote E", old, new, law="power", asymptote=1.0, error=iso.LawError)
    bad("shared names 'alpah'", old, new, shared="alpah", error=iso.LawError)
    bad("which compute alone does not set", old, new, law="muennighoff", error=iso.LawError)
    bad("one table and no column of recipes", old)
    bad("two tables and a column", old, new, by="recipe")
    bad("has no recipe 'nwe'", {**old, "recipe": ["a", "b"] * 3}, by="recipe", a="a", b="nwe")
    bad("has 3 recipes", {**old, "recipe": ["a", "b", "c"] * 2}, by="recipe")
    bad("both recipes are called 'x'", old, new, a="x", b="x")
    bad("target is -1", old, new, target=-1.0)
    bad("target is 'far', expected compute above 0", old, new, target="far")
    near = iso.compare_recipes(old, new, target=1e15, n_resamples=0)
    assert sum("1000 times below the smallest run" in note for note in near.notes) == 2
    many = {"C": np.geomspace(1e18, 1e21, 2_100), "loss": curve(np.geomspace(1e18, 1e21, 2_100))}
    bad("4,200 rows are too many to look for shared noise", many, many)
    bad("criterion is 'absolute'", old, new, criterion="absolute")
    bad("no column 'order'", old, new, pair="order")


def test_gadres_training_sets_as_recipes(shared):
    """On C4 loss, training on RedPajama in place of C4 costs compute; the published laws say 0.6 and 0.5."""
    with (shared / "gadre_overtraining_runs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    table = {k: [float(r[c]) for r in rows] for k, c in (("N", "params"), ("D", "tokens"), ("loss", "loss"))}
    table["set"] = [r["train_set"] for r in rows]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", iso.IsoflopWarning)
        found = iso.compare_recipes(
            table, by="set", a="c4_original", b="rpj", scales=[1e18, 1e19], target=1e19, n_resamples=0
        )
    old, new = (iso.laws.get("gadre_loss").published[f"gadre2024_{key}"].params for key in ("c4", "redpajama"))
    published = [
        np.exp(optimize.brentq(lambda x, at=at: gadre(new, at * np.exp(-x)) - gadre(old, at), -5, 5))
        for at in found.scales
    ]
    assert found.correlation > 0.5  # the same sizes and tokens: what the law misses at a point is common
    assert found.estimate == pytest.approx(published, rel=0.2)
    assert (found.high < 1).all()


def gadre(p, at):
    """Return the least loss at a compute, at the best tokens per parameter."""
    ratio = (p["b"] / p["a"]) ** (1 / (2 * p["eta"]))
    return p["E"] + (p["a"] * ratio ** p["eta"] + p["b"] * ratio ** -p["eta"]) * at ** -p["eta"]
