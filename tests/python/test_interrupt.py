"""Ctrl-C: out within half a second whatever the law, raised once, and the next call works.

A script sends SIGINT to itself while the core works, and reports how long it took to come out.
"""

from __future__ import annotations

import json
import sys

import pytest

from .helpers import run_python

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals work otherwise on Windows")

SCRIPT = """
import json, os, signal, threading, time
import numpy as np
import isoflop as iso
from isoflop import _engine

{setup}

def job():
    {job}

sent = []
def send():
    time.sleep({wait})
    sent.append(time.perf_counter())
    os.kill(os.getpid(), signal.SIGINT)

caught = 0
threading.Thread(target=send, daemon=True).start()
try:
    job()
    finished = True
except KeyboardInterrupt:
    finished = False
    caught += 1
    late = time.perf_counter() - sent[0]
if finished:
    print(json.dumps({{"finished": True}}))
    raise SystemExit
try:  # the signal must not come a second time
    time.sleep(0.2)
    small = iso.fit(iso.simulate("power_floor", {{"X": np.geomspace(1, 1e4, 40)}}, noise=0.01), "power_floor")
    draws = small.bootstrap(100, scheme="rows").draws
except KeyboardInterrupt:
    caught += 1
print(json.dumps({{"finished": False, "late": late, "caught": caught, "next": bool(np.isfinite(draws).all())}}))
"""

CHEAP = """
fit = iso.fit(iso.simulate("power_floor", {"X": np.geomspace(1, 1e4, 400)}, noise=0.01), "power_floor")
"""
#: Many rows under a long formula: a single evaluation takes milliseconds, a refit seconds.
SLOW = """
rng = np.random.RandomState(0)
n = 300_000
table = {"N": np.exp(rng.uniform(18, 24, n)), "D": np.exp(rng.uniform(20, 28, n))}
waves = " + ".join(f"w{k} * sin({k} * log(N)) ** 2 * logistic(log(D) - {20 + k})" for k in range(1, 13))
law = iso.Law("E + A / N**alpha + B / D**beta + 0.01 * (" + waves + ")")
table["loss"] = (1.8 + 480 / table["N"]**0.35 + 2000 / table["D"]**0.37) * np.exp(0.05 * rng.standard_normal(n))
start = {"E": 1.8, "A": 480.0, "alpha": 0.35, "B": 2000.0, "beta": 0.37, **{f"w{k}": 0.01 for k in range(1, 13)}}
"""
SLOW_FIT = """
import warnings
warnings.simplefilter("ignore")
few = {name: values[:400] for name, values in table.items()}
short = iso.fit(few, law, starts=[start])
from dataclasses import replace
problem = replace(short.problem, table={
    "columns": {"N": table["N"], "D": table["D"]}, "factors": {}, "response": table["loss"], "weights": np.ones(n)})
from isoflop._engine import Job
long = Job(problem, short.theta, short.delta, "rows", None, 0)
leave_out = replace(long, scheme="jackknife")
"""
JOBS = {
    "bootstrap-cheap": (CHEAP, "fit.bootstrap(50_000_000, scheme='rows')"),
    "bootstrap-cheap-threads": (CHEAP, "fit.bootstrap(50_000_000, scheme='rows', n_threads=5)"),
    "bootstrap-progress": (CHEAP, "fit.bootstrap(50_000_000, scheme='rows', progress=lambda done: None)"),
    "bootstrap-slow": (SLOW + SLOW_FIT, "_engine.bootstrap_chunk(long, 0, 100_000, 2)"),
    "fit-slow": (SLOW, "iso.fit(table, law, starts=2_000)"),
    "fit-slow-default-starts": (SLOW, "iso.fit(table, law)"),
    "fit-slow-quantile": (SLOW, "iso.fit(table, law, quantile=0.1)"),
    "fit-slow-auto": (SLOW, "iso.fit(table, law, delta='auto')"),
    "fit-many-starts": (CHEAP + "starts = np.abs(np.random.RandomState(0).standard_normal((2_000_000, 3)))",
                        "_engine.fit(fit.problem, starts, 0, 0, True)"),
    "jackknife-slow": (SLOW + SLOW_FIT, "_engine.bootstrap_chunk(leave_out, 0, 100_000, 2)"),
    "band": (CHEAP + "boot = fit.bootstrap(2_000, scheme='bayesian')",
             "boot.band(X=np.geomspace(1, 1e5, 5_000_000))"),
    "predict-draws": (CHEAP + "draws = np.repeat(fit.theta[None], 1_000_000, 0)",
                      "while True: _engine.predict_draws(fit.law.spec, draws, {'X': np.geomspace(1, 9, 100)}, {}, 1)"),
    "executor": (CHEAP + "from concurrent.futures import ThreadPoolExecutor",
                 "with ThreadPoolExecutor(2) as pool: fit.bootstrap(2_000_000, scheme='rows', executor=pool)"),
}  # fmt: skip
#: With an executor the chunks in work end first: another process cannot be told to stop.
SLACK = {"executor": 10.0}


@pytest.mark.parametrize("name", JOBS)
def test_ctrl_c(name):
    setup, job = JOBS[name]
    # Half a second is the promise on an idle machine; a busy one gets more, and a job that does not listen none.
    limit = SLACK.get(name, 3.0)
    for _ in range(2):  # on a busy machine the clock may run out once; a job that does not listen is late every time
        out = json.loads(run_python(SCRIPT.format(setup=setup, job=job, wait=0.4), timeout=50).splitlines()[-1])
        assert not out["finished"], "the job was too short to be interrupted"
        assert out["caught"] == 1
        assert out["next"]
        if out["late"] < limit:
            break
    assert out["late"] < limit


def test_an_error_of_the_progress_callback_comes_through():
    code = (
        CHEAP
        + """
def stop(done):
    raise LookupError("enough")
try:
    fit.bootstrap(50_000_000, scheme="rows", progress=stop)
except LookupError as error:
    print("caught", error)
print(fit.bootstrap(100, scheme="rows").draws.shape)
"""
    )
    assert run_python("import numpy as np\nimport isoflop as iso\n" + code).split() == [
        "caught",
        "enough",
        "(100,",
        "3)",
    ]
