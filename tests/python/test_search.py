"""The global search on shapes of laws that are not sums of powers: links, signs, offsets, inner sums, breaks."""

from __future__ import annotations

import numpy as np
import pytest

import isoflop as iso

RNG = np.random.default_rng(0)
N_ROWS = 120
N = np.exp(RNG.uniform(np.log(1e7), np.log(1e10), N_ROWS))
D = np.exp(RNG.uniform(np.log(1e9), np.log(1e12), N_ROWS))
POINTS = {"N": N, "D": D, "C": 6 * N * D, "X": np.exp(RNG.uniform(0, np.log(1e4), N_ROWS))}
POINTS["family"] = np.array(["a", "b", "c"], dtype=object)[np.arange(N_ROWS) % 3]


def law(formula: str, **options) -> iso.Law:
    return iso.Law(formula, variables=("N", "D", "C", "X"), **options)


#: Laws without boxes, and what is true of the simulated runs.
CASES = {
    "inner sum": (law("E + (A / N**alpha + B / D)**beta"), {"E": 1.7, "A": 3e4, "alpha": 0.9, "B": 2e9, "beta": 0.3}),
    "kaplan": (
        law("((Nc / N)**(alpha_N / alpha_D) + Dc / D)**alpha_D"),
        {"Nc": 8.8e13, "alpha_N": 0.076, "alpha_D": 0.095, "Dc": 5.4e13},
    ),
    "link with a floor": (
        law("floor + (1 - floor) * logistic(k * (log(C) - x0))", unit=("floor",), real=("x0",), scale="linear"),
        {"floor": 0.25, "k": 0.8, "x0": 48.0},
    ),
    "falling link": (
        law("a / (1 + exp(-k * (log(C) - x0))) + b", real=("k", "x0"), scale="linear"),
        {"a": 0.7, "k": -0.9, "x0": 47.0, "b": 0.1},
    ),
    "link of features": (
        law(
            "floor + (1 - floor) * logistic(w[family] + u * log(N) + v * log(D) + z * log(N) * log(D))",
            unit=("floor",),
            real=("w", "u", "v", "z"),
            scale="linear",
        ),
        {"floor": 0.25, "w[a]": -38.0, "w[b]": -39.5, "w[c]": -37.0, "u": 0.8, "v": 0.9, "z": -0.012},
    ),
    "real line on log loss": (law("a + b * log(X)", real=("a", "b")), {"a": 4.0, "b": -0.3}),
    "negative amplitude": (law("E + A * X**-alpha", real=("A",)), {"E": 2.0, "A": -1.5, "alpha": 0.4}),
    "real amplitude": (
        law("E + A * X**-alpha + B * log(X)", real=("B",)),
        {"E": 2.0, "A": 3.0, "alpha": 0.4, "B": 0.05},
    ),
    "offset": (law("E + A * (X + X0)**-alpha"), {"E": 1.0, "A": 5.0, "alpha": 0.5, "X0": 30.0}),
    "optimum that moves": (
        law("E + A * N**-alpha + h * (log(X) - l0 - l1 * log(N))**2", real=("l0", "l1")),
        {"E": 1.7, "A": 400.0, "alpha": 0.34, "h": 0.05, "l0": 10.0, "l1": -0.4},
    ),
    "one break": (
        law("a + b * X**-c0 * (1 + (X / d)**(1 / f))**(-c1 * f)", real=("c1",)),
        {"a": 0.3, "b": 2.0, "c0": 0.1, "d": 200.0, "f": 0.3, "c1": 0.4},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_noiseless_runs_give_the_truth_back(case):
    law, truth = CASES[case]
    points = {name: POINTS[name] for name in (*law.variables, *law.levels.values())}
    fit = iso.fit(iso.simulate(law, points, params=truth, noise=0.0), law)
    assert fit.success
    assert fit.params == pytest.approx(truth, rel=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_with_noise_the_optimum_is_that_of_the_truth(case):
    law, truth = CASES[case]
    points = {name: POINTS[name] for name in (*law.variables, *law.levels.values())}
    runs = iso.simulate(law, points, params=truth, noise=0.002, rng=1)
    assert iso.fit(runs, law).objective <= iso.fit(runs, law, starts=[truth]).objective * (1 + 1e-6)


def test_two_breaks_are_found():
    """Smoothly broken power laws (Caballero et al. 2022), breaks spread over seven decades."""
    form = "a + b * X**-c0 * (1 + (X / d1)**(1 / f1))**(-c1 * f1) * (1 + (X / d2)**(1 / f2))**(-c2 * f2)"
    box = {"d1": (1.0, 3e3), "d2": (3e3, 1e7), "f1": (0.05, 2.0), "f2": (0.05, 2.0)}
    law = iso.Law(form, variables=("X",), real=("c0", "c1", "c2"), box=box, recipe={"criterion": "squared"})
    truth = {"a": 0.1, "b": 3.0, "c0": 0.05, "d1": 200.0, "f1": 0.3, "c1": 0.3, "d2": 5e4, "f2": 0.2, "c2": -0.2}
    runs = iso.simulate(law, {"X": np.geomspace(1, 1e7, 80)}, params=truth, noise=0.0)
    assert iso.fit(runs, law).params == pytest.approx(truth, rel=1e-5)


def test_locations_are_looked_for_among_the_data():
    """Also where a box is far wider than the data, and with bounds."""
    x = np.linspace(2.28, 3.68, 20)
    box = {"a": (-1.0, 1.0), "b": (0.0, 1.0), "k": (1e-2, 1e2), "x0": (-10.0, 10.0)}
    form = iso.Law("b + a * logistic(k * (X - x0))", variables=("X",), real=("a", "b", "x0"), scale="linear", box=box)
    table = {"X": x, "loss": 0.9 - 0.65 / (1 + np.exp(-2.5 * (x - 2.8)))}
    truth = {"a": -0.65, "b": 0.9, "k": 2.5, "x0": 2.8}
    for bounds in (None, {"a": (-1, 0), "b": (0, 1)}):
        fit = iso.fit(table, form, bounds=bounds)
        assert fit.success
        assert fit.params == pytest.approx(truth, rel=1e-6)


def test_more_starts_mean_more_points():
    law, truth = CASES["kaplan"]
    runs = iso.simulate(law, {"N": N, "D": D}, params=truth, noise=0.002)
    assert iso.fit(runs, law, starts=400).n_starts >= 400


def test_residuals_of_rounding_are_an_end():
    """An objective of 1e-28 cannot fall: that is no failure to converge."""
    law = iso.Law("(Xc / X)**alpha", variables=("X",), recipe={"criterion": "squared"})
    points = {"X": np.geomspace(1e3, 1e9, 40)}
    fit = iso.fit(iso.simulate(law, points, params={"Xc": 8.8e13, "alpha": 0.076}, noise=0.0), law)
    assert fit.success
    assert fit.params["alpha"] == pytest.approx(0.076, rel=1e-9)
