"""The flat indexes of this folder, by faiss."""
import faiss, numpy as np

x = (np.arange(12).reshape(4, 3) / 4 - 1).astype("float32")
for name, index in [("l2", faiss.IndexFlatL2(3)), ("l1", faiss.IndexFlat(3, faiss.METRIC_L1))]:
    index.add(x)
    faiss.write_index(index, f"{name}.faiss")
index = faiss.IndexIDMap(faiss.IndexFlatL2(3))
index.add_with_ids(x, np.array([7, -3, 2**40, 5]))
faiss.write_index(index, "map.faiss")
index = faiss.IndexIDMap2(faiss.IndexFlatIP(3))
index.add_with_ids(x, np.array([7, 9, 11, 5]))
faiss.write_index(index, "map2.faiss")
