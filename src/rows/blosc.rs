//! Decodes Blosc version 1, in which a buffer of numbers is shuffled (by bytes or bits) and compressed in blocks.
//!
//! Zarr compresses its chunks so by default, and HDF5 has a filter for it. The layout is that of
//! `README_CHUNK_FORMAT.rst` in
//! c-blosc 1.21; blosclz, LZ4, zlib and Zstandard are unpacked.

use std::io::Read;

/// Bytes before the data.
const HEADER: usize = 16;

/// A block is split into one piece for each byte of a number only if numbers have at most 16 bytes and pieces at least
/// 128.
const MOST_SPLITS: usize = 16;
const LEAST_PIECE: usize = 128;

/// The compressor of a block.
#[derive(Clone, Copy)]
enum Packer {
    BloscLz,
    Lz4,
    Zlib,
    Zstd,
}

/// The shuffle that was applied before compression.
#[derive(Clone, Copy)]
enum Sorted {
    Not,
    Bytes,
    Bits,
}

struct Header {
    packer: Packer,
    sorted: Sorted,
    /// The size of a number, in bytes.
    size: usize,
    /// The size of an unpacked block, in bytes.
    block: usize,
    split: bool,
}

/// Unpacks a buffer to at most `most` bytes. Errors: what is wrong, as text.
pub(super) fn decode(data: &[u8], most: usize) -> Result<Vec<u8>, String> {
    let head = data
        .first_chunk::<HEADER>()
        .ok_or("the data end in Blosc's header")?;
    let word = |at: usize| {
        u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]) as usize
    };
    let (bytes, block, packed) = (word(4), word(8), word(12));
    if !matches!(head[0], 1 | 2) {
        return Err(format!("version {} of Blosc's format is not read", head[0]));
    }
    if bytes > most {
        return Err(format!("{bytes} bytes are claimed, and {most} are wanted"));
    }
    let data = data
        .get(..packed)
        .ok_or("Blosc's header claims more bytes than there are")?;
    if head[2] & 2 != 0 {
        let plain = data.get(HEADER..).filter(|plain| plain.len() == bytes);
        return Ok(plain.ok_or("the length of the data is wrong")?.to_vec());
    }
    let header = Header {
        packer: packer(head[2] >> 5)?,
        sorted: match head[2] & 5 {
            0 => Sorted::Not,
            1 => Sorted::Bytes,
            4 => Sorted::Bits,
            _ => return Err("bytes and bits cannot both be shuffled".into()),
        },
        size: usize::from(head[3]).max(1),
        block,
        split: head[2] & 0x10 == 0,
    };
    blocks(data, bytes, &header)
}

fn packer(code: u8) -> Result<Packer, String> {
    Ok(match code {
        0 => Packer::BloscLz,
        1 => Packer::Lz4,
        2 => return Err("Blosc packed it with Snappy, which is not read".into()),
        3 => Packer::Zlib,
        4 => Packer::Zstd,
        _ => {
            return Err(format!(
                "Blosc packed it in a way that is not known ({code})"
            ));
        }
    })
}

/// Unpacks all blocks; a table before them holds their offsets.
fn blocks(data: &[u8], bytes: usize, header: &Header) -> Result<Vec<u8>, String> {
    if bytes == 0 {
        return Ok(Vec::new());
    }
    if header.block == 0 {
        return Err("Blosc's blocks have no bytes".into());
    }
    let count = bytes.div_ceil(header.block);
    let starts = data
        .get(HEADER..)
        .and_then(|rest| rest.get(..count.checked_mul(4)?))
        .ok_or("the data end in the table of blocks")?;
    let mut out = vec![0; bytes];
    let mut unpacked = vec![0; header.block.min(bytes)];
    for (block, start) in out.chunks_mut(header.block).zip(starts.as_chunks::<4>().0) {
        let start = u32::from_le_bytes(*start) as usize;
        let packed = data.get(start..).ok_or("a block begins behind the data")?;
        let unpacked = &mut unpacked[..block.len()];
        pieces(packed, unpacked, header)?;
        match header.sorted {
            Sorted::Not => block.copy_from_slice(unpacked),
            Sorted::Bytes => unsort_bytes(unpacked, header.size, block),
            Sorted::Bits => unsort_bits(unpacked, header.size, block),
        }
    }
    Ok(out)
}

/// Unpacks the pieces of a block, which follow one another, each after its length.
fn pieces(mut packed: &[u8], out: &mut [u8], header: &Header) -> Result<(), String> {
    let whole = out.len() == header.block;
    let split = header.split
        && whole
        && header.size <= MOST_SPLITS
        && out.len() / header.size >= LEAST_PIECE;
    let count = if split { header.size } else { 1 };
    if !out.len().is_multiple_of(count) {
        return Err("a block does not hold a whole number of values".into());
    }
    let length = out.len() / count;
    for piece in out.chunks_exact_mut(length) {
        let (size, rest) = packed
            .split_first_chunk::<4>()
            .ok_or("a block ends before its pieces")?;
        let size = u32::from_le_bytes(*size) as usize;
        let (data, rest) = rest
            .split_at_checked(size)
            .ok_or("a piece is longer than the data")?;
        match size == length {
            true => piece.copy_from_slice(data),
            false => unpack(header.packer, data, piece)?,
        }
        packed = rest;
    }
    Ok(())
}

/// Unpacks one piece, which must fill `out` exactly.
fn unpack(packer: Packer, data: &[u8], out: &mut [u8]) -> Result<(), String> {
    let fault = |error: &dyn std::fmt::Display| format!("a piece cannot be unpacked: {error}");
    let length = match packer {
        Packer::BloscLz => blosclz(data, out).ok_or_else(|| fault(&"it is no blosclz"))?,
        Packer::Lz4 => {
            lz4_flex::block::decompress_into(data, out).map_err(|error| fault(&error))?
        }
        Packer::Zlib => {
            let mut reader = flate2::read::ZlibDecoder::new(data);
            reader.read_exact(out).map_err(|error| fault(&error))?;
            out.len()
        }
        Packer::Zstd => {
            let mut decoder = zstd::bulk::Decompressor::new().map_err(|error| fault(&error))?;
            let length = decoder.decompress_to_buffer(data, out);
            length.map_err(|error| fault(&error))?
        }
    };
    match length == out.len() {
        true => Ok(()),
        false => Err("a piece unpacks to too few bytes".into()),
    }
}

/// Unpacks blosclz, which is FastLZ with longer distances: a control byte below 32 counts the literals that follow it;
/// any other holds a length of three bits and the upper bits of a distance. Returns the number of bytes written, or
/// None for invalid data.
fn blosclz(data: &[u8], out: &mut [u8]) -> Option<usize> {
    /// The longest distance of the short form.
    const NEAR: usize = 8191;
    let mut input = data;
    let mut at = 0;
    let mut control = next(&mut input)? & 31;
    loop {
        if control < 32 {
            let (literals, rest) = input.split_at_checked(usize::from(control) + 1)?;
            out.get_mut(at..)?
                .get_mut(..literals.len())?
                .copy_from_slice(literals);
            at += literals.len();
            input = rest;
        } else {
            let (mut length, high) = (usize::from(control >> 5) + 2, usize::from(control & 31));
            if length == 9 {
                loop {
                    let more = next(&mut input)?;
                    length += usize::from(more);
                    if more != 255 {
                        break;
                    }
                }
            }
            let low = next(&mut input)?;
            let distance = match (high, low) {
                (31, 255) => {
                    let far = [next(&mut input)?, next(&mut input)?];
                    usize::from(u16::from_be_bytes(far)) + NEAR
                }
                _ => high << 8 | usize::from(low),
            };
            let from = at.checked_sub(distance + 1)?;
            out.get(at..)?.get(..length)?;
            // A match may overlap the bytes that it writes.
            for place in 0..length {
                out[at + place] = out[from + place];
            }
            at += length;
        }
        match next(&mut input) {
            Some(byte) => control = byte,
            None => return Some(at),
        }
    }
}

/// The next byte.
fn next(input: &mut &[u8]) -> Option<u8> {
    let (&byte, rest) = input.split_first()?;
    *input = rest;
    Some(byte)
}

/// Undoes the byte shuffle, which stores the first bytes of all numbers, then all second bytes, and so on. Bytes beyond
/// the last whole number stay at the end.
pub(super) fn unsort_bytes(sorted: &[u8], size: usize, out: &mut [u8]) {
    let count = sorted.len() / size;
    for byte in 0..size {
        let plane = &sorted[byte * count..][..count];
        for (number, &value) in plane.iter().enumerate() {
            out[number * size + byte] = value;
        }
    }
    out[count * size..].copy_from_slice(&sorted[count * size..]);
}

/// Undoes the bit shuffle, which stores the lowest bits of all first bytes, and so on. Only a multiple of eight numbers
/// is shuffled.
fn unsort_bits(sorted: &[u8], size: usize, out: &mut [u8]) {
    let count = sorted.len() / size;
    if !count.is_multiple_of(8) {
        return out.copy_from_slice(sorted);
    }
    let plane = count / 8;
    out[..count * size].fill(0);
    for bit in 0..8 * size {
        let (byte, shift) = (bit / 8, bit % 8);
        for (eight, &bits) in sorted[bit * plane..][..plane].iter().enumerate() {
            for place in 0..8 {
                out[(8 * eight + place) * size + byte] |= (bits >> place & 1) << shift;
            }
        }
    }
    out[count * size..].copy_from_slice(&sorted[count * size..]);
}
