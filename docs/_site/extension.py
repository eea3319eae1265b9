"""The extension that Sphinx loads: it writes the generated pages before files are looked for."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from . import api_pages, cli_pages, law_pages, mathml

GENERATED = "generated"


def generate(folder: Path) -> None:
    """Write every generated page whose text has changed, remove those that are no longer made."""
    made = set()
    for name, text in _pages():
        path = folder / name
        made.add(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for path in set(folder.rglob("*.*")) - made:
        path.unlink()


def _pages() -> Iterator[tuple[str, str]]:
    return chain(law_pages.pages(), cli_pages.pages(), api_pages.pages())


def _before_files_are_found(app: Any, _config: Any) -> None:
    generate(Path(app.srcdir) / GENERATED)


def _signature(_app: Any, kind: str, _name: str, thing: Any, _options: Any, args: Any, _returns: Any) -> Any:
    """Leave out the signature of classes whose docstring names no arguments: nobody but the library makes them."""
    made_by_us = args and kind in ("class", "exception") and "Parameters\n" not in (thing.__doc__ or "")
    return ("", None) if made_by_us else None


def _without_numpydoc_signatures(app: Any) -> None:
    """Let go of numpydoc's own handler: it answers for exceptions, whose signatures autodoc does not know."""
    for listener in list(app.events.listeners["autodoc-process-signature"]):
        if listener.handler.__module__.startswith("numpydoc"):
            app.disconnect(listener.id)


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx what to call."""
    mathml.setup(app)
    app.connect("config-inited", _before_files_are_found)
    app.connect("autodoc-process-signature", _signature)
    app.connect("builder-inited", _without_numpydoc_signatures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
