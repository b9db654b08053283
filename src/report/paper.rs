//! The paper's experiments as tables, as Parquet, as JSON, as figures, and in words.
//!
//! Parquet columns, one row a point: `figure`, `data`, `series`, `space`, `d`, `rank`, `n`, `trials`, `inside`,
//! `undecided`, `rate`, `interval_low`, `interval_high` (Wilson's 95 %), `theory`. All rates are of samples inside.

use super::batch;
use super::html::{self, Page, Part, Picture, Section};
use super::plot::{Axis, Figure, Lines, PANEL, Panel, Series};
use crate::error::Result;
use crate::study::paper::Point;
use crate::study::paper::fig1::Half;
use crate::study::paper::hypercube::{Hypercube, View};
use crate::study::theory::absorption;
use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, UInt64Array};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

/// All that was found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Findings {
    pub points: Vec<Point>,
    /// Where half of the new samples are inside, by curve of figure 1.
    pub halves: Vec<Half>,
    pub cubes: Vec<Hypercube>,
}

/// Where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    pub command: String,
    pub date: String,
    pub settings: Value,
    /// What a reader must know before believing a number.
    pub notes: Vec<String>,
}

/// What an experiment of the paper is, and how it was set up here.
pub fn set_up(figure: &str) -> &'static str {
    match figure {
        "fig1" => {
            "Figure 1. N samples are drawn, and one more: is it in the hull of the N? Every trial draws a fresh set; the \
             first rows of a set are the smaller sets, so that the points of one curve share their trials. Left: standard \
             normal samples, with the exact probability (Kabluchko and Zaporozhets 2020) as a thin line. Middle: samples of a \
             manifold of dimension 1 that spans all d dimensions, a natural cubic spline through 64 standard normal knots, \
             drawn afresh each trial, at a uniform parameter. Right: standard normal samples of 4 dimensions, mapped by a \
             random affine map into d."
        }
        "pixels" => {
            "Figures 3 and 4. Which test images are in the hull of the training images, when they are reduced to their \
             central C x C pixels, or smoothed (Gaussian of half a step) and subsampled? The thin line is the probability for \
             Gaussian data of the same number of rows and the same rank."
        }
        "latents" => {
            "Table 1. The same question in the latent space of a small residual network (64 features, 93 % on the test \
             set of Fashion-MNIST) and of the same network before training: random subsets of its features, their principal \
             components, and heads of 2, 8 and 16 dimensions on the same trunk; beside them the principal components of the \
             pixels."
        }
        _ => {
            "Figure 5. Every vertex of a cube against all others. None is in their hull; its distance is 1/sqrt(d). After a \
             linear map to k dimensions most of them are, though nothing was interpolated: exactly 2 sum_{i<k} C(d-1, i) \
             vertices stay extreme under a generic map."
        }
    }
}

/// Everything. Field names are part of the interface.
pub fn json(context: &Context, findings: &Findings) -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "command": context.command,
        "date": context.date,
        "settings": context.settings,
        "notes": context.notes,
        "points": findings.points,
        "halves": findings.halves,
        "cubes": findings.cubes,
    })
}

/// Write all points as Parquet.
pub fn write_parquet(path: &Path, context: &Context, points: &[Point]) -> Result<()> {
    let whole = |pick: fn(&Point) -> u64| -> ArrayRef {
        Arc::new(UInt64Array::from_iter_values(points.iter().map(pick)))
    };
    let float = |pick: fn(&Point) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(points.iter().map(pick)))
    };
    let text = |pick: fn(&Point) -> &String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(points.iter().map(pick)))
    };
    let rank: UInt64Array = points.iter().map(|point| point.rank).collect();
    let theory: Float64Array = points.iter().map(|point| point.theory).collect();
    let table = RecordBatch::try_from_iter_with_nullable([
        ("figure", text(|point| &point.figure), false),
        ("data", text(|point| &point.data), false),
        ("series", text(|point| &point.series), false),
        ("space", text(|point| &point.space), false),
        ("d", whole(|point| point.d), false),
        ("rank", Arc::new(rank) as ArrayRef, true),
        ("n", whole(|point| point.n), false),
        ("trials", whole(|point| point.trials), false),
        ("inside", whole(|point| point.inside), false),
        ("undecided", whole(|point| point.undecided), false),
        ("rate", float(|point| point.rate), false),
        ("interval_low", float(|point| point.interval95[0]), false),
        ("interval_high", float(|point| point.interval95[1]), false),
        ("theory", Arc::new(theory), true),
    ]);
    batch::write(path, &context.command, &context.settings, table)
}

/// Values of a key, in order of first appearance.
fn distinct<'p>(
    points: impl Iterator<Item = &'p Point>,
    key: fn(&Point) -> &String,
) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for point in points {
        if !all.contains(key(point)) {
            all.push(key(point).clone());
        }
    }
    all
}

/// Curves of one data set: the series' name and its points.
type Curves<'p> = Vec<(String, Vec<&'p Point>)>;

/// The points of a figure, by data and then by series.
fn curves<'p>(points: &'p [Point], figure: &str) -> Vec<(String, Curves<'p>)> {
    let of_figure = || points.iter().filter(|point| point.figure == figure);
    let of_data = |data: String| {
        let all = || of_figure().filter(|point| point.data == data);
        let series = distinct(all(), |point| &point.series)
            .into_iter()
            .map(|series| {
                let points = all().filter(|point| point.series == series).collect();
                (series, points)
            });
        let series = series.collect();
        (data, series)
    };
    distinct(of_figure(), |point| &point.data)
        .into_iter()
        .map(of_data)
        .collect()
}

/// Everything as one page: what it says, each experiment with its set-up, figure and numbers.
///
/// Errors: a figure that cannot be drawn.
pub fn page(context: &Context, findings: &Findings) -> Result<String, String> {
    let drawn = figures(context, findings);
    let text = |text: &str| Part::Text(text.into());
    let section = |title: &str, parts: Vec<Part>| Section {
        title: title.into(),
        parts,
    };
    let made = Part::Details {
        summary: "All settings".into(),
        open: false,
        parts: vec![Part::Code(format!("{:#}", context.settings))],
    };
    let date = Part::Terms(vec![("Date".into(), context.date.clone())]);
    let mut sections = vec![section(
        "How it was made",
        vec![Part::Code(context.command.clone()), date, made],
    )];
    let sentences = reading(findings);
    if !sentences.is_empty() {
        let parts = sentences.into_iter().map(Part::Text).collect();
        sections.push(section("What it says", parts));
    }
    for (name, title) in TITLES {
        let tables = tables(findings, name);
        if tables.is_empty() {
            continue;
        }
        let mut parts = vec![text(set_up(name))];
        for (_, figure) in drawn.iter().filter(|(drawn, _)| drawn == name) {
            parts.push(Part::Figure(html::Figure {
                alt: format!("{}; its numbers are in the tables below it", figure.title),
                caption: figure.note.clone(),
                picture: Picture::of(figure)?,
            }));
        }
        for table in tables {
            // What fits a screen is open.
            let open = table.rows.len() <= 16;
            parts.push(Part::Details {
                summary: table.caption.clone(),
                open,
                parts: vec![Part::Table(table)],
            });
        }
        sections.push(section(title, parts));
    }
    if !context.notes.is_empty() {
        sections.push(section("Notes", vec![Part::List(context.notes.clone())]));
    }
    sections.push(section("Sources", vec![sources()]));
    Ok(html::render(&Page {
        title: "Learning in high dimension always amounts to extrapolation: the experiments".into(),
        sections,
        foot: format!("hullscope {}, {}", env!("CARGO_PKG_VERSION"), context.date),
    }))
}

/// Experiments and their headings.
const TITLES: [(&str, &str); 4] = [
    ("fig1", "Samples of a law"),
    ("pixels", "Images by their pixels"),
    ("latents", "Images in latent space"),
    ("fig5", "Vertices of a cube"),
];

fn sources() -> Part {
    let links = [
        (
            "Balestriero, Pesenti and LeCun: Learning in High Dimension Always Amounts to Extrapolation, 2021",
            "https://arxiv.org/abs/2110.09485",
        ),
        (
            "Kabluchko and Zaporozhets: Absorption probabilities for Gaussian polytopes and regular spherical simplices, 2020",
            "https://arxiv.org/abs/1704.04968",
        ),
    ];
    Part::Links(links.map(|(text, to)| (text.into(), to.into())).to_vec())
}

/// The tables of an experiment for the page.
fn tables(findings: &Findings, figure: &str) -> Vec<html::Table> {
    let head = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
    match figure {
        "fig1" if findings.halves.is_empty() => Vec::new(),
        "fig1" => vec![html::Table {
            caption: "Samples at which half of the new ones are inside".into(),
            head: head(&["Setting", "d", "N, measured", "95 %", "first N, exactly"]),
            rows: half_rows(&findings.halves),
            names: 1,
        }],
        "fig5" => {
            let each = findings.cubes.iter().map(|cube| html::Table {
                caption: cube_caption(cube),
                head: head(&[
                    "Space",
                    "dimensions",
                    "look inside",
                    "outside",
                    "outside, exactly",
                ]),
                rows: cube_rows(cube),
                names: 1,
            });
            each.collect()
        }
        _ => {
            let sets = curves(&findings.points, figure);
            let each = sets.into_iter().map(|(data, series)| html::Table {
                caption: format!("{data}: test images inside the hull of the training images"),
                head: head(&["", "d", "rank", "inside", "of", "share", "95 %", "Gaussian"]),
                rows: share_rows(&series),
                names: 1,
            });
            each.collect()
        }
    }
}

/// A screen or two: where half are inside (figure 1), the share inside by dimension, the cubes.
pub fn table(findings: &Findings) -> String {
    let mut text = String::new();
    if !findings.halves.is_empty() {
        let head = ["", "d", "N, measured", "95 %", "exactly"];
        let rows = aligned(&head, half_rows(&findings.halves));
        text += &format!("Figure 1: samples at which half of the new ones are inside\n{rows}\n\n");
    }
    for figure in ["pixels", "latents"] {
        for (data, series) in curves(&findings.points, figure) {
            let head = ["", "d", "rank", "inside", "of", "share", "95 %", "Gaussian"];
            let rows = aligned(&head, share_rows(&series));
            text += &format!("{data}: inside the hull of the training images\n{rows}\n\n");
        }
    }
    for cube in &findings.cubes {
        let head = ["", "dimensions", "look inside", "outside", "exactly"];
        let rows = aligned(&head, cube_rows(cube));
        text += &format!("{}\n{rows}\n\n", cube_caption(cube));
    }
    text
}

fn half_rows(halves: &[Half]) -> Vec<Vec<String>> {
    let number = |n: Option<f64>| n.map_or("-".into(), |n| format!("{n:.1}"));
    let row = |half: &Half| {
        let [low, high] = half.interval95;
        vec![
            half.data.clone(),
            half.d.to_string(),
            number(half.measured),
            format!("{} to {}", number(low), number(high)),
            half.exact.map_or("-".into(), |n| n.to_string()),
        ]
    };
    halves.iter().map(row).collect()
}

/// Rows under a head, numbers to the right.
fn aligned(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.add_row(head);
    table.add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}

fn share_rows(series: &[(String, Vec<&Point>)]) -> Vec<Vec<String>> {
    let percent = |share: f64| format!("{:.2} %", 100.0 * share);
    let row = |name: &str, place: usize, point: &Point| {
        let [low, high] = point.interval95;
        vec![
            if place == 0 { name } else { "" }.to_string(),
            point.d.to_string(),
            point.rank.map_or("-".into(), |rank| rank.to_string()),
            point.inside.to_string(),
            point.trials.to_string(),
            percent(point.rate),
            format!("{} to {}", percent(low), percent(high)),
            point.theory.map_or("-".into(), percent),
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

/// What the points show, in words; empty without points of images.
pub fn reading(findings: &Findings) -> Vec<String> {
    let mut sentences = Vec::new();
    for (figure, place) in [("pixels", "pixel space"), ("latents", "latent space")] {
        for (data, series) in curves(&findings.points, figure) {
            let all = || series.iter().flat_map(|(_, points)| points).copied();
            let low = all().min_by_key(|point| (point.d, point.trials - point.inside));
            let high = all().max_by_key(|point| (point.d, point.trials - point.inside));
            let (Some(low), Some(high)) = (low, high) else {
                continue;
            };
            let gone = all()
                .filter(|point| point.rate >= 0.01)
                .map(|point| point.d)
                .max();
            let gone = all()
                .map(|point| point.d)
                .filter(|&d| gone.is_none_or(|gone| d > gone))
                .min();
            let gone = gone.map_or(String::new(), |d| {
                format!("; from d = {d} on fewer than one in a hundred are left, on every curve")
            });
            sentences.push(format!(
                "In {place} of {data}, {:.1} % of {} test images are inside the hull of {} training images at d = {} and \
                 {:.2} % at d = {}{gone}.",
                100.0 * low.rate,
                low.trials,
                low.n,
                low.d,
                100.0 * high.rate,
                high.d
            ));
        }
    }
    if !sentences.is_empty() {
        sentences.push(
            "Inside rates fall from most to none as the dimension grows from a few to about a hundred, in pixels and in \
             latents, trained or not: what matters is the dimension of the affine hull of the data and the number of rows. \
             Compare each rate with that of Gaussian data of the same size and rank before reading anything else into it."
                .into(),
        );
    }
    sentences
}

/// The figures, each with the name of its file.
pub fn figures(context: &Context, findings: &Findings) -> Vec<(String, Figure)> {
    let mut all = Vec::new();
    let note = |about: &str| {
        let day: String = context.date.chars().take(10).collect();
        format!(
            "{about}; bands: 95 %; {day}; hullscope {}",
            env!("CARGO_PKG_VERSION")
        )
    };
    let settings = curves(&findings.points, "fig1");
    if !settings.is_empty() {
        let trials = findings.points.iter().find(|point| point.figure == "fig1");
        let trials = trials.map_or(0, |point| point.trials);
        all.push((
            "fig1".into(),
            Figure {
                title: "A new sample inside the hull of N samples".into(),
                note: note(&format!("{trials} trials a curve; thin lines: exact")),
                panels: settings
                    .into_iter()
                    .map(|(setting, series)| {
                        panel(&setting, "samples N", |point| point.n, &series, true)
                    })
                    .collect(),
            },
        ));
    }
    for (figure, title) in [
        (
            "pixels",
            "Test images inside the hull of the training images, by pixels",
        ),
        (
            "latents",
            "Test images inside the hull of the training images, by latents",
        ),
    ] {
        let sets = curves(&findings.points, figure);
        if sets.is_empty() {
            continue;
        }
        let panels = sets.into_iter().flat_map(|(data, series)| {
            grouped(figure, &data, series)
                .into_iter()
                .map(|(title, series)| {
                    panel(&title, "dimension d", |point| point.d, &series, false)
                })
        });
        all.push((
            figure.into(),
            Figure {
                title: title.into(),
                note: note("thin line: Gaussian data of the same size and rank"),
                panels: panels.collect(),
            },
        ));
    }
    if !findings.cubes.is_empty() {
        all.push(("fig5".into(), cubes(findings, &note("random linear maps"))));
    }
    all
}

/// The panels of one data set: latents of the trained and of the untrained network apart, the pixels in both.
fn grouped<'p>(figure: &str, data: &str, series: Curves<'p>) -> Vec<(String, Curves<'p>)> {
    if figure != "latents" {
        return vec![(data.into(), series)];
    }
    ["trained", "untrained"]
        .map(|kind| {
            let of_kind = |(name, points): &(String, Vec<&'p Point>)| {
                let short = name.strip_prefix(&format!("{kind}, "));
                let name = short.or(name.strip_prefix("pixels").map(|_| name.as_str()))?;
                Some((name.to_string(), points.clone()))
            };
            (
                format!("{data}, {kind} network"),
                series.iter().filter_map(of_kind).collect(),
            )
        })
        .into()
}

/// What Gaussian data of the same number of rows do, over the dimensions that some curves span: one curve for all.
fn null(series: &[(String, Vec<&Point>)]) -> Vec<(f64, f64)> {
    let all = || series.iter().flat_map(|(_, points)| points);
    let dims = || all().map(|point| point.d);
    let (Some(first), Some(low), Some(high)) = (all().next(), dims().min(), dims().max()) else {
        return Vec::new();
    };
    let mut curve = Vec::new();
    let mut d = low;
    while d <= high {
        let inside = absorption(first.n, d, 1.0).inside;
        curve.push((d as f64, inside));
        // Where nothing is left, few points draw the line.
        d += if inside < 1e-6 { (high - d).max(1) } else { 1 };
    }
    curve
}

/// Shares inside, a curve a series.
fn panel(
    title: &str,
    label: &str,
    x: fn(&Point) -> u64,
    series: &[(String, Vec<&Point>)],
    theory_each: bool,
) -> Panel {
    let mut drawn: Vec<Series> = Vec::new();
    let thin = |style: usize, points: Vec<(f64, f64)>| Series {
        label: String::new(),
        style,
        points,
        band: Vec::new(),
        thin: true,
        markers: false,
    };
    if !theory_each {
        drawn.push(thin(0, null(series)));
    }
    for (style, (name, points)) in series.iter().enumerate() {
        let mut points = points.clone();
        points.sort_by_key(|point| x(point));
        if theory_each {
            let known = points
                .iter()
                .filter_map(|point| Some((x(point) as f64, point.theory?)));
            drawn.push(thin(style, known.collect()));
        }
        drawn.push(Series {
            label: name.clone(),
            style,
            points: points
                .iter()
                .map(|point| (x(point) as f64, point.rate))
                .collect(),
            band: points
                .iter()
                .map(|point| (point.interval95[0], point.interval95[1]))
                .collect(),
            thin: false,
            markers: true,
        });
    }
    Panel::Lines(Lines {
        title: title.into(),
        x: Axis {
            label: label.into(),
            logarithmic: true,
            range: None,
        },
        y: Axis {
            label: "share inside".into(),
            logarithmic: false,
            range: Some((0.0, 1.0)),
        },
        series: drawn,
        size: PANEL,
    })
}

/// The share of vertices that look inside, against the dimensions that are left.
fn cubes(findings: &Findings, note: &str) -> Figure {
    let series = findings.cubes.iter().enumerate().map(|(style, cube)| {
        let mapped = cube
            .views
            .iter()
            .filter(|view| view.space.starts_with("random:"));
        let share = |view: &View| (view.dim as f64, view.inside as f64 / cube.vertices as f64);
        Series {
            label: format!("d = {}", cube.d),
            style,
            points: mapped.map(share).collect(),
            band: Vec::new(),
            thin: false,
            markers: true,
        }
    });
    Figure {
        title: "Vertices of a cube that look interpolated".into(),
        note: note.into(),
        panels: vec![Panel::Lines(Lines {
            title: "none is, in d dimensions".into(),
            x: Axis {
                label: "dimensions after a linear map".into(),
                logarithmic: false,
                range: None,
            },
            y: Axis {
                label: "share that looks inside".into(),
                logarithmic: false,
                range: Some((0.0, 1.0)),
            },
            series: series.collect(),
            size: PANEL,
        })],
    }
}
