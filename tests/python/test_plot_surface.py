"""Pictures over N and D: valleys, contours and frontiers show the law, its optima and their bands."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

import isoflop as iso
from isoflop import _demo, plot

from .pictures import edges, labelled, notes, places, segments, words

EPOCH = iso.laws.get("chinchilla").published["epoch2024"]
BUDGETS = [1e19, 1e21, 1e23]


def best_size(params, C):
    """Return Hoffmann et al.'s closed form, equation 4."""
    a, b = params["alpha"], params["beta"]
    scale = (a * params["A"] / (b * params["B"])) ** (1 / (a + b))
    return scale * (np.asarray(C) / 6) ** (b / (a + b))


@pytest.fixture(scope="module")
def boot():
    return _demo.demo_fit(_demo.demo_runs()).bootstrap(2000, rng=0)


@pytest.fixture(scope="module")
def profiles():
    return iso.estimators.isoflop(_demo.demo_runs(), law=None, n_resamples=200)


@pytest.fixture
def ax():
    return Figure(figsize=(5, 3.5)).subplots()


# ---- valleys


def test_a_valley_is_the_law_at_constant_compute(ax):
    assert plot.valleys(EPOCH, budgets=BUDGETS, ax=ax) is ax
    for i, C in enumerate(BUDGETS):
        N, loss = ax.lines[2 * i].get_data()  # the valley, and its near-optimal part
        assert loss == pytest.approx(EPOCH.predict(N=N, D=C / 6 / N))
        best = best_size(EPOCH.params, C)
        # 400 sizes over five decades: one lies within 1.5 % of the best
        assert loss.min() == pytest.approx(EPOCH.predict(N=best, D=C / 6 / best), rel=1e-5)
    assert (ax.get_xlabel(), ax.get_xscale()) == ("parameters N", "log")


def test_best_sizes_are_those_of_the_closed_form(ax):
    plot.valleys(EPOCH, budgets=BUDGETS, ax=ax)
    N, _ = labelled(ax, "best size").get_data()
    assert pytest.approx(best_size(EPOCH.params, BUDGETS), rel=1e-6) == N


@pytest.mark.parametrize("near", [0.02, 0.1])
def test_the_thick_part_needs_at_most_so_much_more_compute(ax, near):
    plot.valleys(EPOCH, budgets=BUDGETS, near=near, ax=ax)
    for i, C in enumerate(BUDGETS):
        N, _ = ax.lines[2 * i + 1].get_data()
        n = best_size(EPOCH.params, C)
        wanted = EPOCH.predict(N=n, D=C / 6 / n)
        more = C * (1 + near)
        assert EPOCH.predict(N=N[[0, -1]], D=more / 6 / N[[0, -1]]) == pytest.approx(wanted, rel=1e-6)
    assert f"reached with {100 * near:.0f} % more compute" in words(ax)


def test_budgets_of_profiles_are_found_and_their_runs_drawn(boot, ax):
    plot.valleys(boot, ax=ax)
    points = ax.collections[0]
    C = np.geomspace(6e18, 3e21, 10)
    assert np.unique(np.asarray(points.get_array())) == pytest.approx(C, rel=1e-6)
    assert np.sort(places(points)[0]) == pytest.approx(np.sort(_demo.demo_runs().variable("N")))
    assert ax.figure.axes[1].get_ylabel() == "training compute C (FLOP)"


def test_intervals_of_the_best_size_are_quantiles_over_draws(boot, ax):
    plot.valleys(boot, budgets=[1e20, 1e22], level=0.9, ax=ax)
    bars = segments(ax.collections[-1])
    draws = {name: boot.draws[:, i][:, None] for i, name in enumerate(boot.names)}
    expected = np.quantile(best_size(draws, [1e20, 1e22]), [0.05, 0.95], axis=0)
    assert pytest.approx(expected, rel=2e-3) == bars[:, :, 0].T
    assert "best size, 90 % interval" in words(ax)


def test_profiles_show_their_curves_and_lowest_points(profiles, ax):
    plot.valleys(profiles, colorbar=False, ax=ax)
    one = profiles.profiles[3]
    N, loss = ax.lines[3].get_data()
    bend = np.polyfit(one.x - one.x.mean(), one.loss, 2)  # approach 2: a parabola through the loss in ln N
    assert loss == pytest.approx(np.polyval(bend, np.log(N) - one.x.mean()))
    at, height = labelled(ax, "best size").get_data()
    assert at[3] == pytest.approx(np.exp(one.x.mean() - bend[1] / 2 / bend[0]))
    assert height[3] == pytest.approx(loss.min(), rel=1e-4)
    assert len(ax.figure.axes) == 1


def test_runs_become_profiles(profiles, ax):
    plot.valleys(_demo.demo_runs(), ax=ax)
    assert labelled(ax, "best size").get_xdata() == pytest.approx(profiles.N_opt)


@pytest.mark.parametrize("curve", ["parabola", "cubic", "akima"])
@pytest.mark.parametrize("scale", ["linear", "log"])
def test_curves_of_profiles_are_lowest_where_they_say(curve, scale):
    found = iso.estimators.isoflop(_demo.demo_runs(), curve=curve, scale=scale, law=None, n_resamples=10)
    frame = found.curves(4001)
    for i, one in enumerate(found.profiles):
        own = frame.filter(C=one.C)
        lowest = own["loss"].arg_min()
        assert own["loss"][lowest] == pytest.approx(found.loss[i], rel=1e-5)
        assert own["N"][lowest] == pytest.approx(found.N_opt[i], rel=2e-3)


# ---- contours


def test_contours_are_lines_of_equal_loss(boot, ax):
    plot.contours(boot, levels=[2.2, 2.6], ax=ax)
    lines = next(c for c in ax.collections if hasattr(c, "levels"))
    assert list(lines.levels) == [2.2, 2.6]
    for level, path in zip(lines.levels, lines.get_paths(), strict=True):
        N, D = path.vertices.T
        assert boot.fit.predict(N=N, D=D) == pytest.approx(level, rel=1e-3)


def test_the_frontier_is_the_closed_form_and_its_band_that_of_draws(boot, ax):
    plot.contours(boot, ax=ax)
    N, D = labelled(ax, "efficient frontier").get_data()
    assert pytest.approx(best_size(boot.fit.params, 6 * N * D), rel=1e-5) == N
    corners = labelled(ax, "95 % band").get_xy()[:-1]
    low, high = np.split(corners, 2)
    C = 6 * low[:, 0] * low[:, 1]
    assert 6 * high[::-1].prod(axis=1) == pytest.approx(C)
    draws = {name: boot.draws[:, i][:, None] for i, name in enumerate(boot.names)}
    expected = np.quantile(best_size(draws, C), [0.025, 0.975], axis=0)
    assert np.array([low[:, 0], high[::-1, 0]]) == pytest.approx(expected, rel=5e-3)


def test_decades_of_compute_are_marked_on_the_frontier(ax):
    plot.contours(EPOCH, N=(1e8, 1e11), D=(1e9, 1e13), ax=ax)
    marks = ax.lines[1]
    C = 6 * marks.get_xdata() * marks.get_ydata()
    assert np.log10(C) == pytest.approx(np.round(np.log10(C)), abs=2e-3)
    assert notes(ax)[-len(C) :] == [f"$10^{{{power:.0f}}}$" for power in np.log10(C)]
    assert (ax.get_xlim(), ax.get_ylim()) == ((1e8, 1e11), (1e9, 1e13))


def test_other_variables_are_held(ax):
    known = iso.laws.get("muennighoff").published["muennighoff2023"]
    plot.contours(known, N=(1e8, 1e10), D=(1e9, 1e11), levels=[3.0], U=1e10, ax=ax)
    N, D = next(c for c in ax.collections if hasattr(c, "levels")).get_paths()[0].vertices.T
    assert known.predict(N=N, D=D, U=1e10) == pytest.approx(3.0, rel=1e-3)


def test_levels_are_held_too(ax):
    runs = _demo.demo_runs()
    table = {"N": runs.variable("N"), "D": runs.variable("D"), "family": ["a", "b"] * 60}
    table["loss"] = runs.loss + np.tile([0.0, 0.3], 60)
    fit = iso.fit(table, iso.Law("E[family] + A / N**alpha + B / D**beta"))
    with pytest.raises(iso.DataError, match=r"(?s)over 'N', 'D', 'family'.*Hint: hold the others: family=..."):
        plot.valleys(fit)
    plot.valleys(fit, budgets=[6e18, 3e21], family="b", ax=ax)
    N, loss = ax.lines[0].get_data()
    assert loss == pytest.approx(fit.predict(N=N, D=1e18 / N, family="b"))
    assert set(places(ax.collections[0])[1]) <= set(table["loss"][1::2])  # runs of family b only


# ---- frontiers


def test_a_frontier_shows_the_optimum_with_its_band_and_what_is_nearly_as_good(boot, ax):
    best = iso.compute_optimal(boot, C=np.geomspace(1e19, 1e24, 6))
    plot.frontier(best, ax=ax)
    assert labelled(ax, "optimum").get_ydata() == pytest.approx(best_size(boot.fit.params, best.C), rel=1e-5)
    _, low, high = edges(labelled(ax, "95 % band"))
    assert (low, high) == (pytest.approx(best.N_low), pytest.approx(best.N_high))
    _, near_low, near_high = edges(labelled(ax, "reached with 2 % more compute"))
    assert (near_low, near_high) == (pytest.approx(best.near[0.02][0]), pytest.approx(best.near[0.02][1]))


def test_a_frontier_rises_in_whatever_order_budgets_came(boot, ax):
    C = np.array([1e22, 1e19, 1e24, 1e20])
    plot.frontier(iso.compute_optimal(boot, C=C), ax=ax)
    line = labelled(ax, "optimum")
    assert list(line.get_xdata()) == sorted(C)
    assert line.get_ydata() == pytest.approx(best_size(boot.fit.params, np.sort(C)), rel=1e-5)
    budget, low, high = edges(labelled(ax, "95 % band"))
    assert (np.diff(budget) > 0).all()
    assert ((low < line.get_ydata()) & (line.get_ydata() < high)).all()


@pytest.mark.parametrize(
    ("y", "label"),
    [
        ("D", "training tokens D"),
        ("tokens_per_param", "tokens per parameter D/N"),
        ("loss", "loss (nats per token)"),
    ],
)
def test_other_quantities_of_an_optimum(boot, ax, y, label):
    best = iso.compute_optimal(boot, C=[1e20, 1e22, 1e24])
    plot.frontier(best, y=y, ax=ax)
    assert labelled(ax, "optimum").get_ydata() == pytest.approx(getattr(best, y))
    assert ax.get_ylabel() == label


def test_approaches_are_compared_in_one_picture(boot, profiles, ax):
    plot.frontier(profiles, color="#31688E", ax=ax)
    plot.frontier(iso.compute_optimal(boot, C=[1e19, 1e22]), label="approach 3", ax=ax)
    assert [word for word in words(ax) if "approach" in word] == ["approach 2", "approach 3"]
    C, N = labelled(ax, "approach 2").get_data()
    assert pytest.approx(profiles.params["N_coefficient"] * C ** profiles.params["a"]) == N
    assert pytest.approx(profiles.N_opt) == ax.lines[0].get_ydata()


# ---- what cannot be drawn

ONE = iso.compute_optimal(EPOCH, C=1e21)
WRONG = [
    (plot.valleys, {"N": [1e8]}, {}, "plot.valleys draws"),
    (plot.valleys, EPOCH, {}, "no runs to take budgets from"),
    (plot.valleys, EPOCH, {"budgets": [0.0]}, "budgets are [0.0], expected numbers above 0"),
    (plot.contours, EPOCH, {"N": (1e9, 1e8)}, "N is (1000000000.0, 100000000.0), expected two numbers"),
    (plot.contours, iso.laws.get("muennighoff").published["muennighoff2023"], {}, "Hint: hold the others: U=..."),
    (plot.frontier, ONE, {}, "the optimum is of one budget"),
    (plot.frontier, ONE, {"y": "C"}, "y is 'C', expected one of"),
]


@pytest.mark.parametrize(("draw", "of", "options", "text"), WRONG, ids=lambda value: str(value)[:40])
def test_errors_say_what_is_wrong(draw, of, options, text):
    with pytest.raises(iso.DataError) as caught:
        draw(of, **options)
    assert text in str(caught.value)
    assert not plt.get_fignums()  # nothing half drawn is left


def test_curves_in_one_variable_have_no_valleys():
    fit = iso.fit(iso.simulate("power_floor", {"X": [1, 3, 10, 30, 100, 300] * 4}, noise=0.01), "power_floor")
    with pytest.raises(iso.DataError, match=r"(?s)draws laws over N and D, this one goes over 'X'.*iso.plot.band"):
        plot.valleys(fit)


def test_allocations_know_n_and_d_only(profiles):
    with pytest.raises(iso.DataError, match="approaches 1 and 2 give no loss"):
        plot.frontier(profiles, y="loss")
