//! The findings of a comparison: a sentence per space, in fixed words with numbers.

use super::words;
use crate::study::compare::{Rate, Report, SpaceReport};
use crate::study::rate::Contrast;

/// Differences are significant where the corrected p-value is below this.
const LEVEL: f64 = 0.05;

/// The finding of each space: rates by hull and ball, each compared with that of left-out reference rows.
pub fn findings(report: &Report) -> Vec<(String, String)> {
    let spaces = report.spaces.iter();
    spaces
        .map(|space| (space.space.clone(), finding(space)))
        .collect()
}

/// The finding of a notion by its own rate, and by that of the reference rows left out: which of them are `there`, as in
/// "outside the hull". `None` where the notion judged neither.
fn of_notion(space: &SpaceReport, notion: &str, there: &str) -> Option<String> {
    let (asked, own) = (words::asked(space, notion), words::left_out(space, notion));
    let [queries, rows] = [asked, own].map(words::share);
    Some(match (asked, own) {
        (Some(asked), Some(own)) => format!(
            "{queries} % of the queries are {there}, {rows} % of the reference rows themselves when left out: {}",
            compared(asked, own)
        ),
        (Some(_), None) => format!("{queries} % of the queries are {there}"),
        (None, Some(_)) => format!("{rows} % of the reference rows left out are {there}"),
        (None, None) => return None,
    })
}

fn finding(space: &SpaceReport) -> String {
    let hull = match space.sphere {
        // Every other point is outside the hull of rows of one norm.
        Some(norm) => format!(
            "all reference rows have the norm {}, so none can be inside the hull of others and the hull is no evidence{}",
            words::number(norm),
            match of_notion(space, "cone", "outside the cone of the rows") {
                Some(cone) => format!(". {cone}"),
                None => "; --notion cone asks about directions".into(),
            }
        ),
        None => of_notion(space, "hull", "outside the hull")
            .unwrap_or("nothing was asked about the hull".into()),
    };
    let ball = of_notion(space, "ball", "farther from their nearest row than usual");
    let ball = ball.map_or(String::new(), |ball| format!(". {ball}"));
    let open = match space.rate("hull").map_or(0, |rate| rate.undecided) {
        0 => String::new(),
        open => format!(" ({} undecided count as not outside)", words::grouped(open)),
    };
    format!("{hull}{ball}.{open}")
}

/// Whether queries extrapolate more than reference rows.
fn compared(queries: &Rate, left_out: &Rate) -> &'static str {
    match queries.against(left_out) {
        Contrast::NearlyAll => {
            "nearly all of both, which does not tell queries from reference rows"
        }
        Contrast::More => "more extrapolation than in the reference",
        Contrast::Less => "less extrapolation than in the reference",
        Contrast::None => "no more extrapolation than in the reference",
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

    #[test]
    fn each_contrast_has_its_sentence() {
        let rate = |outside| Rate::new("hull", 1000, outside, 0);
        for (queries, left_out, words) in [
            (999, 998, "nearly all of both"),
            (600, 300, "more extrapolation than"),
            (300, 600, "less extrapolation than"),
            (500, 501, "no more extrapolation than"),
        ] {
            let text = compared(&rate(queries), &rate(left_out));
            assert!(text.starts_with(words), "{queries} and {left_out}: {text}");
        }
    }
}
