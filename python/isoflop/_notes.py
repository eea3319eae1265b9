"""Notes: what the reader of a result should know, each with an id that scripts can test, a text and a remedy.

A module declares the kinds of note that it gives as constants, `FEW_GROUPS = Kind("few-groups", ...)`, beside the
check that gives them; nothing here knows what any of them is about.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to know about a result.

    Attributes
    ----------
    id : str
        What it is about, in lower case with hyphens; stays the same between versions.
    text : str
        What was found, with its numbers.
    remedy : str
        The one thing to do about it; empty where there is nothing to do.

    Examples
    --------
    >>> print(Note("few-groups", "the runs have 4 groups", "add runs"))
    the runs have 4 groups (few-groups); add runs
    """

    id: str
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        """Return text, id and remedy on one line."""
        return f"{self.text} ({self.id})" + (f"; {self.remedy}" if self.remedy else "")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of note: its id, and its text and remedy with places for values as in `str.format`.

    Raises
    ------
    ValueError
        If the id is not lower-case words joined by hyphens.

    Examples
    --------
    >>> few = Kind("few-groups", "the runs have {n} groups, intervals are rough below 10", "add runs")
    >>> few(n=4).text
    'the runs have 4 groups, intervals are rough below 10'
    """

    id: str
    text: str
    remedy: str = ""

    def __post_init__(self) -> None:
        """Check the id."""
        if not _ID.fullmatch(self.id):
            raise ValueError(f"note id {self.id!r}, expected lower-case words joined by hyphens")

    def __call__(self, **values: Any) -> Note:
        """Return a note of this kind with its values put in."""
        return Note(self.id, self.text.format(**values), self.remedy.format(**values))


class Notes(tuple[Note, ...]):
    """The notes of a result, in the order in which they should be read; an id can be asked for with `in`.

    Examples
    --------
    >>> notes = Notes([Note("few-groups", "the runs have 4 groups", "add runs")])
    >>> "few-groups" in notes, notes.ids
    (True, ('few-groups',))
    >>> print(notes)
    few-groups: the runs have 4 groups
      Hint: add runs
    """

    __slots__ = ()

    def __contains__(self, item: object) -> bool:
        """Return whether a note, or one of this id, is there."""
        return item in self.ids if isinstance(item, str) else super().__contains__(item)

    def __str__(self) -> str:
        """Return the notes as text, each with its remedy on a line of its own."""
        lines = ([f"{n.id}: {n.text}", *([f"  Hint: {n.remedy}"] if n.remedy else [])] for n in self)
        return "\n".join(line for note in lines for line in note)

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids in order, each once."""
        return tuple(dict.fromkeys(note.id for note in self))

    def of(self, name: str) -> Notes:
        """Return the notes of one id."""
        return Notes(note for note in self if note.id == name)

    def to_dict(self) -> list[dict[str, str]]:
        """Return the notes in JSON's types: id, text and remedy of each."""
        return [asdict(note) for note in self]

    @classmethod
    def from_dict(cls, content: Iterable[Mapping[str, str]]) -> Notes:
        """Make the notes again from `to_dict`."""
        return cls(Note(**entry) for entry in content)
