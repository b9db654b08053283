"""How long one query takes that comes alone: python benches/one_query.py [queries]

Verdict and nearest row of each query by a call of its own, against MNIST (HULLSCOPE_DATA) or as many Gaussian rows, which one
direction settles. After each half of the queries NumPy multiplies the same rows in float32 with as many vectors, one by one, which
reads four times the bytes of the eight-bit copy that hullscope scans; the ratio of both medians is printed. (Not in turn: the
library's threads wait busily for a moment after each product.)
"""

import gzip
import os
import sys
import time
import warnings

import numpy as np

import hullscope as hs

count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
warnings.simplefilter("ignore")


def images(name):
    with gzip.open(os.path.join(os.environ["HULLSCOPE_DATA"], "mnist", name)) as file:
        return np.frombuffer(file.read(), dtype=np.uint8, offset=16).reshape(-1, 784)


if os.environ.get("HULLSCOPE_DATA"):
    X, Q = images("train-images-idx3-ubyte.gz"), images("t10k-images-idx3-ubyte.gz")
else:
    rng = np.random.default_rng(0)
    X, Q = (np.clip(rng.normal(128, 40, size=(n, 784)), 0, 255).astype(np.uint8) for n in (60_000, 1_000))

ref = hs.Reference.fit(X, notions="hull")
wide = X.astype(np.float32)
vector = Q[0].astype(np.float32)
# The first calls use float32 and make the eight-bit copy.
for row in Q[:10]:
    ref.score(row[None])

alone, product, settled = [], [], 0
for half in np.array_split(Q[10 : 10 + count], 2):
    for row in half:
        started = time.perf_counter()
        res = ref.score(row[None])
        alone.append(time.perf_counter() - started)
        settled += res.summary["hull"]["scans_per_query"] == 1
    for _ in half:
        started = time.perf_counter()
        wide @ vector
        product.append(time.perf_counter() - started)
    time.sleep(1)

alone, product = 1e3 * np.array(alone), 1e3 * np.array(product)
print(f"{len(X):,} x {X.shape[1]} uint8, {len(alone)} queries, {settled} of them settled by one direction")
print(f"a query alone           median {np.median(alone):6.2f} ms, least {alone.min():6.2f} ms")
print(f"float32 rows @ vector   median {np.median(product):6.2f} ms, least {product.min():6.2f} ms")
print(f"ratio of the medians    {np.median(alone) / np.median(product):.2f}")
