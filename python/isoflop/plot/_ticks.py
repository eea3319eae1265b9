"""Ticks that a reader can use on any log scale: decades, round numbers where these are few, as many as have room."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.ticker import Locator

#: Ratios of the ends of a log scale: below the first its ticks are evenly spaced numbers, below the second it lies
#: within a decade or so, and parts of it are labelled.
EVEN, WITHIN = 3.0, 12.0
#: What a decade may be cut into, from the finest.
PARTS = ([1.0, 1.5, 2.0, 3.0, 5.0, 7.0], [1.0, 2.0, 5.0], [1.0, 3.0])
#: Of a letter and a line: width and height over the size of type, blank included.
LETTER, LINE = 0.66, 1.5


def log_scale(axis: Any) -> None:
    """Make a log scale with as many labelled ticks as have room; call it when everything is drawn."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator, ScalarFormatter

    getattr(axis.axes, f"set_{axis.axis_name}scale")("log")
    low, high = axis.get_view_interval()
    even = high / low < EVEN
    axis.set_major_locator(_roomy(axis, low, high))
    axis.set_minor_locator(NullLocator() if even else LogLocator(subs=list(range(2, 10)), numticks=200))
    axis.set_minor_formatter(NullFormatter())
    if even and low >= 1e-2 and high < 1e4:  # 2.0, 2.5: as many digits everywhere
        axis.set_major_formatter(ScalarFormatter(useOffset=False))
    else:
        axis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))


def plain(value: float) -> str:
    r"""Return a number as a label: as it is from 0.001 to 9999, else with a power of ten.

    Examples
    --------
    >>> plain(2.5), plain(20.0), plain(2e9), plain(1e21)
    ('2.5', '20', '$2{\\times}10^{9}$', '$10^{21}$')
    """
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.10g}"
    mantissa, power = f"{value:.9e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".")
    times = "" if mantissa == "1" else f"{mantissa}{{\\times}}"
    return f"${times}10^{{{int(power)}}}$"


def _roomy(axis: Any, low: float, high: float) -> Locator:
    """Return the finest ticks whose labels keep clear of each other; the coarsest where none do."""
    choices = _choices(low, high)
    for choice in choices:
        at = np.asarray(choice.tick_values(low, high))
        at = at[(at >= low) & (at <= high)]
        if len(at) >= 2 and _fits(axis, at, low, high):
            return choice
    return choices[-1]


def _choices(low: float, high: float) -> list[Locator]:
    """Return ways to set ticks, the finest first."""
    from matplotlib.ticker import LogLocator, MaxNLocator

    if high / low < EVEN:
        return [MaxNLocator(nbins=n, steps=[1, 2, 2.5, 5, 10]) for n in (5, 4, 3, 2)]
    decades = np.floor(np.log10(high)) - np.ceil(np.log10(low)) + 1
    finest = 0 if high / low < WITHIN else 1 if decades < 2 else len(PARTS)
    parts = [LogLocator(subs=part, numticks=50) for part in PARTS[finest:]]
    return [*parts, *(LogLocator(numticks=n) for n in (12, 8, 6, 5, 4, 3))]


def _fits(axis: Any, at: Any, low: float, high: float) -> bool:
    """Whether labels at these places keep clear of each other, to a good guess of their sizes."""
    size = axis.get_ticklabels()[0].get_size() if axis.get_ticklabels() else 10.0
    inches = axis.axes.bbox.width if axis.axis_name == "x" else axis.axes.bbox.height
    points = 72 * inches / axis.axes.figure.dpi
    places = points * np.log(at / low) / np.log(high / low)
    takes = [size * LINE if axis.axis_name == "y" else size * LETTER * (_letters(plain(x)) + 1) for x in at]
    return all(
        b - a > 0.5 * (one + other) for (a, b), (one, other) in zip(pairwise(places), pairwise(takes), strict=True)
    )


def _letters(label: str) -> float:
    """Return how many letters wide a label is; those of an exponent are small.

    Examples
    --------
    >>> _letters("2.5"), _letters(plain(2e10))
    (3.0, 5.4)
    """
    power = re.search(r"\^\{(.*?)\}", label)
    body = re.sub(r"\^\{.*?\}|[${}]", "", label.replace(r"{\times}", "×"))
    return len(body) + (0.7 * len(power[1]) if power else 0.0)
