//! The columns of the files of outcomes, each listed once: name, help and value. Files and `--help-columns` are derived
//! from the lists.
//!
//! `outcomes.parquet`: a row a space and notion. `outcome_pairs.parquet`: a row a pair of notions of a space.
//! `outcome_deciles.parquet`: a row a space, notion and decile. A null says that there is no such number; `missing` says
//! why.

use crate::error::Result;
use crate::notion::{Type, Value};
use crate::report::parquet_file;
use crate::report::records::array;
use crate::study::outcomes::{
    Comparison, Decile, Difference, Measured, Missing, NotionOutcomes, Outcomes, Risk,
};
use arrow_array::RecordBatch;
use std::path::Path;

/// A column of rows of some kind.
pub struct OutcomeColumn<R> {
    pub name: &'static str,
    of: Type,
    /// What it says, with its unit.
    pub help: &'static str,
    get: fn(&R) -> Value,
}

const fn column<R>(
    name: &'static str,
    of: Type,
    help: &'static str,
    get: fn(&R) -> Value,
) -> OutcomeColumn<R> {
    OutcomeColumn {
        name,
        of,
        help,
        get,
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

/// Something of a number that may be missing.
fn float<T>(found: &Measured<T>, pick: impl FnOnce(&T) -> Option<f64>) -> Value {
    Value::of(found.value().and_then(pick), Value::Float)
}

/// One end of an interval that may be missing.
fn end(interval: &Measured<[f64; 2]>, end: usize) -> Option<f64> {
    interval.value().map(|ends| ends[end])
}

fn side(found: &Measured<Risk>, pick: impl FnOnce(&Risk) -> Value) -> Value {
    found.value().map_or(Value::Null, pick)
}

fn why(missing: Option<Missing>) -> Value {
    Value::of(missing, |why| text(why.words()))
}

/// Columns of `outcomes.parquet`. An error is a query of the second set where two query sets are told apart.
pub const NOTIONS: &[OutcomeColumn<NotionOutcomes>] = &[
    column("space", Type::Text, "The space, as typed.", |row| {
        text(&row.space)
    }),
    column("notion", Type::Text, "The notion's id.", |row| {
        text(&row.notion)
    }),
    column(
        "sampled",
        Type::Bool,
        "Whether the notion judged a sample of the queries: then all columns are of the sample.",
        |row| Value::Bool(row.sampled),
    ),
    column(
        "queries",
        Type::Count,
        "Queries with a known outcome and score.",
        |row| Value::Count(row.queries),
    ),
    column(
        "unknown",
        Type::Count,
        "Queries without one of the two, of those that the notion judged.",
        |row| Value::Count(row.unknown),
    ),
    column(
        "undecided",
        Type::Count,
        "Queries with a known outcome that the notion calls neither inside nor outside.",
        |row| Value::Count(row.undecided),
    ),
    column(
        "inside_queries",
        Type::Count,
        "Queries inside, of known outcome.",
        |row| side(&row.inside, |found| Value::Count(found.queries)),
    ),
    column(
        "inside_rate",
        Type::Float,
        "Their error rate (share) or mean loss.",
        |row| float(&row.inside, |r| Some(r.mean)),
    ),
    column(
        "inside_low",
        Type::Float,
        "Lower end of its 95 % interval (Wilson's; of losses the normal one).",
        |row| float(&row.inside, |r| end(&r.interval95, 0)),
    ),
    column("inside_high", Type::Float, "Upper end.", |row| {
        float(&row.inside, |r| end(&r.interval95, 1))
    }),
    column(
        "outside_queries",
        Type::Count,
        "Queries outside, of known outcome.",
        |row| side(&row.outside, |found| Value::Count(found.queries)),
    ),
    column(
        "outside_rate",
        Type::Float,
        "Their error rate (share) or mean loss.",
        |row| float(&row.outside, |r| Some(r.mean)),
    ),
    column(
        "outside_low",
        Type::Float,
        "Lower end of its 95 % interval.",
        |row| float(&row.outside, |r| end(&r.interval95, 0)),
    ),
    column("outside_high", Type::Float, "Upper end.", |row| {
        float(&row.outside, |r| end(&r.interval95, 1))
    }),
    column(
        "fisher_p",
        Type::Float,
        "Fisher's exact test, two-sided, that the two error rates are equal.",
        |row| float(&row.fisher_p, |p| Some(*p)),
    ),
    column(
        "auroc",
        Type::Float,
        "Area under the ROC curve of the score for errors; ties half, 0.5 is chance.",
        |row| float(&row.auroc, |a| Some(a.value)),
    ),
    column(
        "auroc_low",
        Type::Float,
        "Lower end of DeLong's 95 % interval.",
        |row| float(&row.auroc, |a| end(&a.interval95, 0)),
    ),
    column("auroc_high", Type::Float, "Upper end.", |row| {
        float(&row.auroc, |a| end(&a.interval95, 1))
    }),
    column(
        "average_precision",
        Type::Float,
        "Average precision: sum of recall steps times precision.",
        |row| float(&row.precision, |p| Some(p.average)),
    ),
    column(
        "chance_precision",
        Type::Float,
        "The average precision of chance: the share of errors.",
        |row| float(&row.precision, |p| Some(p.chance)),
    ),
    column(
        "fpr95",
        Type::Float,
        "Share of other queries flagged where 95 % of the errors are.",
        |row| float(&row.precision, |p| Some(p.fpr95)),
    ),
    column(
        "aurc",
        Type::Float,
        "Area under risk against coverage, the least extrapolated accepted first.",
        |row| float(&row.aurc, |a| Some(a.aurc)),
    ),
    column(
        "excess_aurc",
        Type::Float,
        "What of it the best order would save.",
        |row| float(&row.aurc, |a| Some(a.excess)),
    ),
    column(
        "spearman",
        Type::Float,
        "Rank correlation of score and loss.",
        |row| float(&row.spearman, |s| Some(s.rho)),
    ),
    column(
        "spearman_low",
        Type::Float,
        "Lower end of its 95 % interval.",
        |row| float(&row.spearman, |s| end(&s.interval95, 0)),
    ),
    column("spearman_high", Type::Float, "Upper end.", |row| {
        float(&row.spearman, |s| end(&s.interval95, 1))
    }),
    column(
        "within_auroc",
        Type::Float,
        "Area under the ROC curve over pairs of queries of the same class.",
        |row| float(&row.within_classes, |w| Some(w.auroc)),
    ),
    column(
        "within_low",
        Type::Float,
        "Lower end of its 95 % interval.",
        |row| float(&row.within_classes, |w| end(&w.interval95, 0)),
    ),
    column("within_high", Type::Float, "Upper end.", |row| {
        float(&row.within_classes, |w| end(&w.interval95, 1))
    }),
    column(
        "adds_chi_square",
        Type::Float,
        "Likelihood ratio of logistic regression on nearest distance and score, against nearest distance alone.",
        |row| float(&row.adds, |a| Some(a.chi_square)),
    ),
    column(
        "adds_p",
        Type::Float,
        "Its p-value: is small where the score adds to the nearest distance.",
        |row| float(&row.adds, |a| Some(a.p_value)),
    ),
    column(
        "adds_log_odds",
        Type::Float,
        "Change of an error's log odds by one standard deviation of the score, the nearest distance held.",
        |row| float(&row.adds, |a| Some(a.log_odds)),
    ),
    column(
        "missing",
        Type::Text,
        "Why there is no area (of losses, no rank correlation), in a few words.",
        |row| why(super::words::strength(row).err()),
    ),
];

fn pair(row: &Comparison, pick: fn(&Difference) -> f64) -> Value {
    float(&row.found, |found| Some(pick(found)))
}

/// Columns of `outcome_pairs.parquet`: DeLong's paired test between two notions of a space.
pub const PAIRS: &[OutcomeColumn<Comparison>] = &[
    column("space", Type::Text, "The space, as typed.", |row| {
        text(&row.space)
    }),
    column("a", Type::Text, "One notion's id.", |row| text(&row.a)),
    column("b", Type::Text, "The other's.", |row| text(&row.b)),
    column(
        "queries",
        Type::Count,
        "Queries with a known outcome and both scores.",
        |row| Value::Count(row.queries),
    ),
    column(
        "auroc_a",
        Type::Float,
        "Area under the ROC curve of the one over these queries.",
        |row| pair(row, |d| d.auroc_a),
    ),
    column("auroc_b", Type::Float, "Of the other.", |row| {
        pair(row, |d| d.auroc_b)
    }),
    column("difference", Type::Float, "Their difference.", |row| {
        pair(row, |d| d.difference)
    }),
    column(
        "low",
        Type::Float,
        "Lower end of DeLong's 95 % interval of the difference.",
        |row| pair(row, |d| d.interval95[0]),
    ),
    column("high", Type::Float, "Upper end.", |row| {
        pair(row, |d| d.interval95[1])
    }),
    column(
        "p_value",
        Type::Float,
        "DeLong's test that the areas are equal, two-sided.",
        |row| pair(row, |d| d.p_value),
    ),
    column(
        "p_holm",
        Type::Float,
        "The same, corrected by Holm for all pairs of notions of all spaces.",
        |row| pair(row, |d| d.p_holm),
    ),
    column(
        "missing",
        Type::Text,
        "Why there is no difference, in a few words.",
        |row| why(row.found.missing()),
    ),
];

/// A decile of a notion in a space.
pub struct DecileRow {
    space: String,
    notion: String,
    decile: Decile,
}

/// Columns of `outcome_deciles.parquet`.
pub const DECILES: &[OutcomeColumn<DecileRow>] = &[
    column("space", Type::Text, "The space, as typed.", |row| {
        text(&row.space)
    }),
    column("notion", Type::Text, "The notion's id.", |row| {
        text(&row.notion)
    }),
    column(
        "decile",
        Type::Count,
        "From 1, the least extrapolated, to 10; queries with equal scores share one.",
        |row| Value::Count(row.decile.decile.into()),
    ),
    column("score_low", Type::Float, "The least score in it.", |row| {
        Value::Float(row.decile.scores[0])
    }),
    column("score_high", Type::Float, "The largest.", |row| {
        Value::Float(row.decile.scores[1])
    }),
    column("queries", Type::Count, "Queries in it.", |row| {
        Value::Count(row.decile.risk.queries)
    }),
    column(
        "rate",
        Type::Float,
        "Their error rate (share) or mean loss.",
        |row| Value::Float(row.decile.risk.mean),
    ),
    column(
        "low",
        Type::Float,
        "Lower end of its 95 % interval.",
        |row| Value::of(end(&row.decile.risk.interval95, 0), Value::Float),
    ),
    column("high", Type::Float, "Upper end.", |row| {
        Value::of(end(&row.decile.risk.interval95, 1), Value::Float)
    }),
];

/// All deciles, a row each.
pub(super) fn deciles(outcomes: &Outcomes) -> Vec<DecileRow> {
    let of = |notion: &NotionOutcomes| {
        let row = |decile: &Decile| DecileRow {
            space: notion.space.clone(),
            notion: notion.notion.clone(),
            decile: *decile,
        };
        notion.deciles.iter().map(row).collect::<Vec<_>>()
    };
    outcomes.notions.iter().flat_map(of).collect()
}

/// Write rows as Parquet, with the command line and the settings that they come from.
///
/// Errors: a file that cannot be written.
pub fn write<R>(
    path: &Path,
    command: &str,
    settings: &serde_json::Value,
    columns: &[OutcomeColumn<R>],
    rows: &[R],
) -> Result<()> {
    let column = |column: &OutcomeColumn<R>| {
        let values = rows.iter().map(|row| (column.get)(row));
        (column.name, array(column.of, values), true)
    };
    let batch = RecordBatch::try_from_iter_with_nullable(columns.iter().map(column));
    parquet_file::write(path, command, settings, batch)
}

/// Every column of the three files: file, name, help.
pub fn help() -> Vec<(&'static str, &'static str, &'static str)> {
    fn of<R>(
        file: &'static str,
        columns: &[OutcomeColumn<R>],
    ) -> Vec<(&'static str, &'static str, &'static str)> {
        columns
            .iter()
            .map(|column| (file, column.name, column.help))
            .collect()
    }
    let files = [
        of("outcomes.parquet", NOTIONS),
        of("outcome_pairs.parquet", PAIRS),
        of("outcome_deciles.parquet", DECILES),
    ];
    files.concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::outcomes::tests::outcomes;
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Float64Type, Int64Type};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    #[test]
    fn numbers_read_back_and_missing_ones_say_why() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outcomes.parquet");
        let found = outcomes(false);
        write(
            &path,
            "hullscope errors",
            &serde_json::Value::Null,
            NOTIONS,
            &found.notions,
        )
        .unwrap();
        let reader =
            ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(&path).unwrap()).unwrap();
        let batch = reader.build().unwrap().next().unwrap().unwrap();
        let float = |name: &str| -> Vec<Option<f64>> {
            batch
                .column_by_name(name)
                .unwrap()
                .as_primitive::<Float64Type>()
                .iter()
                .collect()
        };
        let expected: Vec<Option<f64>> = found
            .notions
            .iter()
            .map(|notion| notion.auroc.value().map(|area| area.value))
            .collect();
        assert_eq!(float("auroc"), expected);
        assert_eq!(
            (batch.num_rows(), expected[2], float("adds_p")[2]),
            (6, None, None)
        );
        let missing = batch
            .column_by_name("missing")
            .unwrap()
            .as_string::<i32>()
            .iter()
            .collect::<Vec<_>>();
        assert_eq!(
            missing,
            [None, None, Some("constant"), None, None, Some("constant")]
        );
        let queries = batch
            .column_by_name("queries")
            .unwrap()
            .as_primitive::<Int64Type>();
        assert!(queries.iter().all(|queries| queries == Some(200)));
    }

    #[test]
    fn names_are_unique_and_every_column_is_explained() {
        let all = help();
        for (place, (file, name, help)) in all.iter().enumerate() {
            assert!(help.ends_with('.'), "{file} {name}: {help}");
            assert!(
                !all[..place]
                    .iter()
                    .any(|other| (other.0, other.1) == (*file, *name)),
                "{file} {name}"
            );
        }
    }
}
