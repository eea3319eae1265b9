"""A forked child can fit and bootstrap, after its parent has used threads; and every start method of multiprocessing.

Each test runs in an interpreter of its own, so that neither a hang nor a fork harms the suite.
"""

from __future__ import annotations

import multiprocessing
import os
import warnings
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

import isoflop as iso

from .helpers import run_python, twin

#: A parent that has computed on several threads, and what it expects of its children.
PARENT = """
import os, signal, sys, warnings
import numpy as np
import isoflop as iso
warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of any fork beside threads

x = np.geomspace(1, 1e4, 200)
runs = iso.simulate("power_floor", {"X": x}, noise=0.01, rng=1)
fit = iso.fit(runs, "power_floor")
expected = fit.bootstrap(2000, rng=0, n_threads=3, scheme="rows").draws

def child():
    signal.alarm(20)
    boot = iso.fit(runs, "power_floor").bootstrap(2000, rng=0, n_threads=3, scheme="rows")
    boot.band(X=[10.0, 1e5], n_threads=2)
    return np.array_equal(boot.draws, expected)
"""

FORK = """
pid = os.fork()
if pid == 0:
    os._exit(0 if child() else 3)
_, status = os.waitpid(pid, 0)
assert status == 0, f"the child ended with {status}"
assert child()  # the parent goes on as well
"""

#: The child is forked while another thread of the parent is inside the core.
FORK_MEANWHILE = """
import threading, time
worker = threading.Thread(target=lambda: fit.bootstrap(100_000, rng=1, scheme="rows", n_threads=2))
worker.start()
time.sleep(0.1)
assert worker.is_alive(), "the job was too short to fork meanwhile"
pid = os.fork()
if pid == 0:
    os._exit(0 if child() else 3)
_, status = os.waitpid(pid, 0)
assert status == 0, f"the child ended with {status}"
worker.join()
"""

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")


@needs_fork
@pytest.mark.parametrize("script", [FORK, FORK_MEANWHILE], ids=["idle", "while-computing"])
def test_a_forked_child_bootstraps(script):
    run_python(PARENT + script, timeout=60)


@needs_fork
def test_a_grandchild_bootstraps():
    inner = "".join(f"    {line}\n" for line in FORK.splitlines())
    outer = f"first = os.fork()\nif first == 0:\n    assert child()\n{inner}    os._exit(0)\n"
    run_python(PARENT + outer + "assert os.waitpid(first, 0)[1] == 0\n")


def refit(fit, seed):
    """Run in a child process."""
    return fit.bootstrap(500, rng=seed, n_threads=2, scheme="rows").draws


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} on this platform")
    fit = iso.fit(twin(), "chinchilla")
    expected = [refit(fit, seed) for seed in (1, 2)]  # the parent has used its threads before it forks
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with ProcessPoolExecutor(2, multiprocessing.get_context(method)) as pool:
            found = [future.result(timeout=60) for future in [pool.submit(refit, fit, seed) for seed in (1, 2)]]
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)
