"""Networks run by tract, by ONNX Runtime inside hullscope, and by ONNX Runtime alone.

Run by hand; see README.md. Exports ResNet-18 with random weights, makes seeded images, and times `hullscope embed` on
MANY and on FEW of them: the difference is the time of MANY - FEW images, without reading, loading and the trial.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy
import onnxruntime
import torch
import torchvision

FEW, MANY, REPEATS = 8, 72, 3
SIDE = 224


def export(path):
    torch.manual_seed(0)
    network = torchvision.models.resnet18(weights=None).eval()
    torch.onnx.export(
        network,
        torch.zeros(2, 3, SIDE, SIDE),
        path,
        dynamo=False,
        input_names=["x"],
        output_names=["y"],
        dynamic_axes={"x": {0: "n"}, "y": {0: "n"}},
    )


def embed(binary, folder, count, *options):
    """Seconds of one run, and what it made of the images."""
    out = folder / "out"
    words = [binary, "embed", folder / "images.npy", "--space", f"onnx:{folder / 'resnet18.onnx'},mean=0,std=1"]
    words += ["--limit-reference", count, "-o", out, "--quiet", *options]
    start = time.perf_counter()
    subprocess.run([str(word) for word in words], check=True)
    return time.perf_counter() - start, numpy.load(out / "images.npy")


def alone(path, images, threads, batch):
    """The same in Python: seconds of MANY - FEW images, and all rows."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    inputs = (images.transpose(0, 3, 1, 2) / 255).astype(numpy.float32)

    def run(count):
        parts = [session.run(None, {"x": inputs[i : i + batch]})[0] for i in range(0, count, batch)]
        return numpy.concatenate(parts)

    run(FEW)
    start = time.perf_counter()
    run(MANY - FEW)
    return time.perf_counter() - start, run(MANY)


def library():
    return next(pathlib.Path(onnxruntime.__file__).parent.glob("capi/libonnxruntime.so*"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", default="target/release/hullscope")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    random = numpy.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        images = random.integers(0, 256, (MANY, SIDE, SIDE, 3), dtype=numpy.uint8)
        numpy.save(folder / "images.npy", images)
        export(folder / "resnet18.onnx")
        threads = ["--threads", arguments.threads]
        engines = {"tract": threads, "ONNX Runtime in hullscope": [*threads, "--onnx-runtime", library()]}
        seconds = {name: [] for name in [*engines, "ONNX Runtime alone"]}
        rows = {}
        for _ in range(REPEATS):
            for name, options in engines.items():
                few, _ = embed(arguments.binary, folder, FEW, *options)
                many, rows[name] = embed(arguments.binary, folder, MANY, *options)
                seconds[name].append(many - few)
            took, rows["ONNX Runtime alone"] = alone(folder / "resnet18.onnx", images, arguments.threads, 8)
            seconds["ONNX Runtime alone"].append(took)
    expected = rows["ONNX Runtime alone"]
    medians = {name: statistics.median(each) / (MANY - FEW) for name, each in seconds.items()}
    print("| ResNet-18, 224 x 224 | ms an image | tract / it | largest difference |\n|--|--|--|--|")
    for name, each in medians.items():
        off = abs(rows[name] - expected).max() / abs(expected).max()
        print(f"| {name} | {1e3 * each:.1f} | {medians['tract'] / each:.2f} | {off:.0e} |")
        assert off < 1e-4, "the engines must agree"
    print(json.dumps(dict(threads=arguments.threads, seconds=seconds)), file=sys.stderr)


main()
