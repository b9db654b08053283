//! What the fields of rows hold, by the first rows: the columns that the rule of [`choose`] is applied to.
//!
//! [`choose`]: crate::rows::columns::choose

use super::cells::{Cell, Odd};
use crate::rows::columns::{ColumnKind, SourceColumn};
use crate::rows::vector_text::{self, Spelled};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// How a vector is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A list of numbers.
    Lists,
    /// Text that spells one, such as `"[1, 2]"`.
    Spelled,
    /// The bytes of f32, little-endian, in base64, as embedding services send them.
    Packed,
}

/// What one cell holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Number,
    Vector(Form),
    /// A list that holds nothing.
    Empty,
    Odd(Odd),
    Text,
}

fn holds(cell: &Cell) -> Option<Holds> {
    Some(match cell {
        Cell::Missing | Cell::Null => return None,
        Cell::Bool(_) | Cell::Int(_) | Cell::UInt(_) | Cell::Float(_) => Holds::Number,
        Cell::List(list) => match list.odd {
            Some(odd) => Holds::Odd(odd),
            None if list.values.is_empty() => Holds::Empty,
            None => Holds::Vector(Form::Lists),
        },
        Cell::Text(text) if matches!(vector_text::parse(text), Some(Spelled::Vector(_))) => {
            Holds::Vector(Form::Spelled)
        }
        Cell::Text(text) if is_packed(text) => Holds::Vector(Form::Packed),
        Cell::Text(_) => Holds::Text,
    })
}

/// The column of a field whose first cells are these, and how its vectors are written if it holds some.
pub(super) fn column<'c>(
    name: &str,
    cells: impl Iterator<Item = &'c Cell> + Clone,
) -> (SourceColumn, Option<Form>) {
    let all: Vec<Holds> = cells.clone().filter_map(holds).collect();
    let count = |what: Holds| all.iter().filter(|&&one| one == what).count();
    let half = |count: usize| count > 0 && 2 * count >= all.len();
    let forms = [Form::Lists, Form::Spelled, Form::Packed];
    let form = forms.into_iter().find(|&form| {
        let (found, empty) = (count(Holds::Vector(form)), count(Holds::Empty));
        // Text is a vector only if all of it is.
        match form {
            Form::Lists => found > 0 && half(found + empty),
            _ => found > 0 && found == all.len(),
        }
    });
    let lists = count(Holds::Vector(Form::Lists)) + count(Holds::Empty);
    let (kind, stored) = match form {
        Some(Form::Lists) => (ColumnKind::Vector, shape(cells)),
        Some(Form::Spelled) => (ColumnKind::Vector, "vectors in text".into()),
        Some(Form::Packed) => (ColumnKind::Vector, "vectors of f32 in base64".into()),
        None if half(count(Holds::Number)) => (ColumnKind::Number, "numbers".into()),
        None if all.is_empty() => (
            ColumnKind::Other("its first values are null"),
            "null".into(),
        ),
        None if count(Holds::Odd(Odd::Text)) > 0 => {
            (ColumnKind::Other("lists of text"), "lists of text".into())
        }
        None if count(Holds::Odd(Odd::Objects)) > 0 => {
            (ColumnKind::Unread, "lists of objects".into())
        }
        None if count(Holds::Odd(Odd::Mixed)) > 0 => {
            (ColumnKind::Unread, "lists of numbers and lists".into())
        }
        None if lists > 0 => (ColumnKind::Unread, "empty lists".into()),
        None => (ColumnKind::Other("text"), "text".into()),
    };
    let column = SourceColumn {
        name: name.into(),
        kind,
        stored,
    };
    (column, form)
}

/// The type of a column of lists, by the first.
fn shape<'c>(cells: impl Iterator<Item = &'c Cell>) -> String {
    let lists = cells.filter_map(|cell| match cell {
        Cell::List(list) if !list.values.is_empty() => Some(list),
        _ => None,
    });
    let axes = lists.into_iter().next().map(|list| &list.axes);
    let words: Vec<String> = axes.into_iter().flatten().map(usize::to_string).collect();
    format!("lists of {} numbers", words.join(" x "))
}

/// Numbers of a vector in base64 at least: fewer bytes may be a name that happens to be base64.
const PACKED: usize = 4;

/// Whether a text is base64 of f32 as embeddings are: none that is not finite, or of a size that only chance gives.
pub(super) fn is_packed(text: &str) -> bool {
    let usual = |value: &f32| *value == 0.0 || (1e-20..1e6).contains(&value.abs());
    let long = text.len() >= 4 * PACKED * 4 / 3;
    long && unpack(text).is_some_and(|values| values.len() >= PACKED && values.iter().all(usual))
}

/// The f32 of a text in base64; None if it is none.
pub(super) fn unpack(text: &str) -> Option<Vec<f32>> {
    let bytes = STANDARD.decode(text).ok()?;
    let (values, rest) = bytes.as_chunks::<4>();
    rest.is_empty().then(|| {
        values
            .iter()
            .map(|value| f32::from_le_bytes(*value))
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(cells: &[Cell]) -> (ColumnKind, Option<Form>) {
        let (column, form) = column("a", cells.iter());
        (column.kind, form)
    }

    fn text(text: &str) -> Cell {
        Cell::Text(text.into())
    }

    #[test]
    fn what_columns_hold() {
        let packed = text(&STANDARD.encode([0x3F; 16]));
        let vector = |form| (ColumnKind::Vector, Some(form));
        assert_eq!(
            kind(&[packed.clone(), packed.clone()]),
            vector(Form::Packed)
        );
        assert_eq!(
            kind(&[packed, text("abc")]),
            (ColumnKind::Other("text"), None)
        );
        assert_eq!(kind(&[text("[1, 2]"), Cell::Null]), vector(Form::Spelled));
        let lists = [Cell::List(Box::default()), Cell::Null];
        assert_eq!(kind(&lists), (ColumnKind::Unread, None));
        assert_eq!(kind(&[Cell::Int(1), text("x")]), (ColumnKind::Number, None));
        // Names and sums that are base64 too.
        for word in [
            "abcdefghijklmnopqrstuvwx",
            "d41d8cd98f00b204e9800998ecf8427e",
        ] {
            assert!(!is_packed(word), "{word}");
        }
    }
}
