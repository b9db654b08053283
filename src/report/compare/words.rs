//! Numbers of a comparison as text; the table and the page share them.

pub use crate::report::numerals::{
    between, grouped, none_sampled, number, of_queries, percent, probability,
};
use crate::study::compare::{Rate, Report, SpaceReport};

/// The number of reference rows, as in `6,000` or `4,000 to 6,000`: with embeddings from files spaces may differ in it. The
/// number of queries is the same in all spaces.
pub fn reference_rows(report: &Report) -> String {
    let rows = || report.spaces.iter().map(|space| space.n_reference);
    match (rows().min(), rows().max()) {
        (Some(least), Some(most)) if least < most => {
            format!("{} to {}", grouped(least), grouped(most))
        }
        (least, _) => grouped(least.unwrap_or(0)),
    }
}

/// Whether all spaces have the same number of reference rows.
pub fn same_rows(report: &Report) -> bool {
    let mut rows = report.spaces.iter().map(|space| space.n_reference);
    let first = rows.next();
    rows.all(|rows| Some(rows) == first)
}

/// A notion's rate, if it judged any query.
pub fn asked<'s>(space: &'s SpaceReport, notion: &str) -> Option<&'s Rate> {
    space.rate(notion).filter(|rate| rate.queries > 0)
}

/// A notion's name above its rate, with the number of queries that it judged if these are a sample.
pub fn named(space: &SpaceReport, notion: &str) -> String {
    let rate = asked(space, notion);
    rate.map_or(notion.into(), |rate| of_some(rate, space.n_queries))
}

/// The same for a rate; `all` is the number of all queries.
pub fn of_some(rate: &Rate, all: u64) -> String {
    match rate.queries < all {
        true => of_queries(&rate.notion, rate.queries),
        false => rate.notion.clone(),
    }
}

/// The rate of reference rows left out, if any were judged.
pub fn left_out<'s>(space: &'s SpaceReport, notion: &str) -> Option<&'s Rate> {
    let rate = space.leave_one_out(notion);
    rate.filter(|rate| rate.queries > 0)
}

/// Queries of a space that were not decided against the rows of their own class.
pub fn undecided_in_class(space: &SpaceReport) -> u64 {
    let own = space.labels.iter().filter_map(|l| l.own_class.as_ref());
    own.map(|rate| rate.undecided).sum()
}

/// `17 in pixels` for each space in which the number is not 0.
pub fn counted<'s>(
    spaces: impl IntoIterator<Item = &'s SpaceReport>,
    number: impl Fn(&SpaceReport) -> u64,
) -> Vec<String> {
    let counts = spaces.into_iter().map(|space| (number(space), space));
    let some = counts.filter(|(count, _)| *count > 0);
    some.map(|(count, space)| format!("{} in {}", grouped(count), space.space))
        .collect()
}

/// Whether the rate stays within its interval if all undecided queries count as outside.
fn settled(rate: &Rate) -> bool {
    let most = (rate.outside + rate.undecided) as f64 / rate.queries.max(1) as f64;
    rate.interval95.is_some_and(|[_, high]| most <= high)
}

/// A rate in percent, and another in brackets; a dash for a rate that is not known.
pub fn bracketed(rate: Option<&Rate>, other: Option<&Rate>) -> String {
    format!("{} ({:>4})", share(rate), share(other))
}

/// A rate in percent; a dash where there is none.
pub fn share(rate: Option<&Rate>) -> String {
    let share = rate.and_then(|rate| rate.rate);
    share.map_or("-".into(), percent)
}

/// The interval of a rate in percent.
pub fn interval(rate: Option<&Rate>) -> String {
    let ends = rate.and_then(|rate| rate.interval95);
    ends.map_or("-".into(), between)
}

/// The rank at which Gaussian rows have the measured rate; no number where the undecided queries may change the rate beyond
/// its interval.
pub fn effective(space: &SpaceReport) -> String {
    if !asked(space, "hull").is_some_and(settled) {
        return "-".into();
    }
    match (space.d_eff, space.d_eff_interval) {
        (Some(dimension), _) => format!("{dimension:.1}"),
        (None, [None, None]) => "-".into(),
        (None, _) => "cannot tell".into(),
    }
}
