"""Named parts, constants, ranges and derivatives of laws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import isoflop as iso
from isoflop import laws

REPEATED = iso.Law(
    "E + A / N**alpha + B / D_eff**beta",
    variables=("N", "D", "U"),
    where={"U_D": "min(U, D)", "R_D": "D / U_D - 1", "D_eff": "U_D * (1 - R_star * expm1(-R_D / R_star))"},
    name="repeated",
)
AT = {"E": 1.7, "A": 400.0, "B": 2000.0, "alpha": 0.34, "beta": 0.36, "R_star": 15.0}


def test_parts_are_put_in_where_they_are_named():
    plain = iso.Law(
        "E + A / N**alpha + B / (min(U, D) * (1 - R_star * expm1(-(D / min(U, D) - 1) / R_star)))**beta",
        variables=("N", "D", "U"),
    )
    assert REPEATED.parameters == plain.parameters
    points = {"N": np.geomspace(1e8, 1e10, 50), "D": np.geomspace(1e9, 1e12, 50), "U": 3e10}
    np.testing.assert_array_equal(REPEATED.predict(AT, **points), plain.predict(AT, **points))
    assert set(REPEATED.positive) == {"N", "D", "U"}


def test_parts_are_quantities_by_their_names():
    at = {"N": 1e9, "D": [1e10, 9e10], "U": 3e10}
    np.testing.assert_allclose(REPEATED.quantity("R_D", {}, D=at["D"], U=at["U"]), [0.0, 2.0], atol=1e-15)
    D_eff = REPEATED.quantity("D_eff", AT, **at)
    np.testing.assert_allclose(D_eff, [1e10, 3e10 * (1 + 15 * (1 - np.exp(-2 / 15)))], rtol=1e-14)
    np.testing.assert_array_equal(REPEATED.quantity("loss", AT, **at), REPEATED.predict(AT, **at))
    with pytest.raises(iso.LawError, match="did you mean 'D_eff'"):
        REPEATED.quantity("D_ef", AT, **at)
    with pytest.raises(iso.DataError, match="no value for 'U'"):
        REPEATED.quantity("D_eff", AT, D=1e10)
    with pytest.raises(iso.LawError, match="no value for 'R_star'"):
        REPEATED.quantity("D_eff", {}, D=1e10, U=1e9)


def test_a_frame_comes_back_with_the_part_as_a_column():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"D": [1e10, 9e10], "U": [3e10, 3e10]})
    assert REPEATED.quantity("R_D", {}, frame).columns == ["D", "U", "R_D"]


def test_a_part_that_the_formula_does_not_use_is_a_further_quantity():
    law = iso.Law("E + A / (N * D)**alpha", where={"M": "D / N", "excess": "A / (N * D)**alpha"})
    assert law.parameters == ("E", "A", "alpha")
    assert law.quantity("M", {}, N=2.0, D=40.0) == 20.0
    assert law.quantity("excess", {"A": 3.0, "alpha": 1.0}, N=2.0, D=0.5) == pytest.approx(3.0, rel=1e-15)


def test_laws_with_parts_fit_bootstrap_and_save(tmp_path):
    points = {"N": np.repeat(np.geomspace(1e8, 1e10, 6), 6), "D": np.tile(np.geomspace(1e9, 1e12, 6), 6)}
    points["U"] = np.where(np.arange(36) % 2 == 0, 2e9, 2e10)
    runs = iso.simulate(REPEATED, points, params=AT, noise=0.0)
    fit = iso.fit(runs, REPEATED)
    for name, value in AT.items():
        assert fit.params[name] == pytest.approx(value, rel=1e-6), name
    boot = iso.fit(iso.simulate(REPEATED, points, params=AT, noise=0.002), REPEATED).bootstrap(50)
    assert boot.draws.shape == (50, 6)
    fit.save(tmp_path / "fit.json")
    again = iso.load(tmp_path / "fit.json")
    assert again.law.where == REPEATED.where
    assert again.predict(N=1e9, D=1e11, U=1e10) == fit.predict(N=1e9, D=1e11, U=1e10)


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ({"x": "N + ("}, "where x: .*position 5"),
        ({"x": "foo(N)"}, "where x: unknown function 'foo'"),
        ({"x": "x + N"}, "'x' is defined by itself"),
        ({"x": "y", "y": "x"}, "is defined by itself"),
        ({"N": "3"}, "part 'N' has the name of a variable"),
        ({"y": "q * 2"}, "where y uses 'q', which is no variable or parameter of the formula"),
    ],
)
def test_parts_that_cannot_be(where, text):
    with pytest.raises(iso.LawError, match=text):
        iso.Law("E + x / N" if "x" in where else "E + 1 / N", where=where)


def test_parts_do_not_multiply():
    """Each part is built once: without that this chain would be walked 2**40 times."""
    where = {"p0": "N", **{f"p{i}": f"p{i - 1} + p{i - 1}" for i in range(1, 41)}}
    assert iso.Law("E * p40", where=where).predict({"E": 1.0}, N=1.0) == 2.0**40
    deep = {"p0": "N", **{f"p{i}": f"p{i - 1} + 1" for i in range(1, 200)}}
    with pytest.raises(iso.LawError, match="more than 64 named parts inside each other"):
        iso.Law("E * p199", where=deep)


def test_a_parameter_that_changes_nothing_is_refused():
    with pytest.raises(iso.LawError, match="does not depend on 'q'"):
        iso.Law("E + A / N**alpha + 0 * q")


def test_parameters_that_only_stand_together_are_unidentified():
    runs = iso.simulate(
        "chinchilla", {"N": np.geomspace(1e8, 1e10, 12), "D": np.geomspace(1e10, 1e12, 12)}, noise=0.001
    )
    with pytest.warns(iso.ConvergenceWarning, match="do not determine all parameters"):
        fit = iso.fit(runs, iso.Law("E + A * q / N**alpha"))
    assert set(fit.unidentified) == {"A", "q"}
    assert not fit.success


def test_wrong_variables_say_what_the_law_needs():
    with pytest.raises(iso.DataError, match="the law has no variable 'tokens'"):
        iso.laws.chinchilla.predict("epoch2024", N=1e9, tokens=1e10)
    with pytest.raises(iso.DataError, match="no column 'S'"):
        iso.fit({"N": [1e8, 1e9], "D": [1e9, 1e10], "loss": [3.0, 2.0]}, "frantar")


SHARE = iso.Law("E + A * (1 - S)**alpha", variables=("S",), range={"S": (0.0, 1.0)}, name="share")


def test_values_outside_the_range_warn_and_name_it():
    params = {"E": 1.0, "A": 1.0, "alpha": 2.0}
    with pytest.warns(iso.ExtrapolationWarning, match=r"S is 1.5 at point 1, outside the range 0 to 1 in which share"):
        SHARE.predict(params, S=[0.5, 1.5])
    assert SHARE.predict(params, S=[0.0, 1.0]).tolist() == [2.0, 1.0]  # its ends belong to it
    narrow = replace(SHARE, range={"S": (0.0, 0.5)})
    S = np.linspace(0, 0.9, 10)
    runs = {"S": S, "loss": SHARE.predict(params, S=S)}
    with pytest.warns(iso.ExtrapolationWarning, match="S is 0.6 at point 6 and 3 more points, outside the range 0 to"):
        iso.fit(runs, narrow)


def test_a_range_is_of_a_variable():
    with pytest.raises(iso.LawError, match="range names 'T'"):
        iso.Law("E + A * S", variables=("S",), range={"T": (0, 1)})


HELD = iso.Law(
    "E + A * exp(-k * (year - Y0))", variables=("year",), real=("Y0",), constants={"Y0": 2000.0}, scale="linear"
)
YEARS = np.arange(2000.0, 2024.0)


def test_constants_are_held_unless_freed():
    params = {"E": 1.0, "A": 2.0, "k": 0.2}
    assert HELD.predict(params, year=2000.0) == 3.0
    runs = {"year": YEARS, "loss": HELD.predict(params, year=YEARS)}
    fit = iso.fit(runs, HELD)
    assert fit.params["Y0"] == 2000.0
    assert fit.free == ("E", "A", "k")
    assert fit.params["A"] == pytest.approx(2.0, rel=1e-6)
    other = iso.fit(runs, HELD, fixed={"Y0": 2010.0})
    assert other.params["A"] == pytest.approx(2.0 * np.exp(-2.0), rel=1e-6)
    freed = iso.fit(runs, HELD, fixed={"Y0": None, "A": 2.0})
    assert freed.free == ("E", "k", "Y0")
    assert freed.params["Y0"] == pytest.approx(2000.0, rel=1e-6)
    with pytest.raises(iso.LawError, match="constants names 'Y1'"):
        iso.Law("E + A / N", constants={"Y1": 1.0})


def published(name):
    """Return a law of the catalogue with published values, and points in its range."""
    law = laws.get(name)
    entry = next((one for one in law.published.values() if not one.warning), None)
    if entry is None or law.levels or law.schedules or set(law.parameters) - {*entry.params, *law.constants}:
        return None
    rng = np.random.default_rng(3)
    points = {}
    for variable in law.variables:
        low, high = law.range.get(variable, (2.0, 1e4))
        low, high = max(low, 1e-3), min(high, 1e6)
        points[variable] = np.exp(rng.uniform(np.log(low * 1.1 + 1e-2), np.log(high * 0.9), 5))
    return law, {**law.constants, **entry.params}, points


@pytest.mark.filterwarnings("ignore::isoflop.IsoflopWarning")
@pytest.mark.parametrize("name", [name for name in laws.list() if published(name)])
def test_derivatives_are_differences(name):
    law, params, points = published(name)
    value = law.predict(params, **points)
    for parameter, slope in law.jacobian(params, **points).items():
        x = params[parameter]
        if x == 0 and law.domain(parameter) != "real":
            continue
        h = 1e-5 * (abs(x) or 1.0)
        up, down = (np.asarray(law.predict({**params, parameter: x + s * h}, **points)) for s in (1, -1))
        rounding = 1e-14 * np.abs(value) / h
        difference = (up - down) / (2 * h)
        good = np.abs(slope - difference) <= 1e-5 * np.abs(slope) + 10 * rounding
        assert np.all(good | ~np.isfinite(difference)), parameter


def test_logarithms_of_response_and_parameters():
    law, params = iso.laws.chinchilla, dict(iso.laws.chinchilla.published["epoch2024"].params)
    at = {"N": 1e9, "D": 2e10}
    native, logs = law.jacobian(params, **at), law.jacobian(params, by=["log A", "alpha"], log=True, **at)
    loss = law.predict(params, **at)
    assert native["A"] == pytest.approx(1e9 ** -params["alpha"], rel=1e-13)
    assert logs["log A"] == pytest.approx(native["A"] * params["A"] / loss, rel=1e-13)
    assert logs["alpha"] == pytest.approx(native["alpha"] / loss, rel=1e-13)
    with pytest.raises(iso.LawError, match="by names 'gamma'"):
        law.jacobian(params, by=["gamma"], **at)
    with pytest.raises(iso.LawError, match="has no logarithm"):
        iso.Law("a + 1 / N", real=("a",)).jacobian({"a": 1.0}, by=["log a"], N=1.0)
