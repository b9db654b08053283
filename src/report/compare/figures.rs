//! A comparison as figures: rates against the rank, and rates and distances with one row per space.

use super::names::shortened;
use super::words;
use crate::report::numerals::{distinct, grouped};
use crate::report::plot::{Axis, Chart, Figure, Look, Point, Series, THEORY};
use crate::study::compare::{Rate, Report, SpaceReport};
use crate::study::theory;
use itertools::Itertools;

/// The most notions that are drawn.
const SHOWN: usize = 5;

const LEFT_OUT: &str = "reference rows left out";
const WHISKERS: &str = "whiskers: Wilson's 95 %; undecided count as not outside";
const RANK: &str = "rank: affine rank of the reference";

/// The figures of a comparison with the names of their files; the first is the main one.
pub fn figures(report: &Report) -> Vec<(&'static str, Figure)> {
    let (report, _) = shortened(report);
    let all = [
        ("rank", rank_figure(&report)),
        ("rates", Some(rates_figure(&report))),
        ("distances", distances_figure(&report)),
    ];
    let drawn = all
        .into_iter()
        .filter_map(|(name, figure)| Some((name, figure?)));
    drawn.collect()
}

/// The share outside the hull against the rank, one labelled point per space, with the curves of Gaussian rows and the
/// points of reference rows left out; `None` where no rank is known. Spaces whose rows lie on a sphere have no point:
/// there every other point is outside.
fn rank_figure(report: &Report) -> Option<Figure> {
    let asked = by_rank(report, |space| words::asked(space, "hull"));
    let mut own = by_rank(report, |space| words::left_out(space, "hull"));
    let points = if asked.is_empty() { &own } else { &asked };
    let ends = (points.first()?.x / 1.6, points.last()?.x * 1.6);
    if !asked.is_empty() {
        own = own
            .iter()
            .map(|point| Point::at(point.x, point.y))
            .collect();
    }
    let mut series = gaussian(report, ends);
    series.extend([
        Series::new(Look::Dots, format!("{LEFT_OUT}, by space"), 2, own),
        Series::new(Look::Dots, "queries, by space", 0, asked),
    ]);
    let x = Axis::logarithmic("rank: dimension of the affine hull of the reference");
    let y = Axis::linear("outside the hull, %").within(0.0, 100.0);
    let note = format!("{}; {WHISKERS}", sizes(report));
    let title = "Share outside the hull against the rank of the reference";
    let chart = Chart::new("", x.within(ends.0, ends.1), y, series);
    Some(Figure::new(title, note, [chart]))
}

/// A named point of each space of known rank that has a rate, by ascending rank and rate.
fn by_rank(report: &Report, rate: fn(&SpaceReport) -> Option<&Rate>) -> Vec<Point> {
    let spaces = report.spaces.iter().filter(|space| space.sphere.is_none());
    let points = spaces.filter_map(|space| {
        let rank = space.rank.filter(|rank| *rank > 0)?;
        Some(Point {
            name: space.space.clone(),
            ..share(rank as f64, rate(space)?)?
        })
    });
    let mut points: Vec<Point> = points.collect();
    points.sort_by(|a, b| a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y)));
    points
}

/// The rate of Gaussian rows against the rank, one curve for the least and one for the largest number of reference rows.
fn gaussian(report: &Report, (low, high): (f64, f64)) -> Vec<Series> {
    let rows = || report.spaces.iter().map(|space| space.n_reference);
    let sizes = [rows().min(), rows().max()].into_iter().flatten().dedup();
    let (low, high) = (low.round().max(1.0) as u64, high.round() as u64);
    let curve = |rows: u64| {
        let curve = theory::absorption_curve(rows, low, high).into_iter();
        let points = curve.map(|(rank, inside)| Point::at(rank, 100.0 * (1.0 - inside)));
        let label = format!("Gaussian rows, N = {}", grouped(rows));
        Series::new(Look::Line, label, THEORY, points)
    };
    sizes.map(curve).collect()
}

/// Shares of queries outside, by space and notion; the hull also shows the rate of Gaussian rows.
fn rates_figure(report: &Report) -> Figure {
    let spaces = || report.spaces.iter();
    let all = spaces().flat_map(|space| &space.notions);
    let mut notions = distinct(all.map(|notion| notion.rate.notion.as_str()));
    notions.retain(|notion| spaces().any(|space| words::asked(space, notion).is_some()));
    // More notions cannot be distinguished by shape and colour.
    notions.sort_by_key(|notion| !["hull", "range", "ball"].contains(notion));
    let more = words::some(notions.len().saturating_sub(SHOWN) as u64);
    let more = more.map(|more| format!("; {more} more notions are in the table"));
    let more = more.unwrap_or_default();
    notions.truncate(SHOWN);
    let numbered = || (0..).map(f64::from).zip(spaces());
    let dots = |label: String, style, rate: &dyn Fn(&SpaceReport) -> Option<Rate>| {
        let points = numbered().filter_map(|(row, space)| share(row, &rate(space)?));
        Series::new(Look::Dots, label, style, points)
    };
    let null = numbered().filter_map(|(row, space)| Some(Point::at(row, 100.0 * space.null_rate?)));
    let null = Series::new(
        Look::Ticks,
        "hull of Gaussian rows, same N and rank",
        0,
        null,
    );
    let asked = notions.iter().enumerate().map(|(style, notion)| {
        let label = format!("outside, {notion}");
        dots(label, style, &|space| words::asked(space, notion).cloned())
    });
    let label = format!("outside the hull of the others: {LEFT_OUT}");
    let left_out = dots(label, notions.len(), &|space| {
        words::left_out(space, "hull").cloned()
    });
    let y = Axis::linear("queries outside, %").within(0.0, 100.0);
    let all = [null].into_iter().chain(asked).chain([left_out]).collect();
    let chart = Chart::of_rows("", y, all, "rank", spaces().map(row));
    let note = format!("{}{more}; {WHISKERS}; {RANK}", sizes(report));
    Figure::new("Share of queries outside, by space", note, [chart])
}

/// Certified distances of the queries to the hull, by space; `None` where no space has any.
fn distances_figure(report: &Report) -> Option<Figure> {
    let spaces = report.spaces.iter();
    let known = spaces.filter_map(|space| Some((space, space.distance_ratio.as_ref()?)));
    let known: Vec<_> = known.collect();
    let points = known.iter().enumerate().map(|(row, (_, ratio))| Point {
        core: Some([ratio.q25, ratio.q75]),
        ..Point::within(row as f64, ratio.median, [ratio.q05, ratio.q95])
    });
    let left_out = words::some((report.spaces.len() - known.len()) as u64).map(|count| {
        format!(
            "; spaces whose reference has no median nearest distance above 0, not drawn: {count}"
        )
    });
    let left_out = left_out.unwrap_or_default();
    let label = "median; thick 25 to 75 %, thin 5 to 95 % of queries";
    let series = Series::new(Look::Quantiles, label, 1, points);
    let distance = "distance / median nearest distance in the reference";
    let y = Axis::linear(distance).within(0.0, 0.1);
    let rows = known.iter().map(|(space, _)| row(space));
    let chart = (!known.is_empty()).then(|| Chart::of_rows("", y, vec![series], "rank", rows));
    let sizes = sizes(report);
    let note = format!("{sizes}; certified lower bounds, 0 inside{left_out}; {RANK}");
    Figure::new(
        "Distance of queries to the convex hull, by space",
        note,
        chart,
    )
    .drawn()
}

/// A space, and its rank.
fn row(space: &SpaceReport) -> (String, String) {
    let rank = space.rank.map_or("?".into(), |rank| rank.to_string());
    (space.space.clone(), rank)
}

/// A rate with its interval in percent, at a position; `None` for a rate of no queries.
pub fn share(x: f64, rate: &Rate) -> Option<Point> {
    let ends = rate.interval95?.map(|end| 100.0 * end);
    Some(Point::within(x, 100.0 * rate.rate?, ends))
}

/// The numbers of reference rows and queries.
fn sizes(report: &Report) -> String {
    let queries = report.spaces.first().map_or(0, |space| space.n_queries);
    let (rows, queries) = (words::reference_rows(report), grouped(queries));
    format!("N = {rows} reference rows, {queries} queries")
}
