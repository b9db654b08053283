//! Formats that are recognised by their content but not supported, each with a command that converts it.

use super::archive;
use super::input::Input;
use crate::error::{Error, Place};
use std::path::Path;

/// An unsupported format.
struct Refused {
    sniff: fn(&Input) -> bool,
    what: &'static str,
    /// What to do; FILE stands for the file name without its packing extension, and WHOLE for the full name.
    advice: &'static str,
}

/// The unsupported formats, in the order in which they are tried.
const REFUSED: &[Refused] = &[
    Refused {
        sniff: |input| input.head.starts_with(b"FEA1"),
        what: "this is Feather version 1",
        advice: "write it again as version 2: python -c \"import pyarrow.feather as f; \
                 f.write_feather(f.read_table('FILE'), 'rows.feather')\"",
    },
    Refused {
        sniff: |input| input.head.starts_with(TORCH),
        what: "this is a file of PyTorch before version 1.6, Python pickles, which are never loaded",
        advice: "write it again as torch.save does now: python -c \"import torch; \
                 torch.save(torch.load('FILE', weights_only=True, map_location='cpu'), 'rows.pt')\"",
    },
    Refused {
        sniff: is_joblib,
        what: "this is a file of joblib, a Python pickle, which is never loaded",
        advice: "where you trust the file: python -c \"import joblib, numpy; \
                 numpy.save('rows.npy', joblib.load('WHOLE'), allow_pickle=False)\"",
    },
    Refused {
        sniff: is_pickle,
        what: "this is a Python pickle, which is never loaded",
        advice: "where you trust the file: python -c \"import pickle, numpy; \
                 numpy.save('rows.npy', pickle.load(open('FILE', 'rb')), allow_pickle=False)\"",
    },
    Refused {
        // The major and minor version, of 16 bits each, before the magic number.
        sniff: |input| matches!(tail(input, 8)[..], [_, 0, _, 0, b'L', b'A', b'N', b'C']),
        what: "this is a file of Lance, which is not read",
        advice: "convert its data set, the folder that holds _versions and data: python -c \"import lance, pyarrow.parquet \
                 as p; p.write_table(lance.dataset('FOLDER').to_table(), 'rows.parquet')\"",
    },
    Refused {
        // The last byte is the length of the postscript before it, which ends with the magic number again.
        sniff: |input| input.head.starts_with(b"ORC") && tail(input, 4).starts_with(b"ORC"),
        what: "this is ORC, which is not read",
        advice: "python -c \"import pyarrow.orc as o, pyarrow.parquet as p; \
                 p.write_table(o.read_table('FILE'), 'rows.parquet')\"",
    },
    Refused {
        sniff: |input| {
            let version = input.head.get(4..8);
            input.head.starts_with(b"GGUF")
                && matches!(version, Some([1..=9, 0, 0, 0] | [0, 0, 0, 1..=9]))
        },
        what: "this is GGUF, the weights of a language model, which is not read",
        advice: "save one tensor: python -c \"import gguf, numpy; t = {t.name: t for t in \
                 gguf.GGUFReader('FILE').tensors}['token_embd.weight']; \
                 numpy.save('rows.npy', gguf.quants.dequantize(t.data, t.tensor_type))\"",
    },
    Refused {
        sniff: |input| input.head.starts_with(b"version https://git-lfs"),
        what: "this is a pointer of git LFS: the data themselves were not fetched",
        advice: "fetch them: git lfs install && git lfs pull",
    },
    Refused {
        sniff: |input| begins_as(input, &["<!doctype html", "<html"]),
        what: "this is a web page, as servers send instead of a file that they do not give",
        advice: "look at it in a browser, and fetch the file itself (on Hugging Face and GitHub the address has /resolve/ or \
                 /raw/ in place of /blob/): curl -L -o FILE ADDRESS",
    },
    Refused {
        sniff: |input| {
            let magic = input.head.get(257..263);
            magic.is_some_and(|magic| magic == b"ustar\0" || magic == b"ustar ")
        },
        what: "this is a tar archive, which is not read",
        advice: "unpack it, and name the files in it: tar -xf WHOLE",
    },
    Refused {
        sniff: |input| input.head.starts_with(&793_712_314u32.to_le_bytes()),
        what: "this is a model of fastText, whose vectors are made of parts of words, and is not read",
        advice: "python -c \"import gensim; gensim.models.fasttext.load_facebook_vectors('FILE')\
                 .save_word2vec_format('rows.bin', binary=True)\"",
    },
    Refused {
        sniff: |input| input.head.starts_with(b"SQLite format 3\0"),
        what: "this is a SQLite database, which is not read",
        advice: "sqlite3 -header -csv FILE 'SELECT * FROM name' > rows.csv (its tables: sqlite3 FILE .tables)",
    },
    Refused {
        // The magic number, and a version far below 2^16.
        sniff: |input| {
            matches!(
                input.head.get(8..20),
                Some([b'D', b'U', b'C', b'K', _, _, 0, 0, 0, 0, 0, 0])
            )
        },
        what: "this is a DuckDB database, which is not read",
        advice: "duckdb FILE \"COPY (FROM name) TO 'rows.parquet'\" (its tables: duckdb FILE 'SHOW TABLES')",
    },
    Refused {
        sniff: |input| archive::has(input, |name| name == "xl/workbook.xml"),
        what: "this is an Excel workbook, which is not read",
        advice: "python -c \"import pandas; pandas.read_excel('FILE').to_csv('rows.csv', index=False)\"",
    },
    Refused {
        sniff: |input| input.head.starts_with(b"MATLAB 5.0 MAT-file"),
        what: "this is a MATLAB file of version 5, which is not read",
        advice: "python -c \"import scipy.io, numpy; numpy.save('rows.npy', scipy.io.loadmat('FILE')['name'])\" (its arrays: \
                 scipy.io.whosmat('FILE'))",
    },
];

/// How files of PyTorch before version 1.6 begin: a pickle of a magic number.
const TORCH: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

/// The advice for an archive that `scipy.sparse.save_npz` wrote.
pub(super) const SPARSE: &str = "python -c \"import scipy.sparse, numpy; \
                                 numpy.save('rows.npy', scipy.sparse.load_npz('FILE').toarray())\"";

/// The advice for a folder that is a data set of Lance.
pub(super) const LANCE: &str = "python -c \"import lance, pyarrow.parquet as p; \
                                p.write_table(lance.dataset('FILE').to_table(), 'rows.parquet')\"";

/// The advice for a folder that is a table of Delta Lake.
pub(super) const DELTA: &str = "python -c \"import deltalake, pyarrow.parquet as p; \
                                p.write_table(deltalake.DeltaTable('FILE').to_pyarrow_table(), 'rows.parquet')\"";

/// The advice for a folder that is a table of Iceberg.
pub(super) const ICEBERG: &str = "python -c \"import glob, pyarrow.parquet as p; from pyiceberg.table import StaticTable; \
                                  m = sorted(glob.glob('FILE/metadata/*.metadata.json'))[-1]; \
                                  p.write_table(StaticTable.from_metadata(m).scan().to_arrow(), 'rows.parquet')\"";

/// The error for a file in an unsupported format; None for any other file.
pub(super) fn refusal(input: &Input) -> Option<Error> {
    let found = REFUSED.iter().find(|refused| (refused.sniff)(input))?;
    let unpacked = input.path.with_extension("");
    let (file, what, first) = match input.packed {
        Some(packing) => (
            unpacked.as_path(),
            format!("{}; it is packed with {packing}", found.what),
            if found.advice.contains("WHOLE") {
                ""
            } else {
                "unpack it first, and then: "
            },
        ),
        None => (input.path.as_path(), found.what.into(), ""),
    };
    let advice = of_file(found.advice, file).replace("WHOLE", &shown(&input.path, "FILE"));
    Some(input.error(Place::Byte(0), what, format!("{first}{advice}")))
}

/// The advice with the name of a file or folder in place of FILE.
pub(super) fn of_file(advice: &str, path: &Path) -> String {
    advice.replace("FILE", &shown(path, "FILE"))
}

/// A path for use in a shell command; `otherwise` if it has characters with a meaning in the shell.
fn shown(path: &Path, otherwise: &str) -> String {
    let name = path.display().to_string();
    let plain = |letter: char| letter.is_alphanumeric() || "/._-+=:,@".contains(letter);
    match name.chars().all(plain) && !name.starts_with('-') {
        true => name,
        false => otherwise.into(),
    }
}

/// The last `count` bytes of a file; empty if it is shorter.
fn tail(input: &Input, count: u64) -> Vec<u8> {
    let start = input.size.checked_sub(count);
    let bytes = start.and_then(|start| input.bytes(start, count).ok());
    bytes.unwrap_or_default()
}

/// Whether a file begins with one of these texts, regardless of case and leading blanks.
fn begins_as(input: &Input, starts: &[&str]) -> bool {
    let head = input
        .head
        .strip_prefix(b"\xEF\xBB\xBF")
        .unwrap_or(&input.head);
    let text = head.trim_ascii_start();
    starts.iter().any(|start| {
        let begin = text.get(..start.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(start.as_bytes()))
    })
}

/// Whether a file is a pickle of protocol 2 or later. The byte after the version is never 0 in a pickle, unlike in
/// other formats whose files begin with a length such as 640.
fn is_pickle(input: &Input) -> bool {
    let is_length = input.head.get(8..10) == Some(b"{\"");
    let binary = matches!(input.head[..], [0x80, 2..=5, 1..=255, ..]) && !is_length;
    binary
        || [&b"cnumpy"[..], b"ccopy_reg\n"]
            .iter()
            .any(|start| input.head.starts_with(start))
}

/// Whether joblib wrote a file: a pickle that names its module, or data packed with zlib, which no other known format
/// is.
fn is_joblib(input: &Input) -> bool {
    let names = || input.head.windows(6).any(|name| name == b"joblib");
    let zlib = matches!(input.head[..], [0x78, 0x01 | 0x5E | 0x9C | 0xDA, ..]);
    let is_called = matches!(input.extension.as_str(), "joblib" | "pkl" | "pickle");
    is_pickle(input) && names() || zlib && is_called
}
