"""The pictures of `docs/gallery`, from the bundled runs and others that are simulated here.

python docs/gallery.py writes all of them; names behind it write these only.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import isoflop as iso

FOLDER = Path(__file__).parent / "gallery"
RUNS = Path(iso.__file__).parent / "data" / "demo_runs.csv"
#: Inches of a column of a paper, and points of its type.
SIZE, TYPE, DPI = (3.4, 2.6), 8, 200
COLOURS = 256


@cache
def runs() -> Any:
    """Return the bundled runs: 120, simulated from Chinchilla's law."""
    return iso.read_runs(RUNS, loss="loss", N="params", D="tokens", C="flops")


@cache
def boot() -> Any:
    """Return refits of Chinchilla's law to them."""
    return iso.fit(runs(), "chinchilla").bootstrap(20_000, rng=0)


@cache
def small_runs() -> Any:
    """Return those of the bundled runs that came first, by compute."""
    return runs().where(runs().variable("C") < 1e20)


@cache
def optimum() -> Any:
    """Return the best sizes for some budgets, with draws."""
    return iso.compute_optimal(boot(), C=np.geomspace(1e19, 1e25, 40))


@cache
def tested() -> Any:
    """Return a back-test on the bundled runs."""
    return iso.backtest(runs(), methods=["recommended"], ratios=[10])


@cache
def recipes() -> Any:
    """Return the comparison of two ladders of six runs."""
    C = np.geomspace(1e18, 1e21, 6)
    table = {"X": C}
    base = iso.simulate("power_floor", table, params={"E": 1.7, "A": 2500, "alpha": 0.17}, noise=0.002, rng=1)
    new = iso.simulate("power_floor", table, params={"E": 1.7, "A": 1800, "alpha": 0.164}, noise=0.002, rng=2)
    ladders = [{"C": C, "loss": one.loss} for one in (base, new)]
    return iso.compare_recipes(*ladders, a="base", b="new", target=1e22)


@cache
def layouts() -> Any:
    """Return every layout of GPT-3 on 1,024 A100."""
    gpt3 = iso.Architecture(layers=96, width=12288, heads=96, vocab=51200, mlp="gelu", tied=True)
    return iso.search_layouts(gpt3, iso.Cluster("A100", 1024), batch=1536, seq_len=2048)


@cache
def plan() -> Any:
    """Return what to run next, for the loss at 1e23 FLOP."""
    return iso.plan_runs(small_runs(), budget=1e21, target_C=1e23, k=8)


def approaches(ax: Axes) -> None:
    """Draw approaches 2 and 3 into one picture."""
    iso.plot.frontier(iso.estimators.isoflop(runs()), color="#31688E", ax=ax)
    iso.plot.frontier(optimum(), label="approach 3", ax=ax)


#: Name of the file, and what draws it.
PICTURES: dict[str, Callable[[Axes], Any]] = {
    "runs": lambda ax: iso.plot.runs(runs(), ax=ax),
    "band": lambda ax: iso.plot.band(boot(), ax=ax),
    "deviation": lambda ax: iso.plot.deviation(boot(), ax=ax),
    "forecast": lambda ax: iso.plot.band(iso.forecaster(small_runs()), until=1e22, ax=ax),
    "valleys": lambda ax: iso.plot.valleys(boot(), ax=ax),
    "profiles": lambda ax: iso.plot.valleys(runs(), ax=ax),
    "contours": lambda ax: iso.plot.contours(boot(), ax=ax),
    "frontier": approaches,
    "tokens_per_param": lambda ax: iso.plot.frontier(optimum(), y="tokens_per_param", ax=ax),
    "residuals": lambda ax: iso.plot.residuals(boot().fit, ax=ax),
    "influence": lambda ax: iso.plot.influence(boot().fit, quantity="alpha", ax=ax),
    "pairs": lambda ax: iso.plot.pairs(boot(), ax=ax),
    "backtest": lambda ax: iso.plot.backtest(tested(), ax=ax),
    "recipes": lambda ax: iso.plot.recipes(recipes(), ax=ax),
    "recipes_loss": lambda ax: iso.plot.recipes(recipes(), show="loss", ax=ax),
    "layouts": lambda ax: iso.plot.layouts(layouts(), tokens=300e9, ax=ax),
    "design": lambda ax: iso.plot.design(plan(), ax=ax),
    "design_loss": lambda ax: iso.plot.design(plan(), show="loss", ax=ax),
}


def picture(name: str) -> Figure:
    """Return one picture as a figure of its own."""
    with rc_context({"font.size": TYPE}):
        figure = Figure(figsize=SIZE, layout="constrained")
        PICTURES[name](figure.subplots())
        figure.draw_without_rendering()
    return figure


def write(figure: Figure, path: Path) -> None:
    """Write a figure as a small PNG: as many colours as its lines and shades need."""
    from PIL import Image

    drawn = BytesIO()
    figure.savefig(drawn, dpi=DPI)
    Image.open(drawn).convert("RGB").quantize(COLOURS).save(path, optimize=True)


def main(names: list[str]) -> None:
    """Write pictures into the folder."""
    FOLDER.mkdir(exist_ok=True)
    for name in names or PICTURES:
        write(picture(name), FOLDER / f"{name}.png")


if __name__ == "__main__":
    main(sys.argv[1:])
