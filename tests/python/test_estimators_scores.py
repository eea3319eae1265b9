"""Estimators of scores: low-rank observational laws, latent skills, two steps; simulations with a known truth."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import isoflop as iso
from isoflop.estimators._completion import complete, components
from isoflop.estimators._skill_solver import Skills, _equations, first_guess, solve

TRUTH = {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}


def loss(n, d, truth=TRUTH):
    return truth["E"] + truth["A"] * n ** -truth["alpha"] + truth["B"] * d ** -truth["beta"]


# -- observational laws -----------------------------------------------------------------------

BENCHMARKS = tuple(f"b{j}" for j in range(6))


def models(n=60, skills=2, missing=0.0, noise=0.0, seed=0):
    """Return models with scores from a few skills, and a target that is logistic in them."""
    rng = np.random.default_rng(seed)
    ability = rng.normal(size=(n, skills)) * [1.0, 0.4][:skills]
    need = np.abs(rng.normal(size=(skills, len(BENCHMARKS)))) * 0.1
    scores = 0.5 + ability @ need + noise * rng.normal(size=(n, len(BENCHMARKS)))
    index = -0.4 + ability @ np.array([1.5, -0.7])[:skills]
    target = 0.25 + 0.75 / (1 + np.exp(-index)) + noise * rng.normal(size=n)
    scores[rng.uniform(size=scores.shape) < missing] = np.nan
    scores[np.isnan(scores).all(axis=1), 0] = 0.5
    return {**dict(zip(BENCHMARKS, scores.T, strict=True)), "hard": target}, scores, index


def test_components_are_those_of_numpy():
    rng = np.random.default_rng(3)
    table, weights = rng.normal(size=(20, 5)), rng.integers(1, 4, 20)
    found = components(table, 2, weights.astype(float))
    repeated = np.repeat(table, weights, axis=0)
    values, vectors = np.linalg.eigh(np.cov(repeated.T, bias=True))
    np.testing.assert_allclose(found.explained, values[::-1] / values.sum(), rtol=1e-10)
    np.testing.assert_allclose(np.abs(found.axes @ vectors[:, ::-1][:, :2]), np.eye(2), atol=1e-10)


def test_completion_restores_a_table_of_low_rank():
    _, scores, _ = models(skills=2)
    rng = np.random.default_rng(1)
    gaps = scores.copy()
    gaps[np.arange(60), rng.integers(0, 6, 60)] = np.nan  # one of six per model, so that two skills can be told
    np.testing.assert_allclose(complete(gaps, 2), scores, atol=1e-5)
    np.testing.assert_array_equal(complete(scores, 1), scores)


def test_a_target_is_predicted_from_other_scores():
    table, scores, index = models()
    found = iso.estimators.low_rank(table, BENCHMARKS, target="hard", floor=0.25, skills=2, n_resamples=60)
    np.testing.assert_allclose(found.components.explained[:2].sum(), 1.0, atol=1e-9)
    coefficients = np.array(list(found.estimates.values.values()))
    np.testing.assert_allclose(coefficients[0] + scores @ coefficients[1:], index, atol=1e-5)
    fresh, _, _ = models(seed=0, n=60)
    out = found.predict(fresh)
    np.testing.assert_allclose(out["estimate"], table["hard"], atol=1e-6)
    assert out.columns == ["estimate", "low", "high"]
    assert found.skills().shape == (60, 2)


def test_gaps_are_filled_and_counted():
    table, scores, _ = models(missing=0.1, noise=0.005)
    found = iso.estimators.low_rank(table, BENCHMARKS, target="hard", floor=0.25, skills=2, rank=2, n_resamples=60)
    assert found.n_missing == int(np.isnan(scores).sum()) > 10
    whole, _, _ = models()
    partial = {name: whole[name][:5].copy() for name in BENCHMARKS}
    partial["b3"][:] = np.nan
    np.testing.assert_allclose(found.predict(partial)["estimate"], whole["hard"][:5], atol=0.03)
    assert found.estimates.n_failed == 0
    assert f"{found.n_missing} scores of 360 missing" in found.summary()


def test_the_trend_of_a_family_is_its_own():
    table, _, index = models()
    family = np.where(np.arange(60) < 30, "a", "b")
    compute = np.exp((index - np.where(family == "a", 0.0, 1.0)) / 0.5 + 50)
    table |= {"family": family, "flops": compute}
    found = iso.estimators.low_rank(
        table, BENCHMARKS, target="hard", floor=0.25, skills=2, family="family", C="flops", n_resamples=60
    )
    assert found.trends["a"].slope == pytest.approx(0.5, abs=1e-4)
    at = found.predict_at("b", C=compute[40])
    assert at["estimate"][0] == pytest.approx(table["hard"][40], abs=1e-5)
    with pytest.raises(iso.DataError, match="no trend for family 'c'"):
        found.predict_at("c", C=1e22)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"target": "easy"}, "no column 'easy'"),
        ({"target": "b1"}, "among the scores"),
        ({"floor": 1.0}, "floor is 1.0"),
        ({"skills": 9}, "skills is 9"),
        ({"rank": 0}, "rank is 0"),
        ({"family": "family"}, "needs both family and C"),
    ],
)
def test_bad_input_of_observational_laws(options, said):
    table, _, _ = models()
    with pytest.raises(iso.DataError, match=said):
        iso.estimators.low_rank(table, BENCHMARKS, **{"target": "hard", "n_resamples": 20, **options})


def test_a_benchmark_or_a_model_without_scores_is_refused():
    table, _, _ = models()
    with pytest.raises(iso.DataError, match="'b2' has no score at all"):
        iso.estimators.low_rank({**table, "b2": np.full(60, np.nan)}, BENCHMARKS, target="hard")
    empty = {name: np.where(np.arange(60) == 7, np.nan, table[name]) for name in BENCHMARKS}
    with pytest.raises(iso.DataError, match="row 7 has no score at all"):
        iso.estimators.low_rank({**table, **empty}, BENCHMARKS, target="hard")


# -- latent skills ----------------------------------------------------------------------------


def families(noise=0.0, seed=0):
    """Return models of six families whose scores follow two skills in ln N and ln D."""
    rng = np.random.default_rng(seed)
    n, d = np.tile(np.geomspace(1e8, 1e11, 6), 6), np.repeat(np.geomspace(1e11, 5e12, 6), 6) * rng.uniform(0.5, 2, 36)
    label = np.repeat(list("abcdef"), 6)
    level = rng.normal(size=(6, 2)) * 0.4
    x = np.column_stack([np.log(n / 3e9), np.log(d / 7e11)])
    skills = x @ np.array([[0.4, 0.1], [0.1, 0.3]]) + np.repeat(level, 6, axis=0)
    loadings = np.array([[1.0, 0.2], [0.5, 0.8], [0.2, 1.0], [0.8, 0.5]])
    index = skills @ loadings.T + np.array([0.3, -0.4, 0.1, -0.2])
    scores = 0.2 + 0.8 / (1 + np.exp(-index)) + noise * rng.normal(size=index.shape)
    table = {"family": label, "N": n, "D": d, **{f"s{j}": scores[:, j] for j in range(4)}}
    return table, scores, loadings, level


SCORES = ("s0", "s1", "s2", "s3")


def test_the_solver_follows_its_own_gradient():
    rng = np.random.default_rng(5)
    features, scores = rng.normal(size=(12, 4)), rng.uniform(0.2, 0.9, (12, 3))
    scores[2, 1] = np.nan
    at = Skills(rng.normal(size=(2, 4)), rng.normal(size=(3, 2)), rng.normal(size=3))
    args = (features, scores, np.full(3, 0.1), rng.exponential(size=12))
    _, gradient, gram = _equations(at, *args)
    size = len(gradient)
    numeric = [
        (_equations(at.moved(h), *args)[0] - _equations(at.moved(-h), *args)[0]) / 2e-6 for h in 1e-6 * np.eye(size)
    ]
    np.testing.assert_allclose(gradient, numeric, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(gram, gram.T, atol=1e-12)


def test_latent_skills_are_recovered():
    table, scores, _, _ = families()
    found = iso.estimators.sloth(table, SCORES, family="family", N="N", D="D", floors=0.2, n_resamples=40)
    assert found.converged
    assert np.abs(found.residuals).max() < 2e-3
    out = found.predict("c", N=table["N"][14], D=table["D"][14], level=0.9)
    np.testing.assert_allclose(out["estimate"], scores[14], atol=2e-3)
    slopes = np.array(found.slopes().select("ln N", "ln D"))
    expected = np.array([[0.4, 0.1], [0.1, 0.3]]) @ np.array([[1.0, 0.2], [0.5, 0.8], [0.2, 1.0], [0.8, 0.5]]).T
    np.testing.assert_allclose(slopes, expected.T, atol=0.01)


def test_one_small_model_places_a_family():
    table, scores, _, _ = families(noise=0.005)
    kept = (table["family"] != "f") | (np.arange(36) == 30)  # of family f the smallest only
    found = iso.estimators.sloth(
        {k: v[kept] for k, v in table.items()}, SCORES, family="family", N="N", D="D", floors=0.2, n_resamples=40
    )
    out = found.predict("f", N=table["N"][35], D=table["D"][35], level=0.9)
    assert np.abs(np.array(out["estimate"]) - scores[35]).mean() < 0.03


def test_no_neighbour_of_the_optimum_is_better():
    table, scores, _, _ = families(noise=0.02)
    rng = np.random.default_rng(0)
    x = np.column_stack([np.log(table["N"] / 3e9), np.log(table["D"] / 7e11)])
    features = np.column_stack([x, np.eye(6)[np.repeat(np.arange(6), 6)]])
    args = (features, scores, np.full(4, 0.2), np.ones(36))
    found = solve(*args, first_guess(features, scores, np.full(4, 0.2), 2))
    assert found.converged
    best = _equations(found, *args)[0]
    for _ in range(200):
        step = 10.0 ** rng.uniform(-4, -1) * rng.normal(size=2 * 8 + 4 * 3)
        assert _equations(found.moved(step), *args)[0] > best * (1 - 1e-6)


def test_bad_input_of_latent_skills():
    table, _, _, _ = families()
    call = lambda **o: iso.estimators.sloth(  # noqa: E731
        table, SCORES, **{"family": "family", "N": "N", "D": "D", "n_resamples": 20, **o}
    )
    with pytest.raises(iso.DataError, match="no column 'size'"):
        call(N="size")
    with pytest.raises(iso.DataError, match="holds text values"):
        call(N="family")
    with pytest.raises(iso.DataError, match="floors names 'mmlu'"):
        call(floors={"mmlu": 0.25})
    with pytest.raises(iso.DataError, match="the floor of 's0' is 1"):
        call(floors=1.0)
    with pytest.raises(iso.DataError, match="skills is 5"):
        call(skills=5)
    with pytest.raises(iso.DataError, match="no family 'z'"):
        call(skills=1).predict("z", N=1e9, D=1e11)


# -- two steps --------------------------------------------------------------------------------


def ladder(n=40, noise=0.01, seed=0):
    rng = np.random.default_rng(seed)
    size, tokens = np.exp(rng.uniform(np.log(1e8), np.log(5e9), n)), np.exp(rng.uniform(np.log(2e9), np.log(2e11), n))
    x = loss(size, tokens) * np.exp(noise * rng.normal(size=n))
    acc = 0.95 - 0.7 / (1 + np.exp(-3 * (x - 2.9))) + 0.005 * rng.normal(size=n)
    return {"N": size, "D": tokens, "loss": x, "acc": acc}


def test_both_steps_see_the_same_resample():
    steps = iso.estimators.two_step(ladder(), metric="acc", n_resamples=300, rng=4)
    for i in range(0, 300, 37):
        np.testing.assert_array_equal(steps.first.weights(i), steps.second.weights(i))
    weights = steps.first.weights(5)
    table = ladder()
    again = iso.fit({k: table[k] for k in ("N", "D", "loss")}, "chinchilla", weights=weights, starts=20)
    np.testing.assert_allclose(steps.first.draws[5], [again.params[n] for n in steps.first.names], rtol=1e-3)


def test_draws_of_checkpoints_are_joint_by_run():
    table = {k: np.repeat(v, 3) for k, v in ladder().items()}
    table["run"] = np.repeat(np.arange(40), 3)
    table["D"] = table["D"] * np.tile([0.25, 0.5, 1.0], 40)
    table["loss"] = loss(table["N"], table["D"]) * np.exp(0.005 * np.random.default_rng(0).normal(size=120))
    table["acc"] = 0.95 - 0.7 / (1 + np.exp(-3 * (table["loss"] - 2.9)))
    table["acc"][table["run"] == 7] = np.nan
    steps = iso.estimators.two_step(iso.Runs(table, groups="run"), metric="acc", n_resamples=100)
    assert (steps.first.fit.n_rows, steps.second.fit.n_rows, steps.n_runs, steps.n_left_out) == (39, 117, 39, 1)
    np.testing.assert_array_equal(np.repeat(steps.first.weights(3), 3), steps.second.weights(3))
    assert "1 that lack something" in steps.summary()


def test_the_score_is_that_of_both_formulas():
    steps = iso.estimators.two_step(ladder(), metric="acc", n_resamples=200)
    p, q = steps.first.fit.params, steps.second.fit.params
    x = p["E"] + p["A"] * 2e9 ** -p["alpha"] + p["B"] * 5e10 ** -p["beta"]
    expected = q["b"] + q["a"] / (1 + np.exp(-q["k"] * (x - q["x0"])))
    assert steps.predict(N=2e9, D=5e10) == pytest.approx(expected, rel=1e-12)
    assert steps.predict(N=2e9, D=5e10) == pytest.approx(
        0.95 - 0.7 / (1 + np.exp(-3 * (loss(2e9, 5e10) - 2.9))), abs=0.02
    )
    band = steps.band(N=[1e9, 2e9], D=[5e10, 5e10])
    draws = steps.first.draws[steps.ok], steps.second.draws[steps.ok]
    names = steps.first.names, steps.second.names
    one, two = (dict(zip(n, d.T, strict=True)) for n, d in zip(names, draws, strict=True))
    x = one["E"] + one["A"] * 2e9 ** -one["alpha"] + one["B"] * 5e10 ** -one["beta"]
    scores = two["b"] + two["a"] / (1 + np.exp(-two["k"] * (x - two["x0"])))
    np.testing.assert_allclose(
        [band["low"][1], band["high"][1]], np.quantile(scores, [0.025, 0.975], method="weibull"), rtol=1e-9
    )


def test_a_new_run_strays_more_than_the_curve_and_is_covered():
    covered, n = 0, 40
    for seed in range(n):
        steps = iso.estimators.two_step(ladder(seed=seed), metric="acc", n_resamples=200, rng=seed)
        rng = np.random.default_rng(1000 + seed)
        x = loss(2e9, 5e10) * np.exp(0.01 * rng.normal())
        new = 0.95 - 0.7 / (1 + np.exp(-3 * (x - 2.9))) + 0.005 * rng.normal()
        mean, run = (steps.band(N=2e9, D=5e10, kind=kind).row(0, named=True) for kind in ("mean", "new_run"))
        assert run["high"] - run["low"] > mean["high"] - mean["low"]
        covered += run["low"] <= new <= run["high"]
    assert covered >= 34


def test_a_loss_beyond_the_link_is_said():
    steps = iso.estimators.two_step(ladder(), metric="acc", n_resamples=100)
    with pytest.warns(iso.ExtrapolationWarning, match="lies outside those from which acc was learnt"):
        band = steps.band(N=[1e9, 7e10], D=[5e10, 5e12])
    assert band["extrapolated"].to_list() == [False, True]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        steps.predict(N=1e9, D=5e10)


def test_bad_input_of_two_steps():
    table = ladder()
    with pytest.raises(iso.DataError, match="expected the loss only"):
        iso.estimators.two_step(table, metric="acc", second="chinchilla")
    with pytest.raises(iso.DataError, match="no column 'score'"):
        iso.estimators.two_step(table, metric="score")
    with pytest.raises(iso.DataError, match="scheme is 'rows'"):
        iso.estimators.two_step(table, metric="acc", scheme="rows")
    with pytest.raises(iso.DataError, match="no run has"):
        iso.estimators.two_step({**table, "acc": np.full(40, np.nan)}, metric="acc")
    with pytest.raises(iso.DataError, match="kind is 'prediction'"):
        iso.estimators.two_step(table, metric="acc", n_resamples=50).band(N=1e9, D=1e10, kind="prediction")


def test_the_names_of_the_package_are_all_there():
    for name in iso.estimators.__all__:
        assert getattr(iso.estimators, name).__doc__
    with pytest.raises(AttributeError):
        _ = iso.estimators.approach_4
