#!/usr/bin/env bash
# A Parquet file that Hugging Face's datasets writes from image files holds no images.
#
# datasets 5.2.0: a data set whose images were given as paths is written by `Dataset.to_parquet` with `bytes` null and
# the path as typed, relative to the working directory of that moment; `save_to_disk` of the same data set stores the
# bytes, and only the file's base name. Nothing is said. Moved to another machine, or another folder, the Parquet file
# loads, has the right number of rows and labels, and fails at the first image.
#
# Seen (python 3.11, datasets 5.2.0, pyarrow 26.0.1, pillow 13.0.0):
#   to_parquet:   bytes None path pictures/0.png
#   save_to_disk: bytes 77 path 0.png
#   read in another folder: FileNotFoundError
#
# Exits 1 if the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet datasets==5.2.0 pyarrow==26.0.1 pillow==13.0.0
cd "$folder"
mkdir pictures elsewhere
export HF_HOME="$folder/cache" HF_DATASETS_DISABLE_PROGRESS_BARS=1
"$folder/venv/bin/python" - <<'PY'
import os
import datasets
import pyarrow.parquet as pq
from datasets import Dataset, Features, Image
from PIL import Image as Picture

print("datasets", datasets.__version__)
Picture.new("RGB", (8, 8), (1, 2, 3)).save("pictures/0.png")
data = Dataset.from_dict({"image": ["pictures/0.png"]}, features=Features({"image": Image()}))
data.to_parquet("images.parquet")
data.save_to_disk("saved")
written = pq.read_table("images.parquet").to_pylist()[0]["image"]
saved = datasets.load_from_disk("saved").data.to_pylist()[0]["image"]
print("to_parquet:   bytes", written["bytes"], "path", written["path"])
print("save_to_disk: bytes", len(saved["bytes"]), "path", saved["path"])
assert written["bytes"] is None and written["path"] == "pictures/0.png"
assert saved["bytes"] is not None and saved["path"] == "0.png"
os.chdir("elsewhere")
try:
    Dataset.from_parquet("../images.parquet")[0]["image"]
    raise SystemExit("it was read")
except FileNotFoundError:
    print("read in another folder: FileNotFoundError")
PY
