"""How much memory a large array may take, and the refusal that names what to do instead."""

from __future__ import annotations

import os
from pathlib import Path

from ._errors import FitError, compose

#: Share of the available memory that one result may take where no limit is given.
SHARE = 0.5


def available() -> int | None:
    """Return the bytes of memory that this process can still get, or None where that cannot be told."""
    found = [size for size in (_meminfo(), _cgroup()) if size is not None]
    if found:
        return min(found)
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def require(n_bytes: int, what: str, limit: int | None, remedy: str) -> None:
    """Raise if an array of `n_bytes` exceeds `limit`, or half of the available memory where that is None."""
    free = available()
    allowed = limit if limit is not None else None if free is None else int(SHARE * free)
    if allowed is None or n_bytes <= allowed:
        return
    source = "memory_limit" if limit is not None else f"half of the {_gib(free or 0)} that are available"
    raise FitError(compose(f"{what} would take {_gib(n_bytes)}, the limit is {_gib(allowed)} ({source})", remedy))


def _gib(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:.3g} GiB"


def _meminfo() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def _cgroup() -> int | None:
    """Return what a container still allows (control groups, version 2)."""
    try:
        root = Path("/sys/fs/cgroup")
        limit = (root / "memory.max").read_text().strip()
        used = int((root / "memory.current").read_text())
    except (OSError, ValueError):
        return None
    return None if limit == "max" else max(int(limit) - used, 0)
