"""Links from a loss to a score: a sigmoid, Gadre's exponential, or any law of one variable.

Known levels of chance and mastery are numbers in the formula; unknown ones are parameters.
"""

from __future__ import annotations

from .. import laws
from .._errors import DataError, LawError, compose, listed
from .._law import Law
from .._recipe import Recipe

LINKS = ("sigmoid", "exponential")
#: The variable of every link made here.
LOSS = "L"


def link_law(link: Law | str, chance: float | None, ceiling: float | None, error: bool, task: str) -> Law:
    """Return the link of one task.

    Parameters
    ----------
    link : Law or str
        "sigmoid": chance + (ceiling - chance) logistic(k (x0 - L)). "exponential": chance + k exp(-gamma L), which has
        no ceiling (Gadre et al. 2024, eq. 5, there for errors). Else a law of one variable, taken as it is.
    chance, ceiling : float or None
        Scores of guessing and of mastery; fitted where None.
    error : bool
        Whether the metric is one minus a score.
    task : str
        For errors.

    Examples
    --------
    >>> link_law("sigmoid", 0.25, 1.0, False, "mmlu").formula
    '0.25 + 0.75 * logistic(k * (x0 - L))'
    >>> link_law("exponential", None, None, True, "average").formula
    'eps - k * exp(-gamma * L)'
    """
    if isinstance(link, Law) or link not in LINKS:
        law = laws.get(link) if isinstance(link, str) else link
        if len(law.variables) != 1:
            hint = f"use one of {listed(LINKS)}, or a law of one variable such as 'logistic4'"
            raise LawError(compose(f"the link is over {listed(law.variables)}, expected the loss only", hint))
        return law
    _check(chance, ceiling, task)
    if link == "exponential":
        return _exponential(chance, error)
    return _sigmoid(chance, ceiling, error)


def _check(chance: float | None, ceiling: float | None, task: str) -> None:
    for name, value in (("chance", chance), ("ceiling", ceiling)):
        if value is not None and not 0 <= value <= 1:
            hint = "a score lies between 0 and 1; 25 % is 0.25"
            raise DataError(compose(f"{name} of {task!r} is {value:g}, expected 0 to 1", hint))
    if chance is not None and ceiling is not None and chance >= ceiling:
        raise DataError(f"chance of {task!r} is {chance:g}, expected less than its ceiling, {ceiling:g}")


def _exponential(chance: float | None, error: bool) -> Law:
    if error and chance is None:
        return laws.get("gadre_err")
    floor = "chance" if chance is None else f"{chance:.12g}"
    score = f"{floor} + k * exp(-gamma * {LOSS})"
    text = f"{1 - (chance or 0.0):.12g} - k * exp(-gamma * {LOSS})" if error else score
    unit = ("chance",) if chance is None else ()
    box = {"k": (1e-2, 1e3), "gamma": (0.05, 5.0), **({"chance": (0.01, 0.9)} if unit else {})}
    return _law(text, unit, box, "exponential")


def _sigmoid(chance: float | None, ceiling: float | None, error: bool) -> Law:
    """Return the sigmoid; of an error, chance is the high end."""
    low = "chance" if chance is None else f"{chance:.12g}"
    unit = tuple(name for name, value in (("chance", chance), ("ceiling", ceiling)) if value is None)
    if chance is not None and ceiling is not None:
        rise = f"{ceiling - chance:.12g}"
    else:
        rise = f"({'ceiling' if ceiling is None else f'{ceiling:.12g}'} - {low})"
    score = f"{low} + {rise} * logistic(k * (x0 - {LOSS}))"
    text = f"1 - ({score})" if error else score
    box = {"k": (0.1, 50.0), "x0": (-10.0, 10.0)}
    box |= {name: {"chance": (0.01, 0.7), "ceiling": (0.3, 0.99)}[name] for name in unit}
    return _law(text, unit, box, "sigmoid")


def _law(text: str, unit: tuple[str, ...], box: dict[str, tuple[float, float]], name: str) -> Law:
    real = ("x0",) if "x0" in box else ()
    recipe = Recipe("squared", note="least squares on the score")
    return Law(
        text,
        variables=(LOSS,),
        real=real,
        unit=unit,
        scale="linear",
        box=box,
        recipe=recipe,
        response="score",
        name=name,
    )
