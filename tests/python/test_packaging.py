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


def import_seconds(*statements: str, cache: Path, repeats: int = 7) -> list[float]:
    """Return the shortest CPU time of each in fresh interpreters, in turns (a first run compiles the bytecode)."""
    codes = [f"import time; t = time.process_time()\n{s}\nprint(time.process_time() - t)" for s in statements]
    rounds = [[float(run_python(c, PYTHONPYCACHEPREFIX=str(cache))) for c in codes] for _ in range(repeats + 1)]
    return [min(times) for times in zip(*rounds, strict=True)]


def test_import_loads_only_numpy():
    # What an environment loads by itself (.pth files) is not ours. Narwhals comes with the first frame.
    assert loaded_after("import isoflop") - loaded_after("import numpy") == {"isoflop"}


def test_a_fit_of_arrays_needs_only_numpy():
    code = """import numpy as np, isoflop as iso
x = np.geomspace(1, 1e4, 30)
iso.fit({"X": x, "loss": 1 + 2 / x**0.5}, "power_floor").predict(X=1e5)"""
    assert loaded_after(code) - loaded_after("import numpy") == {"isoflop"}


def test_import_costs_at_most_100_ms_over_numpy(tmp_path):
    numpy, ours = import_seconds("import numpy", "import isoflop", cache=tmp_path)
    assert ours - numpy < 0.1


@pytest.mark.parametrize(
    ("code", "printed"),
    [
        (
            "import sys, isoflop as iso; print({*iso.__all__} <= {*dir(iso)}, 'isoflop.plot' in sys.modules)",
            "True False",
        ),
        ("from isoflop import plot; print(plot.band.__name__)", "band"),
        ("from isoflop import *; print(laws.get('power').name)", "power"),
        (
            "import inspect, isoflop as iso; print([*inspect.signature(iso.Fit.bootstrap).parameters][:2])",
            "['fit', 'n_resamples']",
        ),
        ("import isoflop as iso; print(hasattr(iso, 'plots'))", "False"),
    ],
)
def test_names_that_load_late_are_there(code, printed):
    assert run_python(code).strip() == printed


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
