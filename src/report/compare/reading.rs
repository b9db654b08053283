//! What a comparison says, in sentences. Every claim is made from the numbers, or is theory.

use super::words;
use crate::study::compare::{Rate, Report, SpaceReport};
use crate::study::rate::wilson95;

/// Names in a list; the rest is counted.
const NAMES: usize = 6;

/// A difference is one when its corrected probability is below this.
const LEVEL: f64 = 0.05;

/// Of the pairs of spaces that differ in d*, this share must differ clearly, in the same way, for a rule.
const RULE: f64 = 0.75;

/// Paragraphs that read the result.
pub fn reading(report: &Report) -> Vec<String> {
    let all = [
        question(report),
        by_rank(report),
        null(report),
        pairs(report),
        undecided(report),
    ];
    all.into_iter().flatten().collect()
}

/// Share of queries inside; undecided ones are not.
fn inside(hull: &Rate) -> f64 {
    (hull.queries - hull.outside - hull.undecided) as f64 / hull.queries as f64
}

/// Between which shares those outside lie, whatever the undecided queries are, by Wilson's 95 %.
fn outside(hull: &Rate) -> [f64; 2] {
    let [low, _] = wilson95(hull.outside, hull.queries);
    let [_, high] = wilson95(hull.outside + hull.undecided, hull.queries);
    [low, high]
}

/// What was asked, of spaces where something was.
fn question(report: &Report) -> Option<String> {
    let asked = report.spaces.iter().filter_map(|s| words::asked(s, "hull"));
    let asked: Vec<&Rate> = asked.collect();
    let queries = asked.first()?.queries;
    let whole = match queries {
        1 => "One query".into(),
        _ => format!("Each of {} queries", words::grouped(queries)),
    };
    let place = match asked.len() {
        1 => "",
        _ => " in every space",
    };
    let rows = words::reference_rows(report);
    let rows = match (words::same_rows(report), rows.as_str()) {
        (true, "1") => "the one reference row".into(),
        (true, _) => format!("the {rows} reference rows"),
        (false, _) => {
            format!("the reference rows, of which each space has its own number ({rows})")
        }
    };
    Some(format!(
        "{whole} was asked{place}: is it inside the convex hull of {rows}, that is, is it a mean of some of them, with \
         weights that are not negative? If so it interpolates, otherwise it extrapolates. {}",
        proofs(&asked)
    ))
}

/// How many answers were proved.
fn proofs(asked: &[&Rate]) -> String {
    let open: u64 = asked.iter().map(|hull| hull.undecided).sum();
    let all: u64 = asked.iter().map(|hull| hull.queries).sum();
    let how = "by such weights, or by a direction that separates the query from all rows";
    if open == 0 {
        format!("Every answer was proved: {how}.")
    } else if open == all {
        format!("An answer is proved {how}; none was.")
    } else {
        format!(
            "Every answer but {} of {} was proved: {how}.",
            words::grouped(open),
            words::grouped(all)
        )
    }
}

/// A space whose rank is known and that was asked about.
struct Ranked<'r> {
    rank: u64,
    space: &'r SpaceReport,
    hull: &'r Rate,
}

/// How rates go with the dimension of the affine hull.
fn by_rank(report: &Report) -> Option<String> {
    let ranked = report.spaces.iter().filter_map(|space| {
        Some(Ranked {
            rank: space.rank?,
            space,
            hull: words::asked(space, "hull")?,
        })
    });
    let ranked: Vec<Ranked> = ranked.collect();
    let ranks = || ranked.iter().map(|space| space.rank);
    let (least, most) = (ranks().min()?, ranks().max()?);
    if least == most {
        return None;
    }
    let ((low, low_names), (high, high_names)) = (at(&ranked, least), at(&ranked, most));
    let ends = format!(
        "Where the reference spans the fewest dimensions (d* = {least}: {low_names}) {low} % of the queries are inside; where \
         it spans the most (d* = {most}: {high_names}) {high} %."
    );
    let order = Order::of(&ranked);
    let rule = match words::same_rows(report) {
        true => order.rule().unwrap_or_default(),
        false => " The number of reference rows is not the same in all spaces, and drives a rate as well.".into(),
    };
    Some(ends + &order.counts() + &rule)
}

/// Shares inside of the spaces of one rank, and their names.
fn at(ranked: &[Ranked], rank: u64) -> (String, String) {
    let of_rank = || ranked.iter().filter(|space| space.rank == rank);
    let shares = of_rank().map(|space| inside(space.hull));
    let (low, high) = shares.fold((1.0, 0.0), |(low, high): (f64, f64), share| {
        (low.min(share), high.max(share))
    });
    let share = if words::percent(low) == words::percent(high) {
        words::percent(low)
    } else {
        words::between([low, high])
    };
    let names = of_rank().map(|space| space.space.space.as_str());
    (share, list(names))
}

/// How the pairs of spaces with different d* are ordered: whether the one with the larger d* has fewer inside.
#[derive(Debug, Default)]
struct Order {
    fewer: usize,
    equal: usize,
    more: usize,
    /// Of those, pairs whose intervals have nothing in common.
    clearly_fewer: usize,
    clearly_more: usize,
    /// Of those with clearly fewer, pairs of which the one with the larger d* has no more coordinates.
    no_wider: usize,
}

impl Order {
    fn of(ranked: &[Ranked]) -> Self {
        let mut order = Order::default();
        for (place, a) in ranked.iter().enumerate() {
            for b in ranked[place + 1..].iter().filter(|b| b.rank != a.rank) {
                match a.rank < b.rank {
                    true => order.note(a, b),
                    false => order.note(b, a),
                }
            }
        }
        order
    }

    fn note(&mut self, lower: &Ranked, higher: &Ranked) {
        match inside(higher.hull).total_cmp(&inside(lower.hull)) {
            std::cmp::Ordering::Less => self.fewer += 1,
            std::cmp::Ordering::Greater => self.more += 1,
            std::cmp::Ordering::Equal => self.equal += 1,
        }
        let (below, above) = (outside(lower.hull), outside(higher.hull));
        if above[0] > below[1] {
            self.clearly_fewer += 1;
            self.no_wider += usize::from(higher.space.d <= lower.space.d);
        }
        self.clearly_more += usize::from(above[1] < below[0]);
    }

    fn all(&self) -> usize {
        self.fewer + self.equal + self.more
    }

    /// What was counted; nothing of a single pair, which has been told.
    fn counts(&self) -> String {
        if self.all() < 2 {
            return String::new();
        }
        format!(
            " Of the {} pairs of spaces with different d*, the one with the larger d* has fewer queries inside in {}, as many \
             in {}, more in {}.",
            self.all(),
            self.fewer,
            self.equal,
            self.more
        )
    }

    /// That fewer are inside the larger d* is, where that is so beyond chance in most of several pairs.
    fn rule(&self) -> Option<String> {
        if self.all() < 2 || (self.clearly_fewer as f64) < RULE * self.all() as f64 {
            return None;
        }
        let against = match self.clearly_more {
            0 => String::new(),
            count => format!(", and the other way round in {count}"),
        };
        let width = match self.no_wider {
            0 => String::new(),
            count => format!(
                " In {count} of these the space with the larger d* has no more coordinates than the other."
            ),
        };
        Some(format!(
            " As a rule, the larger d*, the dimension of the affine hull of the reference, the fewer queries are inside: in {} \
             of these pairs by more than the 95 % intervals of both{against}.{width}",
            self.clearly_fewer
        ))
    }
}

/// Measured rates beside the Gaussian null.
fn null(report: &Report) -> Option<String> {
    let (mut more, mut fewer, mut same) = (Vec::new(), Vec::new(), Vec::new());
    for space in &report.spaces {
        let (Some(null), Some(hull)) = (space.null_rate, words::asked(space, "hull")) else {
            continue;
        };
        let [low, high] = outside(hull);
        let side = match (null > high, null < low) {
            (true, _) => &mut more,
            (_, true) => &mut fewer,
            _ => &mut same,
        };
        side.push(space.space.as_str());
    }
    let parts = [("more", more), ("fewer", fewer), ("neither clearly", same)];
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

/// Pairs that differ, and among them those of equal rank and as many rows.
fn pairs(report: &Report) -> Option<String> {
    if report.pairs.is_empty() {
        return None;
    }
    let corrected = words::holm(&report.pairs);
    let differ = corrected.iter().filter(|p| **p < LEVEL).count();
    let size = |name: &str| {
        let space = report.spaces.iter().find(|s| s.space == name);
        space.and_then(|s| Some((s.rank?, s.n_reference)))
    };
    let equal = report.pairs.iter().zip(&corrected).filter(|(pair, _)| {
        let sizes = (size(&pair.a), size(&pair.b));
        sizes.0.is_some() && sizes.0 == sizes.1
    });
    let equal: Vec<f64> = equal.map(|(_, p)| *p).collect();
    let rows = match words::same_rows(report) {
        true => "",
        false => " and as many reference rows",
    };
    let of_equal = match (equal.len(), equal.iter().filter(|p| **p < LEVEL).count()) {
        (0, _) => String::new(),
        (count, 0) => format!(" Of the {count} with equal d*{rows}, none differs."),
        (count, differ) => format!(
            " Of the {count} with equal d*{rows}, {differ} differ: how the rows fill their dimensions is the rest."
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
            "Some queries are undecided: so near the surface of the hull that double precision cannot prove on which side \
             they are, or not settled in the rounds that were allowed: {}. They count neither as inside nor as outside.",
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
        assert!(!text.contains("As a rule"));
        assert!(text.contains("Every answer was proved: by such weights"));
        found.spaces[0].rank = Some(700);
        found.spaces[0].notions[0].rate.undecided = 2;
        let text = reading(&found).join("\n");
        assert!(!text.contains("spans the fewest"), "{text}");
        assert!(text.contains("Of the 1 with equal d*, 1 differ:"), "{text}");
        assert!(text.contains("2 in dims:16"), "{text}");
        assert!(
            text.contains("Every answer but 2 of 2,000 was proved:"),
            "{text}"
        );
        found.pairs[0].p_value = 0.05;
        let text = reading(&found).join("\n");
        assert!(
            text.contains("Of the 1 with equal d*, none differs."),
            "{text}"
        );
    }

    /// A report of spaces by rank and queries outside, of 1000.
    fn of(spaces: &[(u64, u64)]) -> Report {
        let spaces = spaces.iter();
        let spaces = spaces.map(|&(rank, outside)| space("a", rank, outside));
        Report {
            spaces: spaces.collect(),
            pairs: Vec::new(),
            outcomes: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Five pairs of d* = 8, 16, 16 and 32, of which two go the other way: no rule.
    #[test]
    fn pairs_of_ranks_are_counted() {
        let mut found = of(&[(8, 100), (16, 300), (16, 300), (32, 200)]);
        let text = by_rank(&found).unwrap();
        assert!(
            text.contains("Of the 5 pairs") && text.contains("in 3, as many in 0, more in 2."),
            "{text}"
        );
        assert!(!text.contains("As a rule"), "{text}");
        found.spaces[3].notions[0].rate = crate::report::compare::tests::rate("hull", 1000, 400);
        let text = by_rank(&found).unwrap();
        let rule = "the fewer queries are inside: in 5 of these pairs by more than the 95 % intervals of both.";
        assert!(text.contains(rule), "{text}");
        assert!(
            text.contains("In 5 of these the space with the larger d* has no more coordinates")
        );
        found.spaces[0].d = 8;
        let text = by_rank(&found).unwrap();
        assert!(text.contains("In 2 of these the space"), "{text}");
    }

    /// Orders that chance, a lack of answers or the number of rows may have made.
    #[test]
    fn what_is_not_clear_is_no_rule() {
        let rule = |report: &Report| by_rank(report).unwrap().contains("As a rule");
        let clear = of(&[(8, 100), (16, 300), (32, 500)]);
        assert!(rule(&clear));
        assert!(!rule(&of(&[(8, 100), (16, 300)])), "one pair");
        assert!(!rule(&of(&[(8, 300), (16, 305), (32, 310)])), "by chance");
        assert!(
            !rule(&of(&[(8, 500), (16, 300), (32, 100)])),
            "the other way"
        );
        let mut open = clear.clone();
        open.spaces[0].notions[0].rate.undecided = 800;
        assert!(!rule(&open), "undecided");
        let mut rows = clear.clone();
        rows.spaces[2].n_reference = 60;
        let text = by_rank(&rows).unwrap();
        assert!(
            !rule(&rows) && text.contains("rows is not the same"),
            "{text}"
        );
        // Of three that are clear against one that is not, the exception is told.
        let text = by_rank(&of(&[(8, 100), (16, 300), (32, 500), (64, 200)])).unwrap();
        assert!(
            !text.contains("As a rule") && text.contains("more in 2"),
            "{text}"
        );
        let text = by_rank(&of(&[(8, 100), (16, 300), (32, 500), (64, 400)])).unwrap();
        assert!(text.contains("and the other way round in 1."), "{text}");
        let mut none = clear.clone();
        none.spaces.iter_mut().for_each(|space| space.rank = None);
        assert_eq!(by_rank(&none), None);
        none = clear;
        for space in &mut none.spaces {
            space.notions.remove(0);
        }
        assert!(by_rank(&none).is_none() && question(&none).is_none());
    }

    /// None outside because none was decided is neither more nor fewer than the null's 62.5 %.
    #[test]
    fn undecided_queries_are_on_no_side_of_the_null() {
        let mut found = of(&[(16, 0)]);
        assert!(null(&found).unwrap().contains("inside: more in a."));
        found.spaces[0].notions[0].rate.undecided = 1000;
        let text = null(&found).unwrap();
        assert!(text.contains("inside: neither clearly in a."), "{text}");
        let text = reading(&found).join("\n");
        assert!(text.contains("rows; none was."), "{text}");
        assert!(text.contains("1000 in a."), "{text}");
    }

    #[test]
    fn the_question_is_that_of_the_spaces() {
        let mut found = report(false);
        let text = question(&found).unwrap();
        assert!(
            text.contains("Each of 1,000 queries was asked in every space"),
            "{text}"
        );
        assert!(
            text.contains("hull of the 6,000 reference rows, that is"),
            "{text}"
        );
        found.spaces[0].n_reference = 4000;
        found.spaces[0].rank = Some(700);
        let text = reading(&found).join("\n");
        let own = "of which each space has its own number (4,000 to 6,000), that is";
        assert!(text.contains(own), "{text}");
        assert!(
            !text.contains("the 4,000 ") && !text.contains("the 6,000 "),
            "{text}"
        );
        assert!(
            !text.contains("with equal d*"),
            "other numbers of rows: {text}"
        );
        let mut one = of(&[(16, 1)]);
        one.spaces[0].notions[0].rate = crate::report::compare::tests::rate("hull", 1, 1);
        one.spaces[0].n_reference = 1;
        let text = question(&one).unwrap();
        assert!(
            text.starts_with("One query was asked: is it inside"),
            "{text}"
        );
        assert!(
            text.contains("hull of the one reference row, that is"),
            "{text}"
        );
        one.spaces.clear();
        assert!(reading(&one).is_empty());
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
