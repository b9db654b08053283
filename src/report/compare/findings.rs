//! The findings of a comparison, in fixed sentences with numbers.

use super::words;
use crate::report::document::{Part, Section};
use crate::report::numerals::{grouped, number};
use crate::study::compare::{Rate, Report, SpaceReport};
use crate::study::rate::Contrast;

/// Differences are significant where the corrected p-value is below this.
const LEVEL: f64 = 0.05;

/// The notions that are spoken of, with what it means to be outside.
const NOTIONS: [(&str, &str); 3] = [
    ("hull", "outside the hull"),
    ("cone", "outside the cone of the rows"),
    ("ball", "farther from their nearest row than usual"),
];

/// The section of the findings; of more than `most` spaces it has the first, and says where the others are.
pub fn section(report: &Report, most: usize) -> Section {
    let mut all = findings(report);
    let more = all.len().saturating_sub(most);
    all.truncate(most);
    let mut parts = vec![Part::Text(asked(report)), Part::Terms(all)];
    if more > 0 {
        let rest = format!("Findings of other spaces, on the page that -o writes: {more}.");
        parts.push(Part::Text(rest));
    }
    if report.spaces.iter().any(|space| space.n_queries > 0) {
        parts.push(Part::Text(question(report)));
        parts.extend(pairs(report).map(Part::Text));
    }
    Section::new("What it says", parts)
}

/// What was asked of how many queries.
fn asked(report: &Report) -> String {
    let queries = report.spaces.first().map_or(0, |space| space.n_queries);
    let reference = words::reference_rows(report);
    let asked = match queries {
        0 => format!(
            "There are no queries: {reference} reference rows among themselves, each left out."
        ),
        _ => format!(
            "{} queries against the hull of {reference} reference rows.",
            grouped(queries)
        ),
    };
    format!("{asked} Rates are shares outside, in %.")
}

/// The finding of each space: rates by notion, each compared with that of left-out reference rows.
pub fn findings(report: &Report) -> Vec<(String, String)> {
    let asked = report.spaces.iter().filter(|space| space.n_queries > 0);
    asked
        .map(|space| (space.space.clone(), finding(space)))
        .collect()
}

fn finding(space: &SpaceReport) -> String {
    let mut said: Vec<String> = Vec::new();
    // Every other point is outside the hull of rows of one norm.
    said.extend(space.sphere.map(|norm| {
        let advice = match words::asked(space, "cone") {
            Some(_) => "",
            None => " (--notion cone asks about directions)",
        };
        let norm = number(norm);
        format!("All reference rows have the norm {norm}: none can be inside the hull of others, and the hull is no evidence{advice}.")
    }));
    for (id, there) in NOTIONS {
        if space.sphere.is_none() || id != "hull" {
            said.extend(of_notion(space, id, there));
        }
    }
    let undecided = space.rate("hull").map_or(0, |rate| rate.undecided);
    let undecided = words::some(undecided).map(grouped);
    said.extend(undecided.map(|count| format!("{count} undecided count as not outside.")));
    match said.is_empty() {
        true => "Nothing was asked about the hull.".into(),
        false => said.join(" "),
    }
}

/// The rate of a notion, compared with that of left-out reference rows if it is known; `None` where it judged no query.
fn of_notion(space: &SpaceReport, notion: &str, there: &str) -> Option<String> {
    let asked = words::asked(space, notion)?;
    let share = words::share(Some(asked))?;
    let own = words::left_out(space, notion).and_then(|own| {
        let (share, compared) = (words::share(Some(own))?, compared(asked, own));
        Some(format!(
            " (of the reference rows left out {share} %: {compared})"
        ))
    });
    let own = own.unwrap_or_default();
    Some(format!("{share} % of the queries are {there}{own}."))
}

/// Whether queries extrapolate more than reference rows.
fn compared(queries: &Rate, left_out: &Rate) -> &'static str {
    match queries.against(left_out) {
        Contrast::NearlyAll => "nearly all of both, which tells nothing",
        Contrast::More => "more extrapolation",
        Contrast::Less => "less extrapolation",
        Contrast::None => "no more extrapolation",
    }
}

/// What inside the hull means, and how the answers were proved.
fn question(report: &Report) -> String {
    let hulls = || report.spaces.iter().filter_map(|s| words::asked(s, "hull"));
    let undecided: u64 = hulls().map(|rate| rate.undecided).sum();
    let all: u64 = hulls().map(|rate| rate.queries).sum();
    format!(
        "Inside the hull means: equal to a weighted mean of reference rows, with non-negative weights. Such weights, or a \
         direction that separates the query from all rows, prove each answer; {} of {} answers are undecided, too near the \
         surface for double precision or not decided in the rounds allowed, and count as not outside.",
        grouped(undecided),
        grouped(all)
    )
}

/// How many pairs of spaces differ significantly; `None` without pairs.
fn pairs(report: &Report) -> Option<String> {
    let differ = report.pairs.iter().filter(|p| p.p_holm < LEVEL).count();
    (!report.pairs.is_empty()).then(|| {
        format!(
            "All spaces saw the same queries: {differ} of {} pairs of spaces differ in which queries are inside (McNemar's exact \
             test, corrected by Holm, p < {LEVEL}).",
            report.pairs.len()
        )
    })
}
