"""`isoflop laws` and `isoflop info`: what is in the catalogue, and what the engine runs on."""

from __future__ import annotations

from typing import Any

from .. import _engine
from .. import laws as catalogue
from .._law import Law
from .._repr import facts
from ._output import emit, emit_json, wants_json


def laws(name: str | None = None, /, *, json: bool | None = None) -> None:
    """List the laws of the catalogue, or show everything known about one.

    For example:

        isoflop laws chinchilla

    Parameters
    ----------
    name
        A law; all of them where left out.
    json
        Print JSON, or never.
    """
    chosen = [catalogue.get(name)] if name else [catalogue.get(each) for each in catalogue.names()]
    if wants_json(json):
        emit_json("laws", {"laws": [_content(law) for law in chosen]})
    elif name:
        emit(chosen[0].card())
    else:
        rows = [("name", "loss", "what"), *((law.name, law.formula, law.title) for law in chosen)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        emit("\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows))


def _content(law: Law) -> dict[str, Any]:
    published = {
        key: {
            "params": dict(one.params),
            "standard_error": dict(one.standard_error),
            "source": one.source,
            "convention": one.convention,
            "verified": one.verified,
        }
        for key, one in law.published.items()
    }
    return {
        "name": law.name,
        "title": law.title,
        "formula": law.formula,
        "variables": {v: law.units.get(v, "") for v in law.variables},
        "parameters": {p: law.domain(p) for p in law.parameters},
        "derived": dict(law.derived),
        "scale": law.scale,
        "recipe": law.paper_recipe().text(),
        "citation": law.citation,
        "validity": law.validity,
        "traps": list(law.traps),
        "published": published,
    }


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
