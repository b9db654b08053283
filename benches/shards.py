"""Bytes to and from shards, by question: python benches/shards.py [rows] [columns] [shards] [queries]

The shards are in this process, asked as actors would be; what is counted are the messages, without the cluster's own heads.
"""

import collections
import sys

import numpy as np

import hullscope as hs
from hullscope import _core
from hullscope._reference import _asked

n, d, count, m = (int(text) for text in (sys.argv[1:] + ["20000", "768", "4", "1000"][len(sys.argv) - 1 :]))
rng = np.random.default_rng(0)
mixing = rng.normal(size=(64, d)).astype(np.float32)
X = rng.normal(size=(n, 64)).astype(np.float32) @ mixing + rng.normal(size=(n, d)).astype(np.float32)
Q = rng.normal(size=(m, 64)).astype(np.float32) @ mixing + rng.normal(size=(m, d)).astype(np.float32)
shards = [_core.Shard(np.ascontiguousarray(part), threads=None) for part in np.array_split(X, count)]
sent, received, times = (collections.Counter() for _ in range(3))


def ask(what, questions):
    answers = []
    for shard, question in questions:
        answers.append(shards[shard].answer(what, question, threads=None))
        times[what] += 1
        sent[what] += len(question)
        received[what] += len(answers[-1])
    return lambda: answers


def told(stage, directions=None):
    print(f"{stage}: {n} x {d} float32 in {count} shards" + (f", {m} queries" if directions else ""))
    for what in sorted(times):
        print(f"  {what:8} asked {times[what]:6} times, {sent[what]:12} bytes out, {received[what]:12} bytes back")
    if directions:
        scan = sent["scan"] + received["scan"]
        print(f"  directions {directions}; a direction and shard: {sent['scan'] / directions / count:.0f} bytes out, "
              f"{received['scan'] / directions / count:.0f} back; rows fetched a direction: {received['fetch'] / directions:.0f} bytes; "
              f"in all {(scan + sent['fetch'] + received['fetch'] + sent['judge'] + received['judge']) / directions:.0f}")
    for counter in (sent, received, times):
        counter.clear()


about = [shard.about() for shard in shards]
asked = _asked(neighbours=1, notions=["hull", "range", "ball"])
fitted = _core.fit_shards([one[0] for one in about], tuple(about[0][1:]), ask, asked, threads=None, progress=None)
told("fit")
many = hs.Reference(fitted).score(Q)
told("score", sum(many.summary["directions"].values()))
print("  each query:", {key: many.summary[key] for key in ("directions",)})
one = hs.Reference.fit(X).score(Q)
for name in one.columns:
    np.testing.assert_array_equal(np.asarray(many[name]), np.asarray(one[name]), err_msg=name)
print("every column is that of one machine, to the last bit")
