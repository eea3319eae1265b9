"""The README runs: each Python block is executed, a text block after it is what it prints, shell commands work."""

from __future__ import annotations

import re
import shlex

import pytest

from isoflop.cli import main

from . import pages


@pytest.fixture
def readme(root):
    return (root / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def top(tmp_path, monkeypatch):
    """Return an empty folder that looks like the top of a clone, and work in it."""
    pages.place(tmp_path, [], tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_python_blocks_print_what_they_say(readme, top):
    steps = []
    for step in pages.run(readme, "README.md"):
        assert step.said, f"nothing is said of what this prints:\n{step.code}"
        assert step.holds, step.complaint
        steps.append(step)
    assert len(steps) >= 3
    assert (top / "band.png").read_bytes().startswith(b"\x89PNG")


def test_the_first_example_has_twelve_lines(readme):
    first = next(block.content for block in pages.blocks(readme) if block.language == "python")
    assert len(first.splitlines()) == 12


def test_shell_commands_work(readme, top, capsys):
    scripts = [block.content.replace("\\\n", " ") for block in pages.blocks(readme) if block.language == "sh"]
    lines = [line for script in scripts for line in script.splitlines()]
    commands = [shlex.split(line) for line in lines if line.startswith("isoflop ")]
    assert commands
    for words in commands:
        assert main(words[1:]) == 0, capsys.readouterr().err
    assert (top / "fit.json").is_file()
    assert (top / "fit.png").is_file()


def test_the_first_screen_has_the_two_commands_and_the_picture(readme, root):
    first = readme.splitlines()[:20]
    assert any(line.startswith("make demo") for line in first)
    assert any(line.startswith("make test") for line in first)
    (picture,) = re.findall(r"!\[.+\]\((.+)\)", "\n".join(first))
    assert (root / picture).read_bytes().startswith(b"\x89PNG")


def test_links_lead_somewhere(readme, root):
    for target in re.findall(r"\]\(([^)#]+)\)", readme):
        assert target.startswith("https://") or (root / target).exists(), target
