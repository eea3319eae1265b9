"""How pictures look: colours that everybody can tell apart, ticks on any scale, names that keep clear of each other."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import isoflop as iso
from isoflop.plot import _axes, _ticks

#: Machado, Oliveira and Fernandes 2009, table 1, severity 1: what linear RGB looks like without one kind of cone.
SIGHTS = {
    "all cones": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(colour, sight):
    """Return CIELAB of a colour as it is seen."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = TO_XYZ @ np.clip(np.asarray(SIGHTS[sight]) @ linear, 0, 1) / (TO_XYZ @ np.ones(3))
    f = np.where(seen > 216 / 24389, np.cbrt(seen), (24389 / 27 * seen + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.fixture
def ax():
    return Figure(figsize=(5, 3.5)).subplots()


@pytest.mark.parametrize("sight", SIGHTS)
def test_runs_laws_and_what_was_before_are_told_apart_by_everybody(sight):
    colours = [lab(colour, sight) for colour in (_axes.PLAIN, _axes.CURVE, _axes.GREY)]
    apart = [np.linalg.norm(a - b) for i, a in enumerate(colours) for b in colours[:i]]
    assert min(apart) > 20  # two is just visible


@pytest.mark.parametrize("sight", SIGHTS)
def test_sizes_go_from_dark_to_light(sight):
    shades = _axes.shades_of(np.geomspace(1e7, 1e10, 20))
    lightness = [lab(shades.to_rgba(size)[:3], sight)[0] for size in np.geomspace(1e7, 1e10, 20)]
    assert np.all(np.diff(lightness) > 0)
    assert lightness[-1] < 90  # still seen on white


@pytest.mark.parametrize("low", [1e-3, 0.03, 2.2, 900, 8.3e18])
@pytest.mark.parametrize("ratio", [1.02, 1.4, 2.9, 3.1, 11, 13, 90, 1e6])
@pytest.mark.parametrize("width", [2.3, 6.5])
def test_any_log_scale_has_readable_ticks(low, ratio, width):
    figure = Figure(figsize=(width, 0.75 * width))
    ax = figure.add_axes((0.18, 0.18, 0.8, 0.8))
    ax.set_xlim(low, low * ratio)
    ax.set_ylim(low, low * ratio)
    for axis in (ax.xaxis, ax.yaxis):
        _ticks.log_scale(axis)
    figure.draw_without_rendering()
    for axis, side in ((ax.xaxis, "x"), (ax.yaxis, "y")):
        inside = [t for t in axis.get_ticklabels() if low <= t.get_position()[side == "y"] <= low * ratio * 1.0001]
        shown = [text for text in inside if text.get_text()]
        assert 2 <= len(shown) <= 13
        assert len({text.get_text() for text in shown}) == len(shown)
        boxes = [text.get_window_extent() for text in shown]
        ends = sorted((getattr(box, f"{side}0"), getattr(box, f"{side}1")) for box in boxes)
        assert all(a[1] <= b[0] + 1 for a, b in pairwise(ends)), [t.get_text() for t in shown]


def test_names_of_near_points_do_not_cover_each_other(ax):
    ax.set(xlim=(0, 1), ylim=(0, 1))
    _axes.annotate(ax, [(0.5, 0.5, "first"), (0.5, 0.5, "second"), (0.501, 0.5, "third"), (0.1, 0.1, "apart")])
    ax.figure.draw_without_rendering()
    assert [text.get_text() for text in ax.texts] == ["first", "second", "apart"]
    boxes = [text.get_window_extent() for text in ax.texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


@pytest.mark.parametrize("at", [(0.01, 0.01), (0.99, 0.99), (0.01, 0.99), (0.99, 0.01)])
def test_names_stay_inside_the_axes(ax, at):
    ax.set(xlim=(0, 1), ylim=(0, 1))
    _axes.annotate(ax, [(*at, "at the edge")])
    ax.figure.draw_without_rendering()
    box = ax.texts[0].get_window_extent()
    assert ax.bbox.x0 <= box.x0
    assert box.x1 <= ax.bbox.x1
    assert ax.bbox.y0 <= box.y0
    assert box.y1 <= ax.bbox.y1


@pytest.mark.parametrize("lines", [1, 3])
def test_room_is_made_for_a_legend(ax, lines):
    ax.plot([1, 2], [1.0, 3.0], label="a")
    _axes.room_below(ax, lines)
    for i in range(lines - 1):
        ax.plot([], [], label=str(i))
    _axes.legend(ax, "lower left")
    ax.figure.draw_without_rendering()
    top = ax.get_legend().get_window_extent().y1
    assert top < ax.transData.transform((1, 1.0))[1]


def test_pictures_are_public_and_load_late():
    import subprocess
    import sys

    late = ("matplotlib", "isoflop._recipes")
    code = f"import sys, isoflop as iso; iso.plot.runs; print(*(name in sys.modules for name in {late}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
    assert set(iso.plot.__all__) <= set(dir(iso.plot))
