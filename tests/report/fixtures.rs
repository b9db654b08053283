//! Reports and outcomes that the tests of this folder show.

use hullscope::study::compare::{LabelReport, Pair, Pick, Picks, Rate, Report, SpaceReport};
use hullscope::study::outcomes::{Outcome, Outcomes, Scores, measure};
use hullscope::study::rate::quantiles;
use hullscope::study::summary::NotionSummary;

pub fn rate(notion: &str, queries: u64, outside: u64) -> Rate {
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

pub fn space(name: &str, rank: u64, outside: u64) -> SpaceReport {
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
pub fn report(labels: bool) -> Report {
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

/// Outcomes of two spaces with three notions: one predicts errors, one does not, one is constant.
pub fn outcomes(loss: bool) -> Outcomes {
    let of = |space: &str, notion: &str, score: fn(usize) -> f64| {
        let score: Vec<f64> = (0..200).map(score).collect();
        Scores {
            space: space.into(),
            notion: notion.into(),
            outside: score.iter().map(|score| Some(*score > 120.0)).collect(),
            score,
            sample: None,
        }
    };
    let notions = |space: &str| {
        [
            of(space, "hull", |query| ((query * 37) % 200) as f64),
            of(space, "nearest", |query| query as f64),
            of(space, "range", |_| 1.0),
        ]
    };
    let scores: Vec<Scores> = ["pixels", "pca:<8>"]
        .iter()
        .flat_map(|space| notions(space))
        .collect();
    let wrong = |query: usize| query.is_multiple_of(3) && query > 60 || query.is_multiple_of(20);
    let outcome = match loss {
        true => Outcome::Loss((0..200).map(|query| (query * query % 91) as f64).collect()),
        false => Outcome::Wrong((0..200).map(|query| Some(wrong(query))).collect()),
    };
    let classes: Vec<Option<u32>> = (0..200).map(|query| Some(query % 2)).collect();
    measure(&scores, &outcome, Some(&classes), "nearest").unwrap()
}

/// Checks that every tag of a page is closed in order; returns the names of all tags.
pub fn tags(page: &str) -> Vec<String> {
    const ALONE: [&str; 5] = ["meta", "img", "wbr", "br", "!doctype"];
    let (mut open, mut all): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for part in page.split('<').skip(1) {
        let (tag, _) = part.split_once('>').unwrap_or_else(|| panic!("<{part}"));
        let name = tag.split_whitespace().next().unwrap().to_lowercase();
        if let Some(closed) = name.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(closed), "</{tag}>");
        } else {
            all.push(name.clone());
            if !tag.ends_with('/') && !ALONE.contains(&&*name) {
                open.push(name);
            }
        }
    }
    assert!(open.is_empty(), "{open:?}");
    all
}

/// A grey picture as PNG.
pub fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let picture = image::GrayImage::new(width, height);
    picture
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}
