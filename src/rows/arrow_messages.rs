//! Checks the messages of an Arrow IPC file or stream before the arrow crates parse them.
//!
//! Those crates trust the lengths in the messages: one flipped bit could allocate gigabytes, or point outside the file.
//! Here every message is checked against the size of the file: its place, its buffers, and the sizes to which
//! compressed buffers claim to unpack.
//! compressed buffers claim to unpack to.

use super::guarded::guarded;
use super::input::Input;
use crate::error::{Place, Result};
use arrow_ipc::{Block, CompressionType, Message, root_as_footer, root_as_message};

/// The size of the end of a file after its footer: the footer's length and the magic.
const TAIL: u64 = 10;

/// The most bytes to which one byte unpacks: zstd stores 128 KiB of a repeated byte in 4 bytes.
const ZSTD_RATIO: u64 = 1 << 15;
const LZ4_RATIO: u64 = 255;

/// Check the footer of a file and every message that it points to.
pub(super) fn check_file(input: &Input) -> Result<()> {
    let end = input.size.saturating_sub(TAIL);
    let tail = input.bytes(end, TAIL)?;
    if &tail[4..] != b"ARROW1" {
        return Err(input.corrupt(
            Place::Byte(end + 4),
            "the file does not end as Arrow IPC files do",
        ));
    }
    let length = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
    let start = end.checked_sub(length).ok_or_else(|| {
        input.corrupt(
            Place::Byte(end),
            format!(
                "a footer of {length} bytes is claimed, the file has {}",
                input.size
            ),
        )
    })?;
    let bytes = input.bytes(start, length)?;
    let footer = guarded(&input.path, || {
        root_as_footer(&bytes).map_err(|error| broken(input, error))
    })?;
    for block in footer
        .dictionaries()
        .iter()
        .flatten()
        .chain(footer.recordBatches().iter().flatten())
    {
        check_block(input, block, start)?;
    }
    Ok(())
}

/// Check one message of a file whose messages end at byte `end`.
fn check_block(input: &Input, block: &Block, end: u64) -> Result<()> {
    let number = |value: i64| u64::try_from(value).ok();
    let place = (
        number(block.offset()),
        number(block.metaDataLength().into()),
        number(block.bodyLength()),
    );
    let (Some(offset), Some(metadata @ 8..), Some(body)) = place else {
        return Err(input.corrupt(
            Place::Whole,
            "the footer places a message at a negative byte",
        ));
    };
    let fits = offset
        .checked_add(metadata)
        .and_then(|at| at.checked_add(body))
        .is_some_and(|last| last <= end);
    if !fits {
        let what = format!(
            "a message of {metadata} + {body} bytes is claimed here, which the file does not hold"
        );
        return Err(input.corrupt(Place::Byte(offset), what));
    }
    let bytes = input.bytes(offset, metadata)?;
    let message = if bytes.starts_with(&[0xff; 4]) {
        &bytes[8..]
    } else {
        &bytes[4..]
    };
    let message = guarded(&input.path, || {
        root_as_message(message).map_err(|error| broken(input, error))
    })?;
    check_message(input, &message, offset + metadata, body)
}

/// Check every message of a stream.
pub(super) fn check_stream(input: &Input) -> Result<()> {
    let mut at = 0;
    while at < input.size {
        let mut length = input.bytes(at, 4)?;
        at += 4;
        if length == [0xff; 4] {
            length = input.bytes(at, 4)?;
            at += 4;
        }
        let length = u64::from(u32::from_le_bytes([
            length[0], length[1], length[2], length[3],
        ]));
        if length == 0 {
            break;
        }
        let bytes = input.bytes(at, length)?;
        let message = guarded(&input.path, || {
            root_as_message(&bytes).map_err(|error| broken(input, error))
        })?;
        at += length;
        let body = u64::try_from(message.bodyLength())
            .ok()
            .filter(|body| *body <= input.size - at);
        let body = body.ok_or_else(|| {
            let what = format!(
                "{} bytes are claimed to follow, the file has {}",
                message.bodyLength(),
                input.size - at
            );
            input.corrupt(Place::Byte(at), what)
        })?;
        check_message(input, &message, at, body)?;
        at += body;
    }
    Ok(())
}

/// Checks that the buffers of a message lie in its body (`size` bytes from offset `body`) and can unpack to the sizes
/// they claim.
fn check_message(input: &Input, message: &Message<'_>, body: u64, size: u64) -> Result<()> {
    let batch = message
        .header_as_record_batch()
        .or_else(|| message.header_as_dictionary_batch()?.data());
    let Some(batch) = batch else { return Ok(()) };
    let ratio = batch
        .compression()
        .map(|compression| match compression.codec() {
            CompressionType::ZSTD => ZSTD_RATIO,
            _ => LZ4_RATIO,
        });
    for buffer in batch.buffers().iter().flatten() {
        let place = (
            u64::try_from(buffer.offset()).ok(),
            u64::try_from(buffer.length()).ok(),
        );
        let inside =
            |offset: u64, length: u64| offset.checked_add(length).is_some_and(|end| end <= size);
        let (Some(offset), Some(length)) = place else {
            return Err(input.corrupt(Place::Byte(body), "a buffer of negative size is claimed"));
        };
        if !inside(offset, length) {
            let what = format!(
                "a buffer of {length} bytes is claimed at {offset}, its message has {size}"
            );
            return Err(input.corrupt(Place::Byte(body), what));
        }
        if let (Some(ratio), 8..) = (ratio, length) {
            check_claim(input, body + offset, length, ratio)?;
        }
    }
    Ok(())
}

/// Check the unpacked size that the first 8 bytes of a compressed buffer claim (-1: it is not compressed).
fn check_claim(input: &Input, at: u64, length: u64, ratio: u64) -> Result<()> {
    let bytes = input.bytes(at, 8)?;
    let claim = bytes
        .first_chunk()
        .map_or(0, |bytes| i64::from_le_bytes(*bytes));
    let most = length.saturating_mul(ratio).saturating_add(1 << 16);
    if claim < -1 || u64::try_from(claim).is_ok_and(|claim| claim > most) {
        let what = format!("a buffer of {length} bytes claims to unpack to {claim}");
        return Err(input.corrupt(Place::Byte(at), what));
    }
    Ok(())
}

fn broken(input: &Input, error: impl std::fmt::Display) -> crate::Error {
    input.corrupt(
        Place::Whole,
        format!("a message cannot be decoded ({error})"),
    )
}
