"""How numbers and tables are printed: one rounding rule, one text table, one HTML table.

No statistics here, and nothing that knows what a fit is.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence

#: Columns of a line of notes.
NOTE_WIDTH = 110


def number(value: float, digits: int = 6) -> str:
    """Return `value` with `digits` significant digits, in plain notation from 1e-4 to 1e9.

    Examples
    --------
    >>> number(0.34731045), number(2143.0), number(1.4e12), number(0.0010182740)
    ('0.34731', '2143', '1.4e+12', '0.00101827')
    """
    if value is None or math.isnan(value):
        return "–"
    if value == 0 or math.isinf(value):
        return f"{value:g}"
    exponent = math.floor(math.log10(abs(value)))
    if -4 <= exponent < 9:
        decimals = max(digits - 1 - exponent, 0)
        text = f"{value:.{decimals}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa, power = f"{value:.{digits - 1}e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{power}" if "." in mantissa else f"{mantissa}e{power}"


def count(value: float) -> str:
    """Return a count to three digits, with a letter for millions, billions (1e9) and trillions (1e12).

    Examples
    --------
    >>> count(8.03e9), count(1.4e12), count(999.7e6), count(512)
    ('8.03B', '1.4T', '1B', '512')
    """
    rounded = float(f"{value:.3g}")
    for power, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        if rounded >= power:
            return f"{number(rounded / power, 3)}{letter}"
    return f"{rounded:,.0f}"


def pair(value: float, error: float) -> tuple[str, str]:
    """Return a value and its error, rounded by the one rule: two digits of the error, and the value to the same place.

    A value smaller than its error keeps two digits of its own; an error that is not a positive finite number leaves
    the value with six digits, and one below 1e-8 of it with nine.

    Examples
    --------
    >>> pair(0.347310, 0.01532)
    ('0.347', '0.015')
    >>> pair(2143.2, 1287.0)
    ('2100', '1300')
    >>> pair(1.8172, float("nan"))
    ('1.8172', '–')
    """
    if not math.isfinite(error) or error <= 0:
        return number(value), "–" if error != 0 else "0"
    if error < 1e-8 * abs(value):  # no digits that only rounding made
        return number(value, 9), number(error, 2)
    if 0 < abs(value) < error:
        return number(value, 2), number(error, 2)
    place = math.floor(math.log10(error)) - 1
    if round(error / 10.0**place) >= 100:  # 0.0996 is 0.10, not 0.100
        place += 1
    size = max(abs(value), error)
    if size >= 1e9 or size < 1e-4:
        return _scientific(value, error, place)
    decimals = max(-place, 0)
    return f"{round(value, -place):.{decimals}f}", f"{round(error, -place):.{decimals}f}"


def between(value: float, low: float, high: float) -> str:
    """Return a value and its interval, all rounded to the place that two digits of half its width end at.

    Examples
    --------
    >>> between(963746.2, 819364.0, 1124314.0)
    '960000  (820000 to 1120000)'
    >>> between(13.377, 11.421, 15.653)
    '13.4  (11.4 to 15.7)'
    >>> between(1.5, 1.5, 1.5)
    '1.5  (1.5 to 1.5)'
    """
    half = (high - low) / 2
    if not math.isfinite(half) or half <= 0:
        return f"{number(value)}  ({number(low)} to {number(high)})"
    place = math.floor(math.log10(half)) - 1
    decimals = max(-place, 0)
    value, low, high = (round(x, -place) for x in (value, low, high))
    if abs(high) >= 1e9:
        return f"{number(value)}  ({number(low)} to {number(high)})"
    return f"{value:.{decimals}f}  ({low:.{decimals}f} to {high:.{decimals}f})"


def _scientific(value: float, error: float, place: int) -> tuple[str, str]:
    """Round both to the same decimal place and write them with the same power of ten."""
    exponent = math.floor(math.log10(max(abs(value), error)))
    decimals = max(exponent - place, 0)
    scale = 10.0**exponent
    return f"{value / scale:.{decimals}f}e{exponent:+03d}", f"{error / scale:.{decimals}f}e{exponent:+03d}"


def percent(share: float) -> str:
    """Return a share as a percentage that never rounds something to nothing.

    Examples
    --------
    >>> percent(0.95), percent(0.00031), percent(1e-7), percent(0.0)
    ('95 %', '0.031 %', '<0.001 %', '0 %')
    """
    value = 100 * share
    if value == 0:
        return "0 %"
    digits = 3 if value < 99 else 4
    return "<0.001 %" if value < 1e-3 else f"{value:.{digits}g} %"


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a plain text table: first column to the left, the others to the right.

    Examples
    --------
    >>> print(table(["parameter", "value"], [["alpha", "0.347"], ["E", "1.817"]]))
    parameter  value
    alpha      0.347
    E          1.817
    """
    lines = [list(headers), *(list(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(headers))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def bullets(notes: Iterable[str]) -> str:
    """Return notes as a list, a dash each, in lines that fit a page.

    Examples
    --------
    >>> print(bullets(["one", "word " * 25]))
    - one
    - word word word word word word word word word word word word word word word word word word word word word
      word word word word
    """
    return "\n".join(textwrap.fill(f"- {note}", NOTE_WIDTH, subsequent_indent="  ") for note in notes)


def html_table(headers: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> str:
    """Return the same table as HTML for notebooks."""
    from html import escape

    head = "".join(f"<th>{escape(h)}</th>" for h in headers)
    body = "".join("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>" for row in rows)
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Return `name  value` lines with the values aligned."""
    items = [(name, value) for name, value in pairs if value]
    width = max((len(name) for name, _ in items), default=0)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in items)


class Values(Mapping[str, float]):
    """Named numbers in a fixed order that cannot be changed; reads like a dict, prints on one line.

    Examples
    --------
    >>> v = Values({"E": 1.8172, "alpha": 0.3478})
    >>> v["alpha"], list(v)
    (0.3478, ['E', 'alpha'])
    >>> v
    {E: 1.8172, alpha: 0.3478}
    """

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, float] | Iterable[tuple[str, float]]):
        self._items = {str(k): float(v) for k, v in dict(items).items()}

    def __getitem__(self, name: str) -> float:
        """Return one value; a name that is not there is answered with those that are."""
        try:
            return self._items[name]
        except KeyError:
            raise KeyError(f"{name!r} is not one of {', '.join(self._items)}") from None

    def __contains__(self, name: object) -> bool:
        """Return whether there is a value of that name."""
        return name in self._items

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._items)

    def __len__(self) -> int:
        """Return how many values there are."""
        return len(self._items)

    def __repr__(self) -> str:
        """Show at most eight of them."""
        shown = [f"{k}: {number(v)}" for k, v in list(self._items.items())[:8]]
        more = [f"... {len(self) - 8} more"] if len(self) > 8 else []
        return "{" + ", ".join(shown + more) + "}"
