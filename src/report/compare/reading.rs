//! The findings of a comparison: a sentence per space, in fixed words with numbers.

use super::words;
use crate::study::compare::{Rate, Report, SpaceReport};
use crate::study::rate::wilson95;

/// Where both rates are above this, the only finding is that the hull does not tell queries from reference rows.
const NEARLY_ALL: f64 = 0.99;

/// Differences are significant where the corrected p-value is below this.
const LEVEL: f64 = 0.05;

/// The finding of each space: rates by hull and ball, each compared with that of left-out reference rows.
pub fn findings(report: &Report) -> Vec<(String, String)> {
    let spaces = report.spaces.iter();
    spaces
        .map(|space| (space.space.clone(), finding(space)))
        .collect()
}

/// A rate in percent.
fn percent(rate: &Rate) -> String {
    words::share(Some(rate))
}

/// The finding for the hull.
fn of_hull(space: &SpaceReport) -> String {
    match (words::asked(space, "hull"), words::left_out(space, "hull")) {
        (None, None) => "nothing was asked about the hull".into(),
        (None, Some(own)) => format!(
            "{} % of the reference rows, each left out in turn, are outside the hull of the others",
            percent(own)
        ),
        (Some(hull), None) => format!(
            "{} % of the queries are outside the hull of the reference rows",
            percent(hull)
        ),
        (Some(hull), Some(own)) => format!(
            "{} % of the queries are outside the hull, {} % of the reference rows themselves when left out: {}",
            percent(hull),
            percent(own),
            compared(hull, own)
        ),
    }
}

/// The finding for rows of one norm, where every other point is outside the hull: that for the cone, if it was asked for.
fn on_sphere(space: &SpaceReport, norm: f64) -> String {
    let vacuous = format!(
        "all reference rows have the norm {}, so none can be inside the hull of others and the hull is no evidence",
        words::number(norm)
    );
    let cone = match (words::asked(space, "cone"), words::left_out(space, "cone")) {
        (None, None) => "; --notion cone asks about directions".into(),
        (Some(cone), Some(own)) => format!(
            ". {} % of the queries are outside the cone of the rows, {} % of the reference rows themselves when left out: {}",
            percent(cone),
            percent(own),
            compared(cone, own)
        ),
        (Some(cone), None) => format!(
            ". {} % of the queries are outside the cone of the rows",
            percent(cone)
        ),
        (None, Some(own)) => format!(
            ". {} % of the reference rows left out are outside the cone of the others",
            percent(own)
        ),
    };
    format!("{vacuous}{cone}")
}

fn finding(space: &SpaceReport) -> String {
    let hull = match space.sphere {
        Some(norm) => on_sphere(space, norm),
        None => of_hull(space),
    };
    let ball = match (words::asked(space, "ball"), words::left_out(space, "ball")) {
        (Some(ball), Some(own)) => format!(
            ". {} % of the queries and {} % of the reference rows left out are farther from their nearest row than usual: {}",
            percent(ball),
            percent(own),
            compared(ball, own)
        ),
        (Some(ball), None) => format!(
            ". {} % of the queries are farther from their nearest row than usual",
            percent(ball)
        ),
        (None, Some(own)) => format!(
            ". {} % of the reference rows left out are farther from their nearest row than usual",
            percent(own)
        ),
        (None, None) => String::new(),
    };
    let open = match space.rate("hull").map_or(0, |rate| rate.undecided) {
        0 => String::new(),
        open => format!(" ({} undecided count as not outside)", words::grouped(open)),
    };
    format!("{hull}{ball}.{open}")
}

/// Whether queries extrapolate more than reference rows, by Newcombe's 95 % interval for a difference of two proportions
/// (Statistics in Medicine 17, 1998, method 10), widened by the undecided queries.
fn compared(queries: &Rate, own: &Rate) -> &'static str {
    let ends = |rate: &Rate| {
        let most = rate.outside + rate.undecided;
        let all = rate.queries.max(1) as f64;
        let [low, _] = wilson95(rate.outside, rate.queries);
        let [_, high] = wilson95(most, rate.queries);
        (rate.outside as f64 / all, low, most as f64 / all, high)
    };
    let (least, low, most, high) = ends(queries);
    let (own_least, own_low, own_most, own_high) = ends(own);
    if least > NEARLY_ALL && own_least > NEARLY_ALL {
        return "nearly all of both, so that the hull does not tell queries from reference rows";
    }
    let more = least - own_most - (least - low).hypot(own_high - own_most) > 0.0;
    let less = own_least - most - (own_least - own_low).hypot(high - most) > 0.0;
    match (more, less) {
        (true, _) => "more extrapolation than in the reference",
        (_, true) => "less extrapolation than in the reference",
        _ => "no more extrapolation than in the reference",
    }
}

/// What inside the hull means, and how the answers were proved.
pub fn question(report: &Report) -> String {
    let hulls = || report.spaces.iter().filter_map(|s| words::asked(s, "hull"));
    let open: u64 = hulls().map(|rate| rate.undecided).sum();
    let all: u64 = hulls().map(|rate| rate.queries).sum();
    let open = match open {
        0 => "none is undecided".into(),
        open => format!(
            "{} are undecided, too near the surface for double precision or not decided in the rounds allowed, and count as \
             not outside",
            words::grouped(open)
        ),
    };
    format!(
        "Inside the hull means: equal to a weighted mean of reference rows, with non-negative weights. Such weights, or a \
         direction that separates the query from all rows, prove each answer; of {} answers {open}.",
        words::grouped(all)
    )
}

/// How many pairs of spaces differ significantly.
pub fn pairs(report: &Report) -> Option<String> {
    let differ = report.pairs.iter().filter(|p| p.p_holm < LEVEL).count();
    (!report.pairs.is_empty()).then(|| {
        format!(
            "All spaces saw the same queries: {differ} of {} pairs of spaces differ in which queries are inside (McNemar's exact \
             test, corrected by Holm, p < {LEVEL}).",
            report.pairs.len()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At equal rates, large samples differ significantly and small ones do not, nor samples with too many undecided queries.
    #[test]
    fn only_a_clear_difference_is_one() {
        let rate = |queries, outside| Rate::new("hull", queries, outside, 0);
        let said = |a: Rate, b: Rate| compared(&a, &b);
        let none = "no more extrapolation than in the reference";
        assert_eq!(said(rate(100, 40), rate(100, 35)), none);
        assert_eq!(
            said(rate(10_000, 4000), rate(10_000, 3500)),
            "more extrapolation than in the reference"
        );
        assert_eq!(
            said(rate(10_000, 3500), rate(10_000, 4000)),
            "less extrapolation than in the reference"
        );
        let mut open = rate(10_000, 3500);
        open.undecided = 500;
        assert_eq!(said(open, rate(10_000, 4000)), none);
        let all = said(rate(1000, 1000), rate(1000, 995));
        assert!(all.starts_with("nearly all of both"));
    }
}
