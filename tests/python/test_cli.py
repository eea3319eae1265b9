"""The shell: numbers equal to the API's, exit codes, one JSON object on stdout, everything else on stderr."""

from __future__ import annotations

import csv
import itertools
import json
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import isoflop as iso
from isoflop import _demo
from isoflop.cli import _job, _parse, main
from isoflop.cli._app import build

RUNS = str(_demo.PATH)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def shell(capsys):
    """Return a function that runs a command in this process: exit code, stdout, stderr."""

    def run(*words):
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def as_json(shell):
    """Return a function that runs a command which must succeed, and reads its JSON."""

    def run(*words, code=0):
        got, out, err = shell(*words, "--json")
        assert got == code, err
        return json.loads(out)

    return run


def write(path, **columns):
    with Path(path).open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(columns)
        rows.writerows(zip(*columns.values(), strict=True))
    return path


# ---- numbers


def test_fit_gives_the_numbers_of_the_api(as_json):
    out = as_json("fit", RUNS, "--law", "chinchilla", "--loss", "loss", "--N", "params", "--D", "tokens")
    fit = iso.fit(iso.read_runs(RUNS, loss="loss", N="params", D="tokens"), law="chinchilla")
    assert out["params"] == dict(fit.params)
    assert out["standard_error"] == dict(fit.standard_error)
    assert out["derived"] == dict(fit.derived())
    assert (out["objective"], out["status"], out["success"]) == (fit.objective, fit.status, True)
    assert out["fingerprint"] == fit.fingerprint
    assert out["runs"]["roles"] == {"loss": "loss", "N": "params", "D": "tokens", "C": "flops"}
    assert (out["command"], out["schema"], out["version"]) == ("fit", 1, iso.__version__)
    assert "bootstrap" not in out


def test_bootstrap_gives_the_numbers_of_the_api(as_json):
    out = as_json("fit", RUNS, "--bootstrap", 400, "--seed", 7, "--level", 0.9, "--scheme", "bayesian")["bootstrap"]
    boot = iso.fit(iso.read_runs(RUNS)).bootstrap(400, rng=7, scheme="bayesian")
    frame = boot.interval(0.9, derived=boot.fit.law.derived)
    assert out["interval"] == list(frame.iter_rows(named=True))
    assert out["standard_error"] == dict(boot.standard_error(boot.fit.law.derived))
    assert (out["n_resamples"], out["scheme"], out["seed"], out["n_failed"]) == (400, "bayesian", 7, boot.n_failed)


def test_predictions_carry_both_bands(as_json):
    words = ("--bootstrap", 400, "--at", "N=70e9,D=1.4e12", "--at", "N=1e9,D=2e10")
    first, second = as_json("fit", RUNS, *words)["predictions"]
    boot = iso.fit(iso.read_runs(RUNS)).bootstrap(400)
    assert first["loss"] == boot.fit.predict(N=70e9, D=1.4e12)
    mean, new = (boot.band(N=1e9, D=2e10, kind=kind).row(0, named=True) for kind in ("mean", "new_run"))
    assert (second["mean_low"], second["mean_high"]) == (mean["low"], mean["high"])
    assert (second["low"], second["high"]) == (new["low"], new["high"])


def test_predictions_without_draws_have_no_bands(as_json):
    (only,) = as_json("fit", RUNS, "--at", "N=70e9,D=1.4e12")["predictions"]
    assert set(only) == {"N", "D", "loss"}


def test_options_reach_the_fit(as_json):
    words = ("--criterion", "log_cosh", "--delta", "auto", "--fixed", "E=1.8", "--tied", "beta=alpha")
    out = as_json("fit", RUNS, *words, "--bounds", "alpha=0.1:1")
    options = {"criterion": "log_cosh", "delta": "auto", "fixed": {"E": 1.8}, "tied": {"beta": "alpha"}}
    fit = iso.fit(iso.read_runs(RUNS), **options, bounds={"alpha": (0.1, 1.0)})
    assert out["params"] == dict(fit.params)
    assert (out["criterion"], out["delta"]) == ("log_cosh", fit.delta)
    assert out["standard_error"]["E"] is None  # JSON has no NaN
    assert out["free"] == ["A", "alpha", "B"]


def test_priors_and_quantile_reach_the_fit(as_json):
    out = as_json("fit", RUNS, "--prior", "weak", "--quantile", 0.3)
    assert out["params"] == dict(iso.fit(iso.read_runs(RUNS), prior="weak", quantile=0.3).params)
    out = as_json("fit", RUNS, "--prior", "alpha=lognormal:0.4:0.01")
    prior = {"alpha": iso.LogNormal(median=0.4, sd=0.01)}
    assert out["params"] == dict(iso.fit(iso.read_runs(RUNS), prior=prior).params)


def test_where_and_a_law_of_one_variable(as_json):
    where = "flops > 1e19 and params < 5e9"
    out = as_json("fit", RUNS, "--law", "power_floor", "--var", "X=flops", "--where", where)
    fit = iso.fit(iso.read_runs(RUNS).where(where), "power_floor", X="flops")
    assert out["params"] == dict(fit.params)
    assert out["runs"]["where"] == where
    assert out["n_rows"] == fit.n_rows < 120


def test_a_formula_is_a_law(as_json):
    out = as_json("fit", RUNS, "--law", "E + A / N**alpha + B / tokens**beta", "--var", "tokens")
    assert out["params"] == pytest.approx(dict(iso.fit(iso.read_runs(RUNS)).params), rel=1e-6)


def test_by_gives_one_fit_per_label(as_json, shell):
    points = {"X": np.tile(np.geomspace(1, 1e4, 8), 2)}
    loss = np.where(np.arange(16) < 8, 1.0, 2.0) + 3 * points["X"] ** -0.5
    path = write("tasks.csv", X=points["X"], loss=loss, task=["code"] * 8 + ["web"] * 8)
    words = ("fit", path, "--law", "power_floor", "--var", "X=X", "--by", "task", "--at", "X=100", "--save", "t.json")
    out = as_json(*words)
    assert [one["label"] for one in out["fits"]] == ["code", "web"]
    assert [one["params"]["E"] for one in out["fits"]] == pytest.approx([1, 2], abs=1e-4)
    assert out["fits"][1]["predictions"][0]["loss"] == pytest.approx(2.3, abs=1e-4)
    assert list(iso.load("t.json")) == ["code", "web"]
    code, text, _ = shell(*words, "--no-json")
    assert code == 0
    assert "task web: predictions" in text


def test_final_keeps_the_last_checkpoint(as_json, tmp_path):
    N, D = np.repeat([1e8, 3e8, 1e9, 3e9], 6), np.tile(np.geomspace(1e9, 3e11, 6), 4)
    loss = iso.simulate("chinchilla", {"N": N, "D": D}, noise=0.0).loss
    path = write("ckpt.csv", run_id=np.repeat(range(4), 6), N=N, D=D, loss=loss)
    out = as_json("fit", path, "--groups", "run_id", "--final", "--fixed", "E=1.8172,B=2085.43,beta=0.3658")
    assert out["n_rows"] == 4
    assert out["params"]["alpha"] == pytest.approx(0.3478, rel=1e-3)


# ---- files


def test_save_and_plot(as_json, shell):
    out = as_json("fit", RUNS, "--bootstrap", 300, "--save", "fit.json", "--plot", "band.png")
    assert out["files"] == {"save": "fit.json", "plot": "band.png"}
    boot = iso.load("fit.json")
    assert np.array_equal(boot.draws, iso.fit(iso.read_runs(RUNS)).bootstrap(300).draws)
    head = Path("band.png").read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", head[16:]) == (1950, 1560)  # 6.5 in at 300 dpi
    code, _, err = shell("fit", RUNS, "--save", "only.json", "--plot", "fit.pdf", "--plot-width", "3.3")
    assert code == 0
    assert "isoflop: wrote only.json\nisoflop: wrote fit.pdf" in err
    assert isinstance(iso.load("only.json"), iso.Fit)


def test_a_jackknife_has_errors_and_no_bands(as_json):
    out = as_json("fit", RUNS, "--scheme", "jackknife", "--at", "N=1e9,D=1e10", "--plot", "j.png")
    assert out["bootstrap"]["n_resamples"] == 120
    assert "interval" not in out["bootstrap"]
    assert set(out["predictions"][0]) == {"N", "D", "loss"}


def test_levels_from_the_formula_to_the_picture(as_json, shell):
    x = np.tile(np.geomspace(1, 1e4, 12), 2)
    loss = np.where(np.arange(24) < 12, 1.0, 2.0) + 3 * x**-0.5
    path = write("families.csv", X=x, loss=loss, family=["a"] * 12 + ["b"] * 12)
    words = ("fit", path, "--law", "E[family] + A / X**alpha", "--at", "X=100,family=b", "--plot", "b.png")
    code, _, err = shell(*words)
    assert code == 1
    assert "choose one: family='a'" in err
    out = as_json(*words, "--hold", "family=b")
    assert out["params"]["E[b]"] == pytest.approx(2, abs=1e-4)
    assert out["predictions"][0]["loss"] == pytest.approx(2.3, abs=1e-3)
    assert Path("b.png").is_file()


def test_a_picture_along_one_variable(as_json):
    as_json("fit", RUNS, "--plot", "d.png", "--along", "D", "--hold", "N=1e9", "--until", "1e13")
    assert Path("d.png").is_file()


# ---- what people see


def test_tables_where_asked_or_on_a_terminal(shell, monkeypatch):
    code, text, err = shell("fit", RUNS, "--bootstrap", 300, "--at", "N=70e9,D=1.4e12", "--no-json")
    assert code == 0
    boot = iso.fit(iso.read_runs(RUNS)).bootstrap(300)
    assert text.startswith(boot.fit.summary())
    assert boot.summary().split("\n\n", 1)[1] in text
    assert "mean curve 95 %" in text
    assert "new run 95 %" in text
    assert "300 refits in" in err
    monkeypatch.setattr("isoflop.cli._output.is_terminal", lambda stream: True)
    _, on_terminal, _ = shell("fit", RUNS)
    assert on_terminal.startswith("chinchilla: E + A / N**alpha")


def test_json_is_one_object_where_nobody_looks(shell):
    _, out, _ = shell("fit", RUNS, "--bootstrap", 200)
    assert json.loads(out)["success"] is True


@pytest.mark.parametrize("command", [[], ["fit"], ["demo"], ["laws"], ["info"]], ids=" ".join)
def test_help(shell, command):
    code, text, err = shell(*command, "--help")
    assert (code, err) == (0, "")
    assert "For example:" in text or not command
    assert "--json" in text


def test_version_and_info(shell, as_json):
    assert shell("--version") == (0, f"isoflop {iso.__version__}\n", "")
    out = as_json("info")
    assert out["simd"] == iso.info()["level"]
    assert out["threads"] == iso.info()["threads"]
    assert iso.info()["level"] in shell("info", "--no-json")[1]


def test_laws(shell, as_json):
    everything = as_json("laws")["laws"]
    assert [law["name"] for law in everything] == list(iso.laws.names())
    (one,) = as_json("laws", "chinchilla")["laws"]
    assert one["formula"] == iso.laws.chinchilla.formula
    assert one["published"]["epoch2024"]["params"]["alpha"] == 0.3478
    assert shell("laws", "chinchilla", "--no-json")[1] == iso.laws.chinchilla.card() + "\n"
    text = shell("laws", "--no-json")[1]
    assert all(name in text for name in iso.laws.names())


# ---- exit codes

ERRORS = [
    (1, ["fit", "nowhere.csv"], "no file 'nowhere.csv'"),
    (1, ["fit", RUNS, "--loss", "los"], "Hint: did you mean 'loss'"),
    (1, ["fit", RUNS, "--law", "chincilla"], "Hint: did you mean 'chinchilla'"),
    (1, ["fit", RUNS, "--law", "E + lg(N)"], "        ^"),
    (1, ["fit", RUNS, "--fixed", "gamma=1"], "gamma"),
    (1, ["fit", RUNS, "--where", "params >"], "cannot read the filter"),
    (1, ["fit", RUNS, "--where", "params > 1e30"], "no row passes the filter"),
    (1, ["fit", RUNS, "--save", "nowhere/fit.json"], "there is no folder 'nowhere'"),
    (1, ["fit", RUNS, "--plot", "band.xyz"], "cannot tell what kind of picture"),
    (1, ["fit", RUNS, "--bootstrap", "0"], "n_resamples is 0"),
    (1, ["laws", "chincilla"], "Hint: did you mean 'chinchilla'"),
    (2, ["fit"], "Hint: see isoflop fit --help"),
    (2, ["fti"], "Hint: see isoflop --help"),
    (2, ["fit", RUNS, "--lose", "loss"], "--lose"),
    (2, ["fit", RUNS, "--bootstrap", "many"], "many"),
    (2, ["fit", RUNS, "--criterion", "hubr"], "hubr"),
    (2, ["fit", RUNS, "--fixed", "E"], "such as E=1.7"),
    (2, ["fit", RUNS, "--fixed", "E=big"], "'big' is no number"),
    (2, ["fit", RUNS, "--bounds", "alpha=1"], "such as alpha=0.1:1"),
    (2, ["fit", RUNS, "--prior", "strong"], "expected"),
    (2, ["fit", RUNS, "--threads", "0"], "--threads is 0"),
    (2, ["fit", RUNS, "--level", "95"], "--level is 95"),
    (2, ["fit", RUNS, "--by", "run_id", "--plot", "a.png"], "--plot draws one fit"),
]


@pytest.mark.parametrize(("code", "words", "text"), ERRORS, ids=lambda value: str(value)[-40:])
def test_errors_are_short_and_say_what_to_do(shell, code, words, text):
    got, out, err = shell(*words)
    assert (got, out) == (code, "")
    assert text in err
    assert err.startswith("isoflop: ")
    assert "Traceback" not in err


def test_a_file_that_cannot_be_written_is_a_user_error(shell, tmp_path):
    (tmp_path / "taken.json").mkdir()
    code, _, err = shell("fit", RUNS, "--save", "taken.json")
    assert code == 1
    assert "taken.json" in err


def test_what_does_not_converge_is_printed_and_exits_with_3(shell):
    code, out, err = shell("fit", RUNS, "--law", "E*F + A/N**alpha + B/D**beta")
    assert code == 3
    assert json.loads(out)["success"] is False
    assert "ConvergenceWarning" in err


def test_interrupt(shell, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(_job, "bootstrap", stop)
    assert shell("fit", RUNS, "--bootstrap", 10) == (130, "", "isoflop: interrupted\n")


def start(words, **streams):
    """Start a command in a process of its own, which says "ready" on stderr before it begins."""
    code = (
        "import sys; from isoflop.cli import main; print('ready', file=sys.stderr, flush=True); "
        f"sys.exit(main({words!r}))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, **streams)
    assert process.stderr.readline() == "ready\n"
    return process


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_ends_a_long_bootstrap_with_one_line():
    process = start(["fit", RUNS, "--bootstrap", "500000000"], stdout=subprocess.PIPE)
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    began = time.perf_counter()
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (130, "", "isoflop: interrupted\n")
    assert time.perf_counter() - began < 2  # 0.5 s on an idle machine


@pytest.mark.skipif(sys.platform == "win32", reason="pipes")
def test_a_reader_that_goes_away_is_no_error():
    read, write_end = os.pipe()
    os.close(read)
    process = start(["laws", "--no-json"], stdout=write_end)
    os.close(write_end)
    assert process.communicate(timeout=20)[1] == ""
    assert process.returncode == 0


def test_the_installed_command_starts():
    code = "import sys; from isoflop.cli import main; sys.argv = ['isoflop', '--version']; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"isoflop {iso.__version__}\n"


def test_the_parser_and_the_plots_load_late():
    heavy = {"cyclopts", "matplotlib", "polars", "rich"}
    code = f"import sys, isoflop.cli as c; c.main(['--version']); print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")


# ---- words


def test_formulas_keep_their_commas():
    assert _parse.pairs(["beta=max(alpha, 0.1),p=1"], "--tied", "") == {"beta": "max(alpha, 0.1)", "p": "1"}
    assert _parse.pairs(["E[a]=1.7"], "--fixed", "") == {"E[a]": "1.7"}


@pytest.mark.parametrize(("columns", "what"), [(100, "name  "), (300, "formula")])
def test_the_list_of_laws_fits_a_terminal(shell, monkeypatch, columns, what):
    monkeypatch.setattr("isoflop.cli._output.is_terminal", lambda stream: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    code, out, _ = shell("laws")
    lines = out.splitlines()
    assert code == 0
    assert max(map(len, lines)) <= columns
    assert what in lines[0]
    assert any(line.startswith("chinchilla ") for line in lines)


@pytest.mark.parametrize("command", [c for c in tuple(build()) if not c.startswith("-")])
def test_examples_of_the_help_are_not_broken_by_a_terminal(shell, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = shell(command, "--help")
    after = out.partition("For example:")[2].strip("\n").splitlines()
    example = list(itertools.takewhile(lambda line: line.startswith("    "), after))
    assert code == 0
    assert example[0].startswith(f"    isoflop {command}")
    for line, following in itertools.pairwise([*example, after[len(example)]]):
        assert line.endswith("\\") or not following.strip() or following.startswith("    isoflop")
