"""`bootstrap`: draws against their own weights, schemes, executors, intervals and bands against numpy, faults."""

from __future__ import annotations

import pickle
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import polars as pl
import pytest

import isoflop as iso

SLOPE = iso.Law("m * X", variables=("X",), scale="linear", recipe={"criterion": "squared"})


@pytest.fixture(scope="module")
def mean_fit():
    """Return a fit whose every refit is a weighted mean: least squares of m * 1."""
    rng = np.random.default_rng(11)
    return iso.fit({"X": np.ones(40), "loss": 3 + 0.2 * rng.standard_normal(40)}, SLOPE)


@pytest.fixture(scope="module")
def grouped_fit():
    rng = np.random.default_rng(12)
    run = np.repeat(np.arange(12), 4)
    loss = 3 + 0.2 * rng.standard_normal(12)[run] + 0.02 * rng.standard_normal(48)
    return iso.fit(iso.Runs({"X": np.ones(48), "loss": loss, "run": run}, groups="run"), SLOPE)


@pytest.fixture(scope="module")
def floor_fit():
    runs = iso.simulate("power_floor", {"X": np.geomspace(1, 1e4, 40)}, noise=0.01, rng=4)
    return iso.fit(runs, "power_floor", delta=1e-3)


@pytest.fixture(scope="module")
def boot(floor_fit):
    return floor_fit.bootstrap(120, rng=5)


def losses(fit):
    return fit.problem.table["response"]


# -- who is in a resample


@pytest.mark.parametrize("scheme", ["rows", "bayesian", "jackknife"])
def test_a_draw_is_the_optimum_for_its_weights(mean_fit, scheme):
    boot = mean_fit.bootstrap(40, scheme=scheme, rng=1)
    for i in range(40):
        assert boot.draws[i, 0] == pytest.approx(np.average(losses(mean_fit), weights=boot.weights(i)), rel=1e-6)


def test_weights_of_each_scheme(mean_fit, grouped_fit):
    rows = [mean_fit.bootstrap(30, scheme="rows").weights(i) for i in range(30)]
    assert all(w.sum() == 40 and (w == np.round(w)).all() and (w >= 0).all() for w in rows)
    assert 0.30 < np.mean([np.mean(w == 0) for w in rows]) < 0.44  # 1/e = 0.37
    smooth = [mean_fit.bootstrap(30, scheme="bayesian").weights(i) for i in range(30)]
    assert all((w > 0).all() for w in smooth)
    for i, w in enumerate(mean_fit.bootstrap(scheme="jackknife").weights(i) for i in range(40)):
        assert w[i] == 0
        assert (np.delete(w, i) == 1).all()
    whole = grouped_fit.bootstrap(30)
    assert whole.scheme == "groups"
    for w in (whole.weights(i).reshape(12, 4) for i in range(30)):
        assert (w == w[:, :1]).all()
        assert w[:, 0].sum() == 12


def test_errors_of_a_mean_are_those_of_the_textbook(mean_fit):
    y = losses(mean_fit)
    rows = mean_fit.bootstrap(2000, scheme="rows").standard_error()["m"]
    assert rows == pytest.approx(y.std() / np.sqrt(40), rel=0.06)
    jackknife = mean_fit.bootstrap(scheme="jackknife")
    assert jackknife.n_resamples == 40
    assert jackknife.standard_error()["m"] == pytest.approx(y.std(ddof=1) / np.sqrt(40), rel=1e-4)


def test_groups_see_the_noise_that_rows_share(grouped_fit):
    means = losses(grouped_fit).reshape(12, 4).mean(axis=1)
    error = grouped_fit.bootstrap(2000).standard_error()["m"]
    assert error == pytest.approx(means.std() / np.sqrt(12), rel=0.06)
    leave_out = grouped_fit.bootstrap(scheme="jackknife")
    assert leave_out.n_resamples == 12
    assert leave_out.standard_error()["m"] == pytest.approx(means.std(ddof=1) / np.sqrt(12), rel=1e-4)
    assert grouped_fit.bootstrap(500, scheme="rows").standard_error()["m"] < 0.7 * error


def test_auto_says_what_it_chose(mean_fit, grouped_fit):
    few = iso.fit({"X": np.ones(12), "loss": np.linspace(1, 2, 12)}, SLOPE)
    chosen = {f.n_rows: f.bootstrap(10) for f in (mean_fit, grouped_fit, few)}
    assert {n: b.scheme for n, b in chosen.items()} == {40: "rows", 48: "groups", 12: "bayesian"}
    assert "12 groups over 48 rows" in chosen[48].summary(0.5)
    assert "12 rows" in chosen[12].reason
    assert mean_fit.bootstrap(10, scheme="rows").reason == ""


def test_levels_are_resampled_within(floor_fit):
    x = np.tile(np.geomspace(1, 1e4, 10), 2)
    family = np.repeat(["a", "b"], 10)
    law = iso.Law("E[family] + A / X**alpha", variables=("X",))
    loss = (np.where(family == "a", 1.0, 2.0) + 3 * x**-0.5) * np.exp(0.01 * np.sin(np.arange(20)))
    boot = iso.fit({"X": x, "family": family, "loss": loss}, law).bootstrap(20, scheme="rows")
    for w in (boot.weights(i) for i in range(20)):
        assert w[:10].sum() == 10
        assert w[10:].sum() == 10


# -- the same bits, whatever the road


def test_a_resample_depends_on_seed_and_index_only(floor_fit):
    long, short = floor_fit.bootstrap(60, rng=9), floor_fit.bootstrap(20, rng=9)
    np.testing.assert_array_equal(long.draws[:20], short.draws)
    np.testing.assert_array_equal(floor_fit.bootstrap(20, rng=9, n_threads=3).draws, short.draws)
    assert not np.array_equal(floor_fit.bootstrap(20, rng=10).draws, short.draws)


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_an_executor_gives_the_same_bits(floor_fit, kind, monkeypatch):
    monkeypatch.setattr("isoflop._bootstrap.CHUNK", 7)
    expected = floor_fit.bootstrap(40, rng=2, n_threads=1)
    make = ThreadPoolExecutor if kind == "threads" else lambda n: ProcessPoolExecutor(n, get_context("spawn"))
    seen = []
    with make(2) as executor:
        boot = floor_fit.bootstrap(40, rng=2, executor=executor, progress=seen.append)
    for name in ("draws", "objective", "status"):
        np.testing.assert_array_equal(getattr(boot, name), getattr(expected, name))
    assert seen == [7, 14, 21, 28, 35, 40]


class Lazy:
    """An executor that only knows `submit`, whose future only knows `result`."""

    def submit(self, function, *arguments):
        class Future:
            def result(self):
                return function(*arguments)

        return Future()


def test_an_executor_needs_submit_and_result_only(floor_fit):
    boot = floor_fit.bootstrap(20, rng=2, executor=Lazy())
    np.testing.assert_array_equal(boot.draws, floor_fit.bootstrap(20, rng=2).draws)


def test_progress_comes_from_the_calling_thread(floor_fit):
    seen = []
    floor_fit.bootstrap(120, progress=lambda done: seen.append((done, threading.get_ident())))
    assert {ident for _, ident in seen} <= {threading.get_ident()}
    counts = [done for done, _ in seen]
    assert counts == sorted(counts)
    assert all(0 <= n <= 120 for n in counts)


def test_the_bar_is_drawn(floor_fit, capsys):
    pytest.importorskip("tqdm")
    floor_fit.bootstrap(60, progress=True, executor=Lazy())
    assert "60" in capsys.readouterr().err


@pytest.mark.parametrize("rng", [2**64 - 1, np.random.default_rng(3), np.random.SeedSequence(3), [1, 2, 3], None])
def test_rng_of_every_kind(floor_fit, rng):
    boot = floor_fit.bootstrap(5, rng=rng)
    np.testing.assert_array_equal(floor_fit.bootstrap(5, rng=boot.seed).draws, boot.draws)


# -- what is read from draws


def test_shape_and_names(boot, floor_fit):
    assert boot.draws.shape == (120, 3)
    assert boot.draws.dtype == np.float64
    assert boot.names == ("E", "A", "alpha")
    assert boot.status.dtype == np.uint8
    assert boot.ok.sum() + boot.n_failed == 120


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_percentile_and_basic_intervals(boot, level):
    sound = boot.draws[boot.ok]
    low, high = np.quantile(sound, [(1 - level) / 2, (1 + level) / 2], axis=0, method="weibull")
    frame = boot.interval(level=level, method="percentile")
    assert isinstance(frame, pl.DataFrame)
    assert frame.columns == ["parameter", "estimate", "low", "high"]
    assert frame["parameter"].to_list() == ["E", "A", "alpha"]
    np.testing.assert_allclose(frame["estimate"], boot.fit.theta)
    np.testing.assert_allclose(frame["low"], low, rtol=1e-14)
    np.testing.assert_allclose(frame["high"], high, rtol=1e-14)
    basic = boot.interval(level=level, method="basic")
    below, above = np.quantile(np.log(sound), [(1 - level) / 2, (1 + level) / 2], axis=0, method="weibull")
    np.testing.assert_allclose(basic["low"], boot.fit.theta**2 / np.exp(above), rtol=1e-12)  # positive: by logarithms
    np.testing.assert_allclose(basic["high"], boot.fit.theta**2 / np.exp(below), rtol=1e-12)


def test_monte_carlo_error_is_that_of_repeated_bootstraps(mean_fit):
    frame = mean_fit.bootstrap(400, scheme="rows", rng=0).interval(monte_carlo=True)
    repeats = [mean_fit.bootstrap(400, scheme="rows", rng=s).interval()["low"][0] for s in range(1, 25)]
    assert frame["low_error"][0] == pytest.approx(np.std(repeats, ddof=1), rel=0.6)


def test_derived_quantities(boot):
    draws = boot.derived({"half": "2**(1/alpha)"})["half"]
    np.testing.assert_allclose(draws, 2 ** (1 / boot.draws[:, 2]), rtol=1e-12)
    frame = boot.interval(level=0.9, derived={"half": "2**(1/alpha)"})
    assert frame["parameter"].to_list() == ["E", "A", "alpha", "half"]
    assert frame["estimate"][3] == pytest.approx(2 ** (1 / boot.fit.params["alpha"]))
    assert frame["low"][3] == pytest.approx(np.quantile(draws[boot.ok], 0.05, method="weibull"))
    assert boot.standard_error({"half": "2**(1/alpha)"})["half"] == pytest.approx(draws[boot.ok].std(ddof=1))


def test_tied_parameters_have_intervals():
    runs = iso.simulate("chinchilla", {"N": np.geomspace(1e8, 1e10, 36), "D": np.tile([1e9, 1e10, 1e11], 12)})
    boot = iso.fit(runs, tied={"beta": "alpha"}).bootstrap(50)
    frame = boot.interval(level=0.8)
    assert frame["parameter"].to_list() == ["E", "A", "alpha", "B", "beta"]
    assert frame.row(4)[1:] == pytest.approx(frame.row(2)[1:])


def test_predictions_and_mean_band(boot):
    x = np.array([1e2, 1e5, 1e6])
    values = boot.predict(X=x)
    expected = boot.draws[:, :1] + boot.draws[:, 1:2] / x ** boot.draws[:, 2:]
    assert values.shape == (120, 3)
    np.testing.assert_allclose(values, expected, rtol=1e-12)
    band = boot.band(X=x, kind="mean", level=0.9)
    assert band.columns == ["X", "kind", "estimate", "low", "high"]
    assert set(band["kind"]) == {"mean"}
    np.testing.assert_allclose(band["estimate"], boot.fit.predict(X=x))
    np.testing.assert_allclose(band["low"], np.quantile(expected[boot.ok], 0.05, axis=0, method="weibull"), rtol=1e-9)
    np.testing.assert_allclose(band["high"], np.quantile(expected[boot.ok], 0.95, axis=0, method="weibull"), rtol=1e-9)


def test_band_of_two_variables_broadcasts():
    runs = iso.simulate("chinchilla", {"N": np.geomspace(1e8, 1e10, 36), "D": np.tile([1e9, 1e10, 1e11], 12)})
    band = iso.fit(runs).bootstrap(50).band(N=[1e9, 1e10], D=2e11)
    assert band.columns == ["N", "D", "kind", "estimate", "low", "high"]
    assert band["D"].to_list() == [2e11, 2e11]
    assert (band["low"] <= band["high"]).all()


def test_new_run_band_holds_new_runs():
    # Plenty of rows, so that noise is all there is: the band must hold 95 % of fresh runs.
    x = np.geomspace(1, 1e4, 400)
    fit = iso.fit(iso.simulate("power_floor", {"X": x}, noise=0.02, rng=0), "power_floor", criterion="squared")
    boot = fit.bootstrap(400, scheme="rows")
    mean, new = boot.band(X=x, kind="mean"), boot.band(X=x, kind="new_run")
    fresh = iso.simulate("power_floor", {"X": x}, noise=0.02, rng=1).loss
    assert np.mean((new["low"].to_numpy() < fresh) & (fresh < new["high"].to_numpy())) == pytest.approx(0.95, abs=0.035)
    assert np.mean((mean["low"].to_numpy() < fresh) & (fresh < mean["high"].to_numpy())) < 0.5
    width = np.log(new["high"].to_numpy() / new["low"].to_numpy())
    assert width.mean() == pytest.approx(2 * 1.96 * 0.02, rel=0.15)
    assert boot.band(X=x, kind="new_run").equals(new)


def test_new_run_on_the_linear_scale_adds(mean_fit):
    boot = mean_fit.bootstrap(800, scheme="rows")
    band = boot.band(X=[1.0, 2.0], kind="new_run", level=0.9)
    spread = np.quantile(losses(mean_fit), 0.95) - np.quantile(losses(mean_fit), 0.05)
    for row in range(2):
        assert band["high"][row] - band["low"][row] == pytest.approx(spread, rel=0.2)


def test_a_prediction_that_does_not_fit_is_refused_by_name(boot):
    with pytest.raises(
        iso.FitError, match=r"120 draws at 1,000,000 points would take 0.894 GiB, the limit is 0.5 GiB"
    ) as caught:
        boot.predict(X=np.ones(1_000_000), memory_limit=2**29)
    assert ".band(" in str(caught.value)
    with pytest.raises(iso.FitError, match="available"):
        replace(boot, draws=np.broadcast_to(boot.draws[:1], (10**9, 3))).predict(X=np.ones(10**6))


# -- unsound refits


def test_unsound_refits_are_counted_and_left_out(boot):
    status = np.zeros(120, np.uint8)
    status[:6], status[6:8] = 4, 5
    draws = boot.draws.copy()
    draws[:8] = 1e9
    bad = replace(boot, draws=draws, status=status)
    assert bad.n_failed == 8
    assert bad.ok.sum() == 112
    assert bad.interval(level=0.9)["high"].max() < 1e6
    assert bad.band(X=[10.0], level=0.9)["high"][0] < 1e6
    assert bad.predict(X=[10.0]).shape == (120, 1)
    text = bad.summary(0.9)
    assert "8 (6.67 %): 6 unidentified, 2 max_iterations" in text
    assert bad.status_names == {"converged": 112, "unidentified": 6, "max_iterations": 2}
    with pytest.raises(iso.FitError, match="no refit is sound"):
        replace(boot, status=np.full(120, 6, np.uint8)).interval()


def test_many_unsound_refits_warn(floor_fit, monkeypatch):
    real = iso._bootstrap._engine.bootstrap_chunk

    def worse(*arguments):
        draws, objective, status = real(*arguments)
        status[::10] = 4
        return draws, objective, status

    monkeypatch.setattr("isoflop._engine.bootstrap_chunk", worse)
    with pytest.warns(iso.ConvergenceWarning, match=r"4 of 40 refits \(10 %\) are unsound: 4 unidentified"):
        floor_fit.bootstrap(40)


def test_a_parameter_at_zero_is_shown_as_such(boot):
    draws = boot.draws.copy()
    draws[:30, 0] = 0.0
    status = boot.status.copy()
    status[:30] = 1
    zero = replace(boot, draws=draws, status=status)
    assert zero.interval(level=0.9)["low"][0] == 0.0
    assert "25 %" in zero.summary(0.9)


# -- faults and the object


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_resamples": 0}, "n_resamples is 0"),
        ({"n_resamples": 1.5}, "n_resamples is 1.5"),
        ({"n_resamples": True}, "n_resamples is True"),
        ({}, "n_resamples is None"),
        ({"n_resamples": 10, "scheme": "pairs"}, "unknown scheme 'pairs'"),
        ({"n_resamples": 10, "scheme": "groups"}, "needs groups"),
        ({"n_resamples": 41, "scheme": "jackknife"}, "the jackknife has 40 resamples"),
    ],
)
def test_faults_in_arguments(floor_fit, arguments, message):
    with pytest.raises(iso.DataError, match=message):
        floor_fit.bootstrap(**arguments)


def test_faults_in_reading(boot, mean_fit):
    with pytest.raises(iso.DataError, match="level is 95"):
        boot.interval(level=95)
    with pytest.raises(iso.DataError, match="method is 'exact'"):
        boot.interval(method="exact")
    with pytest.raises(iso.DataError, match="kind is 'run'"):
        boot.band(X=1.0, kind="run")
    with pytest.raises(iso.DataError, match="resample 120 does not exist"):
        boot.weights(120)
    with pytest.raises(iso.FitError, match="jackknife draws have no quantiles"):
        mean_fit.bootstrap(scheme="jackknife").interval()
    assert "m" in mean_fit.bootstrap(scheme="jackknife").summary()


def test_too_few_draws_for_the_tails_warn(floor_fit):
    with pytest.warns(iso.PrecisionWarning, match="20 draws do not reach the tails of a 95 % interval"):
        floor_fit.bootstrap(20).interval()


def test_repr_never_prints_draws(boot):
    assert repr(boot) == "<Bootstrap of power_floor: 120 resamples by rows, 0 unsound, seed 5>"
    assert len(boot._repr_html_()) < 3000
    assert len(boot.summary(0.9).splitlines()) < 20


def test_a_bootstrap_pickles_and_is_frozen(boot):
    again = pickle.loads(pickle.dumps(boot))
    np.testing.assert_array_equal(again.draws, boot.draws)
    assert again.summary(0.9) == boot.summary(0.9)
    with pytest.raises(AttributeError):
        boot.draws = None


@pytest.mark.parametrize("kind", ["pandas", "pyarrow"])
def test_frames_of_the_kind_that_came_in(kind):
    columns = {"X": np.geomspace(1, 1e4, 40), "loss": 1 + 3 * np.geomspace(1, 1e4, 40) ** -0.5}
    columns["loss"] *= np.exp(0.01 * np.cos(np.arange(40)))
    module = pytest.importorskip(kind)
    frame = module.DataFrame(columns) if kind == "pandas" else module.table(columns)
    boot = iso.fit(frame, "power_floor").bootstrap(50)
    for out in (boot.interval(), boot.band(X=[1e5])):
        assert type(out) is type(frame)
