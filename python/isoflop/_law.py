"""Laws: a formula over variables and parameters, with all that is known about it.

The catalogue of published laws is in `laws/`; fitting is in `_fit`; values at points in `_points`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields, replace
from typing import Any, Literal

import numpy as np

from . import _engine
from ._errors import LawError, compose, listed, nearest
from ._points import expand, read_points
from ._recipe import Recipe, default_delta
from ._repr import Values

Scale = Literal["log", "linear"]
#: Functions of formulas, as the core knows them.
FUNCTIONS = (
    "exp, log, log10, log1p, expm1, sqrt, abs, min, max, sin, cos, atan, logistic, softplus, logsumexp, "
    "implicit_m4, lr_sum, anneal, multi_power"
)


@dataclass(frozen=True)
class Published:
    """Parameters that somebody printed, and how they counted.

    Parameters
    ----------
    params : mapping
        Value per parameter, in the law's own names.
    source : str
        Paper and table.
    standard_error, interval : mapping
        What the source says about errors: per parameter a number, or (low, high) at 95 %.
    convention : str
        What N, D and the loss count there.
    verified : bool
        Whether the values were read in the source itself rather than quoted by others.
    """

    params: Mapping[str, float]
    source: str = ""
    _: KW_ONLY
    standard_error: Mapping[str, float] = field(default_factory=dict)
    interval: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    convention: str = ""
    verified: bool = True
    key: str = ""
    law: Law | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Freeze the values."""
        object.__setattr__(self, "params", Values(self.params))

    def predict(self, frame: Any = None, /, **variables: Any) -> Any:
        """Return the loss that these parameters predict; see `Law.predict`."""
        if self.law is None:
            raise LawError("these published values belong to no law", None)
        return self.law.predict(self.params, frame, **variables)


@dataclass(frozen=True, eq=False)
class Law:
    """A scaling law: one line of text over variables and parameters.

    Parameters
    ----------
    formula : str
        Right-hand side, with Python's precedence: numbers, ``pi``, names, ``+ - * / **``, ``exp log log10 log1p
        expm1 sqrt abs min max sin cos atan logistic softplus logsumexp``. ``E[family]`` is a parameter with one
        value per level of the column ``family``. ``implicit_m4(E_inf, E_0, alpha, log_w)`` is the root of
        ``(y - E_inf) / (E_0 - y)**alpha = exp(log_w)`` between E_inf and E_0.
    variables : sequence of str
        Names that are columns of the runs. Every other name is a parameter.
    schedules : sequence of str
        Variables whose values are whole lists of learning rates, one per step up to where the row stands. They
        stand in ``lr_sum(lr)``, the sum of rates; ``anneal(lr, lam)``, the summed momentum of their decrease; and
        ``multi_power(lr, C, beta, gamma)``, the loss reduction of the multi-power law without its amplitude.
    real, unit : sequence of str
        Parameters of any sign, and parameters between 0 and 1. All others are positive.
    scale : {"log", "linear"}
        Whether residuals are taken on log loss or on the loss itself.
    derived : mapping of str to str
        Further quantities as formulas over the parameters, shown with their errors.
    tied : mapping of str to str
        Parameters that are formulas over the others, and so not free.
    box : mapping of str to (low, high)
        Where to look for each parameter first; the fit may leave the box.
    seed_at : mapping of str to sequence of float
        Values to hold a parameter at while starting points are looked for.
    recipe : Recipe or mapping, optional
        What the law's own paper minimised.
    name, title, citation, validity : str
        For the catalogue: short name, one line, paper, and where the law stops being valid.
    units : mapping of str to str
        What each variable counts.
    traps : sequence of str
        What has gone wrong for others.
    published : mapping of str to Published
        Parameters in print; each can predict at once.

    Attributes
    ----------
    parameters : tuple of str
        Free parameters in order of first appearance.
    levels : dict
        Column that a parameter has one value per level of.
    positive : tuple of str
        Variables that must be above 0.

    Raises
    ------
    LawError
        If the formula cannot be read or a name is used in two ways.

    Examples
    --------
    >>> law = Law("E + A / N**alpha + B / D**beta", derived={"a": "beta / (alpha + beta)"})
    >>> law.parameters
    ('E', 'A', 'alpha', 'B', 'beta')
    >>> round(law.predict({"E": 1.69, "A": 406.4, "B": 410.7, "alpha": 0.34, "beta": 0.28}, N=70e9, D=1.4e12), 6)
    1.936645
    """

    formula: str
    _: KW_ONLY
    variables: Sequence[str] = ("N", "D")
    schedules: Sequence[str] = ()
    real: Sequence[str] = ()
    unit: Sequence[str] = ()
    scale: Scale = "log"
    derived: Mapping[str, str] = field(default_factory=dict)
    tied: Mapping[str, str] = field(default_factory=dict)
    box: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    seed_at: Mapping[str, Sequence[float]] = field(default_factory=dict)
    recipe: Recipe | Mapping[str, Any] | None = None
    name: str = ""
    title: str = ""
    units: Mapping[str, str] = field(default_factory=dict)
    citation: str = ""
    validity: str = ""
    traps: Sequence[str] = ()
    published: Mapping[str, Published] = field(default_factory=dict, repr=False)
    parameters: tuple[str, ...] = field(init=False)
    levels: dict[str, str] = field(init=False)
    positive: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Compile the formula and check every name that was given beside it."""
        _freeze(self)
        info = _compile(self)
        for name in ("parameters", "variables", "positive", "schedules"):
            object.__setattr__(self, name, tuple(info[name]))
        object.__setattr__(self, "levels", dict(info["levels"]))
        _check_names(self)
        bound = {k: _bind(self, k, v) for k, v in self.published.items()}
        object.__setattr__(self, "published", bound)

    def __eq__(self, other: object) -> bool:
        """Whether both are the same formula with the same settings (texts about it do not count)."""
        return isinstance(other, Law) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        """Hash by formula."""
        return hash((self.formula, self.scale))

    def __repr__(self) -> str:
        """Show name and formula."""
        named = f"{self.name}: " if self.name else ""
        return f"<Law {named}{self.formula}>"

    @property
    def spec(self) -> dict[str, Any]:
        """The law as the core takes it."""
        return {
            "formula": self.formula,
            "variables": list(self.variables),
            "schedules": list(self.schedules),
            "real": list(self.real),
            "unit": list(self.unit),
            "scale": self.scale,
            "tied": dict(self.tied),
            "seed_at": {k: [float(x) for x in v] for k, v in self.seed_at.items()},
            "box": {k: (float(low), float(high)) for k, (low, high) in self.box.items()},
        }

    def spec_at(self, labels: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
        """Return the law as the core takes it beside values of its parameters: with the number of levels."""
        return {**self.spec, "n_levels": {factor: len(known) for factor, known in labels.items()}}

    def domain(self, parameter: str) -> Literal["positive", "real", "unit"]:
        """Return the domain of a parameter, by its plain or its expanded name (``E[a]``)."""
        base = parameter.partition("[")[0]
        return "real" if base in self.real else "unit" if base in self.unit else "positive"

    def predict(self, params: Any, frame: Any = None, /, **variables: Any) -> Any:
        """Return the loss at points.

        Parameters
        ----------
        params : mapping, Published or str
            Value per parameter (``"E[a]"`` for levels), or the key of published ones.
        frame : frame, optional
            A table with the law's variables as columns.
        **variables
            The law's variables, which broadcast; a level column as a label or labels.

        Returns
        -------
        float, ndarray or frame
            A float for scalars, an array of the common shape, or the frame with a column ``loss``.

        Examples
        --------
        >>> Law("E + A / N**alpha").predict({"E": 1.0, "A": 8.0, "alpha": 0.5}, N=[4.0, 16.0])
        array([5., 3.])
        """
        if isinstance(params, str):
            params = self.published_values(params)
        labels, theta = theta_of(self, getattr(params, "params", params))
        points = read_points(self, labels, frame, variables)
        return points.give_back(_engine.predict(self.spec_at(labels), theta, points.columns, points.codes))

    def published_values(self, key: str | None = None) -> Published:
        """Return published parameters by their key, the first ones where None."""
        if not self.published:
            raise LawError(compose(f"{self!r} has no published values", "pass params={...}"))
        if key is None:
            key = next(iter(self.published))
        if key not in self.published:
            raise LawError(compose(f"no published values {key!r}", f"there are {listed(self.published)}"))
        return self.published[key]

    def paper_recipe(self) -> Recipe:
        """Return what the law's own paper minimised, or this library's default where it has none."""
        if isinstance(self.recipe, Recipe):
            return self.recipe
        return Recipe("huber", default_delta(self.scale))

    def card(self) -> str:
        """Return everything known about the law as text."""
        from ._card import card

        return card(self)

    def to_dict(self) -> dict[str, Any]:
        """Return what defines the law, in JSON's types."""
        recipe = self.paper_recipe()
        return {
            **self.spec,
            "derived": dict(self.derived),
            "name": self.name,
            "recipe": {f.name: getattr(recipe, f.name) for f in fields(recipe)},
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Law:
        """Make the law again from `to_dict`."""
        given = dict(content)
        given["box"] = {k: tuple(v) for k, v in given["box"].items()}
        return cls(given.pop("formula"), **given)


def _freeze(law: Law) -> None:
    """Copy what was given, so that nobody else holds it."""
    if not isinstance(law.formula, str):
        raise LawError(f"a formula is text, got {type(law.formula).__name__}")
    if law.scale not in ("log", "linear"):
        raise LawError(f"scale is {law.scale!r}, expected 'log' or 'linear'")
    for name in ("variables", "schedules", "real", "unit", "traps"):
        value = getattr(law, name)
        object.__setattr__(law, name, (value,) if isinstance(value, str) else tuple(value))
    for name in ("derived", "tied", "box", "seed_at", "units"):
        object.__setattr__(law, name, dict(getattr(law, name)))
    if isinstance(law.recipe, Mapping):
        object.__setattr__(law, "recipe", Recipe(**law.recipe))


def _compile(law: Law) -> dict[str, Any]:
    for name, text in law.tied.items():
        names_in(text, f"tied {name}")
    try:
        info = _engine.law_info(law.spec)
    except LawError as error:
        raise _placed(error, law.formula) from None
    if not info["variables"]:
        hint = f"name them with variables={tuple(info['parameters'][:1])!r}, for example"
        raise LawError(compose(f"the formula {law.formula!r} uses none of its variables {listed(law.variables)}", hint))
    return info


def _placed(error: LawError, text: str) -> LawError:
    """Return the core's error with the formula in it; the core counts bytes, people count characters."""
    if error.position is None or error.text is not None:
        return error
    at = len(text.encode()[: error.position].decode(errors="ignore"))
    hint = f"known are {FUNCTIONS}" if error.message.startswith("unknown function") else None
    return LawError(compose(error.message, hint), at, text)


def _check_names(law: Law) -> None:
    """Refuse names of parameters that the formula does not have, or that are used twice."""
    both = set(law.real) & set(law.unit)
    if both:
        raise LawError(f"parameter {min(both)!r} is in real and in unit, expected one of them")
    known = {*law.parameters, *law.tied}
    for where in ("real", "unit", "box", "seed_at"):
        for name in getattr(law, where):
            if name not in known:
                raise unknown_parameter(name, law.parameters, where)
    for name in law.derived:
        if name in known or name in law.variables:
            raise LawError(
                f"derived quantity {name!r} has the name of a {'parameter' if name in known else 'variable'}"
            )


def unknown_parameter(name: str, known: Sequence[str], where: str) -> LawError:
    """Return the error for a parameter that the law does not have."""
    close = nearest(name, known)
    hint = f"did you mean {listed(close)}?" if close else f"its parameters are {listed(known)}"
    return LawError(compose(f"{where} names {name!r}, which is no free parameter of the law", hint))


def _bind(law: Law, key: str, entry: Published | Mapping[str, float]) -> Published:
    entry = entry if isinstance(entry, Published) else Published(entry)
    return replace(entry, law=law, key=key)


def theta_of(law: Law, values: Mapping[str, float]) -> tuple[dict[str, tuple[str, ...]], list[float]]:
    """Return the labels that the names of `values` (``E[a]``) speak of, and the values in the core's order."""
    labels: dict[str, tuple[str, ...]] = {}
    for name in values:
        base, bracket, rest = name.partition("[")
        factor = law.levels.get(base)
        if bracket and factor is not None and rest[:-1] not in labels.get(factor, ()):
            labels[factor] = (*labels.get(factor, ()), rest[:-1])
    names = expand(law.parameters, law.levels, labels)
    missing = [name for name in names if name not in values]
    missing += [f"{p}[...]" for p, factor in law.levels.items() if not labels.get(factor)]
    if missing:
        raise LawError(f"no value for {listed(missing)}, the law {law.formula!r} needs one")
    return labels, [float(values[name]) for name in names]


def names_in(text: str, what: str) -> tuple[str, ...]:
    """Return the names that a formula over parameters uses; `what` says whose formula it is in errors."""
    try:
        return tuple(_engine.law_info(_plain_spec(text, ()))["parameters"])
    except LawError as error:
        placed = _placed(error, text)
        raise LawError(f"{what}: {placed.message}", placed.position, text) from None


#: Stands for a parameter that is exactly 0 where a formula takes its logarithm or a power.
_NEXT_TO_ZERO = 1e-300


def evaluate(text: str, values: Mapping[str, Any], what: str = "derived") -> np.ndarray:
    """Evaluate a formula over named parameters, one array entry per draw.

    Parameters
    ----------
    text : str
        Formula over names of `values`; levels are written as they are named, ``E[a]``.
    values : mapping of str to array
        Equally long arrays per parameter.

    Examples
    --------
    >>> evaluate("beta / (alpha + beta)", {"alpha": np.array([0.3]), "beta": np.array([0.1])})
    array([0.25])
    """
    size = max((np.size(v) for v in values.values()), default=1)
    safe, text_safe = {}, text
    for i, name in enumerate(sorted(values, key=len, reverse=True)):
        alias = f"level_{i}_" if "[" in name else name
        text_safe = text_safe.replace(name, alias) if alias != name else text_safe
        safe[alias] = values[name]
    for name in names_in(text_safe, what):
        if name not in safe:
            raise LawError(compose(f"{what} formula {text!r} uses {name!r}", f"it may use {listed(values)}"))
    used = {n: _engine.floats(np.broadcast_to(safe[n], size)) for n in names_in(text_safe, what)}
    for name in _engine.law_info(_plain_spec(text_safe, tuple(used)))["positive"]:
        used[name] = np.where(used[name] == 0, _NEXT_TO_ZERO, used[name])
    out = _engine.predict(_plain_spec(text_safe, tuple(used)), (), used, {})
    return np.broadcast_to(out, size) if out.size != size else out


def _plain_spec(text: str, variables: Sequence[str]) -> dict[str, Any]:
    return {
        "formula": text,
        "variables": list(variables),
        "real": [],
        "unit": [],
        "scale": "linear",
        "tied": {},
        "seed_at": {},
        "box": {},
    }
