//! Parses a cell of text: a number in one of the ways in which people write them, a missing value, or something else.

use crate::rows::decode::rounded_text;
use std::borrow::Cow;

/// The meaning of a comma in a number, the same throughout a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Commas {
    /// Numbers have no commas.
    None,
    /// The comma is the decimal mark: `1,5` and `1.234,5`.
    Decimal,
    /// The comma separates thousands: `1,234.5`.
    Thousands,
}

/// What a cell holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell {
    Number(f64),
    /// An integer that f64 would round.
    Rounded,
    /// An empty cell, or a word for a missing value.
    Missing,
    Other,
}

/// The words that pandas, R and databases write for a missing value. `nan` is not among them: it parses as a number
/// that is not finite.
const MISSING: [&str; 10] = [
    "", "NA", "N/A", "n/a", "#N/A", "<NA>", "null", "NULL", "None", "\\N",
];

/// f64 represents every integer up to this one.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Parses a cell, given without quotes and outer blanks.
pub(super) fn read(field: &[u8], commas: Commas) -> Cell {
    let Ok(text) = std::str::from_utf8(field) else {
        return Cell::Other;
    };
    let Some(text) = plain(text, commas) else {
        return other(text);
    };
    match text.parse::<f64>() {
        Ok(value) if value.abs() >= EXACT && rounded_text(&text, value) => Cell::Rounded,
        Ok(value) => Cell::Number(value),
        Err(_) => other(&text),
    }
}

/// Parses a cell that is not a decimal number.
fn other(text: &str) -> Cell {
    match text {
        "true" | "True" | "TRUE" => Cell::Number(1.0),
        "false" | "False" | "FALSE" => Cell::Number(0.0),
        text if MISSING.contains(&text) => Cell::Missing,
        _ => Cell::Other,
    }
}

/// A number as `f64` parses it; None where its marks do not fit the meaning that commas have in the file.
fn plain(text: &str, commas: Commas) -> Option<Cow<'_, str>> {
    let marked = match commas {
        Commas::None => return Some(text.into()),
        Commas::Decimal => text.contains(['.', ',']),
        Commas::Thousands => text.contains(','),
    };
    if !marked {
        return Some(text.into());
    }
    let found = evidence(text)?;
    Some(match (commas, found) {
        (Commas::Decimal, Evidence::Decimal | Evidence::Either) => {
            text.replace('.', "").replace(',', ".").into()
        }
        (Commas::Thousands, Evidence::Thousands | Evidence::Either) => text.replace(',', "").into(),
        _ => return None,
    })
}

/// What the marks in a number say about the meaning of commas and points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Evidence {
    /// `1.5`
    Point,
    /// `1,5` or `1.234,5`
    Decimal,
    /// `1,234,567` or `1,234.5`
    Thousands,
    /// `1,234`
    Either,
}

/// The evidence in a text; None for whole numbers, and for text that is not a number in any notation.
pub(super) fn evidence(text: &str) -> Option<Evidence> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (main, power) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let power = power.strip_prefix(['+', '-']).unwrap_or(power);
    if main.is_empty() || power.is_empty() || !digits(power) {
        return None;
    }
    let known = |good: bool, evidence| good.then_some(evidence);
    match (main.rfind('.'), main.rfind(',')) {
        (None, None) => None,
        (Some(_), None) => known(main.parse::<f64>().is_ok(), Evidence::Point)
            .or_else(|| known(grouped(main, '.'), Evidence::Decimal)),
        (Some(point), Some(comma)) if point > comma => {
            let good = grouped(&main[..point], ',') && digits(&main[point + 1..]);
            known(good, Evidence::Thousands)
        }
        (Some(_), Some(comma)) => {
            let good = grouped(&main[..comma], '.') && digits(&main[comma + 1..]);
            known(good, Evidence::Decimal)
        }
        (None, Some(comma)) => {
            let (whole, fraction) = (&main[..comma], &main[comma + 1..]);
            if whole.contains(',') {
                return known(grouped(main, ','), Evidence::Thousands);
            }
            let unclear =
                grouped(main, ',') && !whole.starts_with('0') && unsigned.len() == main.len();
            let good = digits(whole) && digits(fraction) && main.len() > 1;
            known(
                good,
                if unclear {
                    Evidence::Either
                } else {
                    Evidence::Decimal
                },
            )
        }
    }
}

/// Whether digits stand in groups of three separated by `mark`.
fn grouped(text: &str, mark: char) -> bool {
    let mut groups = text.split(mark);
    let first = groups.next().unwrap_or_default();
    let digits = |group: &str| group.bytes().all(|b| b.is_ascii_digit());
    matches!(first.len(), 1..=3)
        && digits(first)
        && groups.clone().next().is_some()
        && groups.all(|group| group.len() == 3 && digits(group))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_marks_show() {
        for (text, expected) in [
            ("12", None),
            ("1.5", Some(Evidence::Point)),
            ("-1,5", Some(Evidence::Decimal)),
            ("0,123", Some(Evidence::Decimal)),
            (",5", Some(Evidence::Decimal)),
            ("1,5e-3", Some(Evidence::Decimal)),
            ("1.234,5", Some(Evidence::Decimal)),
            ("1.234.567", Some(Evidence::Decimal)),
            ("1,234", Some(Evidence::Either)),
            ("1,234.5", Some(Evidence::Thousands)),
            ("1,234,567", Some(Evidence::Thousands)),
            ("1234,567", Some(Evidence::Decimal)),
            ("1,2,3", None),
            ("a,5", None),
            ("1.5.2", None),
            (",", None),
        ] {
            assert_eq!(evidence(text), expected, "{text}");
        }
    }

    #[test]
    fn numbers_under_each_meaning() {
        let number = |text: &str, commas| read(text.as_bytes(), commas);
        assert_eq!(number("1,5", Commas::None), Cell::Other);
        assert_eq!(number("1,5", Commas::Decimal), Cell::Number(1.5));
        assert_eq!(
            number("-1.234,5e1", Commas::Decimal),
            Cell::Number(-12345.0)
        );
        // With decimal commas, a lone point may separate thousands or be a slip, so it is not read as either.
        assert_eq!(number("1.234", Commas::Decimal), Cell::Other);
        assert_eq!(number("1,234", Commas::Thousands), Cell::Number(1234.0));
        assert_eq!(number("1,234.5", Commas::Thousands), Cell::Number(1234.5));
        assert_eq!(number("1,5", Commas::Thousands), Cell::Other);
        for commas in [Commas::None, Commas::Decimal, Commas::Thousands] {
            assert_eq!(number("true", commas), Cell::Number(1.0));
            assert_eq!(number("-12e1", commas), Cell::Number(-120.0));
            assert_eq!(number("NA", commas), Cell::Missing);
            assert_eq!(number("9007199254740993", commas), Cell::Rounded);
        }
    }
}
