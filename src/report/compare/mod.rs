//! A comparison of spaces as Parquet, as JSON, as a table for a terminal, as figures and as a page.
//!
//! All of them show the same [`Report`]: rates of queries *outside*, in text in percent. Each measured rate is shown with
//! that of Gaussian rows of the same number and rank, and with the rank at which the two are equal: without these a
//! comparison of rates misleads.

mod figures;
mod files;
mod names;
mod page;
mod reading;
mod table;
pub(super) mod words;

pub use figures::{dot, figures};
pub use files::{help, write_labels, write_rates};
pub use names::shortened;
pub use page::{Made, page, write_page};
pub use table::table;
pub use words::{grouped, number};

use crate::study::compare::Report;
use serde_json::{Value, json};

/// The report as JSON, without the verdict of each query and the queries of the contact sheets. Field names are part of the
/// interface.
pub fn json(command: &str, settings: &Value, report: &Report) -> Value {
    let mut spaces = json!(report.spaces);
    for space in spaces.as_array_mut().into_iter().flatten() {
        if let Some(space) = space.as_object_mut() {
            space.remove("verdicts");
            space.remove("picks");
        }
    }
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "command": command,
        "settings": settings,
        "spaces": spaces,
        "pairs": report.pairs,
        "outcomes": report.outcomes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::compare::{LabelReport, Pair, Pick, Picks, Rate, SpaceReport};
    use crate::study::rate::quantiles;
    use crate::study::summary::NotionSummary;

    pub(super) fn rate(notion: &str, queries: u64, outside: u64) -> Rate {
        Rate::new(notion, queries, outside, 0)
    }

    fn notion(id: &str, queries: u64, outside: u64) -> NotionSummary {
        NotionSummary {
            rate: rate(id, queries, outside),
            outside_means: format!("outside the {id}"),
            score_means: "distance".into(),
            score: None,
            leave_one_out: Some(rate(id, 500, outside / 4)),
            facts: Vec::new(),
        }
    }

    fn pick(query: u64, verdict: &str) -> Pick {
        let inside = verdict == "inside";
        Pick {
            query,
            verdict: verdict.into(),
            distance_ratio: if inside { 0.0 } else { 1.5 },
            nearest: query + 1,
            nearest_ratio: 0.5,
            support: if inside {
                vec![(0, 0.75), (1, 0.25)]
            } else {
                Vec::new()
            },
            seen: None,
            mean: None,
        }
    }

    pub(super) fn space(name: &str, rank: u64, outside: u64) -> SpaceReport {
        SpaceReport {
            space: name.into(),
            d: 784,
            rank: Some(rank),
            two_nn: Some(7.5),
            mle: None,
            n_reference: 6000,
            n_queries: 1000,
            notions: vec![
                notion("hull", 1000, outside),
                notion("range", 1000, outside / 2),
                notion("ball", 1000, 60),
            ],
            scores: Default::default(),
            sets: Vec::new(),
            null_rate: Some(0.625),
            d_eff: Some(17.25).filter(|_| outside < 1000),
            d_eff_interval: [Some(16.5), Some(18.5).filter(|_| outside < 1000)],
            distance_ratio: quantiles(&mut [0.0, 0.25, 0.5, 0.75, 1.0]),
            median_nearest: Some(2.0),
            scans_per_query: 1.234,
            seconds: 3.5,
            repeated_rows: 0,
            sphere: None,
            verdicts: "io".into(),
            labels: Vec::new(),
            picks: Picks {
                without_unit: false,
                margins: false,
                interpolated: vec![pick(3, "inside")],
                extrapolated: vec![pick(4, "outside")],
            },
            warnings: vec!["rows repeat".into()],
        }
    }

    /// A report of two spaces: the name of one holds characters that HTML escapes, the other has no query inside.
    pub(super) fn report(labels: bool) -> Report {
        let mut spaces = vec![
            space("dims:16,seed=<b>&\"", 16, 300),
            space("pixels", 700, 1000),
        ];
        if labels {
            for space in &mut spaces {
                space.labels = ["Bag", "Coat"]
                    .map(|label| LabelReport {
                        label: label.into(),
                        n_reference: 600,
                        n_queries: 100,
                        rates: vec![
                            rate("hull", 100, 40),
                            rate("range", 100, 20),
                            rate("ball", 100, 6),
                        ],
                        own_class: Some(rate("hull", 100, 75)).filter(|_| label == "Bag"),
                    })
                    .to_vec();
            }
        }
        let pairs = vec![Pair {
            a: spaces[0].space.clone(),
            b: spaces[1].space.clone(),
            both_inside: 0,
            only_a_inside: 700,
            only_b_inside: 0,
            neither_inside: 298,
            undecided: 2,
            p_value: 3.8e-211,
            p_holm: 3.8e-211,
        }];
        Report {
            spaces,
            pairs,
            outcomes: Vec::new(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn json_has_numbers_and_not_every_verdict() {
        let found = json("hullscope compare", &json!({"seed": 7}), &report(true));
        assert_eq!(found["settings"]["seed"], 7);
        let space = &found["spaces"][1];
        assert_eq!(space["space"], "pixels");
        assert_eq!(space["notions"][0]["outside"], 1000);
        assert_eq!(space["d_eff"], Value::Null);
        assert_eq!(space["d_eff_interval"][0], 16.5);
        assert_eq!(space["labels"][0]["own_class"]["rate"], 0.75);
        assert!(space.get("verdicts").is_none() && space.get("picks").is_none());
        assert_eq!(found["pairs"][0]["only_a_inside"], 700);
    }
}
