"""The commands, put together: names of options, their groups in the help. Cyclopts is loaded only here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

from .._engine import version
from ._backtest import backtest
from ._compare import compare_laws
from ._cost import cost, validate_cost
from ._demo import demo
from ._downstream import downstream
from ._fit import fit
from ._forecast import forecast
from ._html_report import report
from ._info import info
from ._laws import check, laws
from ._plan import plan
from ._plan_runs import plan_runs
from ._recipes import compare_recipes

if TYPE_CHECKING:
    import cyclopts

HELP = """Scaling laws: fit them, bootstrap them a million times in seconds, forecast.

Results go to stdout: tables on a terminal, one JSON object otherwise or with --json.
Exit codes: 0 done, 1 user error, 2 wrong usage, 3 not converged, 130 interrupted."""
GROUPS = {
    "Budget": "budget target days usd flops kwh target_loss max_days lifetime_tokens",
    "Cluster and job": "machine family counts",
    "Columns": "table by a b pair metrics task",
    "Law and recipe": "law laws real criterion delta quantile scale fixed tied bounds prior starts discrepancy "
    "shared asymptote link chance ceiling error at_chance overlap",
    "Bootstrap": "bootstrap scheme resamples seed level threads",
    "Protocol": "methods ratios",
    "Design": "k cost unit sizes window cap floor slots longest sigma",
    "Output": "at sensitivity save plot along hold tokens_per_param until plot_width output title backtest json",
}

#: What else cyclopts must know: options that take all words up to the next one, and classes (`_machine`, `_table`)
#: whose fields are options.
SPECIAL: dict[str, dict[str, Any]] = {
    **{name: {"consume_multiple": True} for name in ("methods", "ratios", "metrics")},
    **{name: {"name": "*"} for name in ("machine", "table")},
    "output": {"name": ["--output", "-o"]},
}


def build() -> cyclopts.App:
    """Return the application."""
    import cyclopts

    keep = cyclopts.Parameter(name_transform=lambda name: name.replace("_", "-"), negative_iterable=())
    app = cyclopts.App(
        name="isoflop",
        help=HELP,
        version=f"isoflop {version()}",
        version_flags=["--version", "-V"],
        help_format="plaintext",
        default_parameter=keep,
        suppress_keyboard_interrupt=False,
    )
    for command in (fit, forecast, downstream, backtest, plan, report, cost, validate_cost, demo, info):
        app.command(_grouped(command), help_format="plaintext")
    hyphened: tuple[Callable[..., int], ...] = (compare_laws, compare_recipes, plan_runs)
    for several in hyphened:
        app.command(_grouped(several), name=several.__name__.replace("_", "-"), help_format="plaintext")
    catalogue = cyclopts.App(name="laws", help_format="plaintext", default_parameter=keep)
    catalogue.default(_grouped(laws))
    catalogue.command(_grouped(check), help_format="plaintext")
    app.command(catalogue)
    return app


def _grouped(command: Callable[..., Any]) -> Callable[..., Any]:
    """Put each option into its group of the help, here rather than in the signature: cyclopts loads late."""
    import cyclopts

    places = {name: group for group, names in GROUPS.items() for name in names.split()}
    groups = {title: cyclopts.Group(title, sort_key=i) for i, title in enumerate(GROUPS, start=1)}
    hints = get_type_hints(command)
    command.__annotations__ = {
        name: Annotated[hint, cyclopts.Parameter(group=groups[places[name]], **SPECIAL.get(name, {}))]
        if name in places
        else hint
        for name, hint in hints.items()
    }
    return command
