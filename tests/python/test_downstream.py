"""Scores in two steps and the check for emergence: known truths, published constants, measured runs, bad input."""

from __future__ import annotations

import csv
import json
import pickle
import warnings

import numpy as np
import pytest
from scipy import optimize, stats

import isoflop as iso

EPOCH = iso.laws.get("chinchilla").published["epoch2024"]


def logistic(x):
    return 1 / (1 + np.exp(-x))


def wide(n=30, noise=0.004, spread=0.004, seed=0):
    """Return runs with a task of chance 0.25, one of chance 0.5, and one that nothing has been learnt of."""
    rng = np.random.default_rng(seed)
    N, D = (np.exp(rng.uniform(*np.log(ends), n)) for ends in ((1e8, 5e9), (2e9, 2e11)))
    loss = EPOCH.predict(N=N, D=D) * np.exp(noise * rng.standard_normal(n))
    return {
        "N": N,
        "D": D,
        "loss": loss,
        "easy": 0.25 + 0.75 * logistic(3 * (2.8 - loss)) + spread * rng.standard_normal(n),
        "hard": 0.5 + 0.5 * logistic(4 * (2.4 - loss)) + spread * rng.standard_normal(n),
        "dull": 0.25 + 0.01 * rng.standard_normal(n),
    }


def long(table, tasks=("easy", "hard"), chance=(0.25, 0.5)):
    n = len(table["N"])
    out = {k: np.tile(table[k], len(tasks)) for k in ("N", "D", "loss")}
    out |= {
        "task": np.repeat(tasks, n),
        "value": np.concatenate([table[t] for t in tasks]),
        "base": np.repeat(chance, n),
    }
    return out


CHANCE = {"easy": 0.25, "hard": 0.5}


# -- two steps, several tasks -----------------------------------------------------------------


def test_links_are_found_and_tasks_share_their_resamples():
    found = iso.downstream(wide(), metric=["easy", "hard"], chance=CHANCE, n_resamples=200)
    for task, k, x0 in (("easy", 3.0, 2.8), ("hard", 4.0, 2.4)):
        assert found.steps[task].second.fit.params["k"] == pytest.approx(k, rel=0.1)
        assert found.steps[task].second.fit.params["x0"] == pytest.approx(x0, abs=0.02)
    np.testing.assert_array_equal(found.steps["easy"].first.draws, found.steps["hard"].first.draws)
    assert list(found.interval().columns) == ["task", "parameter", "estimate", "low", "high"]


def test_the_average_is_of_joint_draws():
    found = iso.downstream(wide(), metric=["easy", "hard"], chance=CHANCE, n_resamples=300)
    result = found.forecast(N=2e9, D=4e10, level=0.9)
    one, two = (found.steps[t] for t in ("easy", "hard"))
    loss = one.first.predict(N=2e9, D=4e10)
    for kind, low, high in (("mean", "mean_low", "mean_high"), ("new_run", "low", "high")):
        at = loss if kind == "mean" else one.strayed(loss)
        mean = 0.5 * (one.link_draws(at, kind=kind) + two.link_draws(at, kind=kind))
        mean = mean[np.isfinite(mean[:, 0]), 0]
        expected = np.quantile(mean, [0.05, 0.95], method="weibull")
        np.testing.assert_allclose([result["average"][low][0], result["average"][high][0]], expected, rtol=1e-12)
    parts = [result[t]["estimate"][0] for t in ("easy", "hard")]
    assert result["average"]["estimate"][0] == pytest.approx(np.mean(parts))
    truth = EPOCH.predict(N=2e9, D=4e10)
    assert result["easy"]["estimate"][0] == pytest.approx(0.25 + 0.75 * logistic(3 * (2.8 - truth)), abs=0.01)
    band = one.band(N=2e9, D=4e10, kind="new_run", level=0.9)
    assert result["easy"]["low"][0] == pytest.approx(band["low"][0], rel=1e-12)


@pytest.mark.filterwarnings("ignore::isoflop.ExtrapolationWarning")
def test_new_runs_are_covered():
    covered, n = 0, 30
    for seed in range(n):
        found = iso.downstream(wide(seed=seed), metric=["easy", "hard"], chance=CHANCE, n_resamples=200, rng=seed)
        result = found.forecast(N=3e9, D=6e10)
        rng = np.random.default_rng(100 + seed)
        loss = EPOCH.predict(N=3e9, D=6e10) * np.exp(0.004 * rng.standard_normal())
        new = {
            "easy": 0.25 + 0.75 * logistic(3 * (2.8 - loss)) + 0.004 * rng.standard_normal(),
            "hard": 0.5 + 0.5 * logistic(4 * (2.4 - loss)) + 0.004 * rng.standard_normal(),
        }
        new["average"] = 0.5 * (new["easy"] + new["hard"])
        covered += np.mean([result[t]["low"][0] <= v <= result[t]["high"][0] for t, v in new.items()])
    assert covered / n >= 0.86


def test_long_tables_are_wide_ones():
    table = wide()
    one = iso.downstream(table, metric=["easy", "hard"], chance=CHANCE, n_resamples=50)
    two = iso.downstream(long(table), metric="value", task="task", chance="base", n_resamples=50)
    assert two.tasks == ("easy", "hard")
    for task in one.tasks:
        assert two.steps[task].second.fit.params["k"] == pytest.approx(one.steps[task].second.fit.params["k"], rel=1e-6)


def test_runs_without_a_score_are_left_out_of_every_task():
    table = wide()
    table["hard"][[3, 7]] = np.nan
    found = iso.downstream(table, metric=["easy", "hard"], chance=CHANCE, n_resamples=50)
    assert {s.n_runs for s in found.steps.values()} == {28}
    assert any("2 rows without some score" in note for note in found.notes)


def test_checkpoints_are_drawn_by_run():
    table = wide(n=12)
    table = {k: np.repeat(v, 2) for k, v in table.items()}
    table["D"] = table["D"] * np.tile([0.5, 1.0], 12)
    table["loss"] = EPOCH.predict(N=table["N"], D=table["D"])
    table["easy"] = 0.25 + 0.75 * logistic(3 * (2.8 - table["loss"]))
    runs = iso.Runs({**table, "run": [f"r{i // 2}" for i in range(24)]}, groups="run")
    found = iso.downstream(runs, metric="easy", chance=0.25, n_resamples=50).steps["easy"]
    assert (found.first.fit.n_rows, found.second.fit.n_rows, found.n_runs) == (12, 24, 12)


def test_gadres_link_comes_back_from_its_published_constants():
    truth = iso.laws.get("gadre_err").published["gadre2024_17_c4"]
    table = wide(noise=0.002)
    table["err"] = truth.predict(L=table["loss"])
    found = iso.downstream(table, metric="err", error=True, link="exponential", n_resamples=50)
    params = found.steps["err"].second.fit.params
    assert [params[n] for n in ("eps", "k", "gamma")] == pytest.approx([0.84974, 2.07891, 0.75612], rel=1e-4)
    known = iso.downstream(table, metric="err", error=True, link="exponential", chance=1 - 0.84974, n_resamples=50)
    assert known.steps["err"].second.fit.law.formula == "0.84974 - k * exp(-gamma * L)"
    score = iso.downstream({**table, "err": 1 - table["err"]}, metric="err", link="exponential", n_resamples=50)
    assert score.forecast(N=1e9, D=1e11)["err"]["estimate"][0] == pytest.approx(
        1 - found.forecast(N=1e9, D=1e11)["err"]["estimate"][0], abs=1e-5
    )


def test_the_task_ladder_is_forecast_from_its_published_constants():
    """Bhagia et al.: HellaSwag of the ladder's sizes gives 0.8252313982753 at 7B-4T (our vector `two_step-2`)."""
    step = iso.laws.get("two_step").published["ladder2024_hellaswag"]
    N = np.repeat([190354176, 371262464, 758220288, 1279395840], 5).astype(float)
    D = N * np.tile([20.0, 40.0, 100.0, 200.0, 400.0], 4)
    table = {"N": N, "D": D, "loss": iso.laws.get("two_step").quantity("task_bpb", step.params, N=N, D=D)}
    table["acc"] = step.predict(N=N, D=D)
    found = iso.downstream(iso.Runs(table), metric="acc", link="logistic4", n_resamples=50)
    with pytest.warns(iso.ExtrapolationWarning, match="go beyond those that links have seen"):
        result = found.forecast(N=6887575552, D=3945065873408)
    assert result["acc"]["estimate"][0] == pytest.approx(0.8252313982753, abs=2e-3)
    assert result["acc"]["extrapolated"].all()


def test_a_forecaster_gives_the_loss():
    table = wide()
    loss = {k: table[k] for k in ("N", "D", "loss")}
    model = iso.forecaster(loss)
    found = iso.downstream(table, metric="easy", chance=0.25, law=model, n_resamples=400)
    result = found.forecast(N=2e9, D=4e10)
    assert result["easy"]["loss"][0] == pytest.approx(model.predict(N=2e9, D=4e10))
    low, high = model.forecast(N=2e9, D=4e10).low, model.forecast(N=2e9, D=4e10).high
    assert [result["easy"]["loss_low"][0], result["easy"]["loss_high"][0]] == pytest.approx([low, high], rel=5e-3)
    assert any("forecaster's" in note for note in found.notes)


def test_how_loose_a_task_is():
    table = wide(n=40, spread=0.02, seed=3)
    size = table["N"] * table["D"]
    table["easy"] = np.clip(table["easy"] + 0.02 * (np.argsort(np.argsort(size)) / 40 - 0.5), 0, 1)
    found = iso.downstream(table, metric="easy", chance=0.25, n_resamples=50)
    x = found.looseness["easy"]

    def link(at, k, x0):
        return 0.25 + 0.75 * logistic(k * (x0 - at))

    best, _ = optimize.curve_fit(link, table["loss"], table["easy"], p0=[3, 2.8], xtol=1e-14, ftol=1e-14)
    rest = table["easy"] - link(table["loss"], *best)
    assert x.explained == pytest.approx(1 - rest.var() / table["easy"].var(), rel=1e-6)
    assert x.noise == pytest.approx(np.sqrt(rest @ rest / 38), rel=1e-6)
    expected = stats.spearmanr(rest, size)
    assert (x.scale_correlation, x.scale_p) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-6)
    order = np.argsort(size)
    best, _ = optimize.curve_fit(link, table["loss"][order[:30]], table["easy"][order[:30]], p0=[3, 2.8], xtol=1e-14)
    miss = link(table["loss"][order[30:]], *best) - table["easy"][order[30:]]
    assert x.large_error == pytest.approx(np.sqrt(np.mean(miss**2)), rel=1e-4)
    assert x.large_bias == pytest.approx(miss.mean(), rel=1e-3)
    assert "loosely tied" in found.summary()
    assert list(found.link().columns)[:2] == ["task", "explained"]


def test_results_print_pickle_and_go_to_json():
    found = iso.downstream(wide(), metric=["easy", "hard"], chance=CHANCE, n_resamples=50)
    result = found.forecast(N=[1e9, 2e9], D=[4e10, 4e10])
    assert result.to_frame().shape[0] == 6
    assert len(json.loads(json.dumps(result.to_dict()))["forecasts"]) == 6
    assert "average" in result.summary()
    assert pickle.loads(pickle.dumps(found)).tasks == ("easy", "hard")
    for text in (repr(found), repr(result), found._repr_html_(), result._repr_html_()):
        assert "easy" in text
    with pytest.raises(iso.DataError, match="no task 'mmlu'"):
        result["mmlu"]


def bad(match, table, error=iso.DataError, **options):
    with pytest.raises(error, match=match):
        iso.downstream(table, n_resamples=20, **options)


def test_bad_input_is_named():
    table = wide()
    bad("1 task at chance level: dull: its score does not rise", table, metric=["easy", "dull"], chance=0.25)
    kept = iso.downstream(table, metric=["easy", "dull"], chance=0.25, at_chance_level="drop", n_resamples=20)
    assert kept.tasks == ("easy",)
    assert list(kept.left_out) == ["dull"]
    flat = {**table, "flat": 0.25 + 1e-3 * logistic(3 * (2.8 - table["loss"]))}
    bad("no more than chance, 0.300", flat, metric="flat", chance=0.3)
    bad(
        "'easy' is 61.. in row 2, expected 0 to 1",
        {**table, "easy": np.where(np.arange(30) == 2, 61.5, 0.5)},
        metric="easy",
    )
    bad("no column 'esay'", table, metric="esay")
    bad("no metric is named", table, metric=[])
    bad("holds text values", {**table, "acc": ["a"] * 30}, metric="acc")
    bad("chance of 'easy' is 25, expected 0 to 1", table, metric="easy", chance=25)
    bad("expected less than its ceiling", table, metric="easy", chance=0.9, ceiling=0.8)
    bad("chance names 'mmlu'", table, metric="easy", chance={"mmlu": 0.25})
    bad("chance names a column, 'base'", table, metric="easy", chance="base")
    bad("metric names 'easy', 'hard' beside task", {**table, "task": ["x"] * 30}, metric=["easy", "hard"], task="task")
    bad("has several scores for the run of row 0", {**long(table), "task": ["one"] * 60}, metric="value", task="task")
    bad("the link is over 'N', 'D'", table, metric="easy", link="chinchilla", error=iso.LawError)
    bad("at_chance_level is 'no'", table, metric="easy", at_chance_level="no")
    bad("expected 5 or more", {**table, "easy": np.where(np.arange(30) < 3, table["easy"], np.nan)}, metric="easy")
    bad("the runs have no loss", {k: table[k] for k in ("N", "D", "easy")}, metric="easy")


@pytest.mark.parametrize("train_set", ["c4_original", "rpj", "rw_original"])
def test_gadres_large_runs_are_held_out(shared, train_set):
    """From runs up to 0.4B: the links are near the printed ones, and 1.4B and 6.9B runs lie in the bands."""
    with (shared / "gadre_overtraining_runs.csv").open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["train_set"] == train_set]
    small, large = ([r for r in rows if (float(r["params"]) < 1e9) is side] for side in (True, False))

    def column(name, part):
        return np.array([float(r[name]) for r in part])

    table = {k: column(c, small) for k, c in (("N", "params"), ("D", "tokens"), ("loss", "loss"), ("err", "err_avg17"))}
    found = iso.downstream(table, metric="err", error=True, link="exponential", n_resamples=500)
    key = {"c4_original": "c4", "rpj": "redpajama", "rw_original": "refinedweb"}[train_set]
    printed = iso.laws.get("gadre_err").published[f"gadre2024_17_{key}"].params
    params = found.steps["err"].second.fit.params
    assert params["eps"] == pytest.approx(printed["eps"], rel=0.02)
    assert params["gamma"] == pytest.approx(printed["gamma"], rel=0.07)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", iso.ExtrapolationWarning)
        result = found.forecast(N=column("params", large), D=column("tokens", large))["err"]
    measured = column("err_avg17", large)
    assert len(measured) == 3
    assert ((result["low"] <= measured) & (measured <= result["high"])).all()
    assert np.abs(result["estimate"] / measured - 1).max() < 0.08


# -- emergence --------------------------------------------------------------------------------


def sharp(n=18, tokens=10, noise=0.004, seed=0, step=0.0, at=1e21):
    C = np.geomspace(1e18, 1e23, n)
    u = 1.1 * (C / 1e18) ** -0.3
    exact = np.exp(-tokens * u) + step * (at < C) + noise * np.random.default_rng(seed).standard_normal(n)
    return {"C": C, "loss": 1.7 + u, "u": u, "exact": np.clip(exact, 0, 1)}


def test_exact_match_of_a_smooth_loss_is_no_jump():
    found = iso.emergence(sharp(), metric="exact", token_loss="u")
    assert found.verdict == "smooth"
    assert found.tokens == pytest.approx(10, abs=3 * found.tokens_error + 0.3)
    assert found.smooth == "token"
    assert found.explained > 0.99
    # Exact match rises from 10 to 90 % while u falls 22-fold: here within a factor of 22**(1/0.3) of compute.
    assert found.looseness.noise == pytest.approx(0.004, rel=0.6)
    assert "the rise is the metric's" in found.summary()
    assert json.loads(json.dumps(found.to_dict()))["verdict"] == "smooth"


def test_the_loss_stands_in_where_nothing_is_known_per_token():
    found = iso.emergence(sharp(), metric="exact")
    assert found.verdict == "smooth"
    assert found.by_token.params["floor"] == pytest.approx(1.7, abs=0.02)
    assert found.tokens == pytest.approx(10, rel=0.15)


def test_widths_are_those_of_sigmoids():
    table = sharp()
    table["exact"] = logistic(2.0 * np.log(table["C"] / 1e20))
    found = iso.emergence(table, metric="exact")
    assert found.sharpness == pytest.approx(iso.laws.logistic_width(B=2.0).C_ratio, rel=1e-5)
    table["exact"] = logistic(9.0 * (1.9 - table["loss"]))
    assert iso.emergence(table, metric="exact").loss_width == pytest.approx(np.log(81) / 9, rel=1e-5)


def test_a_step_beyond_the_curve_is_a_jump():
    found = iso.emergence(sharp(step=0.3), metric="exact", token_loss="u")
    assert found.verdict == "jump"
    assert found.jump.at == pytest.approx(1e21, rel=0.7)
    assert found.jump.size == pytest.approx(0.3, abs=0.1)
    assert found.jump.p_value < 0.01
    assert "steps by" in found.text


def test_smooth_scores_are_seldom_called_jumps():
    calls = [iso.emergence(sharp(noise=0.02, seed=i), metric="exact", token_loss="u", rng=i).verdict for i in range(60)]
    assert calls.count("jump") <= 7


def test_a_score_that_the_loss_does_not_explain_is_loose():
    rng, table = np.random.default_rng(1), sharp(n=30)
    table["exact"] = np.clip(0.3 + 0.07 * np.linspace(-1, 1, 30) + 0.07 * rng.standard_normal(30), 0, 1)
    found = iso.emergence(table, metric="exact", chance=None)
    assert found.verdict == "loose"
    assert "cannot be told" in found.text


def test_bad_input_of_emergence_is_named():
    table = sharp()
    with pytest.raises(iso.DataError, match="exact is at chance level"):
        iso.emergence({**table, "exact": np.full(18, 0.25)}, metric="exact", chance=0.25)
    with pytest.raises(iso.DataError, match=r"'u' is -1 in row 4, expected a loss of 0 or more"):
        iso.emergence({**table, "u": np.where(np.arange(18) == 4, -1.0, table["u"])}, metric="exact", token_loss="u")
    with pytest.raises(iso.DataError, match="expected 0 to 1"):
        iso.emergence({**table, "exact": 100 * table["exact"]}, metric="exact")
    with pytest.raises(iso.DataError, match="no C, N or D to tell their scale"):
        iso.emergence({"loss": table["loss"], "exact": table["exact"]}, metric="exact")
    with pytest.raises(iso.DataError, match="the runs have no loss"):
        iso.emergence({"C": table["C"], "exact": table["exact"]}, metric="exact")
