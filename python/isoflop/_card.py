"""A law's card: everything known about it, as text for `isoflop laws` and `Law.card()`."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING

from ._repr import facts, number, table

if TYPE_CHECKING:
    from ._law import Law

_DOMAIN = {"positive": "> 0", "real": "any sign", "unit": "in (0, 1)"}


def card(law: Law) -> str:
    """Return the card of a law.

    Examples
    --------
    >>> from isoflop._law import Law
    >>> print(card(Law("E + A / N**alpha", name="floor")))  # doctest: +ELLIPSIS
    floor
      loss = E + A / N**alpha
    ...
    """
    title = f"{law.name or 'law'}: {law.title}" if law.title else law.name or "law"
    recipe = law.paper_recipe()
    lines = [
        ("variables", "; ".join(f"{v} = {law.units[v]}" if v in law.units else v for v in law.variables)),
        ("parameters", ", ".join(f"{p} {_DOMAIN[law.domain(p)]}" for p in law.parameters)),
        ("tied", ", ".join(f"{k} = {v}" for k, v in law.tied.items())),
        ("derived", ", ".join(f"{k} = {v}" for k, v in law.derived.items())),
        ("residuals", f"on {'log loss' if law.scale == 'log' else 'the loss itself'}"),
        ("recipe", recipe.text() + (f"; {recipe.note}" if recipe.note else "")),
        ("valid", law.validity),
        ("source", law.citation),
    ]
    parts = [title, f"  loss = {law.formula}", "", _wrapped(facts(lines))]
    if law.traps:
        parts += [
            "",
            "traps",
            *(textwrap.fill(t, 100, initial_indent="  - ", subsequent_indent="    ") for t in law.traps),
        ]
    if law.published:
        parts += ["", "published", textwrap.indent(published_table(law), "  ")]
    return "\n".join(parts)


def published_table(law: Law) -> str:
    """Return the published values of a law as a text table, one row per source."""
    names = [*law.parameters, *law.tied]
    rows = [
        [key, *(number(p.params.get(n, math.nan)) for n in names), p.source + ("" if p.verified else " (second-hand)")]
        for key, p in law.published.items()
    ]
    return table(["key", *names, "source"], rows)


def _wrapped(text: str, width: int = 104) -> str:
    """Wrap `name  value` lines under their values."""
    column = max(len(line.split("  ")[0]) for line in text.splitlines()) + 4
    return "\n".join(
        textwrap.fill(line, width, initial_indent="  ", subsequent_indent=" " * column) for line in text.splitlines()
    )
