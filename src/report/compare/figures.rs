//! A comparison as figures: rates against the rank, and dot plots by notion and by distance with one row per space.

use super::names::shortened;
use super::words;
use crate::report::numerals::distinct;
use crate::report::plot::{
    Axis, Dot, DotSeries, Dots, Figure, Lines, Panel, Row, Series, Spot, Spots, THEORY,
};
use crate::study::compare::{Rate, Report, SpaceReport};
use crate::study::theory;

/// Width and height of the figure of rates against the rank, in points.
const MAIN: (f64, f64) = (900.0, 430.0);

/// The most ranks at which the Gaussian curve is computed.
const STEPS: u32 = 48;

/// The figures of a comparison with the names of their files; the first is the main one.
pub fn figures(report: &Report) -> Vec<(&'static str, Figure)> {
    let (report, _) = shortened(report);
    let distances = report.spaces.iter().any(|s| s.distance_ratio.is_some());
    let all = [
        rank_figure(&report).map(|figure| ("rank", figure)),
        Some(("rates", rates_figure(&report))),
        distances.then(|| ("distances", distances_figure(&report))),
    ];
    all.into_iter().flatten().collect()
}

/// The share outside the hull against the rank, one labelled point per space, with the curves of Gaussian rows and of
/// reference rows left out; `None` where no rank is known. Spaces whose rows lie on a sphere have no point: there every
/// other point is outside.
fn rank_figure(report: &Report) -> Option<Figure> {
    let of = |rate: fn(&SpaceReport) -> Option<&Rate>| -> Vec<(f64, &SpaceReport, Shares)> {
        let spaces = report.spaces.iter().filter(|space| space.sphere.is_none());
        let ranked = spaces.filter_map(|space| {
            let rank = space.rank.filter(|rank| *rank > 0)?;
            Some((rank as f64, space, shares(rate(space)?)?))
        });
        let mut ranked: Vec<_> = ranked.collect();
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.2.0.total_cmp(&b.2.0)));
        ranked
    };
    let asked = of(|space| words::asked(space, "hull"));
    let own = of(|space| words::left_out(space, "hull"));
    let queries = !asked.is_empty();
    let points = if queries { &asked } else { &own };
    let spot = |(rank, space, (share, ends)): &(f64, &SpaceReport, Shares), named: bool| Spot {
        label: match named {
            true => space.space.clone(),
            false => String::new(),
        },
        at: (*rank, *share),
        interval: named.then_some(*ends),
    };
    let named: Vec<Spot> = points.iter().map(|point| spot(point, true)).collect();
    let ends = (points.first()?.0 / 1.6, points.last()?.0 * 1.6);
    let mut series = gaussian(report, ends);
    let left_out: Vec<Spot> = own.iter().map(|point| spot(point, false)).collect();
    if queries && !own.is_empty() {
        series.push(means(&left_out));
    }
    let x = Axis::logarithmic("rank: dimension of the affine hull of the reference");
    let (x, y) = (
        x.within(ends.0, ends.1),
        Axis::linear("outside the hull, %").within(0.0, 100.0),
    );
    Some(Figure {
        title: "Share outside the hull against the rank of the reference".into(),
        note: format!(
            "{}; whiskers: Wilson's 95 %{}",
            sizes(report),
            undecided(report)
        ),
        panels: vec![Panel::Lines(Lines {
            spots: match queries {
                true => vec![
                    of_kind(LEFT_OUT, 2, left_out),
                    of_kind("queries, by space", 0, named),
                ],
                false => vec![of_kind(LEFT_OUT, 0, named)],
            },
            size: MAIN,
            ..Lines::new("", x, y, series)
        })],
    })
}

const LEFT_OUT: &str = "reference rows left out, by space";

fn of_kind(label: &str, style: usize, all: Vec<Spot>) -> Spots {
    Spots {
        label: label.into(),
        style,
        all,
    }
}

/// A curve through points sorted by x; spaces of equal rank are replaced by their mean.
fn means(spots: &[Spot]) -> Series {
    let each = spots.chunk_by(|a, b| a.at.0 == b.at.0);
    let mean = |spots: &[Spot]| {
        let sum: f64 = spots.iter().map(|spot| spot.at.1).sum();
        (spots[0].at.0, sum / spots.len() as f64)
    };
    Series {
        label: "mean of the rows left out at each rank".into(),
        ..Series::thin(2, each.map(mean).collect())
    }
}

/// The rate of Gaussian rows against the rank, one curve for the least and one for the largest number of reference rows.
fn gaussian(report: &Report, (low, high): (f64, f64)) -> Vec<Series> {
    let rows = || report.spaces.iter().map(|space| space.n_reference);
    let mut sizes: Vec<u64> = rows().min().into_iter().chain(rows().max()).collect();
    sizes.dedup();
    let step = |step| (low * (high / low).powf(f64::from(step) / f64::from(STEPS))).round() as u64;
    let mut ranks: Vec<u64> = (0..=STEPS).map(step).filter(|rank| *rank > 0).collect();
    ranks.dedup();
    let point = |rows, rank| (rank as f64, 100.0 * theory::null_rate(rows, rank));
    let curve = |rows: u64| Series {
        label: format!("Gaussian rows, N = {}", words::grouped(rows)),
        ..Series::thin(
            THEORY,
            ranks.iter().map(|&rank| point(rows, rank)).collect(),
        )
    };
    sizes.into_iter().map(curve).collect()
}

/// The most notions that are drawn.
const SHOWN: usize = 5;

/// Shares of queries outside, by space and notion; the hull also shows the rate of Gaussian rows.
fn rates_figure(report: &Report) -> Figure {
    let all = report.spaces.iter().flat_map(|space| &space.notions);
    let mut notions = distinct(all.map(|notion| notion.rate.notion.as_str()));
    let asked = |notion: &&str| {
        let mut spaces = report.spaces.iter();
        spaces.any(|space| words::asked(space, notion).is_some())
    };
    notions.retain(asked);
    // More notions cannot be distinguished by shape and colour.
    notions.sort_by_key(|notion| !["hull", "range", "ball"].contains(notion));
    let more = match notions.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!("; {more} more notions are in the table"),
    };
    notions.truncate(SHOWN);
    let mut spaces = report.spaces.iter();
    let left_out = spaces.any(|space| words::left_out(space, "hull").is_some());
    let rows = report.spaces.iter().map(|space| {
        let asked = notions.iter().map(|notion| words::asked(space, notion));
        let others = left_out.then(|| words::left_out(space, "hull"));
        Row {
            dots: asked.chain(others).map(|rate| rate.and_then(dot)).collect(),
            reference: space.null_rate.map(|null| 100.0 * null),
            ..row(space)
        }
    });
    let labels = notions.iter().map(|notion| format!("outside, {notion}"));
    let others = left_out.then(|| "outside the hull of the others: reference rows left out".into());
    let series = labels.chain(others).enumerate();
    let series = series.map(|(style, label)| DotSeries { label, style });
    let rows: Vec<Row> = rows.collect();
    let null = rows.iter().any(|row| row.reference.is_some());
    Figure {
        title: "Share of queries outside, by space".into(),
        note: format!(
            "{}{more}; whiskers: Wilson's 95 %{}; {RANK}",
            sizes(report),
            undecided(report)
        ),
        panels: vec![Panel::Dots(Dots {
            reference: null.then(|| "hull of Gaussian rows, same N and rank".into()),
            notes: "rank".into(),
            ..Dots::new(
                Axis::linear("queries outside, %").within(0.0, 100.0),
                series.collect(),
                rows,
            )
        })],
    }
}

/// Certified distances of the queries to the hull, by space.
fn distances_figure(report: &Report) -> Figure {
    let rows = report.spaces.iter().filter_map(|space| {
        let ratio = space.distance_ratio?;
        let dot = Dot {
            value: ratio.median,
            spread: Some((ratio.q05, ratio.q95)),
            core: Some((ratio.q25, ratio.q75)),
        };
        Some(Row {
            dots: vec![Some(dot)],
            ..row(space)
        })
    });
    let rows: Vec<Row> = rows.collect();
    let all = report.spaces.len();
    let left_out = match all - rows.len() {
        0 => String::new(),
        count => format!(
            "; {count} of {all} spaces not drawn: the reference's median nearest distance is unknown or 0"
        ),
    };
    let dots = rows.iter().flat_map(|row| row.dots.iter().flatten());
    let ends = dots.filter_map(|dot| dot.spread);
    let most = ends.fold(0.1, |most: f64, (_, end)| most.max(end));
    let x = Axis::linear("distance / median nearest distance in the reference");
    let x = x.within(0.0, 1.03 * most);
    let series = DotSeries {
        label: "median; thick 25 to 75 %, thin 5 to 95 % of queries".into(),
        style: 1,
    };
    Figure {
        title: "Distance of queries to the convex hull, by space".into(),
        note: format!(
            "{}; certified lower bounds, 0 inside{left_out}; {RANK}",
            sizes(report)
        ),
        panels: vec![Panel::Dots(Dots {
            quantiles: true,
            notes: "rank".into(),
            ..Dots::new(x, vec![series], rows)
        })],
    }
}

const RANK: &str = "rank: affine rank of the reference";

/// A row without dots.
fn row(space: &SpaceReport) -> Row {
    Row {
        label: space.space.clone(),
        note: space.rank.map_or("?".into(), |rank| rank.to_string()),
        dots: Vec::new(),
        reference: None,
    }
}

/// A rate and the ends of its interval, in percent.
type Shares = (f64, (f64, f64));

fn shares(rate: &Rate) -> Option<Shares> {
    let [low, high] = rate.interval95?;
    Some((100.0 * rate.rate?, (100.0 * low, 100.0 * high)))
}

/// The dot of a rate; `None` for a rate of no queries.
pub fn dot(rate: &Rate) -> Option<Dot> {
    let (value, ends) = shares(rate)?;
    Some(Dot {
        value,
        spread: Some(ends),
        core: None,
    })
}

/// The numbers of reference rows and queries.
fn sizes(report: &Report) -> String {
    let Some(first) = report.spaces.first() else {
        return "no spaces".into();
    };
    format!(
        "N = {} reference rows, {} queries",
        words::reference_rows(report),
        words::grouped(first.n_queries)
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
