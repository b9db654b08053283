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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::compare::tests::{report, space};

    #[test]
    fn shares_that_are_not_whole_do_not_read_so() {
        let pairs = [
            (0.0, "0"),
            (1.0, "100"),
            (0.123_45, "12.3"),
            (0.9994, "99.9"),
            (0.999_7, "99.97"),
            (0.000_3, "0.03"),
            (0.000_01, "<0.01"),
            (0.999_99, ">99.99"),
        ];
        for (share, text) in pairs {
            assert_eq!(percent(share), text);
        }
        assert_eq!(between([0.0, 0.0038]), "0 to 0.4");
    }

    #[test]
    fn a_dimension_that_is_only_bounded_is_not_told() {
        assert_eq!(effective(&space("a", 16, 300)), "17.2");
        assert_eq!(effective(&space("a", 16, 1000)), "cannot tell");
        let mut none = space("a", 16, 1000);
        none.d_eff_interval = [None, None];
        assert_eq!(effective(&none), "-");
    }

    /// Where no query is decided, none is outside, but the effective dimension is unknown, not small.
    #[test]
    fn undecided_queries_have_no_dimension() {
        let mut found = space("a", 16, 300);
        found.notions[0].rate.undecided = 2;
        assert_eq!(effective(&found), "17.2");
        found.notions[0].rate.undecided = 200;
        assert_eq!(effective(&found), "-");
        found.notions[0].rate = crate::report::compare::tests::rate("hull", 0, 0);
        assert_eq!(effective(&found), "-");
        assert!(asked(&found, "hull").is_none() && asked(&found, "range").is_some());
    }

    #[test]
    fn numbers_of_rows_that_differ_are_a_range() {
        let mut found = report(false);
        assert!(same_rows(&found));
        assert_eq!(reference_rows(&found), "6,000");
        found.spaces[1].n_reference = 4000;
        assert!(!same_rows(&found));
        assert_eq!(reference_rows(&found), "4,000 to 6,000");
        found.spaces.clear();
        assert!(same_rows(&found));
        assert_eq!(reference_rows(&found), "0");
    }

    #[test]
    fn numbers_as_people_write_them() {
        assert_eq!(number(0.123_45), "0.123");
        assert_eq!(number(1234.5), "1234");
        assert_eq!(number(2e-7), "2.00e-7");
        assert_eq!(probability(0.0), "< 1e-12");
        assert_eq!(probability(2e-12), "2.0e-12");
        assert_eq!(probability(0.04), "0.040");
        assert_eq!(probability(3.8e-211), "< 1e-12");
        assert_eq!(grouped(1_281_167), "1,281,167");
        assert_eq!(grouped(999), "999");
    }
}
