"""The README runs: each ```python block is executed, and a ```text block after it is what it prints."""

from __future__ import annotations

import contextlib
import doctest
import io
import re

import pytest

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


def blocks(text: str) -> list[tuple[str, str]]:
    """Return (language, content) of the fenced blocks, in order."""
    return FENCE.findall(text)


def test_readme_examples_print_what_they_say(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = blocks((root / "README.md").read_text(encoding="utf-8"))
    assert any(language == "python" for language, _ in found), "the README has no Python example"
    names: dict[str, object] = {"__name__": "readme"}
    for (language, code), (after, expected) in zip(found, [*found[1:], ("", "")], strict=True):
        if language != "python":
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "README.md", "exec"), names)
        if after == "text" and not doctest.OutputChecker().check_output(expected, printed.getvalue(), FLAGS):
            pytest.fail(f"README prints\n{printed.getvalue()}\nbut says\n{expected}")
