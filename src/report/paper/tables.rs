//! The numbers of the experiments as tables, for a terminal and for the page.

use super::{Curves, Experiment, Findings, curves, set_up};
use crate::report::columns::{TableColumn, columns};
use crate::report::numerals::{filled, hundredths};
use crate::report::text_table::Table;
use crate::study::paper::Point;
use crate::study::paper::fig1::Half;
use crate::study::paper::hypercube::{Hypercube, View};

/// The tables of an experiment.
pub(super) fn tables(findings: &Findings, figure: &str) -> Vec<Table> {
    match figure {
        "fig1" if findings.halves.is_empty() => Vec::new(),
        "fig1" => vec![Table::of(
            "The first N at which half of the new ones are inside",
            &of_halves(),
            &findings.halves,
        )],
        "fig5" => {
            let table = |cube| Table::of(cube_caption(cube), &of_views(), &cube.views);
            findings.cubes.iter().map(table).collect()
        }
        _ => {
            let sets = curves(&findings.points, figure).into_iter();
            let table = |(data, series): (String, Curves)| {
                let caption = format!("{data}: test images inside the hull of the training images");
                let points = series.into_iter().flat_map(|(_, points)| points);
                Table::of(caption, &of_points(), points).without_repeats()
            };
            sets.map(table).collect()
        }
    }
}

/// The text for a terminal, at most two screens: each experiment with its set-up and its tables.
pub fn table(experiments: &[Experiment]) -> String {
    let mut text = String::new();
    for experiment in experiments {
        text += &format!("{}\n\n", wrapped(&set_up(experiment)));
        for table in tables(&experiment.findings, &experiment.name) {
            text += &format!("{}\n{}\n", table.caption, table.text());
        }
    }
    text
}

/// Letters of a line in a terminal.
const LINE: usize = 100;

/// A paragraph broken into lines for a terminal.
pub fn wrapped(text: &str) -> String {
    let fits = |line: &str| line.chars().count() <= LINE;
    filled(text.split_whitespace(), fits).join("\n")
}

/// A number, or a dash where there is none.
fn number(number: Option<u64>) -> String {
    number.map_or("-".into(), |number| number.to_string())
}

fn of_halves() -> Vec<TableColumn<'static, Half>> {
    columns! { half: Half;
        "Setting" = half.data.clone(), "the law of the samples";
        "d" = half.d.to_string(), "their dimensions";
        "first N, measured" = number(half.measured), "the least number of samples whose hull holds half of the new ones";
        "95 %" = match half.interval95 {
            [None, None] => "-".into(),
            [low, high] => format!("{} to {}", number(low), number(high)),
        }, "its 95 % interval";
        "exactly" = number(half.exact), "the number by theory";
    }
}

fn of_points() -> Vec<TableColumn<'static, Point>> {
    columns! { point: Point;
        "" = point.series.clone(), "the curve";
        "d" = point.d.to_string(), "dimensions";
        "rank" = number(point.rank), "affine rank of the training images";
        "inside" = point.inside.to_string(), "test images inside";
        "of" = point.trials.to_string(), "test images";
        "share" = hundredths(point.rate), "their share";
        "95 %" = format!("{} to {}", hundredths(point.interval95[0]), hundredths(point.interval95[1])),
            "its 95 % interval";
        "Gaussian" = point.theory.map_or("-".into(), hundredths), "the share for Gaussian data of that rank";
    }
}

fn of_views() -> Vec<TableColumn<'static, View>> {
    columns! { view: View;
        "Space" = view.space.clone(), "the map of the vertices";
        "dimensions" = view.dim.to_string(), "dimensions of its images";
        "look inside" = view.inside.to_string(), "images in the hull of the others";
        "outside" = view.outside.to_string(), "images outside it";
        "outside, exactly" = number(view.exact_outside), "the number of these by theory";
    }
}

fn cube_caption(cube: &Hypercube) -> String {
    format!(
        "Cube of {} dimensions, {} vertices, each against the others: distance between {:.12} and {:.12}, exactly {:.12}",
        cube.d, cube.vertices, cube.distance[0], cube.distance[1], cube.exact_distance
    )
}
