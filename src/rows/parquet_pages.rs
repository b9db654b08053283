//! Checks the page headers of a Parquet file before the parquet crate parses them.
//!
//! That crate allocates what a page header claims (the unpacked size, the entries of a dictionary, the length of a
//! statistic), so one flipped bit could allocate gigabytes. Here each header of the wanted columns is parsed just far
//! enough to check its claims against the size of the file. Page headers are Thrift structures in the compact protocol:
//! <https://github.com/apache/parquet-format>,
//! <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>.

use super::input::Input;
use crate::error::{Error, Place, Result};
use parquet::arrow::ProjectionMask;
use parquet::basic::{Compression, Type};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use std::fs::File;
use std::path::Path;

/// The most bytes to which one byte unpacks in any codec of the format: zstd stores 128 KiB of a repeated byte in 4
/// bytes.
const RATIO: u64 = 1 << 15;

/// The longest valid page header; those with long statistics reach some kilobytes.
const LONGEST_HEADER: u64 = 1 << 20;

/// The deepest nesting of columns: readers recurse into them, and real tables have about a dozen levels.
const DEEPEST: usize = 100;

/// The longest footer that is read; it is held in memory whole.
const LONGEST_FOOTER: u64 = 1 << 30;

/// Checks the nesting depth of a file's columns before the parquet crate recurses into them. An invalid footer is left
/// to that crate.
///
/// Errors: a depth that no real table has.
pub(super) fn check_depth(input: &Input) -> Result<()> {
    let Some(end) = input.size.checked_sub(8) else {
        return Ok(());
    };
    let tail = input.bytes(end, 4)?;
    let length = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
    let Some(start) = end.checked_sub(length).filter(|_| length <= LONGEST_FOOTER) else {
        return Ok(());
    };
    let bytes = input.bytes(start, length)?;
    let mut thrift = Thrift {
        bytes: &bytes,
        at: 0,
    };
    match thrift.schema_depth() {
        Some(depth) if depth > DEEPEST => Err(input.error(
            Place::Byte(start),
            format!("its columns lie {depth} deep in one another, and {DEEPEST} are read"),
            "write the table with flatter columns",
        )),
        _ => Ok(()),
    }
}

/// Check all pages of a file that another module reads.
pub(crate) fn check_all(path: &Path, file: &File, metadata: &ParquetMetaData) -> Result<()> {
    let file = file
        .try_clone()
        .map_err(|error| Error::io("open", path, error))?;
    let size = file
        .metadata()
        .map_err(|error| Error::io("read", path, error))?
        .len();
    let input = Input {
        file,
        path: path.into(),
        size,
        head: Vec::new(),
        extension: String::new(),
        packed: None,
    };
    check(&input, metadata, &ProjectionMask::all())
}

/// Checks all pages of the columns in the mask.
pub(super) fn check(
    input: &Input,
    metadata: &ParquetMetaData,
    mask: &ProjectionMask,
) -> Result<()> {
    for group in metadata.row_groups() {
        for (leaf, column) in group.columns().iter().enumerate() {
            if mask.leaf_included(leaf) {
                check_column(input, column)?;
            }
        }
    }
    Ok(())
}

/// Checks the pages of one column of one row group.
fn check_column(input: &Input, column: &ColumnChunkMetaData) -> Result<()> {
    let start = column
        .dictionary_page_offset()
        .unwrap_or_else(|| column.data_page_offset());
    let range = (
        u64::try_from(start),
        u64::try_from(column.compressed_size()),
        u64::try_from(column.num_values()),
    );
    let (Ok(mut at), Ok(size), Ok(total)) = range else {
        return Err(input.corrupt(Place::Whole, "the footer claims a column of negative size"));
    };
    let Some(end) = at.checked_add(size).filter(|&end| end <= input.size) else {
        let what = format!(
            "a column of {size} bytes is claimed here, the file has {}",
            input.size
        );
        return Err(input.corrupt(Place::Byte(at), what));
    };
    let mut values = 0;
    while values < total && at < end {
        let (header, length) = page_header(input, at, end)?;
        let body = at + length;
        let what = header.fault(
            column.compression(),
            width(column),
            end - body,
            total - values,
        );
        if let Some(what) = what {
            return Err(input.corrupt(Place::Byte(at), what));
        }
        values += header.data_values.unwrap_or(0);
        at = body + header.packed;
    }
    if values < total {
        let what = format!("{total} values are claimed, the pages hold {values}");
        return Err(input.corrupt(Place::Byte(at), what));
    }
    Ok(())
}

/// The fields of a page header that are checked.
#[derive(Debug, Default, PartialEq)]
struct PageHeader {
    /// The size of the page in the file, and its unpacked size.
    packed: u64,
    unpacked: u64,
    /// The number of values of a data page.
    data_values: Option<u64>,
    /// The number of entries of a dictionary page.
    entries: Option<u64>,
}

impl PageHeader {
    /// What is wrong with a page; `left` bytes and `values` values of `width` bytes remain in its column.
    fn fault(&self, codec: Compression, width: u64, left: u64, values: u64) -> Option<String> {
        let &PageHeader {
            packed,
            unpacked,
            data_values,
            entries,
        } = self;
        let count = data_values.or(entries).unwrap_or(0);
        // Levels take at most a few bytes per value, encodings little more than the value itself.
        let plausible = count.saturating_mul(width + 8).saturating_add(1 << 16);
        let implausible =
            unpacked > packed.saturating_mul(RATIO) || (width > 0 && unpacked > plausible);
        if packed > left {
            Some(format!(
                "a page of {packed} bytes is claimed, {left} are left of its column"
            ))
        } else if codec == Compression::UNCOMPRESSED && packed != unpacked {
            Some(format!(
                "a page without compression claims to unpack from {packed} to {unpacked} bytes"
            ))
        } else if implausible {
            Some(format!(
                "a page of {packed} bytes claims to unpack to {unpacked}"
            ))
        } else if entries.is_some() && count.saturating_mul(width.max(1)) > unpacked {
            Some(format!(
                "a dictionary of {count} entries is claimed in {unpacked} bytes"
            ))
        } else if data_values.is_some() && count > values {
            Some(format!(
                "a page claims {count} values, {values} are left of its column"
            ))
        } else {
            None
        }
    }
}

/// The size of a value in bytes, 0 where it varies.
fn width(column: &ColumnChunkMetaData) -> u64 {
    match column.column_type() {
        Type::BOOLEAN => 1,
        Type::INT32 | Type::FLOAT => 4,
        Type::INT64 | Type::DOUBLE => 8,
        Type::INT96 => 12,
        Type::BYTE_ARRAY => 0,
        Type::FIXED_LEN_BYTE_ARRAY => {
            u64::try_from(column.column_descr().type_length()).unwrap_or(0)
        }
    }
}

/// The page header at byte `at` of a column that ends at `end`, and its length.
fn page_header(input: &Input, at: u64, end: u64) -> Result<(PageHeader, u64)> {
    let most = (end - at).min(LONGEST_HEADER);
    let mut window = most.min(512);
    loop {
        let bytes = input.bytes(at, window)?;
        let mut thrift = Thrift {
            bytes: &bytes,
            at: 0,
        };
        if let Some(header) = thrift.page_header() {
            return Ok((header, thrift.at as u64));
        }
        if window == most {
            return Err(input.corrupt(Place::Byte(at), "no page header of a Parquet file is here"));
        }
        window = (window * 8).min(most);
    }
}

/// A bounds-checked reader of Thrift's compact protocol; `None` at the end of the bytes or for invalid data.
struct Thrift<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// Types of the compact protocol.
const STOP: u8 = 0;
const I32: u8 = 5;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

impl Thrift<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn advance(&mut self, count: u64) -> Option<()> {
        let end = self.at.checked_add(usize::try_from(count).ok()?)?;
        self.at = Some(end).filter(|&end| end <= self.bytes.len())?;
        Some(())
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// A zigzag-encoded number that must not be negative.
    fn natural(&mut self) -> Option<u64> {
        let value = self.varint()?;
        (value & 1 == 0).then_some(value >> 1)
    }

    /// The type and number of the next field; the type is `None` at the end of the structure.
    fn field(&mut self, before: u64) -> Option<(u8, u64)> {
        let byte = self.byte()?;
        let number = match byte >> 4 {
            _ if byte == STOP => 0,
            0 => self.natural()?,
            step => before.checked_add(u64::from(step))?,
        };
        Some((byte & 15, number))
    }

    /// Skips a value.
    fn skip(&mut self, kind: u8, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            1 | 2 => Some(()),
            3 => self.advance(1),
            4..=6 => self.varint().map(drop),
            7 => self.advance(8),
            8 => {
                let length = self.varint()?;
                self.advance(length)
            }
            9 | 10 => {
                let byte = self.byte()?;
                let count = if byte >> 4 == 15 {
                    self.varint()?
                } else {
                    u64::from(byte >> 4)
                };
                // In a list, a bool takes a byte.
                let kind = if matches!(byte & 15, 1 | 2) {
                    3
                } else {
                    byte & 15
                };
                (0..count).try_for_each(|_| self.skip(kind, depth))
            }
            STRUCT => {
                let mut number = 0;
                loop {
                    let (kind, this) = self.field(number)?;
                    if kind == STOP {
                        return Some(());
                    }
                    self.skip(kind, depth)?;
                    number = this;
                }
            }
            _ => None,
        }
    }

    /// The nesting depth of the columns in a file's metadata.
    fn schema_depth(&mut self) -> Option<usize> {
        let mut number = 0;
        loop {
            let (kind, this) = self.field(number)?;
            match (kind, this) {
                (STOP, _) => return None,
                (LIST, 2) => break,
                _ => self.skip(kind, 16)?,
            }
            number = this;
        }
        let byte = self.byte()?;
        let count = match byte >> 4 {
            15 => self.varint()?,
            count => u64::from(count),
        };
        // Columns in depth-first order, each with its number of children; `open` counts the children left at each
        // level.
        let (mut open, mut deepest) = (Vec::new(), 0);
        for _ in 0..count {
            let children = self.children()?;
            deepest = deepest.max(open.len());
            if let Some(left) = open.last_mut() {
                *left -= 1;
            }
            if children > 0 {
                open.push(children);
            }
            while open.last() == Some(&0) {
                open.pop();
            }
        }
        Some(deepest)
    }

    /// Field 5 of a column of the schema, its number of children; 0 if absent.
    fn children(&mut self) -> Option<u64> {
        let (mut children, mut number) = (0, 0);
        loop {
            let (kind, this) = self.field(number)?;
            match (kind, this) {
                (STOP, _) => return Some(children),
                (I32, 5) => children = self.natural()?,
                _ => self.skip(kind, 16)?,
            }
            number = this;
        }
    }

    /// Field 1 of a structure, a number; the rest is skipped.
    fn first_number(&mut self) -> Option<u64> {
        let (mut first, mut number) = (None, 0);
        loop {
            let (kind, this) = self.field(number)?;
            match (kind, this) {
                (STOP, _) => return first,
                (I32, 1) => first = Some(self.natural()?),
                _ => self.skip(kind, 16)?,
            }
            number = this;
        }
    }

    fn page_header(&mut self) -> Option<PageHeader> {
        let (mut header, mut number) = (PageHeader::default(), 0);
        loop {
            let (kind, this) = self.field(number)?;
            match (kind, this) {
                (STOP, _) => return Some(header),
                (I32, 2) => header.unpacked = self.natural()?,
                (I32, 3) => header.packed = self.natural()?,
                (STRUCT, 5 | 8) => header.data_values = Some(self.first_number()?),
                (STRUCT, 7) => header.entries = Some(self.first_number()?),
                _ => self.skip(kind, 16)?,
            }
            number = this;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> Option<(PageHeader, usize)> {
        let mut thrift = Thrift { bytes, at: 0 };
        Some((thrift.page_header()?, thrift.at))
    }

    /// A dictionary page: type 2, 300 bytes packed into 40, a checksum, a list in place of field 8 (to be skipped),
    /// then field 7 with an explicit number: 75 entries, encoding 0.
    const DICTIONARY: [u8; 22] = [
        0x15, 4, 0x15, 0xd8, 4, 0x15, 80, 0x15, 1, 0x49, 0x18, 1, b'a', 0x0c, 14, 0x15, 0x96, 1,
        0x15, 0, 0, 0,
    ];

    #[test]
    fn headers_are_parsed_and_beginnings_of_them_are_not() {
        let header = PageHeader {
            packed: 40,
            unpacked: 300,
            data_values: None,
            entries: Some(75),
        };
        assert_eq!(parse(&DICTIONARY), Some((header, DICTIONARY.len())));
        for length in 0..DICTIONARY.len() {
            assert_eq!(parse(&DICTIONARY[..length]), None, "{length} bytes");
        }
    }

    #[test]
    fn claims_are_held_against_what_is_there() {
        let zstd = Compression::ZSTD(Default::default());
        let data = |packed, unpacked, values| PageHeader {
            packed,
            unpacked,
            data_values: Some(values),
            entries: None,
        };
        let fault = |page: PageHeader, codec| page.fault(codec, 4, 1000, 500).unwrap_or_default();
        assert_eq!(fault(data(100, 2000, 500), zstd), "");
        assert_eq!(fault(data(1000, 1000, 250), Compression::UNCOMPRESSED), "");
        assert!(fault(data(1001, 2000, 500), zstd).contains("1000 are left"));
        assert!(fault(data(100, 200, 50), Compression::UNCOMPRESSED).contains("from 100 to 200"));
        assert!(fault(data(100, 1 << 30, 500), zstd).contains("to unpack to"));
        assert!(fault(data(1, 1 << 16, 500), zstd).contains("to unpack to"));
        assert!(fault(data(100, 2000, 501), zstd).contains("501 values"));
        let dictionary = |entries| PageHeader {
            packed: 100,
            unpacked: 400,
            data_values: None,
            entries: Some(entries),
        };
        assert_eq!(fault(dictionary(100), zstd), "");
        assert!(fault(dictionary(101), zstd).contains("101 entries"));
        assert!(fault(dictionary(u64::MAX), zstd).contains("entries"));
    }
}
