"""Laws: values against published vectors, names and their faults, points in every shape, the catalogue."""

from __future__ import annotations

import math
import pickle

import numpy as np
import polars as pl
import pytest

import isoflop as iso
from isoflop._formula import evaluate

CHINCHILLA = {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}
HOFFMANN = {"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}

# Computed at 60 decimal digits from the formulas in the papers.
VECTORS = [
    ("chinchilla", HOFFMANN, {"N": 70e9, "D": 1.4e12}, 1.936645470559),
    ("chinchilla", HOFFMANN, {"N": 8e9, "D": 15e12}, 1.948531637775),
    ("chinchilla", CHINCHILLA, {"N": 70e9, "D": 1.4e12}, 1.973881863159),
    ("chinchilla", CHINCHILLA, {"N": 44e6, "D": 1e9}, 3.939764877619),
    ("power", {"Xc": 8.8e13, "alpha": 0.076}, {"X": 1e6}, 4.015879593756),
    ("power", {"Xc": 3.1e8, "alpha": 0.050}, {"X": 1e-3}, 3.754638116191),
    ("power_floor", {"E": 0.35, "A": 12.5, "alpha": 0.21}, {"X": 1e3}, 3.28028601915),
    ("power_floor", {"E": 0.35, "A": 12.5, "alpha": 0.21}, {"X": 2.5e6}, 0.9166861665961),
    (
        "kaplan_nd",
        {"alphaN": 0.076, "alphaD": 0.103, "Nc": 6.4e13, "Dc": 1.8e13},
        {"N": 1.5e9, "D": 2.3e10},
        2.310064102327,
    ),
    (
        "kaplan_nd",
        {"alphaN": 0.076, "alphaD": 0.095, "Nc": 8.8e13, "Dc": 5.4e13},
        {"N": 768, "D": 2.2e7},
        6.928463285833,
    ),
]


@pytest.mark.parametrize(("name", "params", "point", "loss"), VECTORS)
def test_catalogue_values(name, params, point, loss):
    assert iso.laws.get(name).predict(params, **point) == pytest.approx(loss, rel=3e-13)


def test_pnorm_is_the_coupled_form_with_p_one_over_q():
    # L = E + (A N^-alpha + B D^-beta)^q at the constants of Busbridge et al. 2025.
    assert iso.laws.pnorm.published["busbridge2025"].predict(N=1.82e9, D=38.9e9) == pytest.approx(
        2.244586190429, rel=1e-12
    )
    assert iso.laws.pnorm.published["busbridge2025"].predict(N=143e6, D=4e9) == pytest.approx(2.838299293363, rel=1e-12)


def test_pnorm_with_p_one_is_chinchilla():
    points = {"N": np.geomspace(1e7, 1e12, 7), "D": np.geomspace(1e9, 1e13, 7)}
    np.testing.assert_allclose(
        iso.laws.pnorm.predict({**CHINCHILLA, "p": 1.0}, **points),
        iso.laws.chinchilla.predict(CHINCHILLA, **points),
        rtol=1e-13,
    )


@pytest.mark.filterwarnings("ignore::isoflop.PrecisionWarning")
@pytest.mark.parametrize(
    ("law", "key", "point", "loss"),
    [
        ("chinchilla", "hoffmann2022_printed", {"N": 1e9, "D": 2e10}, 2.580047872238),
        ("chinchilla", "epoch2024", {"N": 280e9, "D": 3e11}, 1.999607682344),
        ("power", "kaplan2020_C", {"X": 1}, 2.574155859898),
        ("power", "kaplan2020_D", {"X": 2.2e7}, 4.046199131281),
        ("kaplan_nd", "kaplan2020", {"N": 1e8, "D": 1e9}, 2.956733738633),
        ("power_floor", "henighan2020_image8", {"X": 1e6}, 3.223930160239),
        ("power_floor", "henighan2020_video", {"X": 1e8}, 1.1600957564),
    ],
)
def test_published_values_predict_at_once(law, key, point, loss):
    assert iso.laws.get(law).published[key].predict(**point) == pytest.approx(loss, rel=3e-13)


def test_hoffmann_is_there_unrounded():
    params = iso.laws.chinchilla.published["hoffmann2022"].params
    assert [math.log(params[k]) for k in "EAB"] == pytest.approx([0.5267228, 6.0073404, 6.0179186], rel=1e-15)
    assert (params["alpha"], params["beta"]) == (0.33917084, 0.2849083)


def test_parameters_and_variables_come_from_the_formula():
    law = iso.Law("E + A / N**alpha + B / D**beta")
    assert law.parameters == ("E", "A", "alpha", "B", "beta")
    assert law.variables == ("N", "D")
    assert set(law.positive) == {"N", "D"}
    assert iso.Law("E + A / N**alpha").variables == ("N",)
    assert iso.Law("E + A / X**c", variables="X").variables == ("X",)


def test_domains():
    law = iso.Law("m + s * N + logistic(u) * w", real=("m", "u"), unit=("w",), scale="linear")
    assert {p: law.domain(p) for p in law.parameters} == {"m": "real", "s": "positive", "u": "real", "w": "unit"}


def test_levels():
    law = iso.Law("E[family] + A / N**alpha")
    assert law.levels == {"E": "family"}
    params = {"E[a]": 1.0, "E[b]": 2.0, "A": 8.0, "alpha": 0.5}
    assert law.predict(params, N=4.0, family="b") == pytest.approx(6.0)
    np.testing.assert_allclose(law.predict(params, N=[4.0, 16.0], family=["a", "b"]), [5.0, 4.0])
    np.testing.assert_allclose(law.predict(params, N=[4.0, 16.0], family="a"), [5.0, 3.0])
    with pytest.raises(iso.DataError, match="family 'c' is not among the levels of the fit"):
        law.predict(params, N=4.0, family="c")
    with pytest.raises(iso.LawError, match=r"no value for 'E\[...\]'"):
        law.predict({"A": 8.0, "alpha": 0.5}, N=4.0, family="a")


def test_tied_parameters_are_not_free():
    law = iso.Law("E + A / N**alpha + B / D**beta", tied={"beta": "alpha"})
    assert law.parameters == ("E", "A", "alpha", "B")
    both = {"E": 1.0, "A": 2.0, "alpha": 0.5, "B": 3.0}
    assert law.predict(both, N=4.0, D=9.0) == pytest.approx(1 + 2 / 2 + 3 / 3)


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ("E + A / N^alpha", "powers are written", 9),
        ("E + foo(N)", "unknown function 'foo'", 4),
        ("E + A / (N**alpha", None, 17),
    ],
)
def test_faults_in_a_formula_have_a_caret(text, message, position):
    with pytest.raises(iso.LawError, match=message) as caught:
        iso.Law(text)
    assert caught.value.position == position
    lines = str(caught.value).splitlines()
    at = next(i for i, line in enumerate(lines) if line.strip() == text)
    assert lines[at + 1].index("^") - lines[at].index(text[0]) == position


def test_an_unknown_function_brings_those_that_are_known():
    with pytest.raises(iso.LawError) as caught:
        iso.Law("E + foo(N)")
    head, _, hint = str(caught.value).partition("\n\nHint: known are ")
    assert head.startswith("unknown function 'foo' (position 4)")
    arguments = {"min": "N, D", "max": "N, D", "implicit_m4": "a, b, c, log(N)"}
    arguments |= {"lr_sum": "lr", "anneal": "lr, a", "multi_power": "lr, a, b, c"}
    for name in hint.split(", "):
        iso.Law(f"E + N + {name}({arguments.get(name, 'N')})", schedules=("lr",))
        assert name in iso.Law.__doc__


def test_caret_counts_characters_not_bytes():
    with pytest.raises(iso.LawError) as caught:
        iso.Law("E + ü(N)")
    if caught.value.position is not None:
        assert caught.value.position <= len("E + ü(N)")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"text": "E + A / X**alpha"}, "uses none of its variables 'N', 'D'"),
        ({"text": "E + A / N**alpha", "real": ("E",), "unit": ("E",)}, "both real= and unit="),
        ({"text": "E + A / N**alpha", "real": ("alfa",)}, "'alfa' is listed in real="),
        ({"text": "E + A / N**alpha", "box": {"gamma": (0, 1)}}, "box names 'gamma'"),
        ({"text": "E + A / N**alpha", "derived": {"A": "E"}}, "has the name of a parameter"),
        ({"text": "E + A / N**alpha", "scale": "cubic"}, "expected 'log' or 'linear'"),
        ({"text": 5}, "a formula is text, got int"),
    ],
)
def test_names_beside_a_formula_are_checked(arguments, message):
    with pytest.raises(iso.LawError, match=message):
        iso.Law(arguments.pop("text"), **arguments)


def test_catalogue_says_what_was_meant():
    with pytest.raises(iso.LawError, match="did you mean 'chinchilla'"):
        iso.laws.get("chinchila")
    with pytest.raises(iso.LawError, match="passed as"):
        iso.laws.get("E + A / N**alpha")


def test_points_broadcast():
    law = iso.laws.chinchilla
    n, d = np.geomspace(1e8, 1e11, 4)[:, None], np.geomspace(1e9, 1e13, 3)
    grid = law.predict(CHINCHILLA, N=n, D=d)
    expected = 1.8172 + 482.01 / n**0.3478 + 2085.43 / d**0.3658
    assert grid.shape == (4, 3)
    np.testing.assert_allclose(grid, expected, rtol=1e-13)
    assert isinstance(law.predict(CHINCHILLA, N=1e9, D=1e10), float)
    assert law.predict(CHINCHILLA, N=np.float64(1e9), D=[1e10]).shape == (1,)
    assert law.predict(CHINCHILLA, N=[], D=1e10).shape == (0,)


def test_points_as_integers_do_not_overflow():
    law = iso.Law("A * C**-alpha", variables=("C",))
    big = 6 * 400_000_000_000 * 15_000_000_000_000  # beyond 2**63
    assert law.predict({"A": 1e10, "alpha": 0.5}, C=big) == pytest.approx(1e10 / math.sqrt(float(big)))


@pytest.mark.parametrize("layout", ["fortran", "sliced", "big_endian", "float32", "readonly"])
def test_points_in_any_layout(layout):
    n = np.geomspace(1e8, 1e11, 6)
    odd = {
        "fortran": np.asfortranarray(n.reshape(2, 3)),
        "sliced": np.repeat(n, 2)[::2],
        "big_endian": n.astype(">f8"),
        "float32": n.astype(np.float32),
        "readonly": n.copy(),
    }[layout]
    odd.flags.writeable = layout != "readonly"
    expected = 1.8172 + 482.01 / odd.astype(np.float64) ** 0.3478 + 2085.43 / 1e10**0.3658
    np.testing.assert_allclose(iso.laws.chinchilla.predict(CHINCHILLA, N=odd, D=1e10), expected, rtol=1e-13)


@pytest.mark.parametrize("kind", ["polars", "pandas", "pyarrow", "dict"])
def test_frame_in_same_frame_out(kind):
    columns = {"N": [1e9, 1e10], "D": [2e10, 2e11], "note": ["x", "y"]}
    expected = iso.laws.chinchilla.predict(CHINCHILLA, N=columns["N"], D=columns["D"])
    if kind == "pandas":
        pd = pytest.importorskip("pandas")
        frame = pd.DataFrame(columns, index=[7, 3])
    elif kind == "pyarrow":
        frame = pytest.importorskip("pyarrow").table(columns)
    else:
        frame = pl.DataFrame(columns) if kind == "polars" else columns
    out = iso.laws.chinchilla.predict(CHINCHILLA, frame)
    assert type(out) is (pl.DataFrame if kind == "dict" else type(frame))
    np.testing.assert_array_equal(np.asarray(out["loss"]), expected)
    assert list(np.asarray(out["note"])) == ["x", "y"]
    if kind == "pandas":
        assert list(out.index) == [7, 3]


def test_a_loss_column_in_the_frame_stays():
    frame = pl.DataFrame({"N": [1e9], "D": [2e10], "loss": [2.5]})
    out = iso.laws.chinchilla.predict(CHINCHILLA, frame)
    assert out["loss"][0] == 2.5
    assert out["loss_predicted"][0] == pytest.approx(1.8172 + 482.01 / 1e9**0.3478 + 2085.43 / 2e10**0.3658)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ({"N": 1e9}, "no value for 'D'"),
        ({"N": 1e9, "D": 1e10, "Q": 3}, "no variable 'Q'"),
        ({"N": [1e9, 0.0], "D": 1e10}, "N is 0 at point 1"),
        ({"N": [1e9, -5.0], "D": 1e10}, "N is -5 at point 1"),
        ({"N": "big", "D": 1e10}, "N holds 'big', expected numbers"),
    ],
)
def test_faults_in_points(points, message):
    with pytest.raises(iso.DataError, match=message):
        iso.laws.chinchilla.predict(CHINCHILLA, **points)


def test_missing_values_of_parameters_are_named():
    with pytest.raises(iso.LawError, match="no value for 'B', 'beta'"):
        iso.laws.chinchilla.predict({"E": 1, "A": 2, "alpha": 0.3}, N=1e9, D=1e10)
    with pytest.raises(iso.LawError, match="there are 'epoch2024'"):
        iso.laws.chinchilla.predict("besiroglu", N=1e9, D=1e10)


def test_evaluate_formulas_over_draws():
    draws = {"alpha": np.array([0.3, 0.5]), "beta": np.array([0.1, 0.5]), "E[a]": np.array([1.0, 4.0])}
    np.testing.assert_allclose(evaluate("beta / (alpha + beta)", draws), [0.25, 0.5])
    np.testing.assert_allclose(evaluate("sqrt(E[a]) + alpha", draws), [1.3, 2.5])
    with pytest.raises(iso.LawError, match="uses 'gamma'"):
        evaluate("gamma + 1", draws)
    with pytest.raises(iso.LawError, match="unknown function"):
        evaluate("foo(alpha)", draws)


def test_laws_are_frozen_comparable_and_picklable():
    law = iso.laws.chinchilla
    with pytest.raises(AttributeError):
        law.formula = "E"
    again = pickle.loads(pickle.dumps(law))
    assert again == law
    assert again.published["epoch2024"].predict(N=1e9, D=1e10) == law.published["epoch2024"].predict(N=1e9, D=1e10)
    assert iso.Law.from_dict(law.to_dict()) == law
    assert iso.Law("E + A/N**alpha") != law
    assert len({law, again}) == 1


def test_a_law_keeps_no_hold_on_what_it_was_given():
    box = {"alpha": (0.1, 1.0)}
    law = iso.Law("E + A / N**alpha", box=box)
    box["alpha"] = (5.0, 6.0)
    assert law.box["alpha"] == (0.1, 1.0)


PASSES = {
    "variables": ("seen", "pool"),
    "where": {"passes": "seen / pool", "fresh": "min(seen, pool)", "decay": "log(2) / tau"},
}


def test_a_range_may_name_a_part_over_variables() -> None:
    law = iso.Law("E + A / fresh**alpha * passes**decay", **PASSES, range={"passes": (0, 4)})
    params = {"E": 1.0, "A": 10.0, "alpha": 0.5, "tau": 3.0}
    law.predict(params, seen=[10.0, 40.0], pool=10.0)
    with pytest.warns(iso.ExtrapolationWarning, match="passes is 5 at point 1, outside the range 0 to 4"):
        law.predict(params, seen=[10.0, 50.0], pool=10.0)
    assert iso.Law.from_dict(law.to_dict()) == law


def test_a_fit_warns_of_rows_outside_the_range_of_a_part() -> None:
    law = iso.Law("E + A / fresh**alpha * passes**decay", **PASSES, range={"passes": (0, 4)}, scale="linear")
    seen = np.geomspace(1e2, 1e5, 12)
    loss = 1 + 10 / np.minimum(seen, 1e4) ** 0.5 * (seen / 1e4) ** 0.01
    with pytest.warns(iso.ExtrapolationWarning, match="passes is 5.33"):
        iso.fit({"seen": seen, "pool": np.full(12, 1e4), "loss": loss}, law, fixed={"tau": 100 * math.log(2)})


@pytest.mark.parametrize(
    ("name", "message"),
    [("decay", "range names part 'decay', which depends on 'tau'"), ("tau", "no variable or part of the law")],
)
def test_a_range_of_what_depends_on_parameters_is_refused(name: str, message: str) -> None:
    with pytest.raises(iso.LawError, match=message):
        iso.Law("E + A / fresh**alpha * passes**decay", **PASSES, range={name: (0, 4)})


def test_goyal_warns_of_more_passes_than_it_counts() -> None:
    params = {"a": 1.9, "b": -0.18, "d": 0.1, "tau": 3.0}
    law = iso.laws.get("goyal", passes=4)
    law.predict(params, seen=4e6, epoch_size=1e6)
    with pytest.warns(iso.ExtrapolationWarning, match="passes is 5 at point 0"):
        law.predict(params, seen=5e6, epoch_size=1e6)


def test_a_part_takes_points_of_the_whole_law() -> None:
    law = iso.Law("E + A / M**alpha + B / D**beta", variables=("N", "D", "K"), where={"M": "N * K", "half": "A / 2"})
    params = {"E": 1.0, "A": 8.0, "alpha": 0.5, "B": 1.0, "beta": 1.0}
    assert law.quantity("M", params, N=2.0, K=[4.0, 9.0], D=[1.0, 2.0]).tolist() == [8.0, 18.0]
    assert law.quantity("M", params, {"N": [2.0], "K": [3.0], "D": [1.0]})["M"].to_list() == [6.0]
    assert law.quantity("half", params, N=2.0, K=3.0, D=1.0) == pytest.approx(4.0, rel=1e-14)
    with pytest.raises(iso.DataError, match="no variable 'X'"):
        law.quantity("M", params, N=2.0, K=3.0, X=1.0)
