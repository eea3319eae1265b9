"""Run tables from files: CSV, Parquet and NDJSON, whole or not at all.

Polars does the parsing and is imported only here; what is half-written is found before it, because
a cut last line otherwise reads as a row with nulls or a shorter number.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._errors import DataError, compose, counted, listed, nearest
from ._runs import Runs

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    import polars as pl

NULLS = ["", "NA", "N/A", "null"]


def read_runs(path: str | os.PathLike[str], *, where: str | None = None, **roles: Any) -> Runs:
    r"""Read a table of runs from a file.

    Parameters
    ----------
    path : path
        CSV or TSV, NDJSON (`.ndjson`, `.jsonl`), each also with `.gz`; or Parquet.
    where : str, optional
        Which rows to keep, as in `Runs.where`; the units are checked on those only.
    **roles
        As in `Runs`: `loss="val_loss"`, `groups="run_id"`, ...

    Raises
    ------
    DataError
        If the file is missing, empty, cut off, or of an unknown kind.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import isoflop as iso
    >>> path = pathlib.Path(tempfile.mkdtemp(), "runs.csv")
    >>> _ = path.write_text("params,tokens,loss\n1e8,2e9,3.1\n1e9,2e10,2.6\n")
    >>> iso.read_runs(path, where="N > 1e8").loss
    array([2.6])
    """
    runs = Runs._unannounced(read_frame(path), **roles)
    if where is not None:
        runs = runs.where(where)
    runs._announce()
    return runs


def read_frame(path: str | os.PathLike[str]) -> pl.DataFrame:
    """Read a file into a polars frame, after checking that it is whole."""
    file = Path(path).expanduser()
    name = file.name.lower()
    plain = name.removesuffix(".gz")
    reader = _READERS.get(Path(plain).suffix)
    if reader is None or (plain != name and reader is _parquet):
        raise _unknown(file)
    content = _bytes(file, compressed=plain != name)
    frame: pl.DataFrame = reader(file.name, content)
    if frame.is_empty():
        raise DataError(compose(f"{file.name!r} has a header but no rows", "check what wrote it"))
    return frame


def _bytes(file: Path, compressed: bool) -> bytes:
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        raise _missing(file) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(compose(f"cannot read {str(file)!r}: {reason}", "pass a file")) from None
    if not content:
        raise DataError(compose(f"{file.name!r} is empty", "check that it was written and closed"))
    if not compressed:
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise _cut(file.name, str(error).lower().rstrip(".")) from None


def _csv(name: str, content: bytes, separator: str = ",") -> pl.DataFrame:
    import polars as pl

    text = _decode(name, content)
    _check_lines(name, text, separator)
    frame = _parsed(
        name,
        lambda: pl.read_csv(
            io.BytesIO(text.encode()), separator=separator, infer_schema_length=None, null_values=NULLS
        ),
    )
    return frame.with_columns(_as_floats(column) for column in frame.get_columns())


def _as_floats(column: pl.Series) -> pl.Series:
    """Cast what are numbers to us, if not to polars: beyond 64 bits, or with "nan" among them."""
    import polars as pl

    if column.dtype.is_integer() and "128" in str(column.dtype):
        return column.cast(pl.Float64)
    if column.dtype != pl.String:
        return column
    plain = column.str.strip_chars().str.replace(r"^[+-]?(?i:nan)$", "NaN")
    floats = plain.cast(pl.Float64, strict=False)
    return floats if floats.null_count() == column.null_count() < len(column) else column


def _tsv(name: str, content: bytes) -> pl.DataFrame:
    return _csv(name, content, "\t")


def _check_lines(name: str, text: str, separator: str) -> None:
    """Refuse lines with more or fewer fields than the header, and quotes that never close."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        header = next(reader, [])
        _check_header(name, header)
        for fields in reader:
            if fields and len(fields) != len(header):
                message = (
                    f"line {reader.line_num} of {name!r} has {counted(len(fields), 'field')}, "
                    f"expected {len(header)} as in the header"
                )
                raise DataError(compose(message, "the file may be half-written; write it again"))
    except csv.Error as error:
        raise _cut(name, f"line {reader.line_num}: {error}") from None


def _check_header(name: str, header: list[str]) -> None:
    twice = sorted({column for column in header if header.count(column) > 1})
    if twice:
        raise DataError(compose(f"{name!r} has two columns named {listed(twice)}", "rename one of them"))


def _ndjson(name: str, content: bytes) -> pl.DataFrame:
    import polars as pl

    columns: dict[str, list[Any]] = {}
    n_rows = 0
    for number, line in enumerate(_decode(name, content).splitlines(), start=1):
        if not line.strip():
            continue
        for key, value in _record(name, number, line).items():
            columns.setdefault(key, [None] * n_rows).append(value)
        n_rows += 1
        for values in columns.values():
            if len(values) < n_rows:
                values.append(None)
    return pl.DataFrame({key: _tidy(values) for key, values in columns.items()}, strict=False)


def _record(name: str, number: int, line: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        reason = getattr(error, "msg", "nested too deeply").lower()
        raise _cut(name, f"line {number} is no JSON ({reason})") from None
    if not isinstance(record, dict):
        message = f"line {number} of {name!r} is a {type(record).__name__}, expected an object"
        raise DataError(compose(message, "write one object with the columns per line"))
    return record


def _tidy(values: list[Any]) -> list[Any]:
    """Give a column one kind: numbers as floats where one is, anything mixed as text."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float}:
        wide = float in kinds or any(v is not None and abs(v) >= 2**63 for v in values)
        return [_float(v) if wide and v is not None else v for v in values]
    if kinds <= {bool} or kinds <= {str}:
        return values
    return [v if v is None or isinstance(v, str) else json.dumps(v) for v in values]


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _parquet(name: str, content: bytes) -> pl.DataFrame:
    import polars as pl

    if content[:4] != b"PAR1":
        raise _cut(name, "it does not begin as a Parquet file")
    if len(content) < 12 or content[-4:] != b"PAR1":
        raise _cut(name, "a Parquet file ends with a footer, this one does not")
    return _parsed(name, lambda: pl.read_parquet(io.BytesIO(content)))


def _parsed(name: str, parse: Callable[[], pl.DataFrame]) -> pl.DataFrame:
    import polars as pl

    try:
        return parse()
    except (Exception, pl.exceptions.PanicException) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise _cut(name, reason) from error


def _decode(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"{name!r} is not UTF-8 text (byte {error.start})"
        raise DataError(compose(message, "save the file as UTF-8")) from None


def _cut(name: str, reason: str) -> DataError:
    return DataError(compose(f"cannot read {name!r}: {reason}", "the file may be half-written; write it again"))


def _missing(file: Path) -> DataError:
    folder = file.parent
    names = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
    close = nearest(file.name, names)
    if close:
        hint = f"did you mean {listed(close)}?"
    else:
        hint = "check the path" if folder.is_dir() else f"there is no folder {str(folder)!r}"
    return DataError(compose(f"no file {str(file)!r}", hint))


def _unknown(file: Path) -> DataError:
    known = ".csv .tsv .ndjson .jsonl (each also .gz) .parquet"
    kind = "".join(file.suffixes[-2:] if file.suffix == ".gz" else [file.suffix])
    message = f"cannot tell what kind of file {file.name!r} is" + (f" ({kind})" if kind else "")
    return DataError(compose(message, f"known are {known}; or read it yourself and pass the frame to Runs"))


_READERS: dict[str, Callable[[str, bytes], Any]] = {
    ".csv": _csv, ".tsv": _tsv, ".ndjson": _ndjson, ".jsonl": _ndjson,
    ".parquet": _parquet, ".pq": _parquet,
}  # fmt: skip
