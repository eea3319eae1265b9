"""Whether the values of a column are usable, and look as if they were in the right units.

Each check names the column, the rows (counted from 0, in the table as it came in) and the values.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ._errors import DataError, DataWarning, compose, counted, rows_text, warn
from ._frames import Numbers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._columns import Columns

LN2 = math.log(2)
LOSS_UNITS = ("nats", "bits", "bits_per_byte")
OMIT_HINT = "drop these rows, or pass nan_policy='omit' to leave them out and count them"
_NOUNS = {"null": "null", "NaN": "NaN"}


def faults(column: Numbers, positive: bool = False) -> dict[str, np.ndarray]:
    """Sort the unusable values of a column by what is wrong with them.

    Examples
    --------
    >>> import numpy as np
    >>> from isoflop._checks import faults
    >>> from isoflop._frames import Numbers
    >>> list(faults(Numbers(np.array([1.0, np.inf]), np.array([False, False]))))
    ['infinite']
    """
    values, null = column
    if not null.any() and np.isfinite(values).all() and (not positive or (values > 0).all()):
        return {}
    masks = {
        "null": null,
        "NaN": np.isnan(values) & ~null,
        "infinite": np.isinf(values),
        "zero": (values == 0) & positive,
        "negative": (values < 0) & np.isfinite(values) & positive,
    }
    return {word: mask for word, mask in masks.items() if mask.any()}


def fault_error(label: str, found: Mapping[str, np.ndarray], rows: np.ndarray, want: str) -> DataError:
    """Return the error for the faults of one column, naming the first rows of each kind."""
    parts = [
        f"{counted(int(mask.sum()), _NOUNS.get(word, word + ' value'))} ({rows_text(rows[mask])})"
        for word, mask in found.items()
    ]
    text = " and ".join(parts)
    return DataError(compose(f"{label} has {text}, expected {want}", OMIT_HINT))


def to_nats(loss: Numbers, unit: str, bytes_per_token: np.ndarray | float | None) -> Numbers:
    """Convert a loss to nats per token."""
    if unit == "nats":
        return loss
    scale = LN2 if unit == "bits" else LN2 * np.asarray(bytes_per_token, np.float64)
    return Numbers(loss.values * scale, loss.null)


def check_settings(loss_unit: str, bytes_per_token: Any, nan_policy: str) -> None:
    """Refuse settings that mean nothing."""
    check_loss_unit(loss_unit, bytes_per_token)
    if nan_policy not in ("raise", "omit"):
        raise DataError(compose(f"nan_policy={nan_policy!r} is not known", "use 'raise' or 'omit'"))


def check_loss_unit(unit: str, bytes_per_token: Any) -> None:
    """Refuse an unknown unit, or bits per byte without what converts them."""
    if unit not in LOSS_UNITS:
        raise DataError(compose(f"loss_unit={unit!r} is not known", f"use one of {', '.join(LOSS_UNITS)}"))
    if unit == "bits_per_byte" and bytes_per_token is None:
        raise DataError(
            compose(
                "loss_unit='bits_per_byte' needs bytes_per_token",
                "pass the mean number of bytes in a token (about 4 for English text), or the column that holds it",
            )
        )
    if bytes_per_token is not None and not isinstance(bytes_per_token, str):
        check_bytes_per_token(bytes_per_token)


def check_bytes_per_token(value: Any) -> float:
    """Return bytes per token as a float, if it can be one."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise DataError(
            compose(
                f"bytes_per_token={value!r}, expected a positive number or a column name",
                "it is about 4 for English text",
            )
        )
    return number


def check_units(columns: Columns) -> None:
    """Warn where N, D or C look as if they were in other units."""
    seen = {role: _finite(columns, role) for role in ("N", "D", "C") if role in columns.roles}
    for role in ("N", "D"):
        _check_count(columns, role, seen.get(role, np.empty(0)))
    if {"N", "D", "C"} <= seen.keys():
        _check_compute(columns, seen["C"], 6.0 * seen["N"] * seen["D"])


def _finite(columns: Columns, role: str) -> np.ndarray:
    try:
        values = columns.numbers(role).values.copy()
    except DataError:  # whoever uses the column will hear of it
        return np.full(len(columns.rows), np.nan)
    values[~np.isfinite(values) | (values <= 0)] = np.nan
    return values


def _check_count(columns: Columns, role: str, values: np.ndarray) -> None:
    values = values[np.isfinite(values)]
    if values.size and values.max() < 1e5:
        low, high = values.min(), values.max()
        warn(
            f"{columns.label(role)} runs from {low:.4g} to {high:.4g}, "
            f"which looks like millions or billions; expected a plain count",
            DataWarning,
            f"multiply the column by 1e6 or 1e9, or map it to another letter if it is no {role}",
        )


def check_loss(columns: Columns) -> None:
    """Warn where the loss looks as if it were in other units, or no loss at all."""
    values = _finite(columns, "loss") if "loss" in columns.roles else np.empty(0)
    values = values[np.isfinite(values)]
    if values.size and np.median(values) > 20:
        warn(
            f"{columns.label('loss')} has median {np.median(values):.4g}, which looks like percent, "
            "perplexity or a sum over tokens; expected nats per token",
            DataWarning,
            "a loss is the log of the perplexity; divide a sum by its tokens, a percentage by 100",
        )


def _check_compute(columns: Columns, compute: np.ndarray, expected: np.ndarray) -> None:
    ratio = compute / expected
    off = (ratio > 10) | (ratio < 0.1)
    if off.any():
        first = int(np.argmax(off))
        warn(
            f"{columns.label('C')} differs from 6*N*D by more than a factor of 10 in "
            f"{counted(int(off.sum()), 'row')} of {len(columns.rows)} ({rows_text(columns.rows[off])}), "
            f"first {compute[first]:.4g} against {expected[first]:.4g}",
            DataWarning,
            "check the units of N, D and C, or pass C='6*N*D' to have it computed",
        )


def refuse_wrapped(label: str, compute: Numbers, expected: np.ndarray, rows: np.ndarray) -> None:
    """Raise where an integer C is what is left of a product beyond 64 bits."""
    values = compute.values
    with np.errstate(invalid="ignore", divide="ignore"):
        beyond = expected >= 2.0**63
        wrapped = beyond & ((values <= 0) | (values < expected / 10))
    if wrapped.any():
        first = int(np.argmax(wrapped))
        raise DataError(
            compose(
                f"{label} overflowed 64-bit integers in {counted(int(wrapped.sum()), 'row')} "
                f"({rows_text(rows[wrapped])}): {values[first]:.4g} where 6*N*D is "
                f"{expected[first]:.4g}",
                "cast N and D to float before multiplying, or pass C='6*N*D' to have it computed",
            )
        )


def check_weights(label: str, values: np.ndarray, rows: np.ndarray) -> None:
    """Refuse weights that are negative or no finite number, and weights that are all zero."""
    odd = np.nonzero(~(np.isfinite(values) & (values >= 0)))[0]
    if len(odd):
        raise DataError(
            compose(
                f"{label} is {values[odd[0]]:.4g} in {rows_text(rows[odd])}, "
                "expected weights of zero or more, all finite",
                "use 0 to leave a row out",
            )
        )
    if not (values > 0).any():
        raise DataError(compose(f"{label} is zero in every row", "some rows need weight"))
