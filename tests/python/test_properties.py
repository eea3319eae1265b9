"""Properties that hold for every formula and every table: values and derivatives, units, order, weights, settings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy import optimize

import isoflop as iso
from isoflop import _engine

from .strategies import POSITIVE, REAL, UNIT, VARIABLES, formulas, python_functions

#: Per property of formulas: 100, or more where `ISOFLOP_EXAMPLES` asks for it (tests/python/conftest.py).
EXAMPLES = settings.default.max_examples * 5 // 2


@st.composite
def values(draw, n=11):
    """Values of the names of random formulas: a column per variable, a number per parameter."""
    column = st.lists(st.floats(0.3, 20), min_size=n, max_size=n).map(np.array)
    scalar = {name: draw(st.floats(0.2, 3)) for name in POSITIVE}
    scalar |= {name: draw(st.floats(-2, 2)) for name in REAL} | {name: draw(st.floats(0.05, 0.95)) for name in UNIT}
    return {name: draw(column) for name in VARIABLES}, scalar


def law_of(text, scale="linear"):
    """Return the law of a random formula; one whose terms cancel a parameter away is refused, and no case."""
    named = {"real": REAL, "unit": UNIT}
    try:
        plain = iso.Law(text, variables=VARIABLES, scale=scale)
    except iso.LawError as error:
        assume("does not depend on" not in str(error))
        raise
    return iso.Law(
        text, variables=VARIABLES, scale=scale, **{k: [p for p in v if p in plain.parameters] for k, v in named.items()}
    )


def by_python(text, columns, params, kind=np.longdouble):
    """Evaluate the text as Python reads it, with numpy's functions, on extended precision where there is any."""
    names = {name: np.asarray(value, kind) for name, value in {**columns, **params}.items()}
    with np.errstate(all="ignore"):
        out = eval(text, {"__builtins__": {}}, python_functions() | names)
    return np.broadcast_to(np.asarray(out, kind), len(columns["X"]))


def well_posed(text, columns, params):
    """Return values in extended precision and a tolerance that covers what rounding does to this formula."""
    exact = by_python(text, columns, params)
    rounded = by_python(text, columns, params, np.float64)
    assume(np.isfinite(exact).all() and np.abs(exact).max() < 1e8)
    return exact, 1e-11 * np.abs(exact) + 1e3 * np.abs(rounded - exact) + 1e-13


PLAIN = ({name: np.linspace(0.5, 3, 11) for name in VARIABLES}, {"a": 0.7, "b": 1.3, "r": -0.4, "u": 0.3})


@settings(max_examples=2 * EXAMPLES)
@given(formulas(), values())
@example("r + logsumexp(0.5, X / X)", PLAIN)
@example("X * logsumexp(1, 2, 3)", PLAIN)
@example("-X**2 - -r**2 * 2**-X**2", PLAIN)
@example("a / X / 2 - (r - (X - 1)) * 2 ** 3 ** 0.5", PLAIN)
@example("X**a**2 + X**-a + -X**-1", PLAIN)
@example("min(X, 2, a) - max(0.3, -X, r) + abs(-X) + abs(r - X)", PLAIN)
def test_values_are_those_that_python_computes(text, at):
    columns, params = at
    exact, tolerance = well_posed(text, columns, params)
    law = law_of(text)
    found = law.predict({name: params[name] for name in law.parameters}, **{v: columns[v] for v in law.variables})
    assert np.all(np.abs(found - exact) <= tolerance), (text, found, exact)


@settings(max_examples=EXAMPLES)
@given(formulas(), values())
def test_draws_at_a_point_give_the_values_of_rows(text, at):
    """The same graph, parameters vectorised instead of variables."""
    columns, params = at
    exact, tolerance = well_posed(text, columns, params)
    law = law_of(text)
    assume(law.parameters)
    draws = np.tile([params[name] for name in law.parameters], (9, 1))
    points = {v: columns[v] for v in law.variables}
    found = _engine.predict_draws(law.spec, draws, points, {}, 1)
    assert found.shape == (9, len(columns["X"]))
    assert np.all(np.abs(found - exact) <= tolerance), text


def inward(law, params):
    """Return parameters on the internal scale, in extended precision."""
    change = {
        "positive": np.log,
        "real": lambda x: x,
        "unit": lambda x: np.log(x / (1 - x)),
    }
    return [change[law.domain(name)](np.longdouble(params[name])) for name in law.parameters]


def outward(law, inner):
    """Return native parameters."""
    change = {"positive": np.exp, "real": lambda x: x, "unit": lambda x: 1 / (1 + np.exp(-x))}
    return {name: change[law.domain(name)](x) for name, x in zip(law.parameters, inner, strict=True)}


#: Small, but large against extended precision where there is any.
STEP = float(np.finfo(np.longdouble).eps) ** 0.36


def slopes(law, columns, params, step=STEP):
    """Return derivatives by internal parameters, by differences in extended precision, and how far they are off.

    At a corner of abs, min or max the sides disagree: infinitely far off.
    """
    inner = inward(law, params)

    def moved(k, by):
        return by_python(law.formula, columns, outward(law, [*inner[:k], inner[k] + by, *inner[k + 1 :]]))

    middle, out, off = by_python(law.formula, columns, outward(law, inner)), [], []
    for k in range(len(inner)):
        up, down = moved(k, step), moved(k, -step)
        near, far = (up - down) / (2 * step), (moved(k, 2 * step) - moved(k, -2 * step)) / (4 * step)
        bend = np.abs(up - 2 * middle + down) / step  # what the slopes of both sides differ by
        corner = bend > 1e-4 * (np.abs(near) + 1e-3 * np.abs(middle) + 1e-6)
        smooth = 1e-6 * np.abs(near) + 3 * np.abs(near - far) + 1e-10 * (1 + np.abs(middle))
        out.append((4 * near - far) / 3)
        off.append(np.where(corner, np.inf, smooth + bend))
    off = np.array(off).T
    return np.array(out).T, np.where(np.isfinite(off), off, np.inf)


def jacobian_at(law, columns, params):
    """Return the core's Jacobian at given parameters: of a fit that starts at its exact optimum."""
    loss = law.predict(params, **{v: columns[v] for v in law.variables})
    p, n = len(law.parameters), len(loss)
    wide = {"positive": (0.0, np.inf), "real": (-np.inf, np.inf), "unit": (0.0, 1.0)}
    lower, upper = np.array([wide[law.domain(name)] for name in law.parameters]).T.copy()
    none = np.full(p, np.nan)
    recipe = {
        "shape": "huber", "delta": np.inf, "auto_delta": False, "over": 1.0, "under": 1.0, "continuation": False,
        "fixed": none, "lower": lower, "upper": upper, "prior_mean": none, "prior_sd": none,
    }  # fmt: skip
    table = {"columns": {v: columns[v] for v in law.variables}, "factors": {}, "response": loss, "weights": np.ones(n)}
    start = _engine.floats([[params[name] for name in law.parameters]])
    out = _engine.fit(_engine.Problem(law.spec, table, recipe), start, 1, 0, True)
    return out["jacobian"], dict(zip(law.parameters, out["theta"], strict=True))


@settings(max_examples=2 * EXAMPLES)
@given(formulas(), values())
def test_compiled_derivatives_are_differences(text, at):
    columns, params = at
    well_posed(text, columns, params)
    law = law_of(text)
    assume(law.parameters)
    found, here = jacobian_at(law, columns, {name: params[name] for name in law.parameters})
    assume(all(np.isfinite(x) and (x > 0 or law.domain(name) == "real") for name, x in here.items()))
    expected, off = slopes(law, columns, here)
    assume(np.isfinite(off).any())
    assert np.all(np.abs(found - expected)[off < np.inf] <= off[off < np.inf]), (text, found - expected)


#: Where the two ends of Levenberg's damping crossed by a rounding error.
CROSSED = (
    {"X": np.array([1.0, 1, 1, 2, 1, 2, 2, 2, 4, 4, 10]), "Y": np.ones(11)},
    {"a": 1.0, "b": 1.0, "r": 1.5384040727597113e-39, "u": 0.5},
)


@settings(max_examples=EXAMPLES)
@example("sqrt(exp(sin(logistic(r))) + X**0.5)", CROSSED)
@given(formulas(positive=True), values())
def test_derivatives_of_the_logarithm(text, at):
    """On the log scale sums become a log-sum-exp: its derivatives are others, and must be right too."""
    columns, params = at
    exact, _ = well_posed(text, columns, params)
    assume(exact.min() > 1e-6)
    law = law_of(text, "log")
    assume(law.parameters)
    found, here = jacobian_at(law, columns, {name: params[name] for name in law.parameters})
    assume(all(np.isfinite(x) and (x > 0 or law.domain(name) == "real") for name, x in here.items()))
    expected, off = slopes(law, columns, here)
    value = by_python(text, columns, here)[:, None]
    assume(np.isfinite(off).any() and np.isfinite(value).all() and value.min() > 1e-6)
    assert np.all((np.abs(found * value - expected) <= off)[off < np.inf]), text


def test_a_branch_that_is_not_taken_does_no_harm():
    """Where exp overflows the minimum is 1: neither the value nor a derivative may see the infinity."""
    x = np.concatenate([np.linspace(0, 10, 30), [2000.0, 5000.0]])
    law = iso.Law("E + A * min(1, exp(k * (X - 5)))", variables=("X",), scale="linear")
    truth = {"E": 1.0, "A": 2.0, "k": 0.8}
    loss = law.predict(truth, X=x) + 0.01 * np.random.RandomState(0).standard_normal(32)
    fit = iso.fit({"X": x, "loss": loss}, law, criterion="squared")
    assert fit.status == "converged"
    assert [fit.params[name] for name in truth] == pytest.approx(list(truth.values()), rel=0.02)


# -- tables


@st.composite
def tables(draw, min_rows=24, max_rows=60):
    """Runs of a Chinchilla law with noise, and weights."""
    n = draw(st.integers(min_rows, max_rows))
    rng = np.random.RandomState(draw(st.integers(0, 2**31)))
    params = np.exp(rng.uniform(np.log(5e7), np.log(2e10), n))
    tokens = np.exp(rng.uniform(np.log(1e9), np.log(1e12), n))
    loss = (1.8 + 480 / params**0.35 + 2000 / tokens**0.37) * np.exp(
        draw(st.sampled_from([0.003, 0.02])) * rng.standard_normal(n)
    )
    return {"N": params, "D": tokens, "loss": loss}, rng


RECIPES = [{}, {"delta": 0.01}, {"criterion": "squared"}, {"criterion": "log_cosh", "delta": 0.003}]


def agree(one, other, rel=1e-4):
    """Compare two fits of the same optimum; a flat optimum leaves its parameters less sure than its objective."""
    assert one.objective == pytest.approx(other.objective, rel=1e-8)
    for name in one.params:
        assert one.params[name] == pytest.approx(other.params[name], rel=rel, abs=1e-9), name


quiet = pytest.mark.filterwarnings("ignore::isoflop.ConvergenceWarning", "ignore::isoflop._errors.DataWarning")


@quiet
@settings(max_examples=20)
@given(tables(), st.sampled_from(RECIPES))
def test_row_order_does_not_matter(made, recipe):
    table, rng = made
    order = rng.permutation(len(table["N"]))
    agree(iso.fit({k: v[order] for k, v in table.items()}, **recipe), iso.fit(table, **recipe))


@quiet
@settings(max_examples=20)
@given(tables(), st.sampled_from(RECIPES))
def test_weight_two_is_the_row_twice(made, recipe):
    table, rng = made
    n = len(table["N"])
    weights = rng.randint(0, 4, n).astype(float)
    assume((weights > 0).sum() > 15)
    again = np.repeat(np.arange(n), weights.astype(int))
    one = iso.fit(table, weights=weights, **recipe)
    two = iso.fit({k: v[again] for k, v in table.items()}, **recipe)
    agree(one, two)
    for name in one.params:
        same = pytest.approx(two.standard_error[name], rel=1e-3, nan_ok=True)
        assert one.standard_error[name] == same or "squared" not in recipe.values()


@quiet
@settings(max_examples=20)
@given(tables(), st.sampled_from([0.5, 3.0, 1000.0]), st.sampled_from(["N", "D"]), st.sampled_from(RECIPES))
def test_units_of_n_and_d_go_into_the_amplitudes(made, factor, column, recipe):
    table, _ = made
    base = iso.fit(table, **recipe)
    other = iso.fit({**table, column: factor * table[column]}, **recipe)
    amplitude, exponent = ("A", "alpha") if column == "N" else ("B", "beta")
    assert other.objective == pytest.approx(base.objective, rel=1e-8)
    for name in base.params:
        by = factor ** base.params[exponent] if name == amplitude else 1.0
        assert other.params[name] == pytest.approx(base.params[name] * by, rel=2e-4, abs=1e-9), name


@quiet
@settings(max_examples=20)
@given(tables(), st.sampled_from([1 / np.log(2), 10.0]), st.sampled_from(RECIPES))
def test_units_of_the_loss_go_into_e_a_and_b(made, factor, recipe):
    table, _ = made
    base = iso.fit(table, **recipe)
    other = iso.fit({**table, "loss": factor * table["loss"]}, **recipe)
    assert other.objective == pytest.approx(base.objective, rel=1e-8)  # log residuals have no unit
    for name in base.params:
        by = factor if name in "EAB" else 1.0
        assert other.params[name] == pytest.approx(base.params[name] * by, rel=2e-4, abs=1e-9), name


LINE = iso.Law("m + s * X + c * X**2", variables=("X",), real=("m", "s", "c"), scale="linear")


@quiet
@settings(max_examples=20)
@given(st.integers(0, 2**31), st.sampled_from([0.01, 7.0, 1e6]))
def test_units_of_the_loss_on_the_linear_scale(seed, factor):
    rng = np.random.RandomState(seed)
    x = rng.uniform(-3, 3, 30)
    loss = 1 - 2 * x + 0.5 * x**2 + 0.1 * rng.standard_normal(30)
    base = iso.fit({"X": x, "loss": loss}, LINE, delta=0.1)
    other = iso.fit({"X": x, "loss": factor * loss}, LINE, delta=0.1 * factor)
    assert other.objective == pytest.approx(factor**2 * base.objective, rel=1e-8)
    np.testing.assert_allclose(other.theta, factor * base.theta, rtol=1e-5, atol=1e-8 * factor)


# -- fixed, tied, bounded


@quiet
@settings(max_examples=25)
@given(tables(), st.data())
def test_fixed_tied_and_bounded_parameters_obey(made, data):
    table, _ = made
    free = iso.fit(table)
    name = data.draw(st.sampled_from(["E", "A", "alpha", "B", "beta"]))
    held = free.params[name] * data.draw(st.sampled_from([0.9, 1.07]))
    fixed = iso.fit(table, fixed={name: held})
    assert fixed.params[name] == held
    assert fixed.objective >= free.objective * (1 - 1e-8)

    low, high = sorted([held, held * data.draw(st.sampled_from([0.97, 1.3]))])
    bounded = iso.fit(table, bounds={name: (low, high)})
    assert low * (1 - 1e-12) <= bounded.params[name] <= high * (1 + 1e-12)
    assert bounded.objective >= free.objective * (1 - 1e-8)
    inside = low < free.params[name] < high
    if inside:
        assert bounded.objective == pytest.approx(free.objective, rel=1e-7)
    assert (name in bounded.at_bound) == (not inside)
    boot = bounded.bootstrap(20, scheme="rows")
    column = boot.draws[:, boot.names.index(name)]
    assert np.all((column >= low * (1 - 1e-12)) & (column <= high * (1 + 1e-12)))

    tied = iso.fit(table, tied={"beta": "1.05 * alpha"})
    assert tied.params["beta"] == pytest.approx(1.05 * tied.params["alpha"], rel=1e-14)
    assert tied.objective >= free.objective * (1 - 1e-8)


@quiet
@settings(max_examples=25)
@given(tables(), st.sampled_from([0.1, 0.25, 0.5, 0.8]))
def test_a_quantile_leaves_that_share_below(made, q):
    table, rng = made
    weights = rng.uniform(0.5, 2, len(table["N"]))
    fit = iso.fit(table, quantile=q, weights=weights)
    below = weights[fit.residuals > 1e-6].sum() / weights.sum()
    on = weights[np.abs(fit.residuals) <= 1e-6].sum() / weights.sum()
    assert below - 1e-9 <= q <= below + on + 1e-9


# -- parameters at zero


@quiet
@pytest.mark.parametrize("seed", range(6))
def test_a_floor_that_is_not_there_is_zero_and_certified(seed):
    """Runs of a pure power: in about half of the tables the best E is 0, and then it is exactly that."""
    rng = np.random.RandomState(seed)
    x = np.geomspace(1, 1e6, 60)
    loss = 5 * x**-0.3 * np.exp(0.02 * rng.standard_normal(60))
    table = {"X": x, "loss": loss}
    fit = iso.fit(table, "power_floor", delta=0.01)
    reduced = iso.fit(table, iso.Law("A / X**alpha", variables=("X",)), delta=0.01)
    if fit.params["E"] == 0.0:
        assert fit.status == "at_bound"
        assert fit.at_bound == ("E",)
        assert fit.objective == pytest.approx(reduced.objective, rel=1e-9)
        assert "at zero" in fit.summary()
    else:
        assert fit.params["E"] > 1e-6 * loss.min()
        assert fit.objective < reduced.objective
    boot = fit.bootstrap(200, scheme="rows", rng=seed)
    zero = boot.draws[:, 0] == 0.0
    assert boot.ok.all()
    assert 0 < zero.sum() < 200
    assert set(boot.status[zero]) == {1}
    assert (boot.draws[~zero, 0] > 1e-7).all()  # nothing in between
    for i in np.flatnonzero(zero)[:5]:
        again = iso.fit(table, iso.Law("A / X**alpha", variables=("X",)), delta=0.01, weights=boot.weights(i))
        assert boot.objective[i] == pytest.approx(again.objective, rel=1e-8)


WAVES = iso.Law(
    "E + A / X**alpha + w1 * sin(3 * X)**2 + w2 * cos(5 * X)**2 + w3 * logistic(X - 3) + w4 * sin(7 * X)**2",
    variables=("X",),
)


@quiet
@pytest.mark.parametrize("seed", [0, 3, 5, 6])
def test_several_terms_that_are_not_there(seed):
    """Each is exactly 0 or plainly above, the objective is the one that scipy finds with bounds, in draws as well."""
    rng = np.random.RandomState(seed)
    x = np.geomspace(0.5, 20, 80)
    loss = (1.5 + 2 / x**0.6) * np.exp(0.01 * rng.standard_normal(80))
    fit = iso.fit({"X": x, "loss": loss}, WAVES, delta=0.01)
    basis = np.column_stack([np.sin(3 * x) ** 2, np.cos(5 * x) ** 2, 1 / (1 + np.exp(3 - x)), np.sin(7 * x) ** 2])

    def total(t, weights):
        r = np.log(t[0] + t[1] / x ** t[2] + basis @ t[3:]) - np.log(loss)
        return 1e4 * np.sum(weights * np.where(np.abs(r) < 0.01, r**2 / 2, 0.01 * (np.abs(r) - 0.005)))

    def best(weights, near):
        bounds = [(1e-3, None)] * 3 + [(0, None)] * 4
        options = {"maxiter": 5_000, "maxfun": 10**6, "ftol": 1e-15, "gtol": 1e-10}
        starts = [near, np.array([1.5, 2, 0.6, 0.01, 0.01, 0.01, 0.01])]
        return min(
            optimize.minimize(total, s, (weights,), "L-BFGS-B", bounds=bounds, options=options).fun for s in starts
        )

    assert fit.objective <= best(np.ones(80), fit.theta) / 1e4 * (1 + 1e-7)
    assert fit.status == ("at_bound" if (fit.theta == 0).any() else "converged")
    assert set(fit.at_bound) == {name for name, value in fit.params.items() if value == 0}
    boot = fit.bootstrap(200, scheme="rows")
    assert boot.ok.all()
    terms = boot.draws[:, 3:]
    assert not ((terms > 0) & (terms < 1e-7)).any()
    for i in range(10):
        assert boot.objective[i] <= best(boot.weights(i), boot.draws[i]) / 1e4 * (1 + 1e-6), i
