"""`fit`: against numbers from elsewhere (numpy, scipy, papers), its options, its faults, its result."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import polars as pl
import pytest

import isoflop as iso

LINE = iso.Law("m + s * X", variables=("X",), real=("m", "s"), scale="linear")
TRUTH = {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}


def grid(n_sizes=5, n_tokens=5):
    """Return a grid of sizes and tokens."""
    n, d = np.meshgrid(np.geomspace(7e7, 2e10, n_sizes), np.geomspace(1e9, 1e12, n_tokens))
    return {"N": n.ravel(), "D": d.ravel()}


@pytest.fixture(scope="module")
def runs():
    return iso.simulate("chinchilla", grid(), params=TRUTH, noise=0.005, rng=1)


@pytest.fixture(scope="module")
def line():
    rng = np.random.default_rng(5)
    x = np.linspace(1, 4, 25)
    return {"X": x, "loss": 3.0 - 0.5 * x + 0.1 * rng.standard_normal(25)}


def huber(r, delta):
    """Return the Huber loss, as the textbooks write it."""
    a = np.abs(r)
    return np.where(a <= delta, a**2 / 2, delta * (a - delta / 2))


# -- numbers


@pytest.mark.parametrize("name", ["chinchilla", "power", "power_floor", "kaplan_nd", "pnorm"])
def test_noiseless_runs_give_the_truth_back(name):
    law = iso.laws.get(name)
    truth = next(iter(law.published.values()))
    points = grid(6, 6) if "D" in law.variables else {"X": np.geomspace(1e5, 1e10, 20)}
    fit = iso.fit(iso.simulate(law, points, noise=0.0), name)
    assert fit.success
    np.testing.assert_allclose(fit.predict(points), np.asarray(truth.predict(points)), rtol=1e-6)
    for p in law.parameters:
        assert fit.params[p] == pytest.approx(truth.params[p], rel=1e-3), p


def test_chinchilla_on_the_replication_data(epoch):
    # Objective and optimum of Besiroglu et al. 2024's criterion on their 240 points.
    fit = iso.fit(epoch)
    assert fit.objective == pytest.approx(0.001018274018, rel=1e-8)
    assert fit.params["alpha"] == pytest.approx(0.347310, abs=1e-5)
    assert fit.params["beta"] == pytest.approx(0.367172, abs=1e-5)
    assert fit.params["E"] == pytest.approx(1.817218, abs=1e-5)
    assert fit.derived()["a"] == pytest.approx(0.513, abs=0.002)
    assert (fit.criterion, fit.delta, fit.n_rows) == ("huber", 1e-3, 240)


def test_objective_is_the_sum_of_huber_losses(runs):
    fit = iso.fit(runs, "chinchilla")
    n, d = runs.variable("N"), runs.variable("D")
    p = fit.params
    r = np.log(p["E"] + p["A"] / n ** p["alpha"] + p["B"] / d ** p["beta"]) - np.log(runs.loss)
    assert fit.objective == pytest.approx(huber(r, 1e-3).sum(), rel=1e-9)
    np.testing.assert_allclose(fit.residuals, r, atol=1e-12)
    np.testing.assert_allclose(fit.fitted, runs.loss * np.exp(r), rtol=1e-12)


@pytest.mark.parametrize("delta", [1e-3, 5e-3, "auto"])
def test_no_optimum_of_scipy_is_better(runs, delta):
    optimize = pytest.importorskip("scipy.optimize")
    fit = iso.fit(runs, "chinchilla", delta=delta)
    n, d, y = np.log(runs.variable("N")), np.log(runs.variable("D")), np.log(runs.loss)

    def residual(t):
        return np.logaddexp.reduce([np.full(len(n), t[0]), t[1] - t[2] * n, t[3] - t[4] * d]) - y

    start = [np.log(1.8), np.log(480), 0.35, np.log(2000), 0.37]
    found = optimize.least_squares(residual, start, loss="huber", f_scale=fit.delta, x_scale="jac", xtol=1e-15)
    assert fit.objective <= huber(residual(found.x), fit.delta).sum() * (1 + 1e-9)


def test_squared_on_a_line_is_ordinary_least_squares(line):
    fit = iso.fit(line, LINE, criterion="squared")
    x = np.column_stack([np.ones(25), line["X"]])
    coefficients, rss, *_ = np.linalg.lstsq(x, line["loss"], rcond=None)
    assert [fit.params["m"], fit.params["s"]] == pytest.approx(list(coefficients), rel=1e-7)
    assert fit.objective == pytest.approx(rss[0] / 2, rel=1e-9)
    errors = np.sqrt(np.diag(np.linalg.inv(x.T @ x)) * rss[0] / 23)
    assert [fit.standard_error["m"], fit.standard_error["s"]] == pytest.approx(list(errors), rel=1e-5)


def pinball_line(x, y, q):
    """Return the least sum of pinball losses of a line, and its intercept and slope, by linear programming."""
    optimize = pytest.importorskip("scipy.optimize")
    n = len(x)
    cost = np.concatenate([np.zeros(2), np.full(n, q), np.full(n, 1 - q)])
    equal = np.hstack([np.column_stack([np.ones(n), x]), np.eye(n), -np.eye(n)])
    bounds = [(None, None)] * 2 + [(0, None)] * 2 * n
    found = optimize.linprog(cost, A_eq=equal, b_eq=y, bounds=bounds)
    return found.fun, list(found.x[:2])


@pytest.mark.parametrize("q", [0.1, 0.25, 0.5, 0.8])
def test_quantile_is_the_linear_program(line, q):
    fit = iso.fit(line, LINE, quantile=q)
    total, coefficients = pinball_line(line["X"], line["loss"], q)
    assert fit.criterion == "quantile"
    assert fit.objective == pytest.approx(2 * total, rel=2e-6)  # weights are 2 q and 2 (1 - q)
    r = fit.residuals
    assert fit.objective == pytest.approx(np.sum(np.where(r > 0, 2 * (1 - q), 2 * q) * np.abs(r)), rel=1e-12)
    if q != 0.5:  # where many medians are optimal, ours is another one
        assert [fit.params["m"], fit.params["s"]] == pytest.approx(coefficients, abs=1e-5)


def test_absolute_is_the_sum_of_sizes(line):
    fit = iso.fit(line, LINE, criterion="absolute")
    assert fit.objective == pytest.approx(2 * pinball_line(line["X"], line["loss"], 0.5)[0], rel=2e-6)
    assert fit.objective == pytest.approx(np.abs(fit.residuals).sum(), rel=1e-12)


def test_a_low_quantile_follows_the_best_tuned_runs():
    # An undertuned run can only be too high: loss is the curve plus a positive excess.
    rng = np.random.default_rng(0)
    x = np.geomspace(1, 1e4, 300)
    loss = (1 + 3 * x**-0.5) * np.exp(0.05 * rng.exponential(size=300))
    low, high = (iso.fit({"X": x, "loss": loss}, "power_floor", quantile=q) for q in (0.1, 0.9))
    for fit, q in ((low, 0.1), (high, 0.9)):
        below = np.mean(loss < fit.fitted)
        assert abs(below - q) <= 0.02
    assert low.predict(X=1e3) < high.predict(X=1e3)


def test_asymmetry_of_a_criterion_with_a_width(line):
    # Expectile: the weighted mean where over-prediction counts 2 (1 - q) and under-prediction 2 q.
    optimize = pytest.importorskip("scipy.optimize")
    fit = iso.fit(line, LINE, criterion="squared", quantile=0.2)

    def total(t):
        r = t[0] + t[1] * line["X"] - line["loss"]
        return np.sum(np.where(r > 0, 1.6, 0.4) * r**2 / 2)

    best = optimize.minimize(total, [3.0, -0.5], method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-14})
    assert [fit.params["m"], fit.params["s"]] == pytest.approx(list(best.x), abs=1e-5)
    assert fit.objective == pytest.approx(best.fun, rel=1e-8)


def test_weight_two_is_the_row_twice(runs):
    n, d, loss = runs.variable("N"), runs.variable("D"), runs.loss
    twice = np.append(np.arange(25), [0, 7])
    weights = np.ones(25)
    weights[[0, 7]] = 2
    one = iso.fit({"N": n, "D": d, "loss": loss}, weights=weights)
    two = iso.fit({"N": n[twice], "D": d[twice], "loss": loss[twice]})
    named = iso.fit({"N": n, "D": d, "loss": loss, "w": weights}, weights="w")
    assert one.objective == pytest.approx(two.objective, rel=1e-9)
    assert named.objective == one.objective
    for p in one.params:
        assert one.params[p] == pytest.approx(two.params[p], rel=1e-4)


def test_units_transform_parameters_as_algebra_says(runs):
    n, d, loss = runs.variable("N"), runs.variable("D"), runs.loss
    base = iso.fit({"N": n, "D": d, "loss": loss})
    bytes_ = iso.fit({"N": 2 * n, "D": d, "loss": loss})
    bits = iso.fit({"N": n, "D": d, "loss": loss / np.log(2)})
    assert bytes_.objective == pytest.approx(base.objective, rel=1e-7)
    assert bytes_.params["A"] == pytest.approx(base.params["A"] * 2 ** base.params["alpha"], rel=1e-4)
    assert bits.params["alpha"] == pytest.approx(base.params["alpha"], rel=1e-5)
    assert bits.params["E"] == pytest.approx(base.params["E"] / np.log(2), rel=1e-5)


def test_row_order_does_not_matter(runs):
    order = np.random.default_rng(3).permutation(25)
    n, d, loss = runs.variable("N"), runs.variable("D"), runs.loss
    shuffled = iso.fit({"N": n[order], "D": d[order], "loss": loss[order]})
    assert shuffled.objective == pytest.approx(iso.fit(runs).objective, rel=1e-9)


# -- options


def test_fixed_parameters_stay(runs):
    fit = iso.fit(runs, fixed={"E": 1.7})
    assert fit.params["E"] == 1.7
    assert fit.free == ("A", "alpha", "B", "beta")
    assert np.isnan(fit.standard_error["E"])
    assert "fixed" in fit.summary()
    assert fit.objective >= iso.fit(runs).objective * (1 - 1e-9)


def test_tied_parameters_follow(runs):
    fit = iso.fit(runs, tied={"beta": "alpha"})
    assert fit.params["beta"] == pytest.approx(fit.params["alpha"], rel=1e-14)
    assert fit.standard_error["beta"] == pytest.approx(fit.standard_error["alpha"], rel=1e-5)
    assert "beta" not in fit.free
    half = iso.fit(runs, tied={"beta": "2 * alpha"}, fixed={"alpha": 0.2})
    assert half.params["beta"] == pytest.approx(0.4)


def test_bounds_hold(runs):
    fit = iso.fit(runs, bounds={"alpha": (0.4, None)})
    assert fit.params["alpha"] == pytest.approx(0.4, rel=1e-6)
    assert fit.at_bound == ("alpha",)
    assert fit.status == "at_bound"
    assert fit.success


def test_a_strong_prior_pulls_and_a_wide_one_does_not(runs):
    free = iso.fit(runs)
    strong = iso.fit(runs, prior={"alpha": iso.LogNormal(0.5, 1e-6)})
    wide = iso.fit(runs, prior={"alpha": iso.LogNormal(0.5, 1e6)})
    assert strong.params["alpha"] == pytest.approx(0.5, rel=1e-4)
    assert wide.params["alpha"] == pytest.approx(free.params["alpha"], rel=1e-5)
    assert strong.objective > free.objective


def test_weak_priors_are_those_of_published_families(runs):
    fit = iso.fit(runs, prior="weak")
    assert fit.priors == {
        "alpha": iso.LogNormal(0.35, 0.35),
        "beta": iso.LogNormal(0.35, 0.35),
        "E": iso.LogNormal(0.7 * runs.loss.min(), 0.25),
    }
    assert "LogNormal(median=0.35, sd=0.35)" in fit.summary()
    assert "p" in iso.fit(runs, "pnorm", prior="weak").priors


def test_own_starts_are_the_only_ones(runs):
    fit = iso.fit(runs, starts=[TRUTH])
    assert fit.n_starts == 1
    assert fit.objective == pytest.approx(iso.fit(runs).objective, rel=1e-8)


def test_a_law_of_one_variable_maps_it(epoch):
    columns = {"flops": 6 * epoch["N"] * epoch["D"], "loss": epoch["loss"]}
    fit = iso.fit(columns, "power_floor", X="C", C="flops")
    assert fit.predict(X=1e22) == fit.predict(flops=1e22)
    frame = fit.predict(pl.DataFrame({"flops": [1e22]}))
    assert frame["loss"][0] == fit.predict(X=1e22)


def test_levels_are_fits_of_their_own_where_nothing_is_shared():
    x = np.tile(np.geomspace(1, 1e4, 12), 2)
    family = np.repeat(["a", "b"], 12)
    rng = np.random.default_rng(2)
    loss = np.where(family == "a", 1 + 3 * x**-0.5, 2 + 4 * x**-0.3) * np.exp(0.01 * rng.standard_normal(24))
    law = iso.Law("E[family] + A[family] / X**alpha[family]", variables=("X",))
    together = iso.fit({"X": x, "family": family, "loss": loss}, law)
    assert together.names == ("E[a]", "E[b]", "A[a]", "A[b]", "alpha[a]", "alpha[b]")
    apart = iso.fit({"X": x, "family": family, "loss": loss}, "power_floor", delta=1e-3, by="family")
    assert together.objective == pytest.approx(sum(f.objective for f in apart.values()), rel=1e-6)
    for label, fit in apart.items():
        for p in fit.params:
            assert together.params[f"{p}[{label}]"] == pytest.approx(fit.params[p], rel=1e-3)
    np.testing.assert_allclose(
        together.predict(X=[10.0, 10.0], family=["a", "b"]), [f.predict(X=10.0) for f in apart.values()], rtol=1e-5
    )


def test_two_level_columns():
    x = np.tile(np.geomspace(1, 1e4, 8), 6)
    family, task = np.repeat(["a", "b", "a", "b", "a", "b"], 8), np.repeat([1, 1, 2, 2, 3, 3], 8)
    floor, amplitude = {"a": 1.0, "b": 2.0}, {1: 3.0, 2: 4.0, 3: 5.0}
    loss = np.array([floor[f] + amplitude[t] * v**-0.5 for f, t, v in zip(family, task, x, strict=True)])
    law = iso.Law("E[family] + A[task] / X**alpha", variables=("X",))
    fit = iso.fit({"X": x, "family": family, "task": task, "loss": loss}, law)
    assert fit.names == ("E[a]", "E[b]", "A[1]", "A[2]", "A[3]", "alpha")
    assert list(fit.params.values()) == pytest.approx([1, 2, 3, 4, 5, 0.5], rel=1e-5)
    assert fit.predict(X=100.0, family="b", task=3) == pytest.approx(2.5, rel=1e-6)
    boot = fit.bootstrap(40)
    band = boot.band(X=100.0, family=["a", "b"], task=[1, 3])
    np.testing.assert_allclose(band["estimate"], [1.3, 2.5], rtol=1e-6)
    assert band.columns == ["X", "family", "task", "kind", "estimate", "low", "high"]
    assert law.predict(fit.params, X=100.0, family="b", task=3) == pytest.approx(2.5, rel=1e-6)
    assert fit.to_frame().columns == ["X", "family", "task", "loss", "fitted", "residual", "weight"]


def test_fixed_by_plain_and_by_single_name():
    x = np.tile(np.geomspace(1, 1e4, 6), 2)
    family = np.repeat(["a", "b"], 6)
    columns = {"X": x, "family": family, "loss": np.where(family == "a", 1.0, 2.0) + 3 * x**-0.5}
    law = iso.Law("E[family] + A / X**alpha", variables=("X",))
    both = iso.fit(columns, law, fixed={"E": 0.5})
    assert (both.params["E[a]"], both.params["E[b]"]) == (0.5, 0.5)
    one = iso.fit(columns, law, fixed={"E[b]": 2.0})
    assert one.params["E[b]"] == 2.0
    assert one.params["E[a]"] == pytest.approx(1.0, rel=1e-4)


def test_by_returns_a_table():
    x = np.tile(np.geomspace(1, 1e4, 6), 3)
    task = np.repeat([10, 2, 30], 6)
    frame = pl.DataFrame({"X": x, "task": task, "loss": task + 3 * x**-0.5})
    fits = iso.fit(frame, "power_floor", by="task")
    assert list(fits) == [2, 10, 30]
    assert {k: round(f.params["E"], 3) for k, f in fits.items()} == {2: 2.0, 10: 10.0, 30: 30.0}
    table = fits.to_frame()
    assert isinstance(table, pl.DataFrame)
    assert table.columns[:4] == ["task", "E", "A", "alpha"]
    assert table["n_rows"].to_list() == [6, 6, 6]
    assert "task" in fits.summary()
    with pytest.raises(iso.DataError, match=r"no fit for task 7"):
        fits[7]
    with pytest.raises(iso.DataError, match="task 4: 2 rows cannot determine"):
        iso.fit(pl.concat([frame, frame[:2].with_columns(task=pl.lit(4, pl.Int64))]), "power_floor", by="task")


# -- faults


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"law": "chinchila"}, iso.LawError, "did you mean 'chinchilla'"),
        ({"law": 7}, iso.LawError, "law is a int"),
        ({"criterion": "hubert"}, iso.DataError, "did you mean 'huber'"),
        ({"criterion": "squared", "delta": 0.1}, iso.DataError, "'squared' has no delta"),
        ({"delta": -1.0}, iso.DataError, "delta is -1.0"),
        ({"criterion": "quantile"}, iso.DataError, "needs a quantile"),
        ({"quantile": 1.5}, iso.DataError, "between 0 and 1"),
        ({"fixed": {"alhpa": 0.3}}, iso.LawError, "did you mean 'alpha'"),
        ({"fixed": {"E": -1.0}}, iso.LawError, "fixed E is -1.0"),
        ({"fixed": {"E": 1.0}, "bounds": {"E": (2, 3)}}, iso.LawError, "outside its bounds"),
        ({"bounds": {"alpha": (0.5, 0.1)}}, iso.LawError, "expected low < high"),
        ({"bounds": {"alpha": 0.5}}, iso.LawError, r"expected a pair \(low, high\)"),
        ({"tied": {"beta": "gamma"}}, iso.LawError, "names 'gamma'"),
        ({"tied": {"bteta": "alpha"}}, iso.LawError, "did you mean 'beta'"),
        ({"tied": {"beta": "alpha +"}}, iso.LawError, "tied beta"),
        ({"tied": {"beta": "alpha"}, "fixed": {"beta": 0.3}}, iso.LawError, "is tied to 'alpha'"),
        ({"prior": "strong"}, iso.LawError, "expected 'weak'"),
        ({"prior": {"alpha": iso.Normal(0.3, 0.1)}}, iso.LawError, "takes an iso.LogNormal"),
        ({"prior": {"alpha": 0.3}}, iso.LawError, "LogNormal"),
        ({"starts": [{"E": 1.0}]}, iso.LawError, "a start has no value for A, alpha, B, beta"),
        ({"starts": np.ones((3, 2))}, iso.LawError, r"expected \(k, 5\)"),
        ({"weights": [1.0, 2.0]}, iso.DataError, "expected one per row"),
        ({"weights": -np.ones(25)}, iso.DataError, "weights"),
        ({"weights": "no_such"}, iso.DataError, "no_such"),
        ({"rng": -1}, ValueError, "rng is -1"),
        ({"n_threads": 0}, iso.DataError, "n_threads is 0, expected a whole number of at least 1"),
        ({"n_threads": "two"}, iso.DataError, "n_threads is 'two'"),
        ({"Q": "N"}, iso.DataError, "no option 'Q'"),
        ({"critereon": "huber"}, iso.DataError, "did you mean 'criterion'"),
    ],
)
def test_faults_in_options_are_named(runs, options, error, message):
    with pytest.raises(error, match=message):
        iso.fit(runs, **options)


def test_a_prior_that_is_no_distribution():
    with pytest.raises(iso.LawError, match="sd be above 0"):
        iso.LogNormal(0.3, 0.0)
    with pytest.raises(iso.LawError, match="positive domain"):
        iso.LogNormal(-0.3, 0.1)
    with pytest.raises(iso.LawError, match="unit domain"):
        iso.LogitNormal(1.5, 0.1)


def test_fewer_rows_than_parameters(runs):
    few = {"N": runs.variable("N")[:4], "D": runs.variable("D")[::6][:4], "loss": runs.loss[:4]}
    with pytest.raises(iso.DataError, match=r"4 rows cannot determine 5 parameters \(E, A, alpha, B, beta\)"):
        iso.fit(few)
    iso.fit(few, fixed={"E": 1.8, "alpha": 0.35})


def test_weightless_rows_do_not_count(runs):
    with pytest.raises(iso.DataError, match="4 rows cannot determine"):
        iso.fit(runs, weights=(np.arange(25) < 4).astype(float))


def test_a_variable_that_never_varies_is_named(runs):
    same = {"N": np.full(25, 1e9), "D": runs.variable("D"), "loss": runs.loss}
    with pytest.raises(iso.DataError, match=r"all rows have N = 1e\+09, so .*alpha.* cannot be told"):
        iso.fit(same)
    assert iso.fit(same, fixed={"A": 482.01, "alpha": 0.3478}).success


def test_unidentified_parameters_return_and_warn():
    # D is proportional to N, and both exponents are the same: A and B cannot be told apart.
    n = np.geomspace(1e8, 1e11, 12)
    loss = (1.8 + 400 / n**0.35) * np.exp(0.01 * np.sin(9 * np.arange(12)))
    law = iso.Law("E + A / N**alpha + B / D**beta", tied={"beta": "alpha"})
    with pytest.warns(iso.ConvergenceWarning, match="unidentified"):
        fit = iso.fit({"N": n, "D": 20 * n, "loss": loss}, law)
    assert not fit.success
    assert {"A", "B"} <= set(fit.unidentified)
    assert "not identified" in fit.summary()


def test_a_parameter_that_is_also_a_column(runs):
    columns = {"N": runs.variable("N"), "D": runs.variable("D"), "K": np.ones(25), "loss": runs.loss}
    law = iso.Law("E + A / N**alpha + K")
    with pytest.raises(iso.LawError, match=r"parameter 'K' .* is also a column") as caught:
        iso.fit(columns, law)
    assert "variables=('N', 'K')" in str(caught.value)
    with pytest.raises(iso.LawError, match=r"parameter 'D' .* is also a column"):
        iso.fit(columns, iso.Law("E + A / N**alpha + D", variables=("N",)))


def test_zero_loss_and_missing_values_name_their_rows(runs):
    columns = {"N": runs.variable("N"), "D": runs.variable("D"), "loss": runs.loss.copy()}
    columns["loss"][[3, 5]] = [0.0, -1.0]
    with pytest.raises(iso.DataError, match="row"):
        iso.fit(columns)
    columns["loss"][3] = np.nan
    fit = iso.fit(iso.Runs(columns, nan_policy="omit"))
    assert (fit.n_rows, fit.n_omitted) == (23, 2)
    assert "2 left out" in fit.summary()


def test_a_level_without_weight_is_named():
    x = np.tile(np.geomspace(1, 1e4, 6), 2)
    family = np.repeat(["a", "b"], 6)
    law = iso.Law("E[family] + A / X**alpha", variables=("X",))
    with pytest.raises(iso.DataError, match="family 'b'"):
        iso.fit({"X": x, "family": family, "loss": 1 + x**-0.5}, law, weights=(family == "a").astype(float))


# -- the result


def test_summary_and_repr_are_readable(runs):
    fit = iso.fit(runs)
    text = fit.summary()
    for word in ("chinchilla", "E + A / N**alpha", "25", "huber, delta 0.001", "converged", "alpha", "beta / (alpha"):
        assert word in text
    assert len(repr(fit).splitlines()) == 2
    assert "<table>" in fit._repr_html_()
    with pytest.raises(AttributeError):
        fit.params = {}


def test_derived_errors_by_the_delta_method(runs):
    fit = iso.fit(runs, criterion="squared")
    a, b = fit.params["alpha"], fit.params["beta"]
    i, j = fit.names.index("alpha"), fit.names.index("beta")
    cov = fit.covariance[np.ix_([i, j], [i, j])]  # of ln alpha and ln beta
    gradient = np.array([-1.0, 1.0]) * a * b / (a + b) ** 2
    assert fit.derived()["a"] == pytest.approx(b / (a + b), rel=1e-12)
    assert fit.derived_error()["a"] == pytest.approx(np.sqrt(gradient @ cov @ gradient), rel=1e-5)
    assert fit.derived({"sum": "alpha + beta"}) == {"sum": pytest.approx(a + b)}


def test_a_fit_pickles(runs):
    fit = iso.fit(runs)
    again = pickle.loads(pickle.dumps(fit))
    assert again.to_dict() == fit.to_dict()
    assert again.predict(N=1e9, D=1e10) == fit.predict(N=1e9, D=1e10)


def test_predict_on_runs_uses_their_roles(runs):
    fit = iso.fit(runs)
    frame = pl.DataFrame({"params": runs.variable("N"), "tokens": runs.variable("D")})
    named = iso.fit(frame.with_columns(loss=runs.loss))
    np.testing.assert_array_equal(
        named.predict(frame)["loss"].to_numpy(), fit.predict(N=frame["params"], D=frame["tokens"])
    )
    np.testing.assert_allclose(fit.predict(runs)["loss_predicted"].to_numpy(), fit.fitted, rtol=1e-13)


def test_fingerprint_follows_the_data(runs):
    fit = iso.fit(runs)
    assert iso.fit(runs, criterion="squared").fingerprint == fit.fingerprint
    other = {"N": runs.variable("N"), "D": runs.variable("D"), "loss": runs.loss + 1e-9}
    assert iso.fit(other).fingerprint != fit.fingerprint
    assert fit.fingerprint == runs.fingerprint_of(["loss", "N", "D"])


def test_rng_of_every_kind(runs):
    kinds = (0, None, np.random.default_rng(1), np.random.SeedSequence(1), np.random.PCG64(1), [1, 2], np.int64(4))
    best = iso.fit(runs).objective
    for rng in kinds:
        assert iso.fit(runs, rng=rng).objective == pytest.approx(best, rel=1e-7)


# -- simulate


def test_simulated_noise_is_what_was_asked_for():
    points = {"N": np.full(4000, 1e9), "D": np.full(4000, 2e10), "run": np.repeat(np.arange(400), 10)}
    runs = iso.simulate("chinchilla", points, noise=0.01, groups="run", group_noise=0.03, rng=0)
    shift = np.log(runs.loss / iso.laws.chinchilla.predict("epoch2024", N=1e9, D=2e10)).reshape(400, 10)
    assert shift.std(axis=1, ddof=1).mean() == pytest.approx(0.01 * 0.973, rel=0.05)
    assert shift.mean(axis=1).std() == pytest.approx(np.sqrt(0.03**2 + 0.01**2 / 10), rel=0.1)
    assert len(runs.group_codes()[1]) == 400


def test_simulate_takes_laws_fits_and_published_values(runs):
    points = {"N": [1e9, 1e10], "D": [2e10, 2e11]}
    fit = iso.fit(runs)
    published = iso.laws.chinchilla.published["hoffmann2022"]
    for law, expected in ((fit, fit.predict(points)), (published, published.predict(points))):
        np.testing.assert_allclose(iso.simulate(law, points, noise=0).loss, np.asarray(expected["loss"]), rtol=1e-13)
    np.testing.assert_array_equal(
        iso.simulate("chinchilla", points, rng=3).loss, iso.simulate("chinchilla", points, rng=3).loss
    )
    with pytest.raises(iso.LawError, match="no published values"):
        iso.simulate(iso.Law("E + A / N**alpha"), points)
    with pytest.raises(iso.DataError, match="group_noise needs groups"):
        iso.simulate("chinchilla", points, group_noise=0.1)
    with pytest.raises(iso.DataError, match="expected 0 or more"):
        iso.simulate("chinchilla", points, noise=-1)


def test_simulate_on_the_linear_scale_and_with_levels():
    law = iso.Law("m[task] + s * X", variables=("X",), real=("m", "s"), scale="linear")
    points = pl.DataFrame({"X": [1.0, 2.0], "task": ["u", "v"]})
    runs = iso.simulate(law, points, params={"m[u]": -1.0, "m[v]": 5.0, "s": 2.0}, noise=0)
    np.testing.assert_allclose(runs.loss, [1.0, 9.0])


def test_nothing_warns_in_a_plain_fit(runs):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        iso.fit(runs)
