//! Whether an image file holds more than one picture: animations (GIF, PNG, WebP) and pages (TIFF).

use super::checks::Tiff;

/// Whether there is a second frame or page. Files that are truncated or invalid are left to the decoder.
pub(super) fn several(bytes: &[u8]) -> bool {
    let found = match bytes {
        [b'G', b'I', b'F', ..] => gif(bytes),
        [0x89, b'P', b'N', b'G', ..] => png(bytes),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => webp(bytes),
        [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => {
            Tiff::new(bytes).has_second()
        }
        _ => None,
    };
    found.unwrap_or(false)
}

/// Searches the blocks of a GIF for a second image descriptor (0x2C). <https://www.w3.org/Graphics/GIF/spec-gif89a.txt>
fn gif(bytes: &[u8]) -> Option<bool> {
    // The size of a colour table in bytes, from the flags that announce it.
    let table = |flags: u8| match flags & 0x80 {
        0 => 0,
        _ => 3 << ((flags & 7) + 1),
    };
    let mut at = 13 + table(*bytes.get(10)?);
    let mut images = 0;
    loop {
        match *bytes.get(at)? {
            0x2C => {
                images += 1;
                if images == 2 {
                    return Some(true);
                }
                // The descriptor, its colour table, and the minimum code size.
                at += 10 + table(*bytes.get(at + 9)?) + 1;
            }
            0x21 => at += 2,
            _ => return Some(false),
        }
        // Data sub-blocks, each after its length, up to an empty one.
        loop {
            let length = usize::from(*bytes.get(at)?);
            at += 1 + length;
            if length == 0 {
                break;
            }
        }
    }
}

/// Searches a PNG for the chunk that makes it an animation. <https://www.w3.org/TR/png-3/#acTL-chunk>
fn png(bytes: &[u8]) -> Option<bool> {
    let mut at = 8usize;
    loop {
        let length = u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?) as usize;
        match bytes.get(at + 4..at + 8)? {
            b"acTL" => {
                let frames = u32::from_be_bytes(*bytes.get(at + 8..)?.first_chunk()?);
                return Some(frames > 1);
            }
            b"IDAT" => return Some(false),
            _ => at = at.checked_add(length)?.checked_add(12)?,
        }
    }
}

/// Searches the chunks of a WebP for two frames. <https://developers.google.com/speed/webp/docs/riff_container>
fn webp(bytes: &[u8]) -> Option<bool> {
    let (mut at, mut frames) = (12usize, 0);
    while frames < 2 {
        let length = u32::from_le_bytes(*bytes.get(at + 4..)?.first_chunk()?) as usize;
        frames += usize::from(bytes.get(at..at + 4)? == b"ANMF");
        at = at.checked_add(length)?.checked_add(8 + length % 2)?;
    }
    Some(true)
}
