//! The numbers against scikit-learn and scipy, and what must not change a number.

use super::*;
use crate::study::rate::wilson95;
use proptest::prelude::*;

/// scikit-learn 1.9.1, scipy 1.17.1 and numpy 2.4.6, by `benches/peers/outcomes.py`, whose first lines say how to run it.
const PEERS: &[(&str, f64)] = &[
    ("auroc a", 0.5967276044240052),
    ("error a", 0.03352560900428108),
    ("average precision a", 0.2506461723010613),
    ("fpr95 a", 0.8675078864353313),
    ("spearman a", 0.49334710604893406),
    ("within a", 0.6021175387448212),
    ("within error a", 0.03331612231758384),
    ("auroc b", 0.5848124358633271),
    ("error b", 0.034316672169149624),
    ("average precision b", 0.2625286909722088),
    ("fpr95 b", 0.9148264984227129),
    ("spearman b", -0.08991749948437176),
    ("within b", 0.5886143931256713),
    ("within error b", 0.03444182091476118),
    ("delong p", 0.7973199243756255),
    ("fisher p", 0.025397635413786424),
    ("wilson low", 0.19740284404356356),
    ("wilson high", 0.3111779140540043),
    ("aurc b", 0.1629823628670266),
    ("excess b", 0.13952923009448903),
    ("chi square", 6.964058137093787),
    ("adds p", 0.008316319748032359),
    ("log odds", 0.33432774446800423),
    ("mean loss", 2.1864923194323214),
    ("mean loss low", 2.010998434900441),
];

fn peer(name: &str) -> f64 {
    let found = PEERS.iter().find(|peer| peer.0 == name);
    found.unwrap_or_else(|| panic!("{name}")).1
}

fn check(name: &str, found: f64) {
    let expected = peer(name);
    let error = (found - expected).abs() / expected.abs();
    assert!(error < 1e-9, "{name}: {found} for {expected}");
}

/// The generator of the script.
fn uniform(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    (0..count).map(|_| next()).collect()
}

/// Its data: two scores, errors, losses, classes.
struct Data {
    scores: Vec<Scores>,
    wrong: Vec<Option<bool>>,
    loss: Vec<f64>,
    classes: Vec<Option<u32>>,
}

fn data() -> Data {
    let n = 400;
    let a: Vec<f64> = uniform(n, 1)
        .iter()
        .map(|u| (40.0 * u).floor() / 8.0)
        .collect();
    let b = uniform(n, 2);
    let chance = |q: usize| 0.05 + 0.04 * a[q] + 0.2 * b[q];
    let wrong = uniform(n, 3)
        .iter()
        .enumerate()
        .map(|(q, u)| Some(*u < chance(q)))
        .collect();
    let loss = uniform(n, 4)
        .iter()
        .enumerate()
        .map(|(q, u)| (1.0 + a[q]) * u)
        .collect();
    let outside: Vec<Option<bool>> = a.iter().map(|a| Some(*a > 2.0)).collect();
    let of = |notion: &str, score: &[f64]| Scores {
        space: "pixels".into(),
        notion: notion.into(),
        outside: outside.clone(),
        score: score.to_vec(),
        sample: None,
    };
    Data {
        scores: vec![of("a", &a), of("b", &b)],
        wrong,
        loss,
        classes: (0..n as u32).map(|q| Some(q % 4)).collect(),
    }
}

/// Three scores have three pairs; a pair that cannot be tested is no test to correct for.
#[test]
fn paired_tests_are_corrected_for_their_number() {
    let data = data();
    let mut scores = data.scores;
    let mut third = scores[1].clone();
    third.notion = "c".into();
    let each = third.score.iter_mut().enumerate();
    each.for_each(|(query, score)| *score = (query * 37 % 101) as f64);
    let mut constant = third.clone();
    constant.score.fill(1.0);
    scores.extend([third, constant]);
    let found = measure(&scores, &Outcome::Wrong(data.wrong), None, "a").unwrap();
    let tests: Vec<&Difference> = found
        .comparisons
        .iter()
        .filter_map(|pair| pair.found.value())
        .collect();
    let alone: Vec<f64> = tests.iter().map(|test| test.p_value).collect();
    let corrected: Vec<f64> = tests.iter().map(|test| test.p_holm).collect();
    assert_eq!((found.comparisons.len(), tests.len()), (6, 3));
    assert_eq!(corrected, holm(&alone));
    assert!(corrected != alone);
}

#[test]
fn errors_as_by_scikit_learn_and_scipy() {
    let data = data();
    let outcome = Outcome::Wrong(data.wrong);
    let found = measure(&data.scores, &outcome, Some(&data.classes), "a").unwrap();
    for notion in &found.notions {
        let name = |what: &str| format!("{what} {}", notion.notion);
        let area = notion.auroc.value().unwrap();
        check(&name("auroc"), area.value);
        check(&name("error"), *area.standard_error.value().unwrap());
        let [low, high] = *area.interval95.value().unwrap();
        assert!((low + high - 2.0 * area.value).abs() < 1e-12 && low < area.value);
        let precision = notion.precision.value().unwrap();
        check(&name("average precision"), precision.average);
        check(&name("fpr95"), precision.fpr95);
        let within = notion.within_classes.value().unwrap();
        check(&name("within"), within.auroc);
        let [low, high] = *within.interval95.value().unwrap();
        check(&name("within error"), (high - low) / 2.0 / normal::Z95);
    }
    let (a, b) = (&found.notions[0], &found.notions[1]);
    check("fisher p", *a.fisher_p.value().unwrap());
    let [low, high] = *a.outside.value().unwrap().interval95.value().unwrap();
    check("wilson low", low);
    check("wilson high", high);
    let risk = b.aurc.value().unwrap();
    check("aurc b", risk.aurc);
    check("excess b", risk.excess);
    let adds = b.adds.value().unwrap();
    check("chi square", adds.chi_square);
    check("adds p", adds.p_value);
    check("log odds", adds.log_odds);
    assert_eq!(a.adds, Measured::Missing(Missing::SameScore));
    let pair = found.comparisons[0].found.value().unwrap();
    check("delong p", pair.p_value);
    assert_eq!(
        (found.comparisons.len(), found.comparisons[0].queries),
        (1, 400)
    );
}

#[test]
fn losses_as_by_scipy() {
    let data = data();
    let found = measure(&data.scores, &Outcome::Loss(data.loss), None, "a").unwrap();
    for notion in &found.notions {
        let rho = notion.spearman.value().unwrap().rho;
        check(&format!("spearman {}", notion.notion), rho);
        let other = Some(Missing::NotOfThisOutcome);
        assert_eq!(
            [notion.auroc.missing(), notion.fisher_p.missing()],
            [other; 2]
        );
        assert!(notion.aurc.value().is_some() && notion.roc.is_empty());
    }
    let outside = found.notions[0].outside.value().unwrap();
    check("mean loss", outside.mean);
    check("mean loss low", outside.interval95.value().unwrap()[0]);
}

/// Every degenerate case has a name; nothing is NaN.
#[test]
fn nothing_is_ever_nan() {
    let of = |score: Vec<f64>, outside: Vec<Option<bool>>| Scores {
        space: "s".into(),
        notion: "n".into(),
        outside,
        score,
        sample: None,
    };
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    let cases = [
        of(vec![], vec![]),
        of(vec![1.0], vec![None]),
        of(vec![nan, nan], vec![Some(true); 2]),
        of(vec![1.0, 1.0], vec![Some(false); 2]),
        of(vec![inf, -inf, 0.0], vec![Some(true), Some(false), None]),
        of(vec![nan, 1e308, -1e308, 0.0, -0.0], vec![Some(true); 5]),
    ];
    for scores in cases {
        let n = scores.score.len();
        let some = |pick: fn(usize) -> Option<bool>| (0..n).map(pick).collect::<Vec<_>>();
        let outcomes = [
            Outcome::Wrong(vec![None; n]),
            Outcome::Wrong(vec![Some(true); n]),
            Outcome::Wrong(some(|q| Some(q % 2 == 0))),
            Outcome::Wrong(some(|q| Some(q % 2 == 1))),
            Outcome::Loss(vec![nan; n]),
            Outcome::Loss(vec![0.5; n]),
            Outcome::Loss((0..n).map(|q| q as f64).collect()),
        ];
        let twice = [
            scores.clone(),
            Scores {
                notion: "m".into(),
                ..scores
            },
        ];
        for outcome in outcomes {
            let classes = vec![Some(1); n];
            let found = measure(&twice, &outcome, Some(&classes), "m").unwrap();
            // JSON has no NaN: it would be null.
            let text = serde_json::to_string(&found).unwrap();
            assert!(!text.contains("null"), "{twice:?} {outcome:?}: {text}");
            assert_eq!(serde_json::from_str::<Outcomes>(&text).unwrap(), found);
        }
    }
}

#[test]
fn a_constant_notion_says_so() {
    let mut data = data();
    data.scores[0].score.fill(3.0);
    let found = measure(&data.scores, &Outcome::Wrong(data.wrong), None, "b").unwrap();
    let constant = &found.notions[0];
    let why = Some(Missing::Constant);
    assert_eq!(
        [
            constant.auroc.missing(),
            constant.aurc.missing(),
            constant.adds.missing()
        ],
        [why; 3]
    );
    assert_eq!(found.comparisons[0].found.missing(), why);
    assert!(constant.deciles.is_empty() && constant.inside.value().is_some());
    assert_eq!(constant.within_classes.missing(), why);
}

/// What is not known of a query takes it from the numbers that need it, and from no others.
#[test]
fn unknown_queries_are_left_out() {
    let mut data = data();
    let whole = measure(&data.scores, &Outcome::Wrong(data.wrong.clone()), None, "b").unwrap();
    for q in 0..50 {
        data.scores[0].outside[q] = None;
        data.scores[1].score[q] = f64::NAN;
    }
    data.wrong[399] = None;
    let found = measure(&data.scores, &Outcome::Wrong(data.wrong.clone()), None, "b").unwrap();
    let (a, b) = (&found.notions[0], &found.notions[1]);
    assert_eq!((a.queries, a.unknown, a.undecided), (399, 1, 50));
    assert_eq!((b.queries, b.unknown, b.undecided), (349, 51, 0));
    assert_eq!(found.comparisons[0].queries, 349);
    assert_ne!(found.notions[1].auroc, whole.notions[1].auroc);
    let cut: Vec<Scores> = data
        .scores
        .iter()
        .map(|scores| Scores {
            outside: scores.outside[50..399].to_vec(),
            score: scores.score[50..399].to_vec(),
            ..scores.clone()
        })
        .collect();
    let cut = measure(
        &cut,
        &Outcome::Wrong(data.wrong[50..399].to_vec()),
        None,
        "b",
    )
    .unwrap();
    assert_eq!(
        (&cut.comparisons[0].found, &cut.notions[1].auroc),
        (&found.comparisons[0].found, &b.auroc)
    );
    assert_eq!(cut.notions[0].adds, a.adds);
}

/// Every number of a notion that judged a sample is what it would be if there were no other queries, though sides are known of
/// all: files of earlier versions hold them.
#[test]
fn a_sample_is_all_that_its_notion_is_measured_by() {
    let data = data();
    let drawn: Vec<usize> = (0..data.wrong.len()).filter(|q| q % 3 == 1).collect();
    let part = |scores: &Scores| Scores {
        outside: drawn.iter().map(|&q| scores.outside[q]).collect(),
        score: drawn.iter().map(|&q| scores.score[q]).collect(),
        ..scores.clone()
    };
    let few: Vec<Scores> = data.scores.iter().map(part).collect();
    let sampled = |scores: &Scores| {
        let judged = |q: &usize| drawn.binary_search(q).is_ok();
        let judged: Vec<bool> = (0..scores.score.len()).map(|q| judged(&q)).collect();
        let known = scores.score.iter().zip(&judged);
        Scores {
            score: known.map(|(&s, &j)| if j { s } else { f64::NAN }).collect(),
            sample: Some(judged),
            ..scores.clone()
        }
    };
    let sample: Vec<Scores> = data.scores.iter().map(sampled).collect();
    let some =
        |all: &[Option<bool>]| -> Vec<Option<bool>> { drawn.iter().map(|&q| all[q]).collect() };
    let own: Vec<Option<u32>> = drawn.iter().map(|&q| data.classes[q]).collect();
    let expected = measure(&few, &Outcome::Wrong(some(&data.wrong)), Some(&own), "a").unwrap();
    let outcome = Outcome::Wrong(data.wrong.clone());
    let found = measure(&sample, &outcome, Some(&data.classes), "a").unwrap();
    for (found, expected) in found.notions.iter().zip(&expected.notions) {
        assert!(found.sampled && found.inside.value().is_some() && found.auroc.value().is_some());
        let expected = NotionOutcomes {
            sampled: true,
            ..expected.clone()
        };
        assert_eq!(*found, expected);
    }
    assert_eq!(found.comparisons, expected.comparisons);
    assert_eq!(found.all.value().unwrap().queries, data.wrong.len() as u64);
}

#[test]
fn lists_of_other_lengths_are_refused() {
    let mut data = data();
    data.scores[1].score.pop();
    let error = measure(&data.scores, &Outcome::Wrong(data.wrong), None, "b").unwrap_err();
    assert!(
        error
            .to_string()
            .contains("b: there are 399 values for 400 outcomes"),
        "{error}"
    );
}

#[test]
fn two_sets_are_told_apart() {
    let names = ["test".to_string(), "ood".to_string()];
    let data = data();
    let second = (0..400).map(|q| Some(q >= 300)).collect();
    let outcome = Outcome::Sets {
        names: names.clone(),
        second,
    };
    let scores: Vec<Scores> = data
        .scores
        .iter()
        .map(|scores| Scores {
            score: (0..400)
                .map(|q| scores.score[q] + if q >= 300 { 4.0 } else { 0.0 })
                .collect(),
            ..scores.clone()
        })
        .collect();
    let found = measure(&scores, &outcome, None, "b").unwrap();
    assert_eq!(found.kind, OutcomeKind::Sets(names));
    assert_eq!(found.all.value().unwrap().mean, 0.25);
    // The second score, below 1, is above 4 for the second set: all are told apart.
    let apart = &found.notions[1];
    assert_eq!(apart.auroc.value().unwrap().value, 1.0);
    assert_eq!(apart.precision.value().unwrap().fpr95, 0.0);
    assert_eq!(apart.aurc.missing(), Some(Missing::NotOfThisOutcome));
    assert_eq!(found.notions[0].adds.missing(), Some(Missing::Separated));
    assert_eq!(
        wilson95(100, 400),
        *found.all.value().unwrap().interval95.value().unwrap()
    );
}

/// The two results, with every number near instead of equal: sums in another order differ in their last digits.
fn near(a: &serde_json::Value, b: &serde_json::Value) -> bool {
    use serde_json::Value;
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= 1e-7 * a.abs().max(1e-3)
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| near(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, value)| b.get(key).is_some_and(|other| near(value, other)))
        }
        (a, b) => a == b,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Scores with many ties, in any order of the queries.
    #[test]
    fn the_order_of_the_queries_does_not_matter(seed in any::<u64>(), loss in any::<bool>()) {
        let mut data = data();
        for scores in &mut data.scores {
            scores.score.truncate(60);
            scores.outside.truncate(60);
            scores.score.iter_mut().for_each(|score| *score = (4.0 * *score).floor());
        }
        let mut order: Vec<usize> = (0..60).collect();
        let keys = uniform(60, seed);
        order.sort_by(|&a, &b| keys[a].total_cmp(&keys[b]));
        let of = |order: &[usize]| {
            let scores: Vec<Scores> = data.scores.iter().map(|scores| Scores {
                outside: order.iter().map(|&q| scores.outside[q]).collect(),
                score: order.iter().map(|&q| scores.score[q]).collect(),
                ..scores.clone()
            }).collect();
            let outcome = match loss {
                true => Outcome::Loss(order.iter().map(|&q| data.loss[q]).collect()),
                false => Outcome::Wrong(order.iter().map(|&q| data.wrong[q]).collect()),
            };
            let classes: Vec<Option<u32>> = order.iter().map(|&q| data.classes[q]).collect();
            serde_json::to_value(measure(&scores, &outcome, Some(&classes), "b").unwrap()).unwrap()
        };
        let (straight, other) = (of(&(0..60).collect::<Vec<_>>()), of(&order));
        prop_assert!(near(&straight, &other), "{straight} {other}");
    }
}
