//! The numbers of the experiments as tables, for a terminal and for the page.

use super::{Experiment, Findings, curves, set_up};
use crate::report::html::Table;
use crate::report::numerals::{filled, hundredths};
use crate::report::text_table;
use crate::study::paper::Point;
use crate::study::paper::fig1::Half;
use crate::study::paper::hypercube::{Hypercube, View};

/// The columns of a table of shares.
const SHARES: [&str; 8] = ["", "d", "rank", "inside", "of", "share", "95 %", "Gaussian"];

/// The tables of an experiment.
pub(super) fn tables(findings: &Findings, figure: &str) -> Vec<Table> {
    match figure {
        "fig1" if findings.halves.is_empty() => Vec::new(),
        "fig1" => vec![Table::new(
            "The first N at which half of the new ones are inside",
            ["Setting", "d", "first N, measured", "95 %", "exactly"],
            half_rows(&findings.halves),
            1,
        )],
        "fig5" => {
            let head = "Space; dimensions; look inside; outside; outside, exactly".split("; ");
            let table = |cube| Table::new(cube_caption(cube), head.clone(), cube_rows(cube), 1);
            findings.cubes.iter().map(table).collect()
        }
        _ => {
            let sets = curves(&findings.points, figure);
            let each = sets.into_iter().map(|(data, series)| {
                let caption = format!("{data}: test images inside the hull of the training images");
                Table::new(caption, SHARES, share_rows(&series), 1)
            });
            each.collect()
        }
    }
}

/// The text for a terminal, at most two screens: each experiment with its set-up and its tables.
pub fn table(experiments: &[Experiment]) -> String {
    let mut text = String::new();
    for experiment in experiments {
        text += &format!("{}\n\n", wrapped(&set_up(experiment)));
        for Table {
            caption,
            head,
            rows,
            ..
        } in tables(&experiment.findings, &experiment.name)
        {
            let rows = text_table::aligned(text_table::rows(head, rows));
            text += &format!("{caption}\n{rows}\n\n");
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

fn half_rows(halves: &[Half]) -> Vec<Vec<String>> {
    let number = |n: Option<u64>| n.map_or("-".into(), |n| n.to_string());
    let row = |half: &Half| {
        let [low, high] = half.interval95;
        vec![
            half.data.clone(),
            half.d.to_string(),
            number(half.measured),
            match (low, high) {
                (None, None) => "-".into(),
                _ => format!("{} to {}", number(low), number(high)),
            },
            half.exact.map_or("-".into(), |n| n.to_string()),
        ]
    };
    halves.iter().map(row).collect()
}

fn share_rows(series: &[(String, Vec<&Point>)]) -> Vec<Vec<String>> {
    let row = |name: &str, place: usize, point: &Point| {
        let [low, high] = point.interval95;
        vec![
            if place == 0 { name } else { "" }.to_string(),
            point.d.to_string(),
            point.rank.map_or("-".into(), |rank| rank.to_string()),
            point.inside.to_string(),
            point.trials.to_string(),
            hundredths(point.rate),
            format!("{} to {}", hundredths(low), hundredths(high)),
            point.theory.map_or("-".into(), hundredths),
        ]
    };
    let mut rows = Vec::new();
    for (name, points) in series {
        let each = points.iter().enumerate();
        rows.extend(each.map(|(place, point)| row(name, place, point)));
    }
    rows
}

fn cube_rows(cube: &Hypercube) -> Vec<Vec<String>> {
    let row = |view: &View| {
        vec![
            view.space.clone(),
            view.dim.to_string(),
            view.inside.to_string(),
            view.outside.to_string(),
            view.exact_outside
                .map_or("-".into(), |exact| exact.to_string()),
        ]
    };
    cube.views.iter().map(row).collect()
}

fn cube_caption(cube: &Hypercube) -> String {
    format!(
        "Cube of {} dimensions, {} vertices, each against the others: distance between {:.12} and {:.12}, exactly {:.12}",
        cube.d, cube.vertices, cube.distance[0], cube.distance[1], cube.exact_distance
    )
}
