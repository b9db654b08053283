#!/usr/bin/env bash
# A column of Arrow's fixed_shape_tensor with a permutation has two orders of numbers, and one library gives both.
#
# Versions: pyarrow 26.0.1, pandas 3.1.1, polars 2.1.0, duckdb 2.0.1, numpy 2.4.6.
# Behaviour: a tensor stored as 2 x 3 with permutation [1, 0] is a logical 3 x 2 tensor. pyarrow's to_numpy_ndarray() gives
# the logical order; pyarrow's own to_pylist(), pandas, polars and DuckDB give the numbers as they are stored, and say
# nothing. Rows flattened by different readers of the same Parquet file are different vectors: distances and hulls between
# one set read one way and another read the other way are wrong.
# Output seen:
#   pyarrow to_numpy_ndarray [0, 3, 1, 4, 2, 5]
#   pyarrow to_pylist        [0, 1, 2, 3, 4, 5]
#   pandas                   [0, 1, 2, 3, 4, 5]
#   polars                   [0, 1, 2, 3, 4, 5]
#   duckdb                   [0, 1, 2, 3, 4, 5]
# hullscope reads the logical order: tests/columns.rs, real_tables_are_read_as_their_writers_mean_them.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q pyarrow==26.0.1 pandas==3.1.1 polars==2.1.0 duckdb==2.0.1 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PYTHON'
import duckdb, numpy as np, pandas as pd, polars as pl, pyarrow as pa, pyarrow.parquet as pq

stored = np.arange(24, dtype=np.int16).reshape(4, 6)
tensors = pa.ExtensionArray.from_storage(
    pa.fixed_shape_tensor(pa.int16(), [2, 3], permutation=[1, 0]),
    pa.array(stored.tolist(), pa.list_(pa.int16(), 6)))
pq.write_table(pa.table({"t": tensors}), "t.parquet")
column = pq.read_table("t.parquet")["t"].combine_chunks()
found = {
    "pyarrow to_numpy_ndarray": column.to_numpy_ndarray()[0].ravel(),
    "pyarrow to_pylist": column.to_pylist()[0],
    "pandas": pd.read_parquet("t.parquet")["t"][0],
    "polars": pl.read_parquet("t.parquet")["t"][0],
    "duckdb": duckdb.sql("select t from 't.parquet' limit 1").fetchall()[0][0],
}
rows = {name: [int(v) for v in row] for name, row in found.items()}
for name, row in rows.items():
    print(f"{name:24} {row}")
assert rows.pop("pyarrow to_numpy_ndarray") == [0, 3, 1, 4, 2, 5]
assert all(row == [0, 1, 2, 3, 4, 5] for row in rows.values())
PYTHON
