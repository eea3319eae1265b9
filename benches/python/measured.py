"""Run benches and write what they print into docs/measured, whose files the documentation includes.

    python benches/python/measured.py [NAME ...] [--busy]      speed, cost, coverage, forecasts, ...

Speed needs the release build (`make measured` sees to it) and a quiet machine; with `--busy` only benches that can
count seconds of CPU take part. `cost` and `forecasts` need the measured tables (ISOFLOP_SHARED). The others take
minutes, coverage of forecasts hours.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import isoflop as iso

HERE = Path(__file__).parent
OUT = HERE.parents[1] / "docs" / "measured"
SHARED = Path(os.environ.get("ISOFLOP_SHARED", HERE.parents[2] / "shared"))
#: Benches that can count seconds of CPU.
BY_CPU = ("bench_refits.py", "bench_laws.py")
#: Codes of scripts whose figures were taken: all that must hold does, or something does not and the table says so.
TAKEN = (0, 1)


@dataclass(frozen=True)
class Page:
    """A file of docs/measured: the scripts whose output it holds, or the one script that writes it itself."""

    scripts: tuple[tuple[str, ...], ...]
    writes_itself: bool = False


def pages() -> dict[str, Page]:
    """Return every page by name."""
    speed = sorted(path.name for path in HERE.glob("bench_*.py"))
    return {
        "speed": Page(tuple((name,) for name in speed)),
        "cost": Page((("calibrate.py", str(SHARED / "science" / "measured_training.csv")),)),
        "coverage": Page((("coverage.py",),), writes_itself=True),
        "forecasts": Page((("forecasts.py",),)),
        "forecast_coverage": Page((("forecast_coverage.py",),)),
        "designs": Page((("plan_designs.py",),)),
        "recipes": Page((("recipes_coverage.py",),), writes_itself=True),
    }


def machine(busy: bool) -> str:
    """Return what the figures were taken on, in one line."""
    info = iso.info()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        cpu = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        cpu = platform.processor() or platform.machine()
    shared = "; a machine busy with other work, so rates are per second of CPU" if busy else ""
    return f"{cpu}, {os.cpu_count()} logical CPUs, level {info['level']}, isoflop {iso.__version__}{shared}."


def printed(words: tuple[str, ...], busy: bool) -> str:
    """Run a script and return its stdout."""
    more = ["--cpu-time"] if busy and words[0] in BY_CPU else []
    command = [sys.executable, HERE / words[0], *words[1:], *more]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in TAKEN or not done.stdout.strip():
        raise SystemExit(f"{words[0]} ended with {done.returncode}")
    return done.stdout.strip()


def write(name: str, page: Page, busy: bool) -> None:
    """Write a page: blocks of text, each under the name of its script where there are several."""
    out = OUT / f"{name}.md"
    if page.writes_itself:
        printed((*page.scripts[0], "--write", str(out)), busy)
        return
    text = f"{machine(busy)}\n\n" if name == "speed" else ""
    for words in page.scripts:
        if busy and name == "speed" and words[0] not in BY_CPU:
            continue
        lead = f"`benches/python/{words[0]}`:\n\n" if len(page.scripts) > 1 else ""
        text += f"{lead}```text\n{printed(words, busy)}\n```\n\n"
    out.write_text(text.rstrip() + "\n", encoding="utf-8")


def main() -> None:
    """Write the pages that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[[], *pages()], help="speed and cost where left out")
    parser.add_argument("--busy", action="store_true", help="the machine has other work")
    given = parser.parse_args()
    for name in given.names or ("speed", "cost"):
        write(name, pages()[name], given.busy)
        print(f"docs/measured/{name}.md")


if __name__ == "__main__":
    main()
