//! Named arrays of numbers, the form in which computed data about a set is stored in a file or sent to another process.
//!
//! A type that can be stored puts its arrays into a [`Pack`] and takes them out again, by name and with the expected
//! length; the layout of a pack in a file is known to the file's writer alone.

mod bytes;

use crate::error::{Error, Place, Result};
use std::collections::BTreeMap;

/// One array.
#[derive(Debug, Clone, PartialEq)]
pub enum Numbers {
    F64(Vec<f64>),
    F32(Vec<f32>),
    U64(Vec<u64>),
}

impl Numbers {
    /// The types as NumPy names them; a message to another process has the place of a type in this list.
    pub const KINDS: [&str; 3] = ["<f8", "<f4", "<u8"];

    /// The name of the type.
    pub fn kind(&self) -> &'static str {
        Self::KINDS[match self {
            Numbers::F64(_) => 0,
            Numbers::F32(_) => 1,
            Numbers::U64(_) => 2,
        }]
    }

    pub fn len(&self) -> usize {
        match self {
            Numbers::F64(values) => values.len(),
            Numbers::F32(values) => values.len(),
            Numbers::U64(values) => values.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The little-endian bytes of the numbers.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Numbers::F64(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Numbers::F32(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Numbers::U64(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        }
    }

    /// The numbers of a type with these little-endian bytes; `None` if the type is not known or bytes are left over.
    pub fn of_bytes(kind: &str, bytes: &[u8]) -> Option<Self> {
        fn all<T, const B: usize>(bytes: &[u8], read: fn([u8; B]) -> T) -> Option<Vec<T>> {
            let (each, rest) = bytes.as_chunks::<B>();
            rest.is_empty()
                .then(|| each.iter().map(|&bytes| read(bytes)).collect())
        }
        match kind {
            "<f8" => all(bytes, f64::from_le_bytes).map(Numbers::F64),
            "<f4" => all(bytes, f32::from_le_bytes).map(Numbers::F32),
            "<u8" => all(bytes, u64::from_le_bytes).map(Numbers::U64),
            _ => None,
        }
    }
}

/// Arrays by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pack {
    /// Where the arrays come from, for messages.
    origin: String,
    arrays: BTreeMap<String, Numbers>,
}

/// The advice for arrays that do not fit together.
const ADVICE: &str = "it does not fit the rest of the file; make the file again with hullscope fit";

impl Pack {
    /// An empty pack; `origin` names the file from which it is read, if any.
    pub fn new(origin: impl Into<String>) -> Self {
        Pack {
            origin: origin.into(),
            arrays: BTreeMap::new(),
        }
    }

    /// All arrays, by name.
    pub fn arrays(&self) -> impl Iterator<Item = (&str, &Numbers)> {
        self.arrays
            .iter()
            .map(|(name, array)| (name.as_str(), array))
    }

    /// The arrays themselves, by name.
    pub fn into_arrays(self) -> impl Iterator<Item = (String, Numbers)> {
        self.arrays.into_iter()
    }

    /// Removes and returns the arrays whose names begin with `start`.
    pub fn part(&mut self, start: &str) -> Pack {
        let arrays = self
            .arrays
            .extract_if(.., |name, _| name.starts_with(start));
        Pack {
            arrays: arrays.collect(),
            origin: self.origin.clone(),
        }
    }

    /// Add an array; one of the same name is replaced.
    pub fn put(&mut self, name: &str, array: Numbers) {
        self.arrays.insert(name.into(), array);
    }

    /// Adds an array of numbers.
    pub fn put_reals(&mut self, name: &str, values: impl IntoIterator<Item = f64>) {
        self.put(name, Numbers::F64(values.into_iter().collect()));
    }

    /// Adds an array of counts or row numbers.
    pub fn put_counts(&mut self, name: &str, values: impl IntoIterator<Item = usize>) {
        let values = values.into_iter().map(|value| value as u64);
        self.put(name, Numbers::U64(values.collect()));
    }

    /// Whether there is an array of this name.
    pub fn has(&self, name: &str) -> bool {
        self.arrays.contains_key(name)
    }

    /// The error for an invalid array.
    pub fn fault(&self, name: &str, what: impl Into<String>) -> Error {
        Error::input(&self.origin, Place::Part(name.into()), what, ADVICE)
    }

    /// Removes and returns an array of f64, of `len` numbers where this is given. Errors: no such array, or another
    /// type or length.
    pub fn reals(&mut self, name: &str, len: Option<usize>) -> Result<Vec<f64>> {
        match self.arrays.remove(name) {
            Some(Numbers::F64(values)) => self.long(name, values, len),
            other => Err(self.other(name, other.is_some(), "f64")),
        }
    }

    /// A view of an array of f64, of `len` numbers. Errors: as [`Pack::reals`].
    pub fn look(&self, name: &str, len: usize) -> Result<&[f64]> {
        match self.arrays.get(name) {
            Some(Numbers::F64(values)) if values.len() == len => Ok(values),
            Some(Numbers::F64(values)) => Err(self.length(name, values.len(), len)),
            other => Err(self.other(name, other.is_some(), "f64")),
        }
    }

    /// A view of an array of u64, of any length. Errors: no such array, or another type.
    pub fn look_words(&self, name: &str) -> Result<&[u64]> {
        match self.arrays.get(name) {
            Some(Numbers::U64(values)) => Ok(values),
            other => Err(self.other(name, other.is_some(), "u64")),
        }
    }

    /// Whether an array of u64 of this name is there and holds these values, such as the options that other arrays depend on.
    pub fn holds(&self, name: &str, values: &[u64]) -> bool {
        matches!(self.arrays.get(name), Some(Numbers::U64(found)) if found == values)
    }

    /// Removes and returns an array of f32; otherwise as [`Pack::reals`].
    pub fn floats(&mut self, name: &str, len: Option<usize>) -> Result<Vec<f32>> {
        match self.arrays.remove(name) {
            Some(Numbers::F32(values)) => self.long(name, values, len),
            other => Err(self.other(name, other.is_some(), "f32")),
        }
    }

    /// Removes and returns an array of u64; otherwise as [`Pack::reals`].
    pub fn words(&mut self, name: &str, len: Option<usize>) -> Result<Vec<u64>> {
        match self.arrays.remove(name) {
            Some(Numbers::U64(values)) => self.long(name, values, len),
            other => Err(self.other(name, other.is_some(), "u64")),
        }
    }

    /// Removes and returns an array of indices, each below `below`; otherwise as [`Pack::reals`].
    pub fn indices(&mut self, name: &str, len: Option<usize>, below: usize) -> Result<Vec<usize>> {
        let values = self.words(name, len)?;
        match values.iter().find(|&&value| value >= below as u64) {
            Some(value) => Err(self.fault(name, format!("{value} is not below {below}"))),
            None => Ok(values.into_iter().map(|value| value as usize).collect()),
        }
    }

    /// As [`Pack::indices`], for indices that are strictly ascending.
    pub fn ascending(&mut self, name: &str, below: usize) -> Result<Vec<usize>> {
        let values = self.indices(name, None, below)?;
        match values.is_sorted_by(|a, b| a < b) {
            true => Ok(values),
            false => Err(self.fault(name, "the numbers do not ascend")),
        }
    }

    fn long<T>(&self, name: &str, values: Vec<T>, len: Option<usize>) -> Result<Vec<T>> {
        match len.filter(|&len| len != values.len()) {
            Some(len) => Err(self.length(name, values.len(), len)),
            None => Ok(values),
        }
    }

    fn length(&self, name: &str, found: usize, wanted: usize) -> Error {
        self.fault(
            name,
            format!("{found} numbers, where {wanted} were expected"),
        )
    }

    fn other(&self, name: &str, there: bool, wanted: &str) -> Error {
        match there {
            false => self.fault(name, "there is no such array"),
            true => self.fault(name, format!("an array of {wanted} was expected")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_come_out_as_they_went_in_and_others_are_refused_by_name() {
        let mut pack = Pack::new("x.hull");
        pack.put_reals("a", [1.0, f64::INFINITY]);
        pack.put_counts("b", [3, 1]);
        let mut again = pack.clone();
        assert_eq!(again.reals("a", Some(2)).unwrap(), [1.0, f64::INFINITY]);
        assert_eq!(again.indices("b", Some(2), 4).unwrap(), [3, 1]);
        let refused = |take: &dyn Fn(&mut Pack) -> Error, said: &str| {
            let error = take(&mut pack.clone()).to_string();
            assert!(error.contains("x.hull") && error.contains(said), "{error}");
        };
        refused(&|p| p.reals("a", Some(3)).unwrap_err(), "2 numbers");
        refused(&|p| p.look("a", 3).unwrap_err(), "2 numbers");
        refused(&|p| p.look("b", 2).unwrap_err(), "f64");
        assert_eq!(pack.look("a", 2).unwrap(), [1.0, f64::INFINITY]);
        assert_eq!(pack.look_words("b").unwrap(), [3, 1]);
        assert!(pack.look_words("a").is_err() && pack.look_words("c").is_err());
        assert!(pack.holds("b", &[3, 1]) && !pack.holds("b", &[3]) && !pack.holds("a", &[]));
        refused(&|p| p.reals("b", None).unwrap_err(), "f64");
        let (mut left, part) = (pack.clone(), pack.clone().part("b"));
        assert_eq!(
            (left.part("b"), left.has("a"), left.has("b")),
            (part, true, false)
        );
        refused(&|p| p.words("c", None).unwrap_err(), "no such array");
        refused(&|p| p.indices("b", None, 3).unwrap_err(), "3 is not below");
        refused(&|p| p.ascending("b", 9).unwrap_err(), "ascend");
    }
}
