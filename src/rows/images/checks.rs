//! Checks an image file before it is decoded, where the decoder would fill in missing data or allocate sizes that the
//! file merely claims.

/// What is wrong with a file of a format that needs checking; None if nothing is found.
pub(super) fn fault(bytes: &[u8]) -> Option<String> {
    match bytes {
        [0xFF, 0xD8, ..] if !ends_as_jpeg(bytes) => {
            Some("the file ends before the image does".into())
        }
        [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => {
            let (count, size) = Tiff::new(bytes).too_many()?;
            Some(format!(
                "{count} values of {size} bytes are claimed, and the file has {} bytes",
                bytes.len()
            ))
        }
        _ => None,
    }
}

/// Whether a JPEG has its end marker; the decoder fills missing data with grey.
fn ends_as_jpeg(bytes: &[u8]) -> bool {
    let mut at = 2;
    while let Some(found) = bytes
        .get(at..)
        .and_then(|rest| rest.iter().position(|&byte| byte == 0xFF))
    {
        at += found;
        match bytes.get(at + 1) {
            Some(0xD9) => return true,
            Some(0xFF) => at += 1,
            // A stuffed data byte, a restart marker, or another marker without a length.
            Some(0x00 | 0x01 | 0xD0..=0xD8) => at += 2,
            _ => match bytes.get(at + 2..at + 4) {
                Some(length) => at += 2 + usize::from(u16::from_be_bytes([length[0], length[1]])),
                None => return false,
            },
        }
    }
    false
}

/// The first directory of a TIFF: a count, then entries of a tag (u16), a type (u16), a count, and an offset.
pub(super) struct Tiff<'b> {
    bytes: &'b [u8],
    little: bool,
    /// BigTIFF, in which counts and offsets have 8 bytes.
    big: bool,
}

impl<'b> Tiff<'b> {
    /// The directory of a file that begins like a TIFF.
    pub fn new(bytes: &'b [u8]) -> Self {
        let little = bytes[0] == b'I';
        Tiff {
            bytes,
            little,
            big: bytes[if little { 2 } else { 3 }] == 43,
        }
    }

    /// An integer of up to 8 bytes at `at`; None outside of the file.
    fn number(&self, at: u64, size: usize) -> Option<u64> {
        let at = usize::try_from(at).ok()?;
        let bytes = self.bytes.get(at..at.checked_add(size)?)?;
        let join = |number, byte: &u8| number << 8 | u64::from(*byte);
        Some(if self.little {
            bytes.iter().rev().fold(0, join)
        } else {
            bytes.iter().fold(0, join)
        })
    }

    /// Whether another directory (a second page) follows the first.
    pub fn has_second(&self) -> Option<bool> {
        let (word, count) = if self.big { (8, 8) } else { (4, 2) };
        let directory = self.number(word as u64, word)?;
        let entries = self.number(directory, count)?;
        let length = entries.checked_mul(4 + 2 * word as u64)?;
        let next = directory.checked_add(count as u64)?.checked_add(length)?;
        Some(self.number(next, word)? > 0)
    }

    /// The first entry that claims more values than the file can hold: their count, and the bytes of each. An
    /// incomplete directory is left to the decoder.
    fn too_many(&self) -> Option<(u64, u64)> {
        let (word, count) = if self.big { (8, 8) } else { (4, 2) };
        let directory = self.number(word as u64, word)?;
        let entries = self.number(directory, count)?;
        let length = 4 + 2 * word as u64;
        for entry in 0..entries {
            let at = entry
                .checked_mul(length)?
                .checked_add(directory)?
                .checked_add(count as u64)?;
            let size = match self.number(at + 2, 2)? {
                3 | 8 => 2,
                4 | 9 | 11 | 13 => 4,
                5 | 10 | 12 | 16..=18 => 8,
                _ => 1,
            };
            let values = self.number(at + 4, word)?;
            if values.saturating_mul(size) > self.bytes.len() as u64 {
                return Some((values, size));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_jpeg_is_not_that_of_its_thumbnail() {
        // An application segment with a whole JPEG in it, a scan with a stuffed byte and a restart, the end.
        let file = [
            &[0xFF, 0xD8, 0xFF, 0xE1, 0, 6, 0xFF, 0xD8, 0xFF, 0xD9][..],
            &[
                0xFF, 0xFF, 0xDA, 0, 3, 1, 7, 0xFF, 0x00, 9, 0xFF, 0xD0, 5, 0xFF, 0xD9,
            ],
        ]
        .concat();
        assert!(ends_as_jpeg(&file));
        for length in 2..file.len() {
            assert!(!ends_as_jpeg(&file[..length]), "{length}");
        }
    }

    #[test]
    fn entries_of_a_tiff_are_held_against_the_file() {
        // One entry, of 16-bit values, in all four layouts.
        let tiff = |little: bool, big: bool, count: u32| {
            let number = |value: u32, size: usize| {
                let mut bytes = value.to_le_bytes().to_vec();
                bytes.resize(8, 0);
                bytes.truncate(size);
                if !little {
                    bytes.reverse();
                }
                bytes
            };
            let (word, entries) = if big { (8, 8) } else { (4, 2) };
            let head = [
                vec![if little { b'I' } else { b'M' }; 2],
                number(if big { 43 } else { 42 }, 2),
                number(8, if big { 2 } else { 0 }),
                number(0, if big { 2 } else { 0 }),
                number(if big { 16 } else { 8 }, word),
                number(1, entries),
            ];
            let entry = [
                number(258, 2),
                number(3, 2),
                number(count, word),
                number(0, word),
            ];
            [head.concat(), entry.concat()].concat()
        };
        for (little, big) in [(true, false), (false, false), (true, true), (false, true)] {
            let length = tiff(little, big, 1).len() as u32;
            assert_eq!(
                fault(&tiff(little, big, length / 2)),
                None,
                "{little} {big}"
            );
            let told = fault(&tiff(little, big, length / 2 + 1)).unwrap();
            assert!(told.contains("values of 2 bytes"), "{told}");
            assert!(fault(&tiff(little, big, u32::MAX)).is_some());
            // A file truncated anywhere is left to the decoder.
            let whole = tiff(little, big, 1);
            for length in 0..whole.len() {
                assert_eq!(fault(&whole[..length]), None);
            }
        }
    }
}
