"""Saving and loading results: JSON for what is read by people, Parquet for draws.

A save is atomic: the text goes to a new file in the same folder, is flushed, and then takes the old file's place,
so a crash leaves the old file whole. Draws lie in a file named after their own content, written before the JSON that
points at it, for the same reason. What the fields of a result mean is not known here.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._engine import version
from ._errors import DataError, IsoflopError, compose

#: Number of the layout of saved files; a file with a larger one comes from a newer version.
SCHEMA = 1

PathLike = str | os.PathLike[str]


def plain(value: Any) -> Any:
    """Return `value` in JSON's own types; numbers that JSON lacks become "nan", "inf" and "-inf".

    Examples
    --------
    >>> plain({"delta": float("inf"), "x": np.arange(2.0)})
    {'delta': 'inf', 'x': [0.0, 1.0]}
    """
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return [plain(v) for v in value.tolist()]
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def finite(value: Any) -> Any:
    """Return `value` in JSON's own types for reading elsewhere: numbers that JSON lacks become None.

    Examples
    --------
    >>> finite({"low": float("nan"), "N": np.arange(2.0)})
    {'low': None, 'N': [0.0, 1.0]}
    """
    if isinstance(value, Mapping):
        return {str(k): finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite(v) for v in value]
    if isinstance(value, np.ndarray | np.generic):
        return finite(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def atomic_write(path: PathLike, write: Callable[[Path], None]) -> None:
    """Let `write` fill a new file beside `path`, then put it in the place of `path` in one step."""
    import tempfile

    target = Path(path)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    os.close(handle)
    part = Path(name)
    try:
        write(part)
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.chmod(0o666 & ~_umask())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def document(kind: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return `content` in JSON's types under a heading: what it is ("fit", ...), schema and version."""
    return {"isoflop": kind, "schema": SCHEMA, "version": version(), **plain(content)}


def save_json(path: PathLike, content: Mapping[str, Any]) -> None:
    """Write one document."""
    text = json.dumps(content, allow_nan=False, indent=1) + "\n"

    def write(part: Path) -> None:
        part.write_text(text, encoding="utf-8")

    atomic_write(path, write)


def load_json(path: PathLike, *kinds: str) -> dict[str, Any]:
    """Read a result that is one of `kinds`.

    Raises
    ------
    DataError
        If the file is missing, cut short, not one of ours, of another kind, or of a newer schema.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {os.fspath(path)!r}: {error}") from error
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{os.fspath(path)!r} is not complete JSON: it breaks at line {error.lineno}, column {error.colno}\n\n"
            "Hint: the file was cut short or edited; save the result again"
        ) from error
    return check(document, os.fspath(path), *kinds)


def check(document: Any, where: str, *kinds: str) -> dict[str, Any]:
    """Return `document` if it is a saved result of one of `kinds` that this version can read."""
    if not isinstance(document, dict) or "isoflop" not in document or not isinstance(document.get("schema"), int):
        raise DataError(f"{where!r} is JSON, but not a result saved by isoflop\n\nHint: pass what .save() wrote")
    if document["schema"] > SCHEMA:
        raise DataError(
            f"{where!r} has schema {document['schema']} (isoflop {document.get('version', '?')}), "
            f"this version reads up to {SCHEMA}\n\nHint: upgrade isoflop"
        )
    if document["isoflop"] not in kinds:
        expected = " or ".join(repr(k) for k in kinds)
        raise DataError(f"{where!r} holds a {document['isoflop']!r}, expected {expected}")
    return document


@contextmanager
def reading(path: PathLike) -> Iterator[None]:
    """Turn whatever a result trips over while it is made from a document into a fault of that document.

    Examples
    --------
    >>> with reading("fit.json"):
    ...     {}["law"]
    Traceback (most recent call last):
    isoflop._errors.DataError: 'fit.json' lacks the field 'law'
    <BLANKLINE>
    Hint: the file was edited; save the result again
    """
    hint = "the file was edited; save the result again"
    try:
        yield
    except IsoflopError:
        raise
    except KeyError as error:
        raise DataError(compose(f"{os.fspath(path)!r} lacks the field {error}", hint)) from error
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise DataError(compose(f"{os.fspath(path)!r} holds something unexpected: {error}", hint)) from error


def save_draws(path: PathLike, columns: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """Write columns to a Parquet file beside the JSON file `path`; return what finds and checks it again."""
    import polars as pl

    digest = _digest(columns)
    target = _beside(path, f"{Path(path).stem}.{digest[:12]}.parquet")
    frame = pl.DataFrame(dict(columns))
    atomic_write(target, frame.write_parquet)
    return {"file": target.name, "digest": digest}


def load_draws(path: PathLike, entry: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Read the columns that `save_draws` wrote beside `path`, and check that they are the same."""
    import polars as pl

    target = _beside(path, entry["file"])
    try:
        frame = pl.read_parquet(target)
    except Exception as error:
        raise DataError(
            f"cannot read the draws of {os.fspath(path)!r} from {target.name!r}: {error}\n\n"
            "Hint: keep the .json and the .parquet file in one folder"
        ) from error
    columns = {name: frame[name].to_numpy() for name in frame.columns}
    if _digest(columns) != entry["digest"]:
        raise DataError(f"the draws in {target.name!r} are not those that {os.fspath(path)!r} was saved with")
    return columns


def remove_stale(path: PathLike, keep: str) -> None:
    """Remove draws that an earlier save of `path` left behind."""
    stem = Path(path).stem
    for old in Path(path).parent.glob("*.parquet"):
        middle = old.name.removeprefix(f"{stem}.").removesuffix(".parquet")
        ours = len(middle) == 12 and all(c in "0123456789abcdef" for c in middle)
        if ours and old.name == f"{stem}.{middle}.parquet" and old.name != keep:
            old.unlink(missing_ok=True)


def _beside(path: PathLike, name: str) -> Path:
    return Path(path).parent / Path(name).name


def _digest(columns: Mapping[str, NDArray[Any]]) -> str:
    total = hashlib.sha256()
    for name, values in columns.items():
        total.update(f"{name}:{values.dtype.str}:{len(values)};".encode())
        total.update(np.ascontiguousarray(values).data)
    return total.hexdigest()
