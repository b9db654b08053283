"""Networks run by tract, by ONNX Runtime inside hullscope, and by ONNX Runtime alone.

Run by hand; see README.md. Exports networks of full size with random weights, makes seeded images, and times `hullscope
embed` on MANY and on FEW of them: the difference is the time of MANY - FEW images, without reading, loading and the trial.
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
import timm
import torch
import torchvision
import transformers

FEW, MANY, REPEATS = 8, 32, 3
SIDE = 224
KINDS = {"tensor(float)": numpy.float32, "tensor(float16)": numpy.float16}
# What rows may differ by, as a share of the largest number.
CLOSE, CLOSE_HALF = 1e-4, 2e-2


def transformer():
    """The image side of a transformer of transformers, without its wrapper of outputs."""
    network = transformers.ViTModel(transformers.ViTConfig(num_hidden_layers=6), add_pooling_layer=False)

    class Tokens(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = network

        def forward(self, x):
            return self.network(pixel_values=x).last_hidden_state[:, 0]

    return Tokens()


# Name, what makes it, whether by torch's newer exporter.
NETWORKS = {
    "ResNet-18 (torchvision)": (lambda: torchvision.models.resnet18(weights=None), False),
    "ResNet-18 in f16": (lambda: torchvision.models.resnet18(weights=None).half(), False),
    "EfficientNet-B0 (torchvision)": (lambda: torchvision.models.efficientnet_b0(weights=None), True),
    "Swin-T (torchvision)": (lambda: torchvision.models.swin_t(weights=None), True),
    "ViT-S/16 (timm)": (lambda: timm.create_model("vit_small_patch16_224", pretrained=False), True),
    "ViT-B/16 of 6 layers (transformers)": (transformer, True),
}


def export(make, dynamo, path):
    torch.manual_seed(0)
    network = make().eval()
    example = torch.zeros(2, 3, SIDE, SIDE, dtype=next(network.parameters()).dtype)
    if dynamo:
        batch = ({0: torch.export.Dim("n")},)
        torch.onnx.export(network, (example,), path, dynamo=True, dynamic_shapes=batch, verbose=False)
    else:
        axes = {"x": {0: "n"}, "y": {0: "n"}}
        names = dict(input_names=["x"], output_names=["y"], dynamic_axes=axes)
        torch.onnx.export(network, example, path, dynamo=False, **names)


def embed(binary, network, images, count, *options):
    """Seconds of one run, and what it made of the images."""
    out = network.parent / "out"
    words = [binary, "embed", images, "--space", f"onnx:{network},mean=0,std=1"]
    words += ["--limit-reference", count, "-o", out, "--quiet", *options]
    start = time.perf_counter()
    subprocess.run([str(word) for word in words], check=True)
    return time.perf_counter() - start, numpy.load(out / "images.npy")


def alone(path, images, threads, batch):
    """The same in Python: seconds of MANY - FEW images, and all rows."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0]
    inputs = (images.transpose(0, 3, 1, 2) / 255).astype(KINDS[given.type])

    def run(count):
        parts = [session.run(None, {given.name: inputs[i : i + batch]})[0] for i in range(0, count, batch)]
        return numpy.concatenate(parts).reshape(count, -1).astype(numpy.float64)

    run(FEW)
    start = time.perf_counter()
    run(MANY - FEW)
    return time.perf_counter() - start, run(MANY)


def compare(binary, threads, network, file, images):
    """Seconds an image by each engine, and the largest differences from ONNX Runtime alone."""
    library = next(pathlib.Path(onnxruntime.__file__).parent.glob("capi/libonnxruntime.so*"))
    engines = {"tract": [], "ONNX Runtime in hullscope": ["--onnx-runtime", library]}
    seconds = {name: [] for name in [*engines, "ONNX Runtime alone"]}
    rows = {}
    for _ in range(REPEATS):
        for name, options in engines.items():
            few, _ = embed(binary, network, file, FEW, "--threads", threads, *options)
            many, rows[name] = embed(binary, network, file, MANY, "--threads", threads, *options)
            seconds[name].append(many - few)
        took, expected = alone(network, images, threads, 8)
        seconds["ONNX Runtime alone"].append(took)
    medians = {name: statistics.median(each) / (MANY - FEW) for name, each in seconds.items()}
    return medians, {name: abs(found - expected).max() / abs(expected).max() for name, found in rows.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", default="target/release/hullscope")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--only", help="networks whose names hold this")
    parser.add_argument("--keep", type=pathlib.Path, help="export into this folder, and take what is there")
    arguments = parser.parse_args()
    random = numpy.random.default_rng(0)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        folder = arguments.keep or pathlib.Path(folder)
        folder.mkdir(exist_ok=True)
        images = random.integers(0, 256, (MANY, SIDE, SIDE, 3), dtype=numpy.uint8)
        numpy.save(folder / "images.npy", images)
        print("| 224 x 224, ms an image | tract | ONNX Runtime in hullscope | ONNX Runtime alone | tract / in hullscope "
              "| largest difference: tract | in hullscope |\n|--|--|--|--|--|--|--|")
        for place, (name, (make, dynamo)) in enumerate(NETWORKS.items()):
            if arguments.only and arguments.only not in name:
                continue
            path = folder / f"{place}.onnx"
            if not path.exists():
                export(make, dynamo, path)
            medians, off = compare(arguments.binary, arguments.threads, path, folder / "images.npy", images)
            cells = [f"{1e3 * each:.1f}" for each in medians.values()]
            cells += [f"{medians['tract'] / medians['ONNX Runtime in hullscope']:.2f}"]
            print("|", " | ".join([name, *cells, *(f"{share:.0e}" for share in off.values())]), "|", flush=True)
            close = CLOSE_HALF if "f16" in name else CLOSE
            found[name] = dict(seconds=medians, off={key: float(share) for key, share in off.items()})
            if max(off.values()) > close:
                print(f"{name}: the engines must agree to {close}", file=sys.stderr)
    print(json.dumps(dict(threads=arguments.threads, found=found)), file=sys.stderr)


main()
