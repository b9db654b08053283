//! The experiments as sections, which a terminal and a page share.

use super::figures::figure;
use super::words::{reading, set_up};
use super::{Collection, Experiment, curves};
use crate::report::columns::{TableColumn, columns};
use crate::report::document::{self, Part, Section};
use crate::report::html;
use crate::report::numerals::{grouped, hundredths, or_nothing};
use crate::report::text_table::Table;
use crate::study::paper::Point;
use crate::study::paper::fig1::Half;
use crate::study::paper::hypercube::{Hypercube, View};
use maud::html;

/// The findings and the tables for a terminal.
pub fn text(collection: &Collection) -> String {
    document::text(&sections(collection))
}

/// All experiments as one page.
pub fn page(collection: &Collection) -> String {
    let title = "Learning in high dimension always amounts to extrapolation: the experiments";
    document::page(title, &sections(collection), &collection.date)
}

/// The findings, each experiment, the notes, the sources.
fn sections(collection: &Collection) -> Vec<Section> {
    let said = reading(&collection.findings()).into_iter().map(Part::Text);
    let mut all = vec![Section::new("What it says", said)];
    all.extend(collection.experiments.iter().map(|experiment| {
        let figure = figure(experiment);
        let title = figure.as_ref().map(|figure| figure.title.clone());
        let mut parts = vec![Part::Text(set_up(experiment))];
        parts.extend(figure.map(|figure| Part::Figure(figure, String::new())));
        parts.extend(tables(experiment).into_iter().map(Part::Table));
        parts.push(made(experiment));
        Section::new(title.unwrap_or_else(|| experiment.name.clone()), parts)
    }));
    if !collection.notes.is_empty() {
        all.push(Section::page("Notes", html::list(&collection.notes)));
    }
    all.push(Section::page("Sources", html::sources()));
    all
}

/// The notes of an experiment, and how it was made.
fn made(experiment: &Experiment) -> Part {
    let notes = &experiment.notes;
    let summary = format!("Notes ({})", notes.len());
    Part::Page(html! {
        @if !notes.is_empty() { (html::details(&summary, false, &html::list(notes))) }
        (html::code(&experiment.command))
        (html::terms([("Date", experiment.date.as_str())]))
        (html::settings(&experiment.settings))
    })
}

/// The tables of an experiment; those of another kind than its own are empty.
fn tables(experiment: &Experiment) -> Vec<Table> {
    let findings = &experiment.findings;
    let halves = "The first N at which half of the new ones are inside";
    let halves = [Table::of(halves, &of_halves(), &findings.halves)];
    let cubes = findings.cubes.iter();
    let cubes = cubes.map(|cube| Table::of(cube_caption(cube), &of_views(), &cube.views));
    let images = match experiment.name.as_str() {
        "fig1" => Vec::new(),
        figure => curves(&findings.points, figure),
    };
    let images = images.into_iter().map(|(data, series)| {
        let caption = format!("{data}: test images inside the hull of the training images");
        let points = series.into_iter().flat_map(|(_, points)| points);
        Table::of(caption, &of_points(), points).named_by(2)
    });
    let all = halves.into_iter().chain(cubes).chain(images);
    all.filter(|table| !table.rows.is_empty()).collect()
}

/// A number, or a dash where there is none.
fn number(number: Option<u64>) -> String {
    or_nothing(number, grouped)
}

fn of_halves() -> Vec<TableColumn<'static, Half>> {
    columns! { half: Half;
        "setting" = half.data.clone(), "";
        "d" = half.d, "";
        "first N, measured" = number(half.measured), "";
        "95 %" = match half.interval95 {
            [None, None] => number(None),
            [low, high] => format!("{} to {}", number(low), number(high)),
        }, "";
        "exactly" = number(half.exact), "";
    }
}

fn of_points() -> Vec<TableColumn<'static, Point>> {
    columns! { point: Point;
        "curve" = point.series.clone(), "";
        "d" = point.d, "";
        "rank" = number(point.rank), "";
        "inside" = point.inside, "";
        "of" = point.trials, "";
        "share" = hundredths(point.rate), "";
        "95 %" = format!("{} to {}", hundredths(point.interval95[0]), hundredths(point.interval95[1])), "";
        "Gaussian" = or_nothing(point.theory, hundredths), "the share for Gaussian data of that rank.";
    }
}

fn of_views() -> Vec<TableColumn<'static, View>> {
    columns! { view: View;
        "space" = view.space.clone(), "";
        "dimensions" = view.dim, "";
        "look inside" = view.inside, "images of vertices in the hull of the others.";
        "outside" = view.outside, "";
        "outside, exactly" = number(view.exact_outside), "";
    }
}

fn cube_caption(cube: &Hypercube) -> String {
    format!(
        "Cube of {} dimensions, {} vertices, each against the others: distance between {:.12} and {:.12}, exactly {:.12}",
        cube.d,
        grouped(cube.vertices),
        cube.distance[0],
        cube.distance[1],
        cube.exact_distance
    )
}
