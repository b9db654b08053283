//! A bench as a table, as JSON and as a figure.
//!
//! An engine whose answers differ from the first one's, or whose work the CPU took over, gets a line that says so, but no
//! ratio, dot or curve.

use super::columns::{TableColumn, columns};
use super::document::{self, Part, Section};
use super::numerals::{grouped, grouped_size, number, or_nothing};
use super::plot::{Axis, Chart, Figure, Look, Point, Series};
use super::text_table::Table;
use crate::study::bench::{EngineReport, Machine, Proved, Report, Shape, SweepPoint, Timing};
use itertools::Itertools;
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

/// The measurements as a table: one column per engine, one line per number that any of them has.
pub fn table(context: &BenchContext, report: &Report) -> String {
    let (shape, machine) = (report.shape, &context.machine);
    let [rows, dim, queries] = [shape.rows, shape.dim, shape.queries].map(grouped_size);
    let caption = format!(
        "{rows} x {dim} reference rows, {queries} queries, k = {}; {}, {} threads. Median of repeats (least to most).",
        shape.k, machine.cpu, machine.threads
    );
    let verdicts = report.verdicts.iter().map(|found| {
        let [inside, outside, undecided] =
            [found.inside, found.outside, found.undecided].map(grouped);
        format!("Verdicts: {inside} inside, {outside} outside, {undecided} undecided.")
    });
    let engines = report.engines.iter().map(|engine| {
        let said = [engine.engine.clone()].into_iter().chain(why_alone(engine));
        (engine.label.clone(), said.collect_vec().join("; "))
    });
    let parts = [
        Part::Table(Table::of("", &lines(), &report.engines).turned()),
        Part::Terms(engines.collect()),
    ];
    let parts = verdicts.map(Part::Text).chain(parts);
    document::text(&[Section::new(caption, parts)])
}

/// Why the numbers of an engine are not compared with those of others; `None` if they are.
fn why_alone(engine: &EngineReport) -> Option<String> {
    let differs = engine.differs.as_ref();
    let differs = differs.map(|what| format!("its answers differ: {what}"));
    let alone = !Report::comparable(engine);
    differs.or(alone.then(|| "the CPU answered for it; not compared".into()))
}

/// The lines of the table.
fn lines() -> Vec<TableColumn<'static, EngineReport>> {
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    let proved = |proved: &Proved| {
        let [int8, f16] = [proved.int8_directions, proved.f16_directions];
        let [f32, cpu] = [proved.f32_directions, proved.cpu_directions];
        [int8, f16, f32, cpu].map(grouped).join(" / ")
    };
    let known = |value: Option<f64>| or_nothing(value, number);
    let times = |ratio: Option<f64>| or_nothing(ratio, |ratio| format!("{} x", number(ratio)));
    columns! { of: EngineReport;
        "" = of.label.clone(), "";
        "answers" = if of.differs.is_some() { "differ" } else { "same" }, "";
        "support scan, ms" = milliseconds(&of.figures.support.timing), "";
        "  GFLOP/s" = number(of.figures.support.gflop_per_second), "";
        "nearest scan, ms" = milliseconds(&of.figures.nearest.timing), "";
        "  GFLOP/s" = number(of.figures.nearest.gflop_per_second), "";
        "  of a plain f32 product" = or_nothing(of.figures.nearest.share_of_product, percent), "";
        "plain f32 product, GFLOP/s" = known(of.figures.product.as_ref().map(|p| p.gflop_per_second)), "";
        "making the scan, s" = number(of.figures.make_seconds), "";
        "upload, s" = known(of.figures.upload_seconds), "";
        "read-back, s" = known(of.figures.read_back_seconds), "";
        "hull set-up, s" = known(of.figures.hull_setup_seconds), "";
        "hull verdicts, 1/s" = known(of.figures.hull.as_ref().map(|h| h.queries_per_second)), "";
        "  scans per query" = known(of.figures.hull.as_ref().map(|h| h.scans_per_query)), "";
        "k-NN queries, 1/s" = number(of.figures.neighbours.queries_per_second), "";
        "  scans per query" = number(of.figures.neighbours.scans_per_query), "";
        "proved in int8 / f16 / f32 / CPU" = or_nothing(of.figures.proved.as_ref(), proved), "";
        "speed-up: scan" = times(of.scan_speedup), "";
        "speed-up: verdicts" = times(of.hull_speedup), "";
        "speed-up: k-NN" = times(of.neighbours_speedup), "";
    }
}

fn milliseconds(of: &Timing) -> String {
    let all = [of.median_seconds, of.least_seconds, of.most_seconds];
    let [median, least, most] = all.map(|seconds| number(1e3 * seconds));
    format!("{median} ({least} to {most})")
}

/// Three panels: speed, time against N, time against d.
pub fn figure(context: &BenchContext, report: &Report) -> Figure {
    let (shape, queries, k) = (
        report.shape,
        grouped_size(report.shape.queries),
        report.shape.k,
    );
    let title = format!("hullscope bench: exact nearest rows, {queries} queries, k = {k}");
    let [n, d] = [("N", shape.rows), ("d", shape.dim)]
        .map(|(name, size)| format!("{name} = {}", grouped_size(size)));
    let panels = [
        speeds(format!("{n}, {d}"), report),
        times_against(report, d, "reference rows N", |engine| {
            (&engine.by_rows, |shape| shape.rows)
        }),
        times_against(report, n, "dimension d", |engine| {
            (&engine.by_dim, |shape| shape.dim)
        }),
    ];
    Figure::new(title, note(context, report), panels)
}

/// The engines that are compared, with their numbers, so that an engine looks the same in all panels of curves.
fn compared(report: &Report) -> impl Iterator<Item = (usize, &EngineReport)> {
    let all = report.engines.iter().enumerate();
    all.filter(|(_, engine)| Report::comparable(engine))
}

/// The speed of each engine with the slowest and the fastest measurement, from 0.
fn speeds(title: String, report: &Report) -> Chart {
    let points = compared(report).enumerate().map(|(row, (_, engine))| {
        let nearest = &engine.figures.nearest;
        let ends = [nearest.timing.most_seconds, nearest.timing.least_seconds];
        let ends = ends.map(|seconds| report.shape.gflop() / seconds);
        Point::within(row as f64, nearest.gflop_per_second, ends)
    });
    let rows = compared(report).map(|(_, engine)| {
        let speed = number(engine.figures.nearest.gflop_per_second);
        (engine.label.clone(), speed)
    });
    let series = Series::new(Look::Dots, "median; line: least to most", 0, points);
    let y = Axis::linear("nearest scan, GFLOP/s").within(0.0, 0.0);
    Chart::of_rows(title, y, vec![series], "GFLOP/s", rows)
}

/// The points of a curve, and their size.
type Curve<'r> = (&'r [SweepPoint], fn(Shape) -> usize);

/// The time of a scan against a size, a curve per engine that has any points.
fn times_against(
    report: &Report,
    title: String,
    label: &str,
    curve: fn(&EngineReport) -> Curve<'_>,
) -> Chart {
    let series = compared(report).map(|(style, engine)| {
        let (points, size) = curve(engine);
        let points = points.iter().sorted_by_key(|point| size(point.shape));
        let points = points.map(|SweepPoint { shape, timing }| {
            let ends = [timing.least_seconds, timing.most_seconds];
            Point::within(size(*shape) as f64, timing.median_seconds, ends)
        });
        Series::new(Look::Curve, &engine.label, style, points)
    });
    let y = Axis::logarithmic("one nearest scan, seconds");
    Chart::new(title, Axis::logarithmic(label), y, series.collect())
}

/// Machine, date, and what is missing.
fn note(context: &BenchContext, report: &Report) -> String {
    let Machine { cpu, threads, .. } = &context.machine;
    let date: String = context.date.chars().take(10).collect();
    let missing = report.engines.iter().filter_map(|engine| {
        let why = why_alone(engine)?;
        Some(format!("{} left out: {why}; ", engine.label))
    });
    format!(
        "{cpu}, {threads} threads; {}{date}; hullscope {}; medians; lines and bands: least to most",
        missing.collect::<String>(),
        env!("CARGO_PKG_VERSION")
    )
}
