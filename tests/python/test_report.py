"""The HTML report: its numbers against closed forms, its text against hostile tables, what it refuses."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import isoflop as iso
from isoflop.cli import main
from isoflop.report._html import data
from isoflop.report._rows import Rows
from isoflop.report._style import words

TRUTH = {"E": 1.8, "A": 480.0, "B": 2100.0, "alpha": 0.35, "beta": 0.37}
HOSTILE = "</script><img src=x onerror=alert(1)>%{x}&"
DEMO = Path(iso.__file__).parent / "data" / "demo_runs.csv"


def grid():
    """Return 36 points on a grid of sizes and tokens."""
    N = [1e8 * 2**i for i in range(6)] * 6
    return {"N": N, "D": [4e9 * 2 ** (i // 6) for i in range(36)]}


def simulated(**more):
    return iso.simulate("chinchilla", {**grid(), **more}, params=TRUTH, noise=0.002, rng=3)


def blocks(text):
    """Return the JSON blocks of a page by name."""
    found = re.findall(r'<script type="application/json" id="([^"]+)">(.*?)</script>', text, re.S)
    return {name: json.loads(content) for name, content in found}


def number(text):
    """Return the value of a count in words, such as 15.2 B."""
    letters = {"T": 1e12, "B": 1e9, "M": 1e6, "k": 1e3}
    value, _, letter = text.partition("\u00a0")
    return float(value) * letters.get(letter, 1.0)


def closed_form(C, E, A, B, alpha, beta):
    """Return N of the optimum: Hoffmann et al. 2022, equation 4."""
    G = (alpha * A / (beta * B)) ** (1 / (alpha + beta))
    return G * (C / 6) ** (beta / (alpha + beta))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a bootstrap, its report, and the report's text."""
    boot = iso.fit(simulated(), "chinchilla").bootstrap(400, rng=0)
    report = iso.report.write(boot, tmp_path_factory.mktemp("report") / "a.html", target=1e22)
    return boot, report, report.path.read_text(encoding="utf-8")


def test_readings_of_every_step_are_the_closed_form(made):
    boot, report, text = made
    steps, budgets = blocks(text)["steps"], report.findings.decision.C
    assert len(steps["readings"]) == len(budgets) >= 25
    assert budgets[report.findings.decision.start] == 1e22
    for said, C in zip(steps["readings"], budgets, strict=True):
        best = closed_form(C, **boot.fit.params)
        assert number(said["N"]) == pytest.approx(best, rel=6e-3)
        assert number(said["D"]) == pytest.approx(C / 6 / best, rel=6e-3)
        assert float(said["loss"]) == pytest.approx(boot.fit.predict(N=best, D=C / 6 / best), abs=6e-5)


def test_intervals_of_the_slider_are_quantiles_of_optima_of_draws(made):
    boot, report, text = made
    decision = report.findings.decision
    columns = dict(zip(boot.names, boot.draws[boot.ok].T, strict=True))
    for i in (0, decision.start, -1):
        said = blocks(text)["steps"]["readings"][i]
        low, high = np.quantile(closed_form(decision.C[i], **columns), [0.025, 0.975])
        assert number(said["N_low"]) == pytest.approx(low, rel=0.02)
        assert number(said["N_high"]) == pytest.approx(high, rel=0.02)


def test_moving_charts_hold_a_step_per_budget(made):
    _, report, text = made
    steps = blocks(text)["steps"]
    decision = report.findings.decision
    for name in ("valley", "plane"):
        assert len(steps["moving"][name]["steps"]) == len(decision.C)
    optimum = [step["x"][-1][0] for step in steps["moving"]["valley"]["steps"]]
    np.testing.assert_allclose(optimum, decision.optimum.N, rtol=1e-4)
    assert steps["moving"]["scaling"]["cursor"] == pytest.approx(decision.C, rel=1e-4)
    assert steps["moving"]["forecast"]["cursor"] == pytest.approx(decision.C, rel=1e-4)


def test_page_fetches_nothing_and_is_small(made):
    _, report, text = made
    own = text[: text.rindex("<script>", 0, text.index("plotly.js"))]
    assert "default-src 'none'" in own
    assert not re.search(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", own)
    assert report.size == len(text.encode()) < 6e6


def test_same_runs_and_seed_give_the_same_bytes(tmp_path):
    options = {"n_resamples": 200, "backtest": False}
    texts = [iso.report.write(simulated(), tmp_path / "r.html", **options).path.read_bytes() for _ in range(2)]
    assert texts[0] == texts[1]


def test_hostile_text_stays_text(tmp_path):
    table = simulated().to_frame().to_dict(as_series=False)
    table |= {HOSTILE: [f"{HOSTILE}{i // 3}" for i in range(36)]}
    runs = iso.Runs(table, groups=HOSTILE)
    report = iso.report.write(
        runs, tmp_path / "r.html", title=HOSTILE, reproduce=HOSTILE, n_resamples=200, backtest=False
    )
    text = report.path.read_text(encoding="utf-8")
    assert "<img" not in text[: text.index("plotly.js")]
    labels = [x for x in json.dumps(blocks(text)["residuals-data"]["data"]) if x]
    assert "<img" not in "".join(labels)
    assert "&lt;/script&gt;" in text


@pytest.mark.parametrize("text", ["<b>x</b>", "%{customdata}", "a & b", "</script>"])
def test_words_for_charts_hold_no_markup(text):
    assert not set("<>{}") & set(words(text))
    assert "<" not in data("x", {"a": text})[len('<script type="application/json" id="x">') : -len("</script>")]


def test_parts_that_do_not_apply_say_why(tmp_path):
    runs = iso.simulate("power_floor", {"X": [2.0**i for i in range(14)]}, noise=0.004, rng=1)
    report = iso.report.write(runs, tmp_path / "r.html", n_resamples=200)
    text = report.path.read_text(encoding="utf-8")
    assert set(report.to_dict()["not_shown"]) == {"decision", "back-test"}
    assert "there is nothing to divide a budget between" in text
    assert "steps" not in blocks(text)
    assert {"forecast-data", "residuals-data"} <= set(blocks(text))
    assert report.to_dict()["target"] is None


def test_many_runs_are_thinned_and_counted():
    n = 4001
    at = np.arange(1.0, n + 1)
    rows = Rows({"X": at}, at, at, [str(i) for i in range(n)], {"X": "X"})
    few = rows.thinned()
    assert rows.counted == "4,001 runs"
    assert few.counted == "1,500 of 4,001 runs"
    assert (few.loss[0], few.loss[-1], few.labels[-1]) == (1, n, str(n - 1))


def test_warnings_are_on_the_page_and_reach_the_caller(tmp_path):
    runs = iso.Runs({**simulated().to_frame().to_dict(as_series=False), "run_id": [i // 6 for i in range(36)]})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        few = {"n_resamples": 20, "backtest": False}
        report = iso.report.write(runs, tmp_path / "r.html", **few)
    said = [str(w.message).partition("\n")[0] for w in caught if issubclass(w.category, iso.IsoflopWarning)]
    assert any("do not reach the tails" in line for line in said)
    text = report.path.read_text(encoding="utf-8")
    assert all(line.replace("'", "&#x27;") in text for line in said)


def test_refits_say_where_the_optimum_is_and_the_forecaster_what_it_scores(tmp_path):
    report = iso.report.write(simulated(), tmp_path / "r.html", n_resamples=300, backtest=False, target=1e22)
    findings, at = report.findings, report.to_dict()["target"]
    refits = iso.compute_optimal(findings.boot, C=1e22)
    assert (at["N"], at["N_low"], at["N_high"]) == pytest.approx((refits.N, refits.N_low, refits.N_high), rel=1e-9)
    mean = findings.model.band(N=at["N"], D=at["D"], kind="mean")
    assert (at["loss"], at["loss_low"], at["loss_high"]) == pytest.approx(
        [mean[name][0] for name in ("estimate", "low", "high")], rel=1e-9
    )
    second = at["second_opinion"]
    assert second["N_low"] < second["N"] < second["N_high"]
    assert second["N"] == pytest.approx(closed_form(1e22, **TRUTH), rel=0.3)


def test_fit_is_refitted(tmp_path):
    fit = iso.fit(simulated(), "chinchilla")
    report = iso.report.write(fit, tmp_path / "r.html", n_resamples=300)
    assert report.findings.boot.n_resamples == 300
    assert report.findings.fit is fit


def test_level_of_a_law_can_be_held(tmp_path):
    table = {**simulated().to_frame().to_dict(as_series=False), "family": ["a", "b"] * 18}
    law = iso.Law("E[family] + A / N**alpha + B / D**beta")
    few = {"law": law, "n_resamples": 200, "backtest": False}
    without = iso.report.write(table, tmp_path / "r.html", **few).to_dict()
    assert "family" in without["not_shown"]["decision"]
    held = iso.report.write(table, tmp_path / "r.html", held={"family": "a"}, **few).to_dict()
    assert held["target"]["N_low"] < held["target"]["N"] < held["target"]["N_high"]


def test_forecaster_is_taken_as_it_is(tmp_path):
    model = iso.forecaster(simulated())
    report = iso.report.write(model, tmp_path / "r.html", n_resamples=200)
    assert report.findings.model is model
    assert report.to_dict()["not_shown"] == {"back-test": "the report was made from a model, without its table"}
    at = report.to_dict()["target"]
    band = model.band(N=at["N"], D=at["D"], kind="new_run")
    assert (at["new_low"], at["new_high"]) == pytest.approx((band["low"][0], band["high"][0]))


REFUSED = [
    ({"path": "r.pdf"}, "an HTML file"),
    ({"path": "no/r.html"}, "no folder"),
    ({"level": 1.0}, "level is 1.0"),
    ({"target": 1e15}, "the smallest run took"),
    ({"target": "1e22"}, "target is '1e22', expected training compute in FLOP"),
    ({"target": float("nan")}, "the smallest run took"),
    ({"law": "no_such_law"}, "no_such_law"),
]


@pytest.mark.parametrize(("options", "text"), REFUSED, ids=lambda x: str(x)[:20])
def test_refuses(tmp_path, monkeypatch, options, text):
    monkeypatch.chdir(tmp_path)
    given = {"path": "r.html", "backtest": False, **options}
    with pytest.raises(iso.IsoflopError, match=text):
        iso.report.write(simulated(), **given)
    assert not list(tmp_path.iterdir())


def test_refuses_a_law_for_a_fitted_model(made, tmp_path):
    with pytest.raises(iso.DataError, match="fitted already"):
        iso.report.write(made[0], tmp_path / "r.html", law="chinchilla")


def test_refuses_a_target_for_a_law_without_budget(tmp_path):
    runs = iso.simulate("power_floor", {"X": [2.0**i for i in range(14)]}, noise=0.004, rng=1)
    with pytest.raises(iso.DataError, match="no N and D"):
        iso.report.write(runs, tmp_path / "r.html", target=1e22)


def test_command_says_what_it_wrote(tmp_path, capsys):
    path = tmp_path / "demo.html"
    words = ["--target", "1e23", "--bootstrap", "400", "--no-backtest", "--where", "N > 5e7"]
    assert main(["report", str(DEMO), "-o", str(path), *words, "--json"]) == 0
    out, err = capsys.readouterr()
    said = json.loads(out)
    assert (said["command"], said["path"], said["bytes"]) == ("report", str(path), path.stat().st_size)
    assert said["target"]["C"] == 1e23
    assert said["target"]["N_low"] < said["target"]["N"] < said["target"]["N_high"]
    assert "optima and bands" in err
    again = "isoflop report demo_runs.csv --where &#x27;N &gt; 5e7&#x27; --target 1e+23 --bootstrap 400 --no-backtest"
    assert again in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        ([str(DEMO)], 2, "--output"),
        ([str(DEMO), "-o", "r.txt"], 1, "end it in .html"),
        ([str(DEMO), "-o", "r.html", "--level", "2"], 2, "--level is 2"),
        (["missing.csv", "-o", "r.html"], 1, "missing.csv"),
        ([str(DEMO), "-o", "r.html", "--target", "1e3", "--no-backtest"], 1, "the smallest run took"),
    ],
    ids=["no output", "kind", "level", "no file", "target"],
)
def test_command_refuses(tmp_path, monkeypatch, capsys, words, code, text):
    monkeypatch.chdir(tmp_path)
    assert main(["report", *words]) == code
    assert text in capsys.readouterr().err


def test_help_has_an_example(capsys):
    assert main(["report", "--help"]) == 0
    assert "isoflop report runs.csv -o report.html" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "reading", "options"),
    [
        ("llama3_isoflop.csv", {}, {"target": 3.8e25}),
        ("gadre_overtraining_runs.csv", {"where": "train_set == 'rpj'", "N": "params"}, {}),
        ("lcdb_learning_curves_dev.csv", {"X": "samples", "loss": "error_rate"}, {}),
    ],
    ids=["isoFLOP", "over-training", "curve"],
)
def test_measured_tables(shared, tmp_path, name, reading, options):
    runs = iso.read_runs(shared / name, **reading)
    if "curve_id" in runs.columns:
        runs = runs.where("curve_id == '180/DecisionTreeClassifier'")
    report = iso.report.write(runs, tmp_path / "r.html", n_resamples=400, backtest=False, **options)
    assert report.size < 6e6
    assert report.findings.curve is not None
