//! Why a certificate does not hold, in words.

use std::fmt;

/// Why a certificate does not hold. Rows are numbers in the reference file.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    NoSuchQuery,
    RepeatedQuery,
    /// Verdict, proof and certificate contradict each other; the text says how.
    Contradiction(String),
    /// The direction is zero, not finite, or of another dimension; or the margin is negative or not finite.
    BadDirection,
    /// This row is not on the other side of the hyperplane.
    NotSeparated {
        row: u64,
    },
    /// The claimed margin, and the smaller one that this row allows.
    Overstated {
        row: u64,
        claimed: f64,
        found: f64,
    },
    /// The claimed sine of the query's angle to the cone, and the smaller one that the direction proves.
    NotAngled {
        claimed: f64,
        found: f64,
    },
    /// This row is so far away, and so close to the hyperplane's direction, that its side cannot be computed.
    UnknownSide {
        row: u64,
    },
    NoRows,
    TooManyRows {
        rows: usize,
        most: usize,
    },
    NoSuchRow {
        row: u64,
    },
    RepeatedRow {
        row: u64,
    },
    BadWeight {
        row: u64,
        weight: f64,
    },
    BadSum {
        sum: f64,
    },
    /// How far the weighted rows are from the query, and how far they may be, as shares of the local scale.
    Missed {
        share: f64,
        allowed: f64,
    },
    /// The claim says that weights exist for which the rows meet the query exactly; the text says why that is not proved.
    NotExact(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::NoSuchQuery => write!(f, "the query set has no such row"),
            Fault::RepeatedQuery => write!(f, "the query has an earlier certificate"),
            Fault::Contradiction(what) => write!(f, "the row contradicts itself: {what}"),
            Fault::BadDirection => write!(f, "the direction or its margin is not usable"),
            Fault::NotSeparated { row } => write!(
                f,
                "the direction does not separate it from reference row {row}"
            ),
            Fault::Overstated {
                row,
                claimed,
                found,
            } => write!(
                f,
                "the margin is overstated: {claimed:e} is claimed, reference row {row} leaves {found:e}"
            ),
            Fault::NotAngled { claimed, found } => write!(
                f,
                "the angle is overstated: a sine of {claimed:e} is claimed, the direction leaves {found:e}"
            ),
            Fault::UnknownSide { row } => write!(
                f,
                "on which side of the hyperplane reference row {row} lies cannot be computed"
            ),
            Fault::NoRows => write!(f, "the combination has no rows, or not one weight a row"),
            Fault::TooManyRows { rows, most } => {
                write!(f, "the combination has {rows} rows; {most} are enough")
            }
            Fault::NoSuchRow { row } => write!(f, "the reference has no row {row}"),
            Fault::RepeatedRow { row } => write!(f, "reference row {row} is used twice"),
            Fault::BadWeight { row, weight } => {
                write!(f, "the weight of reference row {row} is {weight:e}")
            }
            Fault::BadSum { sum } => write!(f, "the weights sum to {sum}, not 1"),
            Fault::Missed { share, allowed } => write!(
                f,
                "the weighted rows miss it by {share:e} of the mean distance to them, in units of the \
                 columns' spreads; {allowed:e} is allowed"
            ),
            Fault::NotExact(why) => write!(
                f,
                "that the rows meet it exactly is claimed and cannot be proved: {why}"
            ),
        }
    }
}
