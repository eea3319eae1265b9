"""Runs: intake from every kind of frame, values when they are asked for, rows that are kept."""

from __future__ import annotations

import pickle
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoflop._errors import DataError, DataWarning
from isoflop._frames import new_frame, read_table
from isoflop._runs import Runs, as_runs

from .strategies import BACKENDS, run_tables

TABLE = {
    "params": np.array([1e8, 1e9, 1e8, 4e9]),
    "tokens": np.array([2e9, 2e10, 8e9, 1e11]),
    "val_loss": np.array([3.1, 2.6, 2.9, 2.3]),
    "family": np.array(["moe", "dense", "moe", "dense"], dtype=object),
    "run": np.array([1, 2, 1, 3]),
}


def runs_of(backend: str = "dict", **keywords: object) -> Runs:
    return Runs(BACKENDS[backend](TABLE), **keywords)


def with_column(name: str, values: object) -> dict[str, object]:
    return TABLE | {name: values}


@pytest.mark.parametrize("backend", BACKENDS)
class TestEveryBackend:
    def test_numbers(self, backend: str) -> None:
        runs = runs_of(backend)
        assert runs.loss.dtype == np.float64
        np.testing.assert_array_equal(runs.loss, TABLE["val_loss"])
        np.testing.assert_array_equal(runs.variable("N"), TABLE["params"])
        np.testing.assert_array_equal(runs.variable("run"), TABLE["run"])
        np.testing.assert_array_equal(runs.variable("C"), 6 * TABLE["params"] * TABLE["tokens"])

    def test_levels(self, backend: str) -> None:
        codes, labels = runs_of(backend).factor("family")
        assert labels == ["dense", "moe"]
        assert codes.tolist() == [1, 0, 1, 0]
        codes, labels = runs_of(backend, groups="run").group_codes()
        assert (codes.tolist(), labels) == ([0, 1, 0, 2], [1, 2, 3])

    def test_same_fingerprint_and_repr(self, backend: str) -> None:
        runs = runs_of(backend, groups="family", X="run")
        assert runs.fingerprint == runs_of(groups="family", X="run").fingerprint
        assert repr(runs) == repr(runs_of(groups="family", X="run"))
        assert runs.fingerprint_of(["family"]) == runs_of().fingerprint_of(["family"])

    def test_filter_keeps_kind_of_frame(self, backend: str) -> None:
        kept = runs_of(backend).where("N > 1e8")
        assert kept.variable("D").tolist() == [2e10, 1e11]
        expected = {"dict": pl.DataFrame, "polars-lazy": pl.DataFrame}.get(backend, type(BACKENDS[backend](TABLE)))
        assert type(kept.to_frame()) is expected

    def test_null_and_nan_apart(self, backend: str) -> None:
        table = with_column("tokens", np.array([2e9, None, 8e9, 1e11], dtype=object))
        runs = Runs(BACKENDS[backend](table))
        word = "NaN" if backend == "pandas" else "null"  # plain pandas has one mark for both
        with pytest.raises(DataError, match=rf"column 'tokens' \(D\) has 1 {word} \(row 1\)"):
            runs.variable("D")

    def test_fault_in_unused_column_does_not_matter(self, backend: str) -> None:
        table = with_column("lr", np.array([1.0, None, 1.0, 1.0], dtype=object))
        subset, n_omitted = Runs(BACKENDS[backend](table)).for_variables(["N", "D"])
        assert (len(subset), n_omitted) == (4, 0)

    def test_omit(self, backend: str) -> None:
        table = with_column("tokens", np.array([2e9, None, 0.0, 1e11], dtype=object))
        runs = Runs(BACKENDS[backend](table), nan_policy="omit")
        subset, n_omitted = runs.for_variables(["N", "D"], factors=["family"], positive=["D"])
        assert n_omitted == 2
        assert subset.variable("D").tolist() == [2e9, 1e11]
        assert subset.row_numbers.tolist() == [0, 3]
        assert subset.notes[-1] == "2 of 4 rows left out (rows 1, 2)"

    def test_pickle(self, backend: str) -> None:
        runs = runs_of(backend, groups="run").where("N > 1e8")
        again = pickle.loads(pickle.dumps(runs))
        assert again.fingerprint == runs.fingerprint
        assert again.row_numbers.tolist() == [1, 3]


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.astype(np.float32),
        lambda a: a.astype(np.int64),
        lambda a: a.astype(np.uint64),
        lambda a: a.astype(">f8"),
        lambda a: a.astype(">i8"),
        lambda a: np.repeat(a, 3)[::3],
        lambda a: np.asfortranarray(np.stack([a, a]))[0],
        lambda a: np.frombuffer(b"x" + a.tobytes(), dtype=np.float64, offset=1),
        lambda a: np.ma.masked_array(a),
        lambda a: a.tolist(),
        lambda a: [Decimal(str(v)) for v in a],
        lambda a: pl.Series(a),
        lambda a: pd.Series(a, index=[9, 8, 7, 6]),
        lambda a: pa.array(a),
    ],
    ids=[
        "float32",
        "int64",
        "uint64",
        "big-endian-floats",
        "big-endian-integers",
        "strided",
        "row-of-fortran",
        "misaligned",
        "masked",
        "list",
        "decimals",
        "polars",
        "pandas",
        "pyarrow",
    ],
)
def test_layouts_of_arrays(change: object) -> None:
    runs = Runs(with_column("params", change(TABLE["params"])))
    values = runs.variable("N")
    np.testing.assert_array_equal(values, TABLE["params"])
    assert values.flags.c_contiguous
    assert values.flags.aligned
    assert values.dtype == np.dtype(np.float64)


@pytest.mark.parametrize(
    "frame",
    [
        pl.DataFrame({"w": [1, None, 3]}, schema={"w": pl.Int128}),
        pl.DataFrame({"w": [1, None, 3]}, schema={"w": pl.Decimal(10, 2)}),
        pl.DataFrame({"w": [1.0, None, 3.0]}, schema={"w": pl.Float32}),
        pa.table({"w": pa.array([1, None, 3], pa.float16())}),
        pa.table({"w": pa.array([1, None, 3], pa.uint8())}),
        pa.table({"w": pa.array([Decimal(1), None, Decimal(3)])}),
        pd.DataFrame({"w": pd.array([1, None, 3], dtype="Int32")}),
        pd.DataFrame({"w": pd.Series([Decimal(1), None, 3], dtype=object)}),
        {"w": np.ma.masked_array([1.0, 2.0, 3.0], mask=[False, True, False])},
        {"w": [1, None, 3]},
    ],
)
def test_kinds_of_number(frame: object) -> None:
    runs = as_runs(read_table(frame), nan_policy="omit", X="w")
    np.testing.assert_array_equal(runs.variable("X"), [1.0, np.nan, 3.0])
    assert len(runs.for_variables(["X"])[0]) == 2
    with pytest.raises(DataError, match=r"1 null \(row 1\)"):
        as_runs(read_table(frame), X="w").variable("X")


@pytest.mark.filterwarnings("ignore::isoflop._errors.DataWarning")
def test_large_integers_are_cast_not_refused() -> None:
    big = 2**60 + 1
    for frame in (pl.DataFrame({"D": [big]}), pa.table({"D": [big]}), {"D": [2**70]}):
        assert Runs(frame).variable("D")[0] >= float(2**60)
    with pytest.raises(DataError, match="1 infinite value"):
        Runs({"D": [10**400]}).variable("D")


def test_compute_of_integers_does_not_wrap() -> None:
    table = {"N": np.array([70_000_000_000]), "D": np.array([1_400_000_000_000]), "loss": np.array([1.9])}
    runs = Runs(table)
    assert runs.variable("C").tolist() == [5.88e23]
    assert runs.derived == {"C": "6*N*D"}
    assert "C" not in runs.roles
    with np.errstate(over="ignore"):
        wrapped = 6 * table["N"] * table["D"]
    broken = Runs(table | {"flops": wrapped})
    with pytest.raises(DataError, match=r"column 'flops' \(C\) overflowed 64-bit integers in 1 row \(row 0\)"):
        broken.variable("C")
    assert Runs(table | {"flops": wrapped}, C="6*N*D").variable("C").tolist() == [5.88e23]


def test_structured_array_and_broadcast_scalar() -> None:
    rows = np.array([(1e8, 3.0), (1e9, 2.5)], dtype=[("N", ">f8"), ("loss", "f4")])
    assert Runs(rows).loss.tolist() == [3.0, 2.5]
    assert Runs({"N": [1e8, 1e9], "D": 2e9}).variable("D").tolist() == [2e9, 2e9]


def test_input_is_copied() -> None:
    values = np.array([3.0, 2.5])
    frame = pd.DataFrame({"N": [1e8, 1e9], "loss": values})
    runs, from_pandas = Runs({"N": [1e8, 1e9], "loss": values}), Runs(frame)
    values[:] = 0
    frame.loc[:, "loss"] = 0
    assert runs.loss.tolist() == from_pandas.loss.tolist() == [3.0, 2.5]
    assert runs.to_frame()["loss"].to_list() == [3.0, 2.5]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ({}, "the table has no columns"),
        ({"N": []}, "the table has no rows"),
        (pl.DataFrame({"N": []}), "the table has no rows"),
        ({"N": [1.0], "D": [1.0, 2.0]}, "columns differ in length: 'N' has 1 rows, 'D' has 2"),
        ({"N": np.ones((2, 2))}, "column 'N' has 2 dimensions, expected one"),
        ({1: [1.0]}, "column names must be text, got 1"),
        (pd.DataFrame([[1, 2]]), "column names must be text, got 0, 1"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "two columns share a name"),
        (np.ones(3), "a ndarray is no table of runs"),
        ("runs.csv", "a str is no table of runs"),
        (pd.Series([1.0]), "a Series is no table of runs"),
        (pl.Series([1.0]), "a Series is no table of runs"),
    ],
)
def test_no_table(frame: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Runs(frame)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, None, None, 1.0], r"2 nulls \(rows 1, 2\), expected finite numbers"),
        ([1.0, np.nan, 1.0, 1.0], r"1 NaN \(row 1\), expected finite numbers"),
        ([1.0, np.inf, -np.inf, 1.0], r"2 infinite values \(rows 1, 2\), expected finite numbers"),
        (
            [1.0, None, np.nan, -np.inf],
            r"1 null \(row 1\) and 1 NaN \(row 2\) and 1 infinite value \(row 3\)",
        ),
        (["a", "b", "a", None], r"column 'w' holds text \('a' in row 0\), expected numbers"),
        ([1.0, "1,000", 2, 3], r"text \('1,000' in row 1\), expected numbers\n\nHint: convert the column"),
        ([{}, [], 1, 2], "column 'w' holds dict values, expected numbers"),
        ([[1], [2, 3], 4, 5], "column 'w' holds list values, expected numbers"),
        (np.array([1, 2, 3, 4], "M8[s]"), "column 'w' holds datetime64"),
        (np.ones(4, complex), "column 'w' holds complex128 values, expected numbers"),
    ],
)
def test_unusable_values(values: object, message: str) -> None:
    runs = Runs(with_column("w", values))
    with pytest.raises(DataError, match=message):
        runs.variable("w")


def test_positive() -> None:
    runs = Runs(with_column("w", [1.0, 0.0, -2.0, -3.0]))
    assert runs.variable("w").tolist() == [1.0, 0.0, -2.0, -3.0]
    message = r"column 'w' has 1 zero value \(row 1\) and 2 negative values \(rows 2, 3\), expected positive"
    with pytest.raises(DataError, match=message):
        runs.require_positive(["w"])
    with pytest.raises(DataError, match=message):
        runs.for_variables(["w"], positive=["w"])
    runs.require_positive(["N", "D", "loss", "C"])


def test_rows_keep_their_numbers() -> None:
    runs = Runs(with_column("w", [1.0, 2.0, np.nan, np.nan])).where("family == 'moe'")
    with pytest.raises(DataError, match=r"1 NaN \(row 2\)"):
        runs.variable("w")


def test_nothing_left() -> None:
    runs = Runs(with_column("tokens", [np.nan] * 4), nan_policy="omit")
    with pytest.raises(DataError, match="no row has usable values"):
        runs.for_variables(["N", "D"])
    with pytest.raises(DataError, match="no row passes the filter 'N > 1e20'"):
        runs.where("N > 1e20")


def test_missing_level() -> None:
    table = with_column("family", ["a", None, "b", "a"])
    with pytest.raises(DataError, match=r"column 'family' has 1 null \(row 1\), expected a value in every row"):
        Runs(table).factor("family")
    runs = Runs(table, nan_policy="omit")
    assert runs.factor("family")[0].tolist() == [0, -1, 1, 0]
    assert runs.for_variables(["N"], factors=["family"])[1] == 1
    with pytest.raises(DataError, match=r"column 'val_loss' \(loss\) holds 2.3, expected text or whole numbers"):
        runs.factor("loss")


@pytest.mark.parametrize("backend", BACKENDS)
def test_columns_without_any_value(backend: str) -> None:
    table = BACKENDS[backend](with_column("w", np.array([None] * 4, dtype=object)))
    with pytest.raises(DataError, match=r"column 'w' has 4 nulls \(rows 0, 1, 2, 3\)"):
        Runs(table).variable("w")
    assert Runs(table, nan_policy="omit").factor("w")[1] == []


def test_lists_are_no_levels() -> None:
    runs = Runs(pl.DataFrame({"run_id": [[1], [2]], "loss": [3.0, 2.0]}))
    with pytest.raises(DataError, match=r"column 'run_id' holds list\(int64\) values, expected text or whole"):
        runs.final()
    assert "list(int64)" in runs.summary()


def test_levels_of_other_kinds() -> None:
    for values in (
        pd.Categorical(["b", "a", None]),
        pl.Series(["b", "a", None], dtype=pl.Categorical),
        pl.Series(["b", "a", None], dtype=pl.Enum(["b", "a"])),
        np.array(["b", "a", None], dtype=object),
        np.ma.masked_array(["b", "a", "x"], mask=[False, False, True]),
    ):
        runs = Runs({"loss": [3.0, 2.0, 1.0], "f": values}, nan_policy="omit")
        codes, labels = runs.factor("f")
        assert (codes.tolist(), labels) == ([1, 0, -1], ["a", "b"])
    assert Runs({"f": np.array([b"b", b"\xc3\xa4"])}).factor("f")[1] == ["b", "ä"]
    dates = pl.DataFrame({"f": ["2024-01-02"]}).with_columns(pl.col("f").str.to_date())
    assert Runs(dates).factor("f")[1] == ["2024-01-02"]
    with pytest.raises(DataError, match="column 'f' holds date values, expected numbers"):
        Runs(dates).variable("f")
    with pytest.raises(DataError, match="a filter needs numbers or text"):
        Runs(dates).where("f > 1")


def test_levels_are_the_same_for_integers_with_gaps() -> None:
    for backend in BACKENDS.values():
        frame = backend(with_column("run", np.array([2, None, 10, 2], dtype=object)))
        assert Runs(frame, nan_policy="omit").factor("run")[1] == [2, 10]


def test_weights() -> None:
    assert runs_of().weights.tolist() == [1.0] * 4
    table = with_column("w", [1.0, 0.0, 2.0, 1.0])
    assert Runs(table, weights="w").weights.tolist() == [1.0, 0.0, 2.0, 1.0]
    assert Runs(with_column("w", [True, False, True, True]), weights="w").weights.sum() == 3
    with pytest.raises(DataError, match=r"column 'w' \(weights\) is -1 in row 1, expected weights of zero or more"):
        _ = Runs(with_column("w", [1.0, -1.0, 2.0, 1.0]), weights="w").weights
    with pytest.raises(DataError, match="is zero in every row"):
        _ = Runs(with_column("w", [0.0] * 4), weights="w").weights


def test_loss_units() -> None:
    nats = runs_of().loss
    bits = Runs(with_column("val_loss", nats / np.log(2)), loss_unit="bits")
    np.testing.assert_allclose(bits.loss, nats, rtol=1e-15)
    per_byte = runs_of().bits_per_byte(4.5)
    np.testing.assert_allclose(per_byte, nats / np.log(2) / 4.5, rtol=1e-15)
    back = Runs(with_column("val_loss", per_byte), loss_unit="bits_per_byte", bytes_per_token=4.5)
    np.testing.assert_allclose(back.loss, nats, rtol=1e-15)
    np.testing.assert_allclose(back.bits_per_byte(), per_byte, rtol=1e-15)
    column = Runs(with_column("bpt", [4.0, 4.0, 5.0, 5.0]), bytes_per_token="bpt")
    np.testing.assert_allclose(column.bits_per_byte(), nats / np.log(2) / [4, 4, 5, 5], rtol=1e-15)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"loss_unit": "bpb"}, "loss_unit='bpb' is not known"),
        ({"loss_unit": "bits_per_byte"}, "needs bytes_per_token"),
        ({"bytes_per_token": 0}, "bytes_per_token=0, expected a positive number"),
        ({"bytes_per_token": "bytse"}, "no column 'bytse'"),
        ({"nan_policy": "drop"}, "nan_policy='drop' is not known"),
        ({"N": TABLE["params"]}, "N is a ndarray, expected the name of a column"),
    ],
)
def test_settings(keywords: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        runs_of(**keywords)


def test_final_keeps_the_last_checkpoint() -> None:
    runs = runs_of(groups="run").final()
    assert runs.row_numbers.tolist() == [1, 2, 3]
    assert runs.notes == ("last checkpoint of 3 runs: largest D by 'run'",)
    assert runs_of().final(by="family").row_numbers.tolist() == [2, 3]
    assert runs_of().final().row_numbers.tolist() == [1, 2, 3]  # understood by name


def test_final_without_tokens_and_with_ties() -> None:
    table = {"loss": [3.0, 2.0, 1.0], "run": ["a", "a", "b"], "step": [5, 5, 1]}
    runs = Runs(table, groups="run").final()
    assert runs.loss.tolist() == [2.0, 1.0]
    assert runs.notes[-1].endswith("largest step by 'run'; 1 of them with several such rows, the last row kept")
    with pytest.raises(DataError, match="cannot tell which checkpoint is last"):
        Runs({"loss": [3.0], "run": ["a"]}).final()
    with pytest.raises(DataError, match="cannot tell which rows belong to one run"):
        Runs({"loss": [3.0], "D": [1e9]}).final()


def test_repeated_runs_are_noted(capsys: pytest.CaptureFixture[str]) -> None:
    assert "column 'run' repeats (3 runs in 4 rows)" in runs_of().notes[0]
    assert "pass groups='run'" in capsys.readouterr().err
    assert runs_of(groups="run").notes == ()
    assert capsys.readouterr().err == ""


def test_split_and_mask() -> None:
    parts = runs_of().split("family")
    assert {label: part.row_numbers.tolist() for label, part in parts.items()} == {
        "dense": [1, 3],
        "moe": [0, 2],
    }
    assert len(runs_of().where(np.array([True, False, False, True]))) == 2
    with pytest.raises(DataError, match="array of int64 with shape"):
        runs_of().where(np.array([1, 0, 0, 1]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"params": [0.1, 1.0, 7.0, 70.0]},
            r"column 'params' \(N\) runs from 0.1 to 70, which looks like millions",
        ),
        ({"tokens": [2, 20, 300, 1400]}, r"column 'tokens' \(D\) runs from 2 to 1400"),
        (
            {"val_loss": [31.0, 26.0, 29.0, 23.0]},
            r"column 'val_loss' \(loss\) has median 27.5, which looks like",
        ),
        (
            {"flops": [1.2e18, 1.2e20, 1.0, 2.4e21]},
            r"column 'flops' \(C\) differs from 6\*N\*D .* in 1 row of 4 \(row 2\)",
        ),
    ],
)
def test_units_are_checked(change: dict[str, object], message: str) -> None:
    with pytest.warns(DataWarning, match=message) as caught:
        Runs(TABLE | change)
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_units_of_rows_that_cannot_be_used_are_not_judged() -> None:
    Runs(TABLE | {"tokens": [np.nan, 0.0, 8e9, np.inf]})


def test_new_frame_is_like_the_old_one() -> None:
    data = {"N": np.array([1.0]), "kind": ["mean"]}
    for name, backend in BACKENDS.items():
        like = runs_of(name).to_frame()
        assert type(new_frame(data, like)) is (
            pl.DataFrame if name in ("dict", "polars-lazy") else type(backend(TABLE))
        )
    assert isinstance(new_frame(data), pl.DataFrame)


def test_printed_on_one_screen() -> None:
    runs = Runs(TABLE | {f"column {i}": np.ones(4) for i in range(100)}, groups="run")
    assert len(repr(runs).splitlines()) <= 12
    assert len(runs.summary().splitlines()) <= 40
    assert "and 81 more columns" in runs.summary()
    assert runs._repr_html_().startswith("<table>")
    assert repr(runs_of(groups="run")) == (
        "Runs: 4 rows, 5 columns, 3 groups\n"
        "  role      column        min     median      max  unusable\n"
        "  loss    val_loss        2.3       2.75      3.1\n"
        "  N         params  100000000  550000000    4e+09\n"
        "  D         tokens      2e+09    1.4e+10    1e+11\n"
        "  groups       run          1   3 levels        3\n"
        "  C          6*N*D    1.2e+18   6.24e+19  2.4e+21"
    )


def test_with_roles() -> None:
    runs = Runs(TABLE | {"flops": 6 * TABLE["params"] * TABLE["tokens"]}, C="flops").where("N > 1e8")
    assert runs.with_roles(X="flops").variable("X").tolist() == runs.variable("C").tolist()
    assert runs.with_roles(X="C").row_numbers.tolist() == [1, 3]
    assert runs.with_roles(groups="run").roles["groups"] == "run"
    assert "C" not in runs.with_roles(C="6*N*D").roles
    assert as_runs(runs) is runs
    assert as_runs(runs, nan_policy="omit", loss_unit="bits").loss[0] == 2.6 * np.log(2)


def test_frozen() -> None:
    with pytest.raises(AttributeError):
        runs_of().notes = ()


@pytest.mark.filterwarnings("ignore::isoflop._errors.DataWarning")
class TestProperties:
    @given(run_tables())
    def test_fingerprint_does_not_depend_on_the_kind_of_frame(self, table: dict[str, np.ndarray]) -> None:
        prints = {Runs(make(table), groups="family").fingerprint for make in BACKENDS.values()}
        assert len(prints) == 1

    @given(run_tables(min_rows=2), st.data())
    def test_fingerprint_sees_values_and_order(self, table: dict[str, np.ndarray], data: st.DataObject) -> None:
        row = data.draw(st.integers(0, len(table["epoch"]) - 1))
        column = data.draw(st.sampled_from(["params", "tokens", "val_loss"]))
        changed = table | {column: table[column].copy()}
        changed[column][row] *= 1.5
        assert Runs(changed).fingerprint != Runs(table).fingerprint
        swapped = {name: values[::-1] for name, values in table.items()}
        if not np.array_equal(swapped["val_loss"], table["val_loss"]):
            assert Runs(swapped).fingerprint != Runs(table).fingerprint

    @given(run_tables(), st.sampled_from(sorted(BACKENDS)))
    def test_final_twice_is_final_once(self, table: dict[str, np.ndarray], backend: str) -> None:
        once = Runs(BACKENDS[backend](table), groups="run_id").final()
        assert once.final().fingerprint == once.fingerprint
        assert once.final().notes == once.notes
        assert len(once) == len(set(table["run_id"].tolist()))
        for code in set(table["run_id"].tolist()):
            last = table["tokens"][table["run_id"] == code].max()
            assert last == once.where(f"run_id == {code}").variable("D")[0]

    @given(run_tables(), st.sampled_from(sorted(BACKENDS)))
    def test_split_parts_make_the_whole(self, table: dict[str, np.ndarray], backend: str) -> None:
        parts = Runs(BACKENDS[backend](table)).split("family")
        rows = np.concatenate([part.row_numbers for part in parts.values()])
        assert sorted(rows.tolist()) == list(range(len(table["epoch"])))
        for label, part in parts.items():
            assert set(part.to_frame()["family"].tolist() if backend.startswith("pandas") else [label]) == {label}

    @given(run_tables(), st.integers(-3, 3), st.sampled_from(sorted(BACKENDS)))
    def test_filter_agrees_with_numpy(self, table: dict[str, np.ndarray], cut: int, backend: str) -> None:
        runs = Runs(BACKENDS[backend](table))
        mask = (table["epoch"] <= cut) & ((table["family"] == "moe") | (table["params"] > 1e9))
        text = f"epoch <= {cut} and (family == 'moe' or N > 1e9)"
        if mask.any():
            assert runs.where(text).row_numbers.tolist() == np.nonzero(mask)[0].tolist()
        else:
            with pytest.raises(DataError, match="no row passes"):
                runs.where(text)
