"""`isoflop info`: what the engine runs on."""

from __future__ import annotations

from .. import _engine
from .._repr import facts
from ._output import emit, emit_json, wants_json


def info(*, json: bool | None = None) -> None:
    """Print what the engine runs on: version, SIMD level, threads.

    ISOFLOP_SIMD (baseline, avx2, avx512, neon) forces a level.

    For example:

        isoflop info

    Parameters
    ----------
    json
        Print JSON, or never.
    """
    import platform

    import numpy as np

    found = _engine.info()
    versions = {"python": platform.python_version(), "numpy": np.__version__, "platform": platform.platform()}
    if wants_json(json):
        content = {"simd": found["level"], "available": found["available"], "cores": found["cores"]}
        emit_json("info", {**content, "threads": found["threads"], **versions})
        return
    simd = f"{found['level']} (of {', '.join(found['available'])})"
    counts = f"{found['threads']} (of {found['cores']} cores)"
    emit(facts([("isoflop", found["version"]), ("SIMD", simd), ("threads", counts), *versions.items()]))
