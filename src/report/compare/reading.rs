//! What a comparison says, in sentences. Every claim is made from the numbers, or is theory.

use super::words;
use crate::study::compare::{Report, SpaceReport};

/// Names in a list; the rest is counted.
const NAMES: usize = 6;

/// A difference is one when its corrected probability is below this.
const LEVEL: f64 = 0.05;

/// Paragraphs that read the result.
pub fn reading(report: &Report) -> Vec<String> {
    let all = [
        by_rank(report),
        null(report),
        pairs(report),
        undecided(report),
    ];
    std::iter::once(question(report))
        .chain(all.into_iter().flatten())
        .collect()
}

/// Share of queries inside; undecided ones are not.
fn inside(space: &SpaceReport) -> f64 {
    space.rate("hull").map_or(0.0, |rate| {
        (rate.queries - rate.outside - rate.undecided) as f64 / rate.queries.max(1) as f64
    })
}

fn question(report: &Report) -> String {
    let (rows, queries) = report
        .spaces
        .first()
        .map_or((0, 0), |s| (s.n_reference, s.n_queries));
    format!(
        "Each of {} queries was asked in every space: is it inside the convex hull of the {} reference rows, that is, is \
         it a mean of some of them, with weights that are not negative? If so it interpolates, otherwise it \
         extrapolates. Every answer was proved: by such weights, or by a direction that separates the query from all rows.",
        words::grouped(queries),
        words::grouped(rows)
    )
}

/// How rates go with the dimension of the affine hull.
fn by_rank(report: &Report) -> Option<String> {
    let ranked = || {
        report
            .spaces
            .iter()
            .filter_map(|space| Some((space.rank?, space)))
    };
    let (least, most) = (ranked().map(|s| s.0).min()?, ranked().map(|s| s.0).max()?);
    if least == most {
        return None;
    }
    let at = |rank: u64| {
        let spaces: Vec<&SpaceReport> = ranked().filter(|s| s.0 == rank).map(|s| s.1).collect();
        let shares = spaces.iter().map(|space| inside(space));
        let (low, high) = shares.fold((1.0, 0.0), |(low, high): (f64, f64), share| {
            (low.min(share), high.max(share))
        });
        let share = if words::percent(low) == words::percent(high) {
            words::percent(low)
        } else {
            words::between([low, high])
        };
        let names = spaces.iter().map(|space| space.space.as_str());
        (share, list(names))
    };
    let ((low, low_names), (high, high_names)) = (at(least), at(most));
    let (mut fewer, mut more, mut equal) = (0, 0, 0);
    let all: Vec<(u64, f64)> = ranked()
        .map(|(rank, space)| (rank, inside(space)))
        .collect();
    for (place, a) in all.iter().enumerate() {
        for b in all[place + 1..].iter().filter(|b| b.0 != a.0) {
            let (lower, higher) = if a.0 < b.0 { (a, b) } else { (b, a) };
            match higher.1.total_cmp(&lower.1) {
                std::cmp::Ordering::Less => fewer += 1,
                std::cmp::Ordering::Greater => more += 1,
                std::cmp::Ordering::Equal => equal += 1,
            }
        }
    }
    let ends = format!(
        "Where the reference spans the fewest dimensions (d* = {least}: {low_names}) {low} % of the queries are inside; where \
         it spans the most (d* = {most}: {high_names}) {high} %."
    );
    let of_pairs = format!(
        " Of the {} pairs of spaces with different d*, the one with the larger d* has fewer queries inside in {fewer}, as many \
         in {equal}, more in {more}.",
        fewer + more + equal
    );
    let claim = " What drives a rate first is d*, the dimension of the affine hull of the reference: not the number of \
                 coordinates, nor whether these are pixels or features.";
    let (of_pairs, claim) = match (fewer + more + equal > 1, fewer > more) {
        (true, true) => (of_pairs, claim),
        (true, false) => (of_pairs, ""),
        (false, _) => (String::new(), ""),
    };
    Some(ends + &of_pairs + claim)
}

/// Measured rates beside the Gaussian null.
fn null(report: &Report) -> Option<String> {
    let (mut more, mut fewer, mut same) = (Vec::new(), Vec::new(), Vec::new());
    for space in &report.spaces {
        let (Some(null), Some(rate)) = (space.null_rate, space.rate("hull")) else {
            continue;
        };
        let [low, high] = rate.interval95;
        let side = match (null > high, null < low) {
            (true, _) => &mut more,
            (_, true) => &mut fewer,
            _ => &mut same,
        };
        side.push(space.space.as_str());
    }
    let parts = [("more", more), ("fewer", fewer), ("about as many", same)];
    let parts = parts.into_iter().filter(|(_, names)| !names.is_empty());
    let parts: Vec<String> = parts
        .map(|(word, names)| format!("{word} in {}", list(names.into_iter())))
        .collect();
    if parts.is_empty() {
        return None;
    }
    Some(format!(
        "The number of rows and d* drive a rate even where data have no structure at all. So each rate stands beside that of \
         Gaussian data of the same number of rows and the same d*, the null. Compared with it, queries are inside: {}. The \
         effective dimension d_eff is the d* at which the null would have the measured rate: it is below d* where more are \
         inside than the null has, and above where fewer are.",
        parts.join("; ")
    ))
}

/// Pairs that differ, and those of equal rank among them.
fn pairs(report: &Report) -> Option<String> {
    if report.pairs.is_empty() {
        return None;
    }
    let corrected = words::holm(&report.pairs);
    let differ = corrected.iter().filter(|p| **p < LEVEL).count();
    let rank = |name: &str| {
        report
            .spaces
            .iter()
            .find(|s| s.space == name)
            .and_then(|s| s.rank)
    };
    let equal = report.pairs.iter().zip(&corrected).filter(|(pair, _)| {
        let ranks = (rank(&pair.a), rank(&pair.b));
        ranks.0.is_some() && ranks.0 == ranks.1
    });
    let equal: Vec<f64> = equal.map(|(_, p)| *p).collect();
    let of_equal = match equal.len() {
        0 => String::new(),
        count => format!(
            " Of the {count} with equal d*, {} differ: how the rows fill their dimensions is the rest.",
            equal.iter().filter(|p| **p < LEVEL).count()
        ),
    };
    Some(format!(
        "All spaces saw the same queries, so two spaces are compared query by query. {differ} of {} pairs differ (McNemar's \
         exact test, Holm's correction, p < {LEVEL}).{of_equal}",
        report.pairs.len()
    ))
}

fn undecided(report: &Report) -> Option<String> {
    let open = report.spaces.iter().filter_map(|space| {
        let count = space.rate("hull")?.undecided;
        (count > 0).then(|| format!("{count} in {}", space.space))
    });
    let open: Vec<String> = open.collect();
    (!open.is_empty()).then(|| {
        format!(
            "Some queries lie so near the surface of the hull that double precision cannot prove on which side: {}. They \
             count neither as inside nor as outside.",
            open.join(", ")
        )
    })
}

/// Names as a list, the first few.
fn list<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.collect();
    match names.len() {
        count if count > NAMES => {
            format!("{} and {} more", names[..NAMES].join(", "), count - NAMES)
        }
        _ => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::compare::tests::{report, space};

    #[test]
    fn claims_follow_the_numbers() {
        let mut found = report(false);
        let text = reading(&found).join("\n");
        for claim in [
            "Each of 1,000 queries",
            "(d* = 16: dims:16,seed=<b>&\") 70.0 % of the queries are inside",
            "(d* = 700: pixels) 0 %",
            "more in dims:16,seed=<b>&\"; fewer in pixels",
            "1 of 1 pairs differ",
        ] {
            assert!(text.contains(claim), "{claim}\n{text}");
        }
        assert!(!text.contains("equal d*") && !text.contains("surface"));
        assert!(!text.contains("What drives a rate"));
        found.spaces[0].rank = Some(700);
        found.spaces[0].rates[0].undecided = 2;
        let text = reading(&found).join("\n");
        assert!(!text.contains("spans the fewest"), "{text}");
        assert!(text.contains("Of the 1 with equal d*, 1 differ:"), "{text}");
        assert!(text.contains("2 in dims:16"), "{text}");
    }

    /// Spaces of d* = 8, 16, 16 and 32 with 100, 300, 300 and 200 outside: five pairs, of which two go the other way.
    #[test]
    fn pairs_of_ranks_are_counted() {
        let spaces = [(8, 100), (16, 300), (16, 300), (32, 200)];
        let spaces = spaces
            .map(|(rank, outside)| space("a", rank, outside))
            .to_vec();
        let mut found = Report {
            spaces,
            pairs: Vec::new(),
            notes: Vec::new(),
        };
        let text = by_rank(&found).unwrap();
        assert!(
            text.contains("Of the 5 pairs") && text.contains("in 3, as many in 0, more in 2."),
            "{text}"
        );
        assert!(text.contains("What drives a rate"), "{text}");
        found.spaces.remove(0);
        assert!(!by_rank(&found).unwrap().contains("What drives a rate"));
    }

    #[test]
    fn long_lists_are_cut() {
        let names: Vec<String> = (0..8).map(|n| n.to_string()).collect();
        assert_eq!(
            list(names.iter().map(String::as_str)),
            "0, 1, 2, 3, 4, 5 and 2 more"
        );
    }
}
