"""`isoflop compare-recipes` and `isoflop downstream`: the numbers of the API, exit codes, JSON without infinities."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import isoflop as iso
from isoflop.cli import main

C = np.geomspace(1e18, 1e21, 5)


def write(name, **columns):
    with Path(name).open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(columns)
        rows.writerows(zip(*columns.values(), strict=True))
    return name


@pytest.fixture(autouse=True)
def tables(tmp_path, monkeypatch):
    """Write two ladders, both in one file too, and a table with scores."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    losses = [(1.7 + A * C**-0.155) * np.exp(0.003 * rng.standard_normal(5)) for A in (1000.0, 960.0)]
    for name, loss in zip(("base.csv", "new.csv"), losses, strict=True):
        write(name, flops=C, loss=loss)
    write("both.csv", flops=np.tile(C, 2), loss=np.concatenate(losses), recipe=["base"] * 5 + ["new"] * 5)
    N, D = np.repeat([1e8, 3e8, 1e9, 3e9], 5), np.tile(np.geomspace(2e9, 1e11, 5), 4)
    loss = iso.laws.get("chinchilla").predict("epoch2024", N=N, D=D) * np.exp(0.003 * rng.standard_normal(20))
    write("scores.csv", params=N, tokens=D, loss=loss, acc=0.25 + 0.75 / (1 + np.exp(3 * (loss - 2.6))))


@pytest.fixture
def shell(capsys):
    def run(*words, code=0):
        got = main([str(word) for word in words])
        out, err = capsys.readouterr()
        assert got == code, err
        return out, err

    return run


def test_compare_recipes_gives_the_numbers_of_the_api(shell):
    options = ("--target", "1e22", "--asymptote", "1.7", "--bootstrap", "50")
    two = json.loads(shell("compare-recipes", "base.csv", "new.csv", *options, "--json")[0])
    one = json.loads(
        shell("compare-recipes", "both.csv", "--by", "recipe", "--a", "base", "--b", "new", *options, "--json")[0]
    )
    api = iso.compare_recipes(
        iso.read_runs("base.csv"),
        iso.read_runs("new.csv"),
        target=1e22,
        asymptote=1.7,
        a="base",
        b="new",
        n_resamples=50,
    )
    assert two["command"] == "compare-recipes"
    assert two["files"] == ["base.csv", "new.csv"]
    for key in ("multiplier", "probability_better", "verdict", "names"):
        assert two[key] == api.to_dict()[key]
        assert one[key] == pytest.approx(two[key]) if isinstance(one[key], float) else one[key] == two[key]


def test_open_ends_are_null_and_text_says_no_limit(shell):
    words = (
        "compare-recipes",
        "base.csv",
        "new.csv",
        "--target",
        "1e26",
        "--bootstrap",
        "0",
        "--where",
        "flops < 9e20",
    )
    out, _ = shell(*words, "--json")
    rows = json.loads(out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))["multiplier"]
    assert rows[-1]["high"] is None or rows[-1]["low"] == 0
    assert "cannot tell which recipe is better" in shell(*words, "--no-json")[0]


def test_shared_parameters_and_asymptotes_by_name(shell):
    out, _ = shell("compare-recipes", "base.csv", "new.csv", "--shared", "E,exponents", "--bootstrap", "0", "--json")
    params = json.loads(out)["params"]
    assert (params["base"]["E"], params["base"]["alpha"]) == (params["new"]["E"], params["new"]["alpha"])
    out, _ = shell(
        "compare-recipes", "base.csv", "new.csv", "--asymptote", "base=1.7,new=1.65", "--bootstrap", "0", "--json"
    )
    assert [json.loads(out)["params"][n]["E"] for n in ("base", "new")] == [1.7, 1.65]


def test_wrong_words_of_compare_recipes(shell):
    assert "expected two files" in shell("compare-recipes", "base.csv", code=2)[1]
    assert (
        "has no recipe 'nwe'"
        in shell("compare-recipes", "both.csv", "--by", "recipe", "--a", "base", "--b", "nwe", code=1)[1]
    )
    assert "--level is 7" in shell("compare-recipes", "base.csv", "new.csv", "--level", "7", code=2)[1]
    assert "--asymptote is 'low'" in shell("compare-recipes", "base.csv", "new.csv", "--asymptote", "low", code=1)[1]
    write("far.csv", flops=C * 1e6, loss=1.7 + 1000 * (C * 1e6) ** -0.155)
    assert "no runs at common compute" in shell("compare-recipes", "base.csv", "far.csv", code=1)[1]
    out, _ = shell("compare-recipes", "base.csv", "far.csv", "--no-overlap", "--bootstrap", "0", "--no-json")
    assert "rests on extrapolation" in " ".join(out.split())


def test_downstream_gives_the_numbers_of_the_api(shell):
    words = (
        "downstream",
        "scores.csv",
        "--metrics",
        "acc",
        "--chance",
        "0.25",
        "--at",
        "N=2e9,D=8e10",
        "--bootstrap",
        "100",
    )
    out = json.loads(shell(*words, "--json")[0])
    api = iso.downstream(iso.read_runs("scores.csv"), metric="acc", chance=0.25, n_resamples=100)
    assert out["forecasts"] == api.forecast(N=[2e9], D=[8e10]).to_dict()["forecasts"]
    assert out["link"]["acc"]["explained"] == api.looseness["acc"].explained
    assert "loosely tied" in shell(*words, "--no-json")[0]


def test_downstream_knows_chance_by_task_and_the_forecaster(shell):
    words = ("downstream", "scores.csv", "--metrics", "acc", "--at", "N=2e9,D=8e10", "--bootstrap", "50", "--json")
    by_task = json.loads(shell(*words, "--chance", "acc=0.25", "--law", "forecaster")[0])
    assert any("forecaster's" in note for note in by_task["notes"])
    assert (
        "no column 'mmlu'" in shell("downstream", "scores.csv", "--metrics", "mmlu", "--at", "N=1e9,D=1e10", code=1)[1]
    )


@pytest.mark.parametrize("command", ["compare-recipes", "downstream"])
def test_help_has_an_example(shell, command):
    out, err = shell(command, "--help")
    assert err == ""
    assert "For example:" in out
    assert f"isoflop {command} " in out


def test_levels_of_chance_that_are_no_numbers(shell):
    words = ("downstream", "scores.csv", "--metrics", "acc", "--at", "N=2e9,D=8e10")
    assert "--chance" in shell(*words, "--chance", "acc=abc", code=2)[1]
    assert "chance names a column, 'abc'" in shell(*words, "--chance", "abc", code=1)[1]


def test_what_takes_its_time_says_so_on_stderr(shell):
    out, err = shell("compare-recipes", "base.csv", "new.csv", "--bootstrap", "10", "--json")
    assert err == "isoflop: 10 rows: both recipes, 10 resamples\n"
    json.loads(out)
    _, err = shell("downstream", "scores.csv", "--metrics", "acc", "--at", "N=2e9,D=8e10", "--bootstrap", "20")
    assert "isoflop: 20 rows: both steps, 20 resamples\n" in err
