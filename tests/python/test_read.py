"""Files of runs, whole or refused, and the row filter of the shell."""

from __future__ import annotations

import contextlib
import gzip
import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoflop._errors import DataError
from isoflop._read import read_frame, read_runs
from isoflop._where import mask, number, text, truth

FRAME = pl.DataFrame(
    {
        "params": [1e8, 1e9],
        "tokens": [2_000_000_000, 20_000_000_000],
        "loss": [3.1, 2.6],
        "family": ["a", "b, c"],
    }
)
CSV = FRAME.write_csv().encode()
JSON = FRAME.write_ndjson().encode()


def parquet() -> bytes:
    buffer = io.BytesIO()
    FRAME.write_parquet(buffer)
    return buffer.getvalue()


FILES = {
    "runs.csv": CSV,
    "runs.CSV": CSV,
    "runs.tsv": FRAME.write_csv(separator="\t").encode(),
    "runs.csv.gz": gzip.compress(CSV),
    "bom.csv": b"\xef\xbb\xbf" + CSV.replace(b"\n", b"\r\n"),
    "runs.ndjson": JSON,
    "runs.jsonl": b"\n" + JSON,
    "runs.jsonl.gz": gzip.compress(JSON),
    "runs.parquet": parquet(),
}


def write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_file(tmp_path: Path, name: str) -> None:
    runs = read_runs(write(tmp_path, name, FILES[name]), groups="family")
    assert runs.roles == {"loss": "loss", "N": "params", "D": "tokens", "groups": "family"}
    assert runs.loss.tolist() == [3.1, 2.6]
    assert runs.variable("D").tolist() == [2e9, 2e10]
    assert runs.group_codes()[1] == ["a", "b, c"]
    assert runs.to_frame().equals(FRAME)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("runs.csv", b"", "'runs.csv' is empty"),
        ("runs.csv", b"N,D\n", "has a header but no rows"),
        ("runs.csv", b"N,D\n1,2\n3\n", r"line 3 of 'runs.csv' has 1 field, expected 2 as in the header"),
        ("runs.csv", b"N,D\n1,2\n3,4,5\n", "line 3 of 'runs.csv' has 3 fields, expected 2"),
        ("runs.csv", b'N,D\n1,"2\n3,4\n', "cannot read 'runs.csv': line 3: unexpected end of data"),
        ("runs.csv", b"N,N\n1,2\n", "'runs.csv' has two columns named 'N'"),
        ("runs.csv", b"N,D\n1,\xff\n", r"'runs.csv' is not UTF-8 text \(byte 6\)"),
        ("runs.csv.gz", gzip.compress(CSV)[:-12], "cannot read 'runs.csv.gz': compressed file ended"),
        ("runs.csv.gz", CSV, "cannot read 'runs.csv.gz': not a gzipped file"),
        ("runs.jsonl", JSON[:-12], "cannot read 'runs.jsonl': line 2 is no JSON"),
        ("runs.jsonl", b"[1, 2]\n", "line 1 of 'runs.jsonl' is a list, expected an object"),
        ("runs.parquet", parquet()[:-9], "a Parquet file ends with a footer, this one does not"),
        ("runs.parquet", CSV, "it does not begin as a Parquet file"),
        ("runs.parquet", b"PAR1" + b"\x00" * 60 + b"PAR1", "cannot read 'runs.parquet'"),
        (
            "runs.xlsx",
            b"x",
            r"cannot tell what kind of file 'runs.xlsx' is \(.xlsx\)\n\nHint: known are .csv",
        ),
        ("runs", b"x", "cannot tell what kind of file 'runs' is\n"),
        ("runs.parquet.gz", b"x", r"\(.parquet.gz\)"),
    ],
)
def test_broken_files(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_runs(write(tmp_path, name, content))


def test_files_that_are_not_there(tmp_path: Path) -> None:
    write(tmp_path, "runs.csv", CSV)
    with pytest.raises(DataError, match=r"no file '.*rnus.csv'\n\nHint: did you mean 'runs.csv'\?"):
        read_runs(tmp_path / "rnus.csv")
    with pytest.raises(DataError, match="there is no folder"):
        read_runs(tmp_path / "nowhere" / "runs.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match=r"cannot read .*folder.csv': is a directory"):
        read_runs(tmp_path / "folder.csv")


def test_integers_beyond_64_bits(tmp_path: Path) -> None:
    csv = write(tmp_path, "a.csv", b"flops,loss\n588000000000000000000000,2\n9223372036854775808,3\n")
    json = write(tmp_path, "a.jsonl", b'{"flops": 588000000000000000000000, "loss": 2}\n{"flops": 1, "loss": 3.5}\n')
    assert read_runs(csv).variable("C").tolist() == [5.88e23, 2.0**63]
    assert read_runs(json).variable("C").tolist() == [5.88e23, 1.0]
    assert read_frame(csv)["flops"].dtype == pl.Float64


def test_json_of_training_logs(tmp_path: Path) -> None:
    lines = b'{"loss": NaN, "step": 1, "cfg": {"a": 1}}\n{"loss": 2, "step": null, "new": true}\n'
    frame = read_frame(write(tmp_path, "log.ndjson", lines))
    assert frame["loss"].is_nan().to_list() == [True, False]
    assert frame["step"].to_list() == [1, None]
    assert frame["cfg"].to_list() == ['{"a": 1}', None]
    assert frame["new"].to_list() == [None, True]


def test_missing_values_in_csv(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", b"N,loss,family\n1e9,NA,x\n2e9,nan,\n3e9,2.5,None\n")
    runs = read_runs(path)
    with pytest.raises(DataError, match=r"1 null \(row 0\) and 1 NaN \(row 1\)"):
        _ = runs.loss
    assert runs.where("N > 2e9").factor("family")[1] == ["None"]


@pytest.mark.filterwarnings("error")
def test_units_are_checked_after_the_filter(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", b"N,loss,ok\n1e9,400,0\n2e9,300,0\n3e9,2.5,1\n")
    runs = read_runs(path, where="ok == 1")
    assert runs.loss.tolist() == [2.5]
    assert runs.row_numbers.tolist() == [2]


# -- the row filter -----------------------------------------------------------------------------

COLUMNS = {
    "N": number([1e8, 1e9, np.nan, 4.0]),
    "family": text(["a", None, "b", "ä"]),
    "flag": truth([True, False, True, False]),
    "val loss": number([3.0, 2.0, 1.0, 0.0]),
}


def look_up(name: str) -> object:
    if name not in COLUMNS:
        raise DataError(f"no column {name!r}")
    return COLUMNS[name]


def kept(expression: str) -> list[int]:
    return np.nonzero(mask(expression, look_up, 4))[0].tolist()


@pytest.mark.parametrize(
    ("expression", "rows"),
    [
        ("N > 1e8", [1]),
        ("N >= 1e8 and flag", [0]),
        ("not flag", [1, 3]),
        ("not N > 1e8", [0, 3]),  # the row without N is neither
        ("N != 4", [0, 1]),
        ("N > 1e8 or flag", [0, 1, 2]),
        ("1 < N < 1e9", [0, 3]),
        ("family == 'a'", [0]),
        ('family in ("a", "ä")', [0, 3]),
        ("family not in ['a']", [2, 3]),
        ("N in (4, 1e9)", [1, 3]),
        ("family is None", [1]),
        ("N is not None", [0, 1, 3]),
        ("family < 'b'", [0]),
        ("flag == True", [0, 2]),
        ("flag == 1", [0, 2]),
        ("N / 1e8 - 1 == 9", [1]),
        ("-N < -1e8", [1]),
        ("N ** 2 % 3 == 1", [0, 1, 3]),
        ("N // 3 == 1", [3]),
        ("1 / (N - 4) > 1e300", [3]),
        ("`val loss` >= 2", [0, 1]),
        ("family == 'ä' or `val loss` == 1", [2, 3]),
        ("family == '`'", []),
        (" N > 1\n and flag ", [0]),
        ("True", [0, 1, 2, 3]),
        ("N > 1e8 and N > 0 or not (flag or N > 0)", [1]),
    ],
)
def test_filter(expression: str, rows: list[int]) -> None:
    assert kept(expression) == rows


@pytest.mark.parametrize(
    ("expression", "message", "position"),
    [
        ("M > 1", "no column 'M'", 0),
        ("family == 'ä' and M > 1", "no column 'M'", 18),
        ("  `val los` > 1", "no column 'val los'", 2),
        ("N = 1", r"cannot read the filter: .*\n(.*\n)*.*Hint: write == to compare", None),
        ("N > 1 && flag", "Hint: write and, or, not", None),
        ("N >", "cannot read the filter", None),
        ("(N > 1", "cannot read the filter", None),
        ("N > 1) or (N < 2", "cannot read the filter", None),
        ("", "the filter is empty", None),
        ("N", r"'N' is a number, expected a comparison(.|\n)*Hint: write N != 0", 0),
        ("flag and N + 1", r"'N \+ 1' is a number, expected a comparison", 9),
        ("flag & (N > 1)", "cannot use this operator(.|\n)*Hint: write and, or", 0),
        ("~flag", "a filter cannot use ~(.|\n)*Hint: write not", 0),
        ("family == 3", "cannot compare text with number(.|\n)*Hint: write text in quotes", 0),
        ("N > '3'", "cannot compare number with text(.|\n)*Hint: write numbers without quotes", 0),
        ("family + 1 > 2", "cannot calculate with text", 0),
        ("N == None", "None can only be compared by is", 5),
        ("N is 3", "is can only be followed by None", 5),
        ("N in 3", "expected values in brackets after in", 5),
        ("N in ()", "expected values in brackets after in", 5),
        ("abs(N) > 1", "a filter cannot use functions", 0),
        ("N.real > 1", "a filter cannot use attributes", 0),
        ("N[0] > 1", "a filter cannot use square brackets", 0),
        ("(lambda: 1)", "a filter cannot use lambda", 1),
        ("N > 1j", "a filter cannot use 1j", 4),
        ("N > b''", "a filter cannot use b''", 4),
        ("f'{N}' == 'a'", "a filter cannot use f-strings", 0),
        ("N > 1" + "0" * 400, "the number is too large", 4),
        ("(N := 3) > 1", "a filter cannot use :=", 1),
        ("x" * 20_000, "the filter has 20000 characters", None),
        ("not " * 2000 + "flag", "nested too deeply|too deeply nested", None),
        ("N > 1 \0", "cannot read the filter", None),
    ],
)
def test_filter_refused(expression: str, message: str, position: int | None) -> None:
    with pytest.raises(DataError, match=message) as caught:
        kept(expression)
    if position is not None:
        assert f"(position {position})" in str(caught.value)
        assert f"\n    {' ' * position}^" in str(caught.value)


@given(st.text(max_size=30))
def test_filter_never_fails_otherwise(expression: str) -> None:
    with contextlib.suppress(DataError):
        kept(expression)


@given(st.text("N()<>=!+-*/ andortif1.'`,[]", max_size=30))
def test_filter_of_plausible_text_never_fails_otherwise(expression: str) -> None:
    with contextlib.suppress(DataError):
        kept(expression)
