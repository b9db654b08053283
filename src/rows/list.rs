//! Sets of row numbers in the notation `7,12-19`.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A set of row numbers, as ascending ranges that are neither adjacent nor overlapping; never empty if it was parsed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RowList(Vec<(u64, u64)>);

impl RowList {
    /// The numbers of `rows`, in any order.
    pub fn of(rows: &[u64]) -> Self {
        Self::joined(rows.iter().map(|&row| (row, row)).collect())
    }

    /// Ranges (first, last) in any order, merged where they overlap or are adjacent.
    fn joined(mut ranges: Vec<(u64, u64)>) -> Self {
        ranges.sort_unstable();
        let mut joined: Vec<(u64, u64)> = Vec::new();
        for (first, last) in ranges {
            match joined.last_mut() {
                Some(known) if first <= known.1.saturating_add(1) => known.1 = known.1.max(last),
                _ => joined.push((first, last)),
            }
        }
        RowList(joined)
    }

    /// The largest number.
    pub fn last(&self) -> Option<u64> {
        self.0.last().map(|range| range.1)
    }

    /// All numbers, ascending.
    pub fn rows(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().flat_map(|&(first, last)| first..=last)
    }

    /// Whether the set contains a row number.
    pub fn contains(&self, row: u64) -> bool {
        let next = self.0.partition_point(|range| range.1 < row);
        self.0.get(next).is_some_and(|range| range.0 <= row)
    }
}

impl FromStr for RowList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |part: &str| {
            format!(
                "{:?} is not a row number or a range of them; write numbers and ranges, as in 7,12-19",
                part.trim()
            )
        };
        let range = |part: &str| -> Result<(u64, u64), String> {
            let number = |text: &str| text.trim().parse().map_err(|_| wrong(part));
            let (first, last) = match part.split_once('-') {
                Some((first, last)) => (number(first)?, number(last)?),
                None => (number(part)?, number(part)?),
            };
            if first > last {
                return Err(format!(
                    "the range {} runs backwards; write {last}-{first}",
                    part.trim()
                ));
            }
            Ok((first, last))
        };
        text.split(',')
            .map(range)
            .collect::<Result<_, _>>()
            .map(Self::joined)
    }
}

impl fmt::Display for RowList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (first, last)) in self.0.iter().enumerate() {
            let comma = if place > 0 { "," } else { "" };
            match first == last {
                true => write!(f, "{comma}{first}")?,
                false => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

impl TryFrom<String> for RowList {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<RowList> for String {
    fn from(list: RowList) -> String {
        list.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ranges_in_any_order_are_one_list() {
        let list: RowList = " 12-19, 7,8 ,15-21".parse().unwrap();
        assert_eq!(list.to_string(), "7-8,12-21");
        assert_eq!(list.last(), Some(21));
        assert!(list.rows().eq([7, 8].into_iter().chain(12..=21)));
        for row in 0..25 {
            assert_eq!(list.contains(row), list.rows().any(|other| other == row));
        }
        assert_eq!(RowList::of(&[3, 1, 2, 9, 9]).to_string(), "1-3,9");
        let all: RowList = format!("0-{0},{0}", u64::MAX).parse().unwrap();
        assert_eq!(all.last(), Some(u64::MAX));
        let stored = serde_json::to_string(&list).unwrap();
        assert_eq!(stored, "\"7-8,12-21\"");
        assert_eq!(serde_json::from_str::<RowList>(&stored).unwrap(), list);
    }

    #[test]
    fn what_is_no_list_is_named() {
        for (text, part) in [
            ("", "\"\""),
            ("7,,8", "\"\""),
            ("7,x", "\"x\""),
            ("-3", "\"-3\""),
            ("1-2-3", "\"1-2-3\""),
            ("9-4", "write 4-9"),
            ("99999999999999999999", "99999999999999999999"),
        ] {
            let error = text.parse::<RowList>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
