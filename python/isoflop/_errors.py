"""Every exception and warning of the package, and how their texts are put together.

No checks live here: the room that finds a fault words it; this one gives it its shape
(message, caret under the text, a blank line, `Hint: ...`).
"""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import FrameType

    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "ConvergenceWarning",
    "DataError",
    "DataWarning",
    "ExtrapolationWarning",
    "FitError",
    "InternalError",
    "IsoflopError",
    "IsoflopWarning",
    "LawError",
    "PrecisionWarning",
]


class IsoflopError(Exception):
    """Base class of every error that the package raises on purpose.

    Examples
    --------
    >>> import isoflop as iso
    >>> try:
    ...     iso.laws.get("chinchila")
    ... except iso.IsoflopError as error:
    ...     print(error)
    no law 'chinchila' in the catalogue
    <BLANKLINE>
    Hint: did you mean 'chinchilla', 'chinchilla_tied'?
    """


class DataError(IsoflopError, ValueError):
    """The table, or an argument about it, cannot be used as it is.

    Examples
    --------
    >>> import isoflop as iso
    >>> try:
    ...     iso.Runs({"params": [1e8], "tokens": [1e9], "loss": [2.5]}, N="parms")
    ... except iso.DataError as error:
    ...     print(error)
    no column 'parms' (asked for as N)
    <BLANKLINE>
    Hint: did you mean 'params'?
    """


class FitError(IsoflopError, RuntimeError):
    """A fit could not be carried out at all (one that does not converge returns and warns).

    Examples
    --------
    >>> import isoflop as iso
    >>> runs = iso.simulate("power_floor", {"X": [1, 3, 10, 30, 100, 300, 1000, 3000] * 5}, noise=0.01)
    >>> boot = iso.fit(runs, "power_floor").bootstrap(scheme="jackknife")
    >>> try:
    ...     boot.interval()
    ... except iso.FitError as error:
    ...     print(error)
    jackknife draws have no quantiles
    <BLANKLINE>
    Hint: use .standard_error(), or another scheme
    """


class InternalError(IsoflopError, RuntimeError):
    """A fault of the package itself; please report it.

    Examples
    --------
    >>> import isoflop as iso
    >>> issubclass(iso.InternalError, iso.IsoflopError), issubclass(iso.InternalError, RuntimeError)
    (True, True)
    """


class LawError(IsoflopError, ValueError):
    """A formula or law cannot be used; `position` says where in its text.

    Parameters
    ----------
    message : str
        What is wrong, with or without a hint at its end.
    position : int, optional
        Character offset in `text` of the part at fault, counted from 0.
    text : str, optional
        The formula; with it the message shows a caret.

    Examples
    --------
    >>> from isoflop._errors import LawError
    >>> print(LawError("unknown function 'lg'", 4, "E + lg(N)"))
    unknown function 'lg' (position 4)
        E + lg(N)
            ^
    """

    def __init__(self, message: str, position: int | None = None, text: str | None = None) -> None:
        super().__init__(message, position, text)
        self.message = message
        self.position = position
        self.text = text

    def __str__(self) -> str:
        return with_caret(self.message, self.text, self.position)

    def with_text(self, text: str) -> LawError:
        """Return the same error with the formula it speaks of, so that the caret is shown."""
        return type(self)(self.message, self.position, text)


class IsoflopWarning(UserWarning):
    """Base class of every warning of the package.

    Examples
    --------
    >>> import warnings
    >>> import isoflop as iso
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", iso.IsoflopWarning)  # all of them, and none of others
    ...     round(iso.laws.get("chinchilla").predict("hoffmann2022_printed", N=70e9, D=1.4e12), 3)
    1.937
    """


class ConvergenceWarning(IsoflopWarning):
    """A fit returned without having converged, or with a parameter at a bound.

    Examples
    --------
    >>> import warnings
    >>> import isoflop as iso
    >>> runs = iso.simulate("power_floor", {"X": [1, 2, 4, 8]}, noise=0.3, rng=3)
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     fit = iso.fit(runs, "power_floor")
    ...     fit.success, caught[0].category.__name__
    (False, 'ConvergenceWarning')
    """


class ExtrapolationWarning(IsoflopWarning):
    """A prediction lies far outside the runs that it rests on.

    Examples
    --------
    >>> import warnings
    >>> import isoflop as iso
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     _ = iso.laws.get("ilog2").predict({"a": 0.1, "b": 2.0}, X=0.5)
    ...     caught[0].category.__name__
    'ExtrapolationWarning'
    """


class PrecisionWarning(IsoflopWarning):
    """A number is less precise than its digits say.

    Examples
    --------
    >>> import warnings
    >>> import isoflop as iso
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     _ = iso.laws.get("chinchilla").predict("hoffmann2022_printed", N=70e9, D=1.4e12)
    ...     caught[0].category.__name__
    'PrecisionWarning'
    """


class DataWarning(IsoflopWarning):
    """Values are usable but look as if they were in other units than they should be.

    Examples
    --------
    >>> import warnings
    >>> import isoflop as iso
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     runs = iso.Runs({"N": [70.0, 13.0, 7.0], "D": [2e12, 1e12, 1e12], "loss": [1.9, 2.1, 2.2]})  # billions
    ...     caught[0].category.__name__
    'DataWarning'
    """


def compose(message: str, hint: str | None = None) -> str:
    """Join a message and its hint.

    Examples
    --------
    >>> from isoflop._errors import compose
    >>> print(compose("no column 'los'", "did you mean 'loss'?"))
    no column 'los'
    <BLANKLINE>
    Hint: did you mean 'loss'?
    """
    return f"{message}\n\nHint: {hint}" if hint else message


def with_caret(message: str, text: str | None, position: int | None) -> str:
    """Show `text` with a caret under character `position`, between message and hint."""
    if position is None:
        return message
    head, blank, hint = message.partition("\n\n")
    head = f"{head} (position {position})"
    if text is not None:
        start = text.rfind("\n", 0, position) + 1
        line = text[start:].partition("\n")[0]
        head = f"{head}\n    {line}\n    {' ' * (position - start)}^"
    return head + blank + hint


def nearest(name: str, known: Iterable[str], n: int = 3) -> list[str]:
    """Return the known names that look most like `name`, best first.

    Examples
    --------
    >>> from isoflop._errors import nearest
    >>> nearest("Parms", ["params", "tokens"])
    ['params']
    """
    from difflib import get_close_matches

    folded: dict[str, str] = {}
    for word in known:
        folded.setdefault(word.casefold(), word)
    return [folded[m] for m in get_close_matches(name.casefold(), folded, n=n, cutoff=0.6)]


def listed(names: Iterable[object], limit: int = 12) -> str:
    """Return names quoted and joined by commas, cut short after `limit`.

    Examples
    --------
    >>> from isoflop._errors import listed
    >>> listed(["a", "b", "c"], limit=2)
    "'a', 'b' and 1 more"
    """
    words = [repr(name) for name in names]
    more = len(words) - limit
    return ", ".join(words[:limit]) + (f" and {more} more" if more > 0 else "")


def rows_text(rows: Sequence[int] | NDArray[np.int64], limit: int = 5) -> str:
    """Return row numbers as text: the first few, then how many more.

    Examples
    --------
    >>> from isoflop._errors import rows_text
    >>> rows_text([3])
    'row 3'
    >>> rows_text(range(9))
    'rows 0, 1, 2, 3, 4 and 4 more'
    """
    shown = ", ".join(str(int(row)) for row in rows[:limit])
    more = len(rows) - limit
    return f"row{'s' if len(rows) > 1 else ''} {shown}" + (f" and {more} more" if more > 0 else "")


def counted(n: int, singular: str, plural: str | None = None) -> str:
    """Return a count with its noun: `1 null`, `1,024 nulls`."""
    return f"{n:,} {singular if n == 1 else plural or singular + 's'}"


def warn(message: str, category: type[Warning], hint: str | None = None) -> None:
    """Warn at the line of the first caller outside the package."""
    package = __file__.removesuffix("_errors.py")
    level = 1
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_code.co_filename.startswith(package):
        frame, level = frame.f_back, level + 1
    warnings.warn(compose(message, hint), category, stacklevel=level)
