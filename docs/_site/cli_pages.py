"""A page per shell command: what `--help` prints, by the application itself."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from isoflop.cli._app import HELP, build

from .markdown import code, page, table

WIDTH = 96


def commands(app: Any) -> list[str]:
    """Return the names of the commands of an application, without its flags."""
    return sorted(name for name in app if not name.startswith("-"))


def help_of(app: Any, words: list[str]) -> str:
    """Return the help of a command as plain text."""
    from rich.console import Console

    out = io.StringIO()
    console = Console(file=out, width=WIDTH, color_system=None, force_terminal=False, legacy_windows=False)
    app.help_print(words, console=console)
    return "\n".join(line.rstrip() for line in out.getvalue().strip().splitlines())


def pages() -> Iterator[tuple[str, str]]:
    """Yield (path below the generated pages, text) of every command and of their index."""
    app = build()
    names = commands(app)
    for name in names:
        parts = [code(help_of(app, [name]))]
        for below in commands(app[name]):
            parts += [f"## `isoflop {name} {below}`\n", code(help_of(app, [name, below]))]
        yield f"shell/{name}.md", page(f"`isoflop {name}`", *parts)
    rows = [(f"[`isoflop {name}`]({name}.md)", summary(app, name)) for name in names]
    tree = "```{toctree}\n:hidden:\n\n" + "\n".join(names) + "\n```\n"
    yield "shell/index.md", page("The shell", HELP.partition("\n\n")[2] + "\n", table(["command", ""], rows), tree)


def summary(app: Any, name: str) -> str:
    """Return the first line of a command's help."""
    lines = help_of(app, [name]).splitlines()
    return next((line.strip() for line in lines if line.strip() and not line.startswith(("Usage", "─", "╭"))), "")
