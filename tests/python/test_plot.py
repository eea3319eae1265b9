"""Plots: what is drawn is what the API says, and nothing else of matplotlib is touched."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

import isoflop as iso
from isoflop import _demo, plot

from .pictures import edges, words

X = np.geomspace(1e18, 1e21, 24)


@pytest.fixture(scope="module")
def boot():
    return _demo.demo_fit(_demo.demo_runs()).bootstrap(400, rng=0)


@pytest.fixture(scope="module")
def single():
    runs = {"flops": X, "loss": 1.7 + 3000 * X**-0.18 + 0.004 * np.sin(np.arange(24))}
    return iso.fit(runs, "power_floor", X="flops").bootstrap(300, rng=0)


@pytest.fixture
def ax():
    return Figure(figsize=(5, 3)).subplots()


def test_the_band_is_that_of_the_api(boot, ax):
    plot.band(boot, ax=ax, tokens_per_param=20, level=0.9, colorbar=False)
    _, mean, new = ax.collections[:3]
    for kind, drawn in (("mean", mean), ("new_run", new)):
        x, low, high = edges(drawn)
        N = np.sqrt(x / 120)
        frame = boot.band(N=N, D=20 * N, kind=kind, level=0.9)
        assert low == pytest.approx(frame["low"].to_numpy(), rel=1e-12)
        assert high == pytest.approx(frame["high"].to_numpy(), rel=1e-12)


def test_the_curve_is_the_law_solid_to_the_last_run_and_dashed_beyond(boot, ax):
    plot.band(boot, ax=ax, tokens_per_param=20, until=1e23)
    solid, dashed = ax.lines
    last = _demo.demo_runs().variable("C").max()
    for line, ends in ((solid, (6e18, last)), (dashed, (last, 1e23))):
        x, y = line.get_data()
        N = np.sqrt(x / 120)
        assert y == pytest.approx(boot.fit.predict(N=N, D=20 * N), rel=1e-12)
        assert (x[0], x[-1]) == pytest.approx(ends, rel=1e-6)
    assert solid.get_linestyle() == "-"
    assert dashed.get_linestyle() == "--"
    assert ax.get_xlim()[1] == pytest.approx(1e23)


def test_runs_are_drawn_where_they_are_and_coloured_by_size(boot, ax):
    plot.band(boot, ax=ax)
    points, runs = ax.collections[0], _demo.demo_runs()
    assert np.asarray(points.get_offsets()) == pytest.approx(
        np.column_stack([6 * runs.variable("N") * runs.variable("D"), runs.loss])
    )
    assert np.array_equal(points.get_array(), runs.variable("N"))
    bar = ax.figure.axes[1]
    assert bar.get_ylabel() == "parameters N"


def test_labels_say_what_and_in_which_unit(boot, ax):
    assert plot.band(boot, ax=ax) is ax
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("training compute C (FLOP)", "loss (nats per token)")
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert words(ax) == [
        "120 runs",
        "law at D/N = 22.7",
        "95 % band, mean curve",
        "95 % band, new run",
        "beyond the runs",
    ]


@pytest.mark.parametrize("kind", ["mean", "new_run"])
def test_one_band_carries_its_kind(boot, ax, kind):
    plot.band(boot, kind=kind, ax=ax)
    shown = [word for word in words(ax) if "band" in word]
    assert shown == [f"95 % band, {'mean curve' if kind == 'mean' else 'new run'}"]


def test_ticks_are_readable_on_scales_of_less_than_a_decade(boot, ax):
    plot.band(boot, ax=ax)
    ax.figure.draw_without_rendering()
    low, high = ax.get_ylim()
    shown = [t.get_text() for t in ax.get_yticklabels() if low <= t.get_position()[1] <= high]
    assert shown == ["2.5", "3.0"]
    assert any("10^{20}" in text.get_text() for text in ax.get_xticklabels())


def test_deviation_compares_each_run_with_the_law_at_its_own_size(boot, ax):
    plot.deviation(boot, ax=ax)
    fit, runs = boot.fit, _demo.demo_runs()
    predicted = fit.predict(N=runs.variable("N"), D=runs.variable("D"))
    assert np.asarray(ax.collections[0].get_offsets())[:, 1] == pytest.approx(
        100 * (runs.loss / predicted - 1), abs=1e-9
    )
    assert ax.get_ylabel() == "deviation (%)"


def test_a_law_of_one_variable_goes_along_it(single, ax):
    plot.band(single, ax=ax)
    assert ax.get_xlabel() == "training compute C (FLOP)"
    assert words(ax)[1] == "law"
    assert len(ax.figure.axes) == 1  # no sizes, no bar
    x, y = ax.lines[0].get_data()
    assert y == pytest.approx(single.fit.predict(X=x), rel=1e-12)
    assert (x[0], x[-1]) == (1e18, pytest.approx(1e21))


def test_a_law_of_two_goes_along_one_with_the_other_held(boot, ax):
    plot.fit(boot.fit, x="D", N=1e9, ax=ax)
    assert ax.get_xlabel() == "training tokens D"
    assert words(ax) == ["120 runs", "law at N = 1e+09", "beyond the runs"]
    x, y = ax.lines[0].get_data()
    assert y == pytest.approx(boot.fit.predict(N=1e9, D=x), rel=1e-12)


def test_levels_are_shown_one_at_a_time(ax):
    x = np.tile(np.geomspace(1, 1e4, 12), 2)
    family = ["a"] * 12 + ["b"] * 12
    loss = np.where(np.arange(24) < 12, 1.0, 2.0) + 3 * x**-0.5
    law = iso.Law("E[family] + A / X**alpha", variables=("X",))
    fit = iso.fit({"X": x, "loss": loss, "family": family}, law)
    with pytest.raises(iso.DataError, match=r"(?s)one curve per family.*Hint: choose one: family='a'"):
        plot.fit(fit)
    plot.fit(fit, family="b", ax=ax)
    assert len(ax.collections[0].get_offsets()) == 12
    assert ax.lines[0].get_ydata()[-1] == pytest.approx(2.03, abs=1e-3)


def test_runs_alone(ax):
    plot.runs(_demo.demo_runs(), x="D", ax=ax)
    assert ax.get_xlabel() == "training tokens D"
    assert len(ax.collections[0].get_offsets()) == 120


def test_nothing_else_of_matplotlib_is_touched(boot, ax):
    before, size = dict(mpl.rcParams), tuple(ax.figure.get_size_inches())
    for draw in (plot.band, plot.deviation):
        draw(boot, ax=ax)
    plot.overview(boot, width=3.3)
    assert dict(mpl.rcParams) == before
    assert tuple(ax.figure.get_size_inches()) == size


def test_without_axes_there_are_new_ones(boot):
    import matplotlib.pyplot as plt

    first, second = plot.band(boot), plot.band(boot)
    assert first is not second
    plt.close(first.figure)
    plt.close(second.figure)


@pytest.mark.parametrize(("width", "type_size"), [(3.3, 7.5), (6.5, 10.0)])
def test_an_overview_is_legible_at_its_width(boot, width, type_size):
    figure = plot.overview(boot, width=width)
    figure.draw_without_rendering()
    upper, lower, bar = figure.axes
    assert figure.get_size_inches()[0] == width
    for axis in (upper.yaxis, lower.yaxis, lower.xaxis, bar.yaxis):
        assert axis.label.get_size() == type_size
        assert {text.get_size() for text in axis.get_ticklabels()} == {type_size}
    assert all(text.get_size() >= 5 for text in upper.get_legend().get_texts())
    for label in (upper.yaxis.label, lower.yaxis.label, lower.xaxis.label, bar.yaxis.label):
        box = label.get_window_extent()
        assert figure.bbox.contains(box.x0, box.y0)
        assert figure.bbox.contains(box.x1, box.y1)
    legend, last = upper.get_legend().get_window_extent(), upper.transData.transform(upper.lines[0].get_xydata())
    assert not any(legend.contains(*place) for place in last)
    assert lower.get_xlabel() == "training compute C (FLOP)"
    assert upper.get_xlabel() == ""


ERRORS = [
    ({"kind": "means"}, "kind is 'means'"),
    ({"x": "E"}, "no free variable 'E'"),
    ({"x": "D"}, "Hint: name one, hold the others: x='D', N=..."),
    ({"tokens_per_param": -1}, "tokens_per_param is -1"),
    ({"tokens_per_param": 20, "x": "D", "N": 1e9}, "tokens_per_param belongs to"),
    ({"until": 0}, "until is 0"),
    ({"tokens_per_params": 20}, "Hint: did you mean 'tokens_per_param'?"),
]


@pytest.mark.parametrize(("options", "text"), ERRORS, ids=lambda value: str(value))
def test_errors_say_what_to_do(boot, options, text):
    with pytest.raises(iso.DataError) as caught:
        plot.band(boot, **options)
    assert text in str(caught.value)
