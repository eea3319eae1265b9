"""Pictures of what fits rest on and of what is decided: each shows the numbers of the result that it is given."""

from __future__ import annotations

from statistics import NormalDist

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

import isoflop as iso
from isoflop import _demo, plot

from .pictures import edges, labelled, notes, places, segments, words

DAY, GIB = 86400, 2**30


@pytest.fixture(scope="module")
def fit():
    return _demo.demo_fit(_demo.demo_runs())


@pytest.fixture(scope="module")
def boot(fit):
    return fit.bootstrap(2000, rng=0)


@pytest.fixture(scope="module")
def tested():
    return iso.backtest(_demo.demo_runs(), methods=["recommended", "chinchilla-huber-rows"], ratios=[10, 100])


@pytest.fixture(scope="module")
def search():
    arch = iso.Architecture(layers=96, width=12288, heads=96, vocab=51200, mlp="gelu", tied=True)
    return iso.search_layouts(arch, iso.Cluster("A100", 1024), batch=1536, seq_len=2048)


@pytest.fixture(scope="module")
def ladders():
    C = np.geomspace(1e18, 1e21, 6)
    bend = 1 + 0.002 * np.array([1, -1, 0.5, 0.3, -0.8, 0.2])
    base = {"C": C, "loss": (1.7 + 2500 * C**-0.17) * bend}
    new = {"C": C, "loss": (1.7 + 1800 * C**-0.164) / bend}
    return iso.compare_recipes(base, new, n_resamples=0, target=1e22, a="base", b="new")


@pytest.fixture(scope="module")
def plan():
    runs = _demo.demo_runs()
    small = runs.where(runs.variable("C") < 1e20)
    return iso.plan_runs(small, budget=1e21, target_C=1e23, k=8)


@pytest.fixture
def ax():
    return Figure(figsize=(5, 3.5)).subplots()


# ---- residuals and influence


def test_residuals_are_those_of_the_diagnostics(fit, ax):
    found = fit.diagnostics()
    assert plot.residuals(found, ax=ax) is ax
    x, y = places(ax.collections[0])
    assert x == pytest.approx(fit.fitted)
    sigma = 1.4826 * np.median(np.sort(np.abs(fit.residuals))[5:])  # five vanish for five parameters
    assert y == pytest.approx(fit.residuals / sigma / np.sqrt(1 - found.leverage))
    assert ax.get_xlabel() == "predicted loss (nats per token)"


@pytest.mark.parametrize(("x", "label"), [("N", "parameters N"), ("C", "training compute C (FLOP)")])
def test_residuals_along_a_variable(fit, ax, x, label):
    plot.residuals(fit, x=x, ax=ax)
    assert places(ax.collections[0])[0] == pytest.approx(_demo.demo_runs().variable(x), rel=1e-6)
    assert (ax.get_xlabel(), ax.get_xscale()) == (label, "log")


def test_normal_residuals_lie_along_the_line_of_normal_scores(fit, ax):
    plot.residuals(fit, x="normal", ax=ax)
    x, y = places(ax.collections[0])
    expected = [NormalDist().inv_cdf((i + 0.5) / 120) for i in range(120)]
    assert np.sort(x) == pytest.approx(expected)
    assert np.corrcoef(x, y)[0, 1] > 0.98
    assert ax.lines[0].get_xdata() == pytest.approx([min(expected), max(expected)])


def test_a_run_far_off_is_named(ax):
    runs = {"X": np.geomspace(1, 1e4, 30), "loss": 1.5 + 2 * np.geomspace(1, 1e4, 30) ** -0.3}
    runs["loss"] = runs["loss"] * (1 + 0.002 * np.cos(7 * np.arange(30)))
    runs["loss"][17] *= 1.2
    plot.residuals(iso.fit(runs, "power_floor"), ax=ax)
    assert notes(ax) == ["row 17"]


def test_influence_is_the_change_by_refits_in_standard_errors(fit, ax):
    plot.influence(fit, quantity="alpha", ax=ax)
    x, y = places(ax.collections[0])
    without = [iso.fit(_demo.demo_runs().where(np.arange(120) != i), "chinchilla").params["alpha"] for i in (11, 60)]
    found = fit.diagnostics("alpha")
    error = found.jackknife_error[found.quantities.index("alpha")]
    assert y[[11, 60]] == pytest.approx((np.array(without) - fit.params["alpha"]) / error, abs=2e-3)
    assert x.sum() == pytest.approx(5)  # leverages add up to the number of parameters
    assert ax.get_ylabel() == "change of alpha (standard errors)"


def test_influence_names_what_decides(ax):
    X = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1e6]
    plot.influence(iso.fit(iso.simulate("power_floor", {"X": X}, noise=0.01), "power_floor"), quantity="E", ax=ax)
    assert "row 11" in notes(ax)


# ---- pairs of draws


def test_pairs_have_a_panel_each_and_the_fit_in_it(boot, ax):
    assert plot.pairs(boot, ax=ax) is ax
    assert len(ax.child_axes) == 15  # five parameters: five alone, ten pairs
    assert [panel.get_xlabel() for panel in ax.child_axes[-5:]] == ["E", "A", "alpha", "B", "beta"]
    cross = ax.child_axes[1].lines[0]  # A against E
    assert (cross.get_xdata()[0], cross.get_ydata()[0]) == (boot.fit.params["E"], boot.fit.params["A"])


def test_regions_hold_their_shares_of_the_draws(boot, ax):
    from matplotlib.path import Path

    plot.pairs(boot, names=["alpha", "beta"], ax=ax)
    panel = ax.child_axes[1]
    regions = panel.collections[0].get_paths()  # the outer one, whose hole does not count here, and the inner
    draws = boot.draws[:, [boot.names.index("alpha"), boot.names.index("beta")]]
    inner = Path.contains_points(regions[1], draws).mean()
    outer = Path.contains_points(regions[0], draws).mean()
    assert inner == pytest.approx(0.5, abs=0.05)
    assert outer == pytest.approx(0.95, abs=0.03)


def test_pairs_take_derived_quantities(boot, ax):
    plot.pairs(boot, names=["a", "E"], ax=ax)
    alone = ax.child_axes[0]
    low, high = alone.get_xlim()
    inside = boot.derived()["a"]
    assert np.mean((low < inside) & (inside < high)) > 0.99
    assert alone.lines[1].get_xdata()[0] == pytest.approx(boot.fit.derived()["a"])


def test_amplitudes_that_span_decades_are_on_log_scales(ax):
    X = np.geomspace(1, 30, 7)
    runs = {"X": X, "loss": 1 + 3 * X**-0.3 * (1 + 0.03 * np.cos(5 * np.arange(7)))}
    boot = iso.fit(runs, "power_floor").bootstrap(500, rng=0)
    spread = np.quantile(boot.draws[boot.ok][:, 0], [0.002, 0.998])
    plot.pairs(boot, names=["E", "A"], ax=ax)
    log = spread[0] > 0 and spread[1] / spread[0] > 12
    assert ax.child_axes[0].get_xscale() == ("log" if log else "linear")


# ---- back-tests


def test_a_backtest_shows_each_run_over_its_forecast(tested, ax):
    plot.backtest(tested, method="chinchilla-huber-rows", ratio=10, ax=ax)
    frame = tested.forecasts("chinchilla-huber-rows").filter(ratio=10.0)
    off = 100 * (frame["loss"] / frame["forecast"] - 1).to_numpy()
    held = ((frame["loss"] >= frame["low"]) & (frame["loss"] <= frame["high"])).to_numpy()
    assert np.sort(places(labelled(ax, f"{held.sum()} runs inside"))[1]) == pytest.approx(np.sort(off[held]))
    bars = segments(ax.collections[0])
    assert bars[:, 0, 1] == pytest.approx(100 * (frame["low"] / frame["forecast"] - 1).to_numpy())
    assert ax.get_ylabel() == "loss over its forecast (%)"


def test_forecasts_agree_with_the_scores(tested):
    for cell in tested.cells:
        rows = tested.forecasts(cell["method"]).filter(ratio=cell["ratio"])
        assert len(rows) == cell["n"]
        held = (rows["loss"] >= rows["low"]) & (rows["loss"] <= rows["high"])
        assert held.mean() == pytest.approx(cell["coverage_95"])
        off = np.log(rows["forecast"].to_numpy() / rows["loss"].to_numpy())
        assert np.sqrt(np.mean(off**2)) == pytest.approx(cell["rmse"])


def test_forecasts_are_those_of_a_fit_to_the_smaller_runs(tested):
    runs = _demo.demo_runs()
    C = runs.variable("C")
    small = iso.fit(runs.where(C.max() / 100 >= C), "chinchilla")
    rows = tested.forecasts("chinchilla-huber-rows").filter(ratio=100.0)
    # the centre is the median of the bootstrap, not the fit itself
    assert rows["forecast"].to_numpy() == pytest.approx(small.predict(N=rows["N"], D=rows["D"]), rel=0.01)
    assert rows["reach"].to_numpy() == pytest.approx(rows["C"].to_numpy() / C[C.max() / 100 >= C].max(), rel=1e-6)


def test_runs_outside_are_counted(tested, ax):
    plot.backtest(tested, ax=ax)
    n, out = 132, round(132 * (1 - tested.methods["recommended"]["coverage_95"]))
    shown = {word.split()[2]: int(word.split()[0]) for word in words(ax) if "side" in word}
    assert sum(shown.values()) == n
    assert shown["outside"] == pytest.approx(out, abs=3)  # the mean over cuts weighs cuts, not runs


# ---- recipes


def test_the_multiplier_is_that_of_the_comparison(ladders, ax):
    plot.recipes(ladders, ax=ax)
    line = labelled(ax, "new over base")
    x, y = line.get_data()
    assert y == pytest.approx(ladders.multiplier_at(x)[0])
    at = 1e20  # solved here: B's loss at C / x is A's at C
    low, high = ladders.fits["base"], ladders.fits["new"]
    loss = low["E"] + low["A"] * at ** -low["alpha"]
    needed = ((loss - high["E"]) / high["A"]) ** (-1 / high["alpha"])
    assert np.exp(np.interp(np.log(at), np.log(x), np.log(y))) == pytest.approx(at / needed, rel=1e-3)
    assert (ax.get_xlim()[1], ax.get_ylabel()) == (pytest.approx(1e22), "compute multiplier")
    assert "beyond the runs" in words(ax)


def test_both_recipes_with_their_bands(ladders, ax):
    plot.recipes(ladders, show="loss", ax=ax)
    assert words(ax)[:2] == ["base", "new"]
    x, low, high = edges(ax.collections[1])
    frame = ladders.curves(x)
    assert low == pytest.approx(frame["loss_b_low"].to_numpy())
    assert high == pytest.approx(frame["loss_b_high"].to_numpy())


def test_a_crossing_is_marked(ax):
    C = np.geomspace(1e18, 1e21, 7)
    a, b = {"C": C, "loss": 1.7 + 2500 * C**-0.17}, {"C": C, "loss": 1.76 + 3100 * C**-0.176}
    for table in (a, b):
        table["loss"] = table["loss"] * (1 + 1e-4 * np.cos(3 * np.arange(7)))
    found = iso.compare_recipes(a, b, n_resamples=0)
    plot.recipes(found, ax=ax)
    line = labelled(ax, "crossing")
    assert line.get_xdata()[0] == found.crossing.C
    assert 1e18 < found.crossing.C < 1e21


# ---- layouts


def test_layouts_on_the_front_are_drawn_and_the_ends_named(search, ax):
    plot.layouts(search, tokens=3e11, slowest=2, ax=ax)
    shown = [one for one in search.front if one.step_time_s <= 2 * search.front[0].step_time_s]
    x, y = labelled(ax, "no other beats it").get_data()
    steps = 3e11 / (1536 * 2048)
    assert x == pytest.approx([one.step_time_s * steps / DAY for one in shown])
    assert y == pytest.approx([one.memory_bytes / GIB for one in shown])
    assert np.all(np.diff(x) > 0)
    assert np.all(np.diff(y) < 0)
    cut = shown[0].layout
    assert notes(ax)[0].startswith(f"tp {cut.tp}, pp {cut.pp}")
    assert labelled(ax, "what a device has").get_ydata()[0] == pytest.approx(80, rel=0.07)
    assert ax.get_xlabel() == "days for $3{\\times}10^{11}$ tokens"


# ---- designs


def test_planned_runs_and_the_best_size_before_and_after(plan, ax):
    plot.design(plan, ax=ax)
    N, D = places(ax.collections[1])
    assert set(zip(N, D, strict=True)) == set(zip(plan.columns["N"], plan.columns["D"], strict=True))
    for name, one in (("now", plan.before), ("after", plan.after)):
        x, y = labelled(ax, f"best size {name}").get_data()
        assert (x[0], x[-1]) == pytest.approx((one.N_opt_low, one.N_opt_high))
        assert 6 * x * y == pytest.approx(np.full(len(x), 1e23))
    assert words(ax)[0] == "60 runs made"


@pytest.mark.parametrize("show", ["loss", "N_opt"])
def test_designs_of_the_same_cost_side_by_side(plan, ax, show):
    plot.design(plan, show=show, ax=ax)
    assert [text.get_text() for text in ax.get_yticklabels()] == [one.design for one in plan.designs]
    bars = [line.get_xdata() for line in ax.lines if len(line.get_xdata()) == 2]
    expected = [(getattr(one, f"{show}_low"), getattr(one, f"{show}_high")) for one in plan.designs]
    assert np.array(bars) == pytest.approx(np.array(expected))
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # now at the top


# ---- what cannot be drawn


def test_every_picture_refuses_what_it_is_not_of(fit, boot):
    for name in ("band", "deviation", "fit", "influence", "residuals", "pairs", "backtest", "layouts", "recipes"):
        with pytest.raises(iso.DataError, match=rf"(?s)^plot.{name} draws .*, not dict\n\nHint: "):
            getattr(plot, name)({"N": [1]})
    with pytest.raises(iso.DataError, match=r"(?s)plot.pairs draws a Bootstrap, not Fit.*Hint: .*fit.bootstrap"):
        plot.pairs(fit)


WRONG = [
    (plot.residuals, "fit", {"x": "width"}, "no variable 'width' to draw residuals against"),
    (plot.influence, "unasked", {}, "hold no influence"),
    (plot.influence, "diagnosed", {"quantity": "gamma"}, "the diagnostics know no 'gamma'"),
    (plot.pairs, "boot", {"names": ["alpha"]}, "expected two or more"),
    (plot.pairs, "boot", {"names": ["alpha", "gamma"]}, "the draws hold no 'gamma'"),
    (plot.backtest, "tested", {"method": "mixture"}, "no method 'mixture' was tested"),
    (plot.backtest, "tested", {"ratio": 7}, "no forecast by 'recommended' at ratio 7"),
    (plot.layouts, "search", {"tokens": 0}, "tokens is 0, expected"),
    (plot.layouts, "search", {"slowest": 0.5}, "slowest is 0.5, expected"),
    (plot.recipes, "ladders", {"show": "both"}, "show is 'both', expected"),
    (plot.recipes, "ladders", {"until": 1e17}, "until is 1e+17, expected FLOP beyond the smallest run"),
    (plot.design, "plan", {"show": "both"}, "show is 'both', expected"),
]


@pytest.fixture(scope="module")
def diagnosed(fit):
    return fit.diagnostics()


@pytest.fixture(scope="module")
def unasked(fit):
    return fit.diagnostics(influence=False)


@pytest.mark.parametrize(("draw", "of", "options", "text"), WRONG, ids=lambda value: str(value))
def test_errors_say_what_is_wrong(draw, of, options, text, request):
    with pytest.raises(iso.DataError) as caught:
        draw(request.getfixturevalue(of), **options)
    assert text in str(caught.value)
    assert not plt.get_fignums()  # nothing half drawn is left


def test_a_search_without_a_layout_has_no_picture():
    arch = iso.Architecture(layers=96, width=12288, heads=96, vocab=51200, mlp="gelu", tied=True)
    nothing = iso.search_layouts(arch, iso.Cluster("A100", 8), batch=8, seq_len=2048)
    with pytest.raises(iso.DataError, match=r"(?s)no layout fits.*Hint: print\(found.summary"):
        plot.layouts(nothing)
