//! The columns of records. Every format is written from this list.

use crate::error::Result;
use crate::hull::{Answer, Bracket, Verdict};
use crate::notion::{Notion, Value};
use crate::report::columns::{RowNumber, TableColumn, column, columns};
use crate::rows::{Provenance, Rows};
use crate::study::analyze::AnalysisPlan;
use crate::study::compare::{QuerySet, RowContext};
use crate::study::outcomes::Outcome;
use crate::study::summary::name;
use crate::study::{Neighbour, Record};

pub(super) type RecordColumn<'r> = TableColumn<'r, Record>;

/// What the columns of a table are made from.
#[derive(Clone, Copy)]
pub struct About<'r, 'p> {
    pub reference: &'r dyn Rows,
    pub queries: &'r dyn Rows,
    pub plan: &'p AnalysisPlan,
    /// The name of the space, for tables that hold several.
    pub space: Option<&'p str>,
    pub known: RowContext<'r>,
}

/// All columns of an analysis: those that were asked for and can have a value. Only the number of the query is never null.
///
/// Errors: unknown notions.
pub(super) fn all<'r>(about: &About<'r, '_>) -> Result<Vec<RecordColumn<'r>>> {
    let plan = about.plan;
    let mut all = Vec::new();
    if let Some(space) = about.space.map(String::from) {
        all.extend(columns! { _record: Record;
            "space" = Some(space.clone()), "the space, as typed";
        });
    }
    all.extend(columns! { record: Record;
        "query_row" = RowNumber(record.query), "row number of the query in its file or folder, from 0";
    });
    all.extend(of_sets(about.known.sets));
    let of_query = provenance(about.queries, "the query").into_iter();
    all.extend(of_query.map(|column| column.of_part(|record: &Record| Some(&record.query))));
    all.extend(classes(about));
    all.extend(of_outcome(about.known.outcome));
    if plan.hull {
        all.extend(of_hull(plan.gap.is_some()));
    }
    for (place, notion) in plan.made(about.known.classes)?.iter().enumerate() {
        all.extend(of_notion(about.reference, &**notion, place));
    }
    if plan.neighbours > 0 {
        all.extend(of_nearest(about.reference));
    }
    if plan.neighbours > 1 {
        all.extend(of_neighbours(about.reference));
    }
    Ok(all)
}

/// The id, file and label of a row, where known; `what` is the row.
pub(in crate::report) fn provenance<'r>(
    rows: &'r dyn Rows,
    what: &str,
) -> Vec<TableColumn<'r, u64>> {
    let (of, file) = (format!("of {what}"), format!("file that {what} is in"));
    let in_file = format!("row number of {what} in that file, from 0");
    of_provenance(rows, |known| {
        columns! { row: u64;
            "id" = known.id(*row), &format!("id {of}");
            "file" = known.file_row(*row).map(|at| at.file), &file;
            "row_in_file" = known.file_row(*row).map(|at| RowNumber(at.row)), &in_file;
            "label" = known.label(*row), &format!("label {of}");
        }
    })
}

/// Those of four columns about ids, files, row numbers in files and labels for which these are known.
fn of_provenance<'r, R>(
    rows: &'r dyn Rows,
    columns: impl Fn(&'r Provenance) -> Vec<TableColumn<'r, R>>,
) -> Vec<TableColumn<'r, R>> {
    let all = rows.provenance().into_iter().flat_map(|known| {
        // Where each row is a file, its number in the file says nothing.
        let are_in_files = known.has_files() && !known.are_files();
        let (ids, labels) = (known.has_ids(), known.has_labels());
        let there = [ids, known.has_files(), are_in_files, labels];
        let columns = columns(known).into_iter().zip(there);
        columns.filter_map(|(column, there)| there.then_some(column))
    });
    all.collect()
}

/// The name of each query's set, if there are several sets.
fn of_sets(sets: &[QuerySet]) -> Vec<RecordColumn<'_>> {
    if sets.is_empty() {
        return Vec::new();
    }
    let of = |place: usize| &sets[sets.partition_point(|set| set.first <= place) - 1];
    columns! { record: Record;
        "set" = Some(of(record.place).name.as_str()), "the set that the query came in";
        "row_in_set" = Some(RowNumber((record.place - of(record.place).first) as u64)),
            "row number of the query in that set, from 0";
    }
}

/// The classes and predicted classes of the queries; labels in the queries' file already have a column.
fn classes<'r>(about: &About<'r, '_>) -> Vec<RecordColumn<'r>> {
    let Some(classes) = about.known.classes else {
        return Vec::new();
    };
    let predicted = |place: usize| classes.predicted.get(place).copied().flatten();
    let mut all = columns! { record: Record;
        "label" = classes.of_query(record.place).map(|class| classes.name(class)), "class of the query";
        "predicted" = predicted(record.place).map(|class| classes.name(class)),
            "class that the model predicted";
    };
    let are_labelled = about
        .queries
        .provenance()
        .is_some_and(Provenance::has_labels);
    all.retain(|column| match column.name.as_str() {
        "label" => !are_labelled,
        _ => !classes.predicted.is_empty(),
    });
    all
}

/// The outcome of each query, if known.
fn of_outcome(outcome: Option<&Outcome>) -> Vec<RecordColumn<'_>> {
    match outcome {
        Some(Outcome::Wrong(wrong)) => columns! { record: Record;
            "error" = wrong[record.place], "whether the model was wrong";
        },
        Some(Outcome::Loss(loss)) => columns! { record: Record;
            "loss" = finite(loss[record.place]), "loss of the model";
        },
        Some(Outcome::Sets { .. }) | None => Vec::new(),
    }
}

/// A number, if it is finite.
fn finite(number: f64) -> Option<f64> {
    Some(number).filter(|number| number.is_finite())
}

/// The columns of the hull.
fn of_hull(distance: bool) -> Vec<RecordColumn<'static>> {
    let mut all = columns! { answer: Answer;
        "verdict" = answer.verdict.name(), "inside, outside or undecided";
        "proof" = answer.proof.map(|proof| proof.name()), "exact, tolerance or separated";
        "reason" = answer.reason.map(name), "why a query is undecided";
        "margin" = (answer.verdict == Verdict::Outside).then_some(answer.margin),
            "certified lower bound of the Euclidean distance to the hull from the verdict alone; null unless outside";
        "residual" = answer.residual,
            "distance from the query to the weighted mean of the certificate's rows, as a share of the local scale";
        "support" = answer.support as u64, "number of rows of the certificate";
        "scans" = u64::from(answer.scans), "number of scans of the reference for the query";
    };
    if distance {
        all.extend(columns! { answer: Answer;
            "distance_lower" = answer.distance.map(|distance| distance.lower),
                "certified lower bound of the Euclidean distance to the hull";
            "distance_upper" = answer.distance.map(|distance| distance.upper),
                "certified upper bound of the same";
            "gap" = answer.distance.as_ref().map(Bracket::gap),
                "(upper - lower) / upper of the distance";
        });
    }
    let all = all.into_iter();
    all.map(|column| column.of_part(|record: &Record| record.hull.as_ref()))
        .collect()
}

/// The columns of a notion, whose judgement has the index `place` in each record.
fn of_notion<'r>(
    reference: &'r dyn Rows,
    notion: &dyn Notion,
    place: usize,
) -> Vec<RecordColumn<'r>> {
    let id = notion.id();
    let outside = format!("{}; null where it is not known", notion.outside());
    let mut all: Vec<RecordColumn> = vec![
        column(&format!("{id}_outside"), &outside, move |r: &Record| {
            r.judgements[place].outside
        }),
        column(
            &format!("{id}_score"),
            &notion.score(),
            move |r: &Record| finite(r.judgements[place].score),
        ),
    ];
    let number = |row: u64| reference.number(row as usize);
    for (at, own) in notion.columns().into_iter().enumerate() {
        let get = move |r: &Record| match r.judgements[place].more.get(at) {
            None => Value::Null,
            Some(Value::Row(row)) => Value::Row(number(*row)),
            Some(Value::Rows(rows)) => Value::Rows(rows.iter().map(|row| number(*row)).collect()),
            Some(value) => value.clone(),
        };
        all.push(TableColumn::new(own.name, own.of, own.help, get));
    }
    all
}

/// The columns of the nearest row.
fn of_nearest(reference: &dyn Rows) -> Vec<RecordColumn<'_>> {
    let mut all = columns! { record: Record;
        "nearest_row" = record.neighbours.first().map(|nearest| RowNumber(nearest.row)),
            "row number of the nearest reference row in its file or folder, from 0";
    };
    for mut column in provenance(reference, "the nearest reference row") {
        column.name = format!("nearest_{}", column.name);
        all.push(column.of_part(|record: &Record| Some(&record.neighbours.first()?.row)));
    }
    all.extend(columns! { record: Record;
        "nearest_distance" = record.neighbours.first().and_then(|nearest| finite(nearest.distance)),
            "distance of the nearest reference row, in the metric";
        "nearest_ratio" = finite(record.nearest_ratio),
            "that distance over the median nearest distance between reference rows";
    });
    all
}

/// The lists of all neighbours, nearest first.
fn of_neighbours(reference: &dyn Rows) -> Vec<RecordColumn<'_>> {
    let mut all = columns! { record: Record;
        "neighbour_rows" = of_each(record, |near| near.row), "row numbers, nearest first";
    };
    all.extend(of_provenance(reference, |known| columns! { record: Record;
        "neighbour_ids" = of_each(record, |near| known.id(near.row).unwrap_or_default().to_string()),
            "their ids";
        "neighbour_files" = of_each(record, |near| known.file_row(near.row).map_or("", |at| at.file).to_string()),
            "their files";
        "neighbour_rows_in_file" = of_each(record, |near| known.file_row(near.row).map_or(0, |at| at.row)),
            "their row numbers in those files, from 0";
        "neighbour_labels" = of_each(record, |near| known.label(near.row).unwrap_or_default().to_string()),
            "their labels";
    }));
    all.extend(columns! { record: Record;
        "neighbour_distances" = of_each(record, |near| near.distance), "their distances, in the metric";
    });
    all
}

/// An item for each neighbour.
fn of_each<T>(record: &Record, item: impl Fn(&Neighbour) -> T) -> Option<Vec<T>> {
    Some(record.neighbours.iter().map(item).collect())
}
