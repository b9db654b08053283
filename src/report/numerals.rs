//! Numbers as text: shares in percent, intervals, probabilities, counts in groups of three digits, and the numbers of
//! queries of a sample; the different values of a list; and texts in lines.

use indicatif::HumanCount;
use itertools::Itertools;
use std::hash::Hash;

/// The cell of what is not known. A column of such cells alone is not shown.
pub const NOTHING: &str = "-";

/// Probabilities below this are all written `< 1e-12`.
const LEAST: f64 = 1e-12;

/// Units that stay on the line of their number.
const UNITS: [&str; 5] = ["%", "s", "ms", "MiB", "GFLOP/s"];

/// A blank at which no line ends.
pub const NO_BREAK: &str = "\u{a0}";

/// A share in percent, without the sign: one decimal; two where one decimal would round it to 0 or 100.
pub fn percent(share: f64) -> String {
    if share == 0.0 || share == 1.0 || !share.is_finite() {
        return format!("{:.0}", 100.0 * share);
    }
    let left = 100.0 * share.min(1.0 - share);
    match (left >= 0.05, left >= 0.005, share < 0.5) {
        (true, ..) => format!("{:.1}", 100.0 * share),
        (_, true, _) => format!("{:.2}", 100.0 * share),
        (_, _, true) => "<0.01".into(),
        (_, _, false) => ">99.99".into(),
    }
}

/// An interval of shares in percent.
pub fn between([low, high]: [f64; 2]) -> String {
    format!("{} to {}", percent(low), percent(high))
}

/// Three significant digits, without an exponent where it stays short.
pub fn number(value: f64) -> String {
    significant(value, 3)
}

/// So many significant digits, without an exponent where it stays short.
pub fn significant(value: f64, digits: usize) -> String {
    let after = digits - 1;
    match value.abs() {
        0.0 => "0".into(),
        size if !(1e-3..1e6).contains(&size) => format!("{value:.after$e}"),
        size => {
            let decimals = (after as i32 - size.log10().floor() as i32).max(0) as usize;
            format!("{value:.decimals$}")
        }
    }
}

/// A share in percent with two decimals and the sign.
pub fn hundredths(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

/// A probability.
pub fn probability(p: f64) -> String {
    if p < LEAST {
        "< 1e-12".into()
    } else if p >= 0.001 {
        format!("{p:.3}")
    } else {
        format!("{p:.1e}")
    }
}

/// A value as text, or a dash where there is none.
pub fn or_nothing<T>(value: Option<T>, write: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| NOTHING.into(), write)
}

/// A number with a comma after each group of three digits.
pub fn grouped(number: u64) -> String {
    HumanCount(number).to_string()
}

/// The size of something in memory, in groups of three digits.
pub fn grouped_size(size: usize) -> String {
    grouped(size as u64)
}

/// The different values, in the order of their first appearance.
pub fn distinct<T: Clone + Eq + Hash>(values: impl IntoIterator<Item = T>) -> Vec<T> {
    values.into_iter().unique().collect()
}

/// Texts joined by blanks into lines that fit; a text that does not fit has a line of its own.
pub fn filled(
    texts: impl IntoIterator<Item = impl Into<String>>,
    fits: impl Fn(&str) -> bool,
) -> Vec<String> {
    let texts = texts.into_iter().map(Into::into);
    let lines = texts.coalesce(
        |line: String, text: String| match format!("{line} {text}") {
            joined if fits(&joined) => Ok(joined),
            _ => Err((line, text)),
        },
    );
    lines.collect()
}

/// A text whose lines do not end between a number and its unit, nor beside an equals or a less-than sign.
pub fn unbroken(text: &str) -> String {
    let is_tied = |left: &str, right: &str| {
        let unit = right.trim_end_matches(['.', ',', ';', ':', ')']);
        let has_unit = left.ends_with(|last: char| last.is_ascii_digit()) && UNITS.contains(&unit);
        has_unit || left.ends_with(['=', '<']) || ["=", "<"].contains(&right)
    };
    let words = text.split(' ').map(String::from);
    let joined = words.coalesce(|left, right| match is_tied(&left, &right) {
        true => Ok(left + NO_BREAK + &right),
        false => Err((left, right)),
    });
    joined.into_iter().join(" ")
}

/// A notion's name with the number of queries that its numbers are of.
pub fn of_queries(notion: &str, queries: u64) -> String {
    format!("{notion} (of {})", grouped(queries))
}
