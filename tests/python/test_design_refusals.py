"""Plans of runs: what they refuse, what they say of it, and the shell."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

import isoflop as iso
from isoflop import _demo
from isoflop.cli import main

from .benches import bench_module

designs = bench_module("designs", importable=True)

PNORM = iso.laws.get("pnorm")
SIGMA, TARGET = 0.005, 1e24
KNOWN = (PNORM, {**designs.TRUTH, "p": 1.0})


@pytest.fixture(scope="module")
def plan():
    return iso.plan_runs(KNOWN, sigma=SIGMA, budget=1e22, target_C=TARGET, k=12)


@pytest.fixture(scope="module")
def demo():
    return iso.read_runs(_demo.PATH, loss="loss", N="params", D="tokens")


def refused(error, message, call, *arguments, **options):
    with pytest.raises(error) as caught:
        call(*arguments, **options)
    text = str(caught.value)
    assert re.search(message, text, flags=re.DOTALL), text
    assert not text.partition("\n")[0].endswith(".")
    return text


def test_designs_that_cannot_tell_the_best_size_are_refused():
    c = np.geomspace(1e19, 1e22, 12)
    frontier = iso.laws.chinchilla_opt(C=c, **designs.TRUTH).N_opt
    given = {"target_C": TARGET, "sigma": SIGMA}
    text = refused(
        iso.DataError, "do not identify N_opt", iso.evaluate_design, KNOWN, N=frontier, D=c / 6 / frontier, **given
    )
    assert "tokens per parameter" in text or "compute-optimal frontier" in text
    assert "several sizes at the same compute" in text
    sizes = np.geomspace(1e8, 1e10, 12)
    refused(iso.DataError, "20 tokens per parameter", iso.evaluate_design, KNOWN, N=sizes, D=20 * sizes, **given)
    shaken = frontier * np.exp(0.1 * np.random.default_rng(0).uniform(-1, 1, 12))
    refused(iso.DataError, "do not identify", iso.evaluate_design, KNOWN, N=shaken, D=c / 6 / shaken, **given)
    wide = frontier * np.tile([0.25, 1, 4], 4)
    assert iso.evaluate_design(KNOWN, N=wide, D=c / 6 / wide, **given).after.N_opt_error < 1
    narrow = {"budget": 1e22, "k": 12, "tokens_per_param": (20, 20.4)}
    refused(iso.DataError, "do not identify N_opt", iso.plan_runs, KNOWN, **narrow, **given)


def test_runs_already_made_may_identify_what_new_ones_do_not(demo):
    sizes = np.geomspace(1e8, 1e10, 4)
    assert iso.evaluate_design(demo, N=sizes, D=20 * sizes, target_C=TARGET).after.N_opt_error < 0.2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"budget": 0}, "budget is 0"),
        ({"budget": float("nan")}, "budget is nan"),
        ({"budget": "a"}, "budget is 'a', expected what all runs may cost"),
        ({"target_C": 1}, "target_C is 1"),
        ({"target_C": "far"}, "target_C is 'far', expected training compute"),
        ({"k": "a"}, "k is 'a', expected a whole number"),
        ({"cap": "a"}, "cap is 'a', expected a share"),
        ({"N": ("a", 1e9)}, "N is 'a', expected .smallest, largest."),
        ({"k": 0}, "k is 0"),
        ({"k": 2.5}, "k is 2.5"),
        ({"slots": 0}, "slots is 0"),
        ({"cap": 25}, "cap is 25"),
        ({"floor": 0.5}, "floor is 0.5"),
        ({"longest": -1}, "longest is -1"),
        ({"longest": 1e18}, "on 1 slot take at least"),
        ({"N": (1e10, 1e7)}, "N is .*expected .smallest, largest."),
        ({"N": (1e14, 1e15)}, "no run costs .* FLOP with N from 1e.14"),
        ({"tokens_per_param": (-1, 2)}, "tokens_per_param is"),
        ({"sigma": 0}, "sigma is 0"),
        ({"sigma": None}, "do not say how noisy"),
        ({"level": 95}, "level is 95"),
        ({"k": 200, "floor": 0.01}, "200 runs cost at least .* the budget is"),
        ({"cost": 3}, "cost is a int"),
        ({"cost": "price*N*D"}, "uses 'price'"),
        ({"held": {"U": 1.0}}, "held names 'U'"),
        ({"law": "chinchilla"}, "law is given twice"),
    ],
)
def test_bad_input(changes, message):
    usual = {"sigma": SIGMA, "budget": 1e22, "target_C": TARGET, "k": 12}
    refused(iso.IsoflopError, message, iso.plan_runs, KNOWN, **{**usual, **changes})


def test_bad_points():
    given = {"sigma": SIGMA, "target_C": TARGET}
    refused(iso.DataError, "N is .'a'., expected a number per run", iso.evaluate_design, KNOWN, N=["a"], D=[1], **given)


def test_bad_models(demo):
    wrong = {"N": [1e8, 1e9] * 6, "D": [2e9, 2e10, 2e11] * 4, "loss": [-3.0] * 12}
    refused(iso.DataError, "column 'loss' has 12 negative", iso.plan_runs, wrong, budget=1e22, target_C=TARGET, k=6)
    given = {"budget": 1e22, "target_C": TARGET, "k": 6}
    refused(iso.LawError, "expected one over N and D", iso.plan_runs, demo, law="power_floor", **given)
    refused(
        iso.LawError,
        "no value for 'beta'",
        iso.plan_runs,
        (PNORM, {"E": 1, "A": 1, "B": 1, "alpha": 1}),
        sigma=1,
        **given,
    )
    refused(
        iso.LawError,
        "has no best size",
        iso.plan_runs,
        (iso.Law("E + A / N**a + 0*D"), {"E": 1, "A": 400, "a": 0.3}),
        sigma=0.01,
        **given,
    )
    exact = iso.simulate("chinchilla", {"N": [1e8, 1e9, 1e10] * 4, "D": [1e9, 1e10, 1e11, 1e12] * 3}, noise=0.0)
    assert "sigma=" in refused(iso.DataError, "residuals of the 12 runs are zero", iso.plan_runs, exact, **given)
    refused(
        iso.DataError,
        "N has 2 values and D 1",
        iso.evaluate_design,
        KNOWN,
        N=[1e8, 1e9],
        D=[1e10],
        sigma=1,
        target_C=TARGET,
    )
    refused(
        iso.DataError, "run 1 has N 0", iso.evaluate_design, KNOWN, N=[1e8, 0], D=[1e10, 1e10], sigma=1, target_C=TARGET
    )


# ---- the shell


def test_the_shell_gives_the_numbers_of_the_api(capsys, demo):
    words = ["plan-runs", str(_demo.PATH), "--budget", "1e22", "--target", "1e24", "--k", "7", "--slots", "2", "--json"]
    words += ["--loss", "loss", "--N", "params", "--D", "tokens", "--window", "3:300", "--sizes", "1e8:1e10"]
    assert main(words) == 0
    out = json.loads(capsys.readouterr().out)
    plan = iso.plan_runs(demo, budget=1e22, target_C=1e24, k=7, slots=2, tokens_per_param=(3, 300), N=(1e8, 1e10))
    assert [run["N"] for run in out["runs"]] == plan.columns["N"].tolist()
    assert out["after"]["loss_error"] == plan.after.loss_error
    assert out["table"]["n_rows"] == len(demo)


def test_the_shell_helps_and_refuses(capsys):
    assert main(["plan-runs", "--help"]) == 0
    assert "isoflop plan-runs runs.csv --budget 1e22 --target 1e24 --k 12" in capsys.readouterr().out
    usual = ["plan-runs", str(_demo.PATH), "--budget", "1e22", "--target", "1e24", "--k", "7"]
    assert main([*usual, "--sizes", "large"]) == 2
    assert "--sizes is 'large'" in capsys.readouterr().err
    assert main([*usual, "--window", "20:20.1", "--where", "params > 1e9", "--sizes", "1e12:1e13"]) == 1
    assert "no run costs" in capsys.readouterr().err
    assert main([*usual, "--no-json"]) == 0
    assert "optimised" in capsys.readouterr().out


def test_what_came_as_pandas_goes_as_pandas():
    pandas = pytest.importorskip("pandas")
    runs = pandas.read_csv(_demo.PATH).rename(columns={"params": "N", "tokens": "D"})
    for model in (runs, iso.fit(runs)):
        found = iso.plan_runs(model, budget=1e20, target_C=1e22, k=4)
        assert isinstance(found.to_frame(), pandas.DataFrame)
        assert isinstance(found.expected, pandas.DataFrame)


def test_sizes_of_a_design_are_numbers():
    with pytest.raises(iso.DataError, match=r"N is .*, expected a number per run"):
        iso.evaluate_design(KNOWN, N=["a"], D=[1e9], sigma=SIGMA, target_C=TARGET)


def test_runs_made_that_cannot_be_used_are_told(demo):
    table = {"N": demo.variable("N").copy(), "D": demo.variable("D"), "loss": demo.loss}
    table["N"][:2] = np.nan
    found = iso.plan_runs(iso.Runs(table, nan_policy="omit"), budget=1e20, target_C=1e22, k=4)
    assert "2 rows of the runs made cannot be used, left out" in found.notes


def test_whole_numbers_may_be_floats_and_what_is_held_is_a_number():
    words = {"sigma": SIGMA, "budget": 1e21, "target_C": 1e23}
    one, other = (iso.plan_runs(KNOWN, k=k, slots=k / 3, **words) for k in (6, 6.0))
    assert one.to_dict() == other.to_dict()
    with pytest.raises(iso.DataError, match="held p is 'x', expected a number"):
        iso.plan_runs(KNOWN, k=6, cost="p*N*D", held={"p": "x"}, **words)


def test_slots_beyond_the_runs_stay_empty():
    plans = [iso.plan_runs(KNOWN, sigma=0.005, budget=1e22, target_C=1e24, k=8, slots=s) for s in (8, 10**15)]
    assert plans[0].makespan == plans[1].makespan == max(plans[0].runs["cost"])
