//! Why a number is not there: every degenerate case has a name, so that no NaN is ever shown.

use serde::{Deserialize, Serialize};

/// A number that could be found, or why it could not.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measured<T> {
    Value(T),
    Missing(Missing),
}

/// Why there is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// No query has both an outcome and what the number is about.
    NoQueries,
    /// The score is the same for all queries.
    Constant,
    /// No query is an error (of the second set).
    NoErrors,
    /// Every query is an error (of the second set).
    OnlyErrors,
    /// The sample that the notion judged holds no query of the first set of two.
    FirstNotSampled,
    /// It holds none of the second set.
    SecondNotSampled,
    /// Too few queries for an interval or a test.
    TooFew,
    /// The notion calls no query inside.
    NoneInside,
    /// The notion calls no query outside.
    NoneOutside,
    /// The score, or both scores together, tell all errors from the others: the estimate has no finite error.
    Separated,
    /// Both put the queries into the same order, or the reverse of it: nothing is left to chance.
    SameOrder,
    /// The second score is a multiple of the first, but for a constant.
    SameScore,
    /// A score is infinite.
    Infinite,
    /// The classes of the queries are not known.
    NoClasses,
    /// No class has both an error and a query that is none.
    NoMixedClass,
    /// There is no nearest distance to compare with.
    NoNearest,
    /// Every outcome is the same.
    SameOutcomes,
    /// This kind of outcome has no such number: there is no rank correlation of errors, no ROC curve of losses.
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

    /// Why there is none.
    pub fn missing(&self) -> Option<Missing> {
        match self {
            Measured::Value(_) => None,
            Measured::Missing(why) => Some(*why),
        }
    }

    /// Something of the number.
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
