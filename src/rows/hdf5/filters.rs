//! Filters of HDF5 chunks beyond those of the crate: LZF, which h5py has, and those filters of hdf5plugin whose
//! decoders this crate depends on anyway. Other filters are refused by name.
//!
//! Filter numbers: <https://github.com/HDFGroup/hdf5_plugins/blob/master/docs/RegisteredFilterPlugins.md>.

use crate::rows::packed::Packing;
use crate::rows::{blosc, lzf};
use hdf5_reader::error::{Error, Result};
use hdf5_reader::filters::{FILTER_FLETCHER32, FILTER_SHUFFLE, FilterRegistry};
use hdf5_reader::messages::HdfMessage;
use hdf5_reader::{Dataset, Hdf5File};
use std::io::Read;

const BZIP2: u16 = 307;
const LZF: u16 = 32_000;
const BLOSC: u16 = 32_001;
const LZ4: u16 = 32_004;
const ZSTD: u16 = 32_015;

/// The filters added to those of the crate, which have the numbers 1 to 6.
const ADDED: [u16; 5] = [BZIP2, LZF, BLOSC, LZ4, ZSTD];

/// Names of unsupported filters.
const NAMES: [(u16, &str); 8] = [
    (32_008, "bitshuffle"),
    (32_013, "zfp"),
    (32_017, "SZ"),
    (32_019, "JPEG"),
    (32_023, "FCIDECOMP"),
    (32_024, "SZ3"),
    (32_026, "Blosc2"),
    (32_028, "SPERR"),
];

/// The crate's filters and the added ones; each added filter returns at most `most` bytes.
pub(super) fn registry(most: usize) -> FilterRegistry {
    let mut all = FilterRegistry::new();
    let mut add = |id, decode: fn(&[u8], usize) -> std::result::Result<Vec<u8>, String>| {
        let filter = move |data: &[u8]| decode(data, most).map_err(Error::DecompressionError);
        all.register(id, Box::new(move |_, data, _| filter(data)));
    };
    add(LZF, |data, most| {
        lzf::decode(data, most).ok_or_else(|| "a chunk of LZF is broken".into())
    });
    add(BLOSC, blosc::decode);
    add(LZ4, lz4);
    add(ZSTD, |data, most| stream(Packing::Zstd, data, most));
    add(BZIP2, |data, most| stream(Packing::Bzip2, data, most));
    all
}

/// Which filter of a data set is not supported, as text; None if all are.
pub(super) fn refused(file: &Hdf5File, set: &Dataset) -> Result<Option<String>> {
    let header = file.get_or_parse_header(set.address())?;
    let filters = header.messages.iter().find_map(|message| match message {
        HdfMessage::FilterPipeline(pipeline) => Some(&pipeline.filters),
        _ => None,
    });
    let ids = filters.into_iter().flatten().map(|filter| filter.id);
    let mut packed = false;
    for id in ids {
        if !matches!(id, 1..=6) && !ADDED.contains(&id) {
            let name = NAMES.iter().find(|(known, _)| *known == id);
            let name = name.map_or_else(|| format!("number {id}"), |(_, name)| (*name).into());
            return Ok(Some(format!(
                "its chunks went through the filter {name}, which is not read"
            )));
        }
        // The size of the intermediate result between two of these filters is not known.
        if packed && ![FILTER_SHUFFLE, FILTER_FLETCHER32].contains(&id) {
            return Ok(Some(
                "its chunks are packed twice, which is not read".into(),
            ));
        }
        packed |= ADDED.contains(&id);
    }
    Ok(None)
}

fn stream(packing: Packing, data: &[u8], most: usize) -> std::result::Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let decoder = packing.decoder(data);
    let read = decoder.and_then(|decoder| decoder.take(most as u64 + 1).read_to_end(&mut out));
    match read {
        Ok(_) if out.len() <= most => Ok(out),
        Ok(_) => Err(format!("a chunk unpacks to more than {most} bytes")),
        Err(error) => Err(format!("a chunk cannot be unpacked: {error}")),
    }
}

/// Decodes LZ4: the number of bytes, the size of a block, then the blocks, each after its length; the integers are
/// big-endian.
fn lz4(data: &[u8], most: usize) -> std::result::Result<Vec<u8>, String> {
    let parts = || {
        let (bytes, rest) = data.split_first_chunk::<8>()?;
        let (block, rest) = rest.split_first_chunk::<4>()?;
        let bytes = usize::try_from(u64::from_be_bytes(*bytes)).ok()?;
        Some((bytes, u32::from_be_bytes(*block) as usize, rest))
    };
    let broken = || "a chunk of LZ4 is broken".to_string();
    let (bytes, block, mut rest) = parts().ok_or_else(broken)?;
    if bytes > most {
        return Err(format!("a chunk claims {bytes} bytes, more than {most}"));
    }
    let mut out = vec![0; bytes];
    for out in out.chunks_mut(block.max(1)) {
        let (size, behind) = rest.split_first_chunk::<4>().ok_or_else(broken)?;
        let size = u32::from_be_bytes(*size) as usize;
        let (packed, behind) = behind.split_at_checked(size).ok_or_else(broken)?;
        match size == out.len() {
            true => out.copy_from_slice(packed),
            false => {
                let read = lz4_flex::block::decompress_into(packed, out);
                read.ok()
                    .filter(|&read| read == out.len())
                    .ok_or_else(broken)?;
            }
        }
        rest = behind;
    }
    Ok(out)
}
