"""Public names that load at their first use, so that importing a package stays cheap."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from importlib import import_module
from typing import Any


def load(package: str, name: str, home: str) -> Any:
    """Return a name of the module `home` of a package; a name that is its own home is the module itself."""
    module = import_module(f".{home}", package)
    return module if name == home else getattr(module, name)


def getter(package: str, homes: Mapping[str, str], names: MutableMapping[str, Any]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package whose `names` lack those of `homes` until somebody asks."""

    def __getattr__(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        names[name] = load(package, name, homes[name])
        return names[name]

    return __getattr__
