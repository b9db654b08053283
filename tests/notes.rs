//! The program's notes beside its numbers: each appears where it is true, and only there.

use crate::common::{Kept, gaussian, random, rows};
use hullscope::control::Control;
use hullscope::notion::metric::Metric;
use hullscope::notion::registry::Wanted;
use hullscope::rows::{Memory, Rows};
use hullscope::scan::CpuEngine;
use hullscope::study::analyze::{AnalysisPlan, run};
use hullscope::study::summary::Summary;
use rand::RngExt;

fn summary(plan: &AnalysisPlan, reference: &dyn Rows, queries: &dyn Rows) -> Summary {
    run(
        plan,
        &CpuEngine,
        reference,
        queries,
        &mut Kept::default(),
        &Control::default(),
    )
    .unwrap()
}

/// The notes about a reference.
fn notes(d: usize, values: &[f64]) -> String {
    let queries = rows(d, &values[..d]);
    summary(&AnalysisPlan::default(), &rows(d, values), &queries)
        .warnings
        .join("\n")
}

/// Rows of unit length: all directions for `centre` 0, a narrow cone for a large `centre`.
fn unit_rows(n: usize, d: usize, centre: f64, seed: u64) -> Vec<f64> {
    let mut values = gaussian(n * d, seed);
    for row in values.chunks_exact_mut(d) {
        let step = centre / (d as f64).sqrt();
        row.iter_mut().for_each(|v| *v += step);
        let length = row.iter().map(|v| v * v).sum::<f64>().sqrt();
        row.iter_mut().for_each(|v| *v /= length);
    }
    values
}

#[test]
fn the_note_about_a_sphere_is_for_spheres() {
    let single = |values: &[f64]| {
        values
            .iter()
            .map(|&v| f64::from(v as f32))
            .collect::<Vec<_>>()
    };
    let half = |values: &[f64]| {
        let narrow = values.iter().map(|&v| half::f16::from_f64(v).to_f64());
        narrow.collect::<Vec<_>>()
    };
    for d in [3, 64, 384] {
        let all = unit_rows(300, d, 0.0, 1);
        // A cone in which two rows have a cosine of 0.8 on average.
        let cone = unit_rows(300, d, 2.0 * (d as f64).sqrt(), 2);
        for values in [&all, &single(&all), &half(&all), &cone, &single(&cone)] {
            assert!(notes(d, values).contains("points on a sphere"), "{d}");
        }
    }
    assert!(notes(384, &half(&unit_rows(300, 384, 40.0, 2))).contains("sphere"));
    // A cap with a height of a hundredth of the radius, which in f64 is far from flat.
    let cap: Vec<f64> = unit_rows(300, 3, 200.0, 3)
        .iter()
        .map(|v| 7.0 * v)
        .collect();
    assert!(notes(3, &cap).contains("the norm 7.000000: points on a sphere"));
    let mut failed = unit_rows(300, 64, 0.0, 4);
    failed[5 * 64..10 * 64].fill(0.0);
    assert!(notes(64, &failed).contains("all reference rows but 5 of zeros have the norm"));
}

#[test]
fn rows_far_from_the_origin_are_on_no_sphere() {
    let mut random = random(5);
    let place: Vec<f64> = (0..1000)
        .flat_map(|_| [500_000.0, 5_400_000.0].map(|at: f64| at + random.random_range(0.0..400.0)))
        .collect();
    let shell: Vec<f64> = unit_rows(500, 3, 0.0, 6)
        .chunks_exact(3)
        .flat_map(|row| {
            let length = random.random_range(0.99..1.01);
            [row[0] * length, row[1] * length, row[2] * length]
        })
        .collect();
    let far: Vec<f64> = gaussian(500 * 8, 7).iter().map(|v| v + 1e7).collect();
    let one_off = {
        let mut values = unit_rows(300, 16, 0.0, 8);
        values[16..32].iter_mut().for_each(|v| *v *= 0.9);
        values
    };
    for (d, values) in [(2, place), (3, shell), (8, far), (16, one_off)] {
        let said = notes(d, &values);
        assert!(!said.contains("sphere"), "{said}");
    }
}

#[test]
fn zero_vectors_are_said_where_the_cosine_is_asked_for() {
    let d = 5;
    let mut all = gaussian(40 * d, 9);
    all[..3 * d].fill(0.0);
    let mut asked = gaussian(10 * d, 10);
    asked[9 * d..].fill(-0.0);
    let said = |metric, neighbours| {
        let plan = AnalysisPlan {
            metric,
            neighbours,
            ..AnalysisPlan::default()
        };
        summary(&plan, &rows(d, &all), &rows(d, &asked))
            .warnings
            .join("\n")
    };
    let found = said(Metric::Cosine, 2);
    for note in [
        "3 of 40 reference rows are zero vectors: their cosine with any vector is taken to be 0",
        "1 of 10 queries are zero vectors",
    ] {
        assert!(found.contains(note), "{found}");
    }
    for other in [said(Metric::Euclidean, 2), said(Metric::Cosine, 0)] {
        assert!(!other.contains("zero vectors"), "{other}");
    }
}

#[test]
fn a_far_row_is_named() {
    let (n, d) = (500, 8);
    let far = |places: &[usize], value: f64| {
        let mut values = gaussian(n * d, 11);
        for row in places {
            values[row * d..][..d].fill(value);
        }
        notes(d, &values)
    };
    // Median distance of a row from the medians: 4.0 units of 0.67.
    for (value, ratio) in [
        (1e14, "1e14"),
        (1e20, "1e20"),
        (1e5, "1e5"),
        (1e308, "e307 times"),
    ] {
        let said = far(&[7], value);
        assert!(said.contains("row 7 is "), "{value}: {said}");
        assert!(said.contains(ratio), "{value}: {said}");
        assert!(
            said.contains("leave it out with --exclude-rows 7"),
            "{said}"
        );
    }
    let said = far(&[7, 19], 1e9);
    assert!(said.contains("rows 7 and 19 are up to 1e9 times"), "{said}");
    let said = far(&[7, 19, 20, 21, 400], -1e9);
    assert!(said.contains("rows 7, 19 and 3 more are up to"), "{said}");
    assert!(
        said.contains("leave them out with --exclude-rows 7,19-21,400"),
        "{said}"
    );
    // Equal rows count once.
    let every_third: Vec<usize> = (0..n).step_by(3).collect();
    let said = far(&every_third, 1e9);
    assert!(
        said.contains("rows 0, 3 and 165 more") && said.contains("--exclude-rows LIST"),
        "{said}"
    );
}

/// A row that is far only in a column of small numbers counts as far; columns in different units alone do not make rows far.
#[test]
fn far_is_measured_in_the_units_of_the_columns() {
    let (n, d) = (400, 3);
    let mut values = gaussian(n * d, 12);
    for row in values.chunks_exact_mut(d) {
        row[1] = 3e6 + 1e6 * row[1];
    }
    let heavy: Vec<f64> = gaussian(n * d, 13)
        .iter()
        .map(|v| (1.5 * v).exp())
        .collect();
    for plain in [&values, &heavy] {
        assert!(!notes(d, plain).contains("farther"), "{}", notes(d, plain));
    }
    values[11 * d] = 1e5;
    let said = notes(d, &values);
    assert!(
        said.contains("row 11 is ") && said.contains("--exclude-rows 11"),
        "{said}"
    );
}

/// Rows of rank 5 stored in f32 have full rank as real numbers, but are flat up to rounding.
#[test]
fn rows_that_are_flat_but_for_their_rounding_are_said_to_be() {
    let (n, d, rank) = (600, 500, 5);
    let (factors, basis) = (gaussian(n * rank, 18), gaussian(rank * d, 19));
    let mut values = vec![0.0; n * d];
    for (row, factors) in values.chunks_exact_mut(d).zip(factors.chunks_exact(rank)) {
        for (factor, direction) in factors.iter().zip(basis.chunks_exact(d)) {
            for (value, step) in row.iter_mut().zip(direction) {
                *value += factor * step;
            }
        }
    }
    let values: Vec<f32> = values.iter().map(|&v| v as f32).collect();
    let full: Vec<f32> = gaussian(n * d, 20).iter().map(|&v| v as f32).collect();
    let plan = AnalysisPlan {
        neighbours: 0,
        ..AnalysisPlan::default()
    };
    let said = |values: Vec<f32>| {
        let queries = Memory::from_f32("queries", d, values[..d].to_vec());
        let reference = Memory::from_f32("reference", d, values);
        summary(&plan, &reference, &queries).warnings.join("\n")
    };
    let found = said(values);
    assert!(
        found.contains("the data look flat to f32 rounding: rank 5 explains all but"),
        "{found}"
    );
    assert!(!said(full).contains("look flat"));
}

#[test]
fn a_gap_that_was_not_reached_is_said() {
    let d = 20;
    let reference = rows(d, &gaussian(400 * d, 14));
    let asked: Vec<f64> = gaussian(30 * d, 15).iter().map(|v| 3.0 * v).collect();
    let of = |rounds, gap| {
        let plan = AnalysisPlan {
            max_rounds: rounds,
            gap: Some(gap),
            ..AnalysisPlan::default()
        };
        let found = summary(
            &plan,
            &reference,
            &Memory::from_f64("queries", d, asked.clone()),
        );
        (found.warnings.join("\n"), found.hull.unwrap())
    };
    let (said, hull) = of(200, 0.01);
    assert!(!said.contains("gap"), "{said}");
    assert_eq!(hull.gap_missed, 0);
    assert!(hull.gap.unwrap().max <= 0.01 * (1.0 + 1e-9));
    let (said, hull) = of(1, 1e-6);
    assert!(hull.gap_missed > 0);
    let largest = hull.gap.unwrap().max;
    let note = format!(
        "was not reached for {} of 30 queries; the largest is {largest:.2e}",
        hull.gap_missed
    );
    assert!(
        said.contains("the gap of 0.000001") && said.contains(&note),
        "{said}"
    );
    assert_eq!(hull.exact + hull.tolerance, hull.inside);
    assert_eq!(hull.separated, hull.outside);
}

/// Queries for which a notion is null because of their values are counted in a note, with the reason and the remedy; no
/// note counts queries that are answered.
#[test]
fn queries_that_a_notion_leaves_null_are_counted_with_the_reason() {
    let (n, d) = (300, 7);
    let plan = |notions: &str| AnalysisPlan {
        notions: Wanted(notions.split(',').map(String::from).collect()),
        gap: Some(0.05),
        ..AnalysisPlan::default()
    };
    let said = |notions: &str, reference: &[f64], queries: &[f64]| {
        let found = summary(&plan(notions), &rows(d, reference), &rows(d, queries));
        let of_nulls = |note: &String| note.contains(" is null for ");
        found
            .warnings
            .into_iter()
            .filter(of_nulls)
            .collect::<Vec<_>>()
    };
    let (reference, queries) = (gaussian(n * d, 1), gaussian(60 * d, 2));
    let queries: Vec<f64> = queries.iter().map(|v| v * 0.3).collect();
    let all = "cone,gauge,local:8,delaunay";
    assert!(said(all, &reference, &queries).is_empty());
    let scaled = |values: &[f64]| -> Vec<f64> {
        let each = values.iter().enumerate();
        each.map(|(i, v)| v * 10f64.powi(2 * (i % d) as i32 - 6))
            .collect()
    };
    let notes = said("delaunay", &scaled(&reference), &scaled(&queries));
    assert_eq!(notes.len(), 1, "{notes:?}");
    let start = "delaunay is null for ";
    let end = "by a factor of 9e11, and --space whiten brings them to one scale";
    assert!(
        notes[0].starts_with(start) && notes[0].ends_with(end),
        "{notes:?}"
    );
    assert!(
        notes[0].contains(" of the 60 queries that it judged: "),
        "{notes:?}"
    );
    // A half-plane: a query off its plane is at a right angle to the line in it, and rounding hides the sign.
    let half = rows(2, &[0.6, 0.8, -0.6, -0.8, -0.8, 0.6]);
    let found = summary(&plan("cone"), &half, &rows(2, &[0.83, -0.56])).warnings;
    let start = "cone is null for 1 of the 1 queries that it judged: ";
    assert!(
        found.iter().any(|note| note.starts_with(start)),
        "{found:?}"
    );
}
