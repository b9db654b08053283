//! A comparison as figures: rates against the rank, and rates and distances with one row per space.

use super::names::shortened;
use super::words;
use crate::report::numerals::{distinct, grouped};
use crate::report::plot::{Axis, Chart, Figure, Look, Point, Row, Series, THEORY};
use crate::study::compare::{Rate, Report, SpaceReport};
use crate::study::theory;

/// The most ranks at which the Gaussian curve is computed.
const STEPS: u32 = 48;

/// The most notions that are drawn.
const SHOWN: usize = 5;

const LEFT_OUT: &str = "reference rows left out";
const RANK: &str = "rank: affine rank of the reference";

/// The figures of a comparison with the names of their files; the first is the main one.
pub fn figures(report: &Report) -> Vec<(&'static str, Figure)> {
    let (report, _) = shortened(report);
    let all = [
        ("rank", rank_figure(&report)),
        ("rates", Some(rates_figure(&report))),
        ("distances", distances_figure(&report)),
    ];
    let drawn = all.into_iter();
    drawn
        .filter_map(|(name, figure)| Some((name, figure?)))
        .collect()
}

/// The share outside the hull against the rank, one labelled point per space, with the curves of Gaussian rows and of
/// reference rows left out; `None` where no rank is known. Spaces whose rows lie on a sphere have no point: there every
/// other point is outside.
fn rank_figure(report: &Report) -> Option<Figure> {
    let asked = by_rank(report, |space| words::asked(space, "hull"));
    let own = by_rank(report, |space| words::left_out(space, "hull"));
    let points = if asked.is_empty() { &own } else { &asked };
    let ends = (points.first()?.x / 1.6, points.last()?.x * 1.6);
    let mut series = gaussian(report, ends);
    let rows_left_out = format!("{LEFT_OUT}, by space");
    if asked.is_empty() {
        series.push(Series::new(Look::Dots, rows_left_out, 0, own));
    } else {
        if !own.is_empty() {
            let unnamed = own.iter().map(|point| Point::at(point.x, point.y));
            let mean = "mean of the rows left out at each rank";
            series.push(Series::new(Look::Line, mean, 2, means(&own)));
            series.push(Series::new(Look::Dots, rows_left_out, 2, unnamed));
        }
        series.push(Series::new(Look::Dots, "queries, by space", 0, asked));
    }
    let x = Axis::logarithmic("rank: dimension of the affine hull of the reference");
    let y = Axis::linear("outside the hull, %").within(0.0, 100.0);
    let chart = Chart::new("", x.within(ends.0, ends.1), y, series);
    Some(figure(
        "Share outside the hull against the rank of the reference",
        format!(
            "{}; whiskers: Wilson's 95 %{}",
            sizes(report),
            undecided(report)
        ),
        chart,
    ))
}

/// A figure of one chart.
fn figure(title: &str, note: String, chart: Chart) -> Figure {
    Figure {
        title: title.into(),
        note,
        panels: vec![chart],
    }
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

/// The points with those of equal rank replaced by their mean.
fn means(points: &[Point]) -> Vec<Point> {
    let each = points.chunk_by(|a, b| a.x == b.x).map(|points| {
        let sum: f64 = points.iter().map(|point| point.y).sum();
        Point::at(points[0].x, sum / points.len() as f64)
    });
    each.collect()
}

/// The rate of Gaussian rows against the rank, one curve for the least and one for the largest number of reference rows.
fn gaussian(report: &Report, (low, high): (f64, f64)) -> Vec<Series> {
    let rows = || report.spaces.iter().map(|space| space.n_reference);
    let mut sizes: Vec<u64> = rows().min().into_iter().chain(rows().max()).collect();
    sizes.dedup();
    let step = |step| (low * (high / low).powf(f64::from(step) / f64::from(STEPS))).round() as u64;
    let mut ranks: Vec<u64> = (0..=STEPS).map(step).filter(|rank| *rank > 0).collect();
    ranks.dedup();
    let curve = |rows: u64| {
        let rate = |rank: &u64| Point::at(*rank as f64, 100.0 * theory::null_rate(rows, *rank));
        let label = format!("Gaussian rows, N = {}", grouped(rows));
        Series::new(Look::Line, label, THEORY, ranks.iter().map(rate))
    };
    sizes.into_iter().map(curve).collect()
}

/// Shares of queries outside, by space and notion; the hull also shows the rate of Gaussian rows.
fn rates_figure(report: &Report) -> Figure {
    let all = report.spaces.iter().flat_map(|space| &space.notions);
    let mut notions = distinct(all.map(|notion| notion.rate.notion.as_str()));
    notions.retain(|notion| {
        report
            .spaces
            .iter()
            .any(|s| words::asked(s, notion).is_some())
    });
    // More notions cannot be distinguished by shape and colour.
    notions.sort_by_key(|notion| !["hull", "range", "ball"].contains(notion));
    let more = match notions.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!("; {more} more notions are in the table"),
    };
    notions.truncate(SHOWN);
    let by_space = |point: &dyn Fn(f64, &SpaceReport) -> Option<Point>| -> Vec<Point> {
        let spaces = report.spaces.iter().enumerate();
        let points = spaces.filter_map(|(row, space)| point(row as f64, space));
        points.collect()
    };
    let null = by_space(&|row, space| Some(Point::at(row, 100.0 * space.null_rate?)));
    let null = Series::new(
        Look::Ticks,
        "hull of Gaussian rows, same N and rank",
        0,
        null,
    );
    let asked = notions.iter().enumerate().map(|(style, notion)| {
        let points = by_space(&|row, space| share(row, words::asked(space, notion)?));
        Series::new(Look::Dots, format!("outside, {notion}"), style, points)
    });
    let left_out = by_space(&|row, space| share(row, words::left_out(space, "hull")?));
    let label = format!("outside the hull of the others: {LEFT_OUT}");
    let left_out = Series::new(Look::Dots, label, notions.len(), left_out);
    let also = |series: Series| (!series.points.is_empty()).then_some(series);
    let chart = Chart {
        y: Axis::linear("queries outside, %").within(0.0, 100.0),
        series: also(null)
            .into_iter()
            .chain(asked)
            .chain(also(left_out))
            .collect(),
        rows: report.spaces.iter().map(row).collect(),
        notes: "rank".into(),
        ..Chart::default()
    };
    let (sizes, undecided) = (sizes(report), undecided(report));
    figure(
        "Share of queries outside, by space",
        format!("{sizes}{more}; whiskers: Wilson's 95 %{undecided}; {RANK}"),
        chart,
    )
}

/// Certified distances of the queries to the hull, by space; `None` where no space has any.
fn distances_figure(report: &Report) -> Option<Figure> {
    let known = report
        .spaces
        .iter()
        .filter(|space| space.distance_ratio.is_some());
    let known: Vec<&SpaceReport> = known.collect();
    let points = known.iter().enumerate().filter_map(|(row, space)| {
        let ratio = space.distance_ratio.as_ref()?;
        Some(Point {
            core: Some([ratio.q25, ratio.q75]),
            ..Point::within(row as f64, ratio.median, [ratio.q05, ratio.q95])
        })
    });
    let all = report.spaces.len();
    let left_out = match all - known.len() {
        0 => String::new(),
        count => format!(
            "; {count} of {all} spaces not drawn: the reference's median nearest distance is unknown or 0"
        ),
    };
    let label = "median; thick 25 to 75 %, thin 5 to 95 % of queries";
    let series = Series::new(Look::Quantiles, label, 1, points);
    let chart = Chart {
        y: Axis::from_zero(
            "distance / median nearest distance in the reference",
            &series,
            0.1,
        ),
        series: vec![series],
        rows: known.iter().map(|space| row(space)).collect(),
        notes: "rank".into(),
        ..Chart::default()
    };
    (!known.is_empty()).then(|| {
        figure(
            "Distance of queries to the convex hull, by space",
            format!(
                "{}; certified lower bounds, 0 inside{left_out}; {RANK}",
                sizes(report)
            ),
            chart,
        )
    })
}

fn row(space: &SpaceReport) -> Row {
    Row {
        label: space.space.clone(),
        note: space.rank.map_or("?".into(), |rank| rank.to_string()),
    }
}

/// A rate with its interval in percent, at a position; `None` for a rate of no queries.
pub fn share(x: f64, rate: &Rate) -> Option<Point> {
    let ends = rate.interval95?.map(|end| 100.0 * end);
    Some(Point::within(x, 100.0 * rate.rate?, ends))
}

/// The numbers of reference rows and queries.
fn sizes(report: &Report) -> String {
    let Some(first) = report.spaces.first() else {
        return "no spaces".into();
    };
    format!(
        "N = {} reference rows, {} queries",
        words::reference_rows(report),
        grouped(first.n_queries)
    )
}

/// How undecided queries count in the shares, if there are any.
fn undecided(report: &Report) -> &'static str {
    let mut notions = report.spaces.iter().flat_map(|space| &space.notions);
    match notions.any(|notion| notion.rate.undecided > 0) {
        true => "; undecided count as not outside",
        false => "",
    }
}
