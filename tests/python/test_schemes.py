"""Resampling schemes that draw a response, and intervals read from draws, against loops in numpy."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

import isoflop as iso

from .lines import LINE, clustered, ends, least_squares, line

WEBB = np.sqrt([1.5, 1.0, 0.5])


@pytest.fixture(scope="module")
def fitted():
    runs, design, y = line(seed=3, n=32)
    return iso.fit(runs, LINE, criterion="squared"), design, y


@pytest.fixture(scope="module")
def grouped():
    runs, groups = clustered(g=12)
    fit = iso.fit(iso.Runs(runs, groups="run"), LINE, criterion="squared")
    return fit, np.column_stack([np.ones(60), np.log(runs["X"])]), np.log(runs["loss"]), groups


def responses(boot: iso.Bootstrap, n: int) -> np.ndarray:
    return np.log([boot.response(i) for i in range(n)])


def hat(design: np.ndarray) -> np.ndarray:
    return design @ np.linalg.inv(design.T @ design) @ design.T


def test_wild_turns_the_signs_of_residuals(fitted):
    fit, design, y = fitted
    _, r, _ = least_squares(design, y)
    drawn = responses(fit.bootstrap(200, scheme="wild"), 200) - (y - r)
    scaled = r / (1 - np.diag(hat(design)))
    np.testing.assert_allclose(np.abs(drawn), np.broadcast_to(np.abs(scaled), drawn.shape), rtol=1e-8)
    signs = np.sign(drawn * scaled)
    assert np.abs(signs.mean(axis=0)).max() < 0.35
    assert abs(signs.mean()) < 0.05


def test_wild_groups_share_one_of_six_weights(grouped):
    fit, design, y, groups = grouped
    _, r, _ = least_squares(design, y)
    h = hat(design)
    scaled = np.concatenate(
        [np.linalg.solve(np.eye(5) - h[np.ix_(groups == g, groups == g)], r[groups == g]) for g in range(12)]
    )
    weights = (responses(fit.bootstrap(300, scheme="wild-groups"), 300) - (y - r)) / scaled
    np.testing.assert_allclose(weights, weights[:, ::5][:, groups], rtol=1e-7)
    found, counts = np.unique(np.round(weights[:, ::5], 6), return_counts=True)
    np.testing.assert_allclose(found, np.round(np.sort([*WEBB, *-WEBB]), 6))
    assert counts.min() > 500  # 600 each


def test_residual_draws_centred_residuals_from_all_rows(fitted):
    fit, design, y = fitted
    _, r, _ = least_squares(design, y)
    scaled = r / np.sqrt(1 - np.diag(hat(design)))
    scaled = np.sort(scaled - scaled.mean())
    drawn = responses(fit.bootstrap(100, scheme="residual"), 100) - (y - r)
    place = np.clip(np.searchsorted(scaled, drawn), 1, len(scaled) - 1)
    nearest = np.minimum(np.abs(scaled[place] - drawn), np.abs(scaled[place - 1] - drawn))
    assert nearest.max() < 1e-9
    assert len(np.unique(np.round(drawn, 9))) == len(scaled)


def test_parametric_noise_has_the_variances_of_the_fit(fitted, grouped):
    fit, design, y = fitted
    _, r, _ = least_squares(design, y)
    drawn = responses(fit.bootstrap(400, scheme="parametric"), 400) - (y - r)
    assert drawn.std() == pytest.approx(np.sqrt(r @ r / (len(y) - 2)), rel=0.05)
    fit, design, y, groups = grouped
    _, r, _ = least_squares(design, y)
    drawn = responses(fit.bootstrap(400, scheme="parametric"), 400) - (y - r)
    means = drawn.reshape(400, 12, 5).mean(axis=2)
    inside = drawn - means[:, groups]
    # Balanced groups that share X: both lines are estimated between the groups.
    own = (y - np.array([y[groups == g].mean() for g in range(12)])[groups]) ** 2
    within = own.sum() / 48
    between = (np.array([r[groups == g].mean() for g in range(12)]) ** 2).sum() / 10 - within / 5
    assert inside.std() * np.sqrt(5 / 4) == pytest.approx(np.sqrt(within), rel=0.05)
    assert means.var() - within / 5 == pytest.approx(between, rel=0.15)


@pytest.mark.parametrize("scheme", ["wild", "residual", "parametric", "wild-groups"])
def test_draws_are_fits_to_the_drawn_responses(grouped, scheme):
    fit, design, _, _ = grouped
    boot = fit.bootstrap(20, scheme=scheme, rng=5)
    for i, y in enumerate(responses(boot, 20)):
        coefficients, _, _ = least_squares(design, y)
        np.testing.assert_allclose([np.log(boot.draws[i, 0]), boot.draws[i, 1]], coefficients, rtol=1e-7)
    assert (boot.weights(0) == 1).all()


@pytest.mark.parametrize("scheme", ["wild", "residual", "parametric", "wild-groups"])
def test_bits_depend_on_the_seed_only(grouped, scheme):
    fit = grouped[0]
    draws = [fit.bootstrap(150, scheme=scheme, rng=5, n_threads=k).draws for k in (1, 3)]
    assert draws[0].tobytes() == draws[1].tobytes()
    assert draws[0].tobytes() != fit.bootstrap(150, scheme=scheme, rng=6).draws.tobytes()


def test_nonlinear_refits_of_drawn_responses_are_optima():
    runs = iso.simulate("chinchilla", {"N": np.geomspace(1e7, 1e10, 40), "D": np.tile([1e9, 1e10, 1e11, 3e11], 10)})
    fit = iso.fit(runs, "chinchilla", delta="auto")
    boot = fit.bootstrap(6, scheme="wild")
    table = runs.to_frame()
    for i in range(6):
        other = {"N": table["N"], "D": table["D"], "loss": boot.response(i)}
        again = iso.fit(other, "chinchilla", delta=fit.delta)
        np.testing.assert_allclose(boot.draws[i], again.theta, rtol=2e-5)
        assert boot.objective[i] == pytest.approx(again.objective, rel=1e-8)


def test_bca_corrects_levels_by_bias_and_acceleration(fitted):
    fit, design, y = fitted
    boot = fit.bootstrap(999, scheme="rows")
    normal, b, estimate = NormalDist(), boot.draws[:, 1], fit.params["b"]
    left = np.array([least_squares(np.delete(design, i, 0), np.delete(y, i))[0][1] for i in range(len(y))])
    d = left.mean() - left
    a = (d**3).sum() / (6 * (d**2).sum() ** 1.5)
    z0 = normal.inv_cdf(np.mean(b < estimate))
    levels = []
    for p in (0.025, 0.975):
        z = z0 + normal.inv_cdf(p)
        levels.append(normal.cdf(z0 + z / (1 - a * z)))
    wanted = np.quantile(b, levels, method="weibull")
    np.testing.assert_allclose(ends(boot.interval(method="bca", of="b"))[0], wanted, rtol=1e-6)


def test_studentised_intervals_use_each_refits_own_error(fitted):
    fit, design, y = fitted
    boot = fit.bootstrap(400, scheme="rows", rng=2)

    def slope_and_error(w):
        inverse = np.linalg.inv((design.T * w) @ design)
        coefficients = inverse @ (design.T * w) @ y
        h = np.einsum("ij,jk,ik->i", design, inverse, design)
        v = inverse @ (design.T * (w * ((y - design @ coefficients) / (1 - h)) ** 2)) @ design @ inverse
        return coefficients[1], np.sqrt(v[1, 1])

    b, error = slope_and_error(np.ones(len(y)))
    t = np.array([(s - b) / e for s, e in (slope_and_error(boot.weights(i)) for i in range(400))])
    high, low = np.quantile(t, [0.025, 0.975], method="weibull")
    found = ends(boot.interval(method="studentised", of="b"))[0]
    np.testing.assert_allclose(found, [b - low * error, b - high * error], rtol=1e-6)


def test_a_double_bootstrap_widens_what_is_too_narrow():
    runs, _, _ = line(seed=8, n=8)
    fit = iso.fit(runs, LINE, criterion="squared")
    boot = fit.bootstrap(400, scheme="residual")
    plain = ends(boot.interval(of="b"))[0]
    twice = [boot.interval(method="double", of="b", n_inner=200, n_threads=k) for k in (1, 2)]
    assert twice[0].equals(twice[1])
    exact = ends(fit.interval(method="delta", of="b"))[0]
    # 8 rows: a percentile interval lacks the t factor 2.45/1.96; the second level finds most of it.
    assert np.ptp(plain) < 0.95 * np.ptp(exact)
    assert 1.05 * np.ptp(plain) < np.ptp(ends(twice[0])) < 1.3 * np.ptp(exact)


def test_functions_of_the_parameters_have_draws_only(fitted):
    fit, _, _ = fitted
    boot = fit.bootstrap(300)
    frame = boot.interval(method="basic", of={"f": lambda p: p["b"] * p["A"], "g": "b * A"})
    np.testing.assert_allclose(ends(frame)[0], ends(frame)[1], rtol=1e-12)
    with pytest.raises(iso.DataError, match="method 'double' needs formulas"):
        boot.interval(method="double", of={"f": lambda p: p["b"]})
    with pytest.raises(iso.DataError, match=r"returned shape \(\), expected one value per draw"):
        boot.interval(of={"f": lambda p: float(p["b"].mean())})


def test_schemes_without_a_second_stage_are_told(fitted):
    boot = fitted[0].bootstrap(50, scheme="bayesian")
    with pytest.raises(iso.DataError, match="no second stage"):
        boot.interval(method="double", of="b", n_inner=20)


def test_auto_looks_at_groups_rows_and_leverage(grouped):
    fit = grouped[0]
    assert fit.bootstrap(20).scheme == "groups"
    few = iso.fit(iso.Runs(clustered(g=6)[0], groups="run"), LINE, criterion="squared").bootstrap(20)
    assert few.scheme == "wild-groups"
    assert "6 groups over 30 rows" in few.reason
    runs, _, _ = line(n=40)
    assert iso.fit(runs, LINE, criterion="squared").bootstrap(20).scheme == "rows"
    runs["X"][-1] = 1e30
    far = iso.fit(runs, LINE, criterion="squared").bootstrap(20)
    assert far.scheme == "wild"
    assert "leverage 0.9" in far.reason
