//! The columns of the tables of spaces and of pairs of spaces, which a terminal and a page share.

use super::words;
use crate::report::columns::{TableColumn, columns};
use crate::study::compare::{Pair, SpaceReport};

fn estimate(value: Option<f64>) -> String {
    value.map_or("-".into(), |value| format!("{value:.1}"))
}

/// The columns of the spaces, with their meaning.
pub fn columns() -> Vec<TableColumn<'static, SpaceReport>> {
    columns! { space: SpaceReport;
        "space" = space.space.clone(), "The transformation of the rows before queries are judged.";
        "N" = words::grouped(space.n_reference),
            "Number of reference rows; a rate depends on it as well as on the rank.";
        "d" = space.d.to_string(), "Coordinates of a row in the space.";
        "rank" = space.rank.map_or("?".into(), |rank| rank.to_string()),
            "Dimension of the affine hull of the reference: the fewest coordinates that describe all its rows exactly.";
        "TwoNN" = estimate(space.two_nn),
            "Intrinsic dimension, the number of dimensions that the rows fill locally, from the ratio of the distances to \
             the two nearest rows (Facco et al. 2017).";
        "MLE" = estimate(space.mle),
            "The same by maximum likelihood from the 20 nearest rows (Levina and Bickel 2004).";
        "outside, %" = words::share(words::asked(space, "hull")),
            "Queries outside the convex hull of the reference: the extrapolation rate.";
        "95 %" = words::interval(words::asked(space, "hull")), "Wilson's interval of that rate.";
        "left out, %" = words::share(words::left_out(space, "hull")),
            "Share of a sample of reference rows that are outside the hull of all other rows: the reference's own rate.";
        "Gaussian, %" = space.null_rate.map_or("-".into(), words::percent),
            "The rate that Gaussian data of the same number of rows and the same rank would have (Kabluchko and \
             Zaporozhets).";
        "d_eff" = words::effective(space),
            "Effective hull dimension: the rank at which Gaussian data have the measured rate. 'cannot tell': all or no \
             queries are outside, which only bounds it. Not given where undecided queries decide the rate.";
        "distance" = space.distance_ratio.as_ref().map_or("-".into(), |ratio| words::number(ratio.median)),
            "Median over the queries of the certified lower bound of the distance to the hull (0 inside), in units of the \
             reference's median nearest distance; not given where that is unknown or 0, as where most rows are repeated.";
        "scans" = format!("{:.2}", space.scans_per_query), "Passes over the reference that a query took on average.";
        "s" = match space.seconds {
            long if long >= 100.0 => format!("{long:.0}"),
            short => format!("{short:.1}"),
        }, "Seconds that the space took.";
    }
}

/// The columns of pairs of spaces A and B.
pub fn of_pairs() -> Vec<TableColumn<'static, Pair>> {
    columns! { pair: Pair;
        "A" = pair.a.clone(), "One space.";
        "B" = pair.b.clone(), "The other.";
        "inside both" = pair.both_inside.to_string(), "Queries inside both.";
        "only A" = pair.only_a_inside.to_string(), "Queries inside A alone.";
        "only B" = pair.only_b_inside.to_string(), "Queries inside B alone.";
        "neither" = pair.neither_inside.to_string(), "Queries inside none of them.";
        "undecided" = pair.undecided.to_string(), "Queries that are undecided in one of them.";
        "p" = words::probability(pair.p_value), "McNemar's exact test, two-sided.";
        "p, Holm" = words::probability(pair.p_holm), "The same, corrected for all pairs.";
    }
}
