"""Laws: a formula over variables and parameters, with all that is known about it.

The catalogue of published laws is in `laws/`; fitting is in `_fit`; values at points in `_evaluate`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields, replace
from typing import Any, Literal

from . import _engine, _evaluate
from ._errors import LawError, compose, listed
from ._evaluate import unknown_parameter
from ._formula import names_in, placed
from ._points import part_spec
from ._published import Published
from ._recipe import Recipe, default_delta

Scale = Literal["log", "linear"]


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
    where : mapping of str to str
        Named parts: formulas over variables, parameters and other parts, put in wherever they are named. A part that
        the formula does not use is a further quantity.
    constants : mapping of str to float
        Parameters that a fit holds at this value unless ``fixed={"Y0": None}`` frees them, and that predictions take
        where no other value is given.
    range : mapping of str to (low, high)
        Where the law means anything, by variable or by part over variables alone (a share lies in 0 to 1): values
        outside warn.
    box : mapping of str to (low, high)
        Where to look for each parameter first; the fit may leave the box.
    seed_at : mapping of str to sequence of float
        Values to hold a parameter at while starting points are looked for.
    recipe : Recipe or mapping, optional
        What the law's own paper minimised.
    name, title, citation, validity : str
        For the catalogue: short name, one line, paper, and where the law stops being valid.
    response : str
        The paper's letter for what the law predicts.
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
    where: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, float] = field(default_factory=dict)
    range: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    box: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    seed_at: Mapping[str, Sequence[float]] = field(default_factory=dict)
    recipe: Recipe | Mapping[str, Any] | None = None
    name: str = ""
    title: str = ""
    response: str = "loss"
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
            "where": dict(self.where),
            "seed_at": {k: [float(x) for x in v] for k, v in self.seed_at.items()},
            "box": {k: (float(low), float(high)) for k, (low, high) in self.box.items()},
        }

    def spec_at(self, labels: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
        """Return the law as the core takes it beside values of its parameters: with the number of levels."""
        return {**self.spec, "n_levels": {factor: len(known) for factor, known in labels.items()}}

    @property
    def predicts_loss(self) -> bool:
        """Whether the response is a loss, by its letter: ``loss``, ``L``, ``L_student``."""
        return self.response == "loss" or self.response.partition("_")[0] == "L"

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
        return _evaluate.predict(self, params, frame, variables)

    def quantity(self, name: str, params: Any, frame: Any = None, /, **variables: Any) -> Any:
        """Return a named part of the law at points.

        Parameters
        ----------
        name : str
            A part (`where`), a derived quantity, or the response by its letter.
        params : mapping, Published or str
            As in `predict`.
        frame, **variables
            Points, as in `predict`; only the variables that the part uses are needed.

        Returns
        -------
        float, ndarray or frame

        Examples
        --------
        >>> law = Law("E + A / M**alpha", variables=("N", "K"), where={"M": "N * sqrt(K)"})
        >>> law.quantity("M", {}, N=2.0, K=[4.0, 9.0])
        array([4., 6.])
        """
        return _evaluate.quantity(self, name, params, frame, variables)

    def jacobian(
        self,
        params: Any,
        frame: Any = None,
        /,
        *,
        by: Sequence[str] | None = None,
        log: bool = False,
        **variables: Any,
    ) -> dict[str, Any]:
        """Return derivatives of the response by parameters, at points.

        Parameters
        ----------
        params : mapping, Published or str
            As in `predict`.
        frame, **variables
            Points, as in `predict`.
        by : sequence of str, optional
            Parameters, or ``"log A"`` for the logarithm of one that is not real; all parameters where None.
        log : bool
            Differentiate ln response.

        Returns
        -------
        dict of str to float or ndarray
            By the words of `by`.

        Examples
        --------
        >>> law = Law("E + A / N**alpha")
        >>> at = {"E": 1.0, "A": 8.0, "alpha": 0.5}
        >>> slopes = law.jacobian(at, by=["E", "log A"], N=16.0)
        >>> {word: round(slope, 6) for word, slope in slopes.items()}
        {'E': 1.0, 'log A': 2.0}
        """
        return _evaluate.jacobian(self, params, frame, by, log, variables)

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
            "constants": dict(self.constants),
            "range": dict(self.range),
            "name": self.name,
            "response": self.response,
            "recipe": {f.name: getattr(recipe, f.name) for f in fields(recipe)},
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Law:
        """Make the law again from `to_dict`."""
        given = dict(content)
        for name in ("box", "range"):
            given[name] = {k: tuple(map(float, v)) for k, v in given.get(name, {}).items()}
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
    for name in ("derived", "tied", "where", "constants", "range", "box", "seed_at", "units"):
        object.__setattr__(law, name, dict(getattr(law, name)))
    if isinstance(law.recipe, Mapping):
        object.__setattr__(law, "recipe", Recipe(**law.recipe))


def _compile(law: Law) -> dict[str, Any]:
    for name, text in law.tied.items():
        names_in(text, f"tied {name}")
    parts = {name: names_in(text, f"where {name}", law.schedules) for name, text in law.where.items()}
    try:
        info = _engine.law_info(law.spec)
    except LawError as error:
        raise placed(error, law.formula) from None
    if not info["variables"]:
        hint = f"name them with variables={tuple(info['parameters'][:1])!r}, for example"
        raise LawError(compose(f"the formula {law.formula!r} uses none of its variables {listed(law.variables)}", hint))
    if info["unused"]:
        names = listed(info["unused"])
        raise LawError(
            compose(f"the formula {law.formula!r} does not depend on {names}", "leave it out, or a term is amiss")
        )
    known = {*info["parameters"], *info["variables"], *law.tied, *law.where}
    for name, used in parts.items():
        for other in used:
            if other not in known:
                raise LawError(f"where {name} uses {other!r}, which is no variable or parameter of the formula")
    return info


def _check_names(law: Law) -> None:
    """Refuse names of parameters that the formula does not have, or that are used twice."""
    both = set(law.real) & set(law.unit)
    if both:
        raise LawError(f"parameter {min(both)!r} is in real and in unit, expected one of them")
    known = {*law.parameters, *law.tied}
    for where in ("real", "unit", "box", "seed_at", "constants"):
        for name in getattr(law, where):
            if name not in known:
                raise unknown_parameter(name, law.parameters, where)
    for name in law.range:
        _check_range(law, name)
    kinds = {**dict.fromkeys(known, "parameter"), **dict.fromkeys(law.variables, "variable")}
    for what, names in (("part", law.where), ("derived quantity", law.derived)):
        for name in names:
            if name in kinds:
                raise LawError(f"{what} {name!r} has the name of a {kinds[name]}")
        kinds.update(dict.fromkeys(names, what))


def _check_range(law: Law, name: str) -> None:
    """Refuse a range of what is not known before parameters are."""
    if name in law.variables:
        return
    if name not in law.where:
        raise LawError(f"range names {name!r}, which is no variable or part of the law")
    used = _engine.law_info(part_spec(law.spec, name))["parameters"]
    if used:
        raise LawError(f"range names part {name!r}, which depends on {listed(used)}, expected one over variables alone")


def _bind(law: Law, key: str, entry: Published | Mapping[str, float]) -> Published:
    entry = entry if isinstance(entry, Published) else Published(entry)
    return replace(entry, law=law, key=key)
