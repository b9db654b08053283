#!/usr/bin/env bash
# Pillow 13 resizes some images in another order of its two passes than Pillow 12, so that the same call gives other
# bytes. Bytes are rounded and clipped between the passes, and bicubic overshoots at edges: pixels differ by many levels
# where text or line art is brought from a tall format to a square one, as networks with a square input have it
# (transformers' ViTImageProcessorPil, torchvision's Resize((224, 224))). Embeddings computed before and after
# an upgrade of Pillow are then of other pixels, without a word. Where both sides shrink, or both grow, by one
# factor, nothing changed in the sizes tried here.
#
# Seen on 2026-11-28, CPython 3.11, x86-64 Linux (Pillow 12.3.0 and 13.0.0):
SEEN="\
100x320 -> 224x224 bilinear: differ in 15% of the pixels, by up to 1 of 255
100x320 -> 224x224 bicubic: differ in 69% of the pixels, by up to 26 of 255
320x240 -> 298x224 bicubic: the same"
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
cat > "$folder/resize.py" <<'PYTHON'
import pathlib
import sys

import numpy
from PIL import Image

out = pathlib.Path(sys.argv[1])
out.mkdir()
for name, (w, h), size, kernel in [
    ("100x320 -> 224x224 bilinear", (100, 320), (224, 224), Image.Resampling.BILINEAR),
    ("100x320 -> 224x224 bicubic", (100, 320), (224, 224), Image.Resampling.BICUBIC),
    ("320x240 -> 298x224 bicubic", (320, 240), (298, 224), Image.Resampling.BICUBIC),
]:
    # Black strokes on white.
    x, y = numpy.meshgrid(numpy.arange(w), numpy.arange(h))
    strokes = ((x * y) % 7 < 3) | ((x + 2 * y) % 11 == 0)
    pixels = numpy.where(strokes, 0, 255).astype(numpy.uint8)
    numpy.save(out / f"{name}.npy", numpy.asarray(Image.fromarray(pixels).resize(size, kernel)))
PYTHON
cat > "$folder/compare.py" <<'PYTHON'
import pathlib
import sys

import numpy

one, other = map(pathlib.Path, sys.argv[1:])
for path in sorted(one.iterdir()):
    off = abs(numpy.load(path).astype(int) - numpy.load(other / path.name))
    what = f"differ in {(off > 0).mean():.0%} of the pixels, by up to {off.max()} of 255"
    print(f"{path.stem}: {what if off.any() else 'the same'}")
PYTHON
for version in 12.3.0 13.0.0; do
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check "pillow==$version" "numpy==2.4.6"
    "$folder/venv/bin/python" "$folder/resize.py" "$folder/$version"
done
found=$("$folder/venv/bin/python" "$folder/compare.py" "$folder/12.3.0" "$folder/13.0.0")
echo "$found"
[ "$(sort <<< "$found")" = "$(sort <<< "$SEEN")" ] || { echo "this is not what was seen" >&2; exit 1; }
