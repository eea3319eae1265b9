"""From a law to a bill: the optimum is the law's, the budget is spent to the last, and what cannot be says why."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

import isoflop as iso
from isoflop import _demo
from isoflop.cli import main

EPOCH = iso.laws.get("chinchilla").published["epoch2024"]
CLUSTER = iso.Cluster("H100-SXM", 256, price_usd_per_hour=2.5)


@pytest.fixture(scope="module")
def month():
    """Return a plan for thirty days, from published values."""
    return iso.plan(EPOCH, cluster=CLUSTER, days=30)


@pytest.fixture(scope="module")
def boot():
    return iso.fit(iso.read_runs(_demo.PATH)).bootstrap(500)


def curve(model, choice):
    source = getattr(model, "fit", model)
    return source.predict(N=choice.N, D=choice.D)


# ---- the decision


def test_compute_goes_to_the_closed_form():
    plan = iso.plan(EPOCH, cluster=CLUSTER, C=5.76e23)
    best = iso.laws.chinchilla_opt(C=5.76e23, **EPOCH.params)
    assert pytest.approx(best.N_opt, rel=1e-4) == plan.optimum.N
    assert pytest.approx(best.N_opt, rel=0.02) == plan.N
    assert pytest.approx(5.76e23, rel=1e-12) == 6 * plan.N * plan.D
    assert plan.architecture.n_params == plan.N
    assert plan.loss == pytest.approx(best.L_opt, rel=1e-4)


def test_the_budget_is_spent_at_the_price_of_the_architecture(month):
    job = iso.training_cost(month.architecture, month.D, CLUSTER, level=0.95)
    assert (job.days, month.cost.days, month.choice.budget) == pytest.approx((30, 30, 30))
    assert month.layout == job.layout
    assert month.cost.interval("usd") == job.interval("usd")


def test_every_unit_leads_to_the_same_plan(month):
    same = iso.plan(EPOCH, cluster=CLUSTER, usd=month.cost.usd)
    power = iso.plan(EPOCH, cluster=CLUSTER, kwh=month.cost.energy_kwh)
    for plan in (same, power):
        assert plan.architecture == month.architecture
        assert pytest.approx(month.D, rel=1e-6) == plan.D


def test_a_target_is_reached_for_the_least_money(month):
    target = month.choice.loss
    plan = iso.plan(EPOCH, cluster=CLUSTER, loss=target)
    assert plan.choice.loss == pytest.approx(target, rel=1e-9)
    assert plan.cost.usd <= month.cost.usd * (1 + 1e-9)  # that one reaches the loss, too
    assert plan.cost.days == pytest.approx(30, rel=0.02)
    assert pytest.approx(plan.optimum.N, rel=0.05) == plan.target.N
    assert plan.budget.unit == "loss"


def test_alternatives_have_the_same_loss_and_cost_about_what_they_say(month):
    assert len(month.alternatives) == 4
    sizes = [one.N / month.N for one in month.alternatives]
    assert sorted(size < 1 for size in sizes) == [False, False, True, True]
    for one in month.alternatives:
        assert curve(EPOCH, one) == pytest.approx(month.choice.loss, rel=1e-8)
        share = 1.10 if "10 %" in one.label else 1.02
        assert one.cost.usd / month.cost.usd == pytest.approx(share, rel=0.15)  # the teeth of real shapes


def test_no_shape_near_the_optimum_makes_more_of_the_budget(month):
    for factor in (0.93, 1.0, 1.07):
        arch = iso.template(factor * month.optimum.N)
        tokens = 30 / iso.training_cost(arch, 1.0, CLUSTER).days
        assert EPOCH.predict(N=arch.n_params, D=tokens) > month.choice.loss - 1e-4


def test_twice_the_budget(month):
    double = month.doubling
    assert double.choice.cost.days == pytest.approx(60)
    assert double.usd == pytest.approx(month.cost.usd)
    assert double.gain == pytest.approx(month.choice.loss - double.choice.loss, abs=1e-12)
    assert 0.01 < double.gain < 0.03
    assert np.isnan(double.gain_low)  # published values have no draws


def test_intervals_come_from_draws(boot):
    plan = iso.plan(boot, cluster=CLUSTER, days=30, level=0.8)
    low, high = plan.optimum.interval("N")
    assert low < plan.optimum.N < high
    assert plan.choice.mean_low < plan.loss < plan.choice.mean_high
    assert plan.choice.low < plan.choice.mean_low
    assert plan.doubling.gain_low < plan.doubling.gain < plan.doubling.gain_high
    band = boot.band(N=plan.N, D=plan.D, level=0.8)
    assert plan.choice.mean_low == band["low"][0]


def test_several_laws_and_a_forecaster_split_by_the_forecaster():
    runs = iso.read_runs(_demo.PATH)
    model = iso.forecaster(runs)
    plan = iso.plan(model, cluster=CLUSTER, C=1e23, n_resamples=400)
    best = iso.compute_optimal(model, C=1e23, n_draws=400, rng=0)
    assert pytest.approx(best.N) == plan.optimum.N
    assert plan.choice.forecast == pytest.approx(float(model.predict(N=plan.N, D=plan.D)))
    assert not any("puts the optimum at" in note for note in plan.notes)
    several = iso.plan(runs, ["pnorm", "chinchilla"], cluster=CLUSTER, C=1e23, n_resamples=400)
    assert pytest.approx(best.N, rel=0.3) == several.optimum.N


def test_runs_are_forecast():
    runs = iso.read_runs(_demo.PATH)
    lines = []
    plan = iso.plan(runs, cluster=CLUSTER, C=1e23, n_resamples=400, progress=lines.append)
    assert lines[0] == "fitting 120 runs"
    found = iso.forecast(runs, N=plan.N, D=plan.D)
    assert (plan.choice.forecast, plan.choice.low) == pytest.approx((found.loss, found.low))
    fit = iso.fit(runs, "chinchilla")
    assert plan.loss == pytest.approx(fit.predict(N=plan.N, D=plan.D))
    truth = iso.laws.chinchilla_opt(C=1e23, **EPOCH.params)
    low, high = plan.optimum.interval("N")
    assert low < truth.N_opt < high
    assert plan.choice.mean_low < truth.L_opt < plan.choice.mean_high
    assert plan.notes[0].startswith("the forecaster (pnorm) puts the optimum at ")
    assert any("beyond the largest run" in note for note in plan.notes)


def test_serving_moves_the_optimum_to_smaller_models():
    plain = iso.plan(EPOCH, cluster=CLUSTER, usd=2e6)
    served = iso.plan(EPOCH, cluster=CLUSTER, usd=2e6, lifetime_tokens=2e12)
    assert served.N < 0.9 * plain.N
    assert served.tokens_per_param > plain.tokens_per_param
    assert served.cost.usd < 2e6
    assert served.choice.budget == pytest.approx(2e6)


def test_serving_is_paid_in_flops_too():
    plan = iso.plan(EPOCH, cluster=CLUSTER, C=1e24, lifetime_tokens=2e12)
    assert pytest.approx(1e24) == 6 * plan.N * plan.D + 2 * plan.N * 2e12
    assert pytest.approx(plan.optimum.D, rel=0.04) == plan.D
    assert 0.9 * iso.laws.chinchilla_opt(C=1e24, **EPOCH.params).N_opt > plan.N


def test_windows_and_families_are_kept():
    narrow = iso.plan(EPOCH, cluster=CLUSTER, days=30, N=(1e9, 8.1e9), family="qwen")
    assert pytest.approx(8.1e9, rel=0.02) == narrow.N
    assert narrow.architecture.name.startswith("qwen 8")


# ---- what is printed


def test_summary_is_one_screen(month):
    lines = month.summary().splitlines()
    assert len(lines) <= 36
    assert max(map(len, lines)) <= 150
    assert "twice the budget buys 0.0" in month.summary()
    assert repr(month).startswith(f"<Plan: {month.architecture.name} on ")
    assert "<table>" in month._repr_html_()


def test_frame_dict_and_pickle(month):
    frame = month.to_frame()
    assert list(frame["choice"]) == [one.label for one in month._choices()]
    assert frame["N"].is_sorted(descending=False) or frame["choice"][-1] == "twice the budget"
    content = json.loads(json.dumps(month.to_dict(), allow_nan=False))
    assert content["plan"]["architecture"]["n_params"] == month.architecture.n_params
    assert content["budget"] == {"unit": "days", "amount": 30.0}
    shape = {k: v for k, v in content["plan"]["architecture"].items() if k not in ("n_params", "n_active_params")}
    assert iso.Architecture(**shape) == month.architecture
    assert pickle.loads(pickle.dumps(month)).summary() == month.summary()


def test_what_came_as_pandas_goes_as_pandas():
    pandas = pytest.importorskip("pandas")
    runs = pandas.read_csv(_demo.PATH)
    found = iso.plan(runs, cluster=CLUSTER, C=1e22, n_resamples=60)
    assert isinstance(found.to_frame(), pandas.DataFrame)
    assert isinstance(found.optimum.to_frame(), pandas.DataFrame)


# ---- what cannot be


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ({}, "no budget was given, expected exactly one of C, usd, days, kwh, loss"),
        ({"days": 3, "usd": 1e5}, "usd and days were given"),
        ({"days": -3}, "days is -3, expected one positive number"),
        ({"usd": "lots"}, "usd is 'lots'"),
        ({"usd": "1e5"}, "usd is '1e5'"),
        ({"days": True}, "days is True"),
        ({"days": 3, "held": {"N": 1e9}}, "held names 'N', which the plan chooses"),
        ({"days": 30, "level": 0.7}, "level is 0.7"),
        ({"C": 5.76e23, "max_days": 10}, "days=10 plans for that time; about"),
        ({"loss": 1.5}, "1.5"),  # below the asymptote of 1.8172
        ({"days": 30, "lifetime_tokens": 1e12}, "lifetime_tokens cost no days"),
        ({"days": 30, "law": "pnorm"}, "law is for runs, and this is a Published"),
        ({"days": 30, "precision": "fp7"}, "unknown precision 'fp7'"),
        ({"days": 30, "cluster": "H100"}, "cluster is a str, expected a Cluster"),
        ({"days": 30, "max_days": -1}, "max_days is -1, expected the longest that the run may take"),
        ({"days": 30, "n_resamples": "many"}, "n_resamples is 'many'"),
        ({"usd": 1e5, "lifetime_tokens": "many"}, "lifetime_tokens is 'many', expected a number of at least 0"),
        ({"usd": 1e5, "count": "all"}, "count is 'all', expected 'total'"),
        ({"usd": 1e-3}, "would see .* tokens, less than one step"),
        ({"loss": 100}, "less than one step"),
        ({"C": 1e12}, "the llama family has no model of"),
    ],
)
def test_bad_budgets(words, text):
    with pytest.raises(iso.IsoflopError, match=text):
        iso.plan(EPOCH, **{"cluster": CLUSTER, **words})


def test_runs_without_tokens_are_refused():
    ladder = iso.simulate("power_floor", {"X": [2.0**i for i in range(12)]}, noise=0.002, rng=1)
    with pytest.raises(iso.DataError, match="the runs have no N and no D"):
        iso.plan(ladder, cluster=CLUSTER, days=3)


def test_a_model_that_fits_nowhere_names_memory():
    with pytest.raises(iso.DataError, match=r"the smallest needs .* GiB a device"):
        iso.plan(EPOCH, cluster=iso.Cluster("A100", 8, price_usd_per_hour=1.0), C=5.76e24)


def test_a_batch_that_nothing_divides_names_divisibility():
    cluster = iso.Cluster("A100", 127, devices_per_node=127, price_usd_per_hour=1.0)
    with pytest.raises(iso.DataError, match="no cut divides the batch"):
        iso.plan(EPOCH, cluster=cluster, days=30, batch=8, N=(1e9, 1e11))


def test_a_budget_for_the_smallest_model_of_the_family():
    plan = iso.plan(EPOCH, cluster=CLUSTER, usd=1.5)
    assert plan.N < 1e8
    assert plan.cost.usd == pytest.approx(1.5)


def test_the_largest_model_that_fits_is_said():
    plan = iso.plan(EPOCH, cluster=iso.Cluster("A100", 8, price_usd_per_hour=1.0), days=36500)
    assert any(note.startswith("larger models do not fit") for note in plan.notes)


# ---- the shell


def test_shell_gives_the_numbers_of_the_api(capsys):
    words = ["plan", str(_demo.PATH), "--gpu", "H100-SXM", "--count", "256", "--price", "2.5", "--flops", "1e23"]
    assert main([*words, "--resamples", "200", "--json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    plan = iso.plan(iso.read_runs(_demo.PATH), cluster=CLUSTER, C=1e23, n_resamples=200)
    assert found["command"] == "plan"
    assert (found["plan"]["N"], found["plan"]["D"], found["plan"]["usd"]) == (plan.N, plan.D, plan.cost.usd)
    assert found["runs"]["n_rows"] == 120
    assert "isoflop: fitting 120 runs" in err


def test_shell_reads_a_saved_fit_and_a_model_of_ones_own(capsys, tmp_path, boot):
    boot.save(tmp_path / "fit.json")
    config = {"model_type": "llama", "vocab_size": 32000, "hidden_size": 2048, "num_hidden_layers": 16,
              "num_attention_heads": 16, "intermediate_size": 5632, "max_position_embeddings": 4096}  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    words = ["plan", str(tmp_path / "fit.json"), "--gpu", "H100-SXM", "--count", "64", "--days", "10"]
    assert main([*words, "--family", str(tmp_path / "config.json"), "--no-json"]) == 0
    out, _ = capsys.readouterr()
    assert out.startswith("budget ")
    assert "twice the budget buys" in out
    assert main([*words, "--law", "pnorm"]) == 2
    assert "is a saved model" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["--gpu", "H100-SXM", "--count", "8"], 2, "0 budgets were given"),
        (["--gpu", "H100-SXM", "--count", "8", "--days", "1", "--usd", "5"], 2, "2 budgets were given"),
        (["--gpu", "H10", "--count", "8", "--days", "1"], 1, "unknown accelerator 'H10'"),
        (["--count", "8", "--days", "1"], 2, "--gpu"),
        (["--gpu", "H100-SXM", "--count", "8", "--days", "1", "--family", "lama"], 1, "unknown family 'lama'"),
    ],
)
def test_shell_says_what_is_wrong(capsys, words, code, text):
    assert main(["plan", str(_demo.PATH), *words]) == code
    assert text in capsys.readouterr().err


def test_help_has_an_example(capsys):
    main(["plan", "--help"])
    assert "isoflop plan runs.csv --gpu H100-SXM --count 1024 --days 30" in capsys.readouterr().out


# ---- published runs


def test_chinchillas_budget(epoch):
    """At 5.76e23 FLOP the replication of Besiroglu et al. 2024 puts D/N at about 20, Hoffmann et al.'s law at 70."""
    plan = iso.plan(epoch, cluster=iso.Cluster("A100", 1024), C=5.76e23, level=0.8)
    low, high = plan.optimum.interval("tokens_per_param")
    assert low == pytest.approx(10, abs=1.5)
    assert high == pytest.approx(30, abs=3)
    assert plan.optimum.tokens_per_param == pytest.approx(18, abs=1)
    assert pytest.approx(73.2e9, rel=0.03) == plan.N  # 70 B were trained
    assert plan.choice.low < 1.974 < plan.choice.high
