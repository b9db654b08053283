//! Rates as tidy Parquet: one row per space and notion, and with classes one row per space, class and notion.

use crate::error::Result;
use crate::report::columns::{self, TableColumn, columns};
use crate::study::compare::{LabelReport, Rate, Report, SpaceReport};
use serde_json::Value;
use std::path::Path;

/// A row of `rates.parquet`, or of `by_label.parquet`.
struct RateRow<'r> {
    space: &'r SpaceReport,
    label: &'r str,
    notion: &'r str,
    n_reference: u64,
    rate: &'r Rate,
    left_out: Option<&'r Rate>,
}

impl RateRow<'_> {
    /// A number about the hull, in rows of the hull.
    fn of_hull(&self, number: Option<f64>) -> Option<f64> {
        number.filter(|_| self.notion == "hull")
    }
}

/// The columns of `by_label.parquet`; all others but the label are those of `rates.parquet`.
const BY_LABEL: &str =
    "space label notion n_reference n_queries outside rate interval_low interval_high undecided";

/// The columns of a file.
fn of_file<'r>(by_label: bool) -> Vec<TableColumn<'r, RateRow<'r>>> {
    let mut all = columns! { row: RateRow;
        "space" = row.space.space.clone(), "the space, as typed";
        "label" = row.label, "the class of the queries";
        "notion" = row.notion,
            "the notion, by its id, as in hull or knn_10; by class also own_class_hull, the hull of the reference rows of \
             the query's own class";
        "d" = row.space.d, "columns of the space";
        "rank" = row.space.rank, "affine rank of the reference; null where it is not known";
        "two_nn" = row.space.two_nn, "intrinsic dimension of the reference by TwoNN; null where it has none";
        "mle" = row.space.mle, "the same by maximum likelihood over 20 nearest rows";
        "n_reference" = row.n_reference, "reference rows, by class those of the class";
        "n_queries" = row.rate.queries, "queries that were judged";
        "outside" = row.rate.outside, "of these, how many are outside";
        "rate" = row.rate.rate, "their share; null where no query was judged";
        "interval_low" = end(row.rate, 0), "lower end of the rate's 95 % interval (Wilson)";
        "interval_high" = end(row.rate, 1), "its upper end";
        "null_rate" = row.of_hull(row.space.null_rate),
            "for the hull only: the rate of Gaussian data with as many rows of that rank";
        "d_eff" = row.of_hull(row.space.d_eff),
            "for the hull only: the rank at which Gaussian data would have the rate; null where all or none are outside";
        "undecided" = row.rate.undecided,
            "of the queries that were judged, how many are neither proved inside nor outside";
        "left_out" = row.left_out.map(|rate| rate.queries),
            "reference rows that were judged as if they were not in the reference; null where none were";
        "left_out_outside" = row.left_out.map(|rate| rate.outside), "of these, how many are outside";
        "left_out_rate" = row.left_out.and_then(|rate| rate.rate), "their share";
        "left_out_interval_low" = row.left_out.and_then(|rate| end(rate, 0)),
            "lower end of its 95 % interval (Wilson)";
        "left_out_interval_high" = row.left_out.and_then(|rate| end(rate, 1)), "its upper end";
        "left_out_undecided" = row.left_out.map(|rate| rate.undecided),
            "of the rows left out, how many are neither proved inside nor outside";
    };
    all.retain(|column| match by_label {
        true => BY_LABEL.split(' ').any(|name| name == column.name),
        false => column.name != "label",
    });
    all
}

/// The rates of a class by notion; that against the rows of the class itself is the last.
pub(super) fn rates(label: &LabelReport) -> impl Iterator<Item = (&str, &Rate)> {
    let rates = label.rates.iter().map(|rate| (rate.notion.as_str(), rate));
    rates.chain(label.own_class.iter().map(|rate| ("own_class_hull", rate)))
}

/// One end of a rate's interval.
fn end(rate: &Rate, end: usize) -> Option<f64> {
    rate.interval95.map(|ends| ends[end])
}

/// A line of `--help-columns` for each column of these files.
pub fn help(by_label: bool) -> String {
    let labels = by_label.then(|| columns::help("by_label.parquet", &of_file(true)));
    columns::help("rates.parquet", &of_file(false)) + &labels.unwrap_or_default()
}

/// Writes the rates of all spaces.
pub fn write_rates(path: &Path, command: &str, settings: &Value, report: &Report) -> Result<()> {
    let rows = report.spaces.iter().flat_map(|space| {
        space.notions.iter().map(move |notion| RateRow {
            space,
            label: "",
            notion: &notion.rate.notion,
            n_reference: space.n_reference,
            rate: &notion.rate,
            left_out: notion.leave_one_out.as_ref(),
        })
    });
    let rows: Vec<RateRow> = rows.collect();
    columns::write(path, command, settings, &of_file(false), &rows)
}

/// Writes the rates of all spaces by class.
pub fn write_labels(path: &Path, command: &str, settings: &Value, report: &Report) -> Result<()> {
    let classes = report.spaces.iter().flat_map(|space| {
        let labels = space.labels.iter();
        labels.map(move |label| (space, label))
    });
    let rows = classes.flat_map(|(space, label)| {
        rates(label).map(move |(notion, rate)| RateRow {
            space,
            label: &label.label,
            notion,
            n_reference: label.n_reference,
            rate,
            left_out: None,
        })
    });
    let rows: Vec<RateRow> = rows.collect();
    columns::write(path, command, settings, &of_file(true), &rows)
}
