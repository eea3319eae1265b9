"""A law's card: everything known about it, as text for `isoflop laws` and `Law.card()`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ._repr import facts, number

if TYPE_CHECKING:
    from ._law import Law
    from ._published import Published

WIDTH = 104
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
    parts = [title, _filled(f"{law.response} = {law.formula}", "  "), *_where(law), "", _wrapped(facts(_facts(law)))]
    if law.traps:
        parts += ["", "traps", *(_filled(trap, "  - ", "    ") for trap in law.traps)]
    if law.published:
        parts += ["", "published", *(_filled(line, "  ", "    ") for line in published_lines(law))]
    return "\n".join(parts)


def published_lines(law: Law) -> Iterator[str]:
    """Return published values line by line: a key with its values and errors, then the source and what it counts."""
    for key, entry in law.published.items():
        names = [name for name in (*law.parameters, *law.tied) if name in entry.params]
        yield f"{key}: {', '.join(_printed(entry, name) for name in names)}"
        source = entry.source + ("" if entry.verified else " (second-hand)")
        remarks = [source, entry.convention, f"caution: {entry.warning}" if entry.warning else ""]
        yield "  " + "; ".join(filter(None, remarks))


def _printed(entry: Published, name: str) -> str:
    """Return a value as printed, with its standard error and its 95 % interval where the source has them."""
    text = f"{name} = {number(entry.params[name])}"
    if name in entry.standard_error:
        text += f" ± {number(entry.standard_error[name])}"
    if name in entry.interval:
        low, high = entry.interval[name]
        text += f" [{number(low)} to {number(high)}]"
    return text


def _where(law: Law) -> list[str]:
    if not law.where:
        return []
    lines = [f"{name} = {text}" for name, text in law.where.items()]
    return [_filled(line, "  where " if i == 0 else "        ", " " * 10) for i, line in enumerate(lines)]


def _facts(law: Law) -> list[tuple[str, str]]:
    recipe = law.paper_recipe()
    ranges = (f"{name} from {number(low)} to {number(high)}" for name, (low, high) in law.range.items())
    return [
        ("variables", "; ".join(f"{v} = {law.units[v]}" if v in law.units else v for v in law.variables)),
        ("parameters", ", ".join(f"{p} {_DOMAIN[law.domain(p)]}" for p in law.parameters)),
        ("held", ", ".join(f"{name} = {number(value)}" for name, value in law.constants.items())),
        ("tied", ", ".join(f"{k} = {v}" for k, v in law.tied.items())),
        ("derived", ", ".join(f"{k} = {v}" for k, v in law.derived.items())),
        ("residuals", "on the logarithm" if law.scale == "log" else f"on {law.response} itself"),
        ("recipe", recipe.text() + (f"; {recipe.note}" if recipe.note else "")),
        ("valid", "; ".join(filter(None, (law.validity, *ranges)))),
        ("source", law.citation),
    ]


def _filled(text: str, first: str, later: str | None = None) -> str:
    later = first + "  " if later is None else later
    lead = " " * (len(text) - len(text.lstrip()))
    return textwrap.fill(
        text.strip(), WIDTH, initial_indent=first + lead, subsequent_indent=later + lead, break_long_words=False
    )


def _wrapped(text: str) -> str:
    """Wrap `name  value` lines under their values."""
    column = max(len(line.split("  ")[0]) for line in text.splitlines()) + 4
    return "\n".join(_filled(line, "  ", " " * column) for line in text.splitlines())
