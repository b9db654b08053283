//! Why a number is missing: every degenerate case has a name, so that NaN is never shown.

use serde::{Deserialize, Serialize};

/// A number, or why it is missing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measured<T> {
    Value(T),
    Missing(Missing),
}

/// The reason why a number is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// No query has both an outcome and the score or verdict that the number needs.
    NoQueries,
    /// The score is the same for all queries.
    Constant,
    /// No query is an error (or of the second set).
    NoErrors,
    /// Every query is an error (or of the second set).
    OnlyErrors,
    /// The sample that the notion judged holds no query of the first of two sets.
    FirstNotSampled,
    /// That sample holds no query of the second set.
    SecondNotSampled,
    /// Too few queries for an interval or a test.
    TooFew,
    /// The notion calls no query inside.
    NoneInside,
    /// The notion calls no query outside.
    NoneOutside,
    /// The scores separate all errors from the others, so that the estimate has no finite standard error.
    Separated,
    /// Both scores order the queries in the same way or in reverse, so that the difference has no variance.
    SameOrder,
    /// The second score is a linear function of the first.
    SameScore,
    /// A score is infinite.
    Infinite,
    /// The classes of the queries are not known.
    NoClasses,
    /// No class has both errors and other queries.
    NoMixedClass,
    /// There is no nearest distance to compare with.
    NoNearest,
    /// Every outcome is the same.
    SameOutcomes,
    /// The number does not exist for this kind of outcome: no rank correlation for errors, no ROC curve for losses.
    NotOfThisOutcome,
}

impl Missing {
    /// A few words for a table.
    pub fn words(self) -> &'static str {
        match self {
            Missing::NoQueries => "no queries",
            Missing::Constant => "constant",
            Missing::NoErrors => "no errors",
            Missing::OnlyErrors => "only errors",
            Missing::FirstNotSampled | Missing::SecondNotSampled => "none sampled",
            Missing::TooFew => "too few",
            Missing::NoneInside => "none inside",
            Missing::NoneOutside => "none outside",
            Missing::Separated => "separated",
            Missing::SameOrder => "same order",
            Missing::SameScore => "same score",
            Missing::Infinite => "infinite score",
            Missing::NoClasses => "no classes",
            Missing::NoMixedClass => "no mixed class",
            Missing::NoNearest => "no nearest",
            Missing::SameOutcomes => "same outcomes",
            Missing::NotOfThisOutcome => "-",
        }
    }
}

impl<T> Measured<T> {
    /// The number, if there is one.
    pub fn value(&self) -> Option<&T> {
        match self {
            Measured::Value(value) => Some(value),
            Measured::Missing(_) => None,
        }
    }

    /// The reason, if the number is missing.
    pub fn missing(&self) -> Option<Missing> {
        match self {
            Measured::Value(_) => None,
            Measured::Missing(why) => Some(*why),
        }
    }

    /// Applies `pick` to the number.
    pub fn map<U>(self, pick: impl FnOnce(T) -> U) -> Measured<U> {
        match self {
            Measured::Value(value) => Measured::Value(pick(value)),
            Measured::Missing(why) => Measured::Missing(why),
        }
    }
}

impl<T> From<Result<T, Missing>> for Measured<T> {
    fn from(found: Result<T, Missing>) -> Self {
        match found {
            Ok(value) => Measured::Value(value),
            Err(why) => Measured::Missing(why),
        }
    }
}
