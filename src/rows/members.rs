//! Selects one of the arrays of a file: the one that the user names, or the only one.

use super::input::input_error;
use crate::error::{Place, Result, SHOWN, first_of, nearest};
use std::path::Path;

/// A format's words for its arrays, and how a user names one.
pub(super) struct Words {
    /// "tensor", "tensors".
    pub one: &'static str,
    pub several: &'static str,
    /// How to name one, as in "write FILE:TENSOR".
    pub write: &'static str,
}

pub(super) const TENSORS: Words = Words {
    one: "tensor",
    several: "tensors",
    write: "write FILE:TENSOR",
};

/// The index of the array that the user names, or of the only one, in a list of names and shapes.
///
/// Errors: no array of this name, several arrays and none named, or no array at all; each error shows the list.
pub(super) fn choose(
    path: &Path,
    words: &Words,
    arrays: &[(String, Vec<u64>)],
    member: Option<&str>,
) -> Result<usize> {
    let Words {
        one,
        several,
        write,
    } = words;
    let fault = |place, what: String, advice: String| Err(input_error(path, place, what, advice));
    let found = |member: &str| {
        let mut places = (0..arrays.len()).filter(|&place| arrays[place].0 == member);
        (places.next(), places.next())
    };
    match (member, arrays) {
        (_, []) => fault(
            Place::Whole,
            format!("the file holds no {several}"),
            "name another file".into(),
        ),
        (Some(member), _) => match found(member) {
            (Some(place), None) => Ok(place),
            (Some(_), Some(_)) => fault(
                Place::Part(member.into()),
                format!("several {several} are called so"),
                "write the file again with other names".into(),
            ),
            _ => {
                let known: Vec<&str> = arrays.iter().map(|(name, _)| name.as_str()).collect();
                let guess = nearest(member, &known);
                let guess =
                    guess.map_or_else(String::new, |name| format!("; did you mean {name}?"));
                fault(
                    Place::Part(member.into()),
                    format!("there is no such {one}; there are: {}", list(arrays)),
                    format!("{write}{guess}"),
                )
            }
        },
        (None, [_]) => Ok(0),
        (None, _) => fault(
            Place::Whole,
            format!("the file holds several {several}: {}", list(arrays)),
            (*write).into(),
        ),
    }
}

/// Where the user names no array, keeps only the tables if there are any: lists of numbers beside them are labels,
/// codes of names, or the parts of sparse matrices.
pub(super) fn tables<T>(arrays: &mut Vec<T>, axes: impl Fn(&T) -> usize) {
    if arrays.iter().any(|array| axes(array) > 1) {
        arrays.retain(|array| axes(array) > 1);
    }
}

/// The arrays' names and shapes as text.
fn list(arrays: &[(String, Vec<u64>)]) -> String {
    let each = arrays
        .iter()
        .map(|(name, shape)| format!("{name} {shape:?}"));
    first_of(&each.collect::<Vec<_>>(), SHOWN)
}
