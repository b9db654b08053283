"""Images prepared by Pillow, torchvision, transformers and timm, for tests/preparation.rs.

    pip install pillow==13.0.0 torch==2.15.0 torchvision==0.29.2 transformers==5.24.0 timm==1.0.31 numpy==2.4.6
    python tests/data/make/preparation.py

writes tests/data/preparation.json: a picture, and for each case the settings as they are typed after `onnx:FILE`, the
shape of what comes out, and its numbers (or every so many of them), in the order (channels, height, width); and a config
that lies beside the network, by the name of its file.
"""

import json
import pathlib
import sys
import tempfile

import numpy
import torch
from PIL import Image
from timm import get_pretrained_cfg
from timm.data import create_transform, resolve_data_config
from torchvision.models import ResNet18_Weights
from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Normalize, Resize, ToTensor
from torchvision.transforms import functional as F
from transformers import CLIPImageProcessorPil, ConvNextImageProcessorPil, ViTImageProcessorPil

BICUBIC, BILINEAR = InterpolationMode.BICUBIC, InterpolationMode.BILINEAR
HEIGHT, WIDTH = 17, 26
# Larger outputs are thinned out, by primes that divide none of their sides.
STEPS = [(500, 1), (5000, 5), (1 << 20, 1499)]


def picture():
    """Slopes, an edge and noise, so that a cubic overshoots and bytes are clipped."""
    y, x = numpy.mgrid[0:HEIGHT, 0:WIDTH]
    noise = numpy.random.default_rng(1).integers(0, 40, (HEIGHT, WIDTH, 3))
    slopes = numpy.stack([9 * x, 250 - 14 * y, 200 * (x > 11) + 2 * y], axis=2)
    return numpy.clip(slopes + noise, 0, 255).astype(numpy.uint8)


def resized(image, **options):
    """A PIL image, resized and cropped; as bytes."""
    if "size" in options:
        image = F.resize(image, options["size"], options["mode"])
    if "crop" in options:
        image = F.center_crop(image, options["crop"])
    return numpy.asarray(image).transpose(2, 0, 1)


def plain(image, size, mode):
    """Without antialias, on bytes as a tensor."""
    tensor = torch.from_numpy(numpy.asarray(image).copy()).permute(2, 0, 1)
    return F.resize(tensor, size, mode, antialias=False).numpy()


def floats(image, size, mode, antialias=True):
    """Numbers from 0 to 1, which nobody rounds."""
    tensor = ToTensor()(image).double()
    return F.resize(tensor, size, mode, antialias=antialias).numpy()


def clip(image, side):
    """OpenAI's own preparation (clip/clip.py)."""
    mean, std = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    steps = Compose([Resize(side, BICUBIC), CenterCrop(side), ToTensor(), Normalize(mean, std)])
    return steps(image).numpy()


def processed(processor, image):
    """A processor of transformers: its config as it saves it, and what it makes of an image."""
    with tempfile.TemporaryDirectory() as folder:
        processor.save_pretrained(folder)
        config = json.loads((pathlib.Path(folder) / "preprocessor_config.json").read_text())
    return config, processor(image, return_tensors="np")["pixel_values"][0]


def nested(processor, image):
    """As transformers 5 keeps image processors of networks that have other processors too."""
    with tempfile.TemporaryDirectory() as folder:
        processor.save_pretrained(folder)
        own = pathlib.Path(folder) / "preprocessor_config.json"
        config = {"processor_class": "CLIPProcessor", "image_processor": json.loads(own.read_text())}
        own.unlink()
        (pathlib.Path(folder) / "processor_config.json").write_text(json.dumps(config))
        again = type(processor).from_pretrained(folder)
    return config, again(image, return_tensors="np")["pixel_values"][0]


def timm(image, config):
    """timm's own preparation for tests."""
    return create_transform(**resolve_data_config(pretrained_cfg=config))(image).numpy()


def main():
    pixels = picture()
    image = Image.fromarray(pixels)
    cases = []

    def case(settings, values, kind, config=None, file="preprocessor_config.json"):
        step = next(step for most, step in STEPS if values.size <= most)
        kept = values.reshape(-1)[::step].tolist()
        kept = kept if kind in ("bytes", "rounded") else [float(f"{value:.7g}") for value in kept]
        shape = list(values.shape)
        cases.append(dict(settings=settings, kind=kind, shape=shape, step=step, values=kept, config=config, file=file))

    small = dict(size=8, mode=BILINEAR)
    case("resize=8", resized(image, **small), "bytes")
    case("resize=8,filter=bicubic", resized(image, **small | dict(mode=BICUBIC)), "bytes")
    case("resize=21x9,filter=bicubic", resized(image, size=[9, 21], mode=BICUBIC), "bytes")
    case("resize=31x22,filter=bilinear", resized(image, size=[22, 31], mode=BILINEAR), "bytes")
    case("resize=21x19,filter=bicubic", resized(image, size=[19, 21], mode=BICUBIC), "bytes")
    case("resize=19,filter=bicubic,crop=12", resized(image, size=19, mode=BICUBIC, crop=12), "bytes")
    # The rest is 3 rows and 7 columns: halves go to the even number.
    case("crop=19x14", resized(image, crop=[14, 19]), "bytes")
    # interpolate works in f32, so that halves may be rounded either way.
    case("resize=9,antialias=no", plain(image, 9, BILINEAR), "rounded")
    case("resize=29x19,filter=bicubic,antialias=no", plain(image, [19, 29], BICUBIC), "rounded")
    case("resize=9,antialias=no", floats(image, 9, BILINEAR, False), "floats")
    case("resize=29x19,filter=bicubic,antialias=no", floats(image, [19, 29], BICUBIC, False), "floats")
    case("resize=8,filter=bicubic", floats(image, 8, BICUBIC), "floats")
    case("preset=imagenet", ResNet18_Weights.IMAGENET1K_V1.transforms()(image).numpy(), "prepared")
    case("preset=clip", clip(image, 224), "prepared")
    for processor in (
        CLIPImageProcessorPil(size={"shortest_edge": 14}, crop_size=12),
        ViTImageProcessorPil(size={"height": 12, "width": 12}),
        ConvNextImageProcessorPil(size={"shortest_edge": 14}, crop_pct=0.875),
        CLIPImageProcessorPil(do_resize=False, do_center_crop=False, do_rescale=False, do_normalize=False),
    ):
        config, values = processed(processor, image)
        case("", values, "prepared", config)
    config, values = nested(CLIPImageProcessorPil(size={"shortest_edge": 13}, crop_size=11), image)
    case("", values, "prepared", config, "processor_config.json")
    small = dict(input_size=[3, 11, 11], mean=[0.5, 0.25, 0.5], std=[0.5, 0.5, 0.25])
    for config in (
        small | dict(interpolation="bilinear", crop_pct=0.75),
        small | dict(interpolation="bicubic", crop_pct=0.9, crop_mode="squash"),
        get_pretrained_cfg("vit_small_patch16_224.augreg_in21k_ft_in1k").to_dict(),
        dict(input_size=[3, 16, 16]),
    ):
        case("", timm(image, config), "prepared", {"architecture": "net", "pretrained_cfg": config}, "config.json")
    out = pathlib.Path(__file__).parent.parent / "preparation.json"
    rows = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    head = json.dumps(dict(height=HEIGHT, width=WIDTH, picture=pixels.reshape(-1).tolist()), separators=(",", ":"))
    out.write_text(head[:-1] + ',"cases":[\n' + rows + "\n]}\n")
    print(out, out.stat().st_size, file=sys.stderr)


main()
