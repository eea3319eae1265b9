"""How a table of runs is printed: one screen, never the rows themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from . import _repr
from ._errors import counted
from ._frames import NUMERIC

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._columns import Columns

MAX_LINES = 20
_HEADERS = ("role", "column", "min", "median", "max", "unusable")
_UNITS = {"nats": "", "bits": "from bits per token", "bits_per_byte": "from bits per byte"}


def short(columns: Columns) -> str:
    """Return the table of roles under one line with the counts."""
    return f"{_title(columns)}\n{_indent(_repr.table(_HEADERS, _rows(columns, columns.roles)))}"


def summary(columns: Columns, notes: tuple[str, ...]) -> str:
    """Return roles, then other columns, then notes."""
    used = set(columns.roles.values())
    others = [name for name in columns.table.names if name not in used]
    shown = others[:MAX_LINES]
    rows = _rows(columns, columns.roles) + [_row(columns, name, "") for name in shown]
    lines = [_title(columns), _indent(_repr.table(_HEADERS, rows))]
    if len(others) > len(shown):
        lines.append(f"  and {len(others) - len(shown)} more columns")
    lines += [f"  note: {note}" for note in notes]
    return "\n".join(lines)


def html(columns: Columns) -> str:
    """Return the table of roles for notebooks."""
    return _repr.html_table(_HEADERS, _rows(columns, columns.roles), _title(columns))


def _title(columns: Columns) -> str:
    title = f"Runs: {counted(len(columns.rows), 'row')}, {counted(len(columns.table.names), 'column')}"
    if "groups" in columns.roles:
        n = len(set(columns.levels("groups", checked=False)[1]))
        title += f", {counted(n, 'group')}"
    if _UNITS[columns.loss_unit]:
        title += f", loss in nats per token ({_UNITS[columns.loss_unit]})"
    return title


def _rows(columns: Columns, roles: Mapping[str, str]) -> list[list[str]]:
    rows = [_row(columns, role, role) for role in roles]
    return rows + [_row(columns, name, name) for name in (["C"] if columns.derives_c else [])]


def _row(columns: Columns, name: str, role: str) -> list[str]:
    column = columns.name(name)
    kind = columns.kind(name)
    if name == "groups" or kind not in NUMERIC:
        return [role, column, *_levels(columns, name, kind)]
    try:
        values = columns.numbers(name).values
    except ValueError:  # a fault that using the column would report
        return [role, column, "", "", "", "all"]
    finite = values[np.isfinite(values)]
    bad = str(len(values) - len(finite) or "")
    if not finite.size:
        return [role, column, "", "", "", bad]
    spread = (finite.min(), np.median(finite), finite.max())
    return [role, column, *(_repr.number(float(v), 4) for v in spread), bad]


def _levels(columns: Columns, name: str, kind: str) -> list[str]:
    if name != "groups" and kind not in (*NUMERIC, "text"):
        return ["", kind, "", ""]
    try:
        codes, labels = columns.levels(name, checked=False)
    except ValueError:
        return ["", kind, "", ""]
    ends = (labels[0], labels[-1]) if labels else ("", "")
    first, last = (str(end) if len(str(end)) <= 16 else f"{str(end)[:15]}…" for end in ends)
    return [first, counted(len(labels), "level"), last, str(int((codes < 0).sum()) or "")]


def _indent(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
