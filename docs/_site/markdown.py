"""Pieces of MyST Markdown: text that must stay as it is, tables, code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def plain(text: str) -> str:
    r"""Return text in which Markdown sees no markup, with `code` kept.

    Examples
    --------
    >>> print(plain("C = 6*N*D for a_b | c"))
    C = 6\*N\*D for a\_b \| c
    """
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(p if p.startswith("`") else re.sub(r"([\\*_|<>\[\]$^~])", r"\\\1", p) for p in parts)


def math(text: str) -> str:
    """Return a formula for running text; bars do not end a cell of a table."""
    return f"${text}$".replace("|", r"\vert ")


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table, empty where there is no row."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(headers)} |", "|" + "---|" * len(headers), *lines, ""]) if lines else ""


def code(text: str, language: str = "text") -> str:
    """Return a fenced block."""
    return f"```{language}\n{text.rstrip()}\n```\n"


def bullets(items: Iterable[str]) -> str:
    """Return a list."""
    return "".join(f"- {item}\n" for item in items)


def page(title: str, *parts: str) -> str:
    """Return a page; empty parts leave no gap."""
    return "\n".join([f"# {title}\n", *filter(None, parts)])
