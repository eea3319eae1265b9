"""What a reader must know beside the multipliers, in plain words."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .. import _engine
from .._engine import Floats
from .._errors import IsoflopWarning, counted, listed
from .._fitted import Fit
from .._law import Law
from .._repr import number, percent
from ._joint import exponents, fit_both
from ._tables import Tables

#: An F test below this says that exponents differ.
CLEAR = 0.05


def pairing_note(tables: Tables, names: tuple[str, str], used: bool, correlation: float) -> str:
    """Say what the recipes share, and what was made of it."""
    if not tables.paired_by:
        return f"{names[0]} and {names[1]} share no units: their runs are resampled independently"
    shared = f"{names[0]} and {names[1]} share {counted(tables.n_twins, 'unit')} ({tables.paired_by})"
    if used:
        return f"{shared}: drawn together; noise of a unit is correlated {number(correlation, 2)} between recipes"
    return (
        f"{shared}: drawn together; too few to measure a correlation, so t intervals take rows as independent (wider "
        "than need be where noise is shared)"
    )


def freedom_note(df: float, level: float) -> Iterator[str]:
    """Say what few degrees of freedom cost."""
    if df < 10:
        t, z = (float(_engine.student([0.5 + level / 2], d)[0]) for d in (df, 1e7))
        yield f"{number(df, 3)} degrees of freedom: intervals reach {number(t, 3)} standard errors, not {number(z, 3)}"


def exponent_note(
    tables: Tables, law: Law, fit: Fit, shared: tuple[str, ...], fixed: dict[str, float]
) -> Iterator[str]:
    """Say whether the recipes' exponents differ by more than noise makes them."""
    powers = exponents(law)
    if not powers or fit.criterion != "squared" or tables.group is not None:
        return
    apart = not set(powers) <= set(shared)
    other = tuple(dict.fromkeys([*shared, *powers])) if apart else tuple(n for n in shared if n not in powers)
    n_other = len(fit.free) + (1 if not apart else -1) * (len(set(powers) - set(shared)) if apart else len(powers))
    if len(tables.loss) <= max(n_other, len(fit.free)):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IsoflopWarning)
        again = fit_both(tables, law, other, fixed, "squared")
    tight, loose = (again, fit) if apart else (fit, again)
    steps, df = len(loose.free) - len(tight.free), loose.n_rows - len(loose.free)
    if loose.objective <= 0 or steps < 1:
        return
    ratio = max(tight.objective / loose.objective - 1, 0.0) * df / steps
    p = 1 - _engine.f_cdf(ratio, float(steps), float(df))
    if p < CLEAR:
        yield f"the recipes' {listed(powers)} differ by more than noise (F test, p = {number(p, 2)})" + (
            "" if apart else ": sharing them is at odds with the runs"
        )
    elif apart:
        yield (
            f"the recipes' {listed(powers)} differ by no more than noise (F test, p = {number(p, 2)}): if you believe "
            "them equal, shared='exponents' narrows intervals"
        )


def bound_notes(fit: Fit, names: tuple[str, str]) -> Iterator[str]:
    """Say which parameters lie at a bound or are not determined."""
    called = {f"[{level}]": f" of {name}" for level, name in zip("ab", names, strict=True)}
    for words, what in ((fit.at_bound, "at zero or a bound, taken as known"), (fit.unidentified, "not determined")):
        for word in words:
            base = word[:-3] if word[-3:] in called else word
            yield f"{base}{called.get(word[-3:], '')} is {what}: pin the asymptote (asymptote=) or share parameters"


def distance_notes(compute: Floats, second: NDArray[np.bool_], names: tuple[str, str], target: float) -> Iterator[str]:
    """Say how far beyond the runs, or below them, the target lies."""
    for name, side in zip(names, (~second, second), strict=True):
        most = float(compute[side].max())
        if target > 1.01 * most:
            yield f"the target is {number(target / most, 3)} times beyond the largest run of {name}"
        least = float(compute[side].min())
        if target * 1.01 < least:
            yield f"the target is {number(least / target, 3)} times below the smallest run of {name}"


def draws_note(n_failed: int, n: int) -> Iterator[str]:
    """Say how many resamples were left out."""
    if n_failed:
        yield f"{n_failed} of {n} resamples ({percent(n_failed / n)}) are unsound and left out of draws"


def flat_note(low: Floats, high: Floats) -> Iterator[str]:
    """Say that intervals are open."""
    n_open = int(np.count_nonzero(np.isinf(high) | (low == 0)))
    if n_open:
        yield (
            f"at {counted(n_open, 'scale')} of {len(low)} the interval is open: the runs do not say how much compute "
            "makes up for the difference"
        )
