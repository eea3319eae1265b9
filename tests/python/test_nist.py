"""Certified nonlinear least squares: the 27 problems of NIST's StRD, each from both of its starts."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

import isoflop as iso

from .helpers import DATA

EXPONENTIALS = "b1*exp(-b2*x) + b3*exp(-b4*x) + b5*exp(-b6*x)"
PEAKS = "b1*exp(-b2*x) + b3*exp(-(x-b4)**2/b5**2) + b6*exp(-(x-b7)**2/b8**2)"
CUBIC = "(b1 + b2*x + b3*x**2 + b4*x**3)/(1 + b5*x + b6*x**2 + b7*x**3)"
WAVES = (
    "b1 + b2*cos(2*pi*x/12) + b3*sin(2*pi*x/12) + b5*cos(2*pi*x/b4) + b6*sin(2*pi*x/b4)"
    " + b8*cos(2*pi*x/b7) + b9*sin(2*pi*x/b7)"
)
FORMULAS = {
    "bennett5": "b1*(b2+x)**(-1/b3)",
    "boxbod": "b1*(1-exp(-b2*x))",
    "chwirut1": "exp(-b1*x)/(b2+b3*x)",
    "chwirut2": "exp(-b1*x)/(b2+b3*x)",
    "danwood": "b1*x**b2",
    "eckerle4": "(b1/b2)*exp(-0.5*((x-b3)/b2)**2)",
    "enso": WAVES,
    "gauss1": PEAKS,
    "gauss2": PEAKS,
    "gauss3": PEAKS,
    "hahn1": CUBIC,
    "kirby2": "(b1 + b2*x + b3*x**2)/(1 + b4*x + b5*x**2)",
    "lanczos1": EXPONENTIALS,
    "lanczos2": EXPONENTIALS,
    "lanczos3": EXPONENTIALS,
    "mgh09": "b1*(x**2+x*b2)/(x**2+x*b3+b4)",
    "mgh10": "b1*exp(b2/(x+b3))",
    "mgh17": "b1 + b2*exp(-x*b4) + b3*exp(-x*b5)",
    "misra1a": "b1*(1-exp(-b2*x))",
    "misra1b": "b1*(1-(1+b2*x/2)**(-2))",
    "misra1c": "b1*(1-(1+2*b2*x)**(-.5))",
    "misra1d": "b1*b2*x*((1+b2*x)**(-1))",
    "nelson": "b1 - b2*x1*exp(-b3*x2)",  # of ln y
    "rat42": "b1/(1+exp(b2-b3*x))",
    "rat43": "b1/((1+exp(b2-b3*x))**(1/b4))",
    "roszman1": "b1 - b2*x - atan(b3/(x-b4))/pi",
    "thurber": CUBIC,
}
#: Residuals of 1e-13 beside a response of 2.5 keep three digits in float64, and so does their standard deviation.
ERROR_DIGITS = {"lanczos1": 2.5}


def problem(name: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return what NIST says of a problem, and its columns."""
    known = json.loads((DATA / "nist" / f"{name}.json").read_text())
    columns = {k: np.array(v) for k, v in known["data"].items()}
    if name == "nelson":
        columns["y"] = np.log(columns["y"])
    return known, columns


def fit(name: str, start: Any, real: bool = True) -> iso.Fit:
    """Fit with parameters of any sign, or positive ones where start and optimum are."""
    known, columns = problem(name)
    seen = [known["certified"], *known["starts"]]
    signed = tuple(k for k in known["certified"] if real or min(values[k] for values in seen) <= 0)
    variables = tuple(k for k in columns if k != "y")
    law = iso.Law(FORMULAS[name], variables=variables, real=signed, scale="linear", response="y")
    return iso.fit(iso.Runs(columns, loss="y"), law, criterion="squared", starts=start)


def digits(found: Any, certified: dict[str, float]) -> float:
    """Return the digits that all values share with the certified ones, 11 at most: more are not printed."""
    errors = [abs(found[k] / x - 1) for k, x in certified.items()]
    return -math.log10(max(*errors, 1e-11))


@pytest.mark.parametrize("name", FORMULAS)
def test_the_data_have_the_certified_sum_of_squares(name: str) -> None:
    known, columns = problem(name)
    words = {"exp": np.exp, "sin": np.sin, "cos": np.cos, "atan": np.arctan, "pi": math.pi, **columns}
    residual = eval(FORMULAS[name], words | known["certified"]) - columns["y"]
    if name != "lanczos1":  # eleven digits of its parameters leave residuals larger than its own
        assert residual @ residual == pytest.approx(known["residual_sum_of_squares"], rel=1e-9)
    assert len(residual) - len(known["certified"]) == known["degrees_of_freedom"]


@pytest.mark.parametrize("real", [True, False], ids=["real", "positive"])
@pytest.mark.parametrize("start", [0, 1], ids=["start1", "start2"])
@pytest.mark.parametrize("name", FORMULAS)
def test_certified_digits_from_both_starts(name: str, start: int, real: bool) -> None:
    known, _ = problem(name)
    found = fit(name, known["starts"][start], real)
    assert found.success, found.message
    assert digits(found.params, known["certified"]) >= 10
    assert digits(found.standard_error, known["standard_deviations"]) >= ERROR_DIGITS.get(name, 8)
    if name not in ERROR_DIGITS:
        assert 2 * found.objective == pytest.approx(known["residual_sum_of_squares"], rel=1e-9)


def test_one_start_is_a_dict_and_several_are_a_list() -> None:
    known, _ = problem("misra1a")
    first, second = known["starts"]
    one, both = fit("misra1a", first), fit("misra1a", [first, second])
    assert (one.n_starts, both.n_starts) == (1, 2)
    assert both.n_best == 2
    assert dict(one.params) == pytest.approx(dict(both.params), rel=1e-13)


def test_weights_count_as_rows_written_twice() -> None:
    known, columns = problem("chwirut2")
    law = iso.Law(FORMULAS["chwirut2"], variables=("x",), real=tuple(known["certified"]), scale="linear", response="y")
    twice = np.arange(len(columns["y"])) % 3 == 0
    written = {k: np.concatenate([v, v[twice]]) for k, v in columns.items()}
    options: dict[str, Any] = {"criterion": "squared", "starts": known["starts"][1]}
    weighted = iso.fit(columns, law, loss="y", weights=1.0 + twice, **options)
    copied = iso.fit(written, law, loss="y", **options)
    assert dict(weighted.params) == pytest.approx(dict(copied.params), rel=1e-11)
    assert dict(weighted.standard_error) == pytest.approx(dict(copied.standard_error), rel=1e-10)


def test_an_offset_that_rounding_leaves() -> None:
    """At a polished optimum the residuals are orthogonal to the columns of the Jacobian, to rounding."""
    known, columns = problem("enso")
    found = fit("enso", known["starts"][0])
    slopes = found.law.jacobian(found.params, x=columns["x"])
    basis = np.linalg.qr(np.column_stack([slopes[k] for k in found.names]))[0]
    assert np.linalg.norm(basis.T @ found.residuals) < 1e-13 * np.linalg.norm(found.residuals)


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ({"b1": -5, "b2": 0.1}, "a start has b1 = -5, expected a finite number above 0"),
        ({"b1": 0, "b2": 0.1}, "a start has b1 = 0, expected a finite number above 0"),
        ({"b1": 5, "b2": math.nan}, "a start has b2 = nan, expected a finite number"),
        ([{"b1": 5, "b2": 1}, {"b1": math.inf, "b2": 1}], "a start has b1 = inf"),
        ({"b1": 5}, "a start has no value for b2"),
        ({"b1": 5, "b2": 1, "b3": 1}, "starts names 'b3'"),
        (0, "starts is 0, expected at least 1"),
    ],
)
def test_faults_in_starts(start: Any, message: str) -> None:
    _, columns = problem("misra1a")
    law = iso.Law(FORMULAS["misra1a"], variables=("x",), real=("b2",), scale="linear", response="y")
    with pytest.raises(iso.LawError, match=message):
        iso.fit(columns, law, loss="y", criterion="squared", starts=start)


def test_a_fixed_parameter_needs_no_start() -> None:
    known, columns = problem("misra1a")
    law = iso.Law(FORMULAS["misra1a"], variables=("x",), scale="linear", response="y")
    options: dict[str, Any] = {"loss": "y", "criterion": "squared", "fixed": {"b2": known["certified"]["b2"]}}
    found = iso.fit(columns, law, starts={"b1": 500}, **options)
    assert found.params["b1"] == pytest.approx(known["certified"]["b1"], rel=1e-10)
