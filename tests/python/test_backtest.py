"""Back-tests: the protocol row by row, the scores against closed forms, the shell's JSON, and the measured tables."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy.stats import norm

import isoflop as iso
from isoflop._backtest import PROBABILITIES
from isoflop._backtest._protocol import cells, groups_of, table_of
from isoflop._backtest._scores import by_family, score_rows
from isoflop.cli import main

FAST = ("recommended", "mixture")


@pytest.fixture(scope="module")
def columns():
    """Return 60 runs on a grid of 10 sizes by 6 multiples, noise 0.4 % with an effect per size."""
    n = np.repeat(np.geomspace(5e7, 2e9, 10), 6)
    d = n * np.tile(np.geomspace(5, 160, 6), 10)
    rng = np.random.default_rng(4)
    size = np.repeat(np.arange(10), 6)
    shift = 0.003 * rng.standard_normal(10)[size] + 0.003 * rng.standard_normal(60)
    return {"N": n, "D": d, "loss": (1.82 + 482 * n**-0.348 + 2085 * d**-0.366) * np.exp(shift)}


def test_rows_that_count():
    frame = {"N": [1e7, 1e8, 1e8, 1e5], "D": [1e10, 1e10, 1e9, 1e9], "loss": [7.0, 3.0, 6.99, 3.5]}
    table = table_of(iso.Runs(frame))
    assert table.loss.tolist() == [3.0, 6.99]  # not 7.0 itself, and not C = 6e14
    with pytest.raises(iso.DataError, match="no row has a loss below 7"):
        table_of(iso.Runs({"N": [1e5], "D": [1e9], "loss": [2.0]}))
    with pytest.raises(iso.DataError, match="a back-test needs D"):
        table_of(iso.Runs({"N": [1e8], "loss": [2.0]}))


def test_groups_are_runs_else_sizes_else_bins():
    sizes = [1e8, 1e8, 2e8, 2e8]
    base = {"N": sizes, "D": [1e9, 2e9, 1e9, 2e9], "loss": [3.0, 2.9, 2.8, 2.7]}
    by_run = iso.Runs({**base, "run_id": ["a", "a", "b", "b"]})
    assert groups_of(by_run, np.array(sizes)).tolist() == [0, 0, 1, 1]
    assert groups_of(iso.Runs(base), np.array(sizes)).tolist() == [0, 0, 1, 1]
    declared = iso.Runs({**base, "sweep": ["x", "y", "x", "y"]}, groups="sweep")
    assert groups_of(declared, np.array(sizes)).tolist() == [0, 1, 0, 1]
    own = np.array([1e8, 1.02e8, 1.5e8, 1.51e8])  # each a size of its own: bins of 0.15 in ln N
    assert groups_of(iso.Runs({**base, "N": own}), own).tolist() == [0, 0, 1, 1]
    # two of five rows alone are no reason to bin
    mixed = np.array([1e8, 1e8, 1e8, 1.02e8, 1.04e8])
    frame = {"N": mixed, "D": np.full(5, 1e9), "loss": np.full(5, 3.0)}
    assert groups_of(iso.Runs(frame), mixed).tolist() == [0, 0, 0, 1, 2]


def test_cuts_keep_nine_rows_of_three_sizes_and_score_the_rest(columns):
    table = table_of(iso.Runs(columns))
    for cell in cells(table, (3, 10, 30, 100)):
        assert cell.fit.C.max() <= table.C.max() / cell.ratio < cell.later.C.min()
        assert len(cell.fit) + len(cell.later) == len(table)
    assert [cell.ratio for cell in cells(table, (3, 10, 1e9))] == [3, 10]
    two_sizes = table.take(np.flatnonzero(np.unique(table.N)[1] >= table.N))
    assert cells(two_sizes, (2,)) == []


def test_scores_of_a_normal_forecast_are_the_closed_forms():
    rng = np.random.default_rng(0)
    observed = 2.0 * rng.standard_normal(500)
    quantiles = np.broadcast_to(norm.ppf(PROBABILITIES), (500, len(PROBABILITIES)))
    scores = score_rows(quantiles, np.zeros(500), observed)
    crps = observed * (2 * norm.cdf(observed) - 1) + 2 * norm.pdf(observed) - 1 / math.sqrt(math.pi)
    assert scores["crps"].mean() == pytest.approx(crps.mean(), rel=0.01)
    z = norm.ppf(0.975)
    miss = np.maximum(np.abs(observed) - z, 0)
    np.testing.assert_allclose(scores["interval_score_95"], 2 * z + 40 * miss)
    np.testing.assert_array_equal(scores["coverage_95"], np.abs(observed) <= z)
    np.testing.assert_array_equal(scores["coverage_90"], np.abs(observed) <= norm.ppf(0.95))
    np.testing.assert_allclose(scores["squared"], observed**2)


def test_families_weigh_equally_and_cells_within_them():
    def cell(family, rmse, n):
        scores = dict.fromkeys(("coverage_90", "coverage_95", "width_95", "interval_score_95", "crps"), 0.5)
        return {"family": family, "rmse": rmse, "n": n, **scores}

    total = by_family([cell("a", 1.0, 1000), cell("a", 3.0, 1), cell("b", 6.0, 7)])
    assert total["families"]["a"]["rmse"] == 2.0
    assert total["rmse"] == 4.0
    assert total["n"] == 1008


def test_backtest_scores_ours_beside_the_usual(columns):
    result = iso.backtest(columns, ratios=[10])
    assert set(result.methods) == {"recommended", "chinchilla-huber-groups", "chinchilla-huber-rows", "mixture"}
    ours = result.methods["recommended"]
    assert ours["n"] == len(cells(table_of(iso.Runs(columns)), [10])[0].later)
    assert ours["coverage_95"] > 0.8
    assert ours["rmse"] < 0.02
    assert not result.failures
    frame = result.to_frame()
    assert frame["method"].to_list() == list(result.methods)
    assert "recommended" in result.summary()
    again = iso.backtest(columns, ratios=[10], methods=["chinchilla-huber-groups"])
    assert again.methods["chinchilla-huber-groups"] == result.methods["chinchilla-huber-groups"]


def test_ones_own_method_sees_the_earlier_rows_only_by_name(columns):
    def last_loss(earlier, later):
        centre = np.full(len(later), np.log(earlier.loss.min()))
        return centre, centre[:, None] + 0.1 * norm.ppf(PROBABILITIES)

    result = iso.backtest({"mine": iso.Runs(columns)}, methods={"floor": last_loss}, ratios=[10])
    table = table_of(iso.Runs(columns))
    (cut,) = cells(table, [10])
    expected = np.sqrt(np.mean((np.log(cut.fit.loss.min()) - np.log(cut.later.loss)) ** 2))
    assert result.methods["floor"]["families"]["mine"]["rmse"] == pytest.approx(expected)
    with pytest.raises(iso.DataError, match="gave quantiles of shape"):
        iso.backtest(columns, methods={"bad": lambda a, b: (np.zeros(len(b)), np.zeros((1, 1)))}, ratios=[10])


def test_a_method_without_an_answer_is_listed_and_not_scored(columns):
    def silent(earlier, later):
        raise iso.FitError("nothing to say\n\nHint: none")

    result = iso.backtest(columns, methods={"silent": silent, "recommended": "recommended"}, ratios=[10])
    assert result.failures == ("silent on runs at 1/10: nothing to say",)
    assert result.methods["silent"]["failed"] == 1
    assert result.methods["silent"]["n"] == 0
    assert result.methods["recommended"]["failed"] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"methods": ["best"]}, "unknown method 'best'"),
        ({"methods": []}, "no method was named"),
        ({"ratios": [0.5]}, "expected numbers above 1"),
        ({"ratios": [1e9]}, "no cut of 60 rows"),
    ],
)
def test_bad_settings_say_what_is_wrong(columns, options, message):
    with pytest.raises(iso.DataError, match=message):
        iso.backtest(columns, **options)


@pytest.fixture
def file(columns, tmp_path):
    path = tmp_path / "runs.csv"
    names = {"N": "params", "D": "tokens", "loss": "loss"}
    rows = zip(*(columns[name] for name in names), strict=True)
    path.write_text("\n".join([",".join(names.values()), *(",".join(f"{x:.10g}" for x in row) for row in rows)]))
    return path


def test_shell_prints_the_agreed_json(file, capsys):
    assert main(["backtest", str(file), "--methods", "recommended,mixture", "--ratios", "3,10", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert list(printed["methods"]) == list(FAST)
    wanted = {"rmse", "coverage_90", "coverage_95", "width_95", "interval_score_95", "n", "families"}
    for scores in printed["methods"].values():
        assert wanted <= set(scores)
        assert wanted - {"families"} <= set(scores["families"][str(file)])
        assert scores["rmse"] == scores["families"][str(file)]["rmse"]


def test_shell_takes_words_in_any_order(file, capsys):
    assert main(["backtest", "--ratios", "3", "10", "--methods", "recommended", str(file), "--no-json"]) == 0
    assert "recommended" in capsys.readouterr().out
    assert main(["backtest", str(file), "--methods", "best"]) == 1
    assert main(["backtest", str(file), "--ratios", "x"]) == 2
    assert main(["backtest"]) == 2


def test_shell_forecasts(file, capsys):
    words = ["forecast", str(file), "--at", "N=70e9,D=1.4e12", "--at", "N=7e9,D=1.4e11"]
    assert main([*words, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    model = iso.forecast(iso.read_runs(str(file)), N=[70e9, 7e9], D=[1.4e12, 1.4e11])
    assert printed["loss"] == pytest.approx(model.loss.tolist(), rel=1e-12)
    for name in ("mean_low", "mean_high", "low", "high", "shares", "outside", "leverage", "notes"):
        assert name in printed
    assert main([*words, "--no-json", "--sensitivity", "--law", "chinchilla"]) == 0
    assert "twice as wide" in capsys.readouterr().out
    assert main([*words, "--level", "2"]) == 2
    assert main([*words, "--at", "N=1e9"]) == 2


def test_the_recommended_method_holds_on_measured_runs(shared):
    """Two small tables of the benchmark; `benches/python/forecasts.py` has all of them."""
    runs = iso.read_runs(str(shared / "llama3_isoflop.csv"))
    steps = iso.read_runs(str(shared / "gadre_overtraining_runs.csv"), loss="loss", where="train_set == 'rpj'")
    result = iso.backtest({"llama3": runs, "gadre": steps}, methods=["recommended"])
    scores = result.methods["recommended"]
    assert scores["families"]["llama3"]["rmse"] < 0.0105  # Chinchilla by Huber 1e-3 has 0.0105
    assert scores["coverage_95"] >= 0.8
