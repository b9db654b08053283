"""The share of Reference.score that is not the library's own work: python benches/overhead.py [rows] [columns] [queries] [calls]

The library times its stages itself, one after the other and without a gap; what the call takes beyond their sum is Python's:
arrays in, threads started, the summary as text. Writing the table of answers is a stage of the library, and counted here as
Python's. Other programs on the machine can only add to either, so of many calls the least of each is compared too; ends with 1
where that is 5 % or more.
"""

import sys
import time
import warnings

import numpy as np

import hullscope as hs

LIMIT = 0.05

n, d, m, calls = (int(text) for text in (sys.argv[1:] + ["1000", "784", "1000", "15"][len(sys.argv) - 1 :]))
warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
X, Q = rng.normal(size=(n, d)).astype(np.float32), rng.normal(size=(m, d)).astype(np.float32)


def measured(ref, threads):
    """Seconds of one call, and those beyond the library's work."""
    started = time.perf_counter()
    res = ref.score(Q, threads=threads)
    whole = time.perf_counter() - started
    stages = res.summary["seconds"]
    return whole, whole - sum(stages.values()) + stages["write"]


over = False
print(f"{m} queries against {n} x {d} float32, {calls} calls each")
for notions in ("hull", "hull,range,ball"):
    ref = hs.Reference.fit(X, notions=notions)
    for threads in (1, None):
        measured(ref, threads)
        whole, beyond = np.array([measured(ref, threads) for _ in range(calls)]).T
        share = beyond.min() / whole.min()
        over |= bool(share >= LIMIT)
        print(
            f"  {notions:16} {threads or 'all':>3} threads: call {1e3 * np.median(whole):7.1f} ms, least {1e3 * whole.min():7.1f};"
            f" not the library's {1e3 * np.median(beyond):6.2f} ms, least {1e3 * beyond.min():6.2f}: {100 * share:.2f} %"
        )
sys.exit(over)
