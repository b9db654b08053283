//! A pack as bytes, for a message to another process: the number of arrays, and the name, type, length and numbers of
//! each.
//!
//! ```text
//! "hspack1\0"  u64 arrays  { u64 n, n bytes of UTF-8, u64 type (0: f64, 1: f32, 2: u64), u64 n, n numbers }   little-endian
//! ```

use super::{Numbers, Pack};
use crate::error::{Error, Place, Result};

const HEAD: &[u8; 8] = b"hspack1\0";

impl Pack {
    /// Encodes all arrays; [`Pack::of_bytes`] decodes them.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = HEAD.to_vec();
        out.extend((self.arrays.len() as u64).to_le_bytes());
        for (name, numbers) in &self.arrays {
            out.extend((name.len() as u64).to_le_bytes());
            out.extend(name.as_bytes());
            let known = Numbers::KINDS
                .iter()
                .take_while(|&&kind| kind != numbers.kind());
            out.extend((known.count() as u64).to_le_bytes());
            out.extend((numbers.len() as u64).to_le_bytes());
            out.extend(numbers.to_bytes());
        }
        out
    }

    /// Decodes the arrays of a message; `origin` names its sender, for errors.
    ///
    /// Errors: bytes that are not a complete message.
    pub fn of_bytes(origin: &str, bytes: &[u8]) -> Result<Self> {
        let mut left = Left { origin, bytes };
        if left.take(8)? != HEAD {
            return Err(left.fault("it does not begin as one of this version"));
        }
        let mut pack = Pack::new(origin);
        for _ in 0..left.word()? {
            let len = left.word()?;
            let name = std::str::from_utf8(left.take(len)?);
            let name = name.map_err(|_| left.fault("a name is no text"))?;
            let (kind, len) = (left.word()?, left.word()?);
            let kind = Numbers::KINDS
                .get(kind as usize)
                .copied()
                .unwrap_or_default();
            let width = if kind == "<f4" { 4 } else { 8 };
            let numbers = Numbers::of_bytes(kind, left.take(len.saturating_mul(width))?);
            let unknown = || left.fault("a type of numbers is not known");
            pack.put(name, numbers.ok_or_else(unknown)?);
        }
        match left.bytes.is_empty() {
            true => Ok(pack),
            false => Err(left.fault("there are bytes behind its end")),
        }
    }
}

/// The bytes of a message that are still to be decoded.
struct Left<'b> {
    origin: &'b str,
    bytes: &'b [u8],
}

impl<'b> Left<'b> {
    fn fault(&self, what: &str) -> Error {
        let what = format!("{what}, as a message must be");
        let advice = "both sides must run the same version of hullscope";
        Error::input(self.origin, Place::Whole, what, advice)
    }

    fn take(&mut self, len: u64) -> Result<&'b [u8]> {
        let split = usize::try_from(len).ok();
        match split.and_then(|len| self.bytes.split_at_checked(len)) {
            Some((taken, left)) => {
                self.bytes = left;
                Ok(taken)
            }
            None => Err(self.fault("it ends too early")),
        }
    }

    fn word(&mut self) -> Result<u64> {
        let taken = self.take(8)?;
        Ok(taken
            .iter()
            .rev()
            .fold(0, |word, &byte| word << 8 | u64::from(byte)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_back_bit_for_bit_and_a_damaged_one_is_refused() {
        let mut pack = Pack::new("shard 1");
        pack.put_reals("a", [1.5, -0.0, f64::INFINITY]);
        pack.put("b", Numbers::F32(vec![f32::MIN_POSITIVE]));
        pack.put_counts("c", [usize::MAX, 7]);
        pack.put_counts("none", []);
        let bytes = pack.to_bytes();
        let again = Pack::of_bytes("shard 1", &bytes).unwrap();
        assert_eq!((&again, again.to_bytes()), (&pack, bytes.clone()));
        for end in 0..bytes.len() {
            let error = Pack::of_bytes("shard 1", &bytes[..end])
                .unwrap_err()
                .to_string();
            assert!(error.contains("shard 1"), "{error}");
        }
        // Excessive lengths do not allocate memory.
        for at in (8..bytes.len()).filter(|at| at % 8 == 0) {
            let mut damaged = bytes.clone();
            damaged[at..(at + 8).min(bytes.len())].fill(255);
            let _ = Pack::of_bytes("shard 1", &damaged);
        }
        let longer = [bytes, vec![0]].concat();
        assert!(Pack::of_bytes("shard 1", &longer).is_err());
    }
}
