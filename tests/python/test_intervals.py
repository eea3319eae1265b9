"""Intervals of one fit against independent formulas: straight lines on logarithms, where all is known exactly."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import isoflop as iso

from .lines import LINE, clustered, ends, least_squares, line

LEVEL = 0.9


@pytest.fixture(scope="module")
def fitted():
    runs, design, y = line()
    return iso.fit(runs, LINE, criterion="squared"), design, y


def t_interval(value: float, error: float, df: float) -> list[float]:
    return [value + s * stats.t.ppf((1 + LEVEL) / 2, df) * error for s in (-1, 1)]


def test_delta_is_the_t_interval_of_a_line(fitted):
    fit, design, y = fitted
    coefficients, r, inverse = least_squares(design, y)
    v = inverse * (r @ r) / (len(y) - 2)
    low_a, high_a = np.exp(t_interval(coefficients[0], np.sqrt(v[0, 0]), len(y) - 2))
    frame = fit.interval(LEVEL, "delta")
    assert frame["parameter"].to_list() == ["A", "b"]
    wanted = [[low_a, high_a], t_interval(coefficients[1], np.sqrt(v[1, 1]), len(y) - 2)]
    np.testing.assert_allclose(ends(frame), wanted, rtol=1e-8)
    assert frame["sides"].to_list() == ["two", "two"]


def test_hc3_is_the_sandwich_with_leverages(fitted):
    fit, design, y = fitted
    coefficients, r, inverse = least_squares(design, y)
    h = np.einsum("ij,jk,ik->i", design, inverse, design)
    v = inverse @ (design.T * (r / (1 - h)) ** 2) @ design @ inverse
    wanted = t_interval(coefficients[1], np.sqrt(v[1, 1]), len(y) - 2)
    np.testing.assert_allclose(ends(fit.interval(LEVEL, "hc3", of="b"))[0], wanted, rtol=1e-8)
    assert fit.interval(LEVEL, of="b").equals(fit.interval(LEVEL, "hc3", of="b"))


def test_the_profile_of_a_line_is_its_t_interval(fitted):
    fit, _, _ = fitted
    of = {"b": "b", "A": "A", "far": {"X": 1e6}, "mix": "b * A"}
    delta, profile = ends(fit.interval(LEVEL, "delta", of=of)), ends(fit.interval(LEVEL, "profile", of=of))
    np.testing.assert_allclose(profile[:3], delta[:3], rtol=1e-5)
    assert not np.allclose(profile[3], delta[3], rtol=1e-3)  # not linear: asymmetric


def test_a_profile_end_is_where_the_constrained_objective_has_risen():
    runs = iso.simulate("power_floor", {"X": np.geomspace(1, 1e4, 30)}, noise=0.01, rng=3)
    fit = iso.fit(runs, "power_floor", criterion="squared")
    frame = fit.interval(LEVEL, "profile", of="E")
    q, n = 3, 30
    rise = stats.f.ppf(LEVEL, 1, n - q) * (fit.residuals @ fit.residuals) / (n - q) / 2
    for end in ends(frame)[0]:
        held = iso.fit(runs, "power_floor", criterion="squared", fixed={"E": float(end)})
        assert held.objective - fit.objective == pytest.approx(rise, rel=1e-3)


def test_the_loss_at_a_point_and_a_new_run(fitted):
    fit, design, y = fitted
    coefficients, r, inverse = least_squares(design, y)
    at, s2 = np.array([1.0, np.log(5e4)]), (r @ r) / (len(y) - 2)
    variance = s2 * at @ inverse @ at
    for kind, extra in (("mean", 0.0), ("new_run", s2)):
        frame = fit.interval(LEVEL, "delta", of={"X": 5e4}, kind=kind)
        wanted = np.exp(t_interval(at @ coefficients, np.sqrt(variance + extra), len(y) - 2))
        np.testing.assert_allclose(ends(frame)[0], wanted, rtol=1e-8)
        assert frame["estimate"][0] == pytest.approx(fit.predict(X=5e4))
    many = fit.interval(LEVEL, "delta", of={"run": {"X": [1e5, 1e6]}})
    assert many["parameter"].to_list() == ["run[0]", "run[1]"]


def test_formulas_use_their_own_scale(fitted):
    fit, _, _ = fitted
    frame = fit.interval(0.99, "delta", of={"root": "sqrt(A)", "same": "A", "signed": "b - A"})
    low, high = ends(frame).T
    np.testing.assert_allclose([low[0] ** 2, high[0] ** 2], [low[1], high[1]], rtol=1e-10)
    value = fit.params["b"] - fit.params["A"]
    assert low[2] + high[2] == pytest.approx(2 * value)  # may have any sign: symmetric


def test_huber_uses_the_correction_for_rows_outside():
    runs, design, _ = line(seed=5, n=40)
    fit = iso.fit(runs, LINE, delta=0.08)
    r = fit.residuals
    psi, inside = np.clip(r, -0.08, 0.08), np.abs(r) <= 0.08
    n, q, m = 40, 2, inside.mean()
    assert 0.3 < m < 0.95
    k = 1 + q / n * (1 - m) / m
    v = k**2 * (psi @ psi) / (n - q) / m**2 * np.linalg.inv(design.T @ design)
    wanted = t_interval(fit.params["b"], np.sqrt(v[1, 1]), n - q)
    np.testing.assert_allclose(ends(fit.interval(LEVEL, "delta", of="b"))[0], wanted, rtol=1e-7)


def test_gls_of_balanced_groups_is_the_line_through_their_means():
    runs, groups = clustered()
    fit = iso.fit(iso.Runs(runs, groups="run"), LINE, criterion="squared")
    y, x = np.log(runs["loss"]), np.log(runs["X"])
    means = np.array([[x[groups == g][0], y[groups == g].mean()] for g in range(8)])
    coefficients, r, inverse = least_squares(np.column_stack([np.ones(8), means[:, 0]]), means[:, 1])
    wanted = t_interval(coefficients[1], np.sqrt(inverse[1, 1] * (r @ r) / 6), 6)
    np.testing.assert_allclose(ends(fit.interval(LEVEL, "gls", of="b"))[0], wanted, rtol=1e-6)
    assert fit.interval(LEVEL, of="b").equals(fit.interval(LEVEL, "gls", of="b"))  # auto
    robust = iso.fit(iso.Runs(runs, groups="run"), LINE, delta=0.001)  # generalised least squares starts anew
    np.testing.assert_allclose(ends(robust.interval(LEVEL, "gls", of="b"))[0], wanted, rtol=1e-5)


def test_serial_gls_finds_the_correlation_of_neighbours():
    rng = np.random.default_rng(2)
    g, m, phi = 40, 12, 0.8
    noise = rng.standard_normal((g, m))
    for i in range(1, m):
        noise[:, i] = phi * noise[:, i - 1] + np.sqrt(1 - phi**2) * noise[:, i]
    x = np.tile(np.geomspace(1, 1e3, m), g)
    loss = np.exp(0.7 - 0.2 * np.log(x) + 0.05 * (noise + 0.5 * rng.standard_normal((g, 1))).ravel())
    runs = iso.Runs({"X": x, "loss": loss, "run": np.repeat(np.arange(g), m)}, groups="run")
    fit = iso.fit(runs, LINE, criterion="squared")
    plain, serial = (ends(fit.interval(LEVEL, method, of="b", order="X"))[0] for method in ("gls", "gls-ar1"))
    # The generalised least-squares variance at the true correlation, by matrices.
    corr = 0.25 + phi ** np.abs(np.subtract.outer(np.arange(m), np.arange(m)))
    design = np.column_stack([np.ones(m), np.log(np.geomspace(1, 1e3, m))])
    error = 0.05 * np.sqrt(np.linalg.inv(g * design.T @ np.linalg.inv(corr) @ design)[1, 1])
    assert np.ptp(serial) == pytest.approx(2 * stats.t.ppf(0.95, g - 1) * error, rel=0.2)
    assert np.ptp(plain) < 0.9 * np.ptp(serial)


def test_the_cluster_jackknife_is_that_of_refits():
    runs, groups = clustered()
    fit = iso.fit(iso.Runs(runs, groups="run"), LINE, criterion="squared")
    y, design = np.log(runs["loss"]), np.column_stack([np.ones(40), np.log(runs["X"])])
    b = np.array([least_squares(design[groups != g], y[groups != g])[0][1] for g in range(8)])
    error = np.sqrt(7 / 8 * ((b - b.mean()) ** 2).sum())
    wanted = t_interval(fit.params["b"], error, 7)
    np.testing.assert_allclose(ends(fit.interval(LEVEL, "jackknife", of="b"))[0], wanted, rtol=1e-6)


def test_wild_cluster_intervals_depend_on_the_seed_only():
    runs, _ = clustered()
    fit = iso.fit(iso.Runs(runs, groups="run"), LINE, criterion="squared")
    frames = [fit.interval(method="wild-cluster", rng=7, n_threads=k, monte_carlo=True) for k in (1, 2)]
    assert frames[0].equals(frames[1])
    assert (frames[0]["low_error"] > 0).all()
    other = fit.interval(method="wild-cluster", rng=8, monte_carlo=True)
    gap = np.abs(ends(other) - ends(frames[0]))
    assert gap.max() > 0
    assert (gap <= 6 * frames[0].select("low_error", "high_error").to_numpy()).all()


def test_a_parameter_at_zero_has_a_one_sided_interval():
    x = np.geomspace(1, 1e4, 40)
    noise = 0.02 * np.random.default_rng(1).standard_normal(40)
    runs = {"X": x, "loss": 3 * x**-0.1 * np.exp(noise + 0.1 * np.linspace(0, -1, 40) ** 2 * -1)}
    fit = iso.fit(runs, "power_floor", criterion="squared")
    assert fit.at_bound == ("E",)
    for method in ("delta", "hc3", "profile", "jackknife"):
        frame = fit.interval(LEVEL, method, of="E")
        assert frame["low"][0] == 0.0
        assert frame["sides"][0] == "upper"
    high = float(frame["high"][0])
    with pytest.warns(iso.PrecisionWarning, match="'E' lies at zero"):
        known = ends(fit.interval(LEVEL, "delta", of={"far": {"X": 1e8}}))[0]
    far = ends(fit.interval(LEVEL, "profile", of={"far": {"X": 1e8}}))[0]
    assert far[0] == pytest.approx(known[0], rel=0.02)
    assert far[1] - known[1] > 0.2 * np.ptp(known)  # E may leave zero
    # With the loss at 1e8 held at the upper end and E refitted, the objective has risen as far as it may.
    law = iso.Law("E + (F - E) * (X / 1e8)**(-alpha)", variables=("X",))
    there = iso.fit(runs, law, criterion="squared", fixed={"F": float(far[1])})
    rise = 2 * (there.objective - fit.objective) * 38 / (2 * fit.objective)
    assert rise == pytest.approx(stats.t.ppf(0.95, 38) ** 2, rel=1e-3)
    held = iso.fit(runs, "power_floor", criterion="squared", fixed={"E": high})
    kappa = 2 * fit.objective / 38  # two parameters move
    assert 2 * (held.objective - fit.objective) / kappa == pytest.approx(stats.t.ppf(LEVEL, 38) ** 2, rel=1e-3)


def test_levels_and_ties_are_asked_for_by_their_names():
    rng = np.random.default_rng(0)
    x, family = np.tile(np.geomspace(1, 1e4, 12), 2), np.repeat(["a", "b"], 12)
    loss = (np.where(family == "a", 1.0, 1.5) + 2 * x**-0.3) * np.exp(0.005 * rng.standard_normal(24))
    law = iso.Law("E[family] + A / X**alpha", variables=("X",))
    fit = iso.fit({"X": x, "family": family, "loss": loss}, law, criterion="squared")
    frame = fit.interval(0.999, of={"gap": "E[b] - E[a]", "at": {"X": 1e6, "family": "b"}, "E[a]": "E[a]"})
    low, high = ends(frame).T
    assert low[0] < 0.5 < high[0]
    assert low[1] < 1.5 + 2 * 1e6**-0.3 < high[1]
    assert frame["estimate"].to_list() == pytest.approx(
        [fit.params["E[b]"] - fit.params["E[a]"], fit.predict(X=1e6, family="b"), fit.params["E[a]"]]
    )
    tied = iso.fit({"X": x, "loss": loss}, iso.Law("E + A / X**alpha", variables=("X",)), tied={"A": "2 * E"})
    twice = tied.interval(method="delta", of=["A", "E"])
    np.testing.assert_allclose(ends(twice)[0], 2 * ends(twice)[1], rtol=1e-9)


def test_faults_are_told(fitted):
    fit, _, _ = fitted
    with pytest.raises(iso.DataError, match=r"method is 'exact'.*\n\nHint: choose one of"):
        fit.interval(method="exact")
    with pytest.raises(iso.DataError, match=r"level is 1\.5"):
        fit.interval(level=1.5)
    with pytest.raises(iso.DataError, match="needs groups"):
        fit.interval(method="gls")
    with pytest.raises(iso.DataError, match="is a function"):
        fit.interval(of={"f": lambda p: p["A"]})
    with pytest.raises(iso.LawError, match="uses 'B', which is no parameter"):
        fit.interval(of="A * B")
    with pytest.raises(iso.DataError, match="knows no new runs"):
        fit.interval(method="profile", of={"X": 10.0}, kind="new_run")
    with pytest.raises(iso.DataError, match=r"no value for 'X'|no variable"):
        fit.interval(of={"far": {"Y": 10.0}})
    with pytest.raises(iso.DataError, match="a fit by 'absolute' has no residual variance"):
        iso.fit(line()[0], LINE, criterion="absolute").interval()
    runs, groups = clustered(g=2)
    few = iso.fit(iso.Runs(runs, groups="run"), LINE, criterion="squared")
    with pytest.raises(iso.DataError, match="2 groups for 2 parameters"):
        few.interval(method="gls")
    alone = iso.fit(iso.Runs({**runs, "run": np.arange(len(groups))}, groups="run"), LINE, criterion="squared")
    with pytest.raises(iso.DataError, match="every group has one row"):
        alone.interval(method="gls")


def test_a_negative_variance_between_groups_is_told():
    runs, groups = clustered(seed=4)
    rng = np.random.default_rng(4)
    y = 0.7 - 0.2 * np.log(runs["X"])
    noise = 0.05 * rng.standard_normal(len(y))
    means = np.array([noise[groups == g].mean() for g in range(8)])
    runs["loss"] = np.exp(y + noise - means[groups])  # groups are more alike than chance has it
    fit = iso.fit(iso.Runs(runs, groups="run"), LINE, criterion="squared")
    with pytest.warns(iso.PrecisionWarning, match="variance between groups came out as zero"):
        fit.interval(method="gls")


def test_repeated_sizes_that_share_noise_warn():
    rng = np.random.default_rng(0)
    size = np.repeat(np.geomspace(1e8, 1e10, 8), 6)
    points = {"N": size, "D": size * np.tile(np.geomspace(5, 160, 6), 8)}
    quiet = iso.fit(iso.simulate("chinchilla", points, noise=0.005, rng=1), criterion="squared")
    quiet.interval()
    loud = iso.simulate(
        "chinchilla", points, noise=0.002, groups=list(np.repeat(range(8), 6)), group_noise=0.01, rng=rng
    )
    table = {k: np.asarray(v) for k, v in loud.to_frame().items()} if isinstance(loud.to_frame(), dict) else None
    table = table or {k: loud.to_frame()[k].to_numpy() for k in ("N", "D", "loss")}
    fit = iso.fit({k: table[k] for k in ("N", "D", "loss")}, criterion="squared")
    with pytest.warns(
        iso.PrecisionWarning, match=r"N repeats \(8 values in 48 rows\).*intraclass correlation 0\.[3-9]"
    ):
        fit.interval()
    with pytest.warns(iso.PrecisionWarning, match="declare groups"):
        fit.bootstrap(20)
