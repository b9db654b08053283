//! A bench as a table, as JSON and as a figure.
//!
//! An engine whose answers differ from the first one's, or whose work the CPU took over, gets a line that says so, but no
//! ratio, dot or curve.

use super::plot::{Axis, Dot, DotSeries, Dots, Figure, Lines, Panel, Row, Series};
use super::text_table::Table;
use crate::study::bench::{EngineReport, Machine, Report, Shape, SweepPoint};
use serde_json::{Value, json};

/// Where and when a bench was run.
#[derive(Debug, Clone, PartialEq)]
pub struct BenchContext {
    pub command: String,
    pub date: String,
    pub machine: Machine,
    /// Warnings of runs that went on in another way than was asked for.
    pub warnings: Vec<String>,
}

/// Everything. Field names are part of the interface.
pub fn json(context: &BenchContext, report: &Report) -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "command": context.command,
        "date": context.date,
        "machine": context.machine,
        "agrees": report.agrees(),
        "shape": report.shape,
        "seed": report.seed,
        "gflop_per_scan": report.shape.gflop(),
        "verdicts": report.verdicts,
        "engines": report.engines,
        "warnings": context.warnings,
    })
}

/// The measurements as a table that fits a screen: one column per engine.
pub fn table(context: &BenchContext, report: &Report) -> String {
    let Shape {
        rows,
        dim,
        queries,
        k,
    } = report.shape;
    let mut text = format!(
        "{rows} x {dim} reference rows, {queries} queries, k = {k}; {}, {} threads\n",
        context.machine.cpu, context.machine.threads
    );
    if let Some(found) = &report.verdicts {
        text += &format!(
            "verdicts: {} inside, {} outside, {} undecided\n",
            found.inside, found.outside, found.undecided
        );
    }
    text += "median of repeats (least to most)\n\n";
    let titles = report.engines.iter().map(|engine| engine.label.as_str());
    let columns: Vec<_> = report.engines.iter().map(cells).collect();
    let names = columns.first().into_iter().flatten();
    let lines = names.enumerate().map(|(line, (name, _))| {
        let cells = columns.iter().map(|cells| cells[line].1.clone());
        std::iter::once(name.to_string()).chain(cells).collect()
    });
    let known = lines.filter(|line: &Vec<String>| line[1..].iter().any(|cell| cell != NOTHING));
    text += &Table::new("", std::iter::once("").chain(titles), known).text();
    for engine in &report.engines {
        text += &format!("\n{}: {}", engine.label, engine.engine);
        if let Some(what) = &engine.differs {
            text += &format!("\n{} differs: {what}", engine.label);
        }
        if engine.fell_back {
            text += &format!("\n{}: the CPU answered for it; not compared", engine.label);
        }
    }
    text + "\n"
}

/// The cell of a number that an engine does not have.
const NOTHING: &str = "-";

/// The cells of an engine with their names; a line that no engine has is left out of the table.
fn cells(engine: &EngineReport) -> [(&'static str, String); 19] {
    let figures = &engine.figures;
    let (support, nearest) = (&figures.support, &figures.nearest);
    let (product, hull) = (figures.product.as_ref(), figures.hull.as_ref());
    let share = |share: f64| format!("{:.0} %", 100.0 * share);
    let proved = figures.proved.as_ref().map(|proved| {
        let [int8, f16] = [proved.int8_directions, proved.f16_directions];
        let [f32, cpu] = [proved.f32_directions, proved.cpu_directions];
        format!("{int8} / {f16} / {f32} / {cpu}")
    });
    let or_nothing = |text: Option<String>| text.unwrap_or(NOTHING.into());
    let same = if engine.differs.is_some() {
        "differ"
    } else {
        "same"
    };
    [
        ("answers", same.into()),
        ("support scan, ms", milliseconds(&support.timing)),
        ("  GFLOP/s", digits(support.gflop_per_second)),
        ("nearest scan, ms", milliseconds(&nearest.timing)),
        ("  GFLOP/s", digits(nearest.gflop_per_second)),
        (
            "  of a plain f32 product",
            or_nothing(nearest.share_of_product.map(share)),
        ),
        (
            "plain f32 product, GFLOP/s",
            optional(product.map(|p| p.gflop_per_second)),
        ),
        ("making the scan, s", digits(figures.make_seconds)),
        ("upload, s", optional(figures.upload_seconds)),
        ("read-back, s", optional(figures.read_back_seconds)),
        ("hull set-up, s", optional(figures.hull_setup_seconds)),
        (
            "hull verdicts, 1/s",
            optional(hull.map(|h| h.queries_per_second)),
        ),
        (
            "  scans per query",
            optional(hull.map(|h| h.scans_per_query)),
        ),
        (
            "k-NN queries, 1/s",
            digits(figures.neighbours.queries_per_second),
        ),
        (
            "  scans per query",
            digits(figures.neighbours.scans_per_query),
        ),
        ("proved in int8 / f16 / f32 / CPU", or_nothing(proved)),
        ("speed-up: scan", times(engine.scan_speedup)),
        ("speed-up: verdicts", times(engine.hull_speedup)),
        ("speed-up: k-NN", times(engine.neighbours_speedup)),
    ]
}

fn milliseconds(timing: &crate::study::bench::Timing) -> String {
    let [median, least, most] = [
        timing.median_seconds,
        timing.least_seconds,
        timing.most_seconds,
    ]
    .map(|seconds| digits(1e3 * seconds));
    format!("{median} ({least} to {most})")
}

fn optional(value: Option<f64>) -> String {
    value.map_or(NOTHING.into(), digits)
}

fn times(ratio: Option<f64>) -> String {
    ratio.map_or(NOTHING.into(), |ratio| format!("{} x", digits(ratio)))
}

/// Three significant digits; all integer digits of larger numbers.
fn digits(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let decimals = (2 - value.abs().log10().floor() as i32).clamp(0, 9) as usize;
    format!("{value:.decimals$}")
}

/// Three panels: speed, time against N, time against d.
pub fn figure(context: &BenchContext, report: &Report) -> Figure {
    let Shape {
        rows,
        dim,
        queries,
        k,
    } = report.shape;
    // The style number is the engine's index, so that an engine looks the same in both panels of curves.
    let shown = || {
        let all = report.engines.iter().enumerate();
        all.filter(|(_, engine)| Report::comparable(engine))
    };
    let engines = shown().map(|(_, engine)| row(engine, report)).collect();
    let curve =
        |title: String, x: &str, points: fn(&EngineReport) -> &[SweepPoint], of: Quantity| {
            let all =
                shown().map(|(style, engine)| series(style, &engine.label, points(engine), of));
            let all = all.filter(|series| !series.points.is_empty());
            let (x, y) = (
                Axis::logarithmic(x),
                Axis::logarithmic("one nearest scan, seconds"),
            );
            Panel::Lines(Lines::new(title, x, y, all.collect()))
        };
    Figure {
        title: format!("hullscope bench: exact nearest rows, {queries} queries, k = {k}"),
        note: note(context, report),
        panels: vec![
            Panel::Dots(speeds(format!("N = {rows}, d = {dim}"), engines)),
            curve(
                format!("d = {dim}"),
                "reference rows N",
                |engine| &engine.by_rows,
                |shape| shape.rows,
            ),
            curve(
                format!("N = {rows}"),
                "dimension d",
                |engine| &engine.by_dim,
                |shape| shape.dim,
            ),
        ],
    }
}

/// The quantity on the horizontal axis.
type Quantity = fn(&Shape) -> usize;

/// The speed of each engine, from 0.
fn speeds(title: String, rows: Vec<Row>) -> Dots {
    let dots = rows.iter().flat_map(|row| row.dots.iter().flatten());
    let ends = dots.map(|dot| {
        dot.spread
            .map_or(dot.value, |(_, most)| most.max(dot.value))
    });
    let most = ends.filter(|end| end.is_finite()).fold(0.0, f64::max);
    let series = DotSeries {
        label: "median; line: least to most".into(),
        style: 0,
    };
    let x = Axis::linear("nearest scan, GFLOP/s").within(0.0, 1.03 * most);
    Dots {
        title,
        notes: "GFLOP/s".into(),
        above: true,
        ..Dots::new(x, vec![series], rows)
    }
}

/// The speed of an engine, with the slowest and the fastest measurement.
fn row(engine: &EngineReport, report: &Report) -> Row {
    let (gflop, nearest) = (report.shape.gflop(), &engine.figures.nearest);
    let ends = [nearest.timing.most_seconds, nearest.timing.least_seconds];
    Row {
        label: engine.label.clone(),
        note: digits(nearest.gflop_per_second),
        dots: vec![Some(Dot {
            value: nearest.gflop_per_second,
            spread: Some(ends.map(|seconds| gflop / seconds).into()),
            core: None,
        })],
        reference: None,
    }
}

fn series(style: usize, label: &str, points: &[SweepPoint], of: Quantity) -> Series {
    let mut sorted: Vec<&SweepPoint> = points.iter().collect();
    sorted.sort_by_key(|point| of(&point.shape));
    let ends = |point: &&SweepPoint| (point.timing.least_seconds, point.timing.most_seconds);
    let place = |point: &&SweepPoint| (of(&point.shape) as f64, point.timing.median_seconds);
    let (points, band) = (sorted.iter().map(place), sorted.iter().map(ends));
    Series::curve(label, style, points.collect(), band.collect())
}

/// Machine, date, and what is missing.
fn note(context: &BenchContext, report: &Report) -> String {
    let machine = &context.machine;
    let mut parts = vec![format!("{}, {} threads", machine.cpu, machine.threads)];
    parts.extend(report.engines.iter().skip(1).filter_map(|engine| {
        let why = match (&engine.differs, engine.fell_back) {
            (Some(_), _) => "its answers differ",
            (None, true) => "the CPU answered for it",
            (None, false) => return None,
        };
        Some(format!("{} left out: {why}", engine.label))
    }));
    parts.push(context.date.chars().take(10).collect());
    parts.push(format!("hullscope {}", env!("CARGO_PKG_VERSION")));
    parts.push("medians; lines and bands: least to most".into());
    parts.join("; ")
}
