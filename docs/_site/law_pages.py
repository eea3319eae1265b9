"""A page per law, from its declaration: formula, symbols, recipe, traps, published values, a run example."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

import isoflop as iso
from isoflop._repr import number
from isoflop.laws._family import Family

from . import examples, latex
from .markdown import bullets, code, math, page, plain, table

#: More parameters than this get a table per source.
MOST_COLUMNS = 7
#: A longer formula is not shown in the list of laws.
LONGEST = 160
DOMAINS = {"positive": "above 0", "real": "any sign", "unit": "between 0 and 1"}


def pages() -> Iterator[tuple[str, str]]:
    """Yield (path below the generated pages, text) of every law and of their index."""
    for name in iso.laws.names():
        yield f"laws/{name}.md", law_page(name)
    yield "laws/index.md", index()


def law_page(name: str) -> str:
    """Return the page of a law, of a family that of its default shape."""
    found, law = iso.laws.find(name), iso.laws.get(name)
    example = examples.code(name)
    return page(
        name,
        f"{plain(law.title[:1].upper() + law.title[1:])}.\n",
        _family(found),
        _formula(law),
        "## Symbols\n",
        table(["", "", "meaning", "range"], _symbols(law)),
        _derived(law),
        "## How to fit it\n",
        bullets(_recipe(law)),
        "## Traps\n" if law.traps else "",
        bullets(map(plain, law.traps)),
        "## Published values\n" if law.published else "",
        "\n".join(_published(law)),
        "## Example\n",
        code(example, "python"),
        code(examples.printed(example)),
        f"`isoflop laws {name}` prints this card in the shell.\n",
    )


def _family(found: iso.Law | Family) -> str:
    if not isinstance(found, Family):
        return ""
    shape = ", ".join(f"{key}={value!r}" for key, value in found.default.items())
    return f"A family of laws: this is the shape `iso.laws.get({found.name!r}, {shape})`.\n"


def _formula(law: iso.Law) -> str:
    lines = [f"{latex.name(law.response)} = {latex.formula(law.formula)}"]
    lines += [f"{latex.name(name)} = {latex.formula(text)}" for name, text in law.where.items()]
    text = [f"{law.response} = {law.formula}", *(f"{name} = {text}" for name, text in law.where.items())]
    return "```{math}\n" + " \\\\\n".join(lines) + "\n```\n\n" + code("\n".join(text))


def _symbols(law: iso.Law) -> Iterator[tuple[str, str, str, str]]:
    for name in law.variables:
        yield math(latex.name(name)), f"`{name}`", plain(law.units.get(name, "variable")), _span(law.range, name)
    for name in law.parameters:
        yield math(latex.name(name)), f"`{name}`", _parameter(law, name), _span(law.box, name, "first looked for in ")
    for name, text in law.tied.items():
        yield math(latex.name(name)), f"`{name}`", f"tied: {math(latex.formula(text))}", ""


def _parameter(law: iso.Law, name: str) -> str:
    words = ["parameter, " + DOMAINS[law.domain(name)]]
    if name in law.levels:
        words.append(f"one per level of `{law.levels[name]}`")
    if name in law.constants:
        words.append(f"held at {number(law.constants[name])}")
    return ", ".join(words)


def _span(ranges: Mapping[str, tuple[float, float]], name: str, lead: str = "") -> str:
    if name not in ranges:
        return ""
    low, high = (examples.shown(bound).replace("inf", "∞") for bound in ranges[name])
    return f"{lead}{low} to {high}"


def _derived(law: iso.Law) -> str:
    rows = [(math(latex.name(name)), f"`{name}`", math(latex.formula(text))) for name, text in law.derived.items()]
    return "Shown with every fit:\n\n" + table(["", "", "derived quantity"], rows) if rows else ""


def _recipe(law: iso.Law) -> Iterator[str]:
    recipe = law.paper_recipe()
    others = [name for name in law.variables if name not in ("N", "D", "C")]
    columns = "".join(f', {name}="..."' for name in others)
    yield f'`iso.fit(runs, "{law.name}"{columns})`, with the columns of the runs where names differ'
    yield "residuals " + ("on the logarithm" if law.scale == "log" else f"on {math(latex.name(law.response))} itself")
    yield f"recipe: {plain(recipe.text())}" + (f"; {plain(recipe.note)}" if recipe.note else "")
    yield f"valid: {plain(law.validity)}"
    yield f"source: {plain(law.citation)}"


def _published(law: iso.Law) -> Iterator[str]:
    """Return values of every source in one table, or a table per source where there are many, then what they count."""
    names = [name for name in (*law.parameters, *law.tied) if any(name in e.params for e in law.published.values())]
    if len(names) <= MOST_COLUMNS:
        rows = [(f"`{key}`", *(_value(e, name) for name in names)) for key, e in law.published.items()]
        yield table(["", *(math(latex.name(name)) for name in names)], rows)
        yield bullets(f"`{key}`: {_remarks(entry)}" for key, entry in law.published.items())
        return
    for key, entry in law.published.items():
        yield f"### `{key}`\n\n{_remarks(entry)}\n"
        yield table(["", "value"], [(f"`{name}`", _value(entry, name)) for name in names if name in entry.params])


def _value(entry: iso.Published, name: str) -> str:
    """Return a value as printed, with its standard error and its 95 % interval where the source has them."""
    if name not in entry.params:
        return ""
    error = f" ± {number(entry.standard_error[name])}" if name in entry.standard_error else ""
    low, high = entry.interval.get(name, (None, None))
    return number(entry.params[name]) + error + ("" if low is None else f" ({number(low)} to {number(high)})")


def _remarks(entry: iso.Published) -> str:
    source = plain(entry.source) + ("" if entry.verified else " (second-hand)")
    caution = f"**caution:** {plain(entry.warning)}" if entry.warning else ""
    return "; ".join(filter(None, [source, plain(entry.convention), caution]))


def index() -> str:
    """Return the list of laws, by the modules that declare them."""
    parts = []
    for home, names in _by_module().items():
        title = (sys.modules[home].__doc__ or "").partition("\n")[0].rstrip(".")
        rows = [
            (f"[`{name}`]({name}.md)", _short(iso.laws.get(name)), plain(iso.laws.get(name).title)) for name in names
        ]
        parts += [f"## {plain(title)}\n", table(["law", "formula", ""], rows)]
    tree = "```{toctree}\n:hidden:\n\n" + "\n".join(sorted(iso.laws.names())) + "\n```\n"
    return page("Laws", f"{len(iso.laws.names())} laws and families of the literature. {LEAD}", *parts, tree)


LEAD = """Each is one declaration in `isoflop.laws`, and each of
these pages is made from it. What follows from parameters in several numbers (optima, allocations, conversions) is under
[calculations](../reference/calculations.rst).
"""


def _short(law: iso.Law) -> str:
    text = f"{latex.name(law.response)} = {latex.formula(law.formula)}"
    return math(text) if len(text) <= LONGEST else ""


def _by_module() -> dict[str, list[str]]:
    """Return the names of laws by the module that declares them."""
    homes: dict[str, list[str]] = {}
    for home in sorted(name for name in sys.modules if name.startswith("isoflop.laws._")):
        for value in vars(sys.modules[home]).values():
            if isinstance(value, iso.Law | Family) and value.name in iso.laws.names():
                homes.setdefault(home, []).append(value.name)
    return homes
