"""Linear laws with squared residuals: one solve, in the fit and in every resample, equal to numpy's least squares."""

from __future__ import annotations

import numpy as np
import pytest

import isoflop as iso

N_ROWS = 90


def runs() -> dict[str, np.ndarray]:
    """Return runs of a product of powers with noise."""
    rng = np.random.default_rng(4)
    n, d = np.exp(rng.uniform(15, 24, N_ROWS)), np.exp(rng.uniform(20, 28, N_ROWS))
    loss = np.exp(3 - 0.07 * np.log(n) - 0.05 * np.log(d) + 0.02 * rng.standard_normal(N_ROWS))
    return {"N": n, "D": d, "loss": loss, "family": np.where(np.arange(N_ROWS) % 3 == 0, "a", "b")}


def least_squares(columns: list[np.ndarray], y: np.ndarray, weights: np.ndarray | float = 1.0) -> np.ndarray:
    """Return the coefficients, columns scaled to one length first."""
    x = np.column_stack(columns) * np.sqrt(np.broadcast_to(weights, y.shape))[:, None]
    size = np.linalg.norm(x, axis=0)
    return np.linalg.lstsq(x / size, y * np.sqrt(weights), rcond=None)[0] / size


TABLE = runs()
ONES, LN, LD, LOG = np.ones(N_ROWS), np.log(TABLE["N"]), np.log(TABLE["D"]), np.log(TABLE["loss"])
A = (TABLE["family"] == "a").astype(float)
#: Law, columns of its design, response, and names whose logarithm is the coefficient.
CASES = {
    "product of powers": (iso.Law("A / (N**alpha * D**beta)"), [ONES, -LN, -LD], LOG, ("A",)),
    "levels": (iso.Law("A[family] / (N**alpha * D**beta)"), [A, 1 - A, -LN, -LD], LOG, ("A[a]", "A[b]")),
    "curved": (
        iso.Law("A * N**(-alpha - k * log(N))", variables=("N",), real=("alpha", "k")),
        [ONES, -LN, -(LN**2)],
        LOG,
        ("A",),
    ),
    "line": (iso.Law("a + b * log(D)", real=("a", "b"), scale="linear"), [ONES, LD], TABLE["loss"], ()),
    "positive slopes": (
        iso.Law("E + A / N**0.1 + B * D**0.02", real=("E",), scale="linear"),
        [ONES, TABLE["N"] ** -0.1, TABLE["D"] ** 0.02],
        TABLE["loss"],
        (),
    ),
}


def coefficients(names, values, logged):
    return [np.log(x) if name in logged else x for name, x in zip(names, values, strict=True)]


@pytest.mark.parametrize("case", [name for name in CASES if name != "positive slopes"])
def test_the_fit_and_every_refit_are_least_squares(case):
    law, columns, y, logged = CASES[case]
    fit = iso.fit(TABLE, law, criterion="squared")
    assert fit.status == "converged"
    assert (fit.n_starts, fit.n_optima) == (1, 1)
    assert fit.nfev <= 6  # one solve; the others report
    expected = least_squares(columns, y)
    assert coefficients(fit.params, fit.params.values(), logged) == pytest.approx(expected, rel=1e-9)
    boot = fit.bootstrap(50)
    assert set(boot.status_names) == {"converged"}
    for i in (0, 17, 49):
        w = boot.weights(i)
        expected = least_squares(columns, y, w)
        found = coefficients(boot.names, boot.draws[i], logged)
        assert found == pytest.approx(expected, rel=1e-8)
        left = y - np.column_stack(columns) @ expected
        assert boot.objective[i] == pytest.approx(0.5 * np.sum(w * left**2), rel=1e-9)


def test_what_cannot_be_solved_is_searched():
    """The same optimum by the solver: a width beyond all residuals, bounds and priors that do not bind."""
    law = CASES["product of powers"][0]
    exact = iso.fit(TABLE, law, criterion="squared")
    searched = [
        iso.fit(TABLE, law, criterion="huber", delta=1e6),
        iso.fit(TABLE, law, criterion="squared", bounds={"alpha": (1e-6, 10.0)}),
        iso.fit(TABLE, law, criterion="squared", prior={"alpha": iso.LogNormal(median=0.1, sd=1e4)}),
    ]
    for other in searched:
        assert other.n_starts > 1
        assert other.params == pytest.approx(exact.params, rel=1e-5)


def test_fixed_exponents_make_a_law_linear():
    law = iso.Law("E + A / N**alpha + B / D**beta", scale="linear")
    truth = {"E": 1.7, "A": 300.0, "B": 800.0, "alpha": 0.34, "beta": 0.37}
    simulated = iso.simulate(law, {"N": TABLE["N"], "D": TABLE["D"]}, params=truth, noise=0.001)
    fit = iso.fit(simulated, law, criterion="squared", fixed={"alpha": 0.34, "beta": 0.37})
    assert fit.n_starts == 1
    columns = [ONES, TABLE["N"] ** -0.34, TABLE["D"] ** -0.37]
    expected = least_squares(columns, simulated.loss)
    assert [fit.params[name] for name in "EAB"] == pytest.approx(expected, rel=1e-9)


def test_a_coefficient_below_zero_is_left_to_the_solver():
    """The least-squares slope is negative where the parameter cannot be: the optimum is at zero, and said to be."""
    law = iso.Law("E + b * log(D)", scale="linear")
    fit = iso.fit(TABLE, law, criterion="squared")
    assert fit.params["b"] == 0.0
    assert fit.status == "at_bound"
    assert fit.params["E"] == pytest.approx(TABLE["loss"].mean(), rel=1e-9)


def test_dependent_columns_are_told():
    table = {**TABLE, "D": 20 * TABLE["N"]}
    with pytest.warns(iso.ConvergenceWarning, match="unidentified"):
        fit = iso.fit(table, CASES["product of powers"][0], criterion="squared")
    assert set(fit.unidentified) >= {"alpha", "beta"}


def test_tiny_and_huge_columns():
    """Coefficients of 1e-12 and 1e9: the origin of the solve adds no rounding of its own."""
    law = iso.Law("a + b * D + c / N", scale="linear")
    truth = {"a": 2.0, "b": 1e-12, "c": 1e9}
    table = {"N": np.geomspace(1e7, 1e10, 40), "D": np.geomspace(1e12, 1e9, 40) * (1 + np.arange(40) % 3)}
    fit = iso.fit(iso.simulate(law, table, params=truth, noise=0.0), law, criterion="squared")
    assert fit.n_starts == 1
    assert fit.params == pytest.approx(truth, rel=1e-10)
