"""The Zarr archives of this folder: `zarr2.zip` by zarr-python 2, `zarr3.zip` by zarr-python 3, `annotated.zarr.zip` by AnnData.

    pip install zarr==2.18.7 numcodecs==0.15.2 numpy==2.4.6 && python zarr_arrays.py
    pip install zarr==3.1.6 numcodecs==0.16.6 anndata==0.12.19 numpy==2.4.6 && python zarr_arrays.py

Small arrays are 4 x 3, from -1 in steps of a quarter; those of 40 x 16, which are packed in earnest, go on from there.
"""
import os, shutil, zipfile
import numpy as np, zarr

x = (np.arange(12).reshape(4, 3) / 4 - 1).astype("float32")
wide = (np.arange(640).reshape(40, 16) / 4 - 1).astype("float32")


def pack(folder, archive, method=zipfile.ZIP_STORED, top=""):
    """As zip would, in the order of the names and always with the same times."""
    with zipfile.ZipFile(archive, "w", method) as out:
        for where, folders, names in os.walk(folder):
            folders.sort()
            for name in sorted(names):
                path = os.path.join(where, name)
                info = zipfile.ZipInfo(os.path.join(top, os.path.relpath(path, folder)))
                info.compress_type = method
                with open(path, "rb") as file:
                    out.writestr(info, file.read())
    shutil.rmtree(folder)


def version2():
    from numcodecs import BZ2, LZ4, LZMA, Blosc, Delta, GZip, Shuffle, Zlib, Zstd

    root = zarr.open_group("zarr2", mode="w")

    def add(name, data=x, chunks=(3, 2), **more):
        root.create_dataset(name, data=data, chunks=chunks, **more)

    add("plain", compressor=None)
    add("big", x.astype(">f8"), compressor=None)
    add("half", x.astype("float16"))
    add("integers", (x * 4).astype(">i2"))
    add("bytes", (x * 4 + 4).astype("uint8"))
    add("yes", x > 0)
    add("fortran", order="F", compressor=None)
    add("slashes", dimension_separator="/")
    add("axes", x.reshape(2, 2, 3), chunks=(1, 2, 2), order="F")
    add("line", x[0], chunks=(2,))
    add("text", np.array(["a", "b"]), chunks=(2,))
    add("delta", filters=[Delta("f4")])
    root.create_dataset("missing", shape=(4, 3), chunks=(2, 3), dtype="f4", fill_value=7.5)[:2] = x[:2]
    root.create_dataset("void", shape=(4, 3), chunks=(2, 3), dtype="f4", fill_value=-3)
    for codec in [GZip(), Zlib(), Zstd(), BZ2(), LZ4(), LZMA()]:
        add("packed/" + codec.codec_id, wide, (20, 11), compressor=codec)
    add("packed/shuffle", wide, (20, 11), compressor=Zlib(), filters=[Shuffle(4)])
    for cname, shuffle in [("blosclz", 1), ("lz4", 2), ("zstd", 0), ("zlib", 1), ("lz4hc", 1)]:
        add(f"blosc/{cname}", wide, (20, 11), compressor=Blosc(cname, 9, shuffle))
    add("blosc/blocks", wide, (40, 16), compressor=Blosc("zstd", 5, Blosc.BITSHUFFLE, blocksize=1024))
    pack("zarr2", "zarr2.zip")


def version3():
    from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, GzipCodec, ShardingCodec, TransposeCodec, ZstdCodec
    from zarr.codecs.numcodecs import BZ2, LZ4, Zlib

    root = zarr.open_group("zarr3", mode="w", zarr_format=3)

    def add(name, data=x, chunks=(3, 2), **more):
        root.create_array(name, data=data, chunks=chunks, **more)

    add("plain", compressors=None)
    add("usual")
    add("big", x.astype("float64"), compressors=None, serializer=BytesCodec(endian="big"))
    add("half", x.astype("float16"), compressors=GzipCodec())
    add("integers", (x * 4).astype("int16"))
    add("bytes", (x * 4 + 4).astype("uint8"), compressors=BloscCodec())
    add("yes", x > 0)
    add("turned", filters=[TransposeCodec(order=(1, 0))])
    add("dots", chunk_key_encoding={"name": "v2", "separator": "."})
    add("axes", x.reshape(2, 2, 3), chunks=(1, 2, 2), filters=[TransposeCodec(order=(2, 0, 1))])
    add("line", x[0], chunks=(2,))
    add("text", np.array(["a", "b"]), chunks=(2,))
    add("checked", compressors=[ZstdCodec(), Crc32cCodec()])
    root.create_array("missing", shape=(4, 3), chunks=(2, 3), dtype="f4", fill_value=7.5)[:2] = x[:2]
    root.create_array("void", shape=(4, 3), chunks=(2, 3), dtype="f4", fill_value=-3.0)
    for codec in [BZ2(), LZ4(), Zlib()]:
        add("packed/" + codec.codec_name.split(".")[1], wide, (20, 11), compressors=codec)
    add("shards/end", wide, (5, 4), shards=(20, 16))
    add("shards/turned", wide, (20, 8), shards=(20, 16), filters=[TransposeCodec(order=(1, 0))])
    inner = ShardingCodec(chunk_shape=(5, 4), codecs=[BytesCodec(), BloscCodec(cname="zstd")], index_location="start")
    add("shards/start", wide, (20, 8), serializer=inner, compressors=None)
    some = root.create_array("shards/missing", shape=(40, 16), chunks=(5, 4), shards=(20, 16), dtype="f4", fill_value=7.5)
    some[:5] = wide[:5]
    pack("zarr3", "zarr3.zip")

    import anndata, scipy.sparse

    matrix = anndata.AnnData(scipy.sparse.csr_matrix(x))
    matrix.obsm["X_pca"] = x
    matrix.write_zarr("annotated.zarr")
    pack("annotated.zarr", "annotated.zarr.zip", zipfile.ZIP_DEFLATED, "annotated.zarr")


version2() if zarr.__version__.startswith("2") else version3()
