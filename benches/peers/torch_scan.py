"""The same exact searches in PyTorch, on the same card: what `hullscope bench` is compared with.

    python3 torch_scan.py [--json FILE] [--repeats R] NxDxBxK ..

For each shape (N reference rows, d columns, B queries, k best) and each way, the median of CUDA-event times after a
warm-up, with everything resident:

    support f32, f16   topk(W X^T)                     what a support scan answers
    nearest f32, f16   topk(W X^T - |x|^2 / 2)         what a nearest scan answers
    cdist f32          topk(-cdist(W, X))              as one writes it first

TF32 is off, so that f32 is f32. Queries are taken in parts, so that the scores of a part fit 8 GiB. Nothing here
proves its answers; `same_rows` says for how many of 64 queries the k rows are those of f64. Without a CUDA device
the exit code is 3.
"""

import argparse
import json
import statistics
import sys

import torch

SCORES = 8 << 30
CHECKED = 64


def parts(queries, rows, width):
    """Slices of the queries whose scores fit."""
    step = max(1, min(queries, SCORES // (rows * width)))
    return [slice(first, min(first + step, queries)) for first in range(0, queries, step)]


def support(x, bias, w, k):
    return torch.topk(w @ x.T, k, dim=1).indices


def nearest(x, bias, w, k):
    return torch.topk(torch.addmm(bias, w, x.T), k, dim=1).indices


def distance(x, bias, w, k):
    return torch.topk(torch.cdist(w, x), k, dim=1, largest=False).indices


WAYS = [
    ("support_f32", support, torch.float32),
    ("support_f16", support, torch.float16),
    ("nearest_f32", nearest, torch.float32),
    ("nearest_f16", nearest, torch.float16),
    ("cdist_f32", distance, torch.float32),
]


def truth(x, w, k, way):
    """The k rows of the first queries, in f64, in parts of the reference."""
    w = w[:CHECKED].double()
    best, rows = None, None
    for first in range(0, len(x), 100_000):
        part = x[first : first + 100_000].double()
        scores = w @ part.T
        if way is not support:
            scores -= 0.5 * (part * part).sum(1)
        found = torch.topk(scores, min(k, len(part)), dim=1)
        values, places = found.values, found.indices + first
        if best is not None:
            values, places = torch.cat([best, values], 1), torch.cat([rows, places], 1)
        best, order = torch.topk(values, min(k, values.shape[1]), dim=1)
        rows = places.gather(1, order)
    return rows


def measure(way, x, bias, w, k, repeats):
    """Seconds of each repeat, and the first rows found."""
    slices = parts(len(w), len(x), x.element_size())
    seconds = []
    for repeat in range(repeats + 1):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        found = [way(x, bias, w[part], k) for part in slices]
        end.record()
        torch.cuda.synchronize()
        if repeat:
            seconds.append(begin.elapsed_time(end) * 1e-3)
    return seconds, torch.cat(found)[:CHECKED]


def shape_figures(text, repeats):
    n, d, b, k = (int(part) for part in text.split("x"))
    torch.manual_seed(0)
    x, w = (torch.randn(count, d, device="cuda") for count in (n, b))
    figures = {"rows": n, "dim": d, "queries": b, "k": k}
    for name, way, kind in WAYS:
        torch.cuda.empty_cache()
        try:
            xs, ws = x.to(kind), w.to(kind)
            bias = (-0.5 * (x * x).sum(1)).to(kind)
            seconds, found = measure(way, xs, bias, ws, k, repeats)
        except torch.cuda.OutOfMemoryError as error:
            figures[name] = {"error": str(error).splitlines()[0]}
            continue
        exact = truth(x, w, k, way)
        same = (found.sort(1).values == exact.sort(1).values).all(1).sum().item()
        median = statistics.median(seconds)
        figures[name] = {
            "median_seconds": median,
            "least_seconds": min(seconds),
            "most_seconds": max(seconds),
            "repeats": len(seconds),
            "gflop_per_second": 2e-9 * n * d * b / median,
            "same_rows": same,
            "checked_queries": len(found),
        }
        print(f"{text} {name}: {median:.4f} s, {figures[name]['gflop_per_second']:.0f} GFLOP/s, {same} of {len(found)} as in f64")
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", help="write all figures here")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("shapes", nargs="+", metavar="NxDxBxK")
    words = parser.parse_args()
    if not torch.cuda.is_available():
        print("torch finds no CUDA device", file=sys.stderr)
        return 3
    torch.backends.cuda.matmul.allow_tf32 = False
    result = {
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "device": torch.cuda.get_device_name(),
        "shapes": [shape_figures(shape, words.repeats) for shape in words.shapes],
    }
    if words.json:
        with open(words.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
