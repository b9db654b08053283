"""Tables as pandas, pyarrow and Hugging Face datasets write them. Run in tests/data: python make/tables.py"""
import pathlib, shutil
import numpy as np, pandas as pd, pyarrow as pa, pyarrow.parquet as pq, datasets

here = pathlib.Path(__file__).parent.parent
x = np.arange(12, dtype=np.float32).reshape(6, 2) ** 2 / 4
frame = pd.DataFrame(x, columns=["x", "y"], index=pd.Index([10, 11, 12, 13, 14, 15], name=None))
frame.sample(frac=1, random_state=0).to_parquet(here / "pandas-index.parquet")  # __index_level_0__
frame.reset_index(drop=True).to_csv(here / "pandas-index.csv")                   # an unnamed column that counts
turned = pa.ExtensionArray.from_storage(
    pa.fixed_shape_tensor(pa.int16(), [2, 3], permutation=[1, 0]),
    pa.array(np.arange(24, dtype=np.int16).reshape(4, 6).tolist(), pa.list_(pa.int16(), 6)))
pq.write_table(pa.table({"t": turned}), here / "tensor.parquet")
with pa.OSFile(str(here / "tensor.arrow"), "wb") as f:
    with pa.ipc.new_file(f, pa.schema([("t", turned.type)])) as w:
        w.write_table(pa.table({"t": turned}))
features = datasets.Features({
    "id": datasets.Value("string"),
    "v": datasets.Array2D((2, 2), "float32"),
})
rows = {"id": [f"r{i}" for i in range(5)], "v": np.arange(20, dtype=np.float32).reshape(5, 2, 2)}
data = datasets.Dataset.from_dict(rows, features=features)
folder = here / "saved"
shutil.rmtree(folder, ignore_errors=True)
datasets.DatasetDict({"train": data, "test": data.select([0, 1]).flatten_indices()}).save_to_disk(
    folder, num_shards={"train": 2, "test": 1})
print(pd.__version__, pa.__version__, datasets.__version__, np.__version__)
