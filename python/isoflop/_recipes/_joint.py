"""One law for both recipes: which parameters are each recipe's own, which are shared, which are held.

The rows are `_tables`', what follows from the fit is in `_contrast`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from .._errors import DataError, LawError, compose, counted, listed, nearest
from .._fit import fit as fit_law
from .._fitted import Fit
from .._law import Law
from .._recipe import Criterion
from .._runs import Runs, as_runs
from ._tables import BOTH, RECIPE, UNIT, Tables

#: A table of each recipe with fewer rows than this is fitted by least squares, as it has no rows to call outliers.
FEW_ROWS = 20

Asymptote = float | Mapping[str, float] | None


def shared_names(law: Law, shared: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return the parameters that both recipes share, in the law's order.

    Parameters
    ----------
    law : Law
    shared : "exponents", name, sequence of them, or None
        "exponents" are the parameters that stand as a power.

    Examples
    --------
    >>> from isoflop import laws
    >>> shared_names(laws.get("chinchilla"), ["E", "exponents"])
    ('E', 'alpha', 'beta')
    """
    words = [] if shared is None else [shared] if isinstance(shared, str) else list(shared)
    found = set()
    for word in words:
        if word == "exponents":
            found |= set(exponents(law))
        elif word in law.parameters:
            found.add(word)
        else:
            close = nearest(str(word), law.parameters)
            hint = (
                f"did you mean {listed(close)}?" if close else f"choose from {listed(law.parameters)}, or 'exponents'"
            )
            raise LawError(compose(f"shared names {word!r}, which is no parameter of the law", hint))
    return tuple(name for name in law.parameters if name in found)


def exponents(law: Law) -> tuple[str, ...]:
    """Return the parameters that stand as a power in the law's formula or its parts.

    Examples
    --------
    >>> exponents(Law("E + A * X**-c", variables=("X",)))
    ('c',)
    """
    text = " ; ".join([law.formula, *law.where.values()])
    powers = set(re.findall(r"\*\*\s*\(?\s*-?\s*([A-Za-z_]\w*)", text))
    return tuple(name for name in law.parameters if name in powers)


def along(law: Law, letter: str) -> Law:
    """Return a law of one variable with that variable called by the letter.

    Examples
    --------
    >>> along(Law("E + A / X**alpha", variables=("X",)), "C").formula
    'E + A / C**alpha'
    """
    if len(law.variables) != 1 or law.variables[0] == letter:
        return law
    if letter in law.parameters:
        raise LawError(compose(f"the law {law.formula!r} has a parameter {letter!r}", "call it something else"))
    pattern = re.compile(rf"(?<![\w.]){law.variables[0]}(?!\w)")
    return _copy(law, (letter,), lambda text: pattern.sub(letter, text))


def levelled(law: Law, shared: Iterable[str]) -> Law:
    """Return the law with a value per recipe of every parameter that is not shared.

    Examples
    --------
    >>> levelled(Law("E + A / X**alpha", variables=("X",)), ["E", "alpha"]).formula
    'E + A[recipe] / X**alpha'
    """
    own = [name for name in law.parameters if name not in set(shared)]
    pattern = re.compile(rf"(?<![\w.])({'|'.join(own)})(?!\w)") if own else None

    return _copy(law, law.variables, lambda text: text if pattern is None else pattern.sub(rf"\1[{RECIPE}]", text))


def _copy(law: Law, variables: Sequence[str], change: Callable[[str], str]) -> Law:
    return Law(
        change(law.formula),
        variables=variables,
        real=law.real,
        unit=law.unit,
        scale=law.scale,
        where={name: change(text) for name, text in law.where.items()},
        constants=law.constants,
        box=law.box,
        seed_at=law.seed_at,
        response=law.response,
        name=law.name,
    )


def held(law: Law, asymptote: Asymptote, names: tuple[str, str], shared: Iterable[str] = ()) -> dict[str, float]:
    """Return the pinned asymptotes as `fit` takes them."""
    if asymptote is None:
        return {}
    if "E" not in law.parameters:
        raise LawError(compose(f"the law {law.formula!r} has no asymptote E to pin", "leave out asymptote="))
    if isinstance(asymptote, Mapping):
        odd = [key for key in asymptote if key not in names]
        if odd or len(asymptote) != 2:
            raise DataError(
                compose(f"asymptote is for {listed(asymptote)}", f"give one value, or both of {listed(names)}")
            )
        if "E" in shared:
            raise DataError(compose("E is shared and has a value for each recipe", "leave out one of them"))
        return {f"E[{level}]": _above_zero(asymptote[name]) for level, name in zip(BOTH, names, strict=True)}
    return {"E": _above_zero(asymptote)}


def _above_zero(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise DataError(f"asymptote is {value!r}, expected a loss of 0 or more in nats per token")
    return float(value)


def fit_both(
    tables: Tables, law: Law, shared: tuple[str, ...], fixed: Mapping[str, float], criterion: Criterion | None
) -> Fit:
    """Fit both recipes at once.

    Raises
    ------
    DataError
        If there are not more rows than parameters, or a pinned asymptote lies above a loss.
    """
    for name, value in fixed.items():
        rows = tables.loss[~tables.second] if name.endswith("[a]") else tables.loss[tables.second]
        lowest = float((rows if "[" in name else tables.loss).min())
        if value >= lowest:
            hint = "the asymptote lies below every loss"
            raise DataError(compose(f"asymptote is {value:g}, at or above the smallest loss {lowest:g}", hint))
    joint = levelled(law, shared)
    n_parameters = len(law.parameters) * 2 - len(shared) - (2 if fixed and "E" not in shared else len(fixed))
    n_rows = len(tables.loss)
    if n_rows <= n_parameters:
        text = f"{counted(n_rows, 'run')} for {n_parameters} parameters leave nothing to tell noise from"
        raise DataError(compose(text, "share parameters (shared='exponents'), pin the asymptote, or add runs"))
    runs = stacked(tables)
    few = min(int(tables.second.sum()), int((~tables.second).sum())) < FEW_ROWS
    settings: dict[str, Any] = {"criterion": criterion or ("squared" if few else "huber"), "fixed": fixed or None}
    if settings["criterion"] == "huber":
        settings["delta"] = "auto"
    return _fit(runs, joint, settings)


def _fit(runs: Runs, joint: Law, settings: dict[str, Any]) -> Fit:
    found = fit_law(runs, joint, **settings)
    assert isinstance(found, Fit)
    return found


def stacked(tables: Tables) -> Runs:
    """Return both tables as one, with a column of the recipe and one of the unit."""
    frame = {
        **tables.columns,
        "loss": tables.loss,
        "row_weight": tables.weights,
        RECIPE: [BOTH[int(second)] for second in tables.second],
        UNIT: tables.unit,
    }
    letters = {name: name for name in tables.columns}
    return as_runs(frame, False, loss="loss", groups=UNIT, weights="row_weight", **letters)


def of_recipe(fit: Fit, law: Law, level: str) -> dict[str, float]:
    """Return the parameters of one recipe under the law's own names."""
    return {
        name: fit.params[f"{name}[{level}]" if f"{name}[{level}]" in fit.params else name] for name in law.parameters
    }
