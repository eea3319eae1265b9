"""Files that a command writes: results and pictures, each in one step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .. import plot
from .._draws import Bootstrap
from .._errors import DataError, compose, listed
from .._fitted import Fit
from .._store import atomic_write

#: What matplotlib writes without further software.
PICTURES = (".png", ".pdf", ".svg", ".eps", ".jpg", ".webp", ".tif")
DPI = 300


def check_plot(path: str | None) -> None:
    """Refuse a picture of an unknown kind before anything is computed."""
    if path is not None and Path(path).suffix.lower() not in PICTURES:
        raise DataError(
            compose(f"cannot tell what kind of picture {path!r} is", f"end it in one of {listed(PICTURES)}")
        )


def check_folder(path: str | None) -> None:
    """Refuse a file in a folder that does not exist before anything is computed."""
    if path is not None and not Path(path).parent.is_dir():
        raise DataError(
            compose(f"cannot write {path!r}: there is no folder {str(Path(path).parent)!r}", "make it first")
        )


def save_plot(result: Fit | Bootstrap, path: str, *, width: float = 6.5, **options: Any) -> Path:
    """Draw a fit or a bootstrap into a file."""
    figure = plot.overview(result, width=width, **options)
    target = Path(path)
    kind = target.suffix.lower().lstrip(".")
    atomic_write(target, lambda part: figure.savefig(part, dpi=DPI, format=kind))
    return target
