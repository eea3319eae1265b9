"""A hash of column values that is the same whatever kind of frame they came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = b"isoflop-fingerprint-1"


def digest(columns: Mapping[str, Any], n_rows: int) -> str:
    """Return the SHA-256 of named columns: float64 arrays, or lists of labels with None for none.

    The order of rows matters, that of columns does not.

    Examples
    --------
    >>> import numpy as np
    >>> from isoflop._fingerprint import digest
    >>> a, b = np.array([1.0, 2.0]), ["x", None]
    >>> digest({"a": a, "b": b}, 2) == digest({"b": b, "a": a}, 2)
    True
    """
    import hashlib

    hasher = hashlib.sha256(VERSION + n_rows.to_bytes(8, "little"))
    for name in sorted(columns):
        values = columns[name]
        body = _floats(values) if isinstance(values, np.ndarray) else _labels(values)
        for part in (name.encode(), body):
            hasher.update(len(part).to_bytes(8, "little") + part)
    return hasher.hexdigest()


def _floats(values: np.ndarray) -> bytes:
    values = values.astype("<f8") + 0.0  # one zero
    values[np.isnan(values)] = np.nan  # one NaN
    return b"f" + values.astype("<f8").tobytes()


def _labels(values: Any) -> bytes:
    words = [b"\x00" if v is None else b"\x01" + str(v).encode("utf-8", "surrogatepass") for v in values]
    return b"t" + b"".join(len(word).to_bytes(4, "little") + word for word in words)
