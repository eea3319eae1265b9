"""An example for every law, made from a row of a table, and what it prints, found by running it.

Rows are the first of each law in `tests/data/law_vectors.csv`, whose values independent code computed; laws that are
not in there have one in `examples.csv` beside this file, which names published values or holds illustrative ones.
"""

from __future__ import annotations

import contextlib
import csv
import functools
import io
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import isoflop as iso
from isoflop.laws._family import Family

HERE = Path(__file__).parent
VECTORS = HERE.parents[1] / "tests" / "data" / "law_vectors.csv"
#: The longest line of an example.
WIDTH = 88


def rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@functools.cache
def chosen() -> dict[str, dict[str, str]]:
    """Return the row that makes each law's example."""
    found = {row["law"]: row for row in rows(HERE / "examples.csv")}
    for row in rows(VECTORS):
        if row["law"] in iso.laws.names() and row["law"] not in found:
            law, _ = law_of(row)
            if row["output"] == law.response:
                found[row["law"]] = row
    return found


def values(text: str) -> dict[str, Any]:
    """Return the values of ``name=number;name=number,number;name=word``."""
    found: dict[str, Any] = {}
    for entry in filter(None, text.split(";")):
        name, _, value = entry.partition("=")
        numbers = [_number(x) for x in value.split(",")]
        found[name] = numbers if len(numbers) > 1 else numbers[0]
    return found


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def law_of(row: Mapping[str, str]) -> tuple[iso.Law, dict[str, Any]]:
    """Return the law of a row, and its shape where the law is one of a family."""
    found = iso.laws.find(row["law"])
    if not isinstance(found, Family):
        return found, {}
    shape = dict(found.shape_of(given(row)))
    return found.law(**shape), shape


def given(row: Mapping[str, str]) -> dict[str, Any]:
    """Return everything that a row holds by name; lists of a family's letters are numbered."""
    found = iso.laws.find(row["law"])
    flat: dict[str, Any] = {}
    for name, value in {**values(row["params"]), **values(row["inputs"])}.items():
        if isinstance(found, Family) and name in found.lists:
            several = value if isinstance(value, list) else [value]
            flat |= {f"{name}{i}": x for i, x in enumerate(several, start=1)}
        else:
            flat[name] = value
    return flat


def code(name: str) -> str:
    """Return the example of a law as text.

    Raises
    ------
    KeyError
        If no table has a row of it: a new law needs one in `examples.csv`.
    """
    row = chosen()[name]
    law, shape = law_of(row)
    words = ", ".join([f'"{name}"', *(f"{key}={value!r}" for key, value in shape.items())])
    have = given(row)
    points = ", ".join(f"{key}={shown(have[key])}" for key in law_inputs(law) if key in have)
    start = f"import isoflop as iso\n\nlaw = iso.laws.get({words})\n"
    if "=" not in row["params"]:
        return f'{start}print(law.published["{row["params"]}"].predict({points}))\n'
    params = {key: value for key, value in have.items() if key.partition("[")[0] in law.parameters}
    return f"{start}params = {_mapping(params)}\nprint(law.predict(params, {points}))\n"


def law_inputs(law: iso.Law) -> list[str]:
    """Return what a prediction takes: variables, then columns of levels."""
    return list(dict.fromkeys([*law.variables, *law.levels.values()]))


def _mapping(params: Mapping[str, Any]) -> str:
    """Return a dict on one line, or one entry per line where that is too long."""
    entries = [f'"{key}": {shown(value)}' for key, value in params.items()]
    line = "{" + ", ".join(entries) + "}"
    return line if len(line) <= WIDTH else "{\n" + "".join(f"    {entry},\n" for entry in entries) + "}"


def shown(value: Any) -> str:
    """Return a value as people write it in Python."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list):
        return "[" + ", ".join(map(shown, value)) + "]"
    plain = f"{value:.15g}"
    if plain == "inf":
        return plain
    mantissa, _, exponent = f"{value:.14e}".partition("e")
    short = f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    return plain if "e" not in plain and len(plain) <= max(len(short), 6) else short


def printed(text: str) -> str:
    """Run an example and return what it prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), warnings.catch_warnings():
        warnings.simplefilter("ignore", iso.IsoflopWarning)
        exec(compile(text, "example", "exec"), {"__name__": "example"})
    return out.getvalue()
