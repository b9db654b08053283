"""Trains the sample encoder of hullscope and writes it as ONNX.

    python train.py DATA_FOLDER OUTPUT_FOLDER
    python train.py DATA_FOLDER --hold-out 6000     # score on held-out training images, write nothing

DATA_FOLDER holds the four original files of Fashion-MNIST (`train-images-idx3-ubyte.gz` and so on). OUTPUT_FOLDER receives

* `fashion-encoder.onnx`: the trained network,
* `fashion-encoder-untrained.onnx`: the same network at its seeded initialisation,
* `golden.json`: what onnxruntime makes of the first four test images, to check another runtime against.

The test images are used only after training, to state the accuracy. Widths and mirroring were chosen on 6,000 held-out training images.

All random numbers come from one numpy generator, so the same machine and versions give the same files. Another processor may
order sums differently, and then training ends in other weights of like quality.
"""

import argparse
import gzip
import hashlib
import json
import os
import platform
import time
from pathlib import Path

import jax

jax.config.update("jax_platforms", "cpu")

import jax.numpy as jnp
import numpy as np
import onnx
import onnxruntime
from jax import lax
from onnx import TensorProto, helper, numpy_helper

SEED = 7
SIDE = 28
CLASSES = 10

# The trunk: a convolution at full resolution, then one residual block a stage, each halving the resolution (28, 14, 7, 4).
STEM = 8
STAGES = (16, 32, 64)
FEATURES = STAGES[-1]
BOTTLENECKS = (16, 8, 2)
# Width of the hidden layer between a bottleneck and its classes. With none, each class would have to be one convex region.
HIDDEN = 32

EPOCHS = 14
BATCH = 128
PEAK_RATE = 0.1
WARM_UP = 0.15  # share of the steps
MOMENTUM = 0.9
WEIGHT_DECAY = 5e-4
BOTTLENECK_WEIGHT = 0.3  # of each bottleneck's loss, beside 1 of the logits

NORM_EPSILON = 1e-5
NORM_MEMORY = 0.95  # of the running mean and variance, a step

OPSET = 17
IR_VERSION = 8
LIMIT_BYTES = 1 << 20
LIMIT_MACS = 4_000_000
TOLERANCE = 1e-4  # largest difference allowed between JAX and onnxruntime, in units of an output's largest value
LICENCE = "MIT OR Apache-2.0"
OUTPUTS = ("features", *(f"bottleneck{d}" for d in BOTTLENECKS), "logits")


# Data


def read_idx(path):
    """The array in a gzipped IDX file of unsigned bytes."""
    raw = gzip.decompress(path.read_bytes())
    if raw[:3] != b"\x00\x00\x08":
        raise SystemExit(f"{path.name}: not an IDX file of unsigned bytes")
    dims = [int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(raw[3])]
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(dims)


def read_split(folder, split):
    """Images (n, 28, 28) and labels (n), both unsigned bytes."""
    images = read_idx(folder / f"{split}-images-idx3-ubyte.gz")
    labels = read_idx(folder / f"{split}-labels-idx1-ubyte.gz")
    if images.shape != (len(labels), SIDE, SIDE):
        raise SystemExit(f"{split}: images of shape {images.shape} for {len(labels)} labels")
    return images, labels


def normalise(images, mean, std):
    """(n, 28, 28) bytes to (n, 28, 28, 1) floats: (pixel / 255 - mean) / std."""
    scaled = images.astype(np.float32) / np.float32(255)
    return ((scaled - np.float32(mean)) / np.float32(std))[..., None]


def augmented(images, rng):
    """Half of the images, drawn anew each time, mirrored left to right. Shifts as well gained nothing on held-out images."""
    mirrored = rng.random(len(images)) < 0.5
    return np.where(mirrored[:, None, None], images[:, :, ::-1], images)


# The network


def convolutions():
    """Every convolution as (name, size, stride, channels in, channels out, side of its result)."""
    found = [("stem_conv", 3, 1, 1, STEM, SIDE)]
    before, side = STEM, SIDE
    for stage, channels in enumerate(STAGES, 1):
        side = (side + 1) // 2
        found += [
            (f"stage{stage}_conv1", 3, 2, before, channels, side),
            (f"stage{stage}_conv2", 3, 1, channels, channels, side),
            (f"stage{stage}_shortcut", 1, 2, before, channels, side),
        ]
        before = channels
    return found


def linear_layers():
    """Every linear layer as (name, dimensions in, dimensions out). Those named `classes` are for training, not exported."""
    found = [("logits", FEATURES, CLASSES)]
    for d in BOTTLENECKS:
        found += [
            (f"bottleneck{d}", FEATURES, d),
            (f"bottleneck{d}_classes_hidden", d, HIDDEN),
            (f"bottleneck{d}_classes", HIDDEN, CLASSES),
        ]
    return found


def initial(rng):
    """Parameters (He's normal initialisation) and the running statistics of batch normalisation."""
    params, running = {}, {}
    for name, size, _, before, after, _ in convolutions():
        spread = np.sqrt(2 / (size * size * before))
        params[name] = {
            "weight": rng.normal(0, spread, (size, size, before, after)).astype(np.float32),
            "scale": np.ones(after, np.float32),
            "shift": np.zeros(after, np.float32),
        }
        running[name] = {"mean": np.zeros(after, np.float32), "variance": np.ones(after, np.float32)}
    for name, before, after in linear_layers():
        spread = np.sqrt((2 if name.endswith("hidden") else 1) / before)
        params[name] = {
            "weight": rng.normal(0, spread, (before, after)).astype(np.float32),
            "bias": np.zeros(after, np.float32),
        }
    return params, running


def network(params, running, images, training):
    """Every output for images (n, 28, 28, 1), the class scores of each bottleneck, and the running statistics after them.

    When training, normalisation uses the statistics of this batch; otherwise the running ones.
    """
    strides = {name: (size, stride) for name, size, stride, *_ in convolutions()}
    running = dict(running)

    def normalised_conv(name, x):
        size, stride = strides[name]
        pad = (size // 2, size // 2)
        x = lax.conv_general_dilated(
            x, params[name]["weight"], (stride, stride), (pad, pad), dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        if training:
            mean, variance = jnp.mean(x, (0, 1, 2)), jnp.var(x, (0, 1, 2))
            keep = lambda old, new: NORM_MEMORY * old + (1 - NORM_MEMORY) * lax.stop_gradient(new)
            old = running[name]
            running[name] = {"mean": keep(old["mean"], mean), "variance": keep(old["variance"], variance)}
        else:
            mean, variance = running[name]["mean"], running[name]["variance"]
        return (x - mean) * lax.rsqrt(variance + NORM_EPSILON) * params[name]["scale"] + params[name]["shift"]

    def linear(name, x):
        return x @ params[name]["weight"] + params[name]["bias"]

    x = jax.nn.relu(normalised_conv("stem_conv", images))
    for stage in range(1, len(STAGES) + 1):
        inner = jax.nn.relu(normalised_conv(f"stage{stage}_conv1", x))
        inner = normalised_conv(f"stage{stage}_conv2", inner)
        x = jax.nn.relu(inner + normalised_conv(f"stage{stage}_shortcut", x))
    outputs = {"features": jnp.mean(x, (1, 2))}
    outputs["logits"] = linear("logits", outputs["features"])
    scores = {"logits": outputs["logits"]}
    for d in BOTTLENECKS:
        name = f"bottleneck{d}"
        outputs[name] = linear(name, outputs["features"])
        scores[name] = linear(f"{name}_classes", jax.nn.relu(linear(f"{name}_classes_hidden", outputs[name])))
    return outputs, scores, running


# Training


def loss_of(params, running, images, labels):
    _, scores, running = network(params, running, images, training=True)

    def cross_entropy(scores):
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(scores), labels[:, None], 1))

    loss = sum((1 if name == "logits" else BOTTLENECK_WEIGHT) * cross_entropy(s) for name, s in scores.items())
    return loss, running


@jax.jit
def step(params, momentum, running, images, labels, rate):
    """One step of stochastic gradient descent with Nesterov's momentum. Weights decay, scales, shifts and biases do not."""
    (loss, running), gradient = jax.value_and_grad(loss_of, has_aux=True)(params, running, images, labels)
    gradient = {
        name: {kind: g + WEIGHT_DECAY * params[name][kind] if kind == "weight" else g for kind, g in of.items()}
        for name, of in gradient.items()
    }
    momentum = jax.tree.map(lambda m, g: MOMENTUM * m + g, momentum, gradient)
    params = jax.tree.map(lambda p, m, g: p - rate * (g + MOMENTUM * m), params, momentum, gradient)
    return params, momentum, running, loss


@jax.jit
def evaluate(params, running, images):
    outputs, scores, _ = network(params, running, images, training=False)
    return outputs, scores


def rate_at(share):
    """The learning rate after this share of the steps: up in a line, down in half a cosine."""
    if share < WARM_UP:
        return PEAK_RATE * share / WARM_UP
    return PEAK_RATE * 0.5 * (1 + np.cos(np.pi * (share - WARM_UP) / (1 - WARM_UP)))


def train(params, running, images, labels, mean, std, rng, epochs):
    momentum = jax.tree.map(np.zeros_like, params)
    labels = labels.astype(np.int32)
    batches = len(images) // BATCH
    for epoch in range(epochs):
        began = time.time()
        order = rng.permutation(len(images))[: batches * BATCH]
        shown, truth, losses = augmented(images[order], rng), labels[order], []
        for batch in range(batches):
            at = slice(batch * BATCH, (batch + 1) * BATCH)
            rate = np.float32(rate_at((epoch + batch / batches) / epochs))
            params, momentum, running, loss = step(
                params, momentum, running, normalise(shown[at], mean, std), truth[at], rate
            )
            losses.append(loss)
        print(f"epoch {epoch + 1:2}  loss {np.mean(losses):.4f}  {time.time() - began:.0f} s", flush=True)
    return jax.tree.map(np.asarray, params), jax.tree.map(np.asarray, running)


def in_pieces(function, images, size=1000):
    """`function` (a dictionary of arrays for images) over pieces of the images, joined."""
    pieces = [function(images[at : at + size]) for at in range(0, len(images), size)]
    return {name: np.concatenate([np.asarray(piece[name]) for piece in pieces]) for name in pieces[0]}


def accuracies(scores, labels):
    """Share of right answers, a head, in the order of OUTPUTS."""
    return {name: float(np.mean(scores[name].argmax(1) == labels)) for name in OUTPUTS if name in scores}


# ONNX


def folded(params, running, name):
    """Weight (out, in, h, w) and bias of a convolution with its normalisation folded in."""
    of, stats = {k: v.astype(np.float64) for k, v in params[name].items()}, running[name]
    factor = of["scale"] / np.sqrt(stats["variance"].astype(np.float64) + NORM_EPSILON)
    weight = (of["weight"] * factor).transpose(3, 2, 0, 1)
    bias = of["shift"] - stats["mean"] * factor
    return np.ascontiguousarray(weight, np.float32), bias.astype(np.float32)


def onnx_model(params, running, facts):
    """The network from `image` (N, 1, 28, 28) to OUTPUTS. Every tensor carries the name of what it holds."""
    nodes, constants = [], []

    def node(kind, inputs, output, **attributes):
        nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def weights(name, weight, bias):
        constants.append(numpy_helper.from_array(weight, f"{name}_weight"))
        constants.append(numpy_helper.from_array(bias, f"{name}_bias"))
        return [f"{name}_weight", f"{name}_bias"]

    strides = {name: (size, stride) for name, size, stride, *_ in convolutions()}

    def conv(name, x):
        size, stride = strides[name]
        return node(
            "Conv", [x, *weights(name, *folded(params, running, name))], name,
            kernel_shape=[size, size], strides=[stride, stride], pads=[size // 2] * 4,
        )  # fmt: skip

    def linear(name, x):
        return node("Gemm", [x, *weights(name, params[name]["weight"], params[name]["bias"])], name)

    x = node("Relu", [conv("stem_conv", "image")], "stem")
    for stage in range(1, len(STAGES) + 1):
        inner = node("Relu", [conv(f"stage{stage}_conv1", x)], f"stage{stage}_inner")
        inner = conv(f"stage{stage}_conv2", inner)
        total = node("Add", [inner, conv(f"stage{stage}_shortcut", x)], f"stage{stage}_sum")
        x = node("Relu", [total], f"stage{stage}")
    features = node("Flatten", [node("GlobalAveragePool", [x], "pooled")], "features", axis=1)
    for name in OUTPUTS[1:]:
        linear(name, features)

    def tensor(name, shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shape])

    width = {"features": FEATURES} | {name: after for name, _, after in linear_layers()}
    graph = helper.make_graph(
        nodes, "fashion-encoder", [tensor("image", (1, SIDE, SIDE))], [tensor(o, (width[o],)) for o in OUTPUTS], constants
    )
    model = helper.make_model(
        graph, producer_name="hullscope", opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    helper.set_model_props(model, facts)
    model = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    onnx.checker.check_model(model, full_check=True)
    return model


def runtime(path):
    """The network in a file: a function of normalised images (n, 28, 28, 1) to a dictionary of outputs, by onnxruntime."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda images: dict(
        zip(OUTPUTS, session.run(list(OUTPUTS), {"image": np.ascontiguousarray(images.transpose(0, 3, 1, 2))}))
    )


def scores_from(params, outputs):
    """Class scores of every head from the outputs of an ONNX file, in numpy."""
    scores = {"logits": outputs["logits"]}
    for d in BOTTLENECKS:
        hidden, last = params[f"bottleneck{d}_classes_hidden"], params[f"bottleneck{d}_classes"]
        inner = np.maximum(outputs[f"bottleneck{d}"] @ hidden["weight"] + hidden["bias"], 0)
        scores[f"bottleneck{d}"] = inner @ last["weight"] + last["bias"]
    return scores


def export(path, params, running, images, labels, facts):
    """Writes the file, compares it with the JAX network on these images, and returns the accuracy of every head on them."""
    wanted = in_pieces(lambda x: evaluate(params, running, x)[0], images)

    # The accuracy goes into the file that it is measured on: write, measure, write again.
    path.write_bytes(onnx_model(params, running, facts).SerializeToString(deterministic=True))
    reached = accuracies(scores_from(params, in_pieces(runtime(path), images)), labels)
    model = onnx_model(params, running, facts | {"test_accuracy": f"{reached['logits']:.4f}"})
    path.write_bytes(model.SerializeToString(deterministic=True))
    found = in_pieces(runtime(path), images)

    print(f"{path.name}: {path.stat().st_size} bytes, SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()}")
    print(f"  operators {sorted({node.op_type for node in model.graph.node})}")
    print(f"  accuracy on the test images {reached}")
    for name in OUTPUTS:
        difference, largest = np.abs(found[name] - wanted[name]).max(), np.abs(wanted[name]).max()
        spread = found[name].std(0)
        print(
            f"  {name}: onnxruntime and JAX differ by {difference:.1e} at most, of {largest:.3g};"
            f" {np.sum(spread > 1e-6)} of {len(spread)} dimensions vary, standard deviation"
            f" {spread.min():.3g} to {spread.max():.3g}"
        )
        if not difference <= TOLERANCE * largest:
            raise SystemExit(f"{path.name}: onnxruntime and JAX differ by {difference} in {name}")
    if path.stat().st_size > LIMIT_BYTES:
        raise SystemExit(f"{path.name}: {path.stat().st_size} bytes, more than {LIMIT_BYTES}")
    return reached


def counts():
    """Parameters of the exported graph, and its multiply-adds an image."""
    params = sum(k * k * a * b + b for _, k, _, a, b, _ in convolutions())
    macs = sum(k * k * a * b * side * side for _, k, _, a, b, side in convolutions())
    kept = [(a, b) for name, a, b in linear_layers() if name in OUTPUTS]
    return params + sum(a * b + b for a, b in kept), macs + sum(a * b for a, b in kept)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, metavar="DATA_FOLDER")
    parser.add_argument("output", type=Path, metavar="OUTPUT_FOLDER", nargs="?")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--hold-out", type=int, default=0, metavar="N", help="train without the last N, score on them")
    given = parser.parse_args()
    if (given.output is None) != (given.hold_out > 0):
        parser.error("give an OUTPUT_FOLDER or --hold-out N")
    return given


def main():
    given = arguments()
    n_params, macs = counts()
    print(f"{n_params} parameters, {macs} multiply-adds an image")
    if macs > LIMIT_MACS:
        raise SystemExit(f"more than {LIMIT_MACS} multiply-adds")

    images, labels = read_split(given.data, "train")
    # Rounded, so that the decimal numbers in the file are exactly those used.
    mean, std = (round(float(x), 6) for x in (np.mean(images / 255.0), np.std(images / 255.0)))
    rng = np.random.default_rng(SEED)
    start = initial(rng)
    kept = len(images) - given.hold_out
    began, began_cpu = time.time(), time.process_time()
    trained = train(*start, images[:kept], labels[:kept], mean, std, rng, given.epochs)
    minutes, cpu = (time.time() - began) / 60, (time.process_time() - began_cpu) / 60
    print(f"trained in {minutes:.1f} minutes ({cpu:.1f} minutes of processor time, {os.cpu_count()} cores)")

    if given.hold_out:
        scored = in_pieces(lambda x: evaluate(*trained, x)[1], normalise(images[kept:], mean, std))
        print(f"accuracy on {given.hold_out} held-out images {accuracies(scored, labels[kept:])}")
        return

    test_images, test_labels = read_split(given.data, "t10k")
    test = normalise(test_images, mean, std)
    facts = {"mean": str(mean), "std": str(std), "layout": "nchw", "seed": str(SEED), "licence": LICENCE}
    golden = {
        "about": "outputs of onnxruntime in f32 for the first images of t10k-images-idx3-ubyte.gz, in order",
        "versions": {"onnxruntime": onnxruntime.__version__, "jax": jax.__version__, "machine": platform.machine()},
        "mean": mean,
        "std": std,
        "labels": test_labels[:4].tolist(),
    }
    given.output.mkdir(parents=True, exist_ok=True)
    for kind, (params, running), file, note in (
        ("trained", trained, "fashion-encoder.onnx", f"Fashion-MNIST, {len(images)} training images, {given.epochs} epochs"),
        ("untrained", start, "fashion-encoder-untrained.onnx", "nothing: the seeded initialisation"),
    ):
        path = given.output / file
        reached = export(path, params, running, test, test_labels, facts | {"trained_on": note})
        outputs = runtime(path)(test[:4])
        golden[kind] = {
            "file": file,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "test_accuracy": reached,
            # An f32 is exact as a double, and Python prints doubles so that they read back the same.
            "outputs": {name: outputs[name].astype(float).tolist() for name in OUTPUTS},
        }
    (given.output / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
