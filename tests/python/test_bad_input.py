"""Bad input, item by item of the promise: the type of the error, what it names, and the hint."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import polars as pl
import pytest

import isoflop as iso
from isoflop import _store

from .helpers import twin

LINE = iso.Law("m + s * X", variables=("X",), real=("m", "s"), scale="linear")


def table(**changes):
    """Return the twin as plain columns, some replaced; None takes a column away."""
    columns = {name: values.copy() for name, values in twin().items()} | changes
    return {name: values for name, values in columns.items() if values is not None}


def changed(column, rows, value):
    """Return the twin with some values of a column replaced."""
    values = twin()[column].copy()
    values[rows] = value
    return table(**{column: values})


def refused(error, message, call, *arguments, **options):
    """Check the type, that the text holds the pieces of `message` in order, and the house style; return the text."""
    with pytest.raises(error) as caught:
        call(*arguments, **options)
    text = str(caught.value)
    assert re.search(message, text, flags=re.DOTALL), text
    head = text.partition("\n")[0]
    assert not head.endswith("."), head
    assert isinstance(caught.value, iso.IsoflopError)
    return text


# -- columns


def test_a_missing_column_is_named_with_those_there_are():
    text = refused(iso.DataError, "no column was understood as N", iso.fit, table(N=None))
    assert "N=..." in text
    assert "'D', 'loss'" in text


def test_a_missing_loss():
    refused(iso.DataError, "no column was understood as loss.*loss=", iso.fit, table(loss=None))


@pytest.mark.parametrize("frame", [dict, pl.DataFrame, pd.DataFrame], ids=["dict", "polars", "pandas"])
def test_a_misspelt_column_brings_the_nearest(frame):
    columns = frame({"n_param": [1e9] * 6, "tokens": [1e10] * 6, "val_loss": [3.0] * 6})
    refused(iso.DataError, r"no column 'val_los'.*Hint: did you mean 'val_loss'\?", iso.Runs, columns, loss="val_los")


def test_a_variable_of_the_law_that_is_no_column():
    law = iso.Law("E + A / width**alpha", variables=("width",))
    refused(iso.DataError, "no column 'width'", iso.fit, table(), law)


@pytest.mark.parametrize(
    "frame",
    [
        lambda c: c,
        pl.DataFrame,
        pd.DataFrame,
        lambda c: pd.DataFrame(c).astype({"N": "category"}),
    ],
    ids=["dict", "polars", "pandas", "category"],
)
def test_a_text_column(frame):
    text = [f"{x:.0f}" for x in twin()["N"]]
    message = r"column 'N' .*(text|category|categorical).*expected numbers"
    refused(iso.DataError, message, iso.fit, frame(table(N=np.array(text, dtype=object))))


def test_a_text_column_that_is_not_used_does_no_harm():
    iso.fit(table(note=np.array(["a note"] * 240, dtype=object)))


@pytest.mark.parametrize("roles", [{"N": "D"}, {"loss": "N"}, {"D": "loss"}, {"groups": "loss"}, {"weights": "loss"}])
def test_a_column_in_two_roles(roles):
    given = {"N": "N", "D": "D", "loss": "loss"} | roles
    (column,) = roles.values()
    refused(iso.DataError, rf"column '{column}'.*(twice|both|and)", iso.Runs, table(), **given)


# -- values


@pytest.mark.parametrize("column", ["N", "D", "loss"])
@pytest.mark.parametrize(
    ("value", "word"),
    [(np.nan, "1 NaN"), (np.inf, "1 infinite value"), (-np.inf, "1 infinite value")],
    ids=["nan", "inf", "minus-inf"],
)
def test_values_that_are_no_numbers_name_column_and_row(column, value, word):
    message = rf"column '{column}' has {word} \(row 17\), expected .*Hint: .*nan_policy='omit'"
    refused(iso.DataError, message, iso.fit, changed(column, 17, value))


@pytest.mark.parametrize("column", ["N", "D", "loss"])
@pytest.mark.parametrize(("value", "word"), [(0.0, "zero"), (-2.0, "negative")])
def test_values_that_have_no_logarithm_name_their_rows(column, value, word):
    rows = [3, 9, 27, 28, 29, 200]
    message = rf"column '{column}' has 6 {word} values \(rows 3, 9, 27, 28, 29 and 1 more\), expected positive numbers"
    refused(iso.DataError, message, iso.fit, changed(column, rows, value))


@pytest.mark.parametrize("backend", ["polars", "pandas", "pyarrow"])
def test_nulls_are_nulls(backend):
    frame = pl.DataFrame(table()).with_columns(
        D=pl.when(pl.arange(0, 240) % 100 == 5).then(None).otherwise(pl.col("D"))
    )
    if backend != "polars":
        frame = frame.to_arrow() if backend == "pyarrow" else frame.to_arrow().to_pandas(types_mapper=pd.ArrowDtype)
    refused(iso.DataError, r"column 'D' has 3 nulls \(rows 5, 105, 205\), expected", iso.fit, frame)


def test_zero_and_negative_values_are_fine_where_no_logarithm_is_taken():
    x = np.linspace(-3, 3, 13)
    fit = iso.fit({"X": x, "loss": 2 * x - 1}, LINE)
    assert [fit.params["m"], fit.params["s"]] == pytest.approx([-1, 2])


def test_rows_left_out_are_counted():
    columns = changed("N", [1, 2], np.nan)
    columns["D"][[2, 3]] = -1.0
    columns["loss"][100] = 0.0
    runs = iso.Runs(columns, nan_policy="omit")
    fit = iso.fit(runs)
    assert (fit.n_rows, fit.n_omitted) == (236, 4)
    assert "236, 4 left out" in fit.summary()
    kept = np.setdiff1d(np.arange(240), [1, 2, 3, 100])
    clean = iso.fit({name: values[kept] for name, values in twin().items()})
    assert fit.theta.tobytes() == clean.theta.tobytes()
    weights = np.where(np.isin(np.arange(240), kept), 1.0, 7.0)
    assert iso.fit(runs, weights=weights).theta.tobytes() == clean.theta.tobytes()


def test_nothing_is_left_after_omitting():
    runs = iso.Runs(table(N=np.full(240, np.nan)), nan_policy="omit")
    refused(iso.DataError, "no row has usable values", iso.fit, runs)


def test_weights_that_are_none():
    refused(
        iso.DataError, r"weights is -1 in row 3", iso.fit, table(), weights=np.where(np.arange(240) == 3, -1.0, 1.0)
    )
    refused(iso.DataError, "weights is zero in every row", iso.fit, table(), weights=np.zeros(240))
    for value in (np.nan, np.inf):
        one = np.where(np.arange(240) == 3, value, 1.0)
        refused(iso.DataError, "weights .*row 3", iso.fit, table(), weights=one)
        refused(iso.DataError, "w.*row 3", iso.fit, table(w=one), weights="w")


# -- too little to fit


def test_fewer_rows_than_parameters():
    few = {name: values[:4] for name, values in twin().items()}
    message = r"4 rows cannot determine 5 parameters \(E, A, alpha, B, beta\).*Hint: add runs, or fix, tie"
    refused(iso.DataError, message, iso.fit, few)


def test_no_rows_at_all():
    empty = {name: values[:0] for name, values in twin().items()}
    refused(iso.DataError, "no rows|no row|0 rows", iso.fit, empty)


@pytest.mark.parametrize(("column", "named"), [("N", "alpha"), ("D", "beta")])
def test_a_variable_that_never_varies_names_what_it_hides(column, named):
    message = (
        rf"all rows have {column} = 1e\+09, so .*{named}.* cannot be told apart.*Hint: add runs with other {column}"
    )
    refused(iso.DataError, message, iso.fit, table(**{column: np.full(240, 1e9)}))


def test_all_rows_the_same():
    refused(iso.DataError, "all rows have", iso.fit, {name: np.full(20, values[0]) for name, values in twin().items()})


# -- formulas


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("E + A / N**alpha + lgo(D)", 19, "unknown function 'lgo'"),
        ("E + log2(N)", 4, "unknown function 'log2'"),
        ("E + A * exp(N, D)", 8, r"'exp' takes 1 argument\(s\), 2 given"),
        ("E + max(N)", 4, "'max' takes 2"),
        ("E + A / N^alpha", 9, r"powers are written '\*\*'"),
        ("L = E + A / N", 2, "right-hand side"),
        ("E + (A / N", 10, "ends where"),
        ("E + A / N)", 9, r"unexpected '\)'"),
        ("E + 3 N", 6, "unexpected 'N'"),
        ("E + N[family]", 4, "only parameters have levels"),
        ("E + E[family] / N", 4, "both with and without"),
        ("E + log * N", 4, "'log' is a function"),
        ("E + $ * N", 4, r"unexpected '\$'"),
        ("", 0, "ends where"),
        ("αé + $ * N", 5, r"unexpected '\$'"),
        ("E + 1e999 * N", 4, "too large"),
    ],
)
def test_faults_in_a_formula_say_where(text, position, message):
    with pytest.raises(iso.LawError, match=message) as caught:
        iso.Law(text)
    assert caught.value.position == position
    shown = str(caught.value).splitlines()
    caret = next(i for i, line in enumerate(shown) if line.strip() == "^")
    assert shown[caret].index("^") - 4 == position
    assert shown[caret - 1].strip() == text.strip()


@pytest.mark.parametrize("text", ["(" * 5_000 + "N", "-" * 9_000 + "N", "N + " * 3_000 + "N", "exp(" * 1_000 + "N"])
def test_monstrous_formulas_are_refused_not_crashed(text):
    with pytest.raises(iso.LawError):
        iso.Law(text)


def test_a_formula_without_variables():
    refused(iso.LawError, "uses none of its variables", iso.Law, "E + A")


def test_an_unknown_variable_is_said_at_the_first_use():
    """A name that is no variable is a parameter: it is told when the runs have such a column, or nothing like it."""
    law = iso.Law("E + A / N**alpha + B / steps**beta")
    message = r"parameter 'steps' of .* is also a column of the runs.*variables=\('N', 'steps'\)"
    refused(iso.LawError, message, iso.fit, table(steps=np.arange(1.0, 241)), law)
    refused(iso.DataError, r"no value for 'D'", iso.laws.chinchilla.predict, "epoch2024", N=1e9)
    refused(
        iso.DataError, r"no variable 'X'.*it takes 'N', 'D'", iso.laws.chinchilla.predict, "epoch2024", N=1, D=1, X=1
    )


def test_a_parameter_named_like_a_column():
    law = iso.Law("E + A / N**alpha", variables=("N",))
    refused(iso.LawError, "parameter 'A' of .* is also a column", iso.fit, table(A=np.ones(240)), law)


# -- integers


def test_compute_from_integers_does_not_wrap():
    n, d = np.array([10**12, 7 * 10**10]), np.array([2 * 10**13, 10**12])
    runs = iso.Runs({"N": n, "D": d, "loss": [2.0, 2.1]})
    np.testing.assert_allclose(runs.variable("C"), [1.2e26, 4.2e23], rtol=1e-15)


def test_a_compute_column_that_has_wrapped_is_refused():
    n, d = np.array([10**11, 7 * 10**10, 10**9]), np.array([2 * 10**13, 10**12, 10**9])
    with np.errstate(over="ignore"):
        runs = iso.Runs({"N": n, "D": d, "C": 6 * n * d, "loss": [2.0, 2.1, 2.2]})
    message = (
        r"column 'C' overflowed 64-bit integers in 2 rows \(rows 0, 1\).*where 6\*N\*D is 1.2e\+25.*Hint: cast N and D"
    )
    refused(iso.DataError, message, runs.variable, "C")
    refused(iso.DataError, "overflowed 64-bit", iso.fit, runs, "power", X="C")


# -- files


@pytest.fixture(scope="module")
def fit():
    return iso.fit(twin(), "chinchilla")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.999])
def test_a_half_written_fit(fit, tmp_path, share):
    path = tmp_path / "fit.json"
    fit.save(path)
    text = path.read_text()
    path.write_text(text[: int(len(text) * share)])
    refused(iso.DataError, "fit.json.* is not complete JSON: it breaks at line .*Hint: ", iso.load, path)


def test_files_that_are_no_fit(tmp_path):
    refused(iso.DataError, "cannot read .*none.json", iso.load, tmp_path / "none.json")
    refused(iso.DataError, "cannot read", iso.load, tmp_path)
    path = tmp_path / "other.json"
    path.write_text('{"a": 1}')
    refused(iso.DataError, "not a result saved by isoflop", iso.load, path)


def test_a_file_without_one_of_its_fields(fit, tmp_path):
    content = fit.to_dict()
    for field in ("law", "recipe", "params", "table"):
        path = tmp_path / f"{field}.json"
        path.write_text(json.dumps({k: v for k, v in content.items() if k != field}))
        refused(iso.DataError, rf"{field}.json.*'{field}'", iso.load, path)


def test_a_fit_of_a_newer_schema(fit, tmp_path):
    path = tmp_path / "fit.json"
    newer = {**fit.to_dict(), "schema": _store.SCHEMA + 1, "version": "99.1", "new_field": [1]}
    path.write_text(json.dumps(newer))
    message = (
        rf"has schema {_store.SCHEMA + 1} \(isoflop 99.1\), this version reads up to {_store.SCHEMA}.*Hint: upgrade"
    )
    refused(iso.DataError, message, iso.load, path)


@pytest.mark.parametrize("name", ["runs.csv", "runs.parquet", "runs.ndjson"])
def test_unreadable_tables(tmp_path, name):
    path = tmp_path / name
    refused(iso.DataError, rf"{name}", iso.read_runs, path)
    pl.DataFrame(table()).write_parquet(tmp_path / "whole.parquet")
    whole = (tmp_path / "whole.parquet").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused(iso.DataError, rf"cannot read .*{name}|{name}' is not UTF-8 text", iso.read_runs, path)


#: Saves one result over and over, each time another one, until it is killed.
SAVER = """
import sys
import numpy as np
import isoflop as iso
from dataclasses import replace
fit = iso.load(sys.argv[1])
print("ready", flush=True)
k = 0
while True:
    k += 1
    replace(fit, objective=float(k), residuals=np.full(20_000, float(k))).save(sys.argv[1])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this platform")
def test_a_save_that_is_killed_leaves_a_whole_file(fit, tmp_path):
    path = tmp_path / "fit.json"
    for attempt in range(4):
        fit.save(path)
        with subprocess.Popen([sys.executable, "-c", SAVER, os.fspath(path)], stdout=subprocess.PIPE) as child:
            assert child.stdout.readline()
            time.sleep(0.15 + 0.037 * attempt)
            child.kill()
        again = iso.load(path)
        written = again.residuals
        assert again.objective == fit.objective or (written == again.objective).all()


def test_a_save_into_a_folder_that_is_not_there(fit, tmp_path):
    with pytest.raises((iso.DataError, OSError), match="nowhere"):
        fit.save(tmp_path / "nowhere" / "fit.json")
    assert list(tmp_path.iterdir()) == []


# -- settings


@pytest.mark.parametrize("rng", [-1, 2**64, "seven", 1.5])
def test_seeds_that_are_none(rng):
    refused(iso.DataError, "rng is .*, expected", iso.fit, table(), rng=rng)


@pytest.mark.parametrize("n", [0, -5, 2.5, True, "many", None])
def test_numbers_of_resamples_that_are_none(fit, n):
    refused(iso.DataError, "n_resamples is .*, expected a whole number of at least 1", fit.bootstrap, n)


@pytest.mark.parametrize("level", [0, 1, 95, -0.5, float("nan"), "high", None, True])
def test_levels_that_are_none(fit, level):
    refused(iso.DataError, "level is", fit.bootstrap(50).interval, level)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ({"N": 0.0, "D": 1e9}, "N is 0 at point 0, expected values above 0"),
        ({"N": [1e9, -1.0], "D": 1e9}, "N is -1 at point 1"),
        ({"N": "big", "D": 1e9}, "N holds 'big', expected numbers"),
        ({"N": np.nan, "D": 1e9}, "N is nan at point 0"),
        ({"N": [1e9, 1e10], "D": [1e9, 1e10, 1e11]}, "N .*2.* D .*3|do not broadcast"),
    ],
)
def test_points_that_are_none(fit, points, message):
    refused(iso.DataError, message, fit.predict, **points)
    refused(iso.DataError, message, fit.bootstrap(50).band, **points)
