//! Whether the first line of a text names the columns, and what each column holds.

use super::cells::{Cell, Commas, evidence, read};
use super::dialect::Record;
use crate::rows::columns::{COUNTS, ColumnKind, SourceColumn, unnamed};
use crate::rows::vector_text::{self, Spelled};

/// Why a first line is taken for names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// It is text over numbers: the ordinary case.
    Text,
    /// It has text and numbers over numbers, or nothing over keys.
    Mixed,
    /// It counts from 0, as pandas names columns without names.
    Counting,
}

/// What the cells of a column hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Nothing,
    Numbers,
    Vectors,
    /// Vectors that NumPy cut short.
    Cut,
    Dates,
    Text,
}

/// The first line and the columns under it.
pub(super) struct Head {
    /// Why the first line is a header, if it is.
    pub names: Option<Names>,
    pub columns: Vec<SourceColumn>,
}

/// Why a column is left out that the first lines say nothing of.
pub(super) const EMPTY: &str = "its first cells are empty";

/// Why a column of words is left out.
pub(super) const WORDS: &str = "text";

/// Why an unnamed first column of whole numbers is left out.
const INDEX: &str = "it has no name and holds whole numbers, as an index that pandas writes";

/// Rows that a column without a header must count through before it is taken for an index.
const COUNTED: usize = 8;

/// Decide what the first line is, and what the columns hold. `given` are names that a comment gives.
pub(super) fn head(records: &[Record], commas: Commas, given: Option<&[String]>) -> Head {
    let Some((first, below)) = records.split_first() else {
        return Head {
            names: None,
            columns: Vec::new(),
        };
    };
    let names = match given {
        Some(_) => None,
        None => names(first, below, commas),
    };
    let rows = if names.is_some() { below } else { records };
    let named = match (given, names) {
        (Some(given), _) => Some(given.to_vec()),
        (None, Some(_)) => Some(spread(&first.cells, below)),
        (None, None) => None,
    };
    let width = match (&named, rows.first()) {
        (Some(named), _) => named.len(),
        (None, Some(row)) => row.cells.len(),
        (None, None) => 0,
    };
    let columns = (0..width).map(|place| {
        let (kind, stored) = match rows {
            [] => (ColumnKind::Number, "empty"),
            rows => kind(column(rows, place), commas),
        };
        SourceColumn {
            name: match &named {
                Some(named) => named[place].clone(),
                None => place.to_string(),
            },
            kind,
            stored: stored.into(),
        }
    });
    let mut columns: Vec<SourceColumn> = columns.collect();
    leave_out_index(&mut columns, rows, commas, named.is_some());
    Head { names, columns }
}

fn column(rows: &[Record], place: usize) -> impl Iterator<Item = &str> + Clone {
    rows.iter()
        .filter_map(move |row| row.cells.get(place).map(String::as_str))
}

/// The names of a header over rows that may have one cell more: keys before them, which R gives no name, or an empty
/// cell after them, from a separator at the end of each line.
fn spread(names: &[String], below: &[Record]) -> Vec<String> {
    let mut names = names.to_vec();
    if below
        .first()
        .is_some_and(|row| row.cells.len() == names.len() + 1)
    {
        let last = names.len();
        let place = if column(below, last).all(str::is_empty) {
            last
        } else {
            0
        };
        names.insert(place, String::new());
    }
    names
}

/// Whether the first line names the columns of the others.
fn names(first: &Record, below: &[Record], commas: Commas) -> Option<Names> {
    let is_number = |cell: &str| is_number(cell, commas);
    let is_name = |cell: &str| {
        !cell.is_empty()
            && read(cell.as_bytes(), commas) == Cell::Other
            && evidence(cell).is_none()
            && vector_text::parse(cell).is_none()
    };
    let cells: Vec<&str> = first.cells.iter().map(String::as_str).collect();
    let Some(row) = below.first() else {
        return cells
            .iter()
            .all(|cell| is_name(cell))
            .then_some(Names::Text);
    };
    let width = row.cells.len();
    let shift =
        usize::from(cells.len() + 1 == width && !column(below, width - 1).all(str::is_empty));
    let holds: Vec<Holds> = (0..cells.len())
        .map(|place| holds(column(below, place + shift), commas))
        .collect();
    let over = |place: usize| matches!(holds[place], Holds::Numbers | Holds::Vectors | Holds::Cut);
    let named = |place: usize| is_name(cells[place]);
    let numeric: Vec<usize> = (0..cells.len()).filter(|&place| over(place)).collect();
    if !cells
        .iter()
        .any(|cell| is_number(cell) || vector_text::parse(cell).is_some())
        && cells.iter().any(|cell| is_name(cell))
    {
        // Names over numbers, not the words of a row whose numbers are missing.
        let count = numeric.iter().filter(|&&place| named(place)).count();
        return (2 * count >= numeric.len()).then_some(Names::Text);
    }
    let counts = |cells: &[&str]| {
        !cells.is_empty()
            && cells
                .iter()
                .enumerate()
                .all(|(place, cell)| *cell == place.to_string())
    };
    if cells.first().is_some_and(|cell| cell.is_empty())
        && column(below, 0).all(|cell| !cell.is_empty() && (is_whole(cell) || !is_number(cell)))
    {
        return Some(match counts(&cells[1..]) {
            true => Names::Counting,
            false => Names::Mixed,
        });
    }
    if counts(&cells) && (shift == 1 || is_typed(below, &cells)) {
        return Some(Names::Counting);
    }
    let whole: Vec<Option<i64>> = cells
        .iter()
        .filter(|cell| is_number(cell))
        .map(|cell| cell.parse().ok())
        .collect();
    let ascending = whole.iter().all(Option::is_some) && whole.windows(2).all(|w| w[0] < w[1]);
    let distinct = {
        let mut sorted = cells.clone();
        sorted.sort_unstable();
        sorted.windows(2).all(|pair| pair[0] != pair[1])
    };
    (numeric.iter().any(|&place| named(place)) && ascending && distinct).then_some(Names::Mixed)
}

/// Whether numbers under `0,1,..` were written by a program that writes each column in one form: fractions somewhere, or
/// whole numbers that do not simply go on counting.
fn is_typed(below: &[Record], first: &[&str]) -> bool {
    let forms = (0..first.len()).map(|place| {
        let cells = column(below, place).filter(|cell| !cell.is_empty());
        let fractions = cells.clone().filter(|cell| !is_whole(cell)).count();
        (fractions, cells.count())
    });
    let forms: Vec<(usize, usize)> = forms.collect();
    let pure = forms
        .iter()
        .all(|&(fractions, all)| fractions == 0 || fractions == all);
    if forms.iter().any(|&(fractions, _)| fractions > 0) {
        return pure;
    }
    let next = below
        .first()
        .map(|row| row.cells.first().map(String::as_str));
    first.len() > 2 && next.flatten() != Some(first.len().to_string().as_str())
}

fn is_whole(cell: &str) -> bool {
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_number(cell: &str, commas: Commas) -> bool {
    matches!(
        read(cell.as_bytes(), commas),
        Cell::Number(_) | Cell::Rounded
    )
}

/// What the cells of a column hold. A column of which at least half are numbers is one of numbers: a cell that is none
/// is a fault to be named, not a reason to leave the column out.
fn holds<'c>(cells: impl Iterator<Item = &'c str>, commas: Commas) -> Holds {
    let (mut numbers, mut vectors, mut dates, mut cut, mut all) = (0, 0, 0, 0, 0);
    for cell in cells {
        match read(cell.as_bytes(), commas) {
            Cell::Missing => continue,
            Cell::Number(_) | Cell::Rounded => numbers += 1,
            Cell::Other if evidence(cell).is_some() => numbers += 1,
            Cell::Other => match vector_text::parse(cell) {
                Some(Spelled::Cut) => cut += 1,
                Some(_) => vectors += 1,
                None => dates += usize::from(is_date(cell)),
            },
        }
        all += 1;
    }
    match all {
        0 => Holds::Nothing,
        _ if cut > 0 => Holds::Cut,
        _ if 2 * numbers >= all => Holds::Numbers,
        _ if vectors == all => Holds::Vectors,
        _ if dates == all => Holds::Dates,
        _ => Holds::Text,
    }
}

/// Whether a cell begins as `2024-05-31` or `31/05/2024` do.
fn is_date(cell: &str) -> bool {
    let shape: String = cell
        .chars()
        .take(10)
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    ["0000-00-00", "00/00/0000", "00.00.0000", "0000/00/00"].contains(&shape.as_str())
}

fn kind<'c>(cells: impl Iterator<Item = &'c str>, commas: Commas) -> (ColumnKind, &'static str) {
    match holds(cells, commas) {
        Holds::Nothing => (ColumnKind::Other(EMPTY), "empty"),
        Holds::Numbers => (ColumnKind::Number, "numbers"),
        Holds::Vectors => (ColumnKind::Vector, "vectors in text"),
        Holds::Cut => (ColumnKind::Unread, "vectors that NumPy cut short with ..."),
        Holds::Dates => (ColumnKind::Other("dates and times"), "dates and times"),
        Holds::Text => (ColumnKind::Other(WORDS), WORDS),
    }
}

/// Take the columns that number the rows for what they are.
fn leave_out_index(columns: &mut [SourceColumn], rows: &[Record], commas: Commas, named: bool) {
    let values = |place| {
        column(rows, place).map(|cell| match read(cell.as_bytes(), commas) {
            Cell::Number(value) => Some(value),
            _ => None,
        })
    };
    let counts = |place| crate::rows::columns::counts(values(place));
    if named {
        let others = columns.iter().skip(1).all(|column| !unnamed(&column.name));
        for place in 0..columns.len() {
            if columns[place].kind != ColumnKind::Number || !unnamed(&columns[place].name) {
                continue;
            }
            if counts(place) {
                columns[place].kind = ColumnKind::Index(COUNTS);
            } else if place == 0 && others && column(rows, 0).all(is_whole) {
                columns[place].kind = ColumnKind::Index(INDEX);
            }
        }
        return;
    }
    // Without a header: only keys that count from 0 or 1 beside columns of fractions alone.
    let fractions = |place| column(rows, place).all(|cell| !is_whole(cell));
    let others = (1..columns.len()).filter(|&place| columns[place].kind == ColumnKind::Number);
    if columns.len() > 1
        && columns[0].kind == ColumnKind::Number
        && rows.len() >= COUNTED
        && matches!(values(0).next(), Some(Some(0.0 | 1.0)))
        && counts(0)
        && others.clone().count() > 0
        && others.into_iter().all(fractions)
    {
        columns[0].kind = ColumnKind::Index(COUNTS);
    }
}
