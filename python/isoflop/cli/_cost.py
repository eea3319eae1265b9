"""`isoflop cost` and `isoflop validate-cost`: what a run costs, and how good that prediction is on measured steps."""

from __future__ import annotations

from typing import Any

from .. import _validate
from .._architecture import Architecture
from .._cost import training_cost
from .._errors import DataError
from .._layout import Layout
from .._repr import table
from ._machine import Machine
from ._output import emit, emit_json, wants_json

#: Short names of the numbers of a layout, as in `--layout tp=8,pp=4`.
SHORT = {
    "tp": "tp", "pp": "pp", "cp": "cp", "ep": "ep", "dp": "dp", "v": "virtual_stages", "zero": "zero_stage",
    "micro": "micro_batch", "recompute": "recompute", "overlap": "overlap", "shards": "shards",
}  # fmt: skip


def cost(
    *,
    hf: str,
    tokens: float,
    machine: Machine,
    layout: str = "best",
    level: float = 0.8,
    threads: int | None = None,
    json: bool | None = None,
) -> None:
    """Predict time, money, energy and memory of a training run.

    For example:

        isoflop cost --hf config.json --tokens 15e12 --gpu H100-SXM --count 1024

    Parameters
    ----------
    hf
        A Hugging Face config.json, or its folder.
    tokens
        Training tokens.
    machine
        What it runs on.
    layout
        best: the fastest that fits; or degrees, tp=8,pp=4,v=2,cp=1,ep=1,zero=1,micro=2,recompute=full.
    level
        Nominal coverage of the intervals: 0.5, 0.8, 0.9, 0.95.
    threads
        All CPUs that this process may use where left out.
    json
        Print JSON, or never; by default JSON where stdout is not a terminal.
    """
    found = training_cost(
        Architecture.from_hf(hf), tokens, machine.cluster(), "best" if layout == "best" else _layout(layout),
        **machine.job, level=level, n_threads=threads,
    )  # fmt: skip
    if wants_json(json):
        emit_json("cost", found.to_dict())
    else:
        emit(found.summary())
        emit("\n" + found.memory.summary())


def _layout(text: str) -> Layout:
    """Read `tp=8,pp=4`."""
    values: dict[str, Any] = {}
    for part in text.split(","):
        name, equals, value = (x.strip() for x in part.partition("="))
        if not equals or name not in SHORT:
            raise DataError(f"--layout has {part.strip()!r}, expected name=value with a name of {', '.join(SHORT)}")
        try:
            values[SHORT[name]] = value if name in ("recompute", "overlap") else int(value)
        except ValueError:
            raise DataError(f"--layout has {part.strip()!r}, expected a whole number") from None
    return Layout(**values)


def validate_cost(file: str, /, *, json: bool | None = None) -> None:
    """Predict every row of a table of measured steps from its configuration, and print how far off that is.

    For example:

        isoflop validate-cost measured.csv --json

    Parameters
    ----------
    file
        CSV: n_layers, d_model, n_heads, vocab, seq_len, accelerator, n_devices, tp, pp, ..., step_time_s, peak_mem_gib.
    json
        Print JSON, or never; by default JSON where stdout is not a terminal.
    """
    found = _validate.validate_cost(file).to_dict()
    if wants_json(json):
        emit_json("validate-cost", found)
        return
    rows = [_line(source, figures) for source, figures in found["sources"].items()]
    heads = ["source", "steps", "mean %", "median %", "in 80 %", "memory", "mean %"]
    emit(table(heads, [*rows, _line("all", found)]))
    for reason, n in found["not_expressed"].items():
        emit(f"not expressed: {n} ({reason})")


def _line(source: str, figures: dict[str, Any]) -> list[str]:
    step, memory = figures["step_time"], figures["memory"]
    covered = None if step["coverage_80"] is None else 100 * step["coverage_80"]
    numbers = (step["mape"], step["median_ape"], covered)
    shown = ["–" if x is None else f"{x:.1f}" for x in numbers]
    return [
        source,
        str(step["n"]),
        *shown,
        str(memory["n"]),
        "–" if memory["mape"] is None else f"{memory['mape']:.1f}",
    ]
