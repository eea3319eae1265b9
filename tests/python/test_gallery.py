"""The gallery of the documentation can be drawn again, is legible, and lies in the tree, small."""

from __future__ import annotations

import importlib.util
from itertools import pairwise

import pytest


@pytest.fixture(scope="module")
def gallery(root):
    spec = importlib.util.spec_from_file_location("gallery", root / "docs" / "gallery.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def figures(gallery):
    return {name: gallery.picture(name) for name in gallery.PICTURES}


def every_axes(figures):
    for name, figure in figures.items():
        for ax in figure.axes:
            for one in (ax, *ax.child_axes):
                yield name, figure, one


def test_nothing_is_too_small_to_read(figures):
    for name, _, ax in every_axes(figures):
        texts = [ax.xaxis.label, ax.yaxis.label, *ax.get_xticklabels(), *ax.get_yticklabels(), *ax.texts]
        texts += ax.get_legend().get_texts() if ax.get_legend() else []
        assert all(text.get_size() >= 5.5 for text in texts if text.get_text()), name


def test_labels_lie_within_their_figure(figures):
    for name, figure, ax in every_axes(figures):
        for text in (ax.xaxis.label, ax.yaxis.label):
            if text.get_text():
                box = text.get_window_extent()
                assert min(box.x0, box.y0) >= 0, (name, text)
                assert max(box.x1 - figure.bbox.x1, box.y1 - figure.bbox.y1) <= 0, (name, text)


def test_ticks_do_not_run_into_each_other(figures):
    for name, _, ax in every_axes(figures):
        low, high = sorted(ax.get_xlim())
        flat = [text for text in ax.get_xticklabels() if text.get_text() and not text.get_rotation()]
        boxes = [text.get_window_extent() for text in flat if low <= text.get_position()[0] <= high]
        assert all(a.x1 < b.x0 for a, b in pairwise(boxes)), name


def test_every_axis_has_a_tick_with_a_label(figures):
    for name, _, ax in every_axes(figures):
        for axis in (ax.xaxis, ax.yaxis):
            if axis.label.get_text():
                low, high = sorted(axis.get_view_interval())
                assert sum(low <= at <= high for at in axis.get_majorticklocs()) >= 2, name


def test_the_pictures_lie_in_the_tree(gallery):
    there = {path.stem: path.stat().st_size for path in gallery.FOLDER.glob("*.png")}
    assert there.keys() == gallery.PICTURES.keys()
    assert max(there.values()) <= 60_000
