"""Try an installed isoflop from outside the source tree: run by .ci/smoke.sh and the wheel workflow.

Standard library and isoflop only, so that it runs in an environment which has nothing else.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path


def face() -> None:
    """From simulated runs to a fit, a bootstrap, an interval and a band."""
    import isoflop as iso

    where = Path(iso.__file__).parent
    assert "site-packages" in where.parts, f"imported from {where}, not from the installed wheel"
    assert iso.__version__ == version("isoflop")
    assert (where / "py.typed").is_file()
    points = {
        "N": [1e8, 2e8, 4e8, 8e8] * 6,
        "D": [d for d in (1e9, 2e9, 4e9, 8e9, 2e10, 5e10) for _ in range(4)],
    }
    law = {"A": 480.0, "B": 2100.0, "E": 1.8, "alpha": 0.35, "beta": 0.37}
    runs = iso.simulate("chinchilla", points, params=law, noise=0.002, rng=0)
    fit = iso.fit(runs, law="chinchilla")
    assert fit.success, fit.summary()
    boot = fit.bootstrap(2000, rng=0)
    assert boot.draws.shape == (2000, 5)
    assert boot.ok.mean() > 0.9
    print(fit.summary())
    print(boot.interval(level=0.9))
    print(boot.band(N=[1e9, 1e10], D=[1e11, 1e11], kind="mean"))


def shell() -> None:
    """Try the command: it says what it runs on, and its demo draws a picture."""
    command = shutil.which("isoflop", path=str(Path(sys.executable).parent))
    assert command, "the isoflop command is not installed"
    info = subprocess.run([command, "info", "--json"], capture_output=True, text=True, check=True)
    print(json.loads(info.stdout))
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([command, "demo"], cwd=folder, check=True)
        assert list(Path(folder).rglob("*.png")), "the demo drew no picture"
        report(command, Path(folder) / "report.html")


def report(command: str, page: Path) -> None:
    """Try the report on the table of the demo: one file with its charts, and the numbers of a decision."""
    import isoflop as iso

    table = Path(iso.__file__).parent / "data" / "demo_runs.csv"
    words = [command, "report", str(table), "-o", str(page), "--target", "1e23", "--bootstrap", "400", "--json"]
    said = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    assert said["bytes"] == page.stat().st_size < 6e6
    assert said["target"]["N_low"] < said["target"]["N"] < said["target"]["N_high"]
    text = page.read_text(encoding="utf-8")
    assert "Plotly.newPlot" in text
    assert 'id="budget"' in text, "the report has no slider"


if __name__ == "__main__":
    face()
    shell()
    print(f"smoke test passed: isoflop {version('isoflop')} on Python {sys.version.split()[0]}")
