"""The package as people get it: what an import loads and costs, metadata, tags, names, the tree's own rules."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import isoflop as iso


def run_python(code: str, **variables: str) -> str:
    """Run `code` in a fresh interpreter, with these environment variables, and return what it prints."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"} | variables
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env).stdout


def loaded_after(statement: str) -> set[str]:
    """Return the top-level modules, standard library aside, that are loaded after `statement`."""
    code = f"{statement}\nimport sys, json\nprint(json.dumps(sorted(m.split('.')[0] for m in sys.modules)))"
    return set(json.loads(run_python(code))) - set(sys.stdlib_module_names) - {"__main__", "__mp_main__"}


def import_seconds(statement: str, cache: Path, repeats: int = 7) -> float:
    """Return the shortest CPU time of `statement` in a fresh interpreter (a first run compiles the bytecode)."""
    code = f"import time; t = time.process_time()\n{statement}\nprint(time.process_time() - t)"
    return min(float(run_python(code, PYTHONPYCACHEPREFIX=str(cache))) for _ in range(repeats + 1))


def test_import_loads_only_numpy_and_narwhals():
    # What an environment loads by itself (.pth files) is not ours.
    assert loaded_after("import isoflop") - loaded_after("import numpy, narwhals.stable.v2") == {"isoflop"}


def test_import_costs_at_most_100_ms_over_numpy(tmp_path):
    extra = import_seconds("import isoflop", tmp_path) - import_seconds("import numpy", tmp_path)
    assert extra < 0.1


@pytest.mark.parametrize("name", sorted(iso.__all__))
def test_public_names_exist_and_are_documented(name):
    thing = getattr(iso, name)
    if callable(thing):
        first = (thing.__doc__ or "").strip().splitlines()
        assert first, f"{name} has no docstring"
        assert first[0].endswith("."), f"{name}: the first line is one sentence"


def test_versions_agree(root):
    cargo = tomllib.loads((root / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    assert iso.__version__ == cargo == importlib.metadata.version("isoflop")


def test_metadata():
    meta = importlib.metadata.metadata("isoflop")
    assert meta["License-Expression"] == "MIT OR Apache-2.0"
    assert meta["Requires-Python"] == ">=3.11"
    (script,) = (e for e in importlib.metadata.entry_points(group="console_scripts") if e.name == "isoflop")
    assert script.value == "isoflop.cli:main"
    assert callable(script.load())


def test_the_binary_is_stable_abi():
    from isoflop import _engine

    name = Path(_engine._core.__file__).name
    assert re.fullmatch(r"_core\.(abi3\.so|pyd)", name) or not sys._is_gil_enabled()


def test_the_package_is_typed():
    folder = Path(iso.__file__).parent
    assert (folder / "py.typed").is_file()
    assert (folder / "_core.pyi").is_file()


def test_rules_of_the_house_hold(root):
    done = subprocess.run([sys.executable, root / ".ci" / "check_tree.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_makefile_has_what_the_readme_promises(root):
    makefile = (root / "Makefile").read_text()
    promised = set(re.findall(r"^make ([a-z-]+)", (root / "README.md").read_text(), flags=re.MULTILINE))
    assert {"demo", "test"} <= promised
    for target in promised:
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), f"make {target} does not exist"
