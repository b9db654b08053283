//! Flat indexes of faiss: `IxF2` (L2), `IxFI` (inner product), `IxFl` (other metrics), and the same with ids of the
//! rows, `IxMp` and `IxM2`. Other kinds store codes instead of rows; they are refused with an error that names the
//! kind.
//!
//! Layout (faiss/impl/index_write.cpp, little-endian): four letters; d as i32, the count as i64, two unused i64, one
//! byte, the metric as i32, and an f32 for metrics beyond 1. A flat index continues with the count of its numbers as
//! u64 and the numbers as f32. An index with ids holds a whole flat index after its header, then the count of ids as
//! u64 and the ids as i64.

use super::Element;
use super::columns::Columns;
use super::format::Format;
use super::input::Input;
use super::store::FixedRows;
use super::table::{Ask, Chunk, STEP, Stream, Table};
use crate::error::{Place, Result};

/// The letters of the kinds that are not supported.
const OTHERS: [(&[u8; 4], &str); 45] = [
    (b"IBHf", "IndexBinaryHNSW"),
    (b"IBHh", "IndexBinaryHash"),
    (b"IBHm", "IndexBinaryMultiHash"),
    (b"IBM2", "IndexBinaryIDMap2"),
    (b"IBMp", "IndexBinaryIDMap"),
    (b"IBwF", "IndexBinaryIVF"),
    (b"IBxF", "IndexBinaryFlat"),
    (b"IHN2", "IndexHNSW2Level"),
    (b"IHNc", "IndexHNSWCagra"),
    (b"IHNf", "IndexHNSWFlat"),
    (b"IHNp", "IndexHNSWPQ"),
    (b"IHNs", "IndexHNSWSQ"),
    (b"INNf", "IndexNNDescentFlat"),
    (b"INSf", "IndexNSGFlat"),
    (b"INSp", "IndexNSGPQ"),
    (b"INSs", "IndexNSGSQ"),
    (b"IPfs", "IndexPQFastScan"),
    (b"IRMf", "IndexRowwiseMinMax"),
    (b"IRMh", "IndexRowwiseMinMaxFP16"),
    (b"IvFL", "IndexIVFFlat"),
    (b"IvFl", "IndexIVFFlat"),
    (b"IvPQ", "IndexIVFPQ"),
    (b"IvQR", "IndexIVFPQR"),
    (b"IwFd", "IndexIVFFlatDedup"),
    (b"IwFl", "IndexIVFFlat"),
    (b"IwLS", "IndexIVFLocalSearchQuantizer"),
    (b"IwPQ", "IndexIVFPQ"),
    (b"IwPf", "IndexIVFPQFastScan"),
    (b"IwPn", "IndexIVFFlatPanorama"),
    (b"IwQR", "IndexIVFPQR"),
    (b"IwRQ", "IndexIVFResidualQuantizer"),
    (b"IwSQ", "IndexIVFScalarQuantizer"),
    (b"IwSq", "IndexIVFScalarQuantizer"),
    (b"Iwrq", "IndexIVFRaBitQ"),
    (b"Ix2L", "Index2Layer"),
    (b"IxHE", "IndexLSH"),
    (b"IxHe", "IndexLSH"),
    (b"IxLS", "IndexLocalSearchQuantizer"),
    (b"IxLa", "IndexLattice"),
    (b"IxPT", "IndexPreTransform"),
    (b"IxPq", "IndexPQ"),
    (b"IxRF", "IndexRefineFlat"),
    (b"IxRq", "IndexResidualQuantizer"),
    (b"IxSQ", "IndexScalarQuantizer"),
    (b"Ixrq", "IndexRaBitQ"),
];

const FLAT: [&[u8; 4]; 3] = [b"IxF2", b"IxFI", b"IxFl"];
const WITH_IDS: [&[u8; 4]; 2] = [b"IxMp", b"IxM2"];

fn is(letters: &[u8], known: &[&[u8; 4]]) -> bool {
    known.iter().any(|known| letters == *known)
}

fn other(letters: &[u8]) -> Option<&'static str> {
    let found = OTHERS.iter().find(|(known, _)| letters == *known);
    found.map(|(_, name)| *name)
}

/// Flat indexes of faiss.
pub(in crate::rows) struct Faiss;

impl Format for Faiss {
    fn name(&self) -> &'static str {
        "faiss"
    }

    fn sniff(&self, input: &Input) -> bool {
        sniff(input)
    }

    fn open(&self, input: Input, ask: &Ask) -> Result<Table> {
        open(input, ask)
    }

    fn help(&self) -> &'static str {
        "flat faiss indexes"
    }
}

/// Whether a file begins like an index of faiss: the letters of a kind, and a dimension below 2^24, which no text has
/// at this place.
fn sniff(input: &Input) -> bool {
    let Some((letters, rest)) = input.head.split_at_checked(4) else {
        return false;
    };
    let known = is(letters, &FLAT) || is(letters, &WITH_IDS) || other(letters).is_some();
    known && rest.get(3) == Some(&0)
}

fn open(input: Input, _: &Ask) -> Result<Table> {
    let mut parser = Parser {
        input: &input,
        at: 0,
    };
    let outer = parser.header()?;
    let with_ids = is(&outer.letters, &WITH_IDS);
    let inner = match with_ids {
        true => parser.header()?,
        false => outer,
    };
    if !is(&inner.letters, &FLAT) {
        return Err(refused(&input, &inner.letters, with_ids));
    }
    let width = inner.dim * 4;
    let numbers = parser.u64()?;
    if inner.len.checked_mul(inner.dim) != Some(numbers) {
        return Err(input.corrupt(
            Place::Byte(parser.at - 8),
            format!(
                "{numbers} numbers are claimed for {} rows of {}",
                inner.len, inner.dim
            ),
        ));
    }
    let start = parser.at;
    let bytes = numbers.checked_mul(4);
    parser.skip(bytes)?;
    let mut ids = 0;
    if with_ids {
        let count = parser.u64()?;
        if count != inner.len {
            return Err(input.corrupt(
                Place::Byte(parser.at - 8),
                format!("{count} ids are claimed for {} rows", inner.len),
            ));
        }
        ids = parser.at;
        parser.skip(count.checked_mul(8))?;
    }
    if parser.at != input.size {
        let what = format!("{} bytes follow the index", input.size - parser.at);
        return Err(input.error(Place::Byte(parser.at), what, "write the index again"));
    }
    let layout = FixedRows {
        file: input.file.into(),
        path: input.path,
        offset: start,
        stride: width,
        foreign: cfg!(target_endian = "big"),
    };
    // The numbers fit the file, so their counts fit a usize.
    let (dim, len) = (inner.dim as usize, inner.len as usize);
    if !with_ids {
        return Ok(Table::plain(layout, vec![dim], len, Element::F32));
    }
    let columns = Columns {
        id: Some("the ids of the index".into()),
        ..Columns::default()
    };
    Ok(Table::stream(Named {
        layout,
        ids,
        dim,
        len,
        next: 0,
    })
    .of(columns))
}

/// The error for an index of an unsupported kind.
fn refused(input: &Input, letters: &[u8], with_ids: bool) -> crate::Error {
    let shown = String::from_utf8_lossy(letters).into_owned();
    let inside = if with_ids { "inside IndexIDMap, " } else { "" };
    let Some(name) = other(letters) else {
        let what = format!("{inside}an index of kind {letters:02x?} is not known");
        return input.error(Place::Byte(0), what, FLAT_ONLY);
    };
    let what = format!("{inside}{shown} is an {name} of faiss, and only flat indexes are read");
    if name.contains("Binary") {
        return input.error(
            Place::Byte(0),
            what,
            "its rows are bits: unpack those that were added with numpy.unpackbits and save them",
        );
    }
    let file = input.path.display();
    let ready = if name.contains("IVF") {
        "i.make_direct_map(); "
    } else {
        ""
    };
    input.error(
        Place::Byte(0),
        what,
        format!(
            "save its rows (approximate ones, if it keeps codes): python -c \"import faiss, numpy; i = \
             faiss.read_index('{file}'); {ready}numpy.save('rows.npy', i.reconstruct_n(0, i.ntotal))\""
        ),
    )
}

const FLAT_ONLY: &str =
    "write it as a flat index (IndexFlatL2, IndexFlatIP), or its rows with numpy.save";

/// The header of an index.
struct Header {
    letters: Vec<u8>,
    dim: u64,
    len: u64,
}

/// Reads numbers one after the other.
struct Parser<'a> {
    input: &'a Input,
    at: u64,
}

impl Parser<'_> {
    fn bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.input.bytes(self.at, N as u64)?;
        self.at += N as u64;
        Ok(bytes.first_chunk().copied().unwrap_or([0; N]))
    }

    fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.bytes()?))
    }

    /// Skips bytes, which must exist.
    fn skip(&mut self, count: Option<u64>) -> Result<()> {
        let end = count.and_then(|count| self.at.checked_add(count));
        match end.filter(|&end| end <= self.input.size) {
            Some(end) => {
                self.at = end;
                Ok(())
            }
            None => Err(self.input.corrupt(
                Place::Byte(self.at),
                format!(
                    "the index claims more than follows: the file has {} bytes",
                    self.input.size
                ),
            )),
        }
    }

    fn header(&mut self) -> Result<Header> {
        let start = self.at;
        let letters = self.bytes::<4>()?.to_vec();
        if other(&letters).is_some() || !(is(&letters, &FLAT) || is(&letters, &WITH_IDS)) {
            return Ok(Header {
                letters,
                dim: 0,
                len: 0,
            });
        }
        let dim = i32::from_le_bytes(self.bytes()?);
        let len = i64::from_le_bytes(self.bytes()?);
        self.skip(Some(17))?;
        let metric = i32::from_le_bytes(self.bytes()?);
        if metric > 1 {
            self.skip(Some(4))?;
        }
        match (u64::try_from(dim), u64::try_from(len)) {
            (Ok(dim @ 1..), Ok(len)) => Ok(Header { letters, dim, len }),
            _ => Err(self.input.corrupt(
                Place::Byte(start),
                format!("the index claims {len} rows of {dim} numbers"),
            )),
        }
    }
}

/// Rows of an index with ids.
struct Named {
    layout: FixedRows,
    /// The offset of the first id.
    ids: u64,
    dim: usize,
    len: usize,
    next: usize,
}

impl Stream for Named {
    fn axes(&self) -> Vec<usize> {
        vec![self.dim]
    }

    fn element(&self) -> Element {
        Element::F32
    }

    fn next(&mut self, chunk: &mut Chunk) -> Result<bool> {
        let width = self.dim * 4;
        let rows = (STEP / width).max(1).min(self.len - self.next);
        if rows == 0 {
            return Ok(false);
        }
        let mut values = Vec::new();
        self.layout
            .read(self.next, rows, width, Element::F32, &mut values)?;
        chunk.values.append(&mut values);
        let mut ids = vec![0; rows * 8];
        self.layout
            .read_at(&mut ids, self.ids + self.next as u64 * 8)?;
        for id in ids.as_chunks::<8>().0 {
            chunk.ids.push(&i64::from_le_bytes(*id).to_string());
        }
        self.next += rows;
        Ok(true)
    }
}
