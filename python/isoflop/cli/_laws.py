"""`isoflop laws`: what is in the catalogue, cards, and the check of the catalogue against a table of values."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from .. import laws as catalogue
from .._law import Law
from ..laws._family import Family
from ._output import emit, emit_json, room, wants_json

#: Longer formulas are cut short in the list; the card has them whole.
SHOWN = 56


def laws(name: str | None = None, /, *, json: bool | None = None) -> None:
    """List the laws and calculations of the catalogue, or show everything known about one.

    `isoflop laws check FILE` evaluates a table of values by them.

    For example:

        isoflop laws chinchilla

    Parameters
    ----------
    name
        A law, a family of laws or a calculation; all of them where left out.
    json
        Print JSON, or never.
    """
    functions = catalogue.calculations()
    if name in functions:
        chosen, shown = {}, {name: functions[name]}
    elif name is not None:
        chosen, shown = {name: catalogue.find(name)}, {}
    else:
        chosen, shown = {each: catalogue.find(each) for each in catalogue.names()}, functions
    if wants_json(json):
        emit_json(
            "laws", {"laws": list(map(_content, chosen.values())), "calculations": list(map(_call, shown.values()))}
        )
    elif name is None:
        emit(_listing(chosen, shown))
    else:
        emit(chosen[name].card() if chosen else _explained(shown[name]))


def check(file: str, /, *, json: bool = False) -> int:
    """Evaluate every row of a table of values by the law or calculation of its name.

    Prints rows and largest relative error per law, what failed, and the counts as the last line. The exit code is 1
    where a row failed.

    For example:

        isoflop laws check law_vectors.csv

    Parameters
    ----------
    file
        CSV with the columns id,law,output,value,params,inputs. Rows of laws fit_... are skipped.
    json
        Print JSON.
    """
    found = catalogue.check(file)
    if json:
        emit_json("laws check", found.to_dict())
    else:
        emit(found.summary())
    return 0 if found.success else 1


def _listing(chosen: Mapping[str, Law | Family], functions: Mapping[str, Callable[..., Any]]) -> str:
    width = room()
    rows = [[name, _short(_default(law)), law.title] for name, law in chosen.items()]
    lines = _columns(["name", "formula", "what"], rows)
    if width is not None and max(map(len, lines)) > width:  # what a law is for says more than its formula
        lines = _columns(["name", "what"], [[name, title] for name, _, title in rows])
    calls = _columns(["calculation", "what"], [[name, _first_line(f)] for name, f in functions.items()])
    return "\n".join(_cut(line, width) for line in (*lines, "", *calls))


def _columns(heads: list[str], rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in (heads, *rows)]


def _cut(line: str, width: int | None) -> str:
    """Return a line that fits.

    Examples
    --------
    >>> _cut("sum of power terms", 12), _cut("sum", None)
    ('sum of po...', 'sum')
    """
    return line if width is None or len(line) <= width else f"{line[: width - 3]}..."


def _short(law: Law) -> str:
    text = f"{law.response} = {law.formula}"
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def _default(law: Law | Family) -> Law:
    return law.law() if isinstance(law, Family) else law


def _first_line(function: Callable[..., Any]) -> str:
    return inspect.getdoc(function).partition("\n")[0]  # type: ignore[union-attr]


def _explained(function: Callable[..., Any]) -> str:
    """Return the call and the documentation of a calculation."""
    names = ", ".join(str(p).partition(":")[0] for p in inspect.signature(function).parameters.values())
    return f"isoflop.laws.{function.__name__}({names})\n\n{inspect.getdoc(function)}"


def _call(function: Callable[..., Any]) -> dict[str, Any]:
    takes = list(inspect.signature(function).parameters)
    return {"name": function.__name__, "takes": takes, "title": _first_line(function)}


def _content(found: Law | Family) -> dict[str, Any]:
    law = _default(found)
    published = {
        key: {
            "params": dict(one.params),
            "standard_error": dict(one.standard_error),
            "interval": {name: list(pair) for name, pair in one.interval.items()},
            "source": one.source,
            "convention": one.convention,
            "verified": one.verified,
            "warning": one.warning,
        }
        for key, one in law.published.items()
    }
    return {
        "name": law.name,
        "title": law.title,
        "family": dict(found.default) if isinstance(found, Family) else None,
        "response": law.response,
        "formula": law.formula,
        "where": dict(law.where),
        "variables": {v: law.units.get(v, "") for v in law.variables},
        "parameters": {p: law.domain(p) for p in law.parameters},
        "constants": dict(law.constants),
        "derived": dict(law.derived),
        "scale": law.scale,
        "recipe": law.paper_recipe().text(),
        "citation": law.citation,
        "validity": law.validity,
        "traps": list(law.traps),
        "published": published,
    }
