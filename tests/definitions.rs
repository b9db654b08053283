//! Definitions of "inside": known exact values, inclusions between definitions, leave-one-out against references
//! without the row, and reordered rows.

use crate::common::{Kept, gaussian, lp, rows};
use hullscope::control::Control;
use hullscope::hull::gauge::{Gauge, Ray};
use hullscope::hull::{Settings, Solver, Verdict};
use hullscope::notion::registry::Wanted;
use hullscope::notion::{Classes, Judgement, Value};
use hullscope::rows::{Memory, Rows};
use hullscope::scan::{CpuEngine, Engine};
use hullscope::study::Record;
use hullscope::study::analyze::{AnalysisPlan, Sets, run_sets};
use hullscope::study::summary::Summary;

/// The judgements of some notions about queries.
pub(crate) struct Found {
    ids: Vec<String>,
    records: Vec<Record>,
    summary: Summary,
}

impl Found {
    pub(crate) fn of(&self, id: &str) -> Vec<&Judgement> {
        let place = self.ids.iter().position(|known| known == id);
        let place = place.unwrap_or_else(|| panic!("{id} is not in {:?}", self.ids));
        let each = self.records.iter();
        each.map(|record| &record.judgements[place]).collect()
    }

    fn outside(&self, id: &str) -> Vec<Option<bool>> {
        self.of(id).iter().map(|found| found.outside).collect()
    }

    fn scores(&self, id: &str) -> Vec<f64> {
        self.of(id).iter().map(|found| found.score).collect()
    }
}

/// A plan for some notions.
pub(crate) fn plan(notions: &str) -> AnalysisPlan {
    AnalysisPlan {
        notions: Wanted(vec![notions.into()]),
        gap: Some(0.01),
        ..AnalysisPlan::default()
    }
}

pub(crate) fn asked(
    plan: &AnalysisPlan,
    reference: &dyn Rows,
    queries: &dyn Rows,
    classes: Option<&Classes>,
) -> Found {
    let made = plan.made(classes).unwrap();
    let sets = Sets {
        reference,
        queries,
        classes,
        layers: &[],
        warnings: &[],
        memory: u64::MAX,
    };
    let mut kept = Kept::default();
    let engine = CpuEngine;
    let summary = run_sets(plan, &engine, &sets, &mut kept, &Control::default()).unwrap();
    Found {
        ids: made.iter().map(|notion| notion.id()).collect(),
        records: kept.0,
        summary,
    }
}

/// Compares leave-one-out judgements about the rows of a reference, counted, with judgements against references without
/// each row.
fn left_out_as_refitted(notions: &str, d: usize, values: &[f64], classes: Option<&[u32]>) {
    let n = values.len() / d;
    let named = |of: &[u32], query: u32| Classes {
        reference: of.to_vec(),
        queries: vec![query],
        ..Classes::default()
    };
    let reference = rows(d, values);
    let all = AnalysisPlan {
        leave_one_out: n,
        ..plan(notions)
    };
    let known = classes.map(|classes| named(classes, classes[0]));
    let found = asked(&all, &reference, &rows(d, &values[..d]), known.as_ref());
    let mut counts = vec![[0, 0]; found.ids.len()];
    for row in 0..n {
        let others = [&values[..row * d], &values[(row + 1) * d..]].concat();
        let known = classes.map(|all| named(&[&all[..row], &all[row + 1..]].concat(), all[row]));
        let query = rows(d, &values[row * d..(row + 1) * d]);
        let one = asked(&plan(notions), &rows(d, &others), &query, known.as_ref());
        for (count, judgement) in counts.iter_mut().zip(&one.records[0].judgements) {
            count[0] += u64::from(judgement.outside == Some(true));
            count[1] += u64::from(judgement.outside.is_none());
        }
    }
    for ((id, count), notion) in found.ids.iter().zip(counts).zip(&found.summary.notions) {
        let rate = notion.leave_one_out.as_ref().unwrap();
        assert_eq!([rate.outside, rate.undecided], count, "{id}");
        assert!(
            0 < rate.outside && rate.outside < n as u64,
            "{id}: {rate:?}"
        );
    }
}

/// A reference of small integers, so that rows repeat and lie on faces.
fn lattice(count: usize, d: usize, seed: u64) -> Vec<f64> {
    let numbers = gaussian(count * d, seed);
    numbers.iter().map(|v| (1.2 * v).round()).collect()
}

/// The hulls of a class and of the nearest rows are subsets of the hull; with all rows the local hull equals the hull.
#[test]
fn hulls_of_fewer_rows_are_inside_the_hull() {
    let (n, d) = (300, 4);
    for seed in 0..3 {
        let reference = rows(d, &gaussian(n * d, 2 * seed + 1));
        let queries = rows(d, &gaussian(200 * d, 2 * seed + 2));
        let classes = Classes {
            reference: (0..n as u32).map(|row| row % 2).collect(),
            queries: (0..200).map(|query| query % 3 % 2).collect(),
            predicted: (0..200)
                .map(|query| Some(query % 2).filter(|_| query > 4))
                .collect(),
            ..Classes::default()
        };
        let plan = plan("hull,class,local:8,40,300,local:min");
        let found = asked(&plan, &reference, &queries, Some(&classes));
        let hull = found.outside("hull");
        for id in [
            "class_own",
            "class_predicted",
            "local_8",
            "local_40",
            "local_min",
        ] {
            let parts = found.outside(id);
            let mut seen = [0, 0];
            for (part, whole) in parts.iter().zip(&hull) {
                assert!(*part != Some(false) || *whole == Some(false), "{id}");
                seen[usize::from(*part == Some(true))] += 1;
            }
            assert!(
                id == "local_8" || seen.iter().all(|&count| count > 5),
                "{id}: {seen:?}"
            );
        }
        assert_eq!(found.outside("local_300"), hull);
        assert!(
            found.outside("class_predicted")[..5]
                .iter()
                .all(Option::is_none)
        );
        for (local, hull) in found.scores("local_300").iter().zip(found.scores("hull")) {
            assert!((local - hull).abs() <= 0.011 * local, "{local}, {hull}");
        }
    }
}

/// The smallest number of rows is the first size at which the local hull contains the query.
#[test]
fn the_smallest_local_hull_is_the_first_that_holds_the_query() {
    let d = 3;
    let (reference, queries) = (rows(d, &lattice(200, d, 5)), rows(d, &lattice(80, d, 6)));
    let found = asked(
        &plan("local:2,4,8,16,32,64,128,256,512,local:min"),
        &reference,
        &queries,
        None,
    );
    let mut sizes = std::collections::BTreeSet::new();
    for (query, smallest) in found.of("local_min").iter().enumerate() {
        let inside = |k: &u32| found.of(&format!("local_{k}"))[query].outside == Some(false);
        let first = [2u32, 4, 8, 16, 32, 64, 128, 256, 512]
            .into_iter()
            .find(inside);
        let expected = first.map_or(Value::Null, |k| Value::Count(u64::from(k)));
        assert_eq!(smallest.more, [expected]);
        assert_eq!(smallest.score, f64::from(first.unwrap_or(1024)));
        sizes.insert(first);
    }
    assert!(sizes.len() > 3, "{sizes:?}");
}

#[test]
fn rows_left_out_are_judged_as_by_references_fitted_without_them() {
    let d = 2;
    // With positive first coordinates, so that the cone is not the whole space.
    let mut values = [lattice(30, d, 3), gaussian(30 * d, 4)].concat();
    values.iter_mut().step_by(d).for_each(|v| *v = v.abs());
    let classes: Vec<u32> = (0..60).map(|row| row / 3 % 2).collect();
    left_out_as_refitted(
        "hull,class,gauge,cone,local:4,16",
        d,
        &values,
        Some(&classes),
    );
}

/// Both ends of a bracket; an unknown upper end is infinite.
fn ends(judgement: &Judgement) -> [f64; 2] {
    let end = |value: &Value| match value {
        Value::Float(end) => *end,
        _ => f64::INFINITY,
    };
    [end(&judgement.more[0]), end(&judgement.more[1])]
}

/// The cross-polytope has the unit vectors and their negatives as vertices: the gauge about its centre is the sum of
/// the coordinates' magnitudes.
#[test]
fn the_gauge_of_a_cross_polytope_is_the_sum_of_sizes() {
    for d in [1, 2, 5, 12] {
        let unit = |i: usize, sign: f64| (0..d).map(move |j| if i == j { sign } else { 0.0 });
        let vertices: Vec<f64> = (0..d)
            .flat_map(|i| unit(i, 1.0).chain(unit(i, -1.0)))
            .collect();
        let numbers = gaussian(40 * d, d as u64);
        let scaled = |(i, v): (usize, &f64)| v * [0.1, 0.5, 1.0, 3.0][i / d % 4] / (d as f64);
        let queries: Vec<f64> = numbers.iter().enumerate().map(scaled).collect();
        let found = asked(
            &plan("gauge"),
            &rows(d, &vertices),
            &rows(d, &queries),
            None,
        );
        let mut seen = [0, 0];
        for (query, judgement) in queries.chunks_exact(d).zip(found.of("gauge")) {
            let exact: f64 = query.iter().map(|v| v.abs()).sum();
            let [lower, upper] = ends(judgement);
            assert!(lower <= exact * (1.0 + 1e-12) && exact <= upper * (1.0 + 1e-12));
            assert!(lower >= 0.95 * upper, "{d}: {lower} to {upper} for {exact}");
            assert_eq!(judgement.outside, Some(exact > 1.0));
            assert_eq!(judgement.score, if exact > 1.0 { lower } else { upper });
            seen[usize::from(exact > 1.0)] += 1;
        }
        assert!(seen[0] > 5 && seen[1] > 1, "{seen:?}");
    }
}

/// Compared with a linear program; an affine map of both sets changes nothing, and both ends are on the verdict's side
/// of 1.
#[test]
fn the_gauge_is_that_of_a_linear_program_in_any_coordinates() {
    let (n, d) = (120, 4);
    let (values, queries) = (gaussian(n * d, 21), gaussian(60 * d, 22));
    // Sheared, stretched by up to 1,000, and moved far from 0.
    let mapped = |values: &[f64]| -> Vec<f64> {
        let row = |x: &[f64]| {
            [
                1e3 * x[0] + 7e3,
                x[1] + x[0],
                x[2] - 2.0 * x[1],
                1e-3 * x[3] + 5.0,
            ]
        };
        values.chunks_exact(d).flat_map(row).collect()
    };
    let plan = plan("hull,gauge");
    let one = asked(&plan, &rows(d, &values), &rows(d, &queries), None);
    let (x, q) = (mapped(&values), mapped(&queries));
    let other = asked(&plan, &rows(d, &x), &rows(d, &q), None);
    let mut seen = [0, 0];
    for found in [one, other] {
        let hull = found.outside("hull");
        for ((query, judgement), hull) in queries.chunks_exact(d).zip(found.of("gauge")).zip(hull) {
            let [lower, upper] = ends(judgement);
            assert!(lower >= 0.95 * upper, "{lower} to {upper}");
            assert_eq!(judgement.outside, hull);
            assert!(if hull == Some(true) {
                lower >= 1.0
            } else {
                upper <= 1.0
            });
            seen[usize::from(hull == Some(true))] += 1;
            let Some(reach) = lp::reach(d, &values, query).filter(|reach| *reach < 3.9) else {
                continue;
            };
            let gauge = 1.0 / reach;
            assert!(
                lower <= gauge * (1.0 + 1e-5) && gauge <= upper * (1.0 + 1e-5),
                "{gauge}"
            );
        }
    }
    assert!(seen.iter().all(|&count| count > 15), "{seen:?}");
}

/// For a query off the affine hull of the rows no multiple of the hull contains it.
#[test]
fn off_the_affine_hull_the_gauge_has_no_upper_end() {
    let flat: Vec<f64> = gaussian(80, 3)
        .chunks_exact(2)
        .flat_map(|x| [x[0], x[1], 1.0])
        .collect();
    let queries = [0.1, 0.1, 1.0, 0.1, 0.1, 2.0];
    let found = asked(&plan("gauge"), &rows(3, &flat), &rows(3, &queries), None);
    let gauges = found.of("gauge");
    assert!(ends(gauges[0])[1] < 1.0);
    assert!(ends(gauges[1])[0] > 1e6 && gauges[1].more[1] == Value::Null);
}

/// The cone of the unit vectors contains the vectors without negative coordinates.
#[test]
fn the_angle_to_an_orthant_is_that_of_the_negative_part() {
    let d = 5;
    let unit = |i: usize| (0..d).map(move |j| if i == j { 1.0 + i as f64 } else { 0.0 });
    let axes: Vec<f64> = (0..d).flat_map(unit).collect();
    let mut queries = gaussian(60 * d, 31);
    queries[..10 * d].iter_mut().for_each(|v| *v = v.abs());
    queries[20 * d..30 * d]
        .iter_mut()
        .for_each(|v| *v = -v.abs());
    let with_zero = [axes.clone(), vec![0.0; d]].concat();
    for reference in [axes, with_zero] {
        let found = asked(
            &plan("cone"),
            &rows(d, &reference),
            &rows(d, &queries),
            None,
        );
        for (query, judgement) in queries.chunks_exact(d).zip(found.of("cone")) {
            let length =
                |part: fn(f64) -> f64| query.iter().map(|&v| part(v).powi(2)).sum::<f64>().sqrt();
            let (negative, all) = (length(|v| v.min(0.0)), length(|v| v));
            assert_eq!(judgement.outside, Some(negative > 0.0), "{query:?}");
            let angle = (negative / all).min(1.0).asin();
            let Value::Float(upper) = judgement.more[0] else {
                panic!("no upper end")
            };
            assert!(judgement.score <= angle + 1e-12 && angle <= upper + 1e-12);
            // Near a right angle an angle is known from its sine only to the square root of the rounding.
            assert!(
                upper - judgement.score < 1e-5,
                "{} to {upper}",
                judgement.score
            );
        }
    }
}

/// Wendel: of N random directions in d dimensions a further one is in the cone with probability
/// `1 - 2^-N sum_{k<d} C(N, k)`, taken over references. 250 references give a standard deviation of .032 at one half.
#[test]
fn random_cones_hold_a_direction_as_often_as_wendel_says() {
    for (n, d, expected) in [
        (7, 4, 0.5),
        (12, 4, 1.0 - 299.0 / 4096.0),
        (40, 16, 0.923070),
    ] {
        let (mut inside, trials) = (0, 250);
        for seed in 0..trials {
            let values = gaussian((n + 1) * d, 1000 + seed);
            let (reference, query) = values.split_at(n * d);
            let found = asked(&plan("cone"), &rows(d, reference), &rows(d, query), None);
            let outside = found.outside("cone")[0];
            assert!(outside.is_some(), "{n} {d} {seed}");
            inside += u64::from(outside == Some(false));
        }
        let rate = inside as f64 / trials as f64;
        let spread = (expected * (1.0 - expected) / trials as f64).sqrt();
        assert!(
            (rate - expected).abs() < 3.0 * spread,
            "{n} {d}: {rate}, {expected}"
        );
    }
}

/// Cones that are not pointed: a half-plane, and the whole plane. What cannot be proved is left undecided.
#[test]
fn a_cone_with_a_line_in_it_never_judges_wrongly() {
    let half = [1.0, 0.0, -1.0, 0.0, 0.0, 1.0];
    let queries = [0.5, 2.0, -3.0, 0.0, 0.1, -1.0, 0.0, 0.0];
    let found = asked(&plan("cone"), &rows(2, &half), &rows(2, &queries), None);
    let outside = found.outside("cone");
    assert_eq!([outside[0], outside[1], outside[3]], [Some(false); 3]);
    assert_ne!(outside[2], Some(false));
    let whole = [&half[..], &[0.0, -1.0]].concat();
    let found = asked(&plan("cone"), &rows(2, &whole), &rows(2, &queries), None);
    assert_eq!(found.outside("cone"), [Some(false); 4]);
}

/// Rows and queries by an integer formula, the same as in `benches/peers/hulls.py`.
pub(crate) fn by_formula(count: usize, first: usize, offset: f64) -> Vec<f64> {
    let number = |i: usize, j: usize| {
        (7919 * i + 104729 * j * j * j + 31 * i * i * j + 17 * i * j * j) % 1009
    };
    let row = |i: usize| (1..4).map(move |j| number(i, j) as f64 / 1009.0 + offset);
    (first..first + count).flat_map(row).collect()
}

/// SciPy's results for these: gauge, angle, in the hull of 16 rows, the rows of the Delaunay simplex.
pub(crate) const BY_SCIPY: [(f64, f64, bool, &[u64]); 12] = [
    (1.089443153, 0.000000000, false, &[]),
    (0.882531343, 0.000000000, true, &[0, 8, 53, 59]),
    (0.955560668, 0.000000000, false, &[15, 19, 27, 36]),
    (0.476719936, 0.000000000, true, &[24, 39, 46, 55]),
    (1.044382103, 0.000000000, false, &[]),
    (1.203307378, 0.000000000, false, &[]),
    (0.898278789, 0.000000000, true, &[0, 14, 41, 53]),
    (0.854728847, 0.000000000, true, &[5, 32, 33, 49]),
    (0.966020059, 0.000000000, true, &[23, 35, 49, 53]),
    (1.367352827, 0.000000000, false, &[]),
    (1.064302032, 0.000000000, false, &[]),
    (0.789942578, 0.000000000, true, &[20, 21, 22, 42]),
];

#[test]
fn gauges_cones_and_local_hulls_are_those_of_scipy() {
    let reference = rows(3, &by_formula(60, 0, 0.3));
    let queries = by_formula(12, 500, 0.3);
    let queries: Vec<f64> = queries.iter().map(|v| v * 0.95 + 0.05).collect();
    let found = asked(
        &plan("gauge,cone,local:16"),
        &reference,
        &rows(3, &queries),
        None,
    );
    for (query, &(gauge, angle, local, _)) in BY_SCIPY.iter().enumerate() {
        let [lower, upper] = ends(found.of("gauge")[query]);
        assert!(
            lower <= gauge + 1e-8 && gauge <= upper + 1e-8,
            "{query}: {lower} to {upper}"
        );
        let cone = found.of("cone")[query];
        assert_eq!(cone.outside, Some(angle > 0.0), "{query}");
        assert!((cone.score - angle).abs() < 1e-7, "{query}: {}", cone.score);
        assert_eq!(found.outside("local_16")[query], Some(!local), "{query}");
    }
}

/// The rows in another order are the same reference.
#[test]
fn a_reference_in_another_order_gives_the_same_scores() {
    let d = 3;
    let values = gaussian(240 * d, 8);
    let turned: Vec<f64> = values.chunks_exact(d).rev().flatten().copied().collect();
    let queries: Memory = rows(d, &gaussian(60 * d, 9));
    let plan = plan("hull,gauge,cone,local:4,32,local:min");
    let one = asked(&plan, &rows(d, &values), &queries, None);
    let other = asked(&plan, &rows(d, &turned), &queries, None);
    for id in &one.ids {
        assert_eq!(one.outside(id), other.outside(id), "{id}");
        for (a, b) in one.scores(id).iter().zip(other.scores(id)) {
            let same = (a - b).abs() <= 0.051 * a.abs() || a.is_nan() && b.is_nan();
            assert!(same, "{id}: {a}, {b}");
        }
    }
    assert!(one.records.iter().any(|r| {
        r.hull
            .as_ref()
            .is_some_and(|hull| hull.verdict == Verdict::Inside)
    }));
}

/// Queries inside the hull are inside the cone with the same weights; the others have the same result as without the
/// hull's answers.
#[test]
fn the_cone_is_the_same_with_and_without_the_answers_of_the_hull() {
    let d = 4;
    // With positive first coordinates, so that the cone is not the whole space; some queries are in the hull, some only
    // in the cone.
    let mut values = gaussian(120 * d, 51);
    values
        .iter_mut()
        .step_by(d)
        .for_each(|v| *v = v.abs() + 0.5);
    let mut queries = gaussian(160 * d, 52);
    queries[..60 * d].iter_mut().for_each(|v| *v *= 0.3);
    queries[..60 * d]
        .iter_mut()
        .step_by(d)
        .for_each(|v| *v = v.abs() + 1.0);
    queries[..30 * d].iter_mut().for_each(|v| *v *= 20.0);
    let (reference, queries) = (rows(d, &values), rows(d, &queries));
    let known = asked(&plan("hull,cone"), &reference, &queries, None);
    let alone = AnalysisPlan {
        hull: false,
        gap: None,
        ..plan("cone")
    };
    let alone = asked(&alone, &reference, &queries, None);
    let (hull, cone) = (known.outside("hull"), known.outside("cone"));
    assert_eq!(cone, alone.outside("cone"));
    for place in 0..160 {
        assert!(hull[place] != Some(false) || cone[place] == Some(false));
        // Both brackets contain the angle.
        let [one, other] = [known.of("cone")[place], alone.of("cone")[place]];
        let (Value::Float(upper), Value::Float(other_upper)) = (&one.more[0], &other.more[0])
        else {
            panic!("no upper end")
        };
        assert!(one.score <= other_upper + 1e-12 && other.score <= upper + 1e-12);
        assert!(one.score >= 0.99 * upper - 1e-6, "{} {upper}", one.score);
    }
    let count = |list: &[Option<bool>], side| list.iter().filter(|&&v| v == Some(side)).count();
    assert!(count(&hull, false) > 10 && count(&cone, true) > 10);
    assert!(count(&cone, false) > count(&hull, false) + 10);
}

/// Brackets of the gauge found with and without the hull's answers contain the same number.
#[test]
fn the_gauge_is_the_same_with_and_without_the_answers_of_the_hull() {
    let d = 4;
    let control = Control::default();
    let reference = rows(d, &gaussian(120 * d, 61));
    let queries = gaussian(60 * d, 62);
    let scan = CpuEngine.scan(&reference, &control).unwrap();
    let settings = Settings::default();
    let mut solver = Solver::new(&reference, &*scan, settings, &control).unwrap();
    let answers = solver.answer(&queries, None, &control).unwrap();
    let centre = vec![0.0; d];
    let brackets = |known: bool| {
        let each = queries.chunks_exact(d).zip(&answers);
        let rays: Vec<Ray<'_>> = each
            .map(|(query, answer)| Ray {
                query,
                centre: &centre,
                answer: known.then_some(answer),
            })
            .collect();
        let metric = solver.metric().clone();
        let mut gauge = Gauge::new(&reference, &*scan, metric, settings, false);
        gauge.brackets(&rays, &control).unwrap()
    };
    for ((warm, cold), answer) in brackets(true).iter().zip(brackets(false)).zip(&answers) {
        assert!(warm.lower <= cold.upper && cold.lower <= warm.upper);
        assert!(warm.gap() < 0.051 && cold.gap() < 0.051);
        match answer.verdict {
            Verdict::Inside => assert!(warm.upper <= 1.0),
            _ => assert!(warm.lower >= 1.0),
        }
    }
}
