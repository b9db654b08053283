"""The HDF5 files of this folder, by h5py: layouts, filters, an annotated matrix as AnnData writes it, a MATLAB 7.3 file."""
import h5py, hdf5plugin as more, numpy as np

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
    file.create_dataset("vast", shape=(2**40, 768), dtype="float32", chunks=(1024, 768))
    # More than a slab of a MiB, several chunks each.
    many = np.add.outer(np.arange(100_000), np.arange(16)) % 251
    file.create_dataset("slabs", data=many.astype("uint8"), chunks=(7000, 16), compression="gzip", compression_opts=9)
    file["line"] = x[0]
    file["number"] = 3.0
    file["text"] = ["a", "b"]
    file["records"] = np.zeros(3, dtype=[("a", "f4"), ("b", "i4")])
    bfloat = h5py.h5t.IEEE_F32LE.copy()
    bfloat.set_fields(15, 7, 8, 0, 7), bfloat.set_size(2)
    space = h5py.h5s.create_simple((4, 3))
    h5py.h5d.create(file.id, b"bfloat", bfloat, space).write(h5py.h5s.ALL, h5py.h5s.ALL, x)

# 40 x 16, from -1 in steps of a quarter, in chunks whose edges hang over.
wide = (np.arange(640).reshape(40, 16) / 4 - 1).astype("float32")
with h5py.File("filters.h5", "w", libver="latest") as file:

    def add(name, filters, **others):
        file.create_dataset(name, data=wide, chunks=(15, 11), **dict(filters), **others)

    add("lzf", {"compression": "lzf"})
    add("lzf-shuffle", {"compression": "lzf"}, shuffle=True, fletcher32=True)
    for cname in ["blosclz", "lz4", "zlib", "zstd"]:
        add("blosc-" + cname, more.Blosc(cname, 9, more.Blosc.SHUFFLE))
    add("blosc-bits", more.Blosc("lz4", 5, more.Blosc.BITSHUFFLE))
    add("lz4", more.LZ4())
    add("zstd", more.Zstd(), shuffle=True)
    add("bzip2", more.BZip2())
    add("bitshuffle", more.Bitshuffle())
    add("blosc2", more.Blosc2())
    twice = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    twice.set_chunk((15, 11)), twice.set_filter(32000, 0), twice.set_deflate(4)
    space = h5py.h5s.create_simple(wide.shape)
    h5py.h5d.create(file.id, b"twice", h5py.h5t.IEEE_F32LE, space, twice).write(h5py.h5s.ALL, h5py.h5s.ALL, wide)

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
