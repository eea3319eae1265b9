"""`compare_laws`: likelihoods by scipy, forecasts by hand, and what the verdict says where the truth is known."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy import optimize, stats

import isoflop as iso
from isoflop._verdict import verdict
from isoflop.cli import main

from .helpers import DATA, twin

TWIN = str(DATA / "twin_runs.csv")


@pytest.fixture(scope="module")
def compared():
    return iso.compare_laws(twin(), ["chinchilla", "pnorm", "coupled", "kaplan_nd", "chinchilla_tied"])


def student_by_scipy(runs, predict, start):
    """Return the largest log likelihood of Student's t_4 on log loss, by a general optimiser."""
    y = np.log(runs["loss"])

    def minus(theta):
        residual = np.log(predict(np.exp(theta[:-1]))) - y
        return -stats.t.logpdf(residual, 4, scale=np.exp(theta[-1])).sum()

    theta = np.log(start)
    for _ in range(6):
        theta = optimize.minimize(minus, theta, method="Nelder-Mead", options={"maxiter": 4000, "xatol": 1e-9}).x
        theta = optimize.minimize(minus, theta, method="BFGS").x
    return -minus(theta)


def test_likelihood_is_the_largest_of_students_t(compared):
    runs = twin()
    fit = compared.fits["chinchilla"]

    def predict(p):
        return p[0] + p[1] / runs["N"] ** p[2] + p[3] / runs["D"] ** p[4]

    one = compared.likelihoods["chinchilla"]
    expected = student_by_scipy(runs, predict, [*(fit.params[k] for k in fit.names), 0.004])
    assert one.log_likelihood == pytest.approx(expected, abs=2e-4)
    assert one.k == 6
    assert one.aicc == pytest.approx(-2 * one.log_likelihood + 12 + 84 / (240 - 7), rel=1e-14)
    assert one.bic == pytest.approx(-2 * one.log_likelihood + 6 * math.log(240), rel=1e-14)
    # The twin's noise is 0.004 times Student's t with 3 degrees of freedom.
    assert one.scale == pytest.approx(0.004, rel=0.15)


def test_forecast_errors_are_those_of_fits_below_the_cuts(compared):
    runs = twin()
    C = 6 * runs["N"] * runs["D"]
    squares = []
    for factor in (2, 4, 8, 16):
        below = C.max() / factor >= C
        fit = iso.fit({k: v[below] for k, v in runs.items()}, "chinchilla")
        forecast = fit.predict(N=runs["N"][~below], D=runs["D"][~below])
        squares.append(np.mean(np.log(forecast / runs["loss"][~below]) ** 2))
    assert compared.forecast_error("chinchilla") == pytest.approx(math.sqrt(np.mean(squares)), rel=1e-9)
    table = compared.forecasts()
    assert table.filter(law="chinchilla")["forecast_error"].to_list() == pytest.approx(np.sqrt(squares), rel=1e-9)
    assert table.filter(law="chinchilla")["factor"].to_list() == [2, 4, 8, 16]


def test_the_table_holds_fits_of_one_recipe(compared):
    frame = compared.to_frame()
    assert frame["law"].to_list() == list(compared.fits)
    for name, fit in compared.fits.items():
        row = frame.filter(law=name)
        assert row["objective"].item() == iso.fit(twin(), name, criterion="huber", delta=1e-3).objective
        assert row["parameters"].item() == len(fit.free)
        residuals = np.abs(fit.residuals)
        sigma = 1.4826 * np.median(residuals) * math.sqrt(240 / (240 - len(fit.free)))
        assert row["sigma"].item() == pytest.approx(sigma, rel=1e-12)
    assert str(compared).splitlines()[0].startswith("240 rows, huber, delta 0.001")


def test_the_verdict_names_the_truth_and_what_equals_it(compared):
    text = compared.verdict
    # coupled and pnorm are one law in two forms: which of them comes first is rounding
    first = [f"cannot tell {a}, {b} and chinchilla apart" for a, b in (("coupled", "pnorm"), ("pnorm", "coupled"))]
    assert any(words in text for words in first)
    assert "clearly against chinchilla_tied" in text
    assert "and kaplan_nd (763 above)" in text
    assert "The same curve came out for pnorm and coupled" in text
    assert "up to 16 times beyond the fitted ones" in text


def test_one_wild_run_does_not_decide():
    """By Gaussian residuals a law that bends towards one broken run wins over the truth."""
    runs = {k: v.copy() for k, v in twin().items()}
    runs["loss"][np.argmax(runs["N"])] *= 0.9
    found = iso.compare_laws(runs, ["chinchilla", "pnorm"])
    assert abs(found.likelihoods["pnorm"].aicc - found.likelihoods["chinchilla"].aicc) < 1
    assert found.likelihoods["chinchilla"].scale == pytest.approx(0.00422, rel=0.01)
    squares = [iso.fit(runs, name, criterion="squared") for name in found.fits]
    gaussian = [240 * math.log((fit.residuals**2).sum()) + 2 * len(fit.free) for fit in squares]
    assert gaussian[1] - gaussian[0] < -4


def test_few_runs_near_each_other_test_no_forecast():
    points = {"N": [1e8, 2e8, 3e8] * 5, "D": [1e10, 1.1e10, 1.2e10, 1.3e10, 1.4e10] * 3}
    found = iso.compare_laws(iso.simulate("chinchilla", points, noise=0.002), ["power_floor", "power"], X="N")
    assert found.origins == ()
    assert math.isnan(found.forecast_error("power"))
    assert "nothing here tests forecasts" in found.verdict
    assert found.forecasts().shape[0] == 0


def test_a_law_at_its_bound_is_shown_there():
    """A curve that steepens has no floor: power_floor becomes power, and pays for a parameter."""
    X = np.geomspace(1, 1e4, 24)
    runs = {"X": X, "loss": (8.0 / X) ** 0.3 * np.exp(-0.004 * np.log(X) ** 2)}
    found = iso.compare_laws(runs, ["power", "power_floor"])
    assert found.to_frame()["at_bound"].to_list() == ["", "E"]
    assert "at bound: E" in found.summary()
    power, floor = found.likelihoods.values()
    assert floor.log_likelihood == pytest.approx(power.log_likelihood, abs=1e-6)
    assert (power.k, floor.k) == (3, 4)
    assert "The same curve came out for power and power_floor" in found.verdict


def test_checkpoints_of_one_run_are_no_independent_rows():
    groups = np.arange(240) % 24
    found = iso.compare_laws({**twin(), "run": groups}, ["chinchilla", "kaplan_nd"], groups="run")
    assert "checkpoints of one run" in found.verdict


def test_scales_and_recipes_are_shared():
    points = {"x": np.linspace(0.3, 1.5, 30)}
    values = {"a": -0.7, "b": 0.99, "k": 12.0, "x0": 0.8}
    runs = iso.simulate("logistic4", points, params=values, noise=0.01)
    found = iso.compare_laws(runs, {"S": "logistic4", "line": iso.Law("a - b * x", variables=("x",))}, along="x")
    assert {fit.law.scale for fit in found.fits.values()} == {"linear"}
    assert len({fit.recipe for fit in found.fits.values()}) == 1
    assert "prefers S" in found.verdict


@pytest.mark.parametrize(
    ("laws", "error", "text"),
    [
        (["chinchilla"], iso.LawError, "one law cannot be compared"),
        ("chinchilla", iso.LawError, "one law cannot be compared"),
        (["chinchilla", "chinchila"], iso.LawError, "did you mean 'chinchilla'"),
        (["chinchilla", "chinchilla"], iso.LawError, "two laws are called 'chinchilla'"),
        (["chinchilla", 3], iso.LawError, "laws holds a int"),
        (["chinchilla", "frantar"], iso.DataError, "no column 'S'"),
    ],
)
def test_what_cannot_be_compared_says_why(laws, error, text):
    with pytest.raises(error, match=text):
        iso.compare_laws(twin(), laws)


def test_the_verdict_needs_no_winner():
    found = iso.compare_laws(twin(), {"one": "chinchilla", "same": iso.Law("E + A / N**alpha + B / D**beta")})
    again = verdict(found.fits, found.likelihoods, found.origins, None)
    assert again == found.verdict
    assert "cannot tell the laws apart" in again


def test_the_shell_prints_what_the_api_finds(compared, capsys):
    assert main(["compare-laws", TWIN, "--laws", "chinchilla,pnorm", "--laws", "kaplan_nd", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert [row["law"] for row in content["laws"]] == ["chinchilla", "pnorm", "kaplan_nd"]
    for row in content["laws"]:
        assert row["objective"] == compared.fits[row["law"]].objective
        assert row["aicc"] == compared.likelihoods[row["law"]].aicc
        assert row["forecast_error"] == pytest.approx(compared.forecast_error(row["law"]), rel=1e-12)
    formula = "E + A / N**alpha + B / D**alpha"
    assert main(["compare-laws", TWIN, "--laws", "chinchilla", "--laws", formula, "--no-json"]) == 0
    assert formula in capsys.readouterr().out
    assert main(["compare-laws", TWIN, "--laws", "chinchilla"]) == 2
    assert main(["compare-laws", TWIN, "--laws", "chinchilla,nothing"]) == 1
