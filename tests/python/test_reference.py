"""Fits and errors against numpy and scipy alone (oracle.py), on the simulated twin and on small tables."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

import isoflop as iso

from .helpers import pins, twin
from .oracle import CRITERIA, Chinchilla, inner

LINE = iso.Law("m + s * X", variables=("X",), real=("m", "s"), scale="linear")
PINNED = [name for name in pins() if name != "standard_error"]


def fit_like(pinned, **options):
    """Return the fit of the twin with the settings of a pinned optimum."""
    delta = {} if pinned["delta"] is None else {"delta": pinned["delta"]}
    quantile = {} if pinned["quantile"] == 0.5 else {"quantile": pinned["quantile"]}
    return iso.fit(twin(), "chinchilla", criterion=pinned["criterion"], **delta, **quantile, **options)


# -- optima


@pytest.mark.parametrize("name", PINNED)
def test_the_optimum_is_the_pinned_one(name):
    pinned = pins()[name]
    fit = fit_like(pinned)
    assert fit.success
    assert fit.objective == pytest.approx(pinned["objective"], rel=1e-9)
    for parameter, value in pinned["params"].items():
        assert fit.params[parameter] == pytest.approx(value, rel=3e-5), parameter


@pytest.mark.parametrize("name", PINNED)
def test_scipy_finds_nothing_better_and_the_same_objective_there(name):
    pinned = pins()[name]
    fit = fit_like(pinned)
    delta = np.inf if pinned["delta"] is None else pinned["delta"]
    oracle = Chinchilla(**twin(), criterion=pinned["criterion"], delta=delta, quantile=pinned["quantile"])
    here = inner(fit.params)
    assert oracle.objective(here) == pytest.approx(fit.objective, rel=1e-11)
    assert oracle.objective(oracle.descend(here)) >= fit.objective * (1 - 1e-10)


@pytest.mark.parametrize("method", ["lm", "trf"])
def test_squared_against_least_squares(method):
    rows = Chinchilla(**twin(), criterion="squared")
    fit = iso.fit(twin(), "chinchilla", criterion="squared")
    start = inner({"E": 2.0, "A": 300.0, "alpha": 0.33, "B": 900.0, "beta": 0.33})
    tight = {"xtol": 3e-16, "ftol": 3e-16, "gtol": 3e-16, "max_nfev": 10_000}
    found = optimize.least_squares(lambda t: rows.rows(t)[0], start, lambda t: rows.rows(t)[1], method=method, **tight)
    assert fit.objective <= found.cost * (1 + 1e-12)
    assert fit.objective == pytest.approx(found.cost, rel=1e-9)


def test_vectors_of_the_published_runs(epoch, shared):
    """The converged refits that our notes on the literature print (ids fit_chinchilla-1 to 3)."""
    run = np.array([float(line.split(",")[0]) for line in (shared / "epoch_chinchilla.csv").read_text().split()[1:]])
    keep = np.array([line.endswith(",0") for line in (shared / "epoch_chinchilla.csv").read_text().split()[1:]])
    vectors = [
        ({}, {"objective": 0.00101827402, "A": 477.825876, "B": 2143.41732, "E": 1.8172181, "alpha": 0.3473105}),
        (
            {"criterion": "squared"},
            {"objective": 0.00573094351, "A": 593.322102, "B": 4875.63777, "E": 1.86455009, "alpha": 0.360252798},
        ),
        (
            {"weights": run[keep] % 3},
            {"objective": 0.00109003948, "A": 512.675801, "B": 2116.75759, "E": 1.82391384, "alpha": 0.351650916},
        ),
    ]
    for options, expected in vectors:
        fit = iso.fit(epoch, "chinchilla", **options)
        assert fit.objective == pytest.approx(expected["objective"], rel=1e-8)
        for name in ("A", "B", "E", "alpha"):
            assert fit.params[name] == pytest.approx(expected[name], rel=1e-5), name


# -- criteria with a corner: optima by linear programs and by the subgradient


@pytest.fixture(scope="module")
def line():
    rng = np.random.RandomState(7)
    x = rng.uniform(1, 5, 60)
    return {"X": x, "loss": 4 - 0.6 * x + 0.2 * rng.standard_t(3, 60)}


def pinball(r, q):
    """Return the weighted absolute loss of residuals, predicted minus observed."""
    return np.where(r > 0, 2 * (1 - q), -2 * q) * r


def linear_program(x, y, q, weights):
    """Return intercept, slope and objective of weighted quantile regression."""
    n = len(x)
    cost = np.concatenate([np.zeros(2), 2 * (1 - q) * weights, 2 * q * weights])
    equal = np.hstack([np.column_stack([np.ones(n), x]), -np.eye(n), np.eye(n)])
    found = optimize.linprog(cost, A_eq=equal, b_eq=y, bounds=[(None, None)] * 2 + [(0, None)] * 2 * n)
    return found.x[:2], found.fun


@pytest.mark.parametrize("q", [0.1, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("weighted", [False, True])
def test_quantiles_are_the_linear_program(line, q, weighted):
    weights = np.random.RandomState(3).uniform(0.5, 2, 60) if weighted else np.ones(60)
    criterion = {"criterion": "absolute"} if q == 0.5 else {"quantile": q}
    fit = iso.fit(line, LINE, **criterion, weights=weights)
    best, value = linear_program(line["X"], line["loss"], q, weights)
    assert fit.objective == pytest.approx(np.sum(weights * pinball(fit.residuals, q)), rel=1e-12)
    assert fit.objective == pytest.approx(value, rel=1e-5)
    assert list(fit.theta) == pytest.approx(list(best), abs=1e-4)


@pytest.mark.parametrize("q", [0.1, 0.5, 0.8])
def test_the_subgradient_of_a_curved_law_holds_zero(q):
    """At an optimum of sum |r| the slopes of the rows off the curve are balanced by those on it."""
    fit = iso.fit(twin(), "chinchilla", **({"criterion": "absolute"} if q == 0.5 else {"quantile": q}))
    r, jacobian, _ = Chinchilla(**twin()).rows(inner(fit.params))
    on = np.abs(r) < 1e-6
    assert 3 <= on.sum() <= 5
    off = np.where(r > 0, 2 * (1 - q), -2 * q)[~on] @ jacobian[~on]
    scale = np.sqrt((jacobian**2).sum(axis=0))
    found = optimize.lsq_linear(jacobian[on].T / scale[:, None], -off / scale, (-2 * q, 2 * (1 - q)))
    assert np.abs(found.fun).max() < 0.02


@pytest.mark.parametrize("q", [0.1, 0.25, 0.5, 0.9])
def test_a_quantile_leaves_that_share_of_the_weight_below(q):
    weights = np.random.RandomState(1).uniform(0.2, 3, 240)
    fit = iso.fit(twin(), "chinchilla", quantile=q, weights=weights)
    below = weights[fit.residuals > 1e-6].sum() / weights.sum()  # observed below the curve
    on = weights[np.abs(fit.residuals) <= 1e-6].sum() / weights.sum()
    assert below - 1e-9 <= q <= below + on + 1e-9
    assert on < 0.05


# -- errors


def test_bootstrap_errors_against_a_loop_in_scipy():
    boot = iso.fit(twin(), "chinchilla").bootstrap(200, rng=4, scheme="rows")
    near = inner(boot.fit.params)
    draws = [np.exp(Chinchilla(**twin(), weights=boot.weights(i)).descend(near)) for i in range(200)]
    logs = np.log(boot.draws)
    logs[:, [2, 4]] = boot.draws[:, [2, 4]]
    np.testing.assert_allclose(np.log(draws).std(axis=0), logs.std(axis=0), rtol=2e-3)
    np.testing.assert_allclose(np.median(np.log(draws), axis=0), np.median(logs, axis=0), rtol=1e-3)


def test_gauss_newton_errors_of_least_squares_are_the_textbooks():
    fit = iso.fit(twin(), "chinchilla", criterion="squared")
    r, jacobian, _ = Chinchilla(**twin()).rows(inner(fit.params))
    errors = np.sqrt(np.diag(np.linalg.inv(jacobian.T @ jacobian)) * (r @ r) / 235)
    slope = {"E": fit.params["E"], "A": fit.params["A"], "alpha": 1.0, "B": fit.params["B"], "beta": 1.0}
    for i, (name, by) in enumerate(slope.items()):
        assert fit.standard_error[name] == pytest.approx(errors[i] * by, rel=1e-5), name


def test_huber_errors_are_hubers():
    """K^2 [sum psi^2 / (n - q)] / m^2 (J'J)^-1 with K = 1 + (q / n) (1 - m) / m (Huber 1981, 7.6)."""
    fit = iso.fit(twin(), "chinchilla", delta=0.01)
    r, jacobian, _ = Chinchilla(**twin()).rows(inner(fit.params))
    _, slope, curve = CRITERIA["huber"](r, 0.01)
    m = curve.mean()
    k = 1 + 5 / 240 * (1 - m) / m
    factor = k**2 * (slope @ slope) / 235 / m**2
    errors = np.sqrt(np.diag(np.linalg.inv(jacobian.T @ jacobian)) * factor)
    for i, name in ((0, "E"), (2, "alpha"), (4, "beta")):
        scale = fit.params["E"] if name == "E" else 1.0
        assert fit.standard_error[name] == pytest.approx(errors[i] * scale, rel=1e-4), name


def test_the_adaptive_width_is_its_own_fixed_point():
    fit = iso.fit(twin(), "chinchilla", delta="auto")
    sigma = 1.4826 * np.median(np.abs(fit.residuals)) * np.sqrt(240 / 235)
    assert fit.delta == pytest.approx(1.345 * sigma, rel=1e-4)
    again = iso.fit(twin(), "chinchilla", delta=fit.delta)
    assert again.objective == pytest.approx(fit.objective, rel=1e-6)
