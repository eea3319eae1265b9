"""Pieces of a page: text becomes HTML here and nowhere else, so that nothing of a user's table is read as markup."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any


class Html(str):
    """Text that is markup already; every other string is escaped."""

    __slots__ = ()


def safe(content: Any) -> Html:
    """Return markup as it is and anything else as text.

    Examples
    --------
    >>> safe("<b> & co"), safe(Html("<b>bold</b>"))
    ('&lt;b&gt; &amp; co', '<b>bold</b>')
    """
    return content if isinstance(content, Html) else Html(escape(str(content)))


def element(name: str, /, *content: Any, **attributes: Any) -> Html:
    """Return an element; `class_` and `data_x` stand for the attributes class and data-x.

    Examples
    --------
    >>> element("p", "1 < 2", class_="note")
    '<p class="note">1 &lt; 2</p>'
    """
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"' for key, value in attributes.items())
    return Html(f"<{name}{given}>{join(content)}</{name}>")


def join(parts: Iterable[Any]) -> Html:
    """Return parts one after the other."""
    return Html("".join(safe(part) for part in parts))


def table(headers: Sequence[str], rows: Iterable[Sequence[Any]], marked: int | None = None) -> Html:
    """Return a table that scrolls sideways where the page is narrow; row `marked` stands out."""
    head = element("tr", *(element("th", h, scope="col") for h in headers))
    lines = [
        element("tr", *(element("td", cell) for cell in row), **({"class_": "marked"} if i == marked else {}))
        for i, row in enumerate(rows)
    ]
    return element("div", element("table", element("thead", head), element("tbody", *lines)), class_="scroll")


def facts(pairs: Iterable[tuple[str, Any]]) -> Html:
    """Return names and values as a list of terms; empty values are left out."""
    return element("dl", *(join((element("dt", k), element("dd", v))) for k, v in pairs if v))


def bullets(items: Sequence[Any]) -> Html:
    """Return a list, or nothing."""
    return element("ul", *(element("li", item) for item in items)) if items else Html("")


def data(identity: str, content: Any) -> Html:
    r"""Return a block of JSON that cannot end its own element, whatever strings it holds.

    Examples
    --------
    >>> data("x", "</script>")
    '<script type="application/json" id="x">"\\u003c/script>"</script>'
    """
    is_json = isinstance(content, str) and content[:1] == "{"
    text = content if is_json else json.dumps(content, allow_nan=False, separators=(",", ":"))
    text = text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return Html(f'<script type="application/json" id="{escape(identity)}">{text}</script>')
