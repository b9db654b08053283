//! The rates of a comparison as text.

use crate::report::numerals::{between, grouped, of_queries, or_nothing, percent};
use crate::study::compare::{Rate, Report, SpaceReport};

/// The number of reference rows, as in `6,000` or `4,000 to 6,000`: with embeddings from files spaces may differ in it.
pub fn reference_rows(report: &Report) -> String {
    let rows = || report.spaces.iter().map(|space| space.n_reference);
    let [least, most] = [rows().min(), rows().max()].map(|rows| grouped(rows.unwrap_or(0)));
    match least == most {
        true => least,
        false => format!("{least} to {most}"),
    }
}

/// A notion's rate, if it judged any query.
pub fn asked<'s>(space: &'s SpaceReport, notion: &str) -> Option<&'s Rate> {
    space.rate(notion).filter(|rate| rate.queries > 0)
}

/// The rate of reference rows left out, if any were judged.
pub fn left_out<'s>(space: &'s SpaceReport, notion: &str) -> Option<&'s Rate> {
    let rate = space.leave_one_out(notion);
    rate.filter(|rate| rate.queries > 0)
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

/// Queries of a space that were not decided against the rows of their own class.
pub fn undecided_in_class(space: &SpaceReport) -> u64 {
    let own = space.labels.iter().filter_map(|l| l.own_class.as_ref());
    own.map(|rate| rate.undecided).sum()
}

/// A count, if it is not 0.
pub fn some(count: u64) -> Option<u64> {
    Some(count).filter(|&count| count > 0)
}

/// A rate in percent, if it is known, and another in brackets.
pub fn bracketed(rate: Option<&Rate>, other: Option<&Rate>) -> String {
    let rate = share(rate).map(|share| share + " ");
    let other = or_nothing(share(other), |share| share);
    format!("{}({other})", rate.unwrap_or_default())
}

/// A rate in percent.
pub fn share(rate: Option<&Rate>) -> Option<String> {
    rate.and_then(|rate| rate.rate).map(percent)
}

/// The interval of a rate in percent.
pub fn interval(rate: Option<&Rate>) -> Option<String> {
    rate.and_then(|rate| rate.interval95).map(between)
}

/// The rank at which Gaussian rows have the measured rate; no number where the undecided queries may change the rate beyond
/// its interval.
pub fn effective(space: &SpaceReport) -> Option<String> {
    // Whether the rate stays within its interval if all undecided queries count as outside.
    let settled = asked(space, "hull").is_some_and(|rate| {
        let most = (rate.outside + rate.undecided) as f64 / rate.queries as f64;
        rate.interval95.is_some_and(|[_, high]| most <= high)
    });
    let bounded = space.d_eff_interval != [None, None];
    let told = space.d_eff.map(|dimension| format!("{dimension:.1}"));
    let told = told.or(bounded.then(|| "cannot tell".into()));
    told.filter(|_| settled)
}
