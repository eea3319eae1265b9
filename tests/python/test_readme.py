"""The README runs: each Python block is executed, a text block after it is what it prints, shell commands work."""

from __future__ import annotations

import contextlib
import doctest
import io
import re
import shlex
import shutil

import pytest

from isoflop import _demo
from isoflop.cli import main

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def readme(root):
    return (root / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def blocks(readme, root, tmp_path, monkeypatch):
    """Return (language, content) of the fenced blocks, in order; the place looks like the top of a clone."""
    place = tmp_path / _demo.PATH.relative_to(root)
    place.parent.mkdir(parents=True)
    shutil.copy(_demo.PATH, place)
    monkeypatch.chdir(tmp_path)
    return FENCE.findall(readme)


def test_python_blocks_print_what_they_say(blocks, tmp_path):
    names: dict[str, object] = {"__name__": "readme"}
    n_compared = 0
    for (language, code), (after, expected) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        if language != "python":
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "README.md", "exec"), names)
        assert after == "text", f"nothing is said of what this prints:\n{code}"
        if not doctest.OutputChecker().check_output(expected, printed.getvalue(), FLAGS):
            pytest.fail(f"README prints\n{printed.getvalue()}\nbut says\n{expected}")
        n_compared += 1
    assert n_compared >= 3
    assert (tmp_path / "band.png").read_bytes().startswith(b"\x89PNG")


def test_the_first_example_has_twelve_lines(blocks):
    first = next(code for language, code in blocks if language == "python")
    assert len(first.splitlines()) == 12


def test_shell_commands_work(blocks, tmp_path, capsys):
    lines = [line for language, code in blocks if language == "sh" for line in code.replace("\\\n", " ").splitlines()]
    commands = [shlex.split(line) for line in lines if line.startswith("isoflop ")]
    assert commands
    for words in commands:
        assert main(words[1:]) == 0, capsys.readouterr().err
    assert (tmp_path / "fit.json").is_file()
    assert (tmp_path / "fit.png").is_file()


def test_the_first_screen_has_the_two_commands_and_the_picture(readme, root):
    first = readme.splitlines()[:20]
    assert any(line.startswith("make demo") for line in first)
    assert any(line.startswith("make test") for line in first)
    (picture,) = re.findall(r"!\[.+\]\((.+)\)", "\n".join(first))
    assert (root / picture).read_bytes().startswith(b"\x89PNG")


def test_links_lead_somewhere(readme, root):
    for target in re.findall(r"\]\(([^)#]+)\)", readme):
        assert target.startswith("https://") or (root / target).exists(), target
