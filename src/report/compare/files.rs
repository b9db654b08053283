//! Rates as tidy Parquet: one row per space and notion, and with classes one row per space, class and notion.

use crate::error::Result;
use crate::report::columns::{self, TableColumn, columns};
use crate::study::compare::{LabelReport, Rate, Report, SpaceReport};
use serde_json::Value;
use std::path::Path;

/// A row of `rates.parquet`.
struct RateRow<'r> {
    space: &'r SpaceReport,
    rate: &'r Rate,
    left_out: Option<&'r Rate>,
}

impl RateRow<'_> {
    fn rate(&self) -> &Rate {
        self.rate
    }

    /// A number about the hull, in rows of the hull.
    fn of_hull(&self, number: Option<f64>) -> Option<f64> {
        number.filter(|_| self.rate.notion == "hull")
    }
}

/// The columns of `rates.parquet`.
fn rates<'r>() -> Vec<TableColumn<'r, RateRow<'r>>> {
    let mut all = columns! { row: RateRow;
        "space" = row.space.space.clone(), "the space, as typed";
        "notion" = row.rate.notion.clone(), "the notion, by its id, as in hull or knn_10";
        "d" = row.space.d, "columns of the space";
        "rank" = row.space.rank, "affine rank of the reference; null where it is not known";
        "two_nn" = row.space.two_nn, "intrinsic dimension of the reference by TwoNN; null where it has none";
        "mle" = row.space.mle, "the same by maximum likelihood over 20 nearest rows";
        "n_reference" = row.space.n_reference, "reference rows";
        "n_queries" = row.rate.queries, "queries that were judged";
    };
    let share = share().into_iter();
    all.extend(share.map(|column| column.of(RateRow::rate)));
    all.extend(columns! { row: RateRow;
        "null_rate" = row.of_hull(row.space.null_rate),
            "for the hull only: the rate of Gaussian data with as many rows of that rank";
        "d_eff" = row.of_hull(row.space.d_eff),
            "for the hull only: the rank at which Gaussian data would have the rate; null where all or none are outside";
    });
    all.push(undecided().of(RateRow::rate));
    all.extend(columns! { row: RateRow;
        "left_out" = row.left_out.map(|rate| rate.queries),
            "reference rows that were judged as if they were not in the reference; null where none were";
        "left_out_outside" = row.left_out.map(|rate| rate.outside), "of these, how many are outside";
        "left_out_rate" = row.left_out.and_then(|rate| rate.rate), "their share";
        "left_out_interval_low" = row.left_out.and_then(|rate| end(rate, 0)),
            "lower end of its 95 % interval (Wilson)";
        "left_out_interval_high" = row.left_out.and_then(|rate| end(rate, 1)), "its upper end";
        "left_out_undecided" = row.left_out.map(|rate| rate.undecided),
            "of the rows left out, how many are neither proved inside nor outside";
    });
    all
}

/// A row of `by_label.parquet`.
struct LabelRow<'r> {
    space: &'r SpaceReport,
    label: &'r LabelReport,
    notion: &'r str,
    rate: &'r Rate,
}

/// The columns of `by_label.parquet`.
fn labels<'r>() -> Vec<TableColumn<'r, LabelRow<'r>>> {
    let mut all = columns! { row: LabelRow;
        "space" = row.space.space.clone(), "the space, as typed";
        "label" = row.label.label.clone(), "the class of the queries";
        "notion" = row.notion.to_string(),
            "the notion, by its id; own_class_hull is the hull of the reference rows of the query's own class";
        "n_reference" = row.label.n_reference, "reference rows of the class";
        "n_queries" = row.rate.queries, "queries of the class that were judged";
    };
    let measured = share().into_iter().chain([undecided()]);
    all.extend(measured.map(|column| column.of(|row: &LabelRow<'r>| row.rate)));
    all
}

/// The columns of a rate; the share is null where the rate is of no query.
fn share<'r>() -> Vec<TableColumn<'r, Rate>> {
    columns! { rate: Rate;
        "outside" = rate.outside, "of these, how many are outside";
        "rate" = rate.rate, "their share; null where no query was judged";
        "interval_low" = end(rate, 0), "lower end of the rate's 95 % interval (Wilson)";
        "interval_high" = end(rate, 1), "its upper end";
    }
}

fn undecided<'r>() -> TableColumn<'r, Rate> {
    let help = "of the queries that were judged, how many are neither proved inside nor outside";
    columns::column("undecided", help, |rate: &Rate| rate.undecided)
}

/// One end of a rate's interval.
fn end(rate: &Rate, end: usize) -> Option<f64> {
    rate.interval95.map(|ends| ends[end])
}

/// A line of `--help-columns` for each column of these files.
pub fn help(by_label: bool) -> String {
    let by_label = by_label.then(|| columns::help("by_label.parquet", &labels()));
    columns::help("rates.parquet", &rates()) + &by_label.unwrap_or_default()
}

/// Writes the rates of all spaces.
pub fn write_rates(path: &Path, command: &str, settings: &Value, report: &Report) -> Result<()> {
    let mut rows = Vec::new();
    for space in &report.spaces {
        rows.extend(space.notions.iter().map(|notion| RateRow {
            space,
            rate: &notion.rate,
            left_out: notion.leave_one_out.as_ref(),
        }));
    }
    columns::write(path, command, settings, &rates(), &rows)
}

/// Writes the rates of all spaces by class.
pub fn write_labels(path: &Path, command: &str, settings: &Value, report: &Report) -> Result<()> {
    let mut rows = Vec::new();
    for space in &report.spaces {
        for label in &space.labels {
            let rates = label.rates.iter().map(|rate| (rate.notion.as_str(), rate));
            let own = label.own_class.iter().map(|rate| ("own_class_hull", rate));
            rows.extend(rates.chain(own).map(|(notion, rate)| LabelRow {
                space,
                label,
                notion,
                rate,
            }));
        }
    }
    columns::write(path, command, settings, &labels(), &rows)
}
