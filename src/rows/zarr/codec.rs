//! Decodes the bytes of a chunk with the codecs that zarr-python and numcodecs write, one after the other.

use crate::rows::blosc;
use crate::rows::packed::Packing;
use serde_json::Value;
use std::io::Read;

/// A codec from bytes to bytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Codec {
    Stream(Packing),
    Zlib,
    Lz4,
    Blosc,
    /// The byte shuffle, for numbers of this size in bytes.
    Shuffle(usize),
    Crc32c,
}

/// The supported codecs, for messages.
const READ: &str = "blosc, bz2, crc32c, gzip, lz4, lzma, shuffle, zlib and zstd";

impl Codec {
    /// The codec of this name in Zarr 3 or numcodecs, with its options. Errors: an unsupported codec, as text.
    pub fn of(name: &str, options: &Value) -> Result<Self, String> {
        let number = |key: &str| options.get(key).and_then(Value::as_u64);
        Ok(match name.strip_prefix("numcodecs.").unwrap_or(name) {
            "gzip" => Codec::Stream(Packing::Gzip),
            "zstd" => Codec::Stream(Packing::Zstd),
            "bz2" => Codec::Stream(Packing::Bzip2),
            // Python's constant for the .xz container (FORMAT_XZ) is 1.
            "lzma" if number("format").unwrap_or(1) == 1 => Codec::Stream(Packing::Xz),
            "zlib" => Codec::Zlib,
            "lz4" => Codec::Lz4,
            "blosc" => Codec::Blosc,
            "crc32c" if !name.contains('.') => Codec::Crc32c,
            "shuffle" => {
                match number("elementsize").map_or(Some(4), |size| usize::try_from(size).ok()) {
                    Some(size @ 1..=64) => Codec::Shuffle(size),
                    _ => return Err("shuffle of numbers of an odd size is not read".into()),
                }
            }
            _ => return Err(format!("the codec {name:?} is not read ({READ} are)")),
        })
    }

    /// Decodes one step. Errors, as text: invalid data, or more than `most` bytes.
    fn decode(&self, data: Vec<u8>, most: usize) -> Result<Vec<u8>, String> {
        match self {
            Codec::Stream(packing) => {
                let decoder = packing.decoder(data.as_slice());
                all(&mut decoder.map_err(|error| error.to_string())?, most)
            }
            Codec::Zlib => all(&mut flate2::read::ZlibDecoder::new(data.as_slice()), most),
            Codec::Lz4 => lz4(&data, most),
            Codec::Blosc => blosc::decode(&data, most),
            Codec::Shuffle(size) => {
                let mut out = vec![0; data.len()];
                blosc::unsort_bytes(&data, *size, &mut out);
                Ok(out)
            }
            Codec::Crc32c => checked(data),
        }
    }
}

/// Applies all codecs, from last to first; the result must have exactly `bytes` bytes. Errors: what is wrong, as text.
pub(super) fn decode(codecs: &[Codec], mut data: Vec<u8>, bytes: usize) -> Result<Vec<u8>, String> {
    for (place, codec) in codecs.iter().enumerate().rev() {
        let most = if place == 0 { bytes } else { packed(bytes) };
        data = codec.decode(data, most)?;
    }
    match data.len() == bytes {
        true => Ok(data),
        false => Err(format!("it has {} bytes instead of {bytes}", data.len())),
    }
}

/// The most bytes to which `bytes` are packed: incompressible data grows a little.
pub(super) fn packed(bytes: usize) -> usize {
    bytes.saturating_add(bytes / 8).saturating_add(1 << 16)
}

/// Reads all that a decoder gives, at most `most` bytes.
fn all(decoder: &mut dyn Read, most: usize) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let read = decoder.take(most as u64 + 1).read_to_end(&mut out);
    read.map_err(|error| format!("it cannot be unpacked: {error}"))?;
    match out.len() <= most {
        true => Ok(out),
        false => Err(format!("it unpacks to more than {most} bytes")),
    }
}

/// Decodes LZ4 as numcodecs writes it: the number of bytes, then one block.
fn lz4(data: &[u8], most: usize) -> Result<Vec<u8>, String> {
    let (size, block) = data
        .split_first_chunk::<4>()
        .ok_or("it ends in its header")?;
    let size = u32::from_le_bytes(*size) as usize;
    if size > most {
        return Err(format!("{size} bytes are claimed, and {most} are wanted"));
    }
    let mut out = vec![0; size];
    let read = lz4_flex::block::decompress_into(block, &mut out);
    match read.map_err(|error| format!("it cannot be unpacked: {error}"))? == size {
        true => Ok(out),
        false => Err("it unpacks to too few bytes".into()),
    }
}

/// Checks the checksum in the last four bytes, and returns the data before it.
fn checked(mut data: Vec<u8>) -> Result<Vec<u8>, String> {
    let (rest, sum) = data
        .split_last_chunk::<4>()
        .ok_or("it ends in its checksum")?;
    if crc32c(rest) != u32::from_le_bytes(*sum) {
        return Err("its checksum (crc32c) is another".into());
    }
    data.truncate(data.len() - 4);
    Ok(data)
}

/// CRC-32C (RFC 3720, appendix B.4): Castagnoli's polynomial, least significant bit first.
pub(super) fn crc32c(data: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            let (mut value, mut bit) = (byte as u32, 0);
            while bit < 8 {
                value = value >> 1 ^ if value & 1 == 1 { 0x82F6_3B78 } else { 0 };
                bit += 1;
            }
            table[byte] = value;
            byte += 1;
        }
        table
    };
    !data.iter().fold(!0, |sum, &byte| {
        TABLE[usize::from(sum as u8 ^ byte)] ^ sum >> 8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        // RFC 3720, B.4: 32 zeros, 32 ones; and the usual check value of a CRC, that of "123456789".
        assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc32c(&[255; 32]), 0x62A8_AB43);
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
    }

    #[test]
    fn nothing_unpacks_to_more_than_is_wanted() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut gzip, &[0; 1 << 20]).unwrap();
        let gzip = gzip.finish().unwrap();
        let codecs = [Codec::Stream(Packing::Gzip)];
        assert_eq!(
            decode(&codecs, gzip.clone(), 1 << 20).unwrap().len(),
            1 << 20
        );
        let told = decode(&codecs, gzip, 1000).unwrap_err();
        assert!(told.contains("more than 1000"), "{told}");
        let claim = [&u32::MAX.to_le_bytes()[..], &[0; 8]].concat();
        let told = decode(&[Codec::Lz4], claim, 1000).unwrap_err();
        assert!(told.contains("4294967295"), "{told}");
    }
}
