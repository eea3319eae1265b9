"""The interpreter stays free while the core computes; calls from several threads do not disturb each other."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import isoflop as iso

from .helpers import run_python, twin

#: Where Linux lists the threads of this process.
TASKS = Path("/proc/self/task")


@pytest.fixture(scope="module")
def fit():
    return iso.fit(twin(), "chinchilla")


class Counter(threading.Thread):
    """Counts in Python, giving way after each step, until it is told to stop."""

    def __init__(self):
        super().__init__(daemon=True)
        self.steps, self.longest, self.running = 0, 0.0, True

    def run(self):
        last = time.perf_counter()
        while self.running:
            time.sleep(0.001)
            now = time.perf_counter()
            self.longest, last, self.steps = max(self.longest, now - last), now, self.steps + 1

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.running = False
        self.join()


def slow_table(rows=60_000):
    """Return a table whose fit takes some tenths of a second."""
    rng = np.random.RandomState(0)
    n, d = np.exp(rng.uniform(18, 24, rows)), np.exp(rng.uniform(20, 28, rows))
    loss = (1.8 + 480 / n**0.35 + 2000 / d**0.37) * np.exp(0.02 * rng.standard_normal(rows))
    return {"N": n, "D": d, "loss": loss}


JOBS = {
    "fit": lambda fit: iso.fit(slow_table(), "chinchilla"),
    "bootstrap": lambda fit: fit.bootstrap(60_000, scheme="rows", n_threads=1),
    "band": lambda fit: fit.bootstrap(2_000, scheme="rows").band(N=np.geomspace(1e8, 1e12, 2_000), D=1e12, n_threads=1),
    "predict": lambda fit: fit.predict(N=np.geomspace(1e8, 1e12, 5_000_000), D=1e12),
}


@pytest.mark.parametrize("name", JOBS)
def test_a_python_thread_keeps_counting(fit, name):
    JOBS[name](fit)  # what is imported late is imported now
    for _ in range(3):  # on a busy machine a step may be late once; behind a lock it is late every time
        start = time.perf_counter()
        with Counter() as counter:
            while time.perf_counter() - start < 0.3:
                JOBS[name](fit)
        took = time.perf_counter() - start
        if counter.longest < 0.25:
            break
    assert counter.steps > 20 * took, (counter.steps, took)
    assert counter.longest < 0.25, counter.longest


def test_several_threads_fit_at_once(fit):
    rng = np.random.RandomState(3)
    tables = [{**twin(), "loss": twin()["loss"] * np.exp(0.01 * rng.standard_normal(240))} for _ in range(8)]
    alone = [iso.fit(table, "chinchilla") for table in tables]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda table: iso.fit(table, "chinchilla"), tables))
    for one, other in zip(alone, together, strict=True):
        assert one.theta.tobytes() == other.theta.tobytes()


def test_several_threads_bootstrap_at_once(fit):
    alone = [fit.bootstrap(2_000, rng=seed, scheme="rows").draws for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(
            pool.map(lambda seed: fit.bootstrap(2_000, rng=seed, scheme="rows", n_threads=2).draws, range(4))
        )
    for one, other in zip(alone, together, strict=True):
        assert one.tobytes() == other.tobytes()


def test_two_threads_fit_while_the_first_is_inside(fit):
    """The second call starts and ends while the first is at work: neither waits for the other."""
    done = []
    first = threading.Thread(target=lambda: (fit.bootstrap(100_000, scheme="rows", n_threads=1), done.append("long")))
    first.start()
    time.sleep(0.05)
    iso.fit(twin(), "chinchilla")
    done.append("short")
    first.join()
    assert done == ["short", "long"]


def test_progress_comes_from_the_calling_thread(fit):
    seen = []

    def job():
        fit.bootstrap(
            60_000, scheme="rows", n_threads=2, progress=lambda done: seen.append((threading.get_ident(), done))
        )
        return threading.get_ident()

    with ThreadPoolExecutor(1) as pool:
        caller = pool.submit(job).result()
    assert caller != threading.get_ident()
    assert {ident for ident, _ in seen} == {caller}
    counts = [done for _, done in seen]
    assert counts == sorted(counts)
    assert counts[-1] == 60_000


@pytest.mark.skipif(not TASKS.is_dir(), reason="threads are counted in /proc")
@pytest.mark.parametrize("asked", [1, 3])
def test_a_call_uses_the_threads_that_were_asked_for(fit, asked):
    most, before = most_threads(lambda: fit.bootstrap(100_000, scheme="rows", n_threads=asked))
    # Beside the workers: the watcher of this test, and the side thread that the door runs the job on.
    assert most - before <= asked + 2
    if asked > 1:
        assert most - before >= asked


@pytest.mark.skipif(not TASKS.is_dir(), reason="threads are counted in /proc")
def test_a_chunk_of_an_executor_uses_one_thread(fit):
    with ThreadPoolExecutor(1) as pool:
        most, before = most_threads(lambda: fit.bootstrap(60_000, scheme="rows", executor=pool, n_threads=32))
    # The watcher, the pool's thread, one side thread and those that are just ending; not 32.
    assert most - before <= 8


def n_tasks():
    """Return how many threads this process has."""
    return sum(1 for _ in TASKS.iterdir())


def most_threads(job):
    """Return the largest number of threads of this process during `job`, and the number before."""
    before, most, running = n_tasks(), 0, True

    def watch():
        nonlocal most
        while running:
            most = max(most, n_tasks())
            time.sleep(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        job()
    finally:
        running = False
        watcher.join()
    return most, before


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no CPU masks on this platform")
def test_the_number_of_threads_follows_the_cpu_mask():
    code = "import os\nos.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
    code += "from isoflop import _engine\nprint(_engine.info()['threads'])"
    assert run_python(code).strip() == "1"


def test_an_interpreter_that_ends_meanwhile_does_not_hang():
    code = """
import threading, time
import numpy as np
import isoflop as iso
fit = iso.fit(iso.simulate("power_floor", {"X": np.geomspace(1, 1e4, 300)}, noise=0.01), "power_floor")
threading.Thread(target=lambda: fit.bootstrap(300_000, scheme="rows", n_threads=2), daemon=True).start()
time.sleep(0.1)
print("end")
"""
    assert run_python(code, timeout=30).strip() == "end"
