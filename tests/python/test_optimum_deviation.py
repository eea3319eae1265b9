"""The best size beside what a law misses: the field along a line, how far it moves the optimum, what limits allow."""

import numpy as np
import pytest

import isoflop as iso
from isoflop._forecast._component import Component
from isoflop._optimum._ask import ask
from isoflop._optimum._deviation import Deviation
from isoflop._optimum._moves import _lowest, inside, tokens_for

EPOCH = iso.laws.get("chinchilla").published["epoch2024"]
#: A law that forecasts are made with, its rows, and a bump in ln L that the law cannot follow.
HEIGHT, WIDTH, CENTRE = 0.03, 1.5, np.log([8e9, 6e10])


def bump(N, D):
    """Return a smooth deviation of ln L whose slope pulls the optimum to smaller sizes."""
    away = (np.log(N) - CENTRE[0]) ** 2 + (np.log(D) - CENTRE[1]) ** 2
    return HEIGHT * np.exp(-away / (2 * WIDTH**2))


def best_size(C):
    """Return the best N of the truth by looking at very many."""
    N = np.geomspace(2e8, 2e10, 200_001)
    return N[np.argmin(np.log(EPOCH.predict(N=N, D=C / (6 * N))) + bump(N, C / (6 * N)))]


@pytest.fixture(scope="module")
def model():
    C = np.geomspace(3e19, 3e21, 6).repeat(9)
    N = np.sqrt(C / 120) * np.tile(np.geomspace(1 / 6, 6, 9), 6)
    D = C / (6 * N)
    noise = 1e-3 * np.random.default_rng(4).standard_normal(len(N))
    loss = EPOCH.predict(N=N, D=D) * np.exp(bump(N, D) + noise)
    return iso.forecaster({"N": N, "D": D, "loss": loss}, "chinchilla", n_threads=1)


@pytest.fixture(scope="module")
def heaviest(model):
    (component,) = model.components
    k = int(np.argmax(component.weight))
    assert component.cells[k, 0] > 0
    many = np.tile(component.theta[k], (4_001, 1))
    return Deviation(component, component.cells[k], float(component.variance[k]), many, [0, 1])


def by_hand(component: Component, cell, s2, theta, N, D):
    """Return mean and covariance of the field at points from the formulas, by plain inverses."""
    rows = {name: component.problem.table["columns"][name] for name in ("N", "D")}
    a, b = (np.log(np.column_stack([p["N"], p["D"]])) for p in (rows, {"N": N, "D": D}))

    def kernel(x, y):
        return cell[0] * np.exp(-((x[:, None] - y) ** 2).sum(axis=-1) / (2 * cell[1] ** 2))

    E, A, alpha, B, beta = theta
    left = np.log(component.problem.table["response"]) - np.log(E + A / rows["N"] ** alpha + B / rows["D"] ** beta)
    inverse = np.linalg.inv(kernel(a, a) + (1 - cell[0] + 1e-9) * np.eye(len(a)))
    return kernel(b, a) @ inverse @ left, s2 * (kernel(b, b) - kernel(b, a) @ inverse @ kernel(a, b))


def test_the_field_is_that_of_the_formulas(heaviest):
    N = np.geomspace(5e8, 2e10, 7)
    D = 3e22 / (6 * N)
    component, cell, s2 = heaviest.component, heaviest.cell, heaviest.variance
    assert component.fit.names == ("E", "A", "alpha", "B", "beta")
    ((law, whole),) = heaviest.curves([{"N": N, "D": D}], {})
    mean, covariance = by_hand(component, cell, s2, heaviest.theta[0], N, D)
    np.testing.assert_allclose((whole - law)[0], mean, atol=1e-9)
    field = (whole - law)[1:] - mean
    wide = np.sqrt(np.diag(covariance) * component.df / (component.df - 2))
    np.testing.assert_allclose(field.mean(axis=0) / wide, 0, atol=0.06)
    sd = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(np.corrcoef(field.T), covariance / np.outer(sd, sd), atol=0.07)
    np.testing.assert_allclose(field.std(axis=0), wide, rtol=0.06)


def test_slopes_have_the_variance_of_the_differentiated_kernel(heaviest):
    step, at = 1e-2, np.log(3e9)
    N = np.exp(at + step * np.array([-1.0, 0.0, 1.0]))
    far = 1e3  # so many times the compute that the rows say nothing: the prior's slope is left
    ((law, whole),) = heaviest.curves([{"N": N * far, "D": 3e22 * far / (6 * N)}], {})
    slope = ((whole - law)[1:, 2] - (whole - law)[1:, 0]) / (2 * step)
    share, length = heaviest.cell[:2]
    df = heaviest.component.df
    expected = np.sqrt(2 * share * heaviest.variance * df / (df - 2)) / length
    assert slope.std() == pytest.approx(expected, rel=0.05)
    assert abs(slope.mean()) < 0.06 * expected


def test_the_estimate_follows_what_the_rows_show(model):
    C = 6e21
    truth = np.log(best_size(C))
    best = iso.compute_optimal(model, C=C, n_draws=0)
    free = iso.compute_optimal((model.law, dict(model.params)), C=C)
    assert abs(np.log(free.N) - truth) > 0.3
    assert abs(np.log(best.N) - truth) < 0.1
    low, high = best.near[0.02]
    assert low < best.N < high
    assert pytest.approx(C, rel=1e-9) == 6 * best.N * best.D


def test_the_interval_holds_the_best_size_and_grows_with_distance(model):
    near, far = (iso.compute_optimal(model, C=C, n_draws=2_000) for C in (6e21, 6e23))
    assert near.N_low < best_size(6e21) < near.N_high
    assert near.N_low < near.N < near.N_high
    assert np.log(far.N_high / far.N_low) > 1.3 * np.log(near.N_high / near.N_low)
    for best in (near, far):
        np.testing.assert_allclose(6 * best.draws["N"] * best.draws["D"], best.budget, rtol=1e-8)


def test_a_law_that_is_trusted_has_no_field(model):
    runs = {name: model.components[0].problem.table["columns"][name] for name in ("N", "D")}
    runs["loss"] = EPOCH.predict(**runs) * np.exp(1e-3 * np.random.default_rng(1).standard_normal(len(runs["N"])))
    trusted = iso.forecaster(runs, "chinchilla", discrepancy=0.0, n_threads=1)
    best = iso.compute_optimal(trusted, C=1e23, n_draws=500)
    free = iso.compute_optimal((trusted.law, dict(zip(trusted.params, trusted.components[0].theta[0]))), C=1e23)  # noqa: B905
    assert pytest.approx(free.N, rel=1e-9) == best.N


def test_limits_hold_for_every_draw(model):
    sizes = [1e9, 2e9, 4e9, 8e9]
    given = iso.compute_optimal(model, C=6e21, sizes=sizes, n_draws=500)
    assert np.abs(np.log(given.draws["N"].ravel()[:, None] / sizes)).min(axis=1).max() < 1e-9
    narrow = iso.compute_optimal(model, C=6e21, N=(2e9, 6e9), tokens_per_param=(20, 60), n_draws=500)
    ratio = narrow.draws["D"] / narrow.draws["N"]
    assert ratio.min() >= 20 * (1 - 1e-9)
    assert ratio.max() <= 60 * (1 + 1e-9)
    assert narrow.draws["N"].min() >= 2e9 * (1 - 1e-9)


def test_draws_repeat_and_do_not_depend_on_threads(model):
    one, two = (iso.compute_optimal(model, C=1e23, n_draws=300, rng=3, n_threads=k) for k in (1, 2))
    assert np.array_equal(one.draws["N"], two.draws["N"])
    assert not np.array_equal(one.draws["N"], iso.compute_optimal(model, C=1e23, n_draws=300, rng=4).draws["N"])


def question(**options):
    usual = {"cost": None, "letters": None, "held": None, "over": None, "sizes": None, "N": None, "D": None}
    usual |= {"tokens_per_param": None, "lifetime_tokens": None, "inference": None, "unique_tokens": None}
    return ask(iso.laws.get("chinchilla"), **{**usual, **options})


def test_tokens_are_what_a_budget_pays_for():
    made = question(lifetime_tokens=1e12)
    N, C = np.log([1e9, 1e10, 1e12]), np.full(3, np.log(1e23))
    D = np.exp(tokens_for(made, N, C, np.full(3, np.log(1e11))))
    np.testing.assert_allclose(D[:2], (1e23 - 2e12 * np.exp(N[:2])) / (6 * np.exp(N[:2])), rtol=1e-8)
    assert np.isnan(D[2])


def test_sizes_go_to_the_nearest_that_is_allowed():
    made = question(sizes=[1e9, 8e9])
    np.testing.assert_allclose(inside(made, np.log([1e8, 2e9, 4e9, 9e9])), np.log([1e9, 1e9, 8e9, 8e9]))


def test_the_lowest_point_is_finite_and_allowed():
    x = np.linspace(-1, 1, 5)
    values = np.array([[0.0, np.inf, np.nan, 2.0, 3.0], [4.0, 1.0, 0.0, 1.0, -9.0], [np.inf] * 5, [1.0] * 5])
    allowed = np.array([True, True, True, True, False])
    np.testing.assert_allclose(_lowest(x, allowed, values), [-1, 0, -1, -1])
