"""Small sets of labelled images as the `datasets` library writes them.

    pip install datasets==5.2.0 pyarrow==26.0.1 pillow==13.0.0
    python image_sets.py FOLDER

Image i of 6 is 8 x 8 pixels of RGB, pixel (y, x) = (40 i, 8 y, 8 x), a PNG; its label is i % 3.
"""
import os
import shutil
import sys

import numpy as np
from datasets import ClassLabel, Dataset, DatasetDict, Features, Image, List, Value

folder = sys.argv[1]
classes = ["cat", "dog", "newt"]


def picture(i):
    y, x = np.mgrid[0:8, 0:8]
    return np.stack([np.full((8, 8), 40 * i), 8 * y, 8 * x], axis=2).astype(np.uint8)


def rows(which):
    return {"image": [picture(i) for i in which], "label": [i % 3 for i in which]}


features = Features({"image": Image(), "label": ClassLabel(names=classes)})
train = Dataset.from_dict(rows(range(4)), features=features)
test = Dataset.from_dict(rows(range(4, 6)), features=features)

# Parquet, one file.
train.to_parquet(os.path.join(folder, "images.parquet"))
# save_to_disk: a set in two shards, and a dictionary of splits.
shutil.rmtree(os.path.join(folder, "images-saved"), ignore_errors=True)
DatasetDict({"train": train, "test": test}).save_to_disk(
    os.path.join(folder, "images-saved"), num_shards={"train": 2, "test": 1}
)

# Lists of images: one of two, one of one.
pair = Features({"images": List(Image()), "label": ClassLabel(names=classes)})
lists = {"images": [[picture(0), picture(1)], [picture(2)]], "label": [0, 1]}
Dataset.from_dict(lists, features=pair).to_parquet(os.path.join(folder, "image-lists.parquet"))

# Files of several frames and pages: the first is red, the second blue; and a JPEG that is to be turned by 90 degrees
# clockwise: 8 x 16 pixels as stored, the top half white and the bottom half black.
from PIL import Image as Picture

two = [Picture.new("RGB", (4, 4), colour) for colour in [(255, 0, 0), (0, 0, 255)]]
more = {"save_all": True, "append_images": two[1:]}
two[0].save(os.path.join(folder, "frames.gif"), **more)
two[0].save(os.path.join(folder, "frames.png"), **more)
two[0].save(os.path.join(folder, "frames.webp"), lossless=True, **more)
two[0].save(os.path.join(folder, "pages.tif"), **more)
halves = np.zeros((16, 8), np.uint8)
halves[:8] = 255
exif = Picture.Exif()
exif[0x0112] = 6
Picture.fromarray(halves).save(os.path.join(folder, "turned.jpg"), exif=exif, quality=95)
