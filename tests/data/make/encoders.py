"""Small networks as people's libraries write them, and what other programs make of them.

    pip install torch==2.15.0 onnx==1.23.2 onnxruntime==1.32.0 onnxscript==0.7.2 numpy
    python tests/data/make/encoders.py            # writes tests/data/encoders/

What is expected is what onnx's own reference evaluator computes, one image at a time; onnxruntime without its
rewriting of graphs must agree to 1e-5, or nothing is written. (Of halves: what torch computes in f32.)
"""

import copy
import json
import pathlib
import warnings

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import nn

warnings.filterwarnings("ignore")
OUT = pathlib.Path(__file__).parent.parent / "encoders"
OUT.mkdir(exist_ok=True)
torch.manual_seed(0)


def pixels(count, channels, side, seed=0):
    """Images from whole numbers, which a test can make again."""
    k = np.arange(count * channels * side * side, dtype=np.int64)
    return ((k * k * 31 + k * 17 + 7) % 257 % 256 / 255).astype(np.float32).reshape(count, channels, side, side)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(2, 2, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(2)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, x):
        return self.relu(x + self.conv2(self.relu(self.bn1(self.conv1(x)))))


class Residual(nn.Module):
    """The parts and names of a ResNet."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 2, 3, stride=2, padding=1)
        self.layer1 = nn.Sequential(Block(), Block())
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(2, 3)

    def forward(self, x):
        return self.fc(torch.flatten(self.avgpool(self.layer1(self.stem(x))), 1))


class Attention(nn.Module):
    def __init__(self, fused):
        super().__init__()
        self.fused = fused
        self.qkv = nn.Linear(4, 12)
        self.proj = nn.Linear(4, 4)

    def forward(self, x):
        q, k, v = self.qkv(x).unsqueeze(1).chunk(3, -1)
        if self.fused:
            mixed = nn.functional.scaled_dot_product_attention(q, k, v)
        else:
            mixed = (q @ k.transpose(-2, -1)).softmax(-1) @ v
        return self.proj(mixed.squeeze(1))


class Layer(nn.Module):
    def __init__(self, fused):
        super().__init__()
        self.norm = nn.LayerNorm(4)
        self.attn = Attention(fused)

    def forward(self, x):
        return x + self.attn(self.norm(x))


class Transformer(nn.Module):
    """The parts and names of a vision transformer."""

    def __init__(self, fused=False):
        super().__init__()
        self.patch = nn.Conv2d(1, 4, 2, 2)
        self.blocks = nn.Sequential(Layer(fused), Layer(fused))
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        return self.head(self.blocks(x).mean(1))


def weights(model):
    generator = torch.Generator().manual_seed(1)
    for p in model.parameters():
        p.data = torch.randn(p.shape, generator=generator) * 0.5
    return model.eval()


def lean(path):
    """Drop what tests do not read: stack traces, shapes, classes."""
    model = onnx.load(path)
    del model.graph.value_info[:]
    for node in model.graph.node:
        node.doc_string = ""
        scopes = [p for p in node.metadata_props if p.key == "pkg.torch.onnx.name_scopes"]
        scopes = [(p.key, p.value) for p in scopes]
        del node.metadata_props[:]
        for key, value in scopes:
            node.metadata_props.add(key=key, value=value)
    for value in [*model.graph.input, *model.graph.output, *model.graph.initializer]:
        del value.metadata_props[:]
    del model.graph.metadata_props[:]
    used = {node.domain for node in model.graph.node} | {f.domain for f in model.functions}
    imports = [i for i in model.opset_import if i.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(imports)
    onnx.save(model, path)


def dynamo(model, name, opset=20, dtype=torch.float32):
    x = torch.rand(2, 1, 8, 8, dtype=dtype)
    shapes = ({0: torch.export.Dim("batch")},)
    torch.onnx.export(model.to(dtype), (x,), OUT / name, dynamo=True, opset_version=opset, dynamic_shapes=shapes,
                      external_data=False, verbose=False)
    lean(OUT / name)


def legacy(model, name):
    torch.onnx.export(model, (torch.rand(2, 1, 8, 8),), OUT / name, dynamo=False, opset_version=20,
                      dynamic_axes={"x": {0: "batch"}}, input_names=["x"], output_names=["y"])
    lean(OUT / name)


class Some(CalibrationDataReader):
    def __init__(self):
        self.left = iter([{"x": pixels(4, 1, 8)}])

    def get_next(self):
        return next(self.left, None)


def quantised(base, name, activation):
    before = OUT / "before.onnx"
    quant_pre_process(OUT / base, before)
    quantize_static(before, OUT / name, Some(), quant_format=QuantFormat.QDQ, activation_type=activation,
                    weight_type=QuantType.QInt8)
    lean(OUT / name)
    before.unlink()


def by_hand(name, nodes, numbers, kind=TensorProto.FLOAT, opset=20, functions=(), inputs=(), outputs=("y",)):
    x = helper.make_tensor_value_info("x", kind, ["batch", 1, 8, 8])
    out = [helper.make_empty_tensor_value_info(o) for o in outputs]
    tensors = [numpy_helper.from_array(np.asarray(v), k) for k, v in numbers.items()]
    graph = helper.make_graph(nodes, "g", [x, *inputs], out, tensors)
    imports = [helper.make_opsetid("", opset)] + [helper.make_opsetid(d, 1) for d in {f.domain for f in functions}]
    model = helper.make_model(graph, opset_imports=imports, ir_version=10, functions=list(functions))
    onnx.save(model, OUT / name)
    return model


expected = {}


def expect(name, tensors, kind=np.float32, reference=True):
    """Rows of the first three images for each of the names that a user may give."""
    model = onnx.load(OUT / name)
    rows = {}
    for called, tensor in tensors.items():
        whole = copy.deepcopy(model)
        del whole.graph.output[:]
        whole.graph.output.append(helper.make_empty_tensor_value_info(tensor))
        if len(model.graph.input) > 1:
            whole = onnx.utils.Extractor(model).extract_model(["x"], [tensor])
        images = pixels(3, 1, 8)
        images = np.round(images * 255).astype(np.uint8) if kind is np.uint8 else images.astype(kind)
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = ort.InferenceSession(whole.SerializeToString(), options)
        runs = [session] + ([ReferenceEvaluator(whole)] if reference else [])
        other, found = [
            np.stack([run.run([tensor], {"x": i[None]})[0].astype(np.float32).ravel() for i in images])
            for run in (runs[0], runs[-1])
        ]
        off = np.abs(found - other).max() / np.abs(found).max()
        print(f"{name} {called}: {off:.1e}")
        assert off < 1e-5, (name, called, off)
        rows[called] = {"tensor": tensor, "rows": [[float(f"{v:.6g}") for v in row] for row in found]}
    expected[name] = rows

def short(name):
    """Short names, where nothing reads them."""
    model = onnx.load(OUT / name)
    names = {"x": "x", "y": "y", "": ""}
    for t in model.graph.initializer:
        t.name = names.setdefault(t.name, f"w{len(names)}")
    for node in model.graph.node:
        node.name = ""
        for side in (node.input, node.output):
            side[:] = [names.setdefault(n, f"t{len(names)}") for n in side]
    onnx.save(model, OUT / name)


def external(base, name, least=0):
    model = onnx.load(OUT / base)
    (OUT / f"{name}.data").unlink(missing_ok=True)
    onnx.save(model, OUT / name, save_as_external_data=True, location=f"{name}.data", size_threshold=least)


def rounded(model, name, dtype):
    """Weights in halves; what is expected is computed in f32 with the weights so rounded."""
    model = copy.deepcopy(model)
    dynamo(model, name, dtype=dtype)
    model = model.to(torch.float32)
    with torch.no_grad():
        rows = torch.stack([model(torch.from_numpy(i[None])).ravel() for i in pixels(3, 1, 8)])
    expected[name] = {"-": {"tensor": "linear", "rows": [[float(f"{v:.6g}") for v in row] for row in rows]}}


node = helper.make_node
residual = weights(Residual())
transformer = weights(Transformer())
fused = Transformer(fused=True)
fused.load_state_dict(transformer.state_dict())

# Modules by torch's metadata and by names; numbers by both exporters.
dynamo(copy.deepcopy(residual), "residual-dynamo.onnx")
legacy(copy.deepcopy(residual), "residual-legacy.onnx")
layers = {"-": "linear", "layer1": "relu_3", "layer1.0": "relu_1", "avgpool": "mean", "penultimate": "view",
          "layer1.1.conv2": "conv2d_4", "1.conv2": "conv2d_4"}
expect("residual-dynamo.onnx", layers)
at = "/layer1/layer1."
layers = {"-": "y", "layer1": at + "1/relu_1/Relu_output_0", "layer1.0": at + "0/relu_1/Relu_output_0",
          "avgpool": "/avgpool/GlobalAveragePool_output_0", "penultimate": "/Flatten_output_0",
          "layer1.0.conv1": at + "0/conv1/Conv_output_0", "layer1.0.relu_1": at + "0/relu_1/Relu_output_0"}
expect("residual-legacy.onnx", layers)

# Attention as one operator, whose inputs come from a Split without metadata.
dynamo(fused.eval(), "attention.onnx", opset=23)
expect("attention.onnx", {"-": "linear_4", "blocks.0.attn": "linear_1", "blocks": "add_1"})

# Integers: pairs around everything, and ranges found while the network runs.
legacy(transformer, "whole.onnx")
quantised("whole.onnx", "transformer-int8.onnx", QuantType.QInt8)
short("transformer-int8.onnx")
(OUT / "whole.onnx").unlink()
expect("transformer-int8.onnx", {"-": "y"})
quantised("residual-legacy.onnx", "residual-int8.onnx", QuantType.QInt8)
expect("residual-int8.onnx", {"-": "y", "layer1": at + "1/relu_1/Relu_output_0_DequantizeLinear_Output"})
quantize_dynamic(OUT / "residual-legacy.onnx", OUT / "residual-dynamic.onnx", weight_type=QuantType.QUInt8)
lean(OUT / "residual-dynamic.onnx")
short("residual-dynamic.onnx")
expect("residual-dynamic.onnx", {"-": "y"})

# Halves, weights in a file of their own.
rounded(residual, "residual-f16.onnx", torch.float16)
rounded(residual, "residual-bf16.onnx", torch.bfloat16)
external("residual-dynamo.onnx", "residual-external.onnx")
expected["residual-external.onnx"] = {"-": expected["residual-dynamo.onnx"]["-"]}
# As torch writes it: what shapes are calculated from stays in the file. Without that onnxruntime takes no model from memory.
external("residual-dynamo.onnx", "residual-weights.onnx", 64)
expected["residual-weights.onnx"] = {"-": expected["residual-dynamo.onnx"]["-"]}

# An end of a slice as torch writes it without optimisation: "to the end", through a cast and a reshape.
by_hand(
    "slice-to-the-end.onnx",
    [node("Flatten", ["x"], ["f"]), node("Cast", ["largest"], ["c"], to=TensorProto.INT64),
     node("Reshape", ["c", "one"], ["end"]), node("Slice", ["f", "start", "end", "one"], ["y"])],
    {"largest": np.int64(2**63 - 1), "one": np.array([1]), "start": np.array([60])},
)
expect("slice-to-the-end.onnx", {"-": "y"})

# Bytes as the input.
by_hand("bytes.onnx", [node("Cast", ["x"], ["c"], to=TensorProto.FLOAT), node("Flatten", ["c"], ["y"])], {},
        kind=TensorProto.UINT8)
expect("bytes.onnx", {"-": "y"}, kind=np.uint8)

# Pairs with a scale for every place of an axis: around a softmax (its axis from the front and from the end), as the last
# axis of two, and around weights, as training for integers leaves them.
scales = np.array([0.0625, 0.03125], np.float32)
wide = np.linspace(1 / 512, 1 / 256, 64, dtype=np.float32)
zeros = np.arange(64, dtype=np.uint8)
weight = ((np.arange(5 * 64) * 37 % 61 - 30) / 64).astype(np.float32).reshape(5, 64)


def pair(of, out, axis):
    given = [f"{out}_scale", f"{out}_zero"]
    return [node("QuantizeLinear", [of, *given], [f"{out}_q"], axis=axis),
            node("DequantizeLinear", [f"{out}_q", *given], [out], axis=axis)]


by_hand(
    "axes-int8.onnx",
    [node("Concat", ["x", "x"], ["two"], axis=1), node("Mul", ["two", "eight"], ["large"]), *pair("large", "p", 1),
     node("Softmax", ["p"], ["s"], axis=-1), *pair("s", "r", -3), node("ReduceMax", ["r", "channels"], ["m"], keepdims=0),
     node("Flatten", ["m"], ["f"]), *pair("f", "g", 1), *pair("weight", "w", 0),
     node("Gemm", ["g", "w"], ["y"], transB=1)],
    {"eight": np.float32(8), "channels": np.array([1]), "weight": weight,
     "p_scale": scales, "p_zero": np.array([3, 0], np.int8), "r_scale": scales / 16, "r_zero": np.array([0, -128], np.int8),
     "g_scale": wide, "g_zero": zeros, "w_scale": np.linspace(1 / 256, 1 / 64, 5, dtype=np.float32),
     "w_zero": np.zeros(5, np.int8)},
)
expect("axes-int8.onnx", {"-": "y", "s": "s", "r": "r"})

# Halves as the input.
by_hand("halves.onnx", [node("Flatten", ["x"], ["f"]), node("Mul", ["f", "third"], ["y"])],
        {"third": np.float16(1 / 3)}, kind=TensorProto.FLOAT16)
expect("halves.onnx", {"-": "y"}, kind=np.float16)

# Functions of the file's own: one calls the other; an attribute is given, or left to its default.
leaky = helper.make_node("LeakyRelu", ["a"], ["b"])
alpha = helper.make_attribute_ref("alpha", onnx.AttributeProto.FLOAT)
alpha.ref_attr_name = "slope"
leaky.attribute.append(alpha)
slope = helper.make_function("own", "Slope", ["a"], ["b"], [leaky], [helper.make_opsetid("", 20)],
                             attribute_protos=[helper.make_attribute("slope", 0.25)])
twice = helper.make_function(
    "own", "Twice", ["a", "shift"], ["c"],
    [node("Sub", ["a", "shift"], ["b"]), node("Slope", ["b"], ["d"], domain="own"),
     node("Slope", ["d"], ["c"], domain="own", slope=0.5)],
    [helper.make_opsetid("", 20), helper.make_opsetid("own", 1)],
)
by_hand("functions.onnx", [node("Flatten", ["x"], ["f"]), node("Twice", ["f", "half"], ["b"], domain="own"),
                           node("Twice", ["b", "half"], ["y"], domain="own")],
        {"half": np.float32(0.5)}, functions=[slope, twice])
expect("functions.onnx", {"-": "y"}, reference=False)  # it fails on an attribute left to its default

# Zeros of a shape, of which nothing says that they are f32; and a second input that one output does not need.
ids = helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", 4])
by_hand(
    "two-inputs.onnx",
    [node("Flatten", ["x"], ["f"]), node("Shape", ["f"], ["s"]), node("ConstantOfShape", ["s"], ["zeros"]),
     node("Sub", ["zeros", "f"], ["image_embeds"]), node("Cast", ["ids"], ["text_embeds"], to=TensorProto.FLOAT),
     node("Concat", ["image_embeds", "text_embeds"], ["both"], axis=1)],
    {}, inputs=[ids], outputs=("both", "image_embeds", "text_embeds"),
)
expect("two-inputs.onnx", {"image_embeds": "image_embeds"})

(OUT / "expected.json").write_text(json.dumps(expected, indent=None, separators=(",", ":")).replace('"residual', '\n"residual') + "\n")
