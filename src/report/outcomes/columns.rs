//! The columns of the files of outcomes; the files and `--help-columns` use these lists.
//!
//! `outcomes.parquet` has one row per space and notion, `outcome_pairs.parquet` one per pair of notions of a space, and
//! `outcome_deciles.parquet` one per space, notion and decile. A number that does not exist is null; `missing` says why.

use crate::report::columns::{self, TableColumn, columns, nullable};
use crate::study::outcomes::{Comparison, Decile, Measured, Missing, NotionOutcomes, Outcomes};

type List<R> = Vec<TableColumn<'static, R>>;

/// One end of an interval; `None` if the interval is missing.
fn end(interval: &Measured<[f64; 2]>, end: usize) -> Option<f64> {
    interval.value().map(|ends| ends[end])
}

/// Columns of `outcomes.parquet`. If two query sets are compared, the queries of the second count as errors.
pub fn notions() -> List<NotionOutcomes> {
    nullable(columns! { row: NotionOutcomes;
        "space" = row.space.clone(), "The space, as typed.";
        "notion" = row.notion.clone(), "The notion's id.";
        "sampled" = row.sampled,
            "Whether the notion judged a sample of the queries: then all columns are of the sample.";
        "queries" = row.queries, "Queries with a known outcome and score.";
        "unknown" = row.unknown, "Queries that the notion judged, but whose outcome or score is unknown.";
        "undecided" = row.undecided, "Queries with a known outcome that the notion calls neither inside nor outside.";
        "inside_queries" = row.inside.value().map(|found| found.queries), "Queries inside, of known outcome.";
        "inside_rate" = row.inside.value().map(|r| r.mean), "Their error rate (share) or mean loss.";
        "inside_low" = row.inside.value().and_then(|r| end(&r.interval95, 0)),
            "Lower end of its 95 % interval (Wilson's; of losses the normal one).";
        "inside_high" = row.inside.value().and_then(|r| end(&r.interval95, 1)), "Upper end.";
        "outside_queries" = row.outside.value().map(|found| found.queries), "Queries outside, of known outcome.";
        "outside_rate" = row.outside.value().map(|r| r.mean), "Their error rate (share) or mean loss.";
        "outside_low" = row.outside.value().and_then(|r| end(&r.interval95, 0)), "Lower end of its 95 % interval.";
        "outside_high" = row.outside.value().and_then(|r| end(&r.interval95, 1)), "Upper end.";
        "fisher_p" = row.fisher_p.value().copied(),
            "Fisher's exact test, two-sided, that the two error rates are equal.";
        "auroc" = row.auroc.value().map(|a| a.value),
            "Area under the ROC curve of the score for errors; ties half, 0.5 is chance.";
        "auroc_low" = row.auroc.value().and_then(|a| end(&a.interval95, 0)), "Lower end of DeLong's 95 % interval.";
        "auroc_high" = row.auroc.value().and_then(|a| end(&a.interval95, 1)), "Upper end.";
        "average_precision" = row.precision.value().map(|p| p.average),
            "Average precision: sum of recall steps times precision.";
        "chance_precision" = row.precision.value().map(|p| p.chance),
            "The average precision of chance: the share of errors.";
        "fpr95" = row.precision.value().map(|p| p.fpr95),
            "Share of other queries above the threshold that flags 95 % of the errors.";
        "aurc" = row.aurc.value().map(|a| a.aurc),
            "Area under risk against coverage, the least extrapolated accepted first.";
        "excess_aurc" = row.aurc.value().map(|a| a.excess), "That area minus the area of the best possible order.";
        "spearman" = row.spearman.value().map(|s| s.rho), "Rank correlation of score and loss.";
        "spearman_low" = row.spearman.value().and_then(|s| end(&s.interval95, 0)), "Lower end of its 95 % interval.";
        "spearman_high" = row.spearman.value().and_then(|s| end(&s.interval95, 1)), "Upper end.";
        "within_auroc" = row.within_classes.value().map(|w| w.auroc),
            "Area under the ROC curve over pairs of queries of the same class.";
        "within_low" = row.within_classes.value().and_then(|w| end(&w.interval95, 0)),
            "Lower end of its 95 % interval.";
        "within_high" = row.within_classes.value().and_then(|w| end(&w.interval95, 1)), "Upper end.";
        "adds_chi_square" = row.adds.value().map(|a| a.chi_square),
            "Likelihood-ratio statistic of logistic regression on nearest distance and score, against nearest distance alone.";
        "adds_p" = row.adds.value().map(|a| a.p_value),
            "The p-value of that test: small where the score adds to the nearest distance.";
        "adds_log_odds" = row.adds.value().map(|a| a.log_odds),
            "Change of an error's log odds by one standard deviation of the score, the nearest distance held constant.";
        "missing" = row.strength().err().map(Missing::words),
            "Why there is no area (of losses, no rank correlation), in a few words.";
    })
}

/// Columns of `outcome_pairs.parquet`: DeLong's paired test between two notions of a space.
pub fn pairs() -> List<Comparison> {
    nullable(columns! { row: Comparison;
        "space" = row.space.clone(), "The space, as typed.";
        "a" = row.a.clone(), "One notion's id.";
        "b" = row.b.clone(), "The other's.";
        "queries" = row.queries, "Queries with a known outcome and both scores.";
        "auroc_a" = row.found.value().map(|d| d.auroc_a), "Area under the ROC curve of a over these queries.";
        "auroc_b" = row.found.value().map(|d| d.auroc_b), "The same of b.";
        "difference" = row.found.value().map(|d| d.difference), "Their difference.";
        "low" = row.found.value().map(|d| d.interval95[0]), "Lower end of DeLong's 95 % interval of the difference.";
        "high" = row.found.value().map(|d| d.interval95[1]), "Upper end.";
        "p_value" = row.found.value().map(|d| d.p_value), "DeLong's test that the areas are equal, two-sided.";
        "p_holm" = row.found.value().map(|d| d.p_holm),
            "The same, corrected by Holm for all pairs of notions of all spaces.";
        "missing" = row.found.missing().map(Missing::words), "Why there is no difference, in a few words.";
    })
}

/// Columns of `outcome_deciles.parquet`, whose rows are [`all_deciles`].
pub fn deciles<'o>() -> Vec<TableColumn<'o, (&'o NotionOutcomes, &'o Decile)>> {
    nullable(columns! { row: (&'o NotionOutcomes, &'o Decile);
        "space" = row.0.space.clone(), "The space, as typed.";
        "notion" = row.0.notion.clone(), "The notion's id.";
        "decile" = u64::from(row.1.decile),
            "From 1, the least extrapolated, to 10; queries with equal scores share one.";
        "score_low" = row.1.scores[0], "The least score in it.";
        "score_high" = row.1.scores[1], "The largest.";
        "queries" = row.1.risk.queries, "Queries in it.";
        "rate" = row.1.risk.mean, "Their error rate (share) or mean loss.";
        "low" = end(&row.1.risk.interval95, 0), "Lower end of its 95 % interval.";
        "high" = end(&row.1.risk.interval95, 1), "Upper end.";
    })
}

/// All deciles, each with its notion.
pub fn all_deciles(outcomes: &Outcomes) -> Vec<(&NotionOutcomes, &Decile)> {
    let notions = outcomes.notions.iter();
    notions
        .flat_map(|notion| notion.deciles.iter().map(move |decile| (notion, decile)))
        .collect()
}

/// A line for every column of the three files.
pub fn help() -> String {
    columns::help("outcomes.parquet", &notions())
        + &columns::help("outcome_pairs.parquet", &pairs())
        + &columns::help("outcome_deciles.parquet", &deciles())
}
