"""What tests read off a picture: words, places, edges of bands."""

from __future__ import annotations

import numpy as np


def words(ax):
    """Return the texts of the legend."""
    return [text.get_text() for text in ax.get_legend().get_texts()]


def edges(collection):
    """Return x, low and high of a filled band."""
    vertices = collection.get_paths()[0].vertices
    x = np.unique(vertices[:, 0])
    ends = [vertices[vertices[:, 0] == place, 1] for place in x]
    return x, np.array([e.min() for e in ends]), np.array([e.max() for e in ends])


def labelled(ax, start):
    """Return the artist whose label begins so."""
    handles, labels = ax.get_legend_handles_labels()
    return next(h for h, label in zip(handles, labels, strict=True) if label.startswith(start))


def places(collection):
    """Return x and y of scattered points."""
    return np.asarray(collection.get_offsets()).T


def segments(collection):
    """Return the lines of a collection as an array (lines, 2 ends, 2 coordinates)."""
    return np.array(collection.get_segments())


def notes(ax):
    """Return what is written beside points."""
    return [text.get_text() for text in ax.texts]
