//! LZF, the fast compression of h5py: literal bytes, and copies of earlier bytes. The format is that of LibLZF.

/// Unpacks to at most `most` bytes; None for invalid data.
pub(super) fn decode(mut data: &[u8], most: usize) -> Option<Vec<u8>> {
    let mut out: Vec<u8> = Vec::new();
    while let Some((&control, rest)) = data.split_first() {
        if control < 32 {
            let (literals, rest) = rest.split_at_checked(usize::from(control) + 1)?;
            out.extend_from_slice(literals);
            data = rest;
        } else {
            let (mut length, mut rest) = (usize::from(control >> 5) + 2, rest);
            if length == 9 {
                length += usize::from(*rest.first()?);
                rest = &rest[1..];
            }
            let (&low, rest) = rest.split_first()?;
            let distance = usize::from(control & 31) << 8 | usize::from(low);
            let from = out.len().checked_sub(distance + 1)?;
            // A copy may overlap the bytes that it writes.
            for place in from..from + length {
                out.push(out[place]);
            }
            data = rest;
        }
        if out.len() > most {
            return None;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_copies() {
        // "abc" as literals, then a copy from three bytes before, of length 7 + 2 + 1.
        let packed = [2, b'a', b'b', b'c', 7 << 5, 1, 2];
        assert_eq!(decode(&packed, 20).unwrap(), b"abcabcabcabca");
        assert_eq!(decode(&packed, 12), None, "more than is wanted");
        for cut in [1, 2, 3, 5, 6] {
            assert_eq!(decode(&packed[..cut], 20), None, "cut to {cut}");
        }
        assert_eq!(
            decode(&[0, b'a', 1 << 5, 1], 20),
            None,
            "before the first byte"
        );
    }
}
