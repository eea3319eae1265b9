"""The same bits for any number of threads, chunks, executor and SIMD level with fused multiply-add."""

from __future__ import annotations

import json
import struct
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

import isoflop as iso
from isoflop import _engine
from isoflop._engine import Job

from . import golden
from .helpers import run_python, twin

N = 300
FIELDS = ("draws", "objective", "status")


@pytest.fixture(scope="module")
def fit():
    return iso.fit(twin(), "chinchilla")


@pytest.fixture(scope="module")
def few():
    """Return a fit of so few rows that resamples need rescue starts, which have streams of their own."""
    return iso.fit({name: values[:25] for name, values in twin().items()}, "chinchilla", delta=0.01)


@pytest.fixture(scope="module")
def boot(fit):
    return fit.bootstrap(N, rng=7, n_threads=1)


def same(one, other):
    """Compare two bootstraps bit by bit."""
    for name in FIELDS:
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name


# -- threads, chunks, executors


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_threads(fit, boot, threads):
    same(fit.bootstrap(N, rng=7, n_threads=threads), boot)


@pytest.mark.filterwarnings("ignore::isoflop.ConvergenceWarning")
@pytest.mark.parametrize("scheme", ["rows", "bayesian"])
def test_threads_with_rescue_starts(few, scheme):
    same(few.bootstrap(200, rng=1, n_threads=3, scheme=scheme), few.bootstrap(200, rng=1, n_threads=1, scheme=scheme))


@pytest.mark.parametrize("size", [1, 7, 1024])
def test_chunks(fit, boot, size):
    job = Job(fit.problem, fit.theta, fit.delta, "rows", None, 7)
    count = min(N, 40 * size)
    parts = [_engine.bootstrap_chunk(job, first, min(size, count - first)) for first in range(0, count, size)]
    for k, name in enumerate(FIELDS):
        joined = np.concatenate([part[k] for part in parts])
        assert joined.tobytes() == getattr(boot, name)[:count].tobytes(), name


def test_chunks_beyond_32_bits(fit):
    """Streams are counted by 64 bits: a chunk far out is the same wherever it starts."""
    job = Job(fit.problem, fit.theta, fit.delta, "rows", None, 7)
    far = 2**40
    whole = _engine.bootstrap_chunk(job, far - 3, 6)[0]
    assert whole[4:].tobytes() == _engine.bootstrap_chunk(job, far + 1, 2)[0].tobytes()
    assert not np.array_equal(whole[3], _engine.bootstrap_chunk(job, 0, 1)[0][0])


@pytest.mark.parametrize("kind", ["threads", "spawn", "forkserver"])
def test_executors(fit, boot, kind, monkeypatch):
    monkeypatch.setattr("isoflop._bootstrap.CHUNK", 60)
    if kind != "threads" and kind not in pytest.importorskip("multiprocessing").get_all_start_methods():
        pytest.skip(f"no {kind} on this platform")
    make = ThreadPoolExecutor if kind == "threads" else lambda n: ProcessPoolExecutor(n, get_context(kind))
    with make(2) as executor:
        same(fit.bootstrap(N, rng=7, executor=executor), boot)


def test_a_bootstrap_from_a_saved_fit(fit, boot, tmp_path):
    fit.save(tmp_path / "fit.json")
    same(iso.load(tmp_path / "fit.json").bootstrap(N, rng=7), boot)


def test_bands_and_predictions_do_not_depend_on_threads(boot):
    points = {"N": np.geomspace(1e8, 1e12, 37), "D": np.geomspace(1e10, 1e13, 37)}
    for kind in ("mean", "new_run"):
        one, many = (boot.band(points, kind=kind, n_threads=t).to_numpy() for t in (1, 3))
        assert one.tolist() == many.tolist()
    assert boot.predict(points, n_threads=1).tobytes() == boot.predict(points, n_threads=3).tobytes()


def test_row_weights_are_those_that_were_fitted(fit, boot):
    """`weights(i)` is drawn again from its stream: fitted by itself it gives the objective of draw i."""
    for i in (0, 1, 77, N - 1):
        table = {**twin(), "w": boot.weights(i)}
        again = iso.fit(table, "chinchilla", weights="w")
        assert again.objective == pytest.approx(boot.objective[i], rel=1e-9)


# -- SIMD levels

SCRIPT = """
import hashlib, json, sys
import numpy as np
sys.path.insert(0, {folder!r})
from helpers import twin
import isoflop as iso

table = twin()
digest = lambda *arrays: hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()
awkward = {{k: v[:101] for k, v in table.items()}}
law = iso.Law("E + A / N**alpha + B / D**beta + c * sin(log(N)) * logistic(log10(D) - 10)", real=("c",))
out = {{"level": iso._engine.info()["level"]}}
for name, fit in {{
    "huber": iso.fit(table, "chinchilla"),
    "log_cosh": iso.fit(awkward, "chinchilla", criterion="log_cosh"),
    "custom": iso.fit(table, law),
    "quantile": iso.fit(awkward, "chinchilla", quantile=0.3),
}}.items():
    boot = fit.bootstrap(60, rng=3, scheme="rows")
    points = {{"N": np.geomspace(1e7, 1e13, 103), "D": np.geomspace(1e8, 1e14, 103)}}
    out[name] = {{
        "fit": digest(fit.theta, fit.residuals, fit.covariance),
        "draws": digest(boot.draws, boot.objective, boot.status),
        "predict": digest(fit.predict(**points), boot.predict(**points)),
        "objective": fit.objective,
        "values": boot.draws.tolist(),
    }}
print(json.dumps(out))
"""


def at_level(level):
    """Return what the script prints when a SIMD level is forced, in a fresh interpreter."""
    if level not in _engine.info()["available"]:
        pytest.skip(f"this CPU has no {level}")
    return json.loads(run_python(SCRIPT.format(folder=str(golden.DATA.parent / "python")), ISOFLOP_SIMD=level))


@pytest.fixture(scope="module")
def fused():
    """Return the results at the first level with fused multiply-add that this CPU has."""
    levels = [level for level in ("avx2", "neon") if level in _engine.info()["available"]]
    if not levels:
        pytest.skip("this CPU has no fused multiply-add")
    return at_level(levels[0])


def test_avx512_has_the_bits_of_avx2(fused):
    wide = at_level("avx512")
    assert (fused.pop("level"), wide.pop("level")) == ("avx2", "avx512")
    for name in wide:
        assert wide[name] == fused[name], name
    fused["level"] = "avx2"


def test_a_cpu_without_fma_stays_within_its_tolerance(fused):
    """The baseline rounds each product: 1e-9 of the objective, and of parameters what a flat optimum makes of it."""
    plain = at_level("baseline")
    assert plain["level"] == "baseline"
    for name in ("huber", "log_cosh", "custom"):
        assert plain[name]["objective"] == pytest.approx(fused[name]["objective"], rel=1e-9), name
        draws, expected = (np.array(side[name]["values"]) for side in (plain, fused))
        spread = expected.std(axis=0)
        assert np.median(np.abs(draws - expected) / spread) < 1e-5, name


def test_an_unknown_level_is_refused():
    code = "import isoflop as iso\ntry:\n    iso.fit({'X': [1., 2, 3, 4], 'loss': [4., 3, 2.5, 2]}, 'power')\n"
    text = run_python(code + "except iso.DataError as error:\n    print(error)", ISOFLOP_SIMD="avx9")
    assert "avx9" in text
    assert "ISOFLOP_SIMD" in text


# -- golden draws


@pytest.fixture(scope="module")
def drawn():
    return golden.jobs()


@pytest.mark.skipif(not golden.PATH.exists(), reason="no golden draws in this tree")
@pytest.mark.parametrize("name", golden.read_draws() if golden.PATH.exists() else [])
def test_golden_draws(drawn, name):
    """Changed on purpose? `python tests/data/make.py draws`, and a line in CHANGELOG.md."""
    expected = golden.read_draws()[name]
    found = golden.rows_of(name, drawn[name])
    if _engine.info()["level"] == "baseline":
        numbers, stored = (np.array([row[3:] for row in rows], dtype=float) for rows in (found, expected))
        np.testing.assert_allclose(numbers, stored, rtol=1e-4)
    else:
        assert found == expected


def test_every_golden_job_is_stored(drawn):
    assert set(golden.read_draws()) == set(drawn)


def chacha8(key, stream, n_words):
    """Return 32-bit words of ChaCha with 8 rounds (RFC 7539's rounds, 64-bit block counter and stream)."""
    mask, words = 0xFFFFFFFF, []
    for block in range(-(-n_words // 16)):
        state = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574, *struct.unpack("<8I", key)]
        state += [block & mask, block >> 32, stream & mask, stream >> 32]
        x = list(state)

        def turn(a, b, c, d, x=x):
            for to, by, other, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                x[to] = (x[to] + x[by]) & mask
                x[other] ^= x[to]
                x[other] = (x[other] << bits | x[other] >> (32 - bits)) & mask

        for _ in range(4):
            for k in range(4):
                turn(k, 4 + k, 8 + k, 12 + k)
            for k in range(4):
                turn(k, 4 + (k + 1) % 4, 8 + (k + 2) % 4, 12 + (k + 3) % 4)
        words += [(u + v) & mask for u, v in zip(x, state, strict=True)]
    return words[:n_words]


def resample_words(seed, index, n_words, outer=0):
    """Return the words of one resample: key (seed, purpose 1, outer, scheme 1), stream = index."""
    return chacha8(struct.pack("<4Q", seed, 1, outer, 1), index, n_words)


@pytest.mark.parametrize(("seed", "index"), [(0, 0), (1, 5), (2**63 + 11, 2**40 + 3)])
def test_rows_are_drawn_by_the_scheme_that_is_written_down(seed, index):
    """Row of word w is w * n >> 32: never changed without a new scheme number, or no seed means what it meant."""
    n = 37
    rows = [w * n >> 32 for w in resample_words(seed, index, n)]
    weights = _engine.resample_weights(n, "rows", None, None, seed, index)
    assert weights.tolist() == np.bincount(rows, minlength=n).tolist()


def test_groups_and_levels_are_drawn_by_the_same_words():
    groups, levels = np.array([0, 0, 1, 1, 1, 2, 3, 3, 4, 4]), np.array([0, 0, 0, 0, 0, 1, 1, 1, 1, 1])
    words = resample_words(3, 9, 5)
    drawn = np.bincount([w * 5 >> 32 for w in words], minlength=5)
    found = _engine.resample_weights(10, "groups", _engine.integers(groups), None, 3, 9)
    assert found.tolist() == drawn[groups].tolist()
    within = [w * 2 >> 32 for w in words[:2]] + [2 + (w * 3 >> 32) for w in words[2:]]
    found = _engine.resample_weights(10, "groups", _engine.integers(groups), _engine.integers(levels), 3, 9)
    assert found.tolist() == np.bincount(within, minlength=5)[groups].tolist()


def test_exponential_weights_are_drawn_by_the_same_words():
    words = resample_words(4, 2, 12)
    uniform = [((low | high << 32) >> 12) + 0.5 for low, high in zip(words[::2], words[1::2], strict=True)]
    drawn = -np.log(np.array(uniform) / 2**52)
    found = _engine.resample_weights(6, "bayesian", None, None, 4, 2)
    np.testing.assert_allclose(found, drawn / drawn.mean(), rtol=1e-13)
