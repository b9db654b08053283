"""hullscope beside its peers: faiss for neighbours, two LP methods and Wolfe's method for hull verdicts.

Run by hand; see README.md. Writes seeded arrays as .npy, runs the release binary and the peers on them with the same
number of threads, and prints a Markdown table and JSON. Each line has a time budget, so that the whole run ends within
about ten minutes; what a method did not get to is said.
"""

import argparse
import json
import multiprocessing
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
REPEATS = 3
NEIGHBOURS = 10
SEARCH_SHAPES = [(200_000, 128), (200_000, 512)]
SEARCH_QUERIES = 2_000
HULL_SHAPES = [(10_000, 32), (10_000, 128), (60_000, 128)]
HULL_BATCH = 1_000
KINDS = ["far", "boundary", "inside"]
MARGIN = 0.01
FAR = 3.0
DEFAULT_METHODS = "linprog,highs,wolfe"
SAMPLES = {"linprog": 3, "highs": 20, "wolfe": 20, "wolfe_plain": 20}
# Seconds of one line; no query starts after them.
BUDGET = {"linprog": 8.0, "highs": 10.0, "wolfe": 5.0, "wolfe_plain": 8.0}
LIMIT = 30.0  # seconds of one query, where a peer can be told (linprog)
BISECTION_BUDGET = 75.0  # seconds of one reference set
BISECTION_STEPS = 8
GAUGE_RAYS = 8
F32_SWAP = 1e-5  # relative difference of squared distances that float32 arithmetic can hide


def set_threads(count):
    """Threads of a BLAS that is loaded after this."""
    for name in BLAS_THREADS:
        os.environ[name] = str(count)


# hullscope ------------------------------------------------------------------------------------------------------


class Hullscope:
    """The binary under test."""

    def __init__(self, binary, threads, folder):
        self.binary, self.threads, self.folder = binary.resolve(), threads, folder

    def analyze(self, reference, queries, *options):
        """One run: (summary, table of answers)."""
        import pyarrow.parquet

        summary, answers = self.folder / "summary.json", self.folder / "answers.parquet"
        command = [self.binary, "analyze", reference, queries, "-o", answers, "--json", summary, "--quiet"]
        command += ["--threads", self.threads, *options]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, command))}: exit {done.returncode}: {done.stderr.strip()[-500:]}")
        return json.loads(summary.read_text()), pyarrow.parquet.read_table(answers)

    def verdicts(self, reference, queries):
        summary, table = self.analyze(reference, queries, "--neighbours", 0)
        return summary, [str(verdict) for verdict in table["verdict"].to_pylist()]


def stage(summary, *names):
    """Seconds of some stages of a run, absent ones counting nothing."""
    return sum(float(summary["seconds"].get(name, 0.0)) for name in names)


# Neighbours -----------------------------------------------------------------------------------------------------


def search(hullscope, threads, folder):
    """Exact nearest neighbours against faiss's flat index, run in turn."""
    import faiss
    import numpy as np

    faiss.omp_set_num_threads(threads)
    lines = []
    for n, d in SEARCH_SHAPES:
        random = np.random.default_rng([1, n, d])
        rows = random.standard_normal((n, d), dtype=np.float32)
        queries = random.standard_normal((SEARCH_QUERIES, d), dtype=np.float32)
        np.save(folder / "rows.npy", rows)
        np.save(folder / "queries.npy", queries)
        seconds = {"faiss": [], "faiss_add": [], "hullscope": [], "hullscope_prepare": []}
        ours = None
        for repeat in range(REPEATS + 1):
            started = time.perf_counter()
            index = faiss.IndexFlatL2(d)
            index.add(rows)
            added = time.perf_counter()
            _, theirs = index.search(queries, NEIGHBOURS)
            ended = time.perf_counter()
            if hullscope:
                summary, table = hullscope.analyze(
                    folder / "rows.npy", folder / "queries.npy", "--neighbours", NEIGHBOURS, "--no-hull"
                )
                ours = np.array(table["neighbour_rows"].to_pylist(), dtype=np.int64)
            if repeat == 0:
                continue  # a warm-up
            seconds["faiss_add"].append(added - started)
            seconds["faiss"].append(ended - added)
            if hullscope:
                seconds["hullscope"].append(stage(summary, "neighbours"))
                seconds["hullscope_prepare"].append(stage(summary, "survey"))
        line = {"rows": n, "dim": d, "queries": SEARCH_QUERIES, "k": NEIGHBOURS}
        line |= {name + "_seconds": statistics.median(all_) for name, all_ in seconds.items() if all_}
        gflop = 2e-9 * n * d * SEARCH_QUERIES
        line["faiss_gflops"] = gflop / line["faiss_seconds"]
        if ours is not None:
            line["hullscope_gflops"] = gflop / line["hullscope_seconds"]
            line["ratio"] = line["faiss_seconds"] / line["hullscope_seconds"]
            whole = [line[name + "_seconds"] for name in ("faiss", "faiss_add", "hullscope", "hullscope_prepare")]
            line["ratio_with_preparation"] = (whole[0] + whole[1]) / (whole[2] + whole[3])
            line |= compare_neighbours(rows, queries, ours, theirs)
        lines.append(line)
        print(json.dumps(line), file=sys.stderr, flush=True)
    return lines


def compare_neighbours(rows, queries, ours, theirs):
    """Count places where the two differ, by what exact distances (float64, from the differences) say of them."""
    import numpy as np

    counts = {"places": int(ours.size), "identical": int((ours == theirs).sum()), "exact_ties": 0}
    counts |= {"within_f32_rounding": 0, "of_these_hullscope_nearer": 0, "different": 0}
    for query, place in zip(*np.nonzero(ours != theirs)):
        point = queries[query].astype(np.float64)
        mine, other = (
            float(np.sum((rows[found[query, place]].astype(np.float64) - point) ** 2)) for found in (ours, theirs)
        )
        if mine == other:
            counts["exact_ties"] += 1
        elif abs(mine - other) <= F32_SWAP * max(mine, other):
            counts["within_f32_rounding"] += 1
            counts["of_these_hullscope_nearer"] += mine < other
        else:
            counts["different"] += 1
    counts["of_these_hullscope_nearer"] = int(counts["of_these_hullscope_nearer"])
    return counts


# Hull verdicts: the peers, one process a core, each with a single-threaded BLAS --------------------------------------

_REFERENCE = None


def _begin(path):
    global _REFERENCE
    import numpy as np
    import solvers

    _REFERENCE = solvers.Reference(np.load(path))


def _peer(task):
    """Ask one peer about some queries until its time is up: [(query, verdict, wall seconds, CPU seconds)]."""
    import solvers

    name, numbers, queries, budget = task
    solver = solvers.SOLVERS[name](_REFERENCE)
    answers, ends = [], time.perf_counter() + budget
    for number, query in zip(numbers, queries):
        started, cpu = time.perf_counter(), time.process_time()
        if answers and started >= ends:
            break
        try:
            verdict = solver.verdict(query, seconds=LIMIT)
        except RuntimeError as error:
            verdict = f"undecided: {error}"
        answers.append((int(number), verdict, time.perf_counter() - started, time.process_time() - cpu))
    return answers


def _gauge(query):
    import solvers

    return solvers.ColumnGeneration(_REFERENCE).gauge(query)


def one_product(rows, queries):
    """The floor of any method: (seconds, share settled) of one float64 product with w = q - mean for all queries."""
    import numpy as np

    rows, queries = rows.astype(np.float64), queries.astype(np.float64)
    rows, queries = rows - rows.mean(axis=0), queries - rows.mean(axis=0)
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        highest = np.full(len(queries), -np.inf)
        for first in range(0, len(rows), 4096):
            np.maximum(highest, (rows[first : first + 4096] @ queries.T).max(axis=0), out=highest)
        settled = np.einsum("ij,ij->i", queries, queries) > highest
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds), float(settled.mean())


def save_queries(folder, points):
    import numpy as np

    np.save(folder / "queries.npy", points.astype(np.float32))
    return np.load(folder / "queries.npy")


def boundary(hullscope, pool, folder, mean, rays, wanted):
    """Points 1 % inside and 1 % outside of where rays from the mean leave the hull, in turn.

    With hullscope, by bisection with its verdicts, all rays at once, from a bracket that the gauge of a few rays
    suggests; without, by the LP gauge of the rays. Returns points, labels and the relative half-width of the bracket.
    """
    import numpy as np

    sides = np.where(np.arange(len(rays)) % 2 == 0, 1.0 - MARGIN, 1.0 + MARGIN)
    labels = np.where(sides < 1.0, "inside", "outside")
    few = wanted if hullscope is None else GAUGE_RAYS
    gauges = np.array(pool.map(_gauge, list(mean + rays[:few]), chunksize=1))
    if hullscope is None:
        return mean + rays[:few] / gauges[:, None] * sides[:few, None], labels[:few], 5e-4
    low = np.full(len(rays), 0.7 / gauges.max())
    high = np.full(len(rays), 1.45 / gauges.min())
    ends = time.perf_counter() + BISECTION_BUDGET
    inside_seen = np.zeros(len(rays), dtype=bool)
    outside_seen = np.zeros(len(rays), dtype=bool)
    for step in range(BISECTION_STEPS):
        middle = np.sqrt(low * high)
        save_queries(folder, mean + rays * middle[:, None])
        inside = np.array(hullscope.verdicts(folder / "rows.npy", folder / "queries.npy")[1]) == "inside"
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
        inside_seen, outside_seen = inside_seen | inside, outside_seen | ~inside
        if time.perf_counter() > ends:
            break
    both = inside_seen & outside_seen
    at = np.sqrt(low * high)
    width = float(np.max(high[both] / low[both]) - 1.0) / 2.0 if both.any() else float("nan")
    return (mean + rays * (at * sides)[:, None])[both], labels[both], width


def hull(hullscope, threads, folder, methods):
    """Hull verdicts a query, each reference set with three kinds of queries."""
    import numpy as np

    lines = []
    for n, d in HULL_SHAPES:
        random = np.random.default_rng([2, n, d])
        rows = random.standard_normal((n, d), dtype=np.float32)
        np.save(folder / "rows.npy", rows)
        mean = rows.mean(axis=0, dtype=np.float64)
        fresh = random.standard_normal((HULL_BATCH, d))
        mixed = [random.dirichlet(np.ones(2 * d)) @ rows[random.choice(n, 2 * d, replace=False)] for _ in fresh]
        set_threads(1)
        with multiprocessing.get_context("spawn").Pool(threads, _begin, (folder / "rows.npy",)) as pool:
            for kind in KINDS:
                width = 0.0
                if kind == "far":
                    points, labels = FAR * fresh, ["outside"] * HULL_BATCH
                elif kind == "inside":
                    points, labels = np.array(mixed), ["inside"] * HULL_BATCH
                else:
                    wanted = max(SAMPLES.values())
                    points, labels, width = boundary(hullscope, pool, folder, mean, fresh, wanted)
                points = save_queries(folder, points)
                line = {"rows": n, "dim": d, "kind": kind, "batch": len(points), "bracket": width}
                lines.append(line | verdicts(hullscope, pool, threads, folder, rows, points, labels, methods))
                print(json.dumps(lines[-1]), file=sys.stderr, flush=True)
    return lines


def verdicts(hullscope, pool, threads, folder, rows, points, labels, methods):
    """One line: every method on the same queries."""
    import numpy as np

    line, ours, runs = {"peers": {}}, None, []
    if hullscope:
        try:
            runs = [hullscope.verdicts(folder / "rows.npy", folder / "queries.npy") for _ in range(REPEATS + 1)][1:]
        except RuntimeError as error:
            line["hullscope_error"] = str(error)
    if runs:
        ours = runs[0][1]
        hull_seconds = statistics.median(stage(summary, "hull") for summary, _ in runs)
        preparing = statistics.median(stage(summary, "survey", "whiten") for summary, _ in runs)
        line["hullscope_seconds_per_query"] = hull_seconds / len(points)
        line["hullscope_preparation_seconds"] = preparing
        line["scans_per_query"] = runs[0][0]["hull"]["scans_per_query"]
        line["hullscope_counts"] = {verdict: ours.count(verdict) for verdict in ("inside", "outside", "undecided")}
        line["hullscope_as_built"] = sum(a == b for a, b in zip(ours, labels))
    for name in methods:
        # Evenly through the batch; an odd step takes both sides of the boundary.
        step = max(1, len(points) // SAMPLES[name]) | 1
        chosen = np.arange(0, len(points), step)[: SAMPLES[name]]
        parts = np.array_split(chosen, threads)
        tasks = [(name, part, points[part], BUDGET[name]) for part in parts if len(part)]
        answers = [answer for part in pool.map(_peer, tasks, chunksize=1) for answer in part]
        seconds = [answer[2] for answer in answers]
        peer = {"queries": len(answers), "seconds_per_query": statistics.mean(seconds) / len(tasks)}
        peer["core_seconds_per_query"] = statistics.mean(seconds)
        peer["core_cpu_seconds_per_query"] = statistics.mean(answer[3] for answer in answers)
        peer["core_seconds_least"] = min(seconds)
        decided = [answer[:2] for answer in answers if answer[1] in ("inside", "outside")]
        peer["undecided"] = len(answers) - len(decided)
        peer["as_built"] = sum(labels[number] == verdict for number, verdict in decided)
        if ours:
            peer["as_hullscope"] = sum(ours[number] == verdict for number, verdict in decided)
        line["peers"][name] = peer
    seconds, settled = one_product(rows, points)
    line["one_product"] = {"seconds_per_query": seconds / len(points), "settled": settled}
    if line["peers"]:
        best = min(line["peers"], key=lambda name: line["peers"][name]["seconds_per_query"])
        line["best_peer"] = best
        if ours:
            per_query, preparing = line["hullscope_seconds_per_query"], line["hullscope_preparation_seconds"]
            theirs = line["peers"][best]["seconds_per_query"]
            line["ratio"] = theirs / per_query
            line["ratio_with_preparation"] = theirs / (per_query + preparing / len(points))
    return line


# Report ---------------------------------------------------------------------------------------------------------


def milliseconds(seconds):
    return "-" if seconds is None else f"{1e3 * seconds:.3g} ms"


def number(value, form=".1f"):
    return "-" if value is None else format(value, form)


def markdown(result):
    """The tables a reader wants."""
    lines = [f"{result['machine']}, {result['threads']} threads; {result['versions']}", ""]
    if result["neighbours"]:
        lines += ["Exact 10 nearest neighbours, 2,000 queries (medians of 3):", ""]
        lines += ["| reference | faiss | hullscope | ratio | with preparation | identical | exact ties "
                  "| within f32 rounding (hullscope nearer) | different |", "|--|--|--|--|--|--|--|--|--|"]
        for x in result["neighbours"]:
            ours = x.get("hullscope_seconds")
            close = f"{x.get('within_f32_rounding', '-')} ({x.get('of_these_hullscope_nearer', '-')})"
            lines.append(
                f"| {x['rows']:,} x {x['dim']} | {x['faiss_seconds']:.3f} s, {x['faiss_gflops']:.0f} GFLOP/s "
                f"| {number(ours, '.3f')} s, {number(x.get('hullscope_gflops'), '.0f')} GFLOP/s "
                f"| {number(x.get('ratio'), '.2f')} | {number(x.get('ratio_with_preparation'), '.2f')} "
                f"| {x.get('identical', '-')} of {x.get('places', '-')} | {x.get('exact_ties', '-')} | {close} "
                f"| {x.get('different', '-')} |"
            )
        lines.append("")
    if result["hull"]:
        lines += ["Hull verdicts, time per query (peers: all cores at work, one query a core):", ""]
        names = result["methods"]
        lines += ["| reference | queries | hullscope | " + " | ".join(names) + " | best / hullscope | with preparation "
                  "| one product (settles) | verdicts as hullscope |", "|--" * (7 + len(names)) + "|"]
        for x in result["hull"]:
            shown = [x["peers"][name] for name in names]
            peers = [("> " if p["undecided"] else "") + milliseconds(p["seconds_per_query"]) for p in shown]
            same = sum(peer.get("as_hullscope", 0) for peer in x["peers"].values())
            asked = sum(peer["queries"] - peer["undecided"] for peer in x["peers"].values())
            single = x["one_product"]
            lines.append(
                f"| {x['rows']:,} x {x['dim']} | {x['kind']} | {milliseconds(x.get('hullscope_seconds_per_query'))} | "
                + " | ".join(peers)
                + f" | {number(x.get('ratio'))} | {number(x.get('ratio_with_preparation'))} "
                f"| {milliseconds(single['seconds_per_query'])} ({100 * single['settled']:.0f} %) "
                f"| {same if 'ratio' in x else '-'} of {asked} |"
            )
    return "\n".join(lines)


def versions():
    from importlib.metadata import version

    return ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "highspy", "faiss-cpu"))


def arguments():
    root = pathlib.Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=pathlib.Path, default=root / "target/release/hullscope")
    parser.add_argument("--peers-only", action="store_true", help="time the peers alone")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity")
                        else os.cpu_count())
    parser.add_argument("--only", choices=["neighbours", "hull"], help="one of the two comparisons")
    parser.add_argument("--methods", default=DEFAULT_METHODS, help=f"hull peers, of {','.join(SAMPLES)}")
    parser.add_argument("--json", type=pathlib.Path, help="write all figures here")
    return parser.parse_args()


def main():
    options = arguments()
    set_threads(options.threads)
    if not options.peers_only and not options.binary.is_file():
        sys.exit(f"{options.binary} does not exist: run `cargo build --release` first, or give --peers-only")
    methods = [name for name in options.methods.split(",") if name]
    if unknown := set(methods) - set(SAMPLES):
        sys.exit(f"unknown methods {', '.join(sorted(unknown))}; there are {', '.join(SAMPLES)}")
    result = {"machine": f"{platform.machine()} {platform.system()}", "threads": options.threads}
    result |= {"versions": versions(), "methods": methods, "neighbours": [], "hull": []}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        hullscope = None if options.peers_only else Hullscope(options.binary, options.threads, folder)
        started = time.perf_counter()
        if options.only != "hull":
            result["neighbours"] = search(hullscope, options.threads, folder)
        if options.only != "neighbours":
            result["hull"] = hull(hullscope, options.threads, folder, methods)
        result["total_seconds"] = time.perf_counter() - started
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    print(markdown(result))


if __name__ == "__main__":
    main()
