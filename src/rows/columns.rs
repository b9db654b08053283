//! The rule that decides which columns of a table form the vector, and the matching of the columns of two tables.
//!
//! If a table has exactly one column of vectors, this is used. A table with several, or with none but a column that may
//! hold vectors in an unsupported form, is refused, and the error lists all columns. Only a table without either uses
//! its columns of numbers, except those that count the rows. What was chosen, and what was left out and why, is
//! recorded and reported.

use super::input::input_error;
use crate::error::{Error, Place, Result, first_of};
use glob::Pattern;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The columns that the user asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
#[serde(deny_unknown_fields, default)]
pub struct Choice {
    /// Columns of a table that make a row: names or patterns, as in 'f*,g' (default: the one column of vectors; in a table
    /// without any, all columns of numbers but those that number the rows)
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub columns: Vec<String>,
    /// Columns of a table to leave out: names or patterns
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub drop: Vec<String>,
    /// The column of a table that holds the class of each row; it is no part of the row
    #[arg(id = "label_column", long = "label-column", value_name = "NAME")]
    pub label: Option<String>,
    /// The column of a table that names each row: the name is in every output beside the row number, and is no part of the row
    #[arg(id = "id_column", long = "id-column", value_name = "NAME")]
    pub id: Option<String>,
}

impl Choice {
    /// Whether nothing was asked for.
    pub fn is_default(&self) -> bool {
        *self == Choice::default()
    }
}

/// A column that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    pub name: String,
    pub why: String,
}

/// Which columns of a table make up the rows. All fields are empty for formats without columns.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Columns {
    /// The column whose lists are the rows.
    pub vector: Option<String>,
    /// The columns whose numbers make a row, in the order of a row; empty where the file gives no names.
    pub names: Vec<String>,
    pub left_out: Vec<LeftOut>,
    /// The column of ids.
    pub id: Option<String>,
    /// The column of labels.
    pub label: Option<String>,
    /// Other choices made for the user, one sentence each.
    pub notes: Vec<String>,
}

impl Columns {
    /// One line that says what was used and what was not; empty for formats without columns.
    pub fn line(&self) -> String {
        let mut parts = Vec::new();
        if let Some(vector) = &self.vector {
            parts.push(format!("the vectors of {vector}"));
        }
        match self.names.as_slice() {
            [] => {}
            [one] => parts.push(format!("1 column: {one}")),
            [first, second] => parts.push(format!("2 columns: {first}, {second}")),
            [first, .., last] => {
                parts.push(format!("{} columns: {first} .. {last}", self.names.len()));
            }
        }
        if let Some(id) = &self.id {
            parts.push(format!("ids from {id}"));
        }
        if let Some(label) = &self.label {
            parts.push(format!("labels from {label}"));
        }
        if !self.left_out.is_empty() {
            parts.push(format!("left out: {}", left_out(&self.left_out)));
        }
        parts.join("; ")
    }
}

/// The most columns that a message lists.
const SHOWN: usize = 12;

/// Lists the columns that were left out, grouped by reason.
fn left_out(columns: &[LeftOut]) -> String {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for LeftOut { name, why } in columns {
        match groups.iter_mut().find(|group| group.0 == why) {
            Some(group) => group.1.push(name),
            None => groups.push((why, vec![name])),
        }
    }
    let groups = groups
        .iter()
        .map(|(why, names)| format!("{} ({why})", some(names)));
    groups.collect::<Vec<_>>().join(", ")
}

/// The first names of a list, and the number of further ones.
pub(super) fn some<S: AsRef<str>>(names: &[S]) -> String {
    let seen: Vec<String> = names.iter().map(|name| named(name.as_ref())).collect();
    first_of(&seen, SHOWN)
}

/// A column's name as shown in messages: an empty one is described.
fn named(name: &str) -> String {
    match name {
        "" => "(unnamed)".into(),
        name => name.into(),
    }
}

/// What a column may be used for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ColumnKind {
    /// Each value is a vector.
    Vector,
    /// Each value may be a vector, in an unsupported form.
    Unread,
    /// Each value is a number.
    Number,
    /// Numbers that count the rows, as the file itself says or as an unnamed column shows; holds the reason.
    Index(&'static str),
    /// Anything else, such as text or dates; holds its name for messages.
    Other(&'static str),
}

/// Whether a column has no name, or the name that pandas gives to unnamed columns.
pub(super) fn unnamed(name: &str) -> bool {
    let number = name.strip_prefix("Unnamed: ");
    name.is_empty() || number.is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()))
}

/// Why a column that counts the rows is left out.
pub(super) const COUNTS: &str = "it has no name and counts the rows";

/// Whether the numbers are whole and each is its predecessor plus one.
pub(super) fn counts(mut values: impl Iterator<Item = Option<f64>>) -> bool {
    let Some(Some(mut last)) = values.next() else {
        return false;
    };
    last.fract() == 0.0
        && values.all(|value| {
            let next = value == Some(last + 1.0);
            last += 1.0;
            next
        })
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SourceColumn {
    pub name: String,
    pub kind: ColumnKind,
    /// The name of its type in the format, for messages.
    pub stored: String,
}

/// The chosen columns, as indices into the table's columns.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chosen {
    /// One column of vectors, or all columns of numbers.
    pub places: Vec<usize>,
    pub vector: bool,
    pub id: Option<usize>,
    pub label: Option<usize>,
    pub columns: Columns,
}

/// The reason for a column that the user dropped.
const ASKED: &str = "--drop";
const NOT_NAMED: &str = "not in --columns";
const BESIDE: &str = "beside the vectors";
const MEMBER: &str = "not the column after the colon";

/// Applies the rule to the columns of a table; `member` is the column after the colon of `FILE:COLUMN`.
///
/// Errors: a pattern or a name that matches no column, no column to use, or several candidates; each error lists all
/// columns.
pub(super) fn choose(
    path: &Path,
    columns: &[SourceColumn],
    member: Option<&str>,
    choice: &Choice,
) -> Result<Chosen> {
    let table = Chooser { path, columns };
    let id = table.named(choice.id.as_deref(), "--id-column")?;
    let label = table.named(choice.label.as_deref(), "--label-column")?;
    let drop = table.matching(&choice.drop, "--drop")?;
    let mut why: Vec<Option<&str>> = drop.iter().map(|&out| out.then_some(ASKED)).collect();
    let mut places: Vec<usize> = (0..columns.len())
        .filter(|&place| why[place].is_none() && ![id, label].contains(&Some(place)))
        .collect();
    let keep = match member {
        Some(member) => Some((table.is(member)?, MEMBER)),
        None if !choice.columns.is_empty() => {
            Some((table.matching(&choice.columns, "--columns")?, NOT_NAMED))
        }
        None => None,
    };
    let asked = keep.is_some();
    if let Some((keep, reason)) = keep {
        places.retain(|&place| keep[place]);
        for place in 0..columns.len() {
            if !keep[place] {
                why[place].get_or_insert(reason);
            }
        }
    }
    let vectors = table.of(&places, |kind| *kind == ColumnKind::Vector);
    let vector = !vectors.is_empty();
    if vectors.len() > 1 {
        return Err(table.refusal("several columns hold vectors", &places));
    }
    if vector {
        if asked && places.len() > 1 {
            return Err(table.refusal("a column of vectors and others were asked for", &places));
        }
        places = vectors;
    } else {
        let unread = table.of(&places, |kind| *kind == ColumnKind::Unread);
        if !unread.is_empty() {
            let what = "no column of vectors can be read, and these may hold some";
            return Err(table.refusal(what, &unread));
        }
        places.retain(|&place| match &columns[place].kind {
            ColumnKind::Number => true,
            ColumnKind::Index(_) if asked => true,
            ColumnKind::Index(reason) | ColumnKind::Other(reason) => {
                why[place] = Some(reason);
                false
            }
            ColumnKind::Vector | ColumnKind::Unread => false,
        });
        let unusable = (0..columns.len()).find(|&place| {
            asked && why[place].is_some_and(|w| ![ASKED, NOT_NAMED, MEMBER].contains(&w))
        });
        if let Some(place) = unusable {
            let what = format!(
                "column {} holds neither numbers nor vectors",
                columns[place].name
            );
            return Err(table.refusal(&what, &[place]));
        }
    }
    if places.is_empty() {
        return Err(table.refusal("no column holds numbers or vectors", &[]));
    }
    let left = (0..columns.len())
        .filter(|&place| !places.contains(&place) && ![id, label].contains(&Some(place)));
    let left_out = left.map(|place| LeftOut {
        name: named(&columns[place].name),
        why: why[place].unwrap_or(BESIDE).into(),
    });
    let name = |place: usize| columns[place].name.clone();
    Ok(Chosen {
        columns: Columns {
            vector: vector.then(|| name(places[0])),
            names: if vector {
                Vec::new()
            } else {
                places.iter().map(|&place| name(place)).collect()
            },
            left_out: left_out.collect(),
            id: id.map(name),
            label: label.map(name),
            notes: match vector || asked {
                true => Vec::new(),
                false => telling(columns, &places),
            },
        },
        places,
        vector,
        id,
        label,
    })
}

/// Names that usually mean keys or classes rather than features.
const TELLING: [&str; 12] = [
    "id", "idx", "index", "key", "uuid", "rowid", "label", "labels", "target", "class", "split",
    "fold",
];

/// Notes columns that are used as features although their names suggest keys or classes.
fn telling(columns: &[SourceColumn], places: &[usize]) -> Vec<String> {
    let is = |name: &str| {
        let name = name.to_lowercase();
        TELLING.contains(&name.as_str()) || name.ends_with("_id")
    };
    let names = places.iter().map(|&place| columns[place].name.as_str());
    let names: Vec<&str> = names.filter(|name| is(name)).collect();
    if names.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "by name, {} may hold keys or classes, and is used as a feature: name it with --id-column or --label-column, or leave \
         it out with --drop",
        some(&names)
    )]
}

/// A table whose columns are being chosen.
struct Chooser<'a> {
    path: &'a Path,
    columns: &'a [SourceColumn],
}

impl Chooser<'_> {
    fn of(&self, places: &[usize], is: impl Fn(&ColumnKind) -> bool) -> Vec<usize> {
        let places = places.iter().copied();
        places
            .filter(|&place| is(&self.columns[place].kind))
            .collect()
    }

    /// The index of the column that an option names.
    fn named(&self, name: Option<&str>, option: &str) -> Result<Option<usize>> {
        let Some(name) = name else { return Ok(None) };
        let place = self.columns.iter().position(|column| column.name == name);
        place
            .map(Some)
            .ok_or_else(|| self.missing(&format!("{option} {name}"), "no column is called so"))
    }

    /// Which column has this name; there must be exactly one.
    fn is(&self, name: &str) -> Result<Vec<bool>> {
        let is: Vec<bool> = self
            .columns
            .iter()
            .map(|column| column.name == name)
            .collect();
        match is.iter().filter(|&&is| is).count() {
            0 => Err(self.missing(name, "there is no such column")),
            1 => Ok(is),
            _ => Err(self.missing(name, "several columns are called so")),
        }
    }

    /// Which columns match any of the patterns; each pattern must match at least one.
    fn matching(&self, patterns: &[String], option: &str) -> Result<Vec<bool>> {
        let mut found = vec![false; self.columns.len()];
        for text in patterns {
            let pattern = Pattern::new(text).map_err(|error| {
                Error::Usage(format!("{option} {text}: not a valid pattern: {error}"))
            })?;
            let mut some = false;
            for (column, found) in self.columns.iter().zip(&mut found) {
                // A pattern that equals a column's name means that column.
                if column.name == *text || pattern.matches(&column.name) {
                    (some, *found) = (true, true);
                }
            }
            if !some {
                return Err(self.missing(&format!("{option} {text}"), "no column is called so"));
            }
        }
        Ok(found)
    }

    fn missing(&self, part: &str, what: &str) -> Error {
        let all: Vec<&str> = self
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .collect();
        let guess = crate::error::nearest(part.rsplit(' ').next().unwrap_or(part), &all);
        let advice = guess.map_or_else(String::new, |name| format!("; did you mean {name}?"));
        input_error(
            self.path,
            Place::Part(part.into()),
            format!("{what}; the columns are: {}", some(&all)),
            format!("name one of them{advice}"),
        )
    }

    /// The error `what`, with the columns it is about and the list of all others.
    fn refusal(&self, what: &str, about: &[usize]) -> Error {
        let shown = |places: &mut dyn Iterator<Item = usize>| {
            let words: Vec<String> = places
                .map(|place| {
                    let SourceColumn { name, stored, .. } = &self.columns[place];
                    format!("{}: {stored}", named(name))
                })
                .collect();
            some(&words)
        };
        let about_text = shown(&mut about.iter().copied());
        let rest = shown(&mut (0..self.columns.len()).filter(|place| !about.contains(place)));
        let mut text = what.to_string();
        if !about.is_empty() {
            text += &format!(" ({about_text})");
        }
        if !rest.is_empty() {
            let others = if about.is_empty() {
                "the columns are"
            } else {
                "other columns"
            };
            text += &format!("; {others}: {rest}");
        }
        input_error(
            self.path,
            Place::Whole,
            text,
            "write FILE:COLUMN for one, or choose with --columns 'PATTERN,...' or --drop NAME,...",
        )
    }
}

/// The order that brings columns `names` into the order of `like`: `like[i]` is `names[order[i]]`.
///
/// None if the names are the same in the same order. Errors: names that one side lacks.
pub(super) fn order(
    path: &Path,
    names: &[String],
    like: &[String],
    whose: &str,
) -> Result<Option<Vec<usize>>> {
    if names == like {
        return Ok(None);
    }
    let lacks = |these: &[String], those: &[String]| -> Vec<String> {
        let those: std::collections::HashSet<&String> = those.iter().collect();
        these
            .iter()
            .filter(|name| !those.contains(name))
            .cloned()
            .collect()
    };
    let (missing, extra) = (lacks(like, names), lacks(names, like));
    if missing.is_empty() && extra.is_empty() && names.len() == like.len() {
        let place: std::collections::HashMap<&String, usize> = names.iter().zip(0..).collect();
        if place.len() == names.len() {
            return Ok(Some(like.iter().map(|name| place[name]).collect()));
        }
    }
    let mut parts = Vec::new();
    if !missing.is_empty() {
        parts.push(format!("it lacks {}", some(&missing)));
    }
    if !extra.is_empty() {
        parts.push(format!("it has {} besides", some(&extra)));
    }
    if parts.is_empty() {
        parts.push("names occur more than once, in another order".into());
    }
    Err(input_error(
        path,
        Place::Whole,
        format!(
            "its columns are not those of {whose}: {}",
            parts.join(", and ")
        ),
        "choose the same columns of both with --columns or --drop",
    ))
}

/// Reorders the numbers of each row: the new number i is the old number `order[i]`.
pub(super) fn reorder(values: &mut [u8], size: usize, order: &[usize]) {
    let mut row = vec![0; order.len() * size];
    for values in values.chunks_exact_mut(order.len() * size) {
        row.copy_from_slice(values);
        for (to, &from) in values.chunks_exact_mut(size).zip(order) {
            to.copy_from_slice(&row[from * size..][..size]);
        }
    }
}

#[cfg(test)]
mod tests;
