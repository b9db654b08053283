"""The HDF5 files of this folder, by h5py: layouts, an annotated matrix as AnnData writes it, a MATLAB 7.3 file."""
import h5py, numpy as np

x = (np.arange(12).reshape(4, 3) / 4 - 1).astype("float32")
with h5py.File("layouts.h5", "w") as file:
    file["plain"] = x
    file["big"] = x.astype(">f8")
    file["half"] = x.astype("float16")
    file["integers"] = (x * 4).astype(">i2")
    file["bytes"] = (x * 4 + 4).astype("uint8")
    file["yes"] = x > 0
    file.create_dataset("packed", data=x, chunks=(3, 2), compression="gzip", shuffle=True, fletcher32=True)
    file.create_dataset("growing", data=x.astype("float64"), chunks=(3, 2), maxshape=(None, 3))
    file.create_dataset("missing", shape=(4, 3), dtype="float32", chunks=(2, 3), fillvalue=7.5)[:2] = x[:2]
    file.create_dataset("axes", data=x.reshape(2, 2, 3))
    file.create_dataset("lzf", data=x, chunks=(4, 3), compression="lzf")
    file.create_dataset("vast", shape=(2**40, 768), dtype="float32", chunks=(1024, 768))
    file["line"] = x[0]
    file["number"] = 3.0
    file["text"] = ["a", "b"]
    file["records"] = np.zeros(3, dtype=[("a", "f4"), ("b", "i4")])
    bfloat = h5py.h5t.IEEE_F32LE.copy()
    bfloat.set_fields(15, 7, 8, 0, 7), bfloat.set_size(2)
    space = h5py.h5s.create_simple((4, 3))
    h5py.h5d.create(file.id, b"bfloat", bfloat, space).write(h5py.h5s.ALL, h5py.h5s.ALL, x)

with h5py.File("annotated.h5ad", "w", libver="latest") as file:
    file.attrs["encoding-type"] = "anndata"
    for name in ["obs", "obsm", "X", "layers"]:
        file.create_group(name)
    file["X"].attrs["encoding-type"] = "csr_matrix"
    for name in ["data", "indices", "indptr"]:
        file["X"][name] = np.arange(5)
    file["obs"]["_index"] = ["a", "b", "c", "d"]
    file["obsm"].create_dataset("X_pca", data=x, compression="gzip")

with h5py.File("matlab.mat", "w", userblock_size=512) as file:
    file.create_dataset("x", data=x.T.astype("float64"), chunks=(3, 4), compression="gzip")
    file["x"].attrs["MATLAB_class"] = np.bytes_("double")
    file["cube"] = x.reshape(2, 2, 3).T
    file["cube"].attrs["MATLAB_class"] = np.bytes_("single")
    file["name"] = np.array([[104], [105]], dtype="uint16")
    file["name"].attrs["MATLAB_class"] = np.bytes_("char")
with open("matlab.mat", "r+b") as file:
    file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64, HDF5 schema 1.00 .".ljust(124) + b"\0\2IM")
