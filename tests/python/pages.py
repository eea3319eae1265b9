"""Pages that run: their Python blocks are executed in order, a text block after one is what it prints.

    python tests/python/pages.py docs/tutorial.md ...     writes what blocks print into the pages (`make pages`: all)

A page names the measured tables that it reads in its front matter, `tables: [a.csv, b.csv]`; it runs in a folder of its
own, in which they lie beside the simulated runs of the package, as at the top of a clone. What blocks print is compared
by the rules of doctest, with ellipses, spaces counting once.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEMO = Path("python/isoflop/data/demo_runs.csv")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
TABLES = re.compile(r"\A---\n(?:.*\n)*?tables: \[(.*)\]\n(?:.*\n)*?---\n")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its content, and where in the page the content begins and ends."""

    language: str
    content: str
    start: int
    end: int


@dataclass(frozen=True)
class Step:
    """A Python block that was run: what it printed, and the text block after it, if one is there."""

    code: str
    printed: str
    said: Block | None
    end: int

    @property
    def holds(self) -> bool:
        """Whether the page says what was printed."""
        said = self.said.content if self.said else ""
        return doctest.OutputChecker().check_output(said, self.printed, FLAGS)

    @property
    def complaint(self) -> str:
        """What to say where it does not."""
        said = self.said.content if self.said else "nothing\n"
        return f"the block\n{self.code}\nprints\n{self.printed}\nbut the page says\n{said}"


def blocks(page: str) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    return [Block(m[1], m[2], m.start(2), m.end(2)) for m in FENCE.finditer(page)]


def tables(page: str) -> list[str]:
    """Return the files of measured tables that a page reads."""
    found = TABLES.match(page)
    return [name.strip() for name in found[1].split(",")] if found else []


def run(page: str, name: str) -> Iterator[Step]:
    """Execute the Python blocks of a page one after the other, with common names."""
    names: dict[str, object] = {"__name__": "page"}
    found = blocks(page)
    for block, after in zip(found, [*found[1:], None], strict=True):
        if block.language != "python":
            continue
        printed = io.StringIO()
        line = page.count("\n", 0, block.start)
        with contextlib.redirect_stdout(printed):
            exec(compile("\n" * line + block.content, name, "exec"), names)
        said = after if after and after.language == "text" else None
        yield Step(block.content, printed.getvalue(), said, block.end)


def place(folder: Path, wanted: list[str], shared: Path) -> None:
    """Put the measured tables that a page reads into the folder that it runs in, and the simulated runs."""
    (folder / DEMO.parent).mkdir(parents=True)
    shutil.copy(ROOT / DEMO, folder / DEMO)
    for name in wanted:
        (folder / name).symlink_to(shared / name)


def rewritten(page: str, name: str) -> str:
    """Return a page whose text blocks hold what its Python blocks print."""
    for step in reversed(list(run(page, name))):
        if step.holds:
            continue
        if step.said:
            page = page[: step.said.start] + step.printed + page[step.said.end :]
        else:
            after = step.end + len("```\n")
            page = f"{page[:after]}\n```text\n{step.printed}```\n{page[after:]}"
    return page


def main(paths: list[str]) -> int:
    """Run pages and write what they print into them."""
    os.environ.setdefault("MPLBACKEND", "Agg")
    os.environ["COLUMNS"] = "100"
    base = Path(os.environ.get("ISOFLOP_SHARED", ROOT.parent / "shared")).resolve()
    for path in [Path(p).resolve() for p in paths]:
        page = path.read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as folder:
            place(Path(folder), tables(page), base / "data" if (base / "data").is_dir() else base)
            with contextlib.chdir(folder):
                path.write_text(rewritten(page, path.name), encoding="utf-8")
        print(path.name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
