"""From words of the shell to arguments of the API: `E=1.7`, `alpha=0.1:1`, `beta=alpha`, `N=70e9,D=1.4e12`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from .._law import Law
from .._prior import LogitNormal, LogNormal, Normal, Prior
from . import UsageError

_PRIORS: dict[str, type[LogNormal | Normal | LogitNormal]] = {
    "lognormal": LogNormal,
    "normal": Normal,
    "logitnormal": LogitNormal,
}
#: Letters that a formula may use as variables without a `--var`.
LETTERS = ("N", "D", "C", "X")


def pairs(words: Sequence[str] | None, option: str, shape: str) -> dict[str, str]:
    """Return `name=value` words as a dict; several may stand in one word, joined by commas.

    Examples
    --------
    >>> pairs(["E=1.7,p=1", "alpha=0.3"], "--fixed", "E=1.7")
    {'E': '1.7', 'p': '1', 'alpha': '0.3'}
    """
    out: dict[str, str] = {}
    for part in _parts(words):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not (name and equals and value):
            raise UsageError(f"{option} {part!r}: expected a name and a value, such as {shape}")
        out[name] = value
    return out


def _parts(words: Iterable[str] | None) -> list[str]:
    """Split at commas that stand before the next `name=`, so that formulas keep theirs."""
    return [part for word in words or () for part in re.split(r",(?=\s*[A-Za-z_][\w\[\] .-]*=)", word)]


def fixed(words: Sequence[str] | None) -> dict[str, float | None] | None:
    """Return `name=number` words as floats, None where there are none; `name=free` frees what the law holds.

    Examples
    --------
    >>> fixed(["E=1.7,Y0=free"])
    {'E': 1.7, 'Y0': None}
    """
    found = pairs(words, "--fixed", "E=1.7")
    return {k: None if v == "free" else number(v, "--fixed", "E=1.7") for k, v in found.items()} or None


def bounds(words: Sequence[str] | None) -> dict[str, tuple[float | None, float | None]] | None:
    """Return `name=low:high` words as pairs; an end left out is open.

    Examples
    --------
    >>> bounds(["alpha=0.1:1", "E=:2"])
    {'alpha': (0.1, 1.0), 'E': (None, 2.0)}
    """
    shape = "alpha=0.1:1"
    out: dict[str, tuple[float | None, float | None]] = {}
    for name, text in pairs(words, "--bounds", shape).items():
        low, colon, high = text.partition(":")
        if not colon:
            raise UsageError(f"--bounds {name}={text}: expected low and high, such as {shape}")
        ends = (number(end, "--bounds", shape) if end.strip() else None for end in (low, high))
        out[name] = (next(ends), next(ends))
    return out or None


def priors(words: Sequence[str] | None) -> dict[str, Prior] | Literal["weak"] | None:
    """Return `weak`, or `name=kind:centre:sd` words as priors.

    Examples
    --------
    >>> priors(["alpha=lognormal:0.35:0.35"])
    {'alpha': LogNormal(median=0.35, sd=0.35)}
    """
    if words and list(words) == ["weak"]:
        return "weak"
    shape = "weak, or alpha=lognormal:0.35:0.35"
    out: dict[str, Prior] = {}
    for name, text in pairs(words, "--prior", shape).items():
        kind, *rest = text.split(":")
        if kind.lower() not in _PRIORS or len(rest) != 2:
            raise UsageError(f"--prior {name}={text}: expected {shape} (lognormal, normal or logitnormal)")
        centre, sd = (number(piece, "--prior", shape) for piece in rest)
        out[name] = _PRIORS[kind.lower()](centre, sd)
    return out or None


def points(words: Sequence[str] | None) -> list[dict[str, Any]]:
    """Return each word as one point; what is no number is a level.

    Examples
    --------
    >>> points(["N=70e9,D=1.4e12,family=a"])
    [{'N': 70000000000.0, 'D': 1400000000000.0, 'family': 'a'}]
    """
    return [values([word], "--at") for word in words or ()]


def values(words: Sequence[str] | None, option: str) -> dict[str, Any]:
    """Return `name=value` words; what is no number is a level."""
    return {k: _value(v) for k, v in pairs(words, option, "N=70e9,D=1.4e12").items()}


def variables(words: Sequence[str] | None) -> dict[str, str]:
    """Return `X=flops` words as columns by letter; a lone column goes by its own name."""
    return {name: column or name for name, _, column in (word.partition("=") for word in words or ())}


def law(text: str, given: Mapping[str, str], real: Sequence[str] | None) -> Law | str:
    """Return a name as it is, and a formula as a law over N, D, C, X and the variables that were given."""
    if re.fullmatch(r"\w+", text):
        return text
    return Law(text, variables=tuple(dict.fromkeys([*LETTERS, *given])), real=tuple(real or ()))


def delta(text: str | None) -> float | Literal["auto"] | None:
    """Return a width, or "auto"."""
    return text if text is None or text == "auto" else number(text, "--delta", "0.001 or auto")  # type: ignore[return-value]


def scale(text: str | None) -> float | str | None:
    """Return bytes per token: a number, or the name of a column."""
    return None if text is None else _value(text)


def threads(count: int | None) -> int | None:
    """Refuse a number of threads that cannot be."""
    if count is not None and count < 1:
        raise UsageError(f"--threads is {count}, expected at least 1")
    return count


def level(share: float) -> float:
    """Refuse a coverage that is none."""
    if not 0 < share < 1:
        raise UsageError(f"--level is {share:g}, expected a number between 0 and 1")
    return share


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def number(text: str, option: str, shape: str) -> float:
    """Read a number of an option; `shape` says what the option looks like."""
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{option}: {text!r} is no number, expected {shape}") from None
