"""Modules of benches/python for tests: by path, since some share their names with installed packages."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).parents[2] / "benches" / "python"


def bench_module(name: str, *, importable: bool = False) -> ModuleType:
    """Return a module of benches/python; one that others there import must be made `importable` before."""
    spec = spec_from_file_location(f"isoflop_bench_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    if importable:
        sys.modules.setdefault(name, module)
    spec.loader.exec_module(module)
    return module
